package gate

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/verify"
)

// identity is an audited identity that was read.
type identity struct {
	audit.Identity
	builder    int // index in scope.Builders
	roots      *x509.CertPool
	timestamps []*x509.Certificate
}

// readIdentities reads the identities of a scope's builders. One that cannot be read
// certifies nothing.
func readIdentities(s audit.Scope) []identity {
	var out []identity
	for i, b := range s.Builders {
		for _, one := range b.Identities {
			root, stamps, err := one.Roots()
			if err != nil {
				continue
			}
			id := identity{Identity: one, builder: i, roots: x509.NewCertPool()}
			id.roots.AddCert(root)
			if stamps != nil {
				id.timestamps = []*x509.Certificate{stamps}
			}
			out = append(out, id)
		}
	}
	return out
}

// identified finds the builders under whose identities a document is signed, and why a
// certificate beside it does not do.
func (f *file) identified(d signed) (signers []string, builders []int, why error) {
	if len(f.identities) == 0 {
		return nil, nil, nil
	}
	for _, s := range d.Certified() {
		for _, id := range f.identities {
			key, err := id.signed(s, f.config.Now())
			if err != nil {
				why = err
				continue
			}
			signers, builders = append(signers, key), append(builders, id.builder)
		}
	}
	return signers, builders, why
}

// signed verifies one signature under an identity: the certificate says exactly its
// issuer and subject, leads to its root at a time that a timestamping authority vouches
// for, and its key made this very signature. Without that time nothing is believed: a
// key that lived for ten minutes may have been stolen since.
func (i identity) signed(s attest.CertifiedSignature, now time.Time) (keyID string, err error) {
	leaf, others, err := readChain(s.Chain)
	if err != nil {
		return "", fmt.Errorf("certificate: %w", err)
	}
	issuer, err := issuerOf(leaf)
	if err != nil {
		return "", err
	}
	subject, err := subjectOf(leaf)
	if err != nil {
		return "", err
	}
	if issuer != i.Issuer || subject != i.Subject {
		return "", fmt.Errorf("certificate of %s by %s is not of the scope", quote(subject), quote(issuer))
	}
	at, err := i.trustedTime(s, now)
	if err != nil {
		return "", err
	}
	pool := x509.NewCertPool()
	for _, c := range others {
		pool.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: i.roots, Intermediates: pool, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}); err != nil {
		return "", fmt.Errorf("certificate: %w", err)
	}
	return s.Verify(leaf.PublicKey)
}

// trustedTime is when a signature was there, by the first good timestamp over it.
func (i identity) trustedTime(s attest.CertifiedSignature, now time.Time) (time.Time, error) {
	if len(i.timestamps) == 0 {
		return time.Time{}, errors.New("certificate: the scope names no timestamp root for this identity")
	}
	err := errors.New("there is none")
	for _, token := range s.Timestamps {
		var at time.Time
		if at, err = verify.OpenTimestamp(tokenOf(token), s.Value, i.timestamps, now); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("certificate: no trusted timestamp says when it was used: %w", err)
}

// tokenOf takes the token out of a TimeStampResp (RFC 3161 §2.4.2), which is what most
// bundles hold; anything else is left as it is.
func tokenOf(raw []byte) []byte {
	var response struct {
		Status asn1.RawValue
		Token  asn1.RawValue `asn1:"optional"`
	}
	rest, err := asn1.Unmarshal(raw, &response)
	if err != nil || len(rest) > 0 || response.Status.Tag != asn1.TagSequence || len(response.Token.FullBytes) == 0 {
		return raw
	}
	return response.Token.FullBytes
}

// readChain reads certificates in PEM or DER, one behind the other, the leaf first.
func readChain(raw []byte) (leaf *x509.Certificate, others []*x509.Certificate, err error) {
	der, first := raw, true
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, nil, errors.New("another PEM block than CERTIFICATE")
		}
		if first {
			der, first = nil, false
		}
		der = append(der, block.Bytes...)
	}
	certs, err := parseAll(der)
	if err != nil {
		return nil, nil, err
	}
	return certs[0], certs[1:], nil
}

// parseAll reads certificates in DER, one behind the other.
func parseAll(der []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for len(der) > 0 {
		var one asn1.RawValue
		rest, err := asn1.Unmarshal(der, &one)
		if err != nil {
			return nil, err
		}
		c, err := x509.ParseCertificate(one.FullBytes)
		if err != nil {
			return nil, err
		}
		out, der = append(out, c), rest
	}
	if len(out) == 0 {
		return nil, errors.New("none")
	}
	return out, nil
}

// issuerOf reads who vouched for the subject of a certificate. Where both extensions are
// there they must agree.
func issuerOf(c *x509.Certificate) (string, error) {
	var v1, v2 string
	for _, e := range c.Extensions {
		switch {
		case e.Id.Equal(oidIssuerV1):
			v1 = string(e.Value)
		case e.Id.Equal(oidIssuerV2):
			rest, err := asn1.UnmarshalWithParams(e.Value, &v2, "utf8")
			if err != nil || len(rest) > 0 {
				return "", errors.New("certificate: the issuer extension is not a UTF8String")
			}
		}
	}
	switch {
	case v1 == "" && v2 == "":
		return "", errors.New("certificate: it does not say who vouches for its subject")
	case v1 != "" && v2 != "" && v1 != v2:
		return "", errors.New("certificate: it names two issuers")
	case v2 != "":
		return v2, nil
	}
	return v1, nil
}

// subjectOf reads the one name of a certificate, a URI or an e-mail address, byte for
// byte (RFC 5280 §4.2.1.6).
func subjectOf(c *x509.Certificate) (string, error) {
	for _, e := range c.Extensions {
		if !e.Id.Equal(oidSubjectAltName) {
			continue
		}
		var names []asn1.RawValue
		if rest, err := asn1.Unmarshal(e.Value, &names); err != nil || len(rest) > 0 || len(names) != 1 {
			return "", errors.New("certificate: want exactly one subject alternative name")
		}
		const tagEmail, tagURI = 1, 6
		if n := names[0]; n.Class == asn1.ClassContextSpecific && (n.Tag == tagEmail || n.Tag == tagURI) {
			return string(n.Bytes), nil
		}
	}
	return "", errors.New("certificate: its subject is neither a URI nor an e-mail address")
}
