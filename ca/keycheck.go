package ca

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strconv"
)

const keyHint = "use ECDSA P-256 or P-384, or RSA with 3072 bits or more"

// CheckKey refuses a public key that may not stand in a code-signing certificate:
// CABF Code Signing BR section 6.1.5.2, minus P-521, which half of the tools that
// must read the signatures lack. Of RSA keys it also refuses those that a
// computation shows to be weak (section 6.1.1.3): the mark of CVE-2017-15361
// (ROCA), a prime factor under 752, and primes so close that 100 rounds of Fermat's
// method find them.
//
// It does not know the keys that Debian's OpenSSL made from 2006 to 2008
// (CVE-2008-0166): they look like any other key and are told by a list only. None comes
// along; Issue asks the administrator's (Blocklist). Nor does it see a prime shared with somebody else's
// key. The error is a *Refusal.
func CheckKey(pub crypto.PublicKey) error {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return checkRSA(k)
	case *ecdsa.PublicKey:
		if k == nil || k.Curve == nil {
			return refuse(CodeBadRequest, "", "empty public key")
		}
		if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() {
			return refuse(CodeKeyCurve, keyHint, "elliptic curve %s is not accepted", k.Curve.Params().Name)
		}
		// Rejects points off the curve and the point at infinity.
		if _, err := k.ECDH(); err != nil {
			return refuse(CodeCSRMalformed, "", "the key is not a point on %s", k.Curve.Params().Name)
		}
		return nil
	case ed25519.PublicKey:
		return refuse(CodeKeyAlgorithm, keyHint, "Ed25519 is not accepted for code signing: CMS verifiers such as OpenSSL 3.0 cannot check it")
	case nil:
		return refuse(CodeBadRequest, "", "no public key")
	}
	return refuse(CodeKeyAlgorithm, keyHint, "public key algorithm %T is not accepted", pub)
}

func checkRSA(k *rsa.PublicKey) error {
	if k == nil || k.N == nil {
		return refuse(CodeBadRequest, "", "empty public key")
	}
	if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return refuse(CodeKeySize, keyHint, "RSA key of %d bits, want %d to %d", bits, minRSABits, maxRSABits)
	}
	if k.E < minRSAExponent || k.E%2 == 0 {
		return refuse(CodeKeyExponent, "make the key with the exponent 65537", "RSA public exponent %d is small or even", k.E)
	}
	if k.N.Bit(0) == 0 {
		return refuse(CodeCSRMalformed, "", "RSA modulus is even")
	}
	return checkModulus(k.N)
}

// CheckCSR reads a PKCS #10 request, DER or one PEM block, and returns its public
// key once the key is acceptable and the request's own signature proves that the
// sender holds it (RFC 2986 §4.2). Subject, attributes and requested extensions are
// not returned: nothing of them reaches a certificate. The error is a *Refusal.
func CheckCSR(raw []byte) (crypto.PublicKey, error) {
	if len(raw) > maxCSRBytes {
		return nil, refuse(CodeCSRTooLarge, "", "certificate request of %d bytes, at most %d", len(raw), maxCSRBytes)
	}
	der, err := csrDER(raw)
	if err != nil {
		return nil, err
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, refuse(CodeCSRMalformed, "", "certificate request cannot be read: %v", err)
	}
	return checkParsedCSR(csr)
}

// checkParsedCSR looks at the key before the signature: Go will not verify with a
// short RSA key at all, and "signature wrong" would send people the wrong way.
func checkParsedCSR(csr *x509.CertificateRequest) (crypto.PublicKey, error) {
	if csr.PublicKey == nil { // of an algorithm that crypto/x509 has never heard of
		return nil, refuse(CodeKeyAlgorithm, keyHint, "public key algorithm is not known")
	}
	if err := CheckKey(csr.PublicKey); err != nil {
		return nil, err
	}
	switch csr.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return nil, refuse(CodeCSRSignature, "sign the request with SHA-256", "certificate request signed with %s", csr.SignatureAlgorithm)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, refuse(CodeCSRSignature, "make the request with the private key that belongs to it", "the request's own signature does not verify: %v", err)
	}
	return csr.PublicKey, nil
}

func csrDER(raw []byte) ([]byte, error) {
	if len(raw) == 0 {
		return nil, refuse(CodeCSRMalformed, "", "certificate request is empty")
	}
	if raw[0] == 0x30 { // a DER SEQUENCE; PEM begins with '-' or text before it
		return raw, nil
	}
	block, rest := pem.Decode(raw)
	if block == nil {
		return nil, refuse(CodeCSRMalformed, "send DER, or PEM with BEGIN CERTIFICATE REQUEST", "certificate request is neither DER nor PEM")
	}
	if block.Type != "CERTIFICATE REQUEST" && block.Type != "NEW CERTIFICATE REQUEST" {
		return nil, refuse(CodeCSRMalformed, "", "PEM block is %s, want CERTIFICATE REQUEST", strconv.Quote(block.Type))
	}
	if len(bytes.TrimSpace(rest)) != 0 {
		return nil, refuse(CodeCSRMalformed, "", "text after the certificate request")
	}
	return block.Bytes, nil
}
