package verify_test

import (
	"testing"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// BenchmarkCheckForm: of a judgement, which takes two signatures, this is small.
func BenchmarkCheckForm(b *testing.B) {
	c := pki.New(b).Leaf.Cert
	b.ReportAllocs()
	for b.Loop() {
		if err := verify.CheckForm(c); err != nil {
			b.Fatal(err)
		}
	}
}
