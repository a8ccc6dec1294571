package sign

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/sign/gate"
)

// gather fetches what the vendor's repository has about an artifact and, where an
// assessment asks about the source, about the commits that its provenance claims.
func (s *Service) gather(ctx context.Context, vendor, digest string, assessed []gate.Assessed) ([][]byte, error) {
	evidence, err := s.fetch(ctx, vendor, digest, digest)
	if err != nil {
		return nil, err
	}
	artifact := evidence
	for _, commit := range s.c.Gate.Revisions(artifact, assessed) {
		more, err := s.fetch(ctx, vendor, attest.RevisionKey(commit), "commit "+commit)
		if err != nil {
			return nil, err
		}
		evidence = append(evidence[:len(evidence):len(evidence)], more...)
	}
	return s.gatherSteps(digest, evidence, assessed, func(key string) ([][]byte, error) { return s.fetch(ctx, vendor, key, key) })
}

// gatherSteps adds the layouts that the scopes name, and the links of the steps from the
// artifact backwards, from where fetch finds them.
func (s *Service) gatherSteps(digest string, evidence [][]byte, assessed []gate.Assessed, fetch func(key string) ([][]byte, error)) ([][]byte, error) {
	asked := []string{digest}
	for {
		var fresh []string
		for _, key := range s.c.Gate.Steps(evidence, assessed) {
			if len(asked)+len(fresh) <= maxStepLookups && !slices.Contains(asked, key) && !slices.Contains(fresh, key) {
				fresh = append(fresh, key)
			}
		}
		if len(fresh) == 0 {
			return evidence, nil
		}
		for _, key := range fresh {
			more, err := fetch(key)
			if err != nil {
				return nil, err
			}
			evidence = append(evidence[:len(evidence):len(evidence)], more...)
		}
		asked = append(asked, fresh...)
	}
}

func (s *Service) fetch(ctx context.Context, vendor, key, what string) ([][]byte, error) {
	evidence, err := s.c.Evidence.Get(ctx, vendor, key)
	if err != nil {
		return nil, fmt.Errorf("evidence about %s: %w", what, err)
	}
	if len(evidence) > maxEvidence {
		return nil, fmt.Errorf("evidence about %s: %d envelopes, at most %d", what, len(evidence), maxEvidence)
	}
	return evidence, nil
}

// isCommit reports whether a text is the id of a git commit, in SHA-1 or SHA-256.
func isCommit(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}
