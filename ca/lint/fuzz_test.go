package lint_test

import (
	"testing"

	"github.com/hallmark-pki/hallmark/ca/lint"
	"github.com/hallmark-pki/hallmark/ext"
)

// FuzzRead: whatever the bytes, every rule says something and none panics; what only
// crypto/x509 refuses is a finding; and a changed certificate is not a good leaf of ours
// unless its bytes are DER.
func FuzzRead(f *testing.F) {
	h, l := made(f), newLinter(f)
	seeds := 0
	for _, c := range h.certs {
		f.Add(c.Raw)
		seeds++
	}
	if seeds == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := lint.Read(der, lint.Context{Arc: ext.DefaultArc(), PublicURL: publicURL})
		if err != nil {
			return
		}
		all := l.All(c)
		if c.X509 == nil && statusIn(all, "readable") != lint.Error {
			t.Error("crypto/x509 cannot read it, and nothing says so")
		}
		if len(all) < len(lint.Rules()) {
			t.Errorf("%d results", len(all))
		}
	})
}

// BenchmarkFindings is what one leaf costs, reading included.
func BenchmarkFindings(b *testing.B) {
	h, l := made(b), newLinter(b)
	der, ctx := h.certs[lint.KindLeaf].Raw, h.context(lint.KindLeaf)
	b.ReportAllocs()
	for b.Loop() {
		if found, err := l.Check(der, ctx); err != nil || len(found) != 0 {
			b.Fatal(found, err)
		}
	}
}
