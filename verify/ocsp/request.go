package ocsp

import (
	"crypto"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// MarshalRequest makes the DER request for a Query, RFC 6960 §4.1.1. It names the issuer
// by SHA-1, which every responder knows, and is not signed. The nonce, when there is
// one, has at most 32 bytes.
func MarshalRequest(q Query) ([]byte, error) {
	if q.Certificate == nil || q.Issuer == nil {
		return nil, fmt.Errorf("make OCSP request: certificate and issuer are required")
	}
	if len(q.Nonce) > maxNonceBytes {
		return nil, fmt.Errorf("make OCSP request: nonce of %d bytes, at most %d", len(q.Nonce), maxNonceBytes)
	}
	key, err := keyBits(q.Issuer)
	if err != nil {
		return nil, fmt.Errorf("make OCSP request: the issuer's key: %w", err)
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { // OCSPRequest
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { // TBSRequest
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { // requestList
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { // Request
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { // CertID
						b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
							b.AddASN1ObjectIdentifier(oidSHA1)
							b.AddASN1NULL()
						})
						b.AddASN1OctetString(digest(crypto.SHA1, q.Certificate.RawIssuer))
						b.AddASN1OctetString(digest(crypto.SHA1, key))
						b.AddASN1BigInt(q.Certificate.SerialNumber)
					})
				})
			})
			addNonce(b, q.Nonce)
		})
	})
	return b.Bytes()
}

func addNonce(b *cryptobyte.Builder, nonce []byte) {
	if len(nonce) == 0 {
		return
	}
	b.AddASN1(explicit(2), func(b *cryptobyte.Builder) { // requestExtensions
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidNonce)
				b.AddASN1(cbasn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddASN1OctetString(nonce) })
			})
		})
	})
}
