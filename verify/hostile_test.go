package verify_test

import (
	"bytes"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// TestBufferIsTheCallers: a caller may read each signature into the same buffer. What is
// remembered of one must not change with what is in there later.
func TestBufferIsTheCallers(t *testing.T) {
	p := pki.New(t)
	v := newVerifier(t, config(t, p))
	digest := sha256.Sum256([]byte("x"))
	signature := p.Sign(t, digest)
	buffer := bytes.Clone(signature)
	for range 2 {
		if got := v.Signature(t.Context(), "x", digest, buffer); got.Outcome != verify.Valid {
			t.Fatal(got.Reasons)
		}
	}
	clear(buffer)
	if got := v.Signature(t.Context(), "x", digest, signature); got.Outcome != verify.Valid {
		t.Errorf("after the buffer was used again: %v", got.Reasons)
	}
}

// TestExceptionIsForAWholeImage: an exception by digest is for what the digest names. A
// layer that is not what its manifest says is something else.
func TestExceptionIsForAWholeImage(t *testing.T) {
	p := pki.New(t)
	l, d := image(t)
	c := config(t, p)
	c.Policy.Exceptions = []verify.Exception{{Digest: d.Hex(), Reason: "built before we had a certificate", Expires: p.Now.Add(time.Hour)}}
	v := newVerifier(t, c)
	if got := v.File(t.Context(), l.Dir); got.Outcome != verify.Valid {
		t.Fatal(got.Reasons)
	}
	l.Flip(t, l.Blob(t, "application/vnd.oci.image.layer.v1.tar", []byte("a layer")))
	if got := v.File(t.Context(), l.Dir); got.Outcome != verify.NotValid || !got.Has(verify.DigestMismatch) || got.Digest != "" {
		t.Errorf("%v %v %q", got.Outcome, got.Reasons, got.Digest)
	}
}
