package verify_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/verify"
)

// TestCheckCRL: a good list says what it lists; with one thing broken it says why not.
func TestCheckCRL(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	newIssuer := func() (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Example CA"}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte{1},
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert, key
	}
	issuer, key := newIssuer()
	_, stranger := newIssuer()
	const address = "http://ca.example.com/crl/standard/7.crl"
	point := func(url string) pkix.Extension {
		name := append([]byte{0x86, byte(len(url))}, url...)
		value := append([]byte{0x30, byte(len(name) + 7), 0xa0, byte(len(name) + 2), 0xa0, byte(len(name))}, name...)
		return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: append(value, 0x81, 1, 0xff)}
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(42), CRLDistributionPoints: []string{address}}
	for name, c := range map[string]struct {
		change func(*x509.RevocationList)
		signer *ecdsa.PrivateKey
		raw    func([]byte) []byte
		want   verify.Code
		listed bool
	}{
		"listed":      {change: func(*x509.RevocationList) {}, listed: true},
		"not listed":  {change: func(l *x509.RevocationList) { l.RevokedCertificateEntries[0].SerialNumber = big.NewInt(43) }},
		"another key": {change: func(*x509.RevocationList) {}, signer: stranger, want: verify.RevocationUnknown},
		"SHA-1":       {change: func(l *x509.RevocationList) { l.SignatureAlgorithm = x509.ECDSAWithSHA1 }, want: verify.RevocationUnknown},
		"another shard": {change: func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{point("http://ca.example.com/crl/standard/8.crl")}
		}, want: verify.RevocationUnknown},
		"no shard": {change: func(l *x509.RevocationList) { l.ExtraExtensions = nil }, want: verify.RevocationUnknown},
		"a delta": {change: func(l *x509.RevocationList) {
			l.ExtraExtensions = append(l.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}})
		}, want: verify.RevocationUnknown},
		"ended": {change: func(l *x509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = now.AddDate(0, 0, -8), now.Add(-time.Second)
		}, want: verify.RevocationStale},
		"from the future": {change: func(l *x509.RevocationList) { l.ThisUpdate = now.Add(6 * time.Minute) }, want: verify.ClockBehind},
		"cut":             {change: func(*x509.RevocationList) {}, raw: func(b []byte) []byte { return b[:len(b)-1] }, want: verify.RevocationUnknown},
		"too large":       {change: func(*x509.RevocationList) {}, raw: func([]byte) []byte { return make([]byte, 8<<20+1) }, want: verify.RevocationUnknown},
	} {
		list := &x509.RevocationList{
			Number: big.NewInt(3), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour), ExtraExtensions: []pkix.Extension{point(address)},
			RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(42), RevocationTime: now.AddDate(0, 0, -1), ReasonCode: 1}},
		}
		c.change(list)
		signer := key
		if c.signer != nil {
			signer = c.signer
		}
		parent := *issuer
		parent.PublicKey = signer.Public()
		der, err := x509.CreateRevocationList(rand.Reader, list, &parent, signer)
		if err != nil {
			t.Fatal(err)
		}
		if c.raw != nil {
			der = c.raw(der)
		}
		got, err := verify.CheckCRL(der, leaf, issuer, true, now)
		var reason verify.Reason
		if errors.As(err, &reason); reason.Code != c.want {
			t.Errorf("%s: %v", name, err)
		}
		if got.Listed != c.listed || c.listed && (got.Reason != 1 || got.Number.Int64() != 3 || !got.RevocationDate.Equal(now.AddDate(0, 0, -1))) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
