package verify_test

import (
	"context"
	"crypto/sha256"
	"testing"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/format/oci"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// finished takes a signature out of a signed file, as it was before it was put there.
func finished(t *testing.T, path string) verify.Finished {
	t.Helper()
	f, err := format.Detect(format.Files(), path)
	if err != nil {
		t.Fatal(err)
	}
	a, err := f.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	out := verify.Finished{Name: path, Algorithm: f.Algorithm()}
	if out.Digests, err = a.Digests(); err != nil {
		t.Fatal(err)
	}
	if out.Over, err = f.ToBeSigned(out.Digests.Signed); err != nil {
		t.Fatal(err)
	}
	if out.Signature, err = a.Signature(); err != nil || len(out.Signature) == 0 {
		t.Fatalf("%d bytes, %v", len(out.Signature), err)
	}
	return out
}

// elsewhere is what the same format signs of something else.
func elsewhere(t *testing.T, over format.ToBeSigned) format.ToBeSigned {
	t.Helper()
	digest := sha256.Sum256([]byte("something else"))
	if over.Envelope != format.JWS {
		return format.DetachedCMS(digest)
	}
	out, err := (oci.Format{}).Describe(oci.MediaTypeManifest, 8).ToBeSigned(digest)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestFinished: a signature alone is judged like what will carry it, and with one thing
// broken it is refused.
func TestFinished(t *testing.T) {
	p := pki.New(t)
	v := newVerifier(t, config(t, p))
	digest := sha256.Sum256([]byte("content"))
	detached := verify.Finished{Digests: format.Digests{SHA256: digest, Signed: digest}, Algorithm: format.SHA256, Over: format.DetachedCMS(digest), Signature: p.Sign(t, digest)}
	testFinished(t, v, detached)
	manifest := oci.NewDescriptor(oci.MediaTypeManifest, digest, 7)
	over, err := (oci.Format{}).Describe(manifest.MediaType, manifest.Size).ToBeSigned(digest)
	if err != nil {
		t.Fatal(err)
	}
	testFinished(t, v, verify.Finished{Digests: detached.Digests, Algorithm: format.SHA256, Over: over, Signature: p.SignOCI(t, manifest)})
	detached.Signature = p.Sign(t, digest, func(c *pki.CMS) { c.Staple = nil })
	if got := v.Finished(context.Background(), detached); !got.Has(verify.SummaryMissing) {
		t.Errorf("nothing stapled: %v", got.Reasons)
	}
}

// TestFinishedFormats is TestFinished for formats that sign something else than their bytes.
func TestFinishedFormats(t *testing.T) {
	p := pki.New(t)
	v := newVerifier(t, config(t, p))
	for kind, src := range unsignedFiles(t) {
		t.Run(string(kind), func(t *testing.T) {
			path := pki.Copy(t, t.TempDir(), src)
			p.SignFile(t, path)
			testFinished(t, v, finished(t, path))
		})
	}
}

func testFinished(t *testing.T, v *verify.Verifier, good verify.Finished) {
	t.Helper()
	if got := v.Finished(context.Background(), good); got.Outcome != verify.Valid || got.Vendor != pki.Vendor {
		t.Fatalf("%v", got.Reasons)
	}
	for what, c := range map[string]struct {
		change func(*verify.Finished)
		want   verify.Code // "" where it depends on the format
	}{
		"no signature":        {func(f *verify.Finished) { f.Signature = nil }, verify.Unsigned},
		"of something else":   {func(f *verify.Finished) { f.Over = elsewhere(t, f.Over) }, ""},
		"of another artifact": {func(f *verify.Finished) { f.Digests.SHA256[0]++; f.Digests.Signed[0]++ }, verify.SummaryInvalid},
	} {
		f := good
		c.change(&f)
		got := v.Finished(context.Background(), f)
		if got.Outcome == verify.Valid || c.want != "" && !got.Has(c.want) {
			t.Errorf("%s: %v %v", what, got.Outcome, got.Reasons)
		}
	}
}
