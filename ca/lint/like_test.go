package lint

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	zx509 "github.com/zmap/zcrypto/x509"
)

// likeMaker makes certificates that have much in common.
type likeMaker struct {
	t      testing.TB
	signer *ecdsa.PrivateKey
}

func (m likeMaker) leaf(pub crypto.PublicKey, change func(c, issuer *x509.Certificate)) []byte {
	m.t.Helper()
	id := sha1.Sum([]byte(time.Now().String()))
	policy, err := x509.ParseOID("1.3.6.1.4.1.32473.1")
	if err != nil {
		m.t.Fatal(err)
	}
	c := x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(id[:16]), Subject: pkix.Name{Country: []string{"NL"}, Organization: []string{"Acme"}, CommonName: "Acme"},
		NotBefore: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC), SubjectKeyId: id[:],
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, BasicConstraintsValid: true,
		CRLDistributionPoints: []string{"http://ca.example.com/crl/a/1.crl"}, OCSPServer: []string{"http://ca.example.com/ocsp"},
		IssuingCertificateURL: []string{"http://ca.example.com/ca/a.cer"}, URIs: []*url.URL{{Scheme: "https", Host: "acme.example"}},
		Policies:        []x509.OID{policy},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier(ext.DefaultArc().AttestationRepository()), Value: []byte{5, 0}}},
	}
	issuer := x509.Certificate{Subject: pkix.Name{Country: []string{"NL"}, Organization: []string{"Example"}, CommonName: "Example CA"}, SubjectKeyId: []byte{1, 2, 3}}
	change(&c, &issuer)
	der, err := x509.CreateCertificate(rand.Reader, &c, &issuer, pub, m.signer)
	if err != nil {
		m.t.Fatal(err)
	}
	return der
}

func likeMaking(t testing.TB) (likeMaker, crypto.PublicKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return likeMaker{t, key}, key.Public()
}

func unchanged(_, _ *x509.Certificate) {}

// TestReadLike: in every field, what is read beside another certificate is what zcrypto
// reads, and it is only read so when nothing else differs.
func TestReadLike(t *testing.T) {
	m, p256 := likeMaking(t)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	strong := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 3071, 1), E: 65537}
	like, err := Read(m.leaf(p256, unchanged), Context{})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		pub    crypto.PublicKey
		change func(c, issuer *x509.Certificate)
		short  bool // not everything is read anew
	}{
		"same":               {p256, unchanged, true},
		"P-384":              {p384.Public(), unchanged, true},
		"RSA":                {strong, unchanged, true},
		"long serial number": {p256, func(c, _ *x509.Certificate) { c.SerialNumber = new(big.Int).Lsh(big.NewInt(255), 144) }, true},
		"no serial number":   {p256, func(c, _ *x509.Certificate) { c.SerialNumber = big.NewInt(0) }, true},
		"other dates": {p256, func(c, _ *x509.Certificate) {
			c.NotBefore, c.NotAfter = c.NotBefore.Add(time.Second), time.Date(2051, 1, 1, 0, 0, 0, 0, time.UTC)
		}, true},
		"other list":        {p256, func(c, _ *x509.Certificate) { c.CRLDistributionPoints = []string{"ldap://x", "http://y"} }, true},
		"no key identifier": {p256, func(c, _ *x509.Certificate) { c.SubjectKeyId = nil }, false},
		"no list":           {p256, func(c, _ *x509.Certificate) { c.CRLDistributionPoints = nil }, false},
		"other subject":     {p256, func(c, _ *x509.Certificate) { c.Subject.CommonName = "Acne" }, false},
		"other issuer":      {p256, func(_, i *x509.Certificate) { i.Subject.CommonName = "Example CB" }, false},
		"other issuer key":  {p256, func(_, i *x509.Certificate) { i.SubjectKeyId = []byte{1, 2, 4} }, false},
		"self-issued":       {p256, func(c, i *x509.Certificate) { i.Subject = c.Subject }, false},
		"key usage":         {p256, func(c, _ *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }, false},
		"purpose":           {p256, func(c, _ *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, false},
		"CA":                {p256, func(c, _ *x509.Certificate) { c.IsCA = true }, false},
		"policies":          {p256, func(c, _ *x509.Certificate) { c.Policies = nil }, false},
		"name":              {p256, func(c, _ *x509.Certificate) { c.URIs[0].Host = "acne.example" }, false},
		"addresses":         {p256, func(c, _ *x509.Certificate) { c.OCSPServer = nil }, false},
		"critical":          {p256, func(c, _ *x509.Certificate) { c.ExtraExtensions[0].Critical = true }, false},
		"mark":              {p256, func(c, _ *x509.Certificate) { c.ExtraExtensions[0].Value = []byte{4, 0} }, false},
		"one more": {p256, func(c, _ *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{5, 0}})
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			der := m.leaf(c.pub, c.change)
			got, err := Read(der, Context{Like: like})
			if err != nil {
				t.Fatal(err)
			}
			if short := got.readLike(like) != nil; short != c.short {
				t.Errorf("read anew: %t", !short)
			}
			want, err := zx509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			sameFields(t, *got.zcrypto, *want)
		})
	}
}

func sameFields(t *testing.T, got, want zx509.Certificate) {
	t.Helper()
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range w.NumField() {
		if name := w.Type().Field(i).Name; w.Field(i).CanInterface() && !reflect.DeepEqual(g.Field(i).Interface(), w.Field(i).Interface()) {
			t.Errorf("%s: %v, zcrypto reads %v", name, g.Field(i), w.Field(i))
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Error("a field that is not exported differs")
	}
}

// FuzzReadLike: whatever the bytes, another certificate beside them changes nothing of
// what is read, nor whether anything is.
func FuzzReadLike(f *testing.F) {
	m, pub := likeMaking(f)
	der := m.leaf(pub, unchanged)
	like, err := Read(der, Context{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Add(m.leaf(pub, unchanged))
	for i := 0; i < len(der); i += 7 {
		broken := append([]byte{}, der...)
		broken[i] ^= 1
		f.Add(broken)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		got, err := Read(der, Context{Like: like})
		if err != nil {
			return
		}
		want, err := zx509.ParseCertificate(der)
		if (err == nil) != (got.zcrypto != nil) {
			t.Fatalf("zcrypto says %v, here %d troubles", err, len(got.trouble))
		}
		if err == nil {
			sameFields(t, *got.zcrypto, *want)
		}
	})
}
