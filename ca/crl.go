package ca

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/store"
)

// ErrUnknownIssuer is returned for the name of an issuing CA or list that there is not.
var ErrUnknownIssuer = errors.New("no such issuing CA")

// CRL returns the newest list of a name: "<issuing CA>/<shard>", as in the certificates'
// distribution points, or "root" and "timestamping", whose lists are files made by Init.
// DER. A shard's list that is missing or due is made first; when that fails an older one
// that is still valid is returned. The error wraps ErrUnknownIssuer.
//
// A shard names every revoked certificate of its serial numbers until ten years after
// the certificate's end: a timestamped signature outlives its certificate.
func (c *CA) CRL(ctx context.Context, name string) ([]byte, error) {
	if der, ok := c.hierarchy.crls[name]; ok {
		return der, nil
	}
	t, shard, ok := c.parseListName(name)
	if !ok {
		return nil, fmt.Errorf("CRL of %q: %w", name, ErrUnknownIssuer)
	}
	list, found, err := c.storedCRL(ctx, name)
	if err != nil {
		return nil, err
	}
	now := c.now().UTC()
	if found && !isDue(list.ThisUpdate, now) {
		return list.DER, nil
	}
	if err := c.publishLists(ctx, t, func(n int) bool { return n == shard }); err != nil {
		if found && now.Before(list.NextUpdate) {
			c.log.Error("refresh CRL", "list", name, "error", err)
			return list.DER, nil
		}
		return nil, err
	}
	list, _, err = c.storedCRL(ctx, name)
	return list.DER, err
}

// CRLOf returns the list that a certificate on record would be on.
func (c *CA) CRLOf(ctx context.Context, cert store.Certificate) ([]byte, error) {
	shard, err := shardOfKey(cert.Serial, c.shards)
	if err != nil {
		return nil, err
	}
	return c.CRL(ctx, listName(cert.IssuingCA(), shard))
}

// Lists returns the names of all lists, as CRL takes them: every shard of every
// issuing CA, then the root's and the timestamping CA's.
func (c *CA) Lists() []string {
	var names []string
	for _, t := range c.tiers {
		for shard := range c.shards {
			names = append(names, listName(t.issuer.name, shard))
		}
	}
	return append(names, c.offlineIssuers()...)
}

// Shards returns into how many lists each issuing CA's serial numbers are cut.
func (c *CA) Shards() int { return c.shards }

func (c *CA) storedCRL(ctx context.Context, name string) (list store.CRL, found bool, err error) {
	err = c.store.View(ctx, func(r store.Reader) error {
		list, err = c.lists.Get(r, store.CRLs, name)
		if found = err == nil; errors.Is(err, store.ErrNotFound) {
			list, err = store.CRL{}, nil
		}
		return err
	})
	if err != nil {
		return store.CRL{}, false, fmt.Errorf("CRL of %s: %w", name, err)
	}
	return list, found, nil
}

func getCRL(r store.Reader, name string) (store.CRL, bool, error) {
	list, err := store.CRLs.Get(r, name)
	if errors.Is(err, store.ErrNotFound) {
		return store.CRL{}, false, nil
	}
	return list, err == nil, err
}

// isDue reports whether a list of that date has to be made anew. One from the future
// has: the clock stood wrong then, and verifiers refuse it until that time comes.
func isDue(thisUpdate, now time.Time) bool {
	return now.Sub(thisUpdate) >= crlRefresh || thisUpdate.After(now.Add(backdate))
}

// isKept reports whether lists still name a certificate: CABF Code Signing BR section
// 4.9.7, ten years after its end.
func isKept(cert store.Certificate, now time.Time) bool {
	return now.Before(cert.NotAfter.AddDate(revokedKeptYears, 0, 0))
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
