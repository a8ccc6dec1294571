package lint

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	zx509 "github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3/lint"
)

// TestTwin: the parsed form with a policy put in front says to every code-signing rule
// what a certificate that was encoded with that policy says, for good and bad ones.
func TestTwin(t *testing.T) {
	rules := lint.GlobalRegistry().CertificateLints().BySource(lint.CABFCSBaselineRequirements)
	policy, err := x509.ParseOID(ext.CodeSigningBaselinePolicy().String())
	if err != nil {
		t.Fatal(err)
	}
	findings := 0
	for name, change := range map[string]func(*x509.Certificate){
		"good":           func(*x509.Certificate) {},
		"no CRL":         func(c *x509.Certificate) { c.CRLDistributionPoints = nil },
		"no OCSP":        func(c *x509.Certificate) { c.OCSPServer = nil },
		"no issuer":      func(c *x509.Certificate) { c.IssuingCertificateURL = nil },
		"461 days":       func(c *x509.Certificate) { c.NotAfter = c.NotBefore.AddDate(0, 0, 461) },
		"four years":     func(c *x509.Certificate) { c.NotAfter = c.NotBefore.AddDate(4, 0, 0) },
		"key usage":      func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign },
		"purpose":        func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} },
		"other policies": func(c *x509.Certificate) { c.Policies = nil },
	} {
		c := x509.Certificate{
			SerialNumber: big.NewInt(1 << 62), Subject: pkix.Name{Country: []string{"NL"}, Organization: []string{"Acme"}, CommonName: "Acme"},
			NotBefore: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC),
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, BasicConstraintsValid: true,
			CRLDistributionPoints: []string{"http://ca.example.com/a.crl"}, OCSPServer: []string{"http://ca.example.com/ocsp"},
			IssuingCertificateURL: []string{"http://ca.example.com/a.cer"}, URIs: []*url.URL{{Scheme: "https", Host: "acme.example"}},
		}
		other, err := x509.ParseOID("1.3.6.1.4.1.32473.1")
		if err != nil {
			t.Fatal(err)
		}
		c.Policies = []x509.OID{other}
		change(&c)
		short := twin(read(t, c))
		c.Policies = append([]x509.OID{policy}, c.Policies...)
		long := read(t, c)
		for _, r := range rules {
			a, b := r.Execute(short, lint.NewEmptyConfig()), r.Execute(long, lint.NewEmptyConfig())
			if a.Status != b.Status || a.Details != b.Details {
				t.Errorf("%s, %s: %v and %v", name, r.Name, a, b)
			}
			if b.Status >= lint.Warn {
				findings++
			}
		}
	}
	if findings < 6 {
		t.Errorf("only %d findings in all", findings)
	}
}

func read(t *testing.T, c x509.Certificate) *zx509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// The rules pass over what names itself as issuer.
	parent := x509.Certificate{Subject: pkix.Name{Country: []string{"NL"}, Organization: []string{"Example"}, CommonName: "Example CA"}}
	der, err := x509.CreateCertificate(rand.Reader, &c, &parent, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zx509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// TestStatusOf: what zlint could not judge counts against the certificate.
func TestStatusOf(t *testing.T) {
	for from, want := range map[lint.LintStatus]Status{
		lint.NA: NotApplicable, lint.NE: NotInForce, lint.Pass: Pass, lint.Notice: Pass, lint.Warn: Warning,
		lint.Error: Error, lint.Fatal: Error, lint.Reserved: Error, 99: Error,
	} {
		if got := statusOf(from); got != want {
			t.Errorf("%v became %v", from, got)
		}
	}
}
