package ca

import (
	"crypto"
	"crypto/rand"
	"crypto/sha1" // RFC 6960 §4.2.1 names responders by SHA-1; nothing is signed with it
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Why this file: golang.org/x/crypto/ocsp writes extensions of a single answer, but not
// those of the response, where the nonce belongs, and answers for one certificate only.

// Statuses of RFC 6960 §2.2, by their tags.
const (
	ocspGood    = 0
	ocspRevoked = 1
	ocspUnknown = 2
)

// ocspSingle is the answer about one certificate.
type ocspSingle struct {
	id                     certID
	status                 int
	revokedAt              time.Time // of ocspRevoked
	reason                 int       // 0 is left out, as in lists
	thisUpdate, nextUpdate time.Time
}

// ocspSigner signs answers for one issuing CA, RFC 6960 §4.2.2.2.
type ocspSigner struct {
	cert *x509.Certificate
	key  crypto.Signer // P-256
}

// respond makes an OCSPResponse with status successful, RFC 6960 §4.2.1.
func (s ocspSigner) respond(singles []ocspSingle, nonce []byte, producedAt time.Time) ([]byte, error) {
	tbs, err := s.responseData(singles, nonce, producedAt)
	if err != nil {
		return nil, fmt.Errorf("OCSP response: %w", err)
	}
	digest := sha256.Sum256(tbs)
	signature, err := s.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign OCSP response: %w", err)
	}
	var basic cryptobyte.Builder
	basic.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { // ecdsa-with-SHA256
			b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2})
		})
		b.AddASN1BitString(signature)
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(s.cert.Raw) })
		})
	})
	body, err := basic.Bytes()
	if err != nil {
		return nil, fmt.Errorf("OCSP response: %w", err)
	}
	var outer cryptobyte.Builder
	outer.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Enum(0) // successful
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidOCSPBasic)
				b.AddASN1OctetString(body)
			})
		})
	})
	return outer.Bytes()
}

func explicit(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }

// responseData is what is signed. The responder is named by its key (byKey), which is
// the shorter form.
func (s ocspSigner) responseData(singles []ocspSingle, nonce []byte, producedAt time.Time) ([]byte, error) {
	keyHash, err := subjectKeySHA1(s.cert)
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(explicit(2), func(b *cryptobyte.Builder) { b.AddASN1OctetString(keyHash) })
		b.AddASN1GeneralizedTime(producedAt)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, single := range singles {
				single.add(b)
			}
		})
		if nonce == nil {
			return
		}
		b.AddASN1(explicit(1), func(b *cryptobyte.Builder) { // responseExtensions
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(oidOCSPNonce)
					b.AddASN1(cbasn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddASN1OctetString(nonce) })
				})
			})
		})
	})
	return b.Bytes()
}

// add writes a SingleResponse.
func (s ocspSingle) add(b *cryptobyte.Builder) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		s.id.add(b)
		if s.status != ocspRevoked {
			b.AddASN1(cbasn1.Tag(s.status).ContextSpecific(), func(*cryptobyte.Builder) {})
		} else {
			b.AddASN1(explicit(ocspRevoked), func(b *cryptobyte.Builder) { // RevokedInfo, implicit
				b.AddASN1GeneralizedTime(s.revokedAt)
				if s.reason != 0 {
					b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1Enum(int64(s.reason)) })
				}
			})
		}
		b.AddASN1GeneralizedTime(s.thisUpdate)
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(s.nextUpdate) })
	})
}

// add writes the CertID that was asked about. It is written anew, so that nobody has
// bytes of their choice signed.
func (id certID) add(b *cryptobyte.Builder) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(ocspHashes()[id.hash])
			if id.null {
				b.AddASN1NULL()
			}
		})
		b.AddASN1OctetString([]byte(id.nameHash))
		b.AddASN1OctetString([]byte(id.keyHash))
		b.AddASN1BigInt(id.serial)
	})
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
