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
	Roots          []*x509.Certificate // anchors of code-signing certificates: the roots in force, oldest first
	Tiers          []TrustTier         // lowest first, every generation, oldest first
	TimestampRoots []*x509.Certificate // anchors of timestamps
	VSAKeys        []crypto.PublicKey
	StatusKeys     []TrustKey // who signs status bundles, oldest first
}

// TrustTier is an issuing CA. Anchoring at Twin instead of the root trusts this
// tier and no other, also with tools that take only self-signed anchors.
type TrustTier struct {
	Name        string // the issuing CA's id: "high", after a rollover "high-2"
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
		VSAKeys: []crypto.PublicKey{c.VSASigner().Public()},
	}
	var err error
	if t.StatusKeys, err = c.hierarchy.statusKeys(); err != nil {
		return Trust{}, err
	}
	for _, r := range c.hierarchy.roots {
		if !r.retired {
			t.Roots, t.TimestampRoots = append(t.Roots, r.cert), append(t.TimestampRoots, r.cert)
		}
	}
	for _, tier := range c.tiers {
		t.Tiers = append(t.Tiers, TrustTier{tier.issuer.name, tier.issuer.cert, tier.twin})
	}
	return t, nil
}

// Certificate returns the certificate served at /ca/<name>.cer: an issuing CA's, a
// root's or that of "timestamping" and its successors. The error wraps ErrUnknownIssuer.
func (c *CA) Certificate(name string) (*x509.Certificate, error) {
	if name == c.hierarchy.manifest.newest(nameTimestamping) {
		return c.hierarchy.timestamping, nil
	}
	if cert := c.hierarchy.stamps[name]; cert != nil && cert.IsCA {
		return cert, nil
	}
	for _, r := range c.hierarchy.roots {
		if r.name == name {
			return r.cert, nil
		}
	}
	if t, ok := c.issuing(name); ok {
		return t.issuer.cert, nil
	}
	return nil, fmt.Errorf("certificate of %q: %w", name, ErrUnknownIssuer)
}

// Root returns the self-signed certificate that signed an issuing CA's: for signatures
// that must carry the whole chain. The error wraps ErrUnknownIssuer.
func (c *CA) Root(issuer string) (*x509.Certificate, error) {
	t, ok := c.issuing(issuer)
	if !ok {
		return nil, fmt.Errorf("root of %q: %w", issuer, ErrUnknownIssuer)
	}
	root := c.hierarchy.rootOf(t.issuer.cert)
	if root == nil {
		return nil, fmt.Errorf("root of %q: none on file signed its certificate", issuer)
	}
	return root.cert, nil
}

// Cross returns what leads from an issuing CA to roots in force that its own
// certificate does not lead to: for signatures to carry. Usually there is nothing.
func (c *CA) Cross(issuer string) []*x509.Certificate {
	if t, ok := c.issuing(issuer); ok {
		return append([]*x509.Certificate(nil), t.chain[1:]...)
	}
	return nil
}
