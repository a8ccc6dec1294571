package ca

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/store"
)

// replaces holds a renewal against the certificate it replaces: the same vendor's, not
// revoked, with claims no wider, and the same key unless another was asked for. An
// expired one may be renewed: nothing rests on it but the wish for the same again.
func (c *CA) replaces(r store.Reader, req Request, g *grant, spki string) error {
	if req.Replaces == "" {
		if req.Rekey {
			return refuse(CodeBadRequest, "", "a new key for no certificate")
		}
		return nil
	}
	old, err := store.Certificates.Get(r, req.Replaces)
	if errors.Is(err, store.ErrNotFound) || err == nil && old.Vendor != req.Vendor {
		return refuse(CodeUnknownCertificate, "give the serial number in lower-case hex", "no certificate %q", req.Replaces)
	}
	if err != nil {
		return err
	}
	switch same := old.SPKISHA256 == spki; {
	case old.Revocation != nil:
		return refuse(CodeReplacesRevoked, "request a new certificate", "certificate %s is revoked", old.Serial)
	case !req.Rekey && !same:
		return refuse(CodeRenewalKey, "rekey it, to have another key certified", "certificate %s has another key", old.Serial)
	case req.Rekey && same:
		return refuse(CodeRekeyKey, "make a new key, or renew the certificate", "certificate %s has this key already", old.Serial)
	}
	claims, err := c.markOf(old)
	if err != nil {
		return err
	}
	if !coveredBy(requestClaims(g.claims), requestClaims(claims)) {
		return refuse(CodeRenewalClaims, "request a new certificate", "more is asked for than certificate %s says", old.Serial)
	}
	return nil
}

// Renewal is a request for a certificate that says what another of the vendor's says:
// its claims, its profile and, unless it is given another key, its key where the service
// holds that. The caller adds the proof of possession, who asks, and which way.
func (c *CA) Renewal(ctx context.Context, vendor, serial string, rekey bool) (Request, error) {
	var old store.Certificate
	err := c.store.View(ctx, func(r store.Reader) error {
		var err error
		old, err = store.Certificates.Get(r, serial)
		if errors.Is(err, store.ErrNotFound) || err == nil && old.Vendor != vendor {
			return refuse(CodeUnknownCertificate, "give the serial number in lower-case hex", "no certificate %q", serial)
		}
		return err
	})
	if err != nil {
		return Request{}, fmt.Errorf("renew: %w", err)
	}
	mark, err := c.markOf(old)
	if err != nil {
		return Request{}, fmt.Errorf("renew: %w", err)
	}
	req := Request{Vendor: vendor, Profile: old.Profile, Replaces: old.Serial, Rekey: rekey}
	if !rekey {
		req.SigningKey = old.SigningKey
	}
	for _, claim := range mark {
		req.Claims = append(req.Claims, Wanted{Framework: claim.Framework, Track: claim.Track, Level: claim.Level})
	}
	return req, nil
}

// markOf returns the claims of a certificate on record.
func (c *CA) markOf(rec store.Certificate) ([]ext.Claim, error) {
	cert, err := x509.ParseCertificate(rec.DER)
	if err != nil {
		return nil, fmt.Errorf("certificate %s on record: %w", rec.Serial, err)
	}
	mark, err := c.arc.ReadMark(cert)
	if err != nil {
		return nil, fmt.Errorf("certificate %s on record: %w", rec.Serial, err)
	}
	return mark.Assurance.Claims, nil
}
