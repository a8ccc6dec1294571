package ca

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/store"
)

// admit is the part of the gate that looks at this very request, once the claims are
// granted: what it renews, whether an officer agreed to it, and whether its key lives
// in hardware. It returns the id of the approval that covers the request, "" where none
// is asked for. A request without the id of an approval is covered by one about its key:
// the ways in that have no field for it (step, ACME) serve what was approved all the
// same.
func (c *CA) admit(r store.Reader, req Request, g *grant, spki string, now time.Time) (string, error) {
	if err := c.replaces(r, req, g, spki); err != nil {
		return "", err
	}
	asks := c.requires.of(g.tier.name)
	var approved store.CertificateRequest
	var err error
	switch {
	case req.Approval != "":
		approved, err = c.approval(r, req, req.Approval, g, spki, now)
	case asks.NeedsOfficer():
		approved, err = c.approvalByKey(r, req, g, spki, now)
	}
	if err != nil {
		return "", err
	}
	if asks.NeedsHardwareKey() {
		if err := c.inHardware(req, approved, g.tier.name, now); err != nil {
			return "", err
		}
	}
	return approved.ID, nil
}

// approval reads an approval and refuses it unless it covers the request now.
func (c *CA) approval(r store.Reader, req Request, id string, g *grant, spki string, now time.Time) (store.CertificateRequest, error) {
	rec, err := certificateRequest(r, id)
	if err != nil {
		return rec, err
	}
	const again = "request the certificate again, for an officer to look at"
	switch state := RequestState(rec, now); {
	case rec.Vendor != req.Vendor:
		return rec, refuse(CodeApprovalVendor, "", "the approval is not this vendor's")
	case rec.SPKISHA256 != spki:
		return rec, refuse(CodeApprovalKey, again, "request %s was approved for another key", rec.ID)
	case state == store.RequestIssued:
		return rec, refuse(CodeApprovalUsed, again, "certificate %s was issued on request %s", rec.Certificate, rec.ID)
	case state == store.RequestDenied:
		return rec, refuse(CodeApprovalDenied, "", "request %s was denied: %s", rec.ID, rec.Note)
	case state == store.RequestExpired:
		return rec, refuse(CodeApprovalExpired, again, "request %s ended at %s", rec.ID, rec.ExpiresAt.UTC().Format(time.RFC3339))
	case state != store.RequestApproved:
		return rec, refuse(CodeApprovalPending, "an officer decides; 'hallmark cert requests show "+rec.ID+"' tells", "request %s is %s", rec.ID, state)
	case !c.within(rec, req, g):
		return rec, refuse(CodeApprovalClaims, again, "more is asked for than was approved in request %s", rec.ID)
	}
	if err := audit.CheckOfficer(r, rec.DecidedBy, rec.Vendor); err != nil {
		if _, refused := audit.IsRefusal(err); refused {
			return rec, refuse(CodeApprover, again, "who approved request %s may not any more: %v", rec.ID, err)
		}
		return rec, err
	}
	return rec, nil
}

// within reports whether a request asks for no more than was approved: claims, profile,
// time, and the certificate it renews.
func (c *CA) within(rec store.CertificateRequest, req Request, g *grant) bool {
	profile, err := c.requires.profile(req.Profile)
	if err != nil || profile.Name != rec.Profile || rec.Replaces != req.Replaces || rec.Rekey != req.Rekey {
		return false
	}
	if rec.Validity != 0 && (req.Validity == 0 || req.Validity > rec.Validity) {
		return false
	}
	return coveredBy(requestClaims(g.claims), rec.Claims)
}

// coveredBy reports whether each claim is among most, at that level or a higher one.
func coveredBy(claims, most []store.RequestClaim) bool {
	for _, c := range claims {
		if !slices.ContainsFunc(most, func(m store.RequestClaim) bool {
			return m.Framework == c.Framework && m.Track == c.Track && c.Level <= m.Level
		}) {
			return false
		}
	}
	return true
}

// approvalByKey finds an approval that covers the request among those about its key.
func (c *CA) approvalByKey(r store.Reader, req Request, g *grant, spki string, now time.Time) (store.CertificateRequest, error) {
	for rec, err := range store.CertificateRequests.By(r, "key", spki) {
		if err != nil {
			return rec, err
		}
		if rec.State != store.RequestApproved {
			continue
		}
		approved, err := c.approval(r, req, rec.ID, g, spki, now)
		if err == nil {
			return approved, nil
		}
		if IsRefusal(err) == nil {
			return approved, err
		}
	}
	return store.CertificateRequest{}, refuse(CodeApprovalRequired, "request it with 'hallmark cert request': an officer will be asked", "tier %s issues only what an officer approved", g.tier.name)
}

// inHardware demands an attestation, judged again as of now, or an officer's waiver.
func (c *CA) inHardware(req Request, approved store.CertificateRequest, tier string, now time.Time) error {
	if approved.Waiver != "" {
		return nil
	}
	statement, key := req.Attestation, req.PublicKey
	if a := approved.Attestation; a != nil {
		statement = &Attestation{Format: a.Format, Data: a.Data, Challenges: []string{a.Challenge}}
	}
	if approved.ID != "" {
		var err error
		if key, err = x509.ParsePKIXPublicKey(approved.PublicKey); err != nil {
			return fmt.Errorf("public key of request %s: %w", approved.ID, err)
		}
	}
	if statement == nil {
		return refuse(CodeHardwareKeyRequired, "hand in an attestation of the key; an officer may waive it", "tier %s certifies only keys that hardware keeps", tier)
	}
	_, err := c.requires.attested(statement, key, now)
	return err
}

// useApproval marks an approval as used up by a certificate, in the transaction that
// records it. Of two certificates on one approval the second finds it used: ended says
// so, and that one is recorded as revoked and never delivered.
func (c *CA) useApproval(tx store.Tx, req Request, g *grant, cert store.Certificate) (ended, err error) {
	// What was given without its id was found by its key: it must still be the same one.
	if _, err := c.admit(tx, req, g, cert.SPKISHA256, cert.IssuedAt); err != nil {
		if IsRefusal(err) != nil {
			return err, nil
		}
		return nil, err
	}
	if req.Approval == "" {
		return nil, nil
	}
	rec, err := certificateRequest(tx, req.Approval)
	if err != nil {
		return nil, err
	}
	rec.State, rec.IssuedAt, rec.Certificate = store.RequestIssued, cert.IssuedAt, cert.Serial
	return nil, store.CertificateRequests.Put(tx, rec)
}

// issuedDetail is what the audit trail says of a certificate that is issued.
func issuedDetail(cert store.Certificate) map[string]string {
	detail := map[string]string{"vendor": cert.Vendor, "tier": cert.Tier}
	if cert.Request != "" {
		detail["request"] = cert.Request
	}
	if cert.Replaces != "" {
		detail["replaces"] = cert.Replaces
	}
	return detail
}

func certificateRequest(r store.Reader, id string) (store.CertificateRequest, error) {
	rec, err := store.CertificateRequests.Get(r, id)
	if errors.Is(err, store.ErrNotFound) {
		return rec, refuse(CodeUnknownRequest, "", "no request %q", id)
	}
	return rec, err
}

// Collect issues the certificate of an approved request: the vendor fetches it. The
// gate is asked as for any other, so what ended since the approval ends this too.
// Collecting again returns the certificate that was issued: an answer may get lost.
func (c *CA) Collect(ctx context.Context, id, vendor, by string) (Issued, error) {
	var rec store.CertificateRequest
	var cert store.Certificate
	err := c.store.View(ctx, func(r store.Reader) error {
		var err error
		if rec, err = certificateRequest(r, id); err != nil {
			return err
		}
		if rec.Vendor != vendor {
			return refuse(CodeUnknownRequest, "", "no request %q", id)
		}
		if rec.State == store.RequestIssued {
			cert, err = store.Certificates.Get(r, rec.Certificate)
		}
		return err
	})
	if err != nil {
		return Issued{}, fmt.Errorf("collect: %w", err)
	}
	if rec.State == store.RequestIssued {
		return c.reissued(cert)
	}
	req, err := requestOf(rec, by)
	if err != nil {
		return Issued{}, fmt.Errorf("collect: %w", err)
	}
	return c.Issue(ctx, req)
}

// requestOf is what Issue is asked for on an approval.
func requestOf(rec store.CertificateRequest, by string) (Request, error) {
	pub, err := x509.ParsePKIXPublicKey(rec.PublicKey)
	if err != nil {
		return Request{}, fmt.Errorf("public key of request %s: %w", rec.ID, err)
	}
	req := Request{
		Vendor: rec.Vendor, PublicKey: pub, SigningKey: rec.SigningKey, Profile: rec.Profile, Validity: rec.Validity,
		Replaces: rec.Replaces, Rekey: rec.Rekey, Approval: rec.ID, By: by, Way: rec.Way,
	}
	for _, c := range rec.Claims {
		req.Claims = append(req.Claims, Wanted{Framework: c.Framework, Track: c.Track, Level: c.Level})
	}
	return req, nil
}

// reissued is a certificate on record in the form that Issue returns it in.
func (c *CA) reissued(rec store.Certificate) (Issued, error) {
	cert, err := x509.ParseCertificate(rec.DER)
	if err != nil {
		return Issued{}, fmt.Errorf("certificate %s on record: %w", rec.Serial, err)
	}
	t, ok := c.issuing(rec.IssuingCA())
	if !ok {
		return Issued{}, fmt.Errorf("certificate %s: %w %q", rec.Serial, ErrUnknownIssuer, rec.IssuingCA())
	}
	mark, err := c.arc.ReadMark(cert)
	if err != nil {
		return Issued{}, fmt.Errorf("certificate %s on record: %w", rec.Serial, err)
	}
	return Issued{Certificate: cert, Chain: slices.Clone(t.chain), Record: rec, Claims: mark.Assurance.Claims}, nil
}
