package sign

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/sign/gate"
	"github.com/hallmark-pki/hallmark/store"
)

// Rejudged is what the gate says today of a build that was signed.
type Rejudged struct {
	Decision gate.Decision
	// Refusal is why the signature could not be made today, whatever the gate says of the
	// build: the certificate is revoked, an assessment is not in force, the vendor is
	// suspended. The Decision then says what speaks against the build, as far as what the
	// certificate rests on can still be read, and grants nothing.
	Refusal *Refusal
}

// Granted reports whether the signature would be made today in strict mode.
func (j Rejudged) Granted() bool { return j.Refusal == nil && j.Decision.Granted() }

// Rejudge holds the evidence of today against what a signature's certificate rests on.
// summary is what is to be published when all of it is there, a DSSE envelope.
func (s *Service) Rejudge(ctx context.Context, signature store.Signature) (j Rejudged, summary []byte, err error) {
	r, err := requestOf(signature)
	if err != nil {
		return j, nil, err
	}
	g, err := s.groundOf(ctx, signature)
	if errors.As(err, &j.Refusal) {
		j.Decision, err = s.against(ctx, r, signature)
		return j, nil, err
	}
	if err != nil {
		return j, nil, err
	}
	if j.Decision, _, err = s.judge(ctx, r, g); err != nil || !j.Granted() {
		return j, nil, err
	}
	summary, err = s.summary(ctx, r, g, j.Decision, s.now())
	return j, summary, err
}

// Holds returns the *Refusal for which a signature could not be made today, the gate left
// aside; nil where it could. It is for the transaction that confirms a signature.
func (s *Service) Holds(r store.Reader, signature store.Signature) error {
	_, _, err := s.standing(r, signature, s.now())
	return err
}

// standing reads what a signature stands on: its vendor, and the assessments of its
// certificate, which must all be in force.
func (s *Service) standing(r store.Reader, signature store.Signature, now time.Time) (ground, []store.Assessment, error) {
	var g ground
	var err error
	if g.vendor, err = s.records.activeVendor(r, signature.Vendor); err != nil {
		return ground{}, nil, err
	}
	if g.record, err = store.Certificates.Get(r, signature.Serial); err != nil {
		return ground{}, nil, err
	}
	if why := over(g.record, now); why != "" {
		return ground{}, nil, refuse(CodeCertificate, "", "certificate %s %s", g.record.Serial, why)
	}
	records, err := s.inForce(r, g.record, now)
	return g, records, err
}

// groundOf is ground for a signature that was made.
func (s *Service) groundOf(ctx context.Context, signature store.Signature) (ground, error) {
	var g ground
	err := s.c.Store.View(ctx, func(r store.Reader) error {
		var records []store.Assessment
		var err error
		if g, records, err = s.standing(r, signature, s.now()); err != nil {
			return err
		}
		if g.rules, err = s.policyRules(r, signature.Vendor, signature.Product); err != nil {
			return err
		}
		return s.open(r, &g, records)
	})
	if err == nil {
		err = s.readMark(&g)
	}
	if err != nil {
		return ground{}, fmt.Errorf("judge signature %s again: %w", signature.ID, err)
	}
	return g, nil
}

// against judges a build whose signature could not be made today, by what its certificate
// rests on, in force or not: what a rebuilder of the audited scope has found does not wait
// until a suspension ends. Where that cannot be read any more, nothing is said.
func (s *Service) against(ctx context.Context, r Request, signature store.Signature) (gate.Decision, error) {
	var g ground
	err := s.c.Store.View(ctx, func(rd store.Reader) (err error) {
		g = ground{}
		if g.vendor, err = store.Vendors.Get(rd, signature.Vendor); err != nil {
			return err
		}
		if g.record, err = store.Certificates.Get(rd, signature.Serial); err != nil {
			return err
		}
		var records []store.Assessment
		for _, id := range g.record.Assessments {
			rec, err := store.Assessments.Get(rd, id)
			if err != nil {
				return err
			}
			records = append(records, rec)
		}
		return s.open(rd, &g, records)
	})
	if errors.Is(err, store.ErrNotFound) {
		return gate.Decision{}, nil
	}
	if err != nil {
		return gate.Decision{}, fmt.Errorf("judge signature %s again: %w", signature.ID, err)
	}
	// What clients find and what went into the build cannot contradict it: neither is read.
	digest := hex.EncodeToString(r.Digest[:])
	evidence, err := s.fetch(ctx, r.Vendor, digest, digest)
	if err != nil {
		return gate.Decision{}, err
	}
	return s.c.Gate.Decide(s.build(r), evidence, g.assessed), nil
}

// requestOf is the request that a signature answered, as far as the gate is concerned.
func requestOf(signature store.Signature) (Request, error) {
	digest, err := parseHex(signature.Digest)
	if err != nil {
		return Request{}, err
	}
	r := Request{
		Vendor: signature.Vendor, Digest: digest, Format: signature.Format, Product: signature.Product, By: signature.By,
		Computed: signature.Computed, Commit: signature.Commit,
	}
	if _, signed, ok := strings.Cut(signature.Signed, ":"); ok {
		r.Signed, err = parseHex(signed)
	}
	return r, err
}

// FailedSummary is the summary to be published about a build that was not borne out, a
// DSSE envelope: it says FAILED. evidence are the envelopes, by SHA-256, that say why.
func (s *Service) FailedSummary(ctx context.Context, signature store.Signature, evidence []string) ([]byte, error) {
	r, err := requestOf(signature)
	if err != nil {
		return nil, err
	}
	var g ground
	err = s.c.Store.View(ctx, func(rd store.Reader) error {
		var err error
		if g.vendor, err = store.Vendors.Get(rd, signature.Vendor); err != nil {
			return err
		}
		g.record, err = store.Certificates.Get(rd, signature.Serial)
		return err
	})
	if err == nil {
		err = s.readMark(&g)
	}
	if err != nil {
		return nil, fmt.Errorf("failed summary of signature %s: %w", signature.ID, err)
	}
	claim := g.mark.Assurance.Claims[0]
	v := attest.VSA{
		Subjects:     []attest.Subject{{Name: signature.Product, Digest: s.digests(r)}},
		VerifierID:   s.c.VerifierID,
		TimeVerified: s.now().Truncate(time.Second),
		ResourceURI:  g.vendor.URI + "#" + signature.Product,
		Policy: attest.ResourceDescriptor{
			Name: "assessment", URI: claim.Framework, Digest: map[string]string{"sha256": hex.EncodeToString(claim.Assessment.Payload[:])}},
		Result: attest.Failed,
	}
	url := ext.EvidenceURL(g.mark.Repository.URLs[0], r.Digest)
	for _, e := range slices.Compact(slices.Sorted(slices.Values(evidence))) {
		v.InputAttestations = append(v.InputAttestations, attest.ResourceDescriptor{Name: "evidence", URI: url, Digest: map[string]string{"sha256": e}})
	}
	statement, err := attest.NewVSA(v)
	if err != nil {
		return nil, fmt.Errorf("failed summary of signature %s: %w", signature.ID, err)
	}
	return attest.SignStatement(ctx, statement, s.c.VSASigner)
}
