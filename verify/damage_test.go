package verify_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// bundle is a good signature with everything in it, and a verifier for which all of
// it counts: there is no status bundle, so the stapled CRL is the only one.
func bundle(t testing.TB) (v *verify.Verifier, digest [32]byte, signature []byte) {
	t.Helper()
	p := pki.New(t)
	c := config(t, p)
	c.Status = verify.Status{}
	digest = sha256.Sum256([]byte("content"))
	signature = p.Sign(t, digest, func(c *pki.CMS) { c.Staple.CRLs = [][]byte{p.CRL(t, p.High, 1)} })
	v = newVerifier(t, c)
	if got := v.Signature(context.Background(), "good", digest, signature); got.Outcome != verify.Valid {
		t.Fatal(got.Reasons)
	}
	return v, digest, signature
}

// unauthenticated returns which bytes of a bundle nobody signed and nobody relies
// on. There are no others.
func unauthenticated(t testing.TB, signature []byte) map[int]bool {
	t.Helper()
	free := map[int]bool{}
	after := func(from int, mark string) int {
		i := bytes.Index(signature[from:], []byte(mark))
		if i < 0 {
			t.Fatalf("no %q in the bundle", mark)
		}
		return from + i + len(mark)
	}
	// The key hint in the summary's envelope, which DSSE leaves outside of its signature.
	hint := after(0, `"keyid":"`)
	for i := range 64 {
		free[hint+i] = true
	}
	// The spare bits in the last base64 digit of the checkpoint's signature, which
	// the note library does not look at.
	free[after(after(0, "\u2014 "+pki.LogOrigin), "=\n")-3] = true
	return free
}

// TestEveryByte: a good bundle with any one byte changed is not valid, but for those
// that do not matter. The bit that is flipped moves along with the byte.
func TestEveryByte(t *testing.T) {
	v, digest, good := bundle(t)
	free := unauthenticated(t, good)
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(good); i += workers {
				bad := bytes.Clone(good)
				bad[i] ^= 1 << (i % 8)
				got := v.Signature(context.Background(), "bad", digest, bad)
				if got.Outcome == verify.Valid && !free[i] {
					t.Errorf("byte %d of %d changed: valid", i, len(good))
				}
			}
		})
	}
	wg.Wait()
}

// TestEveryLength: no beginning of a good bundle, and nothing longer, is valid.
func TestEveryLength(t *testing.T) {
	v, digest, good := bundle(t)
	for n := range good {
		if got := v.Signature(context.Background(), "cut", digest, good[:n]); got.Outcome == verify.Valid {
			t.Errorf("cut to %d of %d bytes: valid", n, len(good))
		}
	}
	for _, b := range []byte{0, 1, 0x30, 0xff} {
		if got := v.Signature(context.Background(), "long", digest, append(bytes.Clone(good), b)); got.Outcome == verify.Valid {
			t.Errorf("%#x appended: valid", b)
		}
	}
}

// TestEveryByteOfTheFile does the same to a package up to its signature, which is
// where the headers are that nobody signs, and to its lengths.
func TestEveryByteOfTheFile(t *testing.T) {
	p := pki.New(t)
	v := newVerifier(t, config(t, p))
	content := pki.Deb([]byte("payload"))
	path := pki.Write(t, t.TempDir(), "package.deb", content, func(d [32]byte) []byte { return p.Sign(t, d) })
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, n int, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := v.File(context.Background(), path); got.Outcome == verify.Valid {
			t.Errorf("%s %d of %d: valid", what, n, len(good))
		}
	}
	for i := range len(content) + 60 {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		check("changed byte", i, bad)
	}
	for n := 0; n < len(good); n += 1 + n/len(content)*37 { // every length of the package, some within the signature
		check("cut to", n, good[:n])
	}
}

// TestSwappedParts: every part of one good bundle in the place of the same part of
// another, for another file by the same vendor, refuses.
func TestSwappedParts(t *testing.T) {
	p := pki.New(t)
	v := newVerifier(t, config(t, p))
	one, two := sha256.Sum256([]byte("one")), sha256.Sum256([]byte("two"))
	other := p.NewLeaf(t, p.High, p.Claims(4))
	for name, sig := range map[string][]byte{
		"whole signature": p.Sign(t, two),
		"signed attributes": p.Sign(t, one, func(c *pki.CMS) {
			c.Replace(pki.OIDMessageDigest, pki.DER(t, two[:]))
		}),
		"certificate": p.Sign(t, one, func(c *pki.CMS) { c.Certificates[0] = other.Cert.Raw }),
		"key":         p.Sign(t, one, func(c *pki.CMS) { c.Signer = other }),
		"timestamp": p.Sign(t, one, func(c *pki.CMS) {
			c.Token = func([]byte) []byte { return p.Stamp(t, p.TSA, []byte("two"), p.Signed) }
		}),
		"summary": p.Sign(t, one, func(c *pki.CMS) { c.Staple.VSA = p.Summary(t, two, "PASSED") }),
	} {
		if got := v.Signature(context.Background(), name, one, sig); got.Outcome == verify.Valid {
			t.Errorf("%s swapped: valid", name)
		}
	}
}

// TestExtraCertificates: what is added to the bag, in whatever order, neither helps
// nor harms.
func TestExtraCertificates(t *testing.T) {
	p := pki.New(t)
	v := newVerifier(t, config(t, p))
	digest := sha256.Sum256([]byte("x"))
	stranger := pki.New(t)
	for range 8 { // away from the serial numbers that this PKI uses: the same one twice refuses
		stranger.Leaf = stranger.NewLeaf(t, stranger.High, stranger.Claims(4))
	}
	bag := [][]byte{stranger.High.Cert.Raw, stranger.Leaf.Cert.Raw, p.Leaf.Cert.Raw, p.Root.Cert.Raw, p.High.Cert.Raw}
	for range bag {
		bag = append(bag[1:], bag[0])
		sig := p.Sign(t, digest, func(c *pki.CMS) { c.Certificates = bag })
		if got := v.Signature(context.Background(), "x", digest, sig); got.Outcome != verify.Valid || got.Vendor != pki.Vendor {
			t.Errorf("%v", got.Reasons)
		}
		low := p.NewLeaf(t, p.High, p.Claims(2))
		sig = p.SignAs(t, low, digest, func(c *pki.CMS) { c.Certificates = append(bag, low.Cert.Raw) })
		if got := v.Signature(context.Background(), "x", digest, sig); !got.Has(verify.RequirementUnmet) || got.Claims[0].Level != 2 {
			t.Errorf("a better certificate in the bag: %v %v", got.Reasons, got.Claims)
		}
	}
}

// TestPanicIsNotValid: a panic anywhere below File is "could not tell", and nothing
// of a verdict that was already good survives it.
func TestPanicIsNotValid(t *testing.T) {
	p := pki.New(t)
	c := config(t, p)
	c.Policy.Attestations = verify.Fetch
	c.Fetcher = fetcher(func(string) ([]byte, error) { panic("at the very end") })
	path := pki.Write(t, t.TempDir(), "a", []byte("x"), func(d [32]byte) []byte {
		return p.Sign(t, d, func(c *pki.CMS) { c.Staple.VSA = nil })
	})
	got := newVerifier(t, c).File(context.Background(), path)
	if got.Outcome != verify.CouldNotTell || len(got.Reasons) != 1 || !got.Has(verify.InternalError) || got.Vendor != "" {
		t.Errorf("%v: %+v", got.Outcome, got)
	}
}

// TestConcurrent judges many files at once with one Verifier.
func TestConcurrent(t *testing.T) {
	p := pki.New(t)
	v := newVerifier(t, config(t, p))
	dir := t.TempDir()
	good := pki.Write(t, dir, "good", []byte("x"), func(d [32]byte) []byte { return p.Sign(t, d) })
	bad := pki.Write(t, dir, "bad", []byte("x"), func(d [32]byte) []byte { d[0] ^= 1; return p.Sign(t, d) })
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if got := v.File(context.Background(), good); got.Outcome != verify.Valid {
					t.Errorf("good: %v", got.Reasons)
				}
				if got := v.File(context.Background(), bad); got.Outcome != verify.NotValid {
					t.Errorf("bad: %v", got.Outcome)
				}
			}
		})
	}
	wg.Wait()
	if got := v.File(context.Background(), filepath.Join(dir, "absent")); got.Outcome != verify.CouldNotTell {
		t.Error(got.Outcome)
	}
}
