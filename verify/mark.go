package verify

import (
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
)

// knownMark is what a certificate says, under the trust bundle's arc.
type knownMark struct {
	mark     ext.Mark
	policies []x509.OID // of its claims
}

// mark reads the mark of a certificate, or remembers it. Its claims and addresses are the
// caller's.
func (v *Verifier) mark(leaf *x509.Certificate) (knownMark, error) {
	k, ok := v.memory.marks.Get(leaf)
	if !ok {
		var err error
		if k, err = v.readMark(leaf); err != nil {
			return knownMark{}, err
		}
		v.memory.marks.Put(leaf, k)
	}
	claims := slices.Clone(k.mark.Assurance.Claims)
	for i := range claims {
		claims[i].Properties = slices.Clone(claims[i].Properties)
	}
	k.mark.Assurance.Claims, k.mark.Repository.URLs = claims, slices.Clone(k.mark.Repository.URLs)
	return k, nil
}

// readMark reads the mark of a certificate whose chain holds.
func (v *Verifier) readMark(leaf *x509.Certificate) (knownMark, error) {
	m, policies, err := v.trust.Arc.ReadMarkPolicies(leaf)
	if err == nil {
		return knownMark{m, policies}, nil
	}
	var parse *ext.ParseError
	if errors.As(err, &parse) && parse.Reason == ext.ReasonAbsent {
		return knownMark{}, because(MarkMissing, "%v", err)
	}
	return knownMark{}, because(MarkInvalid, "%v", err)
}

// checkPeriods demands that every claim's assessment was in force at the trusted
// time: from its first moment on, and no more at ValidUntil, which is how the CA counts.
func checkPeriods(claims []ext.Claim, at time.Time) error {
	for _, c := range claims {
		if a := c.Assessment; at.Before(a.AssessedAt) || !at.Before(a.ValidUntil) {
			return because(AssessmentExpired, "%s track %s: in force %s to %s, judged at %s",
				c.Framework, c.Track, day(a.AssessedAt), day(a.ValidUntil), at.UTC().Format(time.RFC3339))
		}
	}
	return nil
}
