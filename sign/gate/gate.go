package gate

import (
	"slices"

	"github.com/hallmark-pki/hallmark/audit"
)

// Build is what wants to be signed: one digest, never two related by the client's word.
type Build struct {
	Digest  string // SHA-256 of the artifact, lower-case hex
	Product string // name as in the audited scope
	// Signed is the digest that will be signed, where that is another than Digest.
	Signed Hash
	// Also are further digests of the artifact that the service took itself, from bytes
	// that were uploaded: by algorithm, lower-case hex.
	Also map[string]string
}

// Hash is a digest under an algorithm, both as in-toto subjects have them. The zero Hash
// stands for none.
type Hash struct{ Algorithm, Hex string }

// Assessed is an assessment opened with audit.Open, and the id of its record.
type Assessed struct {
	ID         string
	Assessment audit.Assessment
}

// Outcome of one rule.
type Outcome string

const (
	Pass Outcome = "pass"
	Fail Outcome = "fail"
	// NotJudged: a rule before it failed, so there is nothing verified to look at.
	// It is not a pass.
	NotJudged Outcome = "not-judged"
)

// Verdict is what one rule says about a build under one assessment.
type Verdict struct {
	Rule       string  `json:"rule"`
	Assessment string  `json:"assessment"`
	Outcome    Outcome `json:"outcome"`
	Detail     string  `json:"detail"`
	Evidence   string  `json:"evidence,omitempty"` // SHA-256 of the envelope judged
	Satisfy    string  `json:"satisfy,omitempty"`  // what would make it pass; empty when it does
}

// Decision is every rule's verdict under every assessment.
type Decision struct {
	Digest   string    `json:"digest"`
	Verdicts []Verdict `json:"verdicts"`
	granted  bool
}

// Granted reports whether the build may be signed. The zero Decision does not.
func (d Decision) Granted() bool { return d.granted }

// Failed returns the ids of the rules that failed, each once, in the gate's order.
func (d Decision) Failed() []string {
	var out []string
	for _, v := range d.Verdicts {
		if v.Outcome == Fail && !slices.Contains(out, v.Rule) {
			out = append(out, v.Rule)
		}
	}
	return out
}

// Evidence returns the SHA-256 of each envelope relied on, sorted.
func (d Decision) Evidence() []string {
	var out []string
	for _, v := range d.Verdicts {
		if v.Outcome == Pass && v.Evidence != "" {
			out = append(out, v.Evidence)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// rule is one condition. Each stands in a file named after the requirement it serves.
type rule struct {
	id      string   // requirement id of SLSA v0.1, or "scope.…" for a condition of the audit's own
	serves  []string // "<framework id>/<requirement id>", as in the catalogues
	satisfy string   // what would make it pass
	judge   func(*exhibit) (Outcome, string)
}

// rules in the order in which they are judged: a rule may rely on those before it.
// The gate asks all of them at every level, since a build outside the audited scope
// is not what was audited, whatever the level.
func rules() []rule {
	return []rule{
		scopeProduct(),
		provenanceAvailable(),
		provenanceAuthenticated(),
		provenanceIdentifiesArtifact(),
		buildBuildService(),
		provenanceServiceGenerated(),
		sourceVersionControlled(),
	}
}

// Rule describes a rule of the gate.
type Rule struct {
	ID      string   `json:"id"`
	Serves  []string `json:"serves"`  // "<framework id>/<requirement id>"
	Satisfy string   `json:"satisfy"` // what makes it pass
}

// Rules lists the rules in the order of the verdicts.
func Rules() []Rule {
	var out []Rule
	for _, r := range rules() {
		out = append(out, Rule{r.id, r.serves, r.satisfy})
	}
	return out
}

// Decide judges a build against the scope of every assessment given; each must be
// satisfied, and by one envelope as a whole: half a proof about this build and half
// about another are none. It denies unless shown: no assessment, no evidence or
// evidence that cannot be read means no. It only reads its arguments.
func Decide(b Build, evidence [][]byte, assessed []Assessed) Decision {
	d := Decision{Digest: b.Digest, granted: len(assessed) > 0}
	for _, a := range assessed {
		verdicts, ok := judge(b, evidence, a)
		d.Verdicts = append(d.Verdicts, verdicts...)
		d.granted = d.granted && ok
	}
	return d
}

// judge returns the verdicts about the envelope that satisfies all rules, or else
// about the one that satisfies most.
func judge(b Build, evidence [][]byte, a Assessed) (best []Verdict, granted bool) {
	keys := builderKeys(a.Assessment.Scope)
	exhibits := make([]*exhibit, 0, len(evidence)+1)
	for _, raw := range evidence {
		if e := newExhibit(b, a.Assessment.Scope, keys, raw); e != nil {
			exhibits = append(exhibits, e)
		}
	}
	if len(exhibits) == 0 {
		exhibits = append(exhibits, &exhibit{build: b, scope: a.Assessment.Scope})
	}
	most := -1
	for _, e := range exhibits {
		verdicts, passed := e.judge(a.ID)
		if passed > most {
			best, most = verdicts, passed
		}
		if passed == len(verdicts) {
			return verdicts, true
		}
	}
	return best, false
}

func (e *exhibit) judge(assessment string) (verdicts []Verdict, passed int) {
	for _, r := range rules() {
		outcome, detail := r.judge(e)
		v := Verdict{Rule: r.id, Assessment: assessment, Outcome: outcome, Detail: detail, Evidence: e.digest}
		if outcome == Pass {
			passed++
		} else {
			v.Satisfy = r.satisfy
		}
		verdicts = append(verdicts, v)
	}
	return verdicts, passed
}
