package server

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/server/api"
)

// pushAttestations files evidence under the digests of its subjects, in the
// caller's own folder. Nothing is believed here: the gate verifies signatures
// when it judges, against the scope in force at that moment.
func (s *Server) pushAttestations(ctx context.Context, in *body[api.NewAttestations]) (*body[api.StoredAttestations], error) {
	stored := api.StoredAttestations{SHA256: []string{}}
	for i, envelope := range in.Body.Envelopes {
		envelope, err := attest.AsEnvelope(envelope)
		var digests []string
		if err == nil {
			digests, err = s.Repository.Put(ctx, caller(ctx).Vendor, envelope)
		}
		if err != nil {
			return nil, s.evidenceProblem(i, err)
		}
		stored.SHA256 = append(stored.SHA256, digests...)
	}
	slices.Sort(stored.SHA256)
	stored.SHA256 = slices.Compact(stored.SHA256)
	for _, digest := range stored.SHA256 {
		s.Confirm.Poke(caller(ctx).Vendor, digest)
	}
	return answer(stored), nil
}

// sha256Digits is the length of a SHA-256 in hex.
const sha256Digits = 64

// parseDigest reads a digest that the schema has checked already.
func parseDigest(text string) ([32]byte, error) {
	var digest [32]byte
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(digest) {
		return digest, invalid("sha256", "must be 64 lower-case hex digits", "")
	}
	copy(digest[:], raw)
	return digest, nil
}

// evidenceProblem names the envelope that was refused. Those before it are filed.
func (s *Server) evidenceProblem(i int, err error) error {
	var malformed *attest.Error
	var quota *repository.QuotaError
	field := fmt.Sprintf("envelopes[%d]", i)
	switch {
	case errors.As(err, &malformed), errors.Is(err, repository.ErrNoDigest):
		return invalid(field, err.Error(), "a DSSE envelope over an in-toto statement that names the artifact's sha256 is wanted")
	case errors.Is(err, repository.ErrFull):
		p := problem(http.StatusConflict, "repository-full", err.Error(), "nothing on file is ever removed; file fewer statements about one artifact")
		p.Field = field
		return p
	case errors.As(err, &quota):
		p := problem(http.StatusConflict, "quota-exceeded", quota.Error(),
			"ask the administrator for more (attestations in config.yaml), or keep a repository of your own")
		p.Field = field
		return p
	}
	return err
}
