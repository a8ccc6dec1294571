package sign

import (
	"context"
	"errors"
	"testing"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/store"
)

// TestTwoDigests: what is signed beside the artifact's digest is checked against the
// format, and a signature on record is judged again with the same two digests.
func TestTwoDigests(t *testing.T) {
	w := newWorld(t)
	s := w.service(t)
	for name, r := range map[string]Request{
		"a second digest where there is none": {Format: string(format.Detached), Signed: [32]byte{1}},
		"one digest where there are two":      {Format: string(format.PE)},
	} {
		r.Vendor, r.Digest, r.Product, r.By = "vendor", w.digest, productName, "person"
		_, err := s.Sign(context.Background(), r)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Code != CodeRequest || refusal.Field != "signed" {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := w.request()
	r.Format, r.Signed, r.Computed = string(format.JAR), [32]byte{7}, true
	again, err := requestOf(store.Signature{Vendor: r.Vendor, Digest: w.build().Digest, Format: r.Format, Product: r.Product, By: r.By, Signed: s.signedName(r), Computed: true})
	must(t, err)
	if again.Signed != r.Signed || again.Digest != r.Digest || !again.Computed || s.build(again).Signed != s.build(r).Signed {
		t.Errorf("%+v, want %+v", again, r)
	}
}
