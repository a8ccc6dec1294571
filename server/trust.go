package server

import (
	"context"
	"encoding/pem"

	"github.com/hallmark-pki/hallmark/verify"
)

// fileOutput is an answer that is a file: its bytes are kept as they are made.
type fileOutput struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// trustBundle is everything a verifier needs to know about this CA once. The
// operator CA is not in it.
func (s *Server) trustBundle(ctx context.Context, _ *struct{}) (*fileOutput, error) {
	anchors, err := s.CA.Trust(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := verify.Trust{
		Name: s.Name, Arc: anchors.Arc, Roots: anchors.Roots, TimestampRoots: anchors.TimestampRoots,
		Logs: []string{s.LedgerKey}, VSAKeys: anchors.VSAKeys, IssuedAt: s.Now(),
	}.Marshal()
	if err != nil {
		return nil, err
	}
	return &fileOutput{"application/json", raw}, nil
}

// statusBundle is what a verifier needs to know again and again: the revocation
// lists of every CA, all shards of them.
func (s *Server) statusBundle(ctx context.Context, _ *struct{}) (*fileOutput, error) {
	status := verify.Status{IssuedAt: s.Now()}
	for _, name := range s.CA.Lists() {
		crl, err := s.CA.CRL(ctx, name)
		if err != nil {
			return nil, err
		}
		status.CRLs = append(status.CRLs, crl)
	}
	raw, err := status.Marshal()
	if err != nil {
		return nil, err
	}
	return &fileOutput{"application/json", raw}, nil
}

type tierInput struct {
	Tier string `path:"tier" pattern:"^[a-z0-9-]{1,63}$"`
}

// tierAnchor is the self-signed twin of an issuing CA, PEM, for tools that take
// only self-signed anchors.
func (s *Server) tierAnchor(ctx context.Context, in *tierInput) (*fileOutput, error) {
	anchors, err := s.CA.Trust(ctx)
	if err != nil {
		return nil, err
	}
	for _, tier := range anchors.Tiers {
		if tier.Name == in.Tier {
			return &fileOutput{"application/x-pem-file", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tier.Twin.Raw})}, nil
		}
	}
	return nil, notFound("tier", in.Tier)
}
