package server

import (
	"context"
	"slices"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/recent"
	"github.com/hallmark-pki/hallmark/sign"
)

// summaries puts verification summaries where certificates say that evidence is: for
// verifiers that do not find one in the signature. One that says the same as what is
// there already is not filed again, or a file that is signed every day would fill up.
type summaries struct {
	filed recent.Values[string, bool] // by vendor, digest and what was said
}

// publish files the summary of a signature whose proof is complete. The signature is on
// record and carries the summary itself, so that a disk that fails here takes nothing
// from it: the log says so.
func (s *Server) publish(ctx context.Context, vendor string, result sign.Result) {
	if !result.Decision.Granted() {
		return // of what is not proven yet nothing is said in public
	}
	if err := s.fileSummary(context.WithoutCancel(ctx), vendor, result); err != nil {
		s.Log.ErrorContext(ctx, "publish verification summary", "sha256", result.Decision.Digest, "error", err)
	}
}

func (s *Server) fileSummary(ctx context.Context, vendor string, result sign.Result) error {
	digest := result.Decision.Digest
	// The serial number stands for what the certificate claims: cheaper than reading the
	// summary for each signature.
	key := vendor + " " + digest + " " + result.Serial
	if _, ok := s.summaries.filed.Get(key); ok {
		return nil
	}
	says, err := s.readSummary(result.VSA)
	if err != nil {
		return err
	}
	there, err := s.Repository.Get(ctx, vendor, digest)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(there, func(line []byte) bool {
		old, err := s.readSummary(line)
		return err == nil && saysTheSame(old, says)
	}) {
		if _, err := s.Repository.Independent().Put(ctx, vendor, result.VSA); err != nil {
			return err
		}
	}
	s.summaries.filed.Put(key, true)
	return nil
}

// readSummary reads a summary of ours: anybody may have filed another that looks like it.
func (s *Server) readSummary(envelope []byte) (attest.VSA, error) {
	opened, err := attest.Open(envelope, s.CA.VSASigner().Public())
	if err != nil {
		return attest.VSA{}, err
	}
	return attest.ParseVSA(opened.Statement)
}

// saysTheSame compares all that verifiers look at, and what it rests on.
func saysTheSame(a, b attest.VSA) bool {
	return a.VerifierID == b.VerifierID && a.ResourceURI == b.ResourceURI && a.Result == b.Result &&
		a.Policy.Digest["sha256"] == b.Policy.Digest["sha256"] && slices.Equal(a.VerifiedLevels, b.VerifiedLevels)
}
