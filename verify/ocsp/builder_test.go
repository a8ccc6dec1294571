package ocsp_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmark-pki/hallmark/verify/ocsp"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// cast is who takes part: a CA, its responder, a certificate, and another CA.
type cast struct {
	issuerKey, responderKey, otherKey       *ecdsa.PrivateKey
	issuer, responder, leaf, other, another *x509.Certificate
}

var build = sync.OnceValues(func() (*cast, error) {
	c := &cast{}
	for _, k := range []**ecdsa.PrivateKey{&c.issuerKey, &c.responderKey, &c.otherKey} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		*k = key
	}
	ca := template("Example CA", func(t *x509.Certificate) {
		t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	})
	var err error
	certify := func(t, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) *x509.Certificate {
		if err != nil {
			return nil
		}
		var der []byte
		if der, err = x509.CreateCertificate(rand.Reader, t, parent, pub, key); err != nil {
			return nil
		}
		var cert *x509.Certificate
		cert, err = x509.ParseCertificate(der)
		return cert
	}
	c.issuer = certify(ca, ca, c.issuerKey.Public(), c.issuerKey)
	c.other = certify(ca, ca, c.otherKey.Public(), c.otherKey) // the same name, another key
	if err != nil {
		return nil, err
	}
	c.responder = certify(delegate(nil), c.issuer, c.responderKey.Public(), c.issuerKey)
	c.leaf = certify(template("acme", func(t *x509.Certificate) { t.SerialNumber = big.NewInt(0x5f0c) }), c.issuer, c.otherKey.Public(), c.issuerKey)
	c.another = certify(template("beta", func(t *x509.Certificate) { t.SerialNumber = big.NewInt(0x5f0d) }), c.issuer, c.otherKey.Public(), c.issuerKey)
	return c, err
})

func made(t testing.TB) *cast {
	t.Helper()
	c, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func template(name string, change func(*x509.Certificate)) *x509.Certificate {
	t := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, NotBefore: noon.AddDate(0, 0, -10), NotAfter: noon.AddDate(0, 0, 10),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if change != nil {
		change(t)
	}
	return t
}

// delegate is a responder's certificate, with one thing changed.
func delegate(change func(*x509.Certificate)) *x509.Certificate {
	t := template("Example CA OCSP", func(t *x509.Certificate) {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
		t.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}}}
	})
	if change != nil {
		change(t)
	}
	return t
}

// message is a response in parts; its zero value from good() is accepted.
type message struct {
	outerStatus int
	kind        asn1.ObjectIdentifier
	version     bool // write out the default
	byKey       bool
	named       *x509.Certificate // whose name or key stands as responder
	producedAt  time.Time
	answers     []single
	extensions  []pkix.Extension
	algorithm   asn1.ObjectIdentifier
	certs       []*x509.Certificate
	key         *ecdsa.PrivateKey
	spoil       bool // the signature
}

type single struct {
	issuer     *x509.Certificate
	serial     *big.Int
	sha256     bool
	status     ocsp.Status
	revokedAt  time.Time
	reason     int
	thisUpdate time.Time
	nextUpdate time.Time
	extensions []pkix.Extension
}

func good(c *cast) *message {
	return &message{
		kind: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}, named: c.responder, producedAt: noon.Add(-time.Hour),
		answers: []single{{
			issuer: c.issuer, serial: c.leaf.SerialNumber, status: ocsp.Good,
			thisUpdate: noon.Add(-time.Hour), nextUpdate: noon.Add(time.Hour),
		}},
		algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, certs: []*x509.Certificate{c.responder}, key: c.responderKey,
	}
}

func tag(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific() }

func explicit(n uint8) cbasn1.Tag { return tag(n).Constructed() }

func keyBits(c *x509.Certificate) []byte {
	var spki struct {
		Algorithm asn1.RawValue
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &spki); err != nil {
		panic(err)
	}
	return spki.Key.RightAlign()
}

func addExtensions(b *cryptobyte.Builder, n uint8, extensions []pkix.Extension) {
	if len(extensions) == 0 {
		return
	}
	der, err := asn1.Marshal(extensions)
	if err != nil {
		panic(err)
	}
	b.AddASN1(explicit(n), func(b *cryptobyte.Builder) { b.AddBytes(der) })
}

func (s single) add(b *cryptobyte.Builder) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			id, name, key := asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, sha1.Sum(s.issuer.RawSubject), sha1.Sum(keyBits(s.issuer))
			nameHash, keyHash := name[:], key[:]
			if s.sha256 {
				id = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
				name, key := sha256.Sum256(s.issuer.RawSubject), sha256.Sum256(keyBits(s.issuer))
				nameHash, keyHash = name[:], key[:]
			}
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(id); b.AddASN1NULL() })
			b.AddASN1OctetString(nameHash)
			b.AddASN1OctetString(keyHash)
			b.AddASN1BigInt(s.serial)
		})
		switch s.status {
		case ocsp.Good:
			b.AddASN1(tag(0), func(*cryptobyte.Builder) {})
		case ocsp.Unknown:
			b.AddASN1(tag(2), func(*cryptobyte.Builder) {})
		case ocsp.Revoked:
			b.AddASN1(explicit(1), func(b *cryptobyte.Builder) {
				b.AddASN1GeneralizedTime(s.revokedAt)
				b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1Enum(int64(s.reason)) })
			})
		}
		b.AddASN1GeneralizedTime(s.thisUpdate)
		if !s.nextUpdate.IsZero() {
			b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(s.nextUpdate) })
		}
		addExtensions(b, 1, s.extensions)
	})
}

func (m *message) data() []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if m.version {
			b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1Int64(0) })
		}
		if m.byKey {
			sum := sha1.Sum(keyBits(m.named))
			b.AddASN1(explicit(2), func(b *cryptobyte.Builder) { b.AddASN1OctetString(sum[:]) })
		} else {
			b.AddASN1(explicit(1), func(b *cryptobyte.Builder) { b.AddBytes(m.named.RawSubject) })
		}
		b.AddASN1GeneralizedTime(m.producedAt)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, s := range m.answers {
				s.add(b)
			}
		})
		addExtensions(b, 1, m.extensions)
	})
	return b.BytesOrPanic()
}

func (m *message) der(t testing.TB) []byte {
	t.Helper()
	tbs := m.data()
	sum := sha256.Sum256(tbs)
	signature, err := ecdsa.SignASN1(rand.Reader, m.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	if m.spoil {
		signature[len(signature)-1] ^= 1
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Enum(int64(m.outerStatus))
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(m.kind)
				b.AddASN1(cbasn1.OCTET_STRING, func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddBytes(tbs)
						b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(m.algorithm) })
						b.AddASN1BitString(signature)
						if len(m.certs) > 0 {
							b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
								b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
									for _, c := range m.certs {
										b.AddBytes(c.Raw)
									}
								})
							})
						}
					})
				})
			})
		})
	})
	return b.BytesOrPanic()
}
