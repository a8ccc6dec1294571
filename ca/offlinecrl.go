package ca

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// offlineCRL makes an empty list for a CA whose key is not kept at hand.
func offlineCRL(cert *x509.Certificate, key crypto.Signer, number *big.Int, now time.Time) ([]byte, error) {
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: number, ThisUpdate: now, NextUpdate: now.Add(offlineCRLValidity),
	}, cert, key)
	if err != nil {
		return nil, fmt.Errorf("make CRL of %s: %w", cert.Subject.CommonName, err)
	}
	return der, nil
}

// RenewOfflineCRLs makes the lists of the roots in force and of the timestamping CA
// anew, with the next number: due once a year. Where one of their keys is offline, it
// leaves an order.
func (s *Site) RenewOfflineCRLs(ctx context.Context) (Change, error) {
	change, err := s.changed(func() (Change, error) { return s.renewOfflineCRLs(ctx) })
	if err != nil {
		return Change{}, fmt.Errorf("renew CRLs: %w", err)
	}
	return change, nil
}

func (s *Site) renewOfflineCRLs(ctx context.Context) (Change, error) {
	o := s.newOrder(purposeLists)
	for _, name := range s.manifest.offline() {
		if slices.Contains(s.manifest.Retired, name) {
			continue
		}
		raw, err := readFile(crlPath(s.cfg.Dir, name), maxFileBytes)
		if err != nil {
			return Change{}, fmt.Errorf("CRL of %s: %w", name, err)
		}
		last, err := x509.ParseRevocationList(raw)
		if err != nil || last.Number == nil || !last.Number.IsUint64() {
			return Change{}, fmt.Errorf("CRL of %s: the last one cannot be read: %v", name, err)
		}
		o.Lists = append(o.Lists, orderedList{name, last.Number.Uint64()})
	}
	return s.fulfil(ctx, o, s.manifest, nil)
}
