package verify_test

import (
	"context"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// ended says in the status bundle what became of the assessment behind p.Claims.
func ended(to string, effective time.Time, level int) func(*testing.T, *pki.PKI, *verify.Config) {
	return func(_ *testing.T, p *pki.PKI, c *verify.Config) {
		c.Status.Assessments = []verify.Transition{
			{Assessment: p.Claims(1)[0].Assessment.Payload, To: to, Effective: effective, Level: level},
		}
	}
}

// today makes the policy want assessments in force today.
func today(f func(*testing.T, *pki.PKI, *verify.Config)) func(*testing.T, *pki.PKI, *verify.Config) {
	return func(t *testing.T, p *pki.PKI, c *verify.Config) {
		c.Policy.Assessments = verify.InForceToday
		if f != nil {
			f(t, p, c)
		}
	}
}

func assessmentNegatives() []negative {
	unstamped := edit(func(c *pki.CMS) { c.Token = nil })
	return []negative{
		{name: "before the signature", want: verify.AssessmentWithdrawn, config: ended(verify.Withdrawn, before, 0)},
		{name: "at the moment of the signature", want: verify.AssessmentWithdrawn, config: ended(verify.Withdrawn, at, 0)},
		{name: "later, no timestamp", want: verify.AssessmentWithdrawn, sign: unstamped, config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
			c.Policy.Timestamp = verify.IfAvailable
			ended(verify.Withdrawn, after, 0)(t, p, c)
		}},
		{name: "lowered below the claim", want: verify.AssessmentWithdrawn, config: ended(verify.Lowered, before, 2)},
		{name: "lowered, nobody says to what", want: verify.AssessmentWithdrawn, config: ended(verify.Lowered, before, 0)},
		{name: "a word of a later release", want: verify.AssessmentWithdrawn, config: ended("annulled", before, 4)},
		{name: "later, wanted in force today", want: verify.AssessmentWithdrawn, config: today(ended(verify.Withdrawn, after, 0))},
		{name: "superseded, wanted in force today", want: verify.AssessmentWithdrawn, config: today(ended(verify.Superseded, after, 0))},
		{name: "one of two claims", want: verify.AssessmentWithdrawn, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			return p.SignAs(t, p.NewLeaf(t, p.High, twoClaims(p)), d)
		}, config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
			p.High = p.Issue(t, p.Root, p.CeilingOf(t, "High", twoClaims(p)))
			c.Policy.Attestations, c.Status = verify.NoAttestations, p.Status(t)
			c.Status.Assessments = []verify.Transition{{Assessment: [32]byte{2}, To: verify.Withdrawn, Effective: before}}
		}},
		{name: "run out, wanted in force today", want: verify.AssessmentExpired, config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
			claims := p.Claims(3)
			claims[0].Assessment.ValidUntil = p.Now.Add(-time.Minute)
			p.Leaf = p.NewLeaf(t, p.High, claims)
			c.Policy.Assessments = verify.InForceToday
		}},
		{name: "running out now, wanted in force today", want: verify.AssessmentExpired, config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
			claims := p.Claims(3)
			claims[0].Assessment.ValidUntil = p.Now
			p.Leaf = p.NewLeaf(t, p.High, claims)
			c.Policy.Assessments = verify.InForceToday
		}},
		{name: "no status bundle", want: verify.AssessmentUnknown, config: today(func(_ *testing.T, _ *pki.PKI, c *verify.Config) {
			c.Policy.Revocation, c.Status = verify.IfAvailable, verify.Status{}
		})},
		{name: "status bundle too old", want: verify.AssessmentUnknown, config: today(func(_ *testing.T, p *pki.PKI, c *verify.Config) {
			c.Policy.MaxStatusAge = 2 * time.Hour
			c.Status.IssuedAt = p.Now.Add(-3 * time.Hour)
		})},
		{name: "status bundle has ended", want: verify.AssessmentUnknown, config: today(func(_ *testing.T, p *pki.PKI, c *verify.Config) {
			c.Policy.Revocation, c.Status.NextUpdate = verify.IfAvailable, p.Now.Add(-time.Minute)
		})},
		{name: "status bundle of tomorrow", want: verify.ClockBehind, config: today(func(_ *testing.T, p *pki.PKI, c *verify.Config) {
			c.Status.IssuedAt = p.Now.AddDate(0, 0, 1)
		})},
	}
}

// twoClaims are of two assessments: the usual one and number 2.
func twoClaims(p *pki.PKI) []ext.Claim {
	second := ext.Claim{Framework: "https://slsa.dev/spec/v1.2/", Track: "build", Level: 2, LevelID: "SLSA_BUILD_LEVEL_2", Assessment: p.Claims(3)[0].Assessment}
	second.Assessment.Payload = [32]byte{2}
	return append(p.Claims(3), second)
}

// TestAssessmentsThatStand is the other side: what became of an assessment and does not
// touch the signature. Where there is something to say, a note says it.
func TestAssessmentsThatStand(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*testing.T, *pki.PKI, *verify.Config)
		noted  bool
	}{
		"nothing":                   {today(nil), false},
		"withdrawn later":           {ended(verify.Withdrawn, after, 0), true},
		"lowered later":             {ended(verify.Lowered, after, 1), true},
		"lowered to what it claims": {ended(verify.Lowered, before, 3), true},
		"superseded before":         {ended(verify.Superseded, before, 0), true},
		"withdrawn from tomorrow on": {today(func(t *testing.T, p *pki.PKI, c *verify.Config) {
			ended(verify.Withdrawn, p.Now.AddDate(0, 0, 1), 0)(t, p, c)
		}), false},
		"another assessment": {today(func(_ *testing.T, _ *pki.PKI, c *verify.Config) {
			c.Status.Assessments = []verify.Transition{
				{Assessment: [32]byte{}, To: verify.Withdrawn, Effective: before},
				{Assessment: [32]byte{31: 0xff}, To: verify.Withdrawn, Effective: before},
				{Assessment: [32]byte{0xff}, To: verify.Withdrawn, Effective: before},
			}
		}), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := pki.New(t)
			cfg := config(t, p)
			c.change(t, p, &cfg)
			path := pki.Write(t, t.TempDir(), "a", []byte("x"), func(d [32]byte) []byte { return p.Sign(t, d) })
			got := newVerifier(t, cfg).File(context.Background(), path)
			if got.Outcome != verify.Valid {
				t.Error(got.Reasons)
			}
			if noted := len(got.Notes) == 1 && got.Notes[0].Code == verify.NoteAssessmentEnded; noted != c.noted {
				t.Errorf("notes %v", got.Notes)
			}
		})
	}
}

// TestTransitionsMustBeSorted: one that a search passes over would be one forgotten.
func TestTransitionsMustBeSorted(t *testing.T) {
	one := verify.Transition{Assessment: [32]byte{1}, To: verify.Withdrawn, Effective: before}
	two := verify.Transition{Assessment: [32]byte{2}, To: verify.Withdrawn, Effective: before}
	for name, list := range map[string][]verify.Transition{
		"unsorted":      {two, one},
		"twice":         {one, one},
		"no time":       {{Assessment: [32]byte{1}, To: verify.Withdrawn}},
		"no state":      {{Assessment: [32]byte{1}, Effective: before}},
		"no such level": {{Assessment: [32]byte{1}, To: verify.Lowered, Effective: before, Level: -1}},
	} {
		p := pki.New(t)
		c := config(t, p)
		c.Status.Assessments = list
		if _, err := verify.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
