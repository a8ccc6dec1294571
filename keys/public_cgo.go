//go:build cgo && !nopkcs11

package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"math"
	"math/big"

	"github.com/miekg/pkcs11"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// publicKeys returns what may be the public half of a private key: the public objects
// of its label and id, those of its id alone, and as a last resort the certificates of
// its id, which is all that some cards have. None: nobody knows it.
func (m *module) publicKeys(session pkcs11.SessionHandle, private object) ([]crypto.PublicKey, error) {
	found, err := m.keysIn(session, pkcs11.CKO_PUBLIC_KEY, pkcs11URI{object: private.label, id: private.id})
	if err == nil && len(found) == 0 && len(private.id) > 0 {
		found, err = m.keysIn(session, pkcs11.CKO_PUBLIC_KEY, pkcs11URI{id: private.id})
	}
	if err != nil {
		return nil, err
	}
	var all []crypto.PublicKey
	for _, o := range found {
		if o.kind != private.kind {
			continue
		}
		public, err := parsePublic(m.attributes(session, o.handle))
		if err != nil {
			return nil, fmt.Errorf("public key %s: %w", o, err)
		}
		all = append(all, public)
	}
	if len(all) > 0 || len(private.id) == 0 {
		return all, nil
	}
	return m.certified(session, private)
}

// certified returns the public keys of the certificates that have the key's id.
func (m *module) certified(session pkcs11.SessionHandle, private object) ([]crypto.PublicKey, error) {
	handles, err := m.find(session, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_CERTIFICATE), pkcs11.NewAttribute(pkcs11.CKA_ID, private.id)})
	if err != nil {
		return nil, err
	}
	var all []crypto.PublicKey
	for _, h := range handles {
		cert, err := x509.ParseCertificate(m.attributes(session, h)(pkcs11.CKA_VALUE))
		if err == nil && Kind(cert.PublicKey) == private.kind {
			all = append(all, cert.PublicKey)
		}
	}
	return all, nil
}

// parsePublic reads a public key object (PKCS #11 v2.40, current mechanisms, §2.1.2 and
// §2.3.3).
func parsePublic(get func(attribute uint) []byte) (crypto.PublicKey, error) {
	if ulong(get(pkcs11.CKA_KEY_TYPE)) == pkcs11.CKK_RSA {
		return parseRSA(get(pkcs11.CKA_MODULUS), get(pkcs11.CKA_PUBLIC_EXPONENT))
	}
	kind, unusable := ecKind(get(pkcs11.CKA_EC_PARAMS))
	if unusable != "" {
		return nil, fmt.Errorf("%s: %s", kind, unusable)
	}
	curve := elliptic.P256()
	if kind == kindP384 {
		curve = elliptic.P384()
	}
	return parsePoint(curve, get(pkcs11.CKA_EC_POINT))
}

// parsePoint takes a point as the standard has it, in an OCTET STRING, or bare, as some
// tokens do.
func parsePoint(curve elliptic.Curve, raw []byte) (*ecdsa.PublicKey, error) {
	in, point := cryptobyte.String(raw), cryptobyte.String(nil)
	if !in.ReadASN1(&point, asn1.OCTET_STRING) || !in.Empty() {
		point = raw
	}
	return ecdsa.ParseUncompressedPublicKey(curve, point)
}

func parseRSA(modulus, exponent []byte) (*rsa.PublicKey, error) {
	n, e := new(big.Int).SetBytes(modulus), new(big.Int).SetBytes(exponent)
	if n.BitLen() == 0 || n.BitLen() > maxModulusBits || !e.IsInt64() || e.Int64() < 2 || e.Int64() > math.MaxInt32 {
		return nil, fmt.Errorf("an RSA key of %d bits with a public exponent of %d bits", n.BitLen(), e.BitLen())
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}
