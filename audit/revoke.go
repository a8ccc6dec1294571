package audit

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/store"
)

// reasonPrivilegeWithdrawn is the CRL reason privilegeWithdrawn, RFC 5280 §5.3.1.
const reasonPrivilegeWithdrawn = 9

// Plan is what a transition of an assessment does, or would do.
type Plan struct {
	// Assessment is the record as the transition leaves it, without the receipt of
	// its own log entry.
	Assessment   store.Assessment
	Certificates []PlannedRevocation // in the order of their serial numbers
	// Job is the store.RevocationJob that revokes them, where there are too many for one
	// transaction. They count as good until it gets to them, but nothing is signed or
	// issued on the assessment any more.
	Job string
}

// maxRevokedAtOnce is how many certificates are revoked in the transaction that ends
// their assessment: about what a job takes at a time.
const maxRevokedAtOnce = 200

// PlannedRevocation is one certificate of a Plan.
type PlannedRevocation struct {
	Serial     string
	Vendor     string
	Tier       string
	Revocation store.Revocation // as asked for: reason privilegeWithdrawn, the two dates equal
}

// planned dates the revocation of a certificate whose ground went away at since. It
// never starts before the certificate does, unless that was made by a clock that stood
// ahead: nothing is revoked from a date in the future.
func planned(cert store.Certificate, since, decided time.Time, by, note string) PlannedRevocation {
	date := since
	if cert.NotBefore.After(date) && !cert.NotBefore.After(decided) {
		date = cert.NotBefore
	}
	date = date.UTC().Truncate(time.Second)
	return PlannedRevocation{Serial: cert.Serial, Vendor: cert.Vendor, Tier: cert.Tier, Revocation: store.Revocation{
		At: decided, RevocationDate: date, InvalidityDate: date, Reason: reasonPrivilegeWithdrawn, Note: note, By: by,
	}}
}

// revoke carries out the revocations of a plan inside a transaction.
func (r *Register) revoke(tx store.Tx, plan Plan) error {
	for _, c := range plan.Certificates {
		if err := r.cfg.Certificates.RevokeIn(tx, c.Serial, c.Revocation); err != nil {
			return fmt.Errorf("revoke certificate %s: %w", c.Serial, err)
		}
	}
	return nil
}

// publish makes revocations visible. They are durable already, so that a failure
// leaves nothing to undo; the same call made again publishes once more.
func (r *Register) publish(ctx context.Context, plan Plan) error {
	if plan.Job != "" {
		r.cfg.Certificates.StartRevocations()
		return nil
	}
	if len(plan.Certificates) == 0 {
		return nil
	}
	if err := r.cfg.Certificates.PublishCRLs(ctx); err != nil {
		return fmt.Errorf("assessment %s is %s and its certificates are revoked, but the CRLs could not be published: %w", plan.Assessment.ID, plan.Assessment.State, err)
	}
	return nil
}

// relying lists a vendor's certificates that rest on an assessment: those that claim
// a level of its track, be it that they were issued on a predecessor which it stands
// in for, and those whose record names it or one of its predecessors.
func (r *Register) relying(rd store.Reader, rec store.Assessment, predecessors ...store.Assessment) ([]reliance, error) {
	named := map[string]bool{rec.ID: true}
	for _, o := range predecessors {
		named[o.ID] = true
	}
	var list []reliance
	for cert, err := range store.Certificates.By(rd, "vendor", rec.Vendor) {
		if err != nil {
			return nil, fmt.Errorf("certificates of %s: %w", rec.Vendor, err)
		}
		claim, claimed := r.claim(cert, rec)
		if claimed || slices.ContainsFunc(cert.Assessments, func(id string) bool { return named[id] }) {
			list = append(list, reliance{cert, claim})
		}
	}
	return list, nil
}

// reliance is a certificate that rests on an assessment, and the claim it makes.
type reliance struct {
	cert  store.Certificate
	claim ext.Claim // zero when it could not be read; no assessment supports that
}

// claim reads what a certificate claims on the track of an assessment. A certificate
// whose mark cannot be read counts as claiming nothing; it is then known only by the
// assessments on its record.
func (r *Register) claim(cert store.Certificate, rec store.Assessment) (ext.Claim, bool) {
	parsed, err := x509.ParseCertificate(cert.DER)
	if err == nil {
		var mark ext.Mark
		if mark, err = r.cfg.Arc.ReadMark(parsed); err == nil {
			i := slices.IndexFunc(mark.Assurance.Claims, func(c ext.Claim) bool {
				return c.Framework == rec.FrameworkURI && c.Track == rec.Track
			})
			if i < 0 {
				return ext.Claim{}, false
			}
			return mark.Assurance.Claims[i], true
		}
	}
	r.cfg.Log.Warn("certificate on record has no readable mark", "serial", cert.Serial, "error", err)
	return ext.Claim{}, false
}

// Supports reports whether an assessment alone would justify a claim in a
// certificate that expires at notAfter: same framework and track, at least that
// level, every property, and valid for as long.
func (a Assessment) Supports(c ext.Claim, notAfter time.Time) bool {
	properties := a.Properties()
	for _, p := range c.Properties {
		if !slices.Contains(properties, p) {
			return false
		}
	}
	return a.Framework.URI == c.Framework && a.Framework.Track == c.Track && a.Level >= c.Level && !notAfter.After(a.ValidUntil)
}
