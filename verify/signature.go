package verify

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/format"
)

// signed is a verified signature: the signer's certificate is proved to be the
// holder of the key that signed this file, and nothing is known about it yet.
type signed struct {
	data   signedData
	leaf   *x509.Certificate
	others []*x509.Certificate // the other certificates inside, untrusted
}

// openSignature verifies a CMS signature over what a file's format says must have been
// signed: it was built anew from the file's digest, and content that the signature
// brings along must be the same byte for byte.
//
// The general CMS libraries for Go are not used for it: they turn BER into DER
// before they look, ignore what they cannot parse, and want the whole content in
// memory. The profile is narrow enough to read by hand, and then one call of
// crypto/x509 is left. A test holds the result against such a library and against
// OpenSSL.
func (v *Verifier) openSignature(der []byte, want format.ToBeSigned) (signed, error) {
	sd, err := parseSignedData(der, maxSignatureBytes)
	if err != nil {
		return signed{}, err
	}
	h, err := ours(want).check(sd)
	if err != nil {
		return signed{}, err
	}
	if err := checkContent(sd, want); err != nil {
		return signed{}, err
	}
	if err := checkDigest(sd.signer, want.Digest[:]); err != nil {
		return signed{}, err
	}
	if err := checkSecond(sd.signer); err != nil {
		return signed{}, err
	}
	certs, err := v.memory.parseCertificates(sd.certificates)
	if err != nil {
		return signed{}, err
	}
	s := signed{data: sd}
	if s.leaf, s.others, err = pickSigner(sd, certs); err != nil {
		return signed{}, err
	}
	if err := s.checkBinding(); err != nil {
		return signed{}, err
	}
	if err := sd.signer.verify(s.leaf, h); err != nil {
		return signed{}, because(SignatureInvalid, "%v", err)
	}
	return s, nil
}

// checkContent holds content that is inside against what must have been signed. It ends
// with the file's digest: where only that differs, the file is another one.
func checkContent(sd signedData, want format.ToBeSigned) error {
	if bytes.Equal(sd.content, want.Content) {
		return nil
	}
	if n := len(want.Content) - 32; len(sd.content) == len(want.Content) && bytes.Equal(sd.content[:n], want.Content[:n]) {
		return because(DigestMismatch, "signed was %x, the file has %x", sd.content[n:], want.Content[n:])
	}
	return malformed("content other than what is signed for such a file")
}

// checkSecond refuses a further signature in an unsigned attribute: one reader would
// judge this one, another that one.
func checkSecond(s signerInfo) error {
	if slices.ContainsFunc(s.unsigned, func(a attribute) bool { return a.oid.Equal(ext.SPCNestedSignature()) }) {
		return because(TwoSignatures, "a signature is nested in the signature")
	}
	return nil
}

// checkUnsigned refuses unsigned attributes other than the timestamp and the staple, as
// package oci does. Nobody reads them here, so anybody can put anything there: a script, or
// an archive, which the signed file then is for other programs.
//
// It is asked last: signatures of another CA have its own there, and more is wrong with them.
func (v *Verifier) checkUnsigned(s signerInfo, timestamp asn1.ObjectIdentifier) error {
	known := []asn1.ObjectIdentifier{timestamp, v.trust.Arc.Staple()}
	for _, a := range s.unsigned {
		if !slices.ContainsFunc(known, a.oid.Equal) {
			return because(UnsignedContent, "unsigned attribute %v, which no signature has here", a.oid)
		}
	}
	return nil
}

func (m *memory) parseCertificates(list [][]byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for i, der := range list {
		c, err := m.certificate(der)
		if err != nil {
			return nil, malformed("certificate %d: %v", i, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// verify checks the signature value over the signed attributes, RFC 5652 §5.4: what
// is hashed is their encoding as a SET OF, not the implicit tag they stand under.
func (s signerInfo) verify(leaf *x509.Certificate, h crypto.Hash) error {
	b := cryptobyte.NewBuilder(make([]byte, 0, len(s.signedRaw)+8)) // with tag and length
	b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(s.signedRaw) })
	attributes, err := b.Bytes()
	if err != nil {
		return err
	}
	return checkValue(leaf, s.signatureAlg, h, attributes, s.signature)
}

func checkValue(c *x509.Certificate, a algorithm, h crypto.Hash, message, value []byte) error {
	return c.CheckSignature(x509Algorithm(a, h), message, value)
}

// x509Algorithm is the name that crypto/x509 has for a signature algorithm of the
// profile; it refuses one that does not go with the certificate's key.
func x509Algorithm(a algorithm, h crypto.Hash) x509.SignatureAlgorithm {
	isECDSA := slices.ContainsFunc(ecdsaAlgorithms(), a.oid.Equal)
	switch {
	case isECDSA && h == crypto.SHA256:
		return x509.ECDSAWithSHA256
	case isECDSA && h == crypto.SHA384:
		return x509.ECDSAWithSHA384
	case isECDSA && h == crypto.SHA512:
		return x509.ECDSAWithSHA512
	case h == crypto.SHA256:
		return x509.SHA256WithRSA
	case h == crypto.SHA384:
		return x509.SHA384WithRSA
	case h == crypto.SHA512:
		return x509.SHA512WithRSA
	}
	return x509.UnknownSignatureAlgorithm
}

// pickSigner finds the one certificate with the signer's issuer and serial number.
// Two of them would let one verify and the other authorise.
func pickSigner(sd signedData, certs []*x509.Certificate) (leaf *x509.Certificate, others []*x509.Certificate, err error) {
	for _, c := range certs {
		if !bytes.Equal(c.RawIssuer, sd.signer.issuer) || c.SerialNumber.Cmp(sd.signer.serial) != 0 {
			others = append(others, c)
			continue
		}
		if leaf != nil {
			return nil, nil, because(SignerUnknown, "two certificates have the signer's issuer and serial number")
		}
		leaf = c
	}
	if leaf == nil {
		return nil, nil, because(SignerUnknown, "no certificate inside has the signer's issuer and serial number")
	}
	return leaf, others, nil
}

// checkBinding checks the signed attributes that speak about the certificate.
func (s signed) checkBinding() error {
	if err := checkSigningCertificate(s.data.signer, s.leaf.Raw); err != nil {
		return err
	}
	t, err := signingTime(s.data.signer)
	if err != nil {
		return err
	}
	if t.Before(s.leaf.NotBefore) || t.After(s.leaf.NotAfter) {
		return because(SigningTime, "claimed %s, the certificate is for %s to %s", day(t), day(s.leaf.NotBefore), day(s.leaf.NotAfter))
	}
	return nil
}
