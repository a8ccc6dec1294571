package verify

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/recent"
)

// paths remembers which certificates led to a root of the trust bundle, so that a
// thousand packages by one CA or signer cost one verification of its certificate and not
// a thousand.
//
// What is remembered is that signatures hold, which no time changes; a path is known
// by the SHA-256 of its first certificate, and the dates of every certificate in it
// are held against the trusted time at each use. Whatever does not fit exactly goes
// the long way. Safe for concurrent use; it lives and dies with its Verifier.
type paths struct {
	from recent.Values[[32]byte, knownPath]
}

type knownPath struct {
	chain []*x509.Certificate // the certificate that was asked for, up to the root
	pool  *x509.CertPool      // of that certificate alone; nil if it is no CA
}

func newPaths() *paths {
	return &paths{from: recent.Values[[32]byte, knownPath]{Keep: maxKnownPaths}}
}

// remember takes a verified path in. One with constraints on what is below it is
// left out: those are about the whole path and are checked the long way each time.
func (p *paths) remember(chain []*x509.Certificate) {
	constraints := []asn1.ObjectIdentifier{oidNameConstraints, oidPolicyConstraints, oidInhibitAnyPolicy}
	for _, c := range chain {
		for _, e := range c.Extensions {
			if slices.ContainsFunc(constraints, e.Id.Equal) {
				return
			}
		}
	}
	k := knownPath{chain: chain}
	if chain[0].IsCA {
		k.pool = x509.NewCertPool()
		k.pool.AddCert(chain[0])
	}
	p.from.Put(sha256.Sum256(chain[0].Raw), k)
}

// known returns the path of a certificate if every date in it holds and the file
// brings the certificates between it and the root.
func (p *paths) known(c *x509.Certificate, others []*x509.Certificate, at time.Time) (knownPath, bool) {
	k, ok := p.from.Get(sha256.Sum256(c.Raw))
	if !ok || slices.ContainsFunc(k.chain, func(c *x509.Certificate) bool { return at.Before(c.NotBefore) || at.After(c.NotAfter) }) {
		return knownPath{}, false
	}
	for i := 1; i < len(k.chain)-1; i++ {
		if !slices.ContainsFunc(others, k.chain[i].Equal) {
			return knownPath{}, false
		}
	}
	return k, true
}

// below returns leaf's path over an issuer among others whose own path is known. The
// leaf's signature, dates and usages are verified here and now.
func (p *paths) below(leaf *x509.Certificate, others []*x509.Certificate, usage x509.ExtKeyUsage, at time.Time) []*x509.Certificate {
	for _, c := range others {
		if !bytes.Equal(c.RawSubject, leaf.RawIssuer) {
			continue
		}
		k, ok := p.known(c, others, at)
		if !ok || k.pool == nil {
			continue
		}
		_, err := leaf.Verify(x509.VerifyOptions{
			Roots: k.pool, Intermediates: x509.NewCertPool(), CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{usage},
		})
		if err == nil {
			return append([]*x509.Certificate{leaf}, k.chain...)
		}
	}
	return nil
}
