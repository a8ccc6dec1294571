package ocsp

import (
	"crypto"
	"crypto/sha1" // RFC 6960 §4.2.1 names responders by SHA-1; nothing is signed with it
	"crypto/x509"
	"encoding/asn1"
	"fmt"
)

// Names are an issuing CA's name and key hashed, as requests name it, by algorithm.
type Names map[crypto.Hash][2]string

// NewNames hashes the name and the key of an issuing CA's certificate.
func NewNames(cert *x509.Certificate) (Names, error) {
	bits, err := subjectKeyBits(cert)
	if err != nil {
		return nil, err
	}
	names := Names{}
	for hash := range hashes() {
		sum := func(b []byte) string { h := hash.New(); h.Write(b); return string(h.Sum(nil)) }
		names[hash] = [2]string{sum(cert.RawSubject), sum(bits)}
	}
	return names, nil
}

// Name reports whether it is this issuing CA that id is about.
func (n Names) Name(id CertID) bool { return n[id.Hash] == [2]string{id.NameHash, id.KeyHash} }

// Form is how a request may name an issuer.
type Form struct {
	Hash crypto.Hash
	Null bool // as in CertID
}

// Forms are all that ParseRequest takes.
func Forms() []Form {
	var forms []Form
	for _, hash := range []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		forms = append(forms, Form{hash, true}, Form{hash, false})
	}
	return forms
}

// subjectKeyBits returns the bits of a certificate's public key, without its algorithm,
// as OCSP hashes them.
func subjectKeyBits(cert *x509.Certificate) ([]byte, error) {
	var spki struct {
		Algorithm asn1.RawValue
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(cert.RawSubjectPublicKeyInfo, &spki); err != nil {
		return nil, fmt.Errorf("public key of %s: %w", cert.Subject.CommonName, err)
	}
	return spki.Key.RightAlign(), nil
}

func subjectKeySHA1(cert *x509.Certificate) ([]byte, error) {
	bits, err := subjectKeyBits(cert)
	if err != nil {
		return nil, err
	}
	sum := sha1.Sum(bits)
	return sum[:], nil
}
