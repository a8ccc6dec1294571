package ocsp

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Statuses of RFC 6960 §2.2, by their tags.
const (
	Good    = 0
	Revoked = 1
	Unknown = 2
)

// Single is the answer about one certificate, a SingleResponse of RFC 6960 §4.2.1.
type Single struct {
	ID                     CertID
	Status                 int       // Good, Revoked or Unknown
	RevokedAt              time.Time // of Revoked
	Reason                 int       // RFC 5280 §5.3.1; 0 is left out, as in lists
	ThisUpdate, NextUpdate time.Time
}

// Signer signs answers for one issuing CA, RFC 6960 §4.2.2.2.
type Signer struct {
	Cert *x509.Certificate
	Key  crypto.Signer // P-256
}

// Respond makes an OCSPResponse with status successful, RFC 6960 §4.2.1.
func (s Signer) Respond(singles []Single, nonce []byte, producedAt time.Time) ([]byte, error) {
	tbs, err := s.responseData(singles, nonce, producedAt)
	if err != nil {
		return nil, fmt.Errorf("OCSP response: %w", err)
	}
	digest := sha256.Sum256(tbs)
	signature, err := s.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign OCSP response: %w", err)
	}
	var basic cryptobyte.Builder
	basic.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(ext.ECDSAWithSHA256()) })
		b.AddASN1BitString(signature)
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(s.Cert.Raw) })
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
				b.AddASN1ObjectIdentifier(oidBasic)
				b.AddASN1OctetString(body)
			})
		})
	})
	return outer.Bytes()
}

func explicit(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }

// responseData is what is signed. The responder is named by its key (byKey), which is
// the shorter form.
func (s Signer) responseData(singles []Single, nonce []byte, producedAt time.Time) ([]byte, error) {
	keyHash, err := subjectKeySHA1(s.Cert)
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
					b.AddASN1ObjectIdentifier(oidNonce)
					b.AddASN1(cbasn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddASN1OctetString(nonce) })
				})
			})
		})
	})
	return b.Bytes()
}

// add writes a SingleResponse.
func (s Single) add(b *cryptobyte.Builder) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		s.ID.add(b)
		if s.Status != Revoked {
			b.AddASN1(cbasn1.Tag(s.Status).ContextSpecific(), func(*cryptobyte.Builder) {})
		} else {
			b.AddASN1(explicit(Revoked), func(b *cryptobyte.Builder) { // RevokedInfo, implicit
				b.AddASN1GeneralizedTime(s.RevokedAt)
				if s.Reason != 0 {
					b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1Enum(int64(s.Reason)) })
				}
			})
		}
		b.AddASN1GeneralizedTime(s.ThisUpdate)
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(s.NextUpdate) })
	})
}

// add writes the CertID that was asked about. It is written anew, so that nobody has
// bytes of their choice signed.
func (id CertID) add(b *cryptobyte.Builder) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(hashes()[id.Hash])
			if id.Null {
				b.AddASN1NULL()
			}
		})
		b.AddASN1OctetString([]byte(id.NameHash))
		b.AddASN1OctetString([]byte(id.KeyHash))
		b.AddASN1BigInt(id.Serial)
	})
}
