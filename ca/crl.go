package ca

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/store"
)

// ErrUnknownIssuer is returned for the name of an issuing CA that there is not.
var ErrUnknownIssuer = errors.New("no such issuing CA")

// errOvertaken says that another process published a list in between.
var errOvertaken = errors.New("another list was published meanwhile")

// publishTries bounds how often a list is made again when overtaken.
const publishTries = 5

// CRL returns the newest list of a tier, or of "root" and "timestamping", whose
// lists are files made by Init. DER. A tier's list that is missing or due is made
// first; when that fails an older one that is still valid is returned. The error
// wraps ErrUnknownIssuer.
//
// A list names every revoked certificate of its tier for ever, also after expiry:
// a timestamped signature outlives its certificate.
func (c *CA) CRL(ctx context.Context, name string) ([]byte, error) {
	if der, ok := c.hierarchy.crls[name]; ok {
		return der, nil
	}
	t, ok := c.tier(name)
	if !ok {
		return nil, fmt.Errorf("CRL of %q: %w", name, ErrUnknownIssuer)
	}
	now := c.now().UTC()
	list, found, err := c.storedCRL(ctx, name)
	if err != nil {
		return nil, err
	}
	if found && now.Sub(list.ThisUpdate) < crlRefresh {
		return list.DER, nil
	}
	if err := c.publish(ctx, t); err != nil {
		if found && now.Before(list.NextUpdate) {
			c.log.Error("refresh CRL", "tier", name, "error", err)
			return list.DER, nil
		}
		return nil, err
	}
	list, _, err = c.storedCRL(ctx, name)
	return list.DER, err
}

// PublishCRLs brings every tier's list up to date. A list that holds every
// revocation and is less than a day old stays as it is, so calling it often is
// cheap. Numbers only go up (RFC 5280 §5.2.3): each is taken from the record that
// the new list replaces.
func (c *CA) PublishCRLs(ctx context.Context) error {
	var errs []error
	for _, t := range c.tiers {
		if err := c.publish(ctx, t); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (c *CA) publish(ctx context.Context, t *tier) error {
	c.crls.Lock()
	defer c.crls.Unlock()
	for range publishTries {
		err := c.publishOnce(ctx, t)
		if !errors.Is(err, errOvertaken) {
			return err
		}
	}
	return fmt.Errorf("publish CRL of %s: %w", t.name, errOvertaken)
}

// publishOnce signs outside the transaction, which may run more than once, and
// stores the list only when it still follows the one it was made from. Whoever
// revokes afterwards publishes again.
func (c *CA) publishOnce(ctx context.Context, t *tier) error {
	last, entries, err := c.revoked(ctx, t)
	if err != nil {
		return fmt.Errorf("publish CRL of %s: %w", t.name, err)
	}
	now := c.now().UTC().Truncate(time.Second)
	if last.Number > 0 && now.Sub(last.ThisUpdate) < crlRefresh && sameEntries(last.DER, entries) {
		return nil
	}
	if now.Before(last.ThisUpdate) {
		now = last.ThisUpdate // the clock went back; a later list must not look older
	}
	next := store.CRL{Tier: t.name, Number: last.Number + 1, ThisUpdate: now, NextUpdate: now.Add(crlValidity)}
	next.DER, err = x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: new(big.Int).SetUint64(next.Number), ThisUpdate: next.ThisUpdate, NextUpdate: next.NextUpdate,
		RevokedCertificateEntries: entries,
	}, t.issuer.cert, t.issuer.signer)
	if err != nil {
		return fmt.Errorf("publish CRL of %s: %w", t.name, err)
	}
	err = c.store.Update(ctx, func(tx store.Tx) error {
		have, err := store.CRLs.Get(tx, t.name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if have.Number != last.Number {
			return errOvertaken
		}
		return store.CRLs.Put(tx, next)
	})
	if err != nil {
		return fmt.Errorf("publish CRL of %s: %w", t.name, err)
	}
	return nil
}

// revoked reads a tier's last list and what the next must hold, in one snapshot.
func (c *CA) revoked(ctx context.Context, t *tier) (last store.CRL, entries []x509.RevocationListEntry, err error) {
	err = c.store.View(ctx, func(r store.Reader) error {
		entries = nil
		if last, err = store.CRLs.Get(r, t.name); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		for cert, err := range store.Certificates.By(r, "revoked", t.name) {
			if err != nil {
				return err
			}
			entry, err := crlEntry(cert)
			if err != nil {
				return err
			}
			entries = append(entries, entry)
		}
		return nil
	})
	return last, entries, err
}

// crlEntry makes the entry of RFC 5280 §5.3, with the invalidityDate of §5.3.2.
func crlEntry(cert store.Certificate) (x509.RevocationListEntry, error) {
	serial, ok := new(big.Int).SetString(cert.Serial, 16)
	if !ok || cert.Revocation == nil {
		return x509.RevocationListEntry{}, fmt.Errorf("certificate %q cannot be listed", cert.Serial)
	}
	rev := cert.Revocation
	entry := x509.RevocationListEntry{SerialNumber: serial, RevocationTime: rev.RevocationDate.UTC(), ReasonCode: rev.Reason}
	if rev.InvalidityDate.IsZero() {
		return entry, nil
	}
	value, err := asn1.MarshalWithParams(rev.InvalidityDate.UTC(), "generalized")
	if err != nil {
		return x509.RevocationListEntry{}, fmt.Errorf("invalidity date of %s: %w", cert.Serial, err)
	}
	entry.ExtraExtensions = []pkix.Extension{{Id: ext.InvalidityDate(), Value: value}}
	return entry, nil
}

// sameEntries reports whether a list on record says exactly this.
func sameEntries(der []byte, want []x509.RevocationListEntry) bool {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return false // damaged: make a new one
	}
	return slices.EqualFunc(list.RevokedCertificateEntries, want, func(a, b x509.RevocationListEntry) bool {
		return a.SerialNumber.Cmp(b.SerialNumber) == 0 && a.RevocationTime.Equal(b.RevocationTime) && a.ReasonCode == b.ReasonCode &&
			slices.Equal(invalidity(a.Extensions), invalidity(b.ExtraExtensions))
	})
}

func invalidity(extensions []pkix.Extension) []byte {
	for _, e := range extensions {
		if e.Id.Equal(ext.InvalidityDate()) {
			return e.Value
		}
	}
	return nil
}

func (c *CA) storedCRL(ctx context.Context, name string) (list store.CRL, found bool, err error) {
	err = c.store.View(ctx, func(r store.Reader) error {
		list, err = store.CRLs.Get(r, name)
		found = err == nil
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return store.CRL{}, false, fmt.Errorf("CRL of %s: %w", name, err)
	}
	return list, found, nil
}
