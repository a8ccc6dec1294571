package sign

import (
	"context"
	"slices"

	"github.com/hallmark-pki/hallmark/sign/gate"
)

// Elsewhere looks for evidence where vendors keep it themselves.
type Elsewhere interface {
	// Pull files here what the repositories at some https URLs hold about a SHA-256
	// (lower-case hex) of a vendor (id), and returns how many envelopes were new here. It
	// bounds what it does for strangers' addresses, and may leave out those that it has
	// asked a moment ago.
	Pull(ctx context.Context, vendor, sha256 string, urls []string) (int, error)
}

// pull looks for more evidence at the addresses that the audited scopes name, and
// reports whether there is some. Only a build that was denied is looked for: whoever
// pushes evidence has it judged without waiting for anybody's host. What was found is on
// file here before it is judged, so that nobody can take it back. What could not be
// read is kept in g for the refusal, and changes nothing else: a denial stands.
func (s *Service) pull(ctx context.Context, vendor, digest string, g *ground) bool {
	if s.c.Elsewhere == nil {
		return false
	}
	n, err := s.c.Elsewhere.Pull(ctx, vendor, digest, repositories(g.assessed))
	if err != nil {
		g.unread = "; " + quote(err.Error())
	}
	return n > 0
}

// repositories lists the addresses of all scopes, each once.
func repositories(assessed []gate.Assessed) []string {
	var out []string
	for _, a := range assessed {
		for _, url := range a.Assessment.Scope.Repositories {
			if !slices.Contains(out, url) {
				out = append(out, url)
			}
		}
	}
	return out
}
