package ca

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"

	"github.com/hallmark-pki/hallmark/ext"
)

// Trust is what a verifier needs to know about this CA. The operator CA is not in
// it, nor are the transparency log's keys, which the ledger knows.
type Trust struct {
	Name           string
	Arc            ext.Arc
	Roots          []*x509.Certificate // anchors of code-signing certificates
	Tiers          []TrustTier         // lowest first
	TimestampRoots []*x509.Certificate // anchors of timestamps
	VSAKeys        []crypto.PublicKey
}

// TrustTier is an issuing CA. Anchoring at Twin instead of the root trusts this
// tier and no other, also with tools that take only self-signed anchors.
type TrustTier struct {
	Name        string
	Certificate *x509.Certificate
	Twin        *x509.Certificate
}

// Trust returns what `trust export` writes.
func (c *CA) Trust(ctx context.Context) (Trust, error) {
	if err := ctx.Err(); err != nil {
		return Trust{}, err
	}
	t := Trust{
		Name: c.hierarchy.manifest.Name, Arc: c.arc,
		Roots:          []*x509.Certificate{c.hierarchy.root},
		TimestampRoots: []*x509.Certificate{c.hierarchy.root},
		VSAKeys:        []crypto.PublicKey{c.VSASigner().Public()},
	}
	for _, tier := range c.tiers {
		t.Tiers = append(t.Tiers, TrustTier{tier.name, tier.issuer.cert, tier.twin})
	}
	return t, nil
}

// Certificate returns the certificate served at /ca/<name>.cer: a tier's, "root" or
// "timestamping". The error wraps ErrUnknownIssuer.
func (c *CA) Certificate(name string) (*x509.Certificate, error) {
	switch name {
	case nameRoot:
		return c.hierarchy.root, nil
	case nameTimestamping:
		return c.hierarchy.timestamping, nil
	}
	if t, ok := c.tier(name); ok {
		return t.issuer.cert, nil
	}
	return nil, fmt.Errorf("certificate of %q: %w", name, ErrUnknownIssuer)
}
