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

// TestWarnSparesNoHiddenName: where the mode is warn but for one package, a file that may
// be that package, because its name cannot be read, is refused.
func TestWarnSparesNoHiddenName(t *testing.T) {
	p := pki.New(t)
	dir := t.TempDir()
	hidden := pki.Write(t, dir, "hidden.deb", pki.Deb(nil), nil)
	malformed := pki.Write(t, dir, "malformed.deb", append(pki.Package(t, "hello", "1.0", "all", nil), "trailing"...), nil)
	other := pki.Write(t, dir, "other.deb", pki.Package(t, "other", "1.0", "all", nil), nil)
	plain := pki.Write(t, dir, "plain", []byte("no package"), nil)
	for _, c := range []struct {
		rule, path string
		warn       bool
	}{
		{"{package: hello, mode: enforce}", hidden, false},
		{"{package: hello, mode: enforce}", malformed, false},
		{"{package: hello, mode: enforce}", other, true},
		{"{package: hello, mode: enforce}", plain, true},
		{"{package: hello, mode: warn}", hidden, true},
		{`{vendor: "https://vendor.example.com", mode: enforce}`, hidden, true},
	} {
		cfg := config(t, p)
		cfg.Policy, cfg.Packages = parsePolicy(t, "version: 1\nmode: warn\nrules:\n- "+c.rule+"\n"), true
		if got := newVerifier(t, cfg).File(t.Context(), c.path); got.Outcome == verify.Valid || got.Warn != c.warn {
			t.Errorf("%s, %s: %v %v, warn %t", c.rule, c.path, got.Outcome, got.Reasons, got.Warn)
		}
	}
	cfg := config(t, p)
	cfg.Policy = parsePolicy(t, "version: 1\nmode: warn\nattestations: fetch\nrules:\n- {package: hello, mode: enforce}\n")
	cfg.Fetcher = fetcher(func(string) ([]byte, error) { panic("at the very end") })
	signed := pki.Write(t, dir, "signed.deb", pki.Package(t, "hello", "1.0", "all", nil), func(d [32]byte) []byte {
		return p.Sign(t, d, func(c *pki.CMS) { c.Staple.VSA = nil })
	})
	if got := newVerifier(t, cfg).File(t.Context(), signed); got.Warn || !got.Has(verify.InternalError) {
		t.Errorf("after a panic: %v, warn %t", got.Reasons, got.Warn)
	}
}
