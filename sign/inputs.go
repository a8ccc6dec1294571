package sign

import (
	"context"

	"github.com/hallmark-pki/hallmark/sign/gate"
)

// gatherInputs fetches what the vendor's repository has about each input of a build, where
// an assessment asks about them. What is beyond the bound is not looked up, and the gate
// is told so: no input of which nothing is known passes.
func (s *Service) gatherInputs(ctx context.Context, vendor string, evidence [][]byte, assessed []gate.Assessed) (gate.Inputs, error) {
	keys := s.c.Gate.Inputs(evidence, assessed)
	if len(keys) == 0 {
		return nil, nil
	}
	found, size := make(gate.Inputs, len(keys)), 0
	for _, key := range keys {
		envelopes, err := s.fetch(ctx, vendor, key, "input "+key)
		if err != nil {
			return nil, err
		}
		for _, e := range envelopes {
			size += len(e)
		}
		if size > maxInputEvidence {
			break
		}
		found[key] = envelopes
	}
	return found, nil
}
