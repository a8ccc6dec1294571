//go:build cgo && !nopkcs11

package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"

	"github.com/miekg/pkcs11"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// hashNumbers are what PKCS #11 v2.40 calls a hash: its mechanism and that of MGF1, and
// the last byte of its OID 2.16.840.1.101.3.4.2.x.
type hashNumbers struct {
	mechanism, mgf uint
	oid            byte
}

func numbersOf(hash crypto.Hash) (hashNumbers, error) {
	n, ok := map[crypto.Hash]hashNumbers{
		crypto.SHA256: {pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, 1},
		crypto.SHA384: {pkcs11.CKM_SHA384, pkcs11.CKG_MGF1_SHA384, 2},
		crypto.SHA512: {pkcs11.CKM_SHA512, pkcs11.CKG_MGF1_SHA512, 3},
	}[hash]
	if !ok {
		return n, errors.New("of the hashes, SHA-256, SHA-384 and SHA-512 are handled")
	}
	return n, nil
}

// signatureInput returns the mechanism, and what it is handed.
func signatureInput(public crypto.PublicKey, digest []byte, opts crypto.SignerOpts) (*pkcs11.Mechanism, []byte, error) {
	switch pub := public.(type) {
	case *ecdsa.PublicKey:
		// FIPS 186-5 §6.4.1: the leftmost bits. Some tokens refuse more than they use.
		if size := (pub.Curve.Params().BitSize + 7) / 8; len(digest) > size {
			digest = digest[:size]
		}
		return pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil), digest, nil
	case *rsa.PublicKey:
		numbers, err := numbersOf(opts.HashFunc())
		if err != nil {
			return nil, nil, err
		}
		if pss, ok := opts.(*rsa.PSSOptions); ok {
			params := pkcs11.NewPSSParams(numbers.mechanism, numbers.mgf, saltLength(pub, pss))
			return pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_PSS, params), digest, nil
		}
		input, err := digestInfo(numbers, digest)
		return pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS, nil), input, err
	}
	return nil, nil, errors.New("RSA and ECDSA keys sign here")
}

// saltLength is the one that crypto/rsa would take (RFC 8017 §9.1.1, step 3).
func saltLength(pub *rsa.PublicKey, pss *rsa.PSSOptions) uint {
	switch pss.SaltLength {
	case rsa.PSSSaltLengthEqualsHash:
		return uint(pss.Hash.Size())
	case rsa.PSSSaltLengthAuto:
		return uint(max(0, (pub.N.BitLen()+6)/8-2-pss.Hash.Size()))
	}
	return uint(max(0, pss.SaltLength))
}

// digestInfo is what CKM_RSA_PKCS pads and signs (RFC 8017 §9.2, step 2).
func digestInfo(numbers hashNumbers, digest []byte) ([]byte, error) {
	oid := []byte{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, numbers.oid}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(oid) })
			b.AddASN1NULL()
		})
		b.AddASN1OctetString(digest)
	})
	return b.Bytes()
}
