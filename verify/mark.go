package verify

import (
	"crypto/x509"
	"errors"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
)

// readMark reads the mark of a certificate whose chain holds.
func (v *Verifier) readMark(leaf *x509.Certificate) (ext.Mark, error) {
	m, err := v.trust.Arc.ReadMark(leaf)
	if err == nil {
		return m, nil
	}
	var parse *ext.ParseError
	if errors.As(err, &parse) && parse.Reason == ext.ReasonAbsent {
		return ext.Mark{}, because(MarkMissing, "%v", err)
	}
	return ext.Mark{}, because(MarkInvalid, "%v", err)
}

// checkPeriods demands that every claim's assessment was in force at the trusted
// time, both ends included.
func checkPeriods(claims []ext.Claim, at time.Time) error {
	for _, c := range claims {
		if a := c.Assessment; at.Before(a.AssessedAt) || at.After(a.ValidUntil) {
			return because(AssessmentExpired, "%s track %s: in force %s to %s, judged at %s",
				c.Framework, c.Track, day(a.AssessedAt), day(a.ValidUntil), at.UTC().Format(time.RFC3339))
		}
	}
	return nil
}
