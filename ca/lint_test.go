package ca

import (
	"crypto/x509"
	"encoding/asn1"
	"net/url"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/store"
	zx509 "github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"
)

// Every certificate we make passes every lint that was asked, CA certificates too.
func TestNoFindings(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 4, year)
	f.assess("acme", "s2c2f-v1.1", "consumption", 2, year)
	h := hierarchy(t)
	certs := map[string]*x509.Certificate{
		"root": h.root, "timestamping": h.timestamping, "tsa": h.tsa, "operator": h.operator,
		"leaf": f.issue("acme").Certificate, "server": f.ca.ServerTLS().Leaf,
	}
	for _, tier := range h.tiers {
		certs[tier.name], certs[tier.name+twinSuffix] = tier.cert, tier.twin
	}
	responder, err := f.ca.responderOf(t.Context(), f.ca.tiers[0])
	if err != nil {
		t.Fatal(err)
	}
	client, err := f.ca.IssueClient(t.Context(), newKey(t).Public(), store.Person{ID: "alice", Role: "vendor", Vendor: "acme", Organization: "Acme Ltd"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	certs["responder"], certs["client"] = responder.cert, client
	for name, c := range certs {
		if err := f.ca.linter.lint(c.Raw, f.ca.linter.general); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := applied(t, c.Raw, f.ca.linter.general); n < 20 {
			t.Errorf("%s: only %d lints had anything to say", name, n)
		}
	}
}

func applied(t *testing.T, der []byte, r lint.Registry) int {
	t.Helper()
	c, err := zx509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, result := range zlint.LintCertificateEx(c, r).Results {
		if result.Status >= lint.Pass {
			n++
		}
	}
	return n
}

// What the lints object to is never signed. Each case is a template that breaks one
// rule; the profile's own check would have caught some of them before.
func TestLintRefuses(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	var g *grant
	f.view(func(r store.Reader) (err error) { g, err = f.ca.gate(r, "acme", nil, noon); return err })
	for name, c := range map[string]struct {
		change func(*x509.Certificate)
		want   string
	}{
		"CRL over https":      {func(c *x509.Certificate) { c.CRLDistributionPoints = []string{"https://ca.example.com/x.crl"} }, "distribution_point"},
		"no CRL":              {func(c *x509.Certificate) { c.CRLDistributionPoints = nil }, "crl"},
		"no OCSP or issuer":   {func(c *x509.Certificate) { c.OCSPServer, c.IssuingCertificateURL = nil, nil }, "e_"},
		"461 days":            {func(c *x509.Certificate) { c.NotAfter = c.NotBefore.AddDate(0, 0, 461) }, "460_days"},
		"key encipherment":    {func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }, "e_"},
		"relative URI as SAN": {func(c *x509.Certificate) { c.URIs = []*url.URL{{Path: "acme"}} }, "uri"},
	} {
		t.Run(name, func(t *testing.T) {
			tier := f.ca.tiers[0]
			template, err := tier.profile.fill(newKey(t).Public(), g, g.from, g.until)
			if err != nil {
				t.Fatal(err)
			}
			c.change(template)
			_, err = tier.issuer.prepare(template)
			wantRefusal(t, err, CodeLint)
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want a finding like %q", err, c.want)
			}
		})
	}
}

// The profile refuses a template file that says something else.
func TestProfileCheck(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	var g *grant
	f.view(func(r store.Reader) (err error) { g, err = f.ca.gate(r, "acme", nil, noon); return err })
	p := f.ca.tiers[0].profile
	for name, change := range map[string]func(*x509.Certificate){
		"CA":              func(c *x509.Certificate) { c.IsCA = true },
		"key usage":       func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign },
		"second EKU":      func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) },
		"unknown EKU":     func(c *x509.Certificate) { c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3}} },
		"DNS name":        func(c *x509.Certificate) { c.DNSNames = []string{"x.example"} },
		"no URI":          func(c *x509.Certificate) { c.URIs = nil },
		"other CRL":       func(c *x509.Certificate) { c.CRLDistributionPoints = []string{"http://x.example"} },
		"no OCSP":         func(c *x509.Certificate) { c.OCSPServer = nil },
		"critical mark":   func(c *x509.Certificate) { c.ExtraExtensions[0].Critical = true },
		"stray extension": func(c *x509.Certificate) { c.ExtraExtensions[0].Id = asn1.ObjectIdentifier{2, 5, 29, 19} },
	} {
		template, err := p.fill(newKey(t).Public(), g, g.from, g.until)
		if err != nil {
			t.Fatal(err)
		}
		change(template)
		if err := p.check(template); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
