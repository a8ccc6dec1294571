package sign

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/hallmark-pki/hallmark/ca"
)

// promised asks the CA what a certificate for this build would rest on.
func (s *Service) promised(ctx context.Context, r Request) ([]string, error) {
	if s.c.Builds == nil {
		return nil, refuse(CodeRequest, "ask without", "this service has no certificates for single builds")
	}
	ids, err := s.c.Builds.Grantable(ctx, r.Vendor, r.Claims)
	if err != nil {
		return nil, fmt.Errorf("certificate for one build: %w", err)
	}
	return ids, nil
}

// certify makes a key for one build and has it certified, after the build was found good
// and not before: what is refused leaves no certificate. The key is in memory only, in
// the ground of this one signature, and is not kept: Go cannot promise that its bytes are
// overwritten, but nothing can find them again.
func (s *Service) certify(ctx context.Context, r Request, g ground) (ground, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return ground{}, fmt.Errorf("key for one build: %w", err)
	}
	issued, err := s.c.Builds.Issue(ctx, ca.Request{
		Vendor: r.Vendor, PublicKey: key.Public(), Claims: r.Claims, By: r.By, Way: ca.WayBuild, Build: ca.BuildName(r.Digest),
	})
	if err != nil {
		return ground{}, fmt.Errorf("certificate for one build: %w", err)
	}
	if got := slices.Sorted(slices.Values(issued.Record.Assessments)); !slices.Equal(got, g.record.Assessments) {
		// Another assessment came into force in between; the build was not held against it.
		return ground{}, refuse(CodeAssessment, "ask again", "the assessments in force changed while the build was judged")
	}
	g.record, g.signer = issued.Record, key
	if err := s.readMark(&g); err != nil {
		return ground{}, fmt.Errorf("certificate %s for one build: %w", g.record.Serial, err)
	}
	return g, nil
}
