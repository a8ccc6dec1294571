package verify

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"sync"
	"time"
)

// Path asks for the path of a certificate by RFC 5280 §6 alone. It is one part of what
// a Verifier does, by the same code, without what a certificate of this CA has beyond
// the RFC: for certificates of others, in a diagnosis or another project's test suite.
// It is no judgement of a signature.
type Path struct {
	Certificate   *x509.Certificate
	Intermediates []*x509.Certificate // at most 8, as in a signature
	Roots         []*x509.Certificate
	Usage         x509.ExtKeyUsage // ExtKeyUsageAny: whichever
	At            time.Time
	// Policies are demanded, all of them, as the policies of a mark are: of the certificate
	// and of every CA below the root, in so many words. Mappings and anyPolicy count for nothing.
	Policies []x509.OID
}

// Find returns the path, the certificate first and the root last. The error is a Reason.
func (p Path) Find() ([]*x509.Certificate, error) {
	switch {
	case p.Certificate == nil:
		return nil, errors.New("find path: no certificate")
	case len(p.Intermediates) >= maxCertificates:
		return nil, because(SignatureTooLarge, "%d certificates beside the signer's, at most %d", len(p.Intermediates), maxCertificates-1)
	}
	roots := x509.NewCertPool()
	for _, r := range p.Roots {
		roots.AddCert(r)
	}
	for _, c := range append([]*x509.Certificate{p.Certificate}, p.Intermediates...) {
		if len(c.Raw) > maxCertificateBytes {
			return nil, because(SignatureTooLarge, "certificate of %d bytes, at most %d", len(c.Raw), maxCertificateBytes)
		}
	}
	return findPath(p.Certificate, p.Intermediates, roots, p.Usage, p.At, p.check)
}

// check is what is asked of any path, whoever's it is and whatever for.
func (p Path) check(chain []*x509.Certificate) error {
	if err := keyStrength(p.Certificate.PublicKey, minRSABits); err != nil {
		return because(KeyWeak, "%v", err)
	}
	if err := checkAuthorities(chain); err != nil {
		return err
	}
	if err := CheckForm(p.Certificate); err != nil {
		return because(SignerUnfit, "%v", err)
	}
	if len(p.Policies) == 0 {
		return nil
	}
	for _, policy := range p.Policies {
		if !slices.ContainsFunc(p.Certificate.Policies, policy.Equal) {
			return because(TierCeiling, "the certificate is not for policy %s", policy)
		}
	}
	return checkCeiling(chain, p.Policies)
}

// CRLs are revocation lists, and how they are read. Like Path it is one part by itself.
type CRLs struct {
	Lists  [][]byte // DER
	MaxAge time.Duration
	Now    time.Time
	// UnnumberedUnsafe takes lists without a number, of which RFC 5280 §5.2.3 has every CA
	// give one: nobody can tell then that an old list is served again.
	UnnumberedUnsafe bool
}

// Check says whether a certificate is revoked, RFC 5280 §6.3; its path must have been
// found. Lists that other keys signed, that are about other certificates or have no
// known meaning are passed over. The error is nil where the lists prove that the
// certificate stands, and a Reason otherwise: Revoked, RevocationUnknown,
// RevocationStale or ClockBehind.
func (l CRLs) Check(c, issuer *x509.Certificate) error {
	v := &inquiry{Verifier: &Verifier{}, policy: Policy{MaxStatusAge: l.MaxAge}, clock: l.Now, asOf: l.Now}
	var lists []*crl
	var unreadable error
	for _, raw := range l.Lists {
		list, err := newCRL(raw)
		if err != nil {
			unreadable = err
			continue
		}
		if l.UnnumberedUnsafe {
			list.parse = sync.OnceValues(func() (*parsedCRL, error) {
				p, err := parseUnnumbered(raw)
				if err == nil && p.Number == nil {
					p.Number = new(big.Int)
				}
				return p, err
			})
		}
		lists = append(lists, list)
	}
	s := v.standingOf(c, issuer, false, lists)
	switch {
	case s.listed:
		return because(Revoked, "%s", s.entry)
	case s.missing != nil && unreadable != nil:
		return because(RevocationUnknown, "%v", unreadable)
	}
	return s.missing
}

// CheckSignature verifies the value of a CMS signature, or of a timestamp's, by a
// certificate over a message that is not hashed yet. Only the certificate's key is looked at.
func CheckSignature(c *x509.Certificate, signature asn1.ObjectIdentifier, digest crypto.Hash, message, value []byte) error {
	a := algorithm{oid: signature}
	if !slices.ContainsFunc(signatureAlgorithms(digest), signature.Equal) {
		return because(AlgorithmRefused, "signature algorithm %v with %v", signature, digest)
	}
	if err := checkValue(c, a, digest, message, value); err != nil {
		return because(SignatureInvalid, "%v", err)
	}
	return nil
}
