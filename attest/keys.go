package attest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
)

var errSignature = errors.New("signature does not verify")

// KeyID names a key: the SHA-256 of its DER SubjectPublicKeyInfo (RFC 5280
// §4.1.2.7) in lower-case hex. It refuses keys that Open would not accept.
func KeyID(pub crypto.PublicKey) (string, error) {
	k, err := newKey(pub)
	if err != nil {
		return "", err
	}
	return k.id, nil
}

// ParsePublicKey reads a key in PEM: exactly one "PUBLIC KEY" block (RFC 7468
// §13) without headers, nothing but white space around it, of a kind Open accepts.
func ParsePublicKey(text string) (crypto.PublicKey, error) {
	if len(text) > maxPublicKey {
		return nil, refuse(TooLarge, "key", "%d bytes, at most %d", len(text), maxPublicKey)
	}
	text = strings.TrimSpace(text)
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "PUBLIC KEY" || len(block.Headers) > 0 ||
		len(rest) > 0 || !strings.HasPrefix(text, "-----BEGIN") {
		return nil, refuse(BadKey, "key", "not exactly one PEM block PUBLIC KEY")
	}
	pub, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, &Error{Reason: BadKey, Field: "key", Err: err}
	}
	if _, err := newKey(pub); err != nil {
		return nil, err
	}
	return pub, nil
}

// key is a public key that has passed the rules of this package.
type key struct {
	pub  crypto.PublicKey
	id   string
	hash crypto.Hash // zero for Ed25519, which signs the message itself
}

func newKey(pub crypto.PublicKey) (key, error) {
	k := key{pub: pub}
	switch p := pub.(type) {
	case *ecdsa.PublicKey:
		switch {
		case p == nil:
			return key{}, refuse(BadKey, "key", "nil")
		case p.Curve == elliptic.P256():
			k.hash = crypto.SHA256
		case p.Curve == elliptic.P384():
			k.hash = crypto.SHA384
		default:
			return key{}, refuse(BadKey, "key", "ECDSA curve is neither P-256 nor P-384")
		}
	case *rsa.PublicKey:
		if p == nil || p.N == nil || p.N.BitLen() < minRSABits || p.N.BitLen() > maxRSABits {
			return key{}, refuse(BadKey, "key", "RSA modulus is not %d to %d bits", minRSABits, maxRSABits)
		}
		k.hash = crypto.SHA256
	case ed25519.PublicKey:
		if len(p) != ed25519.PublicKeySize {
			return key{}, refuse(BadKey, "key", "Ed25519 key of %d bytes", len(p))
		}
	default:
		return key{}, refuse(BadKey, "key", "%T is neither ECDSA, RSA nor Ed25519", pub)
	}
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return key{}, &Error{Reason: BadKey, Field: "key", Err: err}
	}
	sum := sha256.Sum256(der)
	k.id = hex.EncodeToString(sum[:])
	return k, nil
}

// Verify checks one signature over a pre-authentication encoding.
func (k key) Verify(_ context.Context, pae, sig []byte) error {
	msg := k.digest(pae)
	switch p := k.pub.(type) {
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(p, msg, sig) && !verifyRaw(p, msg, sig) {
			return errSignature
		}
		return nil
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(p, k.hash, msg, sig)
	case ed25519.PublicKey:
		if !ed25519.Verify(p, msg, sig) {
			return errSignature
		}
		return nil
	}
	return errSignature
}

// verifyRaw takes r and s as two numbers of the curve's size without DER, as the
// test vector of the DSSE document and some key services have them.
func verifyRaw(p *ecdsa.PublicKey, msg, sig []byte) bool {
	n := (p.Curve.Params().BitSize + 7) / 8
	if len(sig) != 2*n {
		return false
	}
	return ecdsa.Verify(p, msg, new(big.Int).SetBytes(sig[:n]), new(big.Int).SetBytes(sig[n:]))
}

func (k key) digest(pae []byte) []byte {
	if k.hash == 0 {
		return pae
	}
	h := k.hash.New()
	h.Write(pae)
	return h.Sum(nil)
}
