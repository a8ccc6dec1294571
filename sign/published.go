package sign

import (
	"context"
	"errors"
	"fmt"

	"github.com/hallmark-pki/hallmark/sign/gate"
)

// Clients reads evidence as whoever installs an artifact does.
type Clients interface {
	// Published returns the envelopes about a SHA-256 (lower-case hex) that the repositories
	// at some https URLs hand out, those that a certificate names. An error says which of
	// them could not be read; what the others hand out comes with it.
	Published(ctx context.Context, sha256 string, urls []string) ([][]byte, error)
}

// gatherPublished reads what clients find about an artifact, where an assessment asks; nil
// where none does, which costs nothing. A certificate names the repositories of the
// assessments that it rests on. What cannot be read is not there for clients either, and is
// no error of ours.
func (s *Service) gatherPublished(ctx context.Context, digest string, g ground) (*gate.Published, error) {
	if s.c.Clients == nil || !s.c.Gate.Clients(g.assessed) {
		return nil, nil
	}
	urls := g.mark.Repository.URLs
	if len(urls) == 0 { // the certificate is yet to be made
		urls = repositories(g.assessed)
	}
	var unread []error
	fetch := func(key string) ([][]byte, error) {
		envelopes, err := s.c.Clients.Published(ctx, key, urls)
		if err != nil && ctx.Err() != nil {
			return nil, fmt.Errorf("what clients find about %s: %w", key, err)
		}
		if err != nil && len(unread) == 0 {
			unread = append(unread, err)
		}
		if len(envelopes) > maxPublished {
			unread = append(unread, fmt.Errorf("%d envelopes about %s, at most %d are read", len(envelopes), key, maxPublished))
			envelopes = nil
		}
		return envelopes, nil
	}
	artifact, err := fetch(digest)
	if err != nil {
		return nil, err
	}
	all, err := s.gatherSteps(digest, artifact, g.assessed, fetch)
	if err != nil {
		return nil, err
	}
	p := &gate.Published{Artifact: artifact, Steps: all[len(artifact):]}
	if err := errors.Join(unread...); err != nil {
		p.Unread = err.Error()
	}
	return p, nil
}
