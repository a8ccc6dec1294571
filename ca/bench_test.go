package ca

import (
	"context"
	"testing"
)

func BenchmarkIssue(b *testing.B) {
	f := newFixture(b)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	key := newKey(b).Public()
	b.ResetTimer()
	for b.Loop() {
		if _, err := f.ca.Issue(context.Background(), Request{Vendor: "acme", PublicKey: key}); err != nil {
			b.Fatal(err)
		}
	}
}
