package server

import (
	"context"
	"encoding/pem"
)

// fileOutput is an answer that is a file: its bytes are kept as they are made.
type fileOutput struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// trustBundle is everything a verifier needs to know about this CA once. The
// operator CA is not in it.
func (s *Server) trustBundle(ctx context.Context, _ *struct{}) (*fileOutput, error) {
	raw, err := s.currentTrust(ctx)
	if err != nil {
		return nil, err
	}
	return &fileOutput{"application/json", raw}, nil
}

// statusBundle is what a verifier needs to know again and again: the revocation
// lists of every CA, all shards of them, and what became of assessments; signed.
func (s *Server) statusBundle(ctx context.Context, _ *struct{}) (*fileOutput, error) {
	bundle, err := s.currentStatus(ctx)
	if err != nil {
		return nil, err
	}
	return &fileOutput{"application/json", bundle.Body}, nil
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
