package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/server/api"
)

// evidenceRoutes are about the attestation repository. What it holds is public to who
// knows a digest; lists are not.
func (s *Server) evidenceRoutes() []Route {
	return []Route{
		envelopes("/v1/attestations", "push-attestations", "File evidence in the vendor's repository", signers, s.pushAttestations),
		get("/v1/attestations", "list-attestations", "Artifacts with evidence, by digest: a vendor's own, or of the vendor named", approvalReaders, s.listAttestations),
		get("/v1/attestations/{sha256}", "show-attestations", "Evidence about one artifact, by its digest or what that begins with", approvalReaders, s.showAttestations),
		get("/v1/attestation-usage", "attestation-usage", "What a vendor has on file as evidence, and its quota", certificateReaders, s.attestationUsage),
	}
}

// whoseEvidence is the vendor asked about: callers of role vendor their own, others must
// name one.
func whoseEvidence(ctx context.Context, vendor string) (string, error) {
	vendor, err := ownVendor(ctx, vendor)
	if err == nil && vendor == "" {
		err = invalid("vendor", "is required", "name the vendor whose evidence you want to see")
	}
	return vendor, err
}

// VendorQuery names whose evidence is meant.
type VendorQuery struct {
	Vendor string `query:"vendor" maxLength:"63" doc:"required unless you are a vendor"`
}

type attestationsInput struct {
	VendorQuery
	Prefix string `query:"prefix" pattern:"^[0-9a-f]{0,64}$" doc:"only digests that begin with this"`
	After  string `query:"after" pattern:"^([0-9a-f]{64})?$" doc:"next of the page before"`
}

func (s *Server) listAttestations(ctx context.Context, in *attestationsInput) (*body[api.Page[api.AttestedArtifact]], error) {
	vendor, err := whoseEvidence(ctx, in.Vendor)
	if err != nil {
		return nil, err
	}
	items, err := s.Repository.List(ctx, vendor, in.Prefix, in.After, repository.MaxList)
	if err != nil {
		return nil, evidenceNotFound(err, vendor)
	}
	page := api.Page[api.AttestedArtifact]{Items: []api.AttestedArtifact{}}
	for _, i := range items {
		page.Items = append(page.Items, api.AttestedArtifact{SHA256: i.SHA256, Bytes: i.Bytes, ModifiedAt: i.ModifiedAt.UTC()})
	}
	if len(items) == repository.MaxList {
		page.Next = items[len(items)-1].SHA256
	}
	return answer(page), nil
}

type artifactInput struct {
	VendorQuery
	SHA256 string `path:"sha256" pattern:"^[0-9a-f]{4,64}$" doc:"or the first digits of it, if they are of one artifact only"`
}

func (s *Server) showAttestations(ctx context.Context, in *artifactInput) (*body[api.Attestations], error) {
	vendor, err := whoseEvidence(ctx, in.Vendor)
	if err != nil {
		return nil, err
	}
	digest, err := s.completeDigest(ctx, vendor, in.SHA256)
	if err != nil {
		return nil, err
	}
	envelopes, err := s.Repository.Get(ctx, vendor, digest)
	if err != nil {
		return nil, evidenceNotFound(err, vendor)
	}
	if envelopes == nil {
		envelopes = [][]byte{}
	}
	return answer(api.Attestations{SHA256: digest, Vendor: vendor, Envelopes: envelopes}), nil
}

// completeDigest finds the one digest on file that begins with prefix.
func (s *Server) completeDigest(ctx context.Context, vendor, prefix string) (string, error) {
	if len(prefix) == sha256Digits {
		return prefix, nil
	}
	items, err := s.Repository.List(ctx, vendor, prefix, "", 2)
	switch {
	case err != nil:
		return "", evidenceNotFound(err, vendor)
	case len(items) == 0:
		return "", notFound("evidence about", prefix)
	case len(items) > 1:
		return "", problem(http.StatusConflict, "ambiguous-digest",
			fmt.Sprintf("several digests begin with %s: %s, %s …", prefix, items[0].SHA256, items[1].SHA256), "give more digits, or list them")
	}
	return items[0].SHA256, nil
}

func (s *Server) attestationUsage(ctx context.Context, in *VendorQuery) (*body[api.AttestationUsage], error) {
	vendor, err := whoseEvidence(ctx, in.Vendor)
	if err != nil {
		return nil, err
	}
	used, err := s.Repository.Usage(vendor)
	if err != nil {
		return nil, evidenceNotFound(err, vendor)
	}
	quota := s.Repository.Quota(vendor)
	return answer(api.AttestationUsage{
		Vendor: vendor, Bytes: used.Bytes, MaxBytes: quota.MaxBytes, Envelopes: used.Envelopes, MaxEnvelopes: quota.MaxEnvelopes,
	}), nil
}

// evidenceNotFound turns a name that cannot be a vendor's into the answer for one that
// there is not.
func evidenceNotFound(err error, vendor string) error {
	if errors.Is(err, repository.ErrVendor) {
		return notFound("vendor", vendor)
	}
	return err
}
