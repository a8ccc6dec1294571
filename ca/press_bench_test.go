package ca

import (
	"crypto/x509"
	"testing"

	"github.com/hallmark-pki/hallmark/store"
)

// BenchmarkPress is what an issuance pays for linting: build, lint, and no real key.
func BenchmarkPress(b *testing.B) {
	f := newFixture(b)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	var g *grant
	f.view(func(r store.Reader) (err error) { g, err = f.ca.gate(r, "acme", nil, noon); return err })
	var template *x509.Certificate
	template, err := g.tier.profile.fill(newKey(b).Public(), g, g.from, g.until)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := g.tier.issuer.prepare(template); err != nil {
			b.Fatal(err)
		}
	}
}
