package ca

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// Reasons a code-signing certificate is revoked for (RFC 5280 §5.3.1). A hold could
// be lifted, and a signature made meanwhile would come back to life; the two
// compromise reasons of authorities are for CA and attribute certificates.
const (
	ReasonUnspecified          = 0
	ReasonKeyCompromise        = 1
	ReasonAffiliationChanged   = 3
	ReasonSuperseded           = 4
	ReasonCessationOfOperation = 5
	ReasonPrivilegeWithdrawn   = 9
)

// clockSkew is how far in the future a revocation date may lie: the clock of
// whoever wrote it.
const clockSkew = time.Minute

// firstYear is the first that an entry of the log can say (package ledger/receipt): an
// earlier date is a slip, and there was no CA then.
const firstYear = 2000

// Revoke revokes a certificate for good and publishes the list. See RevokeIn for
// what rev holds. When publishing fails the revocation is on record all the same,
// and the next PublishCRLs carries it.
func (c *CA) Revoke(ctx context.Context, serial string, rev store.Revocation) error {
	err := c.store.Update(ctx, func(tx store.Tx) error { return c.RevokeIn(tx, serial, rev) })
	if err != nil {
		return fmt.Errorf("revoke %s: %w", serial, err)
	}
	c.forgetAnswers(serial)
	if err := c.PublishCRLs(ctx); err != nil {
		return fmt.Errorf("revoke %s: on record, but the list is not out: %w", serial, err)
	}
	return nil
}

// RevokeKey revokes a certificate for keyCompromise, and with it every other of the same
// key: what cannot be trusted is the key. Each counts from rev's dates, or from its own
// beginning where that is later. It returns how many others were revoked.
func (c *CA) RevokeKey(ctx context.Context, serial string, rev store.Revocation) (others int, err error) {
	rev.Reason = ReasonKeyCompromise
	if err := c.completeRevocation(&rev); err != nil {
		return 0, fmt.Errorf("revoke key of %s: %w", serial, err)
	}
	rest := false
	var serials []string
	err = c.store.Update(ctx, func(tx store.Tx) error {
		others, rest, serials = 0, false, []string{serial}
		cert, err := Revocable(tx, serial)
		if err == nil {
			err = c.RevokeIn(tx, serial, dated(rev, cert))
		} else {
			err = c.RevokeIn(tx, serial, rev) // which refuses
		}
		if err != nil {
			return err
		}
		same, more, err := sameKey(tx, cert)
		if err != nil {
			return err
		}
		for _, other := range same {
			err := c.RevokeIn(tx, other.Serial, dated(rev, other))
			if r := IsRefusal(err); r != nil && r.Code == CodeAlreadyRevoked {
				continue
			}
			if err != nil {
				return err
			}
			others++
			serials = append(serials, other.Serial)
		}
		if rest = more; rest {
			_, err = c.RevokeLaterIn(tx, store.RevocationJob{SPKISHA256: cert.SPKISHA256, Revocation: rev})
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("revoke key of %s: %w", serial, err)
	}
	c.forgetAnswers(serials...)
	if rest {
		err = c.WorkRevocations(ctx)
	}
	if err = errors.Join(err, c.PublishCRLs(ctx)); err != nil {
		return others, fmt.Errorf("revoke key of %s: on record, but not all lists are out: %w", serial, err)
	}
	return others, nil
}

// sameKey lists the other certificates of a certificate's key, up to maxTogether.
func sameKey(r store.Reader, cert store.Certificate) (list []store.Certificate, more bool, err error) {
	for other, err := range store.Certificates.By(r, "key", cert.SPKISHA256) {
		switch {
		case err != nil:
			return nil, false, err
		case other.Serial == cert.Serial:
		case len(list) == maxTogether:
			return list, true, nil
		default:
			list = append(list, other)
		}
	}
	return list, false, nil
}

// SameKey lists the other certificates that RevokeKey would revoke, as far as it would
// at once; more says that there are others still.
func (c *CA) SameKey(ctx context.Context, cert store.Certificate) (list []store.Certificate, more bool, err error) {
	err = c.store.View(ctx, func(r store.Reader) error {
		list, more, err = sameKey(r, cert)
		return err
	})
	return list, more, err
}

// forgetAnswers stops OCSP answers made before certificates were revoked.
func (c *CA) forgetAnswers(serials ...string) {
	for _, t := range c.tiers {
		c.answers.Forget(t.issuer.name, serials...)
	}
}

// RevokeIn revokes a certificate inside the caller's transaction; the caller then
// calls PublishCRLs. Zero At means now, zero RevocationDate means At; both may lie
// in the past, before the certificate began as well, and RevocationDate is the
// instant from which verifiers count signatures for nothing. InvalidityDate goes
// into the CRL entry (RFC 5280 §5.3.2).
//
// A revocation is never undone or weakened. A second one can only add to it: an
// earlier revocation or invalidity date, or the reason keyCompromise. One that adds
// nothing is refused with CodeAlreadyRevoked, and the record stays as it is.
//
// A serial number of which only the intent is on record can be revoked too; see
// Revocable.
func (c *CA) RevokeIn(tx store.Tx, serial string, rev store.Revocation) error {
	cert, err := Revocable(tx, serial)
	if errors.Is(err, store.ErrNotFound) {
		return refuse(CodeUnknownCertificate, "give the serial number in lower-case hex", "no certificate %q", serial)
	}
	if err != nil {
		return err
	}
	if err := c.completeRevocation(&rev); err != nil {
		return err
	}
	if cert.Revocation != nil {
		merged, changed := strengthen(*cert.Revocation, rev)
		if !changed {
			return refuse(CodeAlreadyRevoked, "", "certificate %s is revoked since %s", serial, cert.Revocation.RevocationDate.UTC().Format(time.RFC3339))
		}
		rev = merged
	}
	cert.Revocation = &rev
	if rev.Reason == ReasonKeyCompromise {
		if err := blockKey(tx, cert); err != nil {
			return err
		}
	}
	if err := store.Certificates.Put(tx, cert); err != nil {
		return err
	}
	vendor, err := store.Vendors.Get(tx, cert.Vendor)
	if err != nil {
		return fmt.Errorf("vendor of certificate %s: %w", serial, err)
	}
	if err := logRevoked(tx, cert, vendor.URI); err != nil {
		return err
	}
	if err := noteUnlisted(tx, cert); err != nil {
		return err
	}
	// Made here, since the caller owns the transaction: when it runs again, the event
	// of the run that is committed is the one that stays. Its place in the trail is when
	// it was written, so that those of a mass revocation follow each other.
	event := store.NewEvent(c.now(), rev.By, "revoke.certificate", serial, map[string]string{
		"vendor": cert.Vendor, "reason": strconv.Itoa(rev.Reason), "since": rev.RevocationDate.Format(time.RFC3339),
	})
	event.At = rev.At
	return store.Events.Insert(tx, event)
}

func (c *CA) completeRevocation(rev *store.Revocation) error {
	now := c.now().UTC()
	switch rev.Reason {
	case ReasonUnspecified, ReasonKeyCompromise, ReasonAffiliationChanged, ReasonSuperseded,
		ReasonCessationOfOperation, ReasonPrivilegeWithdrawn:
	default:
		return refuse(CodeReason, "use 0, 1, 3, 4, 5 or 9", "reason %d is not one a code-signing certificate is revoked for", rev.Reason)
	}
	if len(rev.Note) > maxNote {
		return refuse(CodeBadRequest, "", "note of %d bytes, at most %d", len(rev.Note), maxNote)
	}
	if rev.At.IsZero() {
		rev.At = now
	}
	if rev.RevocationDate.IsZero() {
		rev.RevocationDate = rev.At
	}
	for _, t := range []time.Time{rev.At, rev.RevocationDate, rev.InvalidityDate} {
		if t.After(now.Add(clockSkew)) {
			return refuse(CodeRevocationDate, "", "date %s lies in the future", t.UTC().Format(time.RFC3339))
		}
		if !t.IsZero() && t.UTC().Year() < firstYear {
			return refuse(CodeRevocationDate, "", "date %s lies before the year %d", t.UTC().Format(time.RFC3339), firstYear)
		}
	}
	// Lists count in seconds; rounding down errs on the side of revoked.
	rev.RevocationDate = rev.RevocationDate.UTC().Truncate(time.Second)
	if !rev.InvalidityDate.IsZero() {
		rev.InvalidityDate = rev.InvalidityDate.UTC().Truncate(time.Second)
	}
	return nil
}

// strengthen merges a second revocation into the first.
func strengthen(old, next store.Revocation) (store.Revocation, bool) {
	merged, changed := old, false
	if next.RevocationDate.Before(old.RevocationDate) {
		merged.RevocationDate, changed = next.RevocationDate, true
	}
	if !next.InvalidityDate.IsZero() && (old.InvalidityDate.IsZero() || next.InvalidityDate.Before(old.InvalidityDate)) {
		merged.InvalidityDate, changed = next.InvalidityDate, true
	}
	if next.Reason == ReasonKeyCompromise && old.Reason != ReasonKeyCompromise {
		merged.Reason, changed = next.Reason, true
	}
	if changed && next.Note != "" && len(old.Note)+len(next.Note)+2 <= maxNote {
		merged.Note = next.Note
		if old.Note != "" {
			merged.Note = old.Note + "; " + next.Note
		}
	}
	return merged, changed
}
