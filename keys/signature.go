package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ssh"
)

var errNotVerified = errors.New("the signature does not verify under the public key")

// Kind names the kind and size of a public key for people: "ECDSA P-256".
func Kind(pub crypto.PublicKey) string {
	switch p := pub.(type) {
	case *ecdsa.PublicKey:
		return "ECDSA " + p.Curve.Params().Name
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", p.N.BitLen())
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return fmt.Sprintf("%T", pub)
}

// verifyMessage checks a signature that another program made.
func verifyMessage(pub crypto.PublicKey, message, sig []byte, opts crypto.SignerOpts) error {
	if hash := opts.HashFunc(); hash != 0 {
		h := hash.New()
		h.Write(message)
		message = h.Sum(nil)
	}
	return verifyDigest(pub, message, sig, opts)
}

// verifyDigest is verifyMessage for a digest by opts.HashFunc(), or for the message
// itself where there is none.
func verifyDigest(pub crypto.PublicKey, digest, sig []byte, opts crypto.SignerOpts) error {
	ok := false
	switch p := pub.(type) {
	case *ecdsa.PublicKey:
		ok = ecdsa.VerifyASN1(p, digest, sig)
	case ed25519.PublicKey:
		ok = ed25519.Verify(p, digest, sig)
	case *rsa.PublicKey:
		if pss, isPSS := opts.(*rsa.PSSOptions); isPSS {
			ok = rsa.VerifyPSS(p, opts.HashFunc(), digest, sig, pss) == nil
		} else {
			ok = rsa.VerifyPKCS1v15(p, opts.HashFunc(), digest, sig) == nil
		}
	}
	if !ok {
		return errNotVerified
	}
	return nil
}

// ecdsaDER turns r and s as SSH packs them into ASN.1 DER.
func ecdsaDER(blob []byte) ([]byte, error) {
	var pair struct{ R, S *big.Int }
	if err := ssh.Unmarshal(blob, &pair); err != nil {
		return nil, fmt.Errorf("unpack ECDSA signature: %w", err)
	}
	return marshalECDSA(pair.R, pair.S)
}

func marshalECDSA(r, s *big.Int) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(r)
		b.AddASN1BigInt(s)
	})
	return b.Bytes()
}
