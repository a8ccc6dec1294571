package verify_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// TestWarmVerifier: a verifier that has judged a good file answers every negative as
// a fresh one does. What it remembers about CAs is about nothing else.
func TestWarmVerifier(t *testing.T) {
	for _, n := range negatives() {
		if n.file != nil || n.ctx != nil || n.want == verify.PackageUnreadable { // which is about a file
			continue
		}
		t.Run(string(n.want)+"/"+n.name, func(t *testing.T) {
			t.Parallel()
			p := pki.New(t)
			warm := p.Sign(t, sha256.Sum256([]byte("first")))
			c := config(t, p)
			if n.config != nil {
				n.config(t, p, &c)
			}
			digest := sha256.Sum256([]byte("second"))
			sig := p.Sign(t, digest)
			if n.sign != nil {
				sig = n.sign(t, p, digest)
			}
			v := newVerifier(t, c)
			v.Signature(context.Background(), "first", sha256.Sum256([]byte("first")), warm)
			got := v.Signature(context.Background(), "second", digest, sig)
			if len(got.Reasons) != 1 || got.Reasons[0].Code != n.want {
				t.Errorf("want %s alone, got %v", n.want, got.Reasons)
			}
		})
	}
}

// TestKnownPathDates: the dates of a CA that is known count for every file.
func TestKnownPathDates(t *testing.T) {
	p := pki.New(t)
	n := issuer(func(c *x509.Certificate) { c.NotAfter = p.Signed.Add(time.Minute) })
	c := config(t, p)
	n.config(t, p, &c)
	v := newVerifier(t, c)
	digest := sha256.Sum256([]byte("x"))
	sign := func(at time.Time) []byte {
		return p.Sign(t, digest, func(c *pki.CMS) {
			c.Token = func(value []byte) []byte { return p.Stamp(t, p.TSA, value, at) }
		})
	}
	if got := v.Signature(context.Background(), "in time", digest, sign(p.Signed)); got.Outcome != verify.Valid {
		t.Fatal(got.Reasons)
	}
	if got := v.Signature(context.Background(), "late", digest, sign(p.Signed.Add(2*time.Minute))); !got.Has(verify.ChainExpired) {
		t.Errorf("%v", got.Reasons)
	}
}

// TestKnownSignerDates: so do those of a signer that is known, and what was between it and
// the root must be in each file.
func TestKnownSignerDates(t *testing.T) {
	p := pki.New(t)
	v := newVerifier(t, config(t, p))
	leaf := p.NewLeaf(t, p.High, p.Claims(3), func(c *x509.Certificate) { c.NotAfter = p.Signed.Add(time.Minute) })
	digest := sha256.Sum256([]byte("x"))
	sign := func(at time.Time, edits ...func(*pki.CMS)) []byte {
		return p.SignAs(t, leaf, digest, append(edits, func(c *pki.CMS) {
			c.Token = func(value []byte) []byte { return p.Stamp(t, p.TSA, value, at) }
		})...)
	}
	bare := func(c *pki.CMS) { c.Certificates = c.Certificates[:1] }
	for range 2 {
		if got := v.Signature(context.Background(), "in time", digest, sign(p.Signed)); got.Outcome != verify.Valid {
			t.Fatal(got.Reasons)
		}
		if got := v.Signature(context.Background(), "late", digest, sign(p.Signed.Add(2*time.Minute))); !got.Has(verify.ChainExpired) {
			t.Errorf("%v", got.Reasons)
		}
		if got := v.Signature(context.Background(), "early", digest, sign(leaf.Cert.NotBefore.Add(-time.Minute))); !got.Has(verify.ChainExpired) {
			t.Errorf("%v", got.Reasons)
		}
		if got := v.Signature(context.Background(), "without its issuer", digest, sign(p.Signed, bare)); !got.Has(verify.ChainUntrusted) {
			t.Errorf("%v", got.Reasons)
		}
	}
}

// TestMemoryIsBounded: files by strangers, each with certificates of its own, do not fill it.
func TestMemoryIsBounded(t *testing.T) {
	p := pki.New(t)
	v := newVerifier(t, config(t, p))
	digest := sha256.Sum256([]byte("x"))
	for range 135 {
		leaf := p.NewLeaf(t, p.High, p.Claims(3))
		if got := v.Signature(context.Background(), "x", digest, p.SignAs(t, leaf, digest)); got.Outcome != verify.Valid {
			t.Fatal(got.Reasons)
		}
	}
	certificates, paths := v.Remembered()
	if certificates < 64 || certificates > 128 || paths == 0 || paths > 256 {
		t.Errorf("%d certificates, %d paths", certificates, paths)
	}
}

// TestNameConstraints: a path with constraints is never remembered, and works.
func TestNameConstraints(t *testing.T) {
	p := pki.New(t)
	n := issuer(func(c *x509.Certificate) {
		c.PermittedURIDomains, c.PermittedDNSDomainsCritical = []string{"vendor.example.com"}, true
	})
	c := config(t, p)
	n.config(t, p, &c)
	v := newVerifier(t, c)
	digest := sha256.Sum256([]byte("x"))
	for range 2 {
		if got := v.Signature(context.Background(), "x", digest, p.Sign(t, digest)); got.Outcome != verify.Valid {
			t.Error(got.Reasons)
		}
	}
	other := p.NewLeaf(t, p.High, p.Claims(3), func(c *x509.Certificate) { c.URIs[0].Host = "other.example.com" })
	if got := v.Signature(context.Background(), "x", digest, p.SignAs(t, other, digest)); !got.Has(verify.NameConstraint) {
		t.Errorf("%v", got.Reasons)
	}
}

// TestMemoryIsShared: many files at once, by signers that are known, new and wrong, get
// the verdicts that they would get alone.
func TestMemoryIsShared(t *testing.T) {
	p := pki.New(t)
	v := newVerifier(t, config(t, p))
	digest := sha256.Sum256([]byte("x"))
	stranger := pki.New(t)
	var good, bad [][]byte
	for range 4 {
		good = append(good, p.SignAs(t, p.NewLeaf(t, p.High, p.Claims(3)), digest))
		bad = append(bad, stranger.SignAs(t, stranger.NewLeaf(t, stranger.High, stranger.Claims(3)), digest))
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 8 {
				if got := v.Signature(context.Background(), "good", digest, good[(i+n)%len(good)]); got.Outcome != verify.Valid {
					t.Error(got.Reasons)
				}
				if got := v.Signature(context.Background(), "bad", digest, bad[(i+n)%len(bad)]); got.Outcome != verify.NotValid {
					t.Error(got.Outcome)
				}
			}
		})
	}
	all.Wait()
}
