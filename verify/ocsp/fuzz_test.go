package ocsp_test

import (
	"slices"
	"testing"

	"github.com/hallmark-pki/hallmark/verify/ocsp"
)

// FuzzCheck: whatever the bytes, the answer is a refusal with a code on the list or one
// that a good response gives; what is accepted was signed, so nothing but the seeds'
// content is.
func FuzzCheck(f *testing.F) {
	c := made(f)
	seeds := 1
	f.Add(good(c).der(f))
	for _, r := range refusals(f, c) {
		m := good(c)
		r.change(m)
		f.Add(m.der(f))
		seeds++
	}
	if seeds < 10 {
		f.Fatal("too few seeds")
	}
	codes := ocsp.Codes()
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := checker().Check(raw, ocsp.Query{Certificate: c.leaf, Issuer: c.issuer})
		if err != nil {
			if !slices.Contains(codes, ocsp.CodeOf(err)) || a.Status != ocsp.Unknown {
				t.Fatalf("%+v, %v", a, err)
			}
			return
		}
		if a.Status == ocsp.Revoked || a.Responder == nil {
			t.Fatalf("nobody signed %+v", a)
		}
	})
}
