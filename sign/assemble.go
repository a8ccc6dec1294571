package sign

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/sign/gate"
)

// summary signs a SLSA verification summary: this service saw the evidence, and the
// artifact meets the levels that the certificate claims. The policy is the first
// assessment of the certificate; further ones are among the inputs.
func (s *Service) summary(ctx context.Context, r Request, g ground, d gate.Decision, now time.Time) ([]byte, error) {
	first := g.assessed[0]
	v := attest.VSA{
		Subjects:     []attest.Subject{{Name: r.Product, Digest: s.digests(r)}},
		VerifierID:   s.c.VerifierID,
		TimeVerified: now.Truncate(time.Second),
		ResourceURI:  g.vendor.URI + "#" + r.Product,
		Policy: attest.ResourceDescriptor{
			Name: "assessment", URI: first.Assessment.Framework.URI, Digest: map[string]string{"sha256": first.ID}},
		Result:         attest.Passed,
		VerifiedLevels: verifiedLevels(g.mark.Assurance.Claims),
	}
	if !g.confirmBy.IsZero() {
		v.VerifiedLevels, v.ConfirmBy = nil, g.confirmBy // nothing is verified yet but the basics
	}
	for _, e := range d.Evidence() {
		v.InputAttestations = append(v.InputAttestations, attest.ResourceDescriptor{
			Name: "provenance", URI: ext.EvidenceURL(g.mark.Repository.URLs[0], r.Digest), Digest: map[string]string{"sha256": e}})
	}
	for _, a := range g.assessed[1:] {
		v.InputAttestations = append(v.InputAttestations, attest.ResourceDescriptor{
			Name: "assessment", URI: a.Assessment.Framework.URI, Digest: map[string]string{"sha256": a.ID}})
	}
	if version, ok := strings.CutPrefix(first.Assessment.Framework.URI, "https://slsa.dev/spec/v"); ok {
		v.SLSAVersion = strings.TrimSuffix(version, "/")
	}
	envelope, err := s.summaries.SignVSA(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("sign verification summary: %w", err)
	}
	return envelope, nil
}

// verifiedLevels lists the level tokens and properties of the claims, each once.
func verifiedLevels(claims []ext.Claim) []string {
	var out []string
	for _, c := range claims {
		for _, token := range append([]string{c.LevelID}, c.Properties...) {
			if token != "" && !slices.Contains(out, token) {
				out = append(out, token)
			}
		}
	}
	return out
}

// signature makes the signature in the form that the format asks for, with its
// timestamp and staple.
func (s *Service) signature(ctx context.Context, r Request, g ground, vsa []byte, now time.Time) ([]byte, error) {
	issuer, err := s.c.Issuers.Certificate(g.record.IssuingCA())
	if err != nil {
		return nil, fmt.Errorf("certificate of issuing CA %s: %w", g.record.IssuingCA(), err)
	}
	key := g.signer
	if key == nil {
		if key, err = s.c.Keys.Signer(ctx, g.record.SigningKey); err != nil {
			return nil, fmt.Errorf("signing key of certificate %s: %w", g.record.Serial, err)
		}
	}
	tbs, err := s.toBeSigned(r)
	if err != nil {
		return nil, err
	}
	if tbs.Envelope == format.JWS {
		return s.notary(ctx, notaryJob{g, tbs.Payload, key, issuer, vsa, now})
	}
	attributes, err := s.provisionalAttributes(g)
	if err != nil {
		return nil, err
	}
	cms, err := s.buildCMS(ctx, g, CMSInput{
		Digest: tbs.Digest[:], ContentType: tbs.ContentType, Content: tbs.Content, Attributes: slices.Concat(tbs.Attributes, attributes),
		Signer: key, Chain: []*x509.Certificate{g.certificate, issuer}, Cross: s.c.Issuers.Cross(g.record.IssuingCA()), SigningTime: now,
	})
	if err != nil {
		return nil, err
	}
	hash, imprint := cms.Imprint()
	token, err := s.c.Stamper.StampDigest(ctx, hash, imprint)
	if err != nil {
		return nil, fmt.Errorf("timestamp: %w", err)
	}
	if err := cms.AddUnsigned(tbs.Timestamp, token); err != nil {
		return nil, fmt.Errorf("timestamp: %w", err)
	}
	staple, err := s.staple(ctx, g, vsa)
	if err != nil {
		return nil, err
	}
	if err := cms.AddUnsigned(s.c.Arc.Staple(), staple); err != nil {
		return nil, fmt.Errorf("staple: %w", err)
	}
	der, err := cms.Marshal()
	if err == nil && len(der) > format.MaxSignatureBytes {
		err = fmt.Errorf("signature of %d bytes, at most %d", len(der), format.MaxSignatureBytes)
	}
	if err != nil {
		return nil, err
	}
	return der, nil
}

// buildCMS is BuildCMS, which keeps what a certificate's signatures have in common. A
// certificate for one build signs once.
func (s *Service) buildCMS(ctx context.Context, g ground, in CMSInput) (*CMS, error) {
	if g.signer != nil {
		return BuildCMS(ctx, in)
	}
	m, ok := s.molds.Get(g.certificate)
	if !ok || !m.fits(in) {
		var err error
		if m, err = newCMSMold(in); err != nil {
			return nil, fmt.Errorf("build CMS: %w", err)
		}
		s.molds.Put(g.certificate, m)
	}
	return m.build(ctx, in)
}

// staple puts together what an installer needs without a network. A CRL that is too
// large for a staple is left out: verifiers then need a status bundle, which is
// better than no signatures after a mass revocation.
func (s *Service) staple(ctx context.Context, g ground, vsa []byte) ([]byte, error) {
	crl, err := s.c.Issuers.CRLOf(ctx, g.record)
	if err != nil {
		return nil, fmt.Errorf("CRL of certificate %s: %w", g.record.Serial, err)
	}
	staple := ext.Staple{VSA: vsa, Receipts: g.receipts}
	if len(crl) <= ext.MaxCRLBytes {
		staple.CRLs = [][]byte{crl}
	}
	der, err := staple.Marshal()
	if err != nil {
		return nil, fmt.Errorf("staple: %w", err)
	}
	return der, nil
}
