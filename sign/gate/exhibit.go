package gate

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/sign/layout"
)

var errUnknownPredicate = errors.New("predicate type is not known here")

// file is all evidence about a build as one assessment sees it.
type file struct {
	*roll
	build     Build
	assessed  Assessed
	documents []signed
	steps     []*layout.Document // layouts, and links that are no statements
	config    Config
	quorum    quorum
	// inputEvidence is what is on file about inputs, by their keys.
	inputEvidence map[string][]signed
	// client is the file of the same build as clients can put it together; nil where that was
	// not looked up.
	client *file
}

// exhibit is one piece of provenance in a file as the rules see it. What it says is in
// provenance and statement, which stay nil unless a key of a builder in the audited
// scope signed those very bytes: no rule can judge anything else.
type exhibit struct {
	*file
	digest string   // SHA-256 of the envelope, "" when there is no evidence at all
	own    []string // digest alone, once a finding has asked for it

	statement  *attest.Statement
	provenance *attest.Provenance
	signers    []string // key ids of builders of the scope that signed it
	owners     []int    // indexes in scope.Builders of those whose signature it bears
	err        error    // why statement or provenance is nil

	sources []revision // what revisions has found
	sought  bool       // and whether it was asked
}

func newFile(b Build, a Assessed, r *roll, documents []signed, steps []*layout.Document, c Config) *file {
	f := &file{roll: r, build: b, assessed: a, documents: documents, steps: steps, config: c}
	f.quorum = f.countRebuilds()
	return f
}

// exhibits returns the provenance in a file. What does not even claim to be provenance,
// such as a test result, is evidence of another kind; what a rebuilder signed counts
// for the quorum.
func (f *file) exhibits() []*exhibit {
	var out []*exhibit
	for _, d := range f.documents {
		if attest.IsProvenance(d.Statement.PredicateType) && !f.isRebuild(d) {
			out = append(out, f.newExhibit(d))
		}
	}
	if len(out) == 0 {
		out = append(out, &exhibit{file: f})
	}
	return out
}

func (f *file) newExhibit(d signed) *exhibit {
	e := &exhibit{file: f, digest: d.SHA256}
	for _, id := range d.signers {
		if owners := f.builders[id]; len(owners) > 0 {
			e.signers, e.owners = append(e.signers, id), append(e.owners, owners...)
		}
	}
	signers, owners, why := f.identified(d)
	e.signers, e.owners = append(e.signers, signers...), append(e.owners, owners...)
	if len(e.signers) == 0 {
		e.err = errors.New("no signature by a key of the scope's builders")
		if why != nil {
			e.err = why
		}
		return e
	}
	content, err := d.read()
	e.statement = &d.Statement
	if err != nil {
		e.err = err
		return e
	}
	p := content.(attest.Provenance)
	e.provenance = &p
	return e
}

// builder returns the builder of the scope that the provenance names.
func (e *exhibit) builder() (audit.Builder, bool) {
	if e.provenance == nil {
		return audit.Builder{}, false
	}
	i := slices.IndexFunc(e.scope.Builders, func(b audit.Builder) bool { return b.ID == e.provenance.BuilderID })
	if i < 0 {
		return audit.Builder{}, false
	}
	return e.scope.Builders[i], true
}

// audited reports whether the auditor verified a property for builds like this one.
func (e *exhibit) audited(property string) bool {
	b, ok := e.builder()
	return ok && b.Has(property, e.provenance.BuildType)
}

// judged is what the rules say about the best exhibit of a file.
type judged struct {
	verdicts       []Verdict
	granted, basic bool
	passed         int
	operators      []string // that reproduced it
}

// judge returns the verdicts about the exhibit that satisfies all rules, or else about
// the one that comes closest.
func (f *file) judge(custom []CustomRule) (best judged) {
	best.passed = -1
	basic := false
	for _, e := range f.exhibits() {
		j := e.judge(custom)
		basic = basic || j.basic
		if j.granted {
			return j
		}
		if best.passed < 0 || j.basic && !best.basic || j.basic == best.basic && j.passed > best.passed {
			best = j
		}
	}
	best.basic = basic
	return best
}

func (e *exhibit) judge(custom []CustomRule) judged {
	j := judged{granted: true, basic: true, verdicts: make([]Verdict, 0, len(e.asked)+len(e.unserved)+len(custom))}
	j.operators, _ = e.reproduced()
	sound := true
	for _, q := range e.asked {
		if q.needs != nil && !q.needs(e) {
			continue
		}
		found := finding{outcome: NotJudged, detail: "the provenance fails a rule before this one", evidence: e.orOwn(nil)}
		if sound || q.basic || q.alone {
			found = q.judge(e)
		}
		sound = sound && (!q.ground || found.outcome == Pass)
		if found.outcome != Pass && q.otherwise != Fail {
			found.outcome = q.otherwise
		}
		j.add(e, Verdict{Rule: q.id, Satisfy: q.satisfy, Requirements: q.requirements, Level: q.level, Basic: q.basic}, found)
	}
	for _, r := range e.unserved {
		j.add(e, Verdict{Rule: "requirement." + r.ID, Requirements: []string{e.assessed.Assessment.Framework.ID + "/" + r.ID}, Level: r.FromLevel,
			Satisfy: "have the operator of the CA add a rule that checks it, or correct the catalogue"}, e.fail("nothing here checks this requirement"))
	}
	for _, r := range custom {
		j.add(e, Verdict{Rule: "rule." + r.name, Satisfy: "meet the rule: " + r.source, Basic: r.basic}, r.judge(e))
	}
	return j
}

func (j *judged) add(e *exhibit, v Verdict, f finding) {
	v.Assessment, v.Outcome, v.Detail, v.Inputs = e.assessed.ID, f.outcome, f.detail, f.inputs
	if len(f.evidence) > 0 {
		v.Evidence, v.Further = f.evidence[0], f.evidence[1:]
	}
	if f.outcome == Pass {
		j.passed++
		v.Satisfy = ""
	}
	if f.outcome == Fail || f.outcome == NotJudged {
		j.granted = false
		j.basic = j.basic && !v.Basic
	}
	j.verdicts = append(j.verdicts, v)
}

// pass, fail and unread are findings about the provenance; evidence is what they rest on
// beside it, or instead of it where the provenance says nothing on the matter.
func (e *exhibit) pass(detail string, evidence ...string) finding {
	return finding{outcome: Pass, detail: detail, evidence: e.orOwn(evidence)}
}

func (e *exhibit) fail(detail string, evidence ...string) finding {
	return finding{outcome: Fail, detail: detail, evidence: e.orOwn(evidence)}
}

func (e *exhibit) orOwn(evidence []string) []string {
	if len(evidence) > 0 || e.digest == "" {
		return evidence
	}
	if e.own == nil {
		e.own = []string{e.digest}
	}
	return e.own
}

// unread is the finding of a rule that needs what the provenance says.
func (e *exhibit) unread() finding {
	return finding{outcome: NotJudged, detail: "no provenance is authenticated, and nothing else is read", evidence: e.orOwn(nil)}
}

// quote bounds and cleans text from evidence for a verdict.
func quote(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
	if len(s) > maxDetailLength {
		s = strings.ToValidUTF8(s[:maxDetailLength], "") + "…"
	}
	return `"` + s + `"`
}
