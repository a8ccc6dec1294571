package gate

import (
	"slices"
	"time"

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
	// Commit is the revision that the caller means to have built, lower-case hex. Empty:
	// any that the audited scope allows.
	Commit string
	// Inputs is what is on file about what the build used, under the keys that Gate.Inputs
	// returned; nil where it returned none.
	Inputs Inputs
	// Published is what clients find, where Gate.Clients says that an assessment asks; nil:
	// it was not looked up.
	Published *Published
}

// Hash is a digest under an algorithm, both as in-toto subjects have them. The zero Hash
// stands for none.
type Hash struct{ Algorithm, Hex string }

// Assessed is an assessment opened with audit.Open, the id of its record, and the track
// of the very catalogue that it names, which says what a build has to show.
type Assessed struct {
	ID         string
	Assessment audit.Assessment
	Track      audit.Track
}

// Outcome of one rule.
type Outcome string

const (
	Pass Outcome = "pass"
	Fail Outcome = "fail"
	// NotJudged: a rule before it failed, so there is nothing verified to look at.
	// It is not a pass.
	NotJudged Outcome = "not-judged"
	// Waived: not shown, but the auditor accepted a justification for every requirement
	// that asks. It does not keep a build from being signed.
	Waived Outcome = "waived"
	// Advised: not shown, but only recommended. It does not keep a build either.
	Advised Outcome = "advised"
)

// Verdict is what one rule says about a build under one assessment.
type Verdict struct {
	Rule       string  `json:"rule"`
	Assessment string  `json:"assessment"`
	Outcome    Outcome `json:"outcome"`
	Detail     string  `json:"detail"`
	Evidence   string  `json:"evidence,omitempty"` // SHA-256 of the envelope judged
	Satisfy    string  `json:"satisfy,omitempty"`  // what would make it pass; empty when it does
	// Further are the SHA-256 of envelopes relied on beside Evidence.
	Further []string `json:"further,omitempty"`
	// Inputs are what it says about each input of the build, those first that lack
	// something, where it is about inputs; a hundred at most.
	Inputs []InputVerdict `json:"inputs,omitempty"`
	// Requirements that ask for it, as "<framework id>/<requirement id>", and the lowest
	// level at which one of them does. Empty for what every build must show.
	Requirements []string `json:"requirements,omitempty"`
	Level        int      `json:"level,omitempty"`
	// Basic: every build must show it, before anything is signed in any mode.
	Basic bool `json:"basic,omitempty"`
}

// Decision is every asked rule's verdict under every assessment.
type Decision struct {
	Digest   string    `json:"digest"`
	Verdicts []Verdict `json:"verdicts"`
	// Quorum are the operators whose rebuilders reproduced the artifact, sorted: those
	// that every assessment knows.
	Quorum         []string `json:"quorum,omitempty"`
	granted, basic bool
}

// Granted reports whether the build may be signed. The zero Decision does not.
func (d Decision) Granted() bool { return d.granted }

// Basic reports whether one piece of provenance passes every basic rule under each
// assessment: what a provisional signature rests on. The zero Decision does not.
func (d Decision) Basic() bool { return d.basic }

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

// Contradicted returns the verdicts that rest on a rebuilder's signed statement that the
// artifact is not what its source builds to. They refuse in every mode.
func (d Decision) Contradicted() []Verdict {
	var out []Verdict
	for _, v := range d.Verdicts {
		if v.Rule == ruleNotContradicted && v.Outcome == Fail {
			out = append(out, v)
		}
	}
	return out
}

// Evidence returns the SHA-256 of each envelope relied on, sorted.
func (d Decision) Evidence() []string {
	var out []string
	for _, v := range d.Verdicts {
		if v.Outcome == Pass && v.Evidence != "" {
			out = append(append(out, v.Evidence), v.Further...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Config is what a Gate may be given; its zero value is good.
type Config struct {
	Policy Policy
	// Rules are further conditions, see NewRule. They narrow: each must pass besides all
	// others, under every assessment.
	Rules []CustomRule
	// Now is the clock that certificates and custom rules see; nil means time.Now.
	Now func() time.Time
}

// Gate judges builds and remembers what it has parsed and verified, by the bytes and
// the keys. It is safe for concurrent use.
type Gate struct {
	c      Config
	opener Opener
	inputs Opener // for evidence about inputs
	rolls  rolls
}

// New returns a gate.
func New(c Config) *Gate {
	if c.Now == nil {
		c.Now = time.Now
	}
	g := &Gate{c: c}
	g.inputs.documents.Keep = rememberedInputs
	return g
}

// Decide judges with a gate of its own that has no further rules.
func Decide(b Build, evidence [][]byte, assessed []Assessed) Decision {
	return New(Config{}).Decide(b, evidence, assessed)
}

// Decide judges a build against the scope of every assessment given, and against what
// the requirements at and below its level ask that one build can show. Each assessment
// must be satisfied, and by one piece of provenance as a whole: half a proof about this
// build and half about another are none. It denies unless shown: no assessment, no
// evidence or evidence that cannot be read means no. further are rules for this build
// alone, beside those of the configuration. It only reads its arguments.
func (g *Gate) Decide(b Build, evidence [][]byte, assessed []Assessed, further ...CustomRule) Decision {
	d := Decision{Digest: b.Digest, granted: len(assessed) > 0, basic: len(assessed) > 0}
	custom := append(g.c.Rules[:len(g.c.Rules):len(g.c.Rules)], further...)
	rolls, ring := g.rolls.of(assessed)
	documents := g.opener.open(evidence, ring)
	steps := g.opener.openSteps(evidence, rolls)
	inputs := g.openInputs(b.Inputs, ring)
	shown, shownSteps := g.openPublished(b.Published, rolls, ring)
	for i, a := range assessed {
		f := newFile(b, a, rolls[i], documents, steps, g.c)
		f.inputEvidence = inputs
		if b.Published != nil {
			f.client = newFile(Build{Digest: b.Digest}, a, rolls[i], shown, shownSteps, g.c)
		}
		judged := f.judge(custom)
		if i == 0 {
			d.Verdicts = judged.verdicts
		} else {
			d.Verdicts = append(d.Verdicts, judged.verdicts...)
		}
		d.granted = d.granted && judged.granted
		d.basic = d.basic && judged.basic
		if i == 0 {
			d.Quorum = judged.operators
		} else {
			d.Quorum = slices.DeleteFunc(slices.Clone(d.Quorum), func(o string) bool { return !slices.Contains(judged.operators, o) })
		}
	}
	return d
}
