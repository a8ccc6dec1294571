package sign

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/sign/gate"
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

// signBuild signs with a key and a certificate for this build alone. A certificate that
// no signature comes of does not stay: of requests that race for an approval or for the
// last signature of a limit, each has got one before it is known who loses.
func (s *Service) signBuild(ctx context.Context, r Request, g ground, d gate.Decision) (Result, error) {
	g, err := s.certify(ctx, r, g)
	var res Result
	if err == nil {
		res, err = s.finish(ctx, r, g, d)
	}
	if err == nil || g.record.Serial == "" {
		return res, err
	}
	// Also when whoever asked is gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTimeout)
	defer cancel()
	if failed := s.c.Builds.Abandon(ctx, g.record.Serial); failed != nil {
		err = errors.Join(err, fmt.Errorf("certificate for one build: %v", failed)) // not wrapped: why there is no signature is the answer
	}
	return Result{}, err
}

// certify makes a key for one build and has it certified, after the build was found good
// and not before: what is refused leaves no certificate. The key is in memory only, in
// the ground of this one signature, and is not kept: Go cannot promise that its bytes are
// overwritten, but nothing can find them again. Beside an error, the ground has the
// certificate if there is one.
func (s *Service) certify(ctx context.Context, r Request, g ground) (ground, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return g, fmt.Errorf("key for one build: %w", err)
	}
	issued, err := s.c.Builds.Issue(ctx, ca.Request{
		Vendor: r.Vendor, PublicKey: key.Public(), Claims: r.Claims, By: r.By, Way: ca.WayBuild, Build: ca.BuildName(r.Digest),
	})
	if err != nil {
		return g, fmt.Errorf("certificate for one build: %w", err)
	}
	expected := g.record.Assessments
	g.record, g.signer = issued.Record, key
	if got := slices.Sorted(slices.Values(issued.Record.Assessments)); !slices.Equal(got, expected) {
		// Another assessment came into force in between; the build was not held against it.
		return g, refuse(CodeAssessment, "ask again", "the assessments in force changed while the build was judged")
	}
	if err := s.readMark(&g); err != nil {
		return g, fmt.Errorf("certificate %s for one build: %w", g.record.Serial, err)
	}
	return g, nil
}
