package proof

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/verify"
)

// assessmentType is what package audit signs; the verifier does not link that package.
const assessmentType = "https://github.com/hallmark-pki/hallmark/assessment/v1"

// States of an assessment that a certificate's mark names.
const (
	// Shown: it is in the proof, says what the certificate claims, and the auditor whom the
	// certificate names signed it.
	Shown = "shown"
	// KeyMissing: as Shown, but the auditor's key is not beside the signature. That it is
	// the assessment is certain all the same: the certificate has its digest.
	KeyMissing = "key missing"
	// Missing: it is not in the proof.
	Missing = "missing"
	// Contradicts: it is not what the certificate says of it.
	Contradicts = "contradicts"
)

// ErrGrounds: what a proof says of its evidence is not what the evidence comes to.
var ErrGrounds = errors.New("the evidence does not come to what the proof says")

// Grounds is what the evidence of a proof comes to.
type Grounds struct {
	Assessments []Assessment `json:"assessments"` // one for each claim, in the mark's order
	// Reproduced are the operators whose rebuilders built the same file, Contradicted those
	// whose could not; each once, however it is spelled and however many rebuilders it has.
	// Who did both stands among the latter alone.
	Reproduced   []string `json:"reproduced"`
	Contradicted []string `json:"contradicted"`
}

// Assessment is one that the mark names.
type Assessment struct {
	SHA256 string `json:"sha256"`
	State  string `json:"state"`
	Why    string `json:"why"` // of a state that is not Shown; for people
}

// Missing lists the digests of assessments that are not there.
func (g Grounds) Missing() []string {
	var out []string
	for _, a := range g.Assessments {
		if a.State == Missing {
			out = append(out, a.SHA256)
		}
	}
	return out
}

// Contradiction is why an assessment is not what the certificate says, "" if none is.
func (g Grounds) Contradiction() string {
	for _, a := range g.Assessments {
		if a.State == Contradicts {
			return "assessment " + a.SHA256 + ": " + a.Why
		}
	}
	return ""
}

// CheckGrounds comes to its own view of the evidence and holds the proof's against it.
// Errors: ErrElsewhere, ErrGrounds.
func (p Proof) CheckGrounds(v verify.Verdict) error {
	for i, e := range p.Evidence {
		if err := bound(e, p.File, v); err != nil {
			return fmt.Errorf("evidence, envelope %d: %w", i+1, err)
		}
	}
	g := p.grounds(v)
	if why := g.Contradiction(); why != "" {
		return fmt.Errorf("%w: %s", ErrGrounds, why)
	}
	if !reflect.DeepEqual(g, p.Grounds) {
		return fmt.Errorf("%w: %+v, it comes to %+v", ErrGrounds, p.Grounds, g)
	}
	return nil
}

// ranked is from the best that an envelope can say for a claim to the worst.
func ranked() []string { return []string{Shown, KeyMissing, Contradicts, Missing} }

// grounds weighs the evidence. Of several envelopes with the assessment of one claim the
// best counts: beside a good signature a bad one says nothing.
func (p Proof) grounds(v verify.Verdict) Grounds {
	g := Grounds{Assessments: []Assessment{}, Reproduced: []string{}, Contradicted: []string{}}
	at := v.SignedAt
	if at.IsZero() {
		at = p.At
	}
	var scopes []scope
	for _, c := range v.Claims {
		best, its := Assessment{hex.EncodeToString(c.Assessment.Payload[:]), Missing, "it was not at hand"}, scope{}
		for _, e := range p.Evidence {
			state, why, s := weigh(e, c, v.Vendor, at)
			if slices.Index(ranked(), state) < slices.Index(ranked(), best.State) {
				best.State, best.Why, its = state, why, s
			}
		}
		g.Assessments = append(g.Assessments, best)
		if best.State == Shown || best.State == KeyMissing {
			scopes = append(scopes, its)
		}
	}
	g.countRebuilds(p, scopes)
	return g
}

// assessed is what is read of an assessment. The certificate has the payload's digest, so
// that nothing else can be put there; what it means is for the fields to say.
type assessed struct {
	Framework struct {
		URI   string `json:"uri"`
		Track string `json:"track"`
	} `json:"framework"`
	Vendor struct {
		URI string `json:"uri"`
	} `json:"vendor"`
	Level      int       `json:"level"`
	AssessedAt time.Time `json:"assessedAt"`
	ValidUntil time.Time `json:"validUntil"`
	Scope      scope     `json:"scope"`
}

// scope names those whose rebuilds count.
type scope struct {
	Rebuilders []struct {
		ID       string   `json:"id"`
		Operator string   `json:"operator"`
		Keys     []string `json:"keys"` // PEM
	} `json:"rebuilders"`
}

// weigh holds an envelope against a claim.
func weigh(envelope []byte, c ext.Claim, vendor string, at time.Time) (state, why string, s scope) {
	u, err := attest.ParseEnvelope(envelope)
	if err != nil || sha256.Sum256(u.Payload) != c.Assessment.Payload {
		return Missing, "it was not at hand", scope{}
	}
	a, err := readAssessment(u)
	if err == nil {
		err = a.fits(c, vendor, at)
	}
	if err != nil {
		return Contradicts, err.Error(), scope{}
	}
	keys, err := attest.PublicKeys(envelope)
	if err != nil {
		return Contradicts, err.Error(), scope{}
	}
	for _, k := range keys {
		if der, err := x509.MarshalPKIXPublicKey(k); err != nil || sha256.Sum256(der) != c.Assessment.Auditor {
			continue
		}
		if _, err := attest.Open(envelope, k); err != nil {
			return Contradicts, "the auditor's signature does not verify", scope{}
		}
		return Shown, "", a.Scope
	}
	return KeyMissing, fmt.Sprintf("the auditor's key %x is not beside a signature", c.Assessment.Auditor), a.Scope
}

func readAssessment(u attest.Unverified) (assessed, error) {
	if u.PayloadType != attest.PayloadType {
		return assessed{}, errors.New("no in-toto statement")
	}
	s, err := attest.ParseStatement(u.Payload)
	if err != nil {
		return assessed{}, err
	}
	var a assessed
	if s.PredicateType != assessmentType {
		return a, errors.New("no assessment")
	}
	if err := json.Unmarshal(s.Predicate, &a); err != nil {
		return a, fmt.Errorf("no assessment: %w", err)
	}
	sum := sha256.Sum256([]byte(a.Vendor.URI))
	if len(s.Subject) != 1 || s.Subject[0].Name != a.Vendor.URI || s.Subject[0].Digest["sha256"] != hex.EncodeToString(sum[:]) {
		return a, errors.New("its subject is not the vendor")
	}
	return a, nil
}

// fits holds an assessment against what a certificate says of it. A certificate may claim
// less than was assessed.
func (a assessed) fits(c ext.Claim, vendor string, at time.Time) error {
	r := c.Assessment
	switch {
	case a.Vendor.URI != vendor:
		return errors.New("it is about another vendor")
	case a.Framework.URI != c.Framework || a.Framework.Track != c.Track:
		return errors.New("it is about another framework or track")
	case a.Level < c.Level:
		return fmt.Errorf("it finds level %d, the certificate claims %d", a.Level, c.Level)
	case !a.AssessedAt.Equal(r.AssessedAt) || !a.ValidUntil.Equal(r.ValidUntil):
		return errors.New("its period is another")
	case at.Before(a.AssessedAt) || !at.Before(a.ValidUntil):
		return errors.New("it was not in force when the file was signed")
	}
	return nil
}

// countRebuilds finds out who built the same file. Operators count, and neither
// rebuilders nor keys nor statements.
func (g *Grounds) countRebuilds(p Proof, scopes []scope) {
	for _, e := range p.Evidence {
		for _, s := range scopes {
			for _, r := range s.Rebuilders {
				switch said := outcome(e, p.File, r.ID, r.Keys); {
				case said == "":
				case said == attest.ProvenanceV1:
					g.Reproduced = append(g.Reproduced, r.Operator)
				default:
					g.Contradicted = append(g.Contradicted, r.Operator)
				}
			}
		}
	}
	against := map[string]bool{}
	g.Contradicted = distinct(g.Contradicted, against)
	g.Reproduced = distinct(g.Reproduced, against)
}

// outcome is the predicate type of what a rebuilder says about the file: that it built
// it, or that it could not. "": the envelope is nothing of that.
func outcome(envelope []byte, file File, rebuilder string, pems []string) string {
	var keys []crypto.PublicKey
	for _, text := range pems {
		if k, err := attest.ParsePublicKey(text); err == nil {
			keys = append(keys, k)
		}
	}
	o, err := attest.Open(envelope, keys...)
	if err != nil || len(o.Statement.Subject) != 1 || !o.Statement.Covers("sha256", file.SHA256) && !o.Statement.Covers(file.Algorithm, file.Signed) {
		return ""
	}
	switch o.Statement.PredicateType {
	case attest.ProvenanceV1:
		if p, err := attest.ParseProvenance(o.Statement); err == nil && p.BuilderID == rebuilder {
			return attest.ProvenanceV1
		}
	case attest.RebuildFailureType:
		if f, err := attest.ParseRebuildFailure(o.Statement); err == nil && f.Rebuilder == rebuilder && f.Reason.Contradicts() {
			return attest.RebuildFailureType
		}
	}
	return ""
}

// distinct sorts names and keeps one of each that differs in more than spelling and is not
// seen yet.
func distinct(names []string, seen map[string]bool) []string {
	slices.Sort(names)
	return slices.DeleteFunc(names, func(name string) bool {
		folded := fold(name)
		had := seen[folded]
		seen[folded] = true
		return had
	})
}

// fold is what two spellings of an organisation's name have in common, as package audit
// has it: letters and digits, without case.
func fold(name string) string {
	folded := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToLower(unicode.ToUpper(r))
		}
		return -1
	}, name)
	if folded == "" {
		return name
	}
	return folded
}
