package ca

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ca/lint"
	"github.com/hallmark-pki/hallmark/store"
)

// Every certificate we make passes every lint that was asked, CA certificates too.
func TestNoFindings(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 4, year)
	f.assess("acme", "s2c2f-v1.1", "consumption", 2, year)
	h := hierarchy(t)
	type made struct {
		kind         lint.Kind
		cert, issuer *x509.Certificate
	}
	issued := f.issue("acme")
	certs := map[string]made{
		"root": {lint.KindRoot, h.root, nil}, "timestamping": {lint.KindTimestampingCA, h.timestamping, h.root},
		"tsa": {lint.KindTSA, h.tsa, h.timestamping}, "operator": {lint.KindOther, h.operator, nil},
		"leaf":   {lint.KindLeaf, issued.Certificate, issued.Chain[0]},
		"server": {lint.KindOther, f.ca.ServerTLS().Leaf, h.operator},
	}
	for _, tier := range h.tiers {
		certs[tier.name] = made{lint.KindTier, tier.cert, h.root}
		certs[tier.name+twinSuffix] = made{lint.KindTierTwin, tier.twin, nil}
	}
	responder, err := f.ca.responderOf(t.Context(), f.ca.tiers[0])
	if err != nil {
		t.Fatal(err)
	}
	client, err := f.ca.IssueClient(t.Context(), newKey(t).Public(), store.Person{ID: "alice", Role: "vendor", Vendor: "acme", Organization: "Acme Ltd"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	certs["responder"] = made{lint.KindResponder, responder.Cert, f.ca.tiers[0].issuer.cert}
	certs["client"] = made{lint.KindOther, client, h.operator}
	for name, c := range certs {
		read, err := f.ca.linter.lint(c.cert.Raw, c.issuer, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if read.Kind != c.kind {
			t.Errorf("%s is judged as %s", name, read.Kind)
		}
		passed := 0
		for _, r := range f.ca.linter.rules.All(read) {
			if r.Status == lint.Pass {
				passed++
			}
		}
		if passed < 25 {
			t.Errorf("%s: only %d lints had anything to say", name, passed)
		}
	}
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
		"a stray extension": {func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: []byte{5, 0}})
		}, "extensions (error)"},
		"another CA's policy": {func(c *x509.Certificate) {
			c.Policies = append(c.Policies, mustOID("1.3.6.1.4.1.32473.1"))
		}, "leaf_ceiling (error)"},
		"outlives its assessment": {func(c *x509.Certificate) { c.NotAfter = c.NotAfter.Add(2 * time.Second) }, "leaf_assessment (error)"},
		"CRL over https":          {func(c *x509.Certificate) { c.CRLDistributionPoints = []string{"https://ca.example.com/x.crl"} }, "distribution_point"},
		"no CRL":                  {func(c *x509.Certificate) { c.CRLDistributionPoints = nil }, "crl"},
		"no OCSP or issuer":       {func(c *x509.Certificate) { c.OCSPServer, c.IssuingCertificateURL = nil, nil }, "e_"},
		"461 days":                {func(c *x509.Certificate) { c.NotAfter = c.NotBefore.AddDate(0, 0, 461) }, "460_days"},
		"key encipherment":        {func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }, "e_"},
		"relative URI as SAN":     {func(c *x509.Certificate) { c.URIs = []*url.URL{{Path: "acme"}} }, "uri"},
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

func mustOID(s string) x509.OID {
	oid, err := x509.ParseOID(s)
	if err != nil {
		panic(err)
	}
	return oid
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
