package proof

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/verify"
)

// ErrElsewhere: evidence is neither about the file nor an assessment that its mark names.
var ErrElsewhere = errors.New("neither about this file nor an assessment that its certificate names")

// bound says why an envelope does not belong to a verdict: it is an assessment whose payload
// has a digest that the mark names, or a statement that has the file among its subjects.
// Whose signatures it bears is for the reader: the assessment's digest stands in a
// certificate, and the keys of builders and rebuilders stand in the assessment.
func bound(envelope []byte, file File, v verify.Verdict) error {
	u, err := attest.ParseEnvelope(envelope)
	if err != nil {
		return err
	}
	payload := sha256.Sum256(u.Payload)
	if slices.ContainsFunc(v.Claims, func(c ext.Claim) bool { return c.Assessment.Payload == payload }) {
		return nil
	}
	s, err := attest.ParseStatement(u.Payload)
	if err != nil {
		return err
	}
	if !s.Covers("sha256", file.SHA256) && !s.Covers(file.Algorithm, file.Signed) {
		return ErrElsewhere
	}
	return nil
}

// attach adds evidence: what somebody named must belong to the verdict; of what lay at hand,
// what does. Each envelope is taken once.
func (p *Proof) attach(in Input) error {
	add := func(e []byte) {
		if !slices.ContainsFunc(p.Evidence, func(have []byte) bool { return bytes.Equal(have, e) }) {
			p.Evidence = append(p.Evidence, e)
		}
	}
	for i, e := range in.Evidence {
		if err := bound(e, p.File, in.Verdict); err != nil {
			return fmt.Errorf("evidence, envelope %d: %w", i+1, err)
		}
		add(e)
	}
	for _, e := range in.AtHand {
		if len(p.Evidence) < maxEvidence && bound(e, p.File, in.Verdict) == nil {
			add(e)
		}
	}
	p.Grounds = p.grounds(in.Verdict)
	return nil
}
