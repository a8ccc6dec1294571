package oci

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha256" // SHA-256 for crypto.Hash
	_ "crypto/sha512" // SHA-384 and SHA-512 for crypto.Hash
	"fmt"
	"math/big"
)

// Algorithm returns the JWS algorithm that goes with a key, its hash and its name in
// RFC 7518 §3.1: the Notary Project leaves no choice. RSA keys are of 3072 or 4096 bits,
// always with RSASSA-PSS.
func Algorithm(pub crypto.PublicKey) (string, crypto.Hash, error) {
	switch key := pub.(type) {
	case *ecdsa.PublicKey:
		switch key.Params().BitSize {
		case 256:
			return "ES256", crypto.SHA256, nil
		case 384:
			return "ES384", crypto.SHA384, nil
		case 521:
			return "ES512", crypto.SHA512, nil
		}
		return "", 0, refuse(WrongAlgorithm, "no algorithm for curve %s", key.Params().Name)
	case *rsa.PublicKey:
		switch key.Size() * 8 {
		case 3072:
			return "PS384", crypto.SHA384, nil
		case 4096:
			return "PS512", crypto.SHA512, nil
		}
		return "", 0, refuse(WrongAlgorithm, "an RSA key of %d bits, want 3072 or 4096", key.Size()*8)
	}
	return "", 0, refuse(WrongAlgorithm, "key type %T, want ECDSA or RSA", pub)
}

// Verify checks the signature value under a key, RFC 7515 §5.2. It does not ask whose
// key that is. *Error with reason BadSignature or WrongAlgorithm.
func (e Envelope) Verify(pub crypto.PublicKey) error {
	alg, hash, err := Algorithm(pub)
	if err != nil {
		return err
	}
	if e.Algorithm != alg {
		return refuse(WrongAlgorithm, "the signature says %.32q, its key is one for %s", e.Algorithm, alg)
	}
	h := hash.New()
	h.Write([]byte(e.protected + "." + e.payload))
	digest := h.Sum(nil)
	ok := false
	switch key := pub.(type) {
	case *ecdsa.PublicKey:
		// RFC 7518 §3.4: r and s side by side, each as long as the field.
		n := (key.Params().BitSize + 7) / 8
		ok = len(e.Signature) == 2*n &&
			ecdsa.Verify(key, digest, new(big.Int).SetBytes(e.Signature[:n]), new(big.Int).SetBytes(e.Signature[n:]))
	case *rsa.PublicKey:
		ok = rsa.VerifyPSS(key, hash, digest, e.Signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
	}
	if !ok {
		return refuse(BadSignature, "it does not verify under the certificate's key")
	}
	return nil
}

// Imprint is the digest of the signature value that a timestamp is taken over: Notary
// Project signature specification, §Timestamp countersignature.
func (e Envelope) Imprint(pub crypto.PublicKey) (crypto.Hash, []byte, error) {
	_, hash, err := Algorithm(pub)
	if err != nil {
		return 0, nil, fmt.Errorf("imprint: %w", err)
	}
	h := hash.New()
	h.Write(e.Signature)
	return hash, h.Sum(nil), nil
}
