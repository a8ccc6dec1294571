package verify_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/test/corpora"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// FuzzCMS: whatever the bytes, no panic; and valid only with the very signature
// value that was made.
func FuzzCMS(f *testing.F) {
	v, digest, good := bundle(f)
	want, err := verify.SignatureValue(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	p := pki.New(f)
	for _, edit := range []func(*pki.CMS){
		func(c *pki.CMS) { c.Token, c.Staple = nil, nil },
		func(c *pki.CMS) { c.Content = []byte("x") },
		func(c *pki.CMS) { c.NoSigned = true },
		func(c *pki.CMS) { c.SignerInfos = 2 },
	} {
		f.Add(p.Sign(f, digest, edit))
	}
	corpora.Seed(f, "fuzz", "openssl-cms.tar.gz")
	f.Fuzz(func(t *testing.T, der []byte) {
		if v.Signature(context.Background(), "fuzz", digest, der).Outcome != verify.Valid {
			return
		}
		if got, err := verify.SignatureValue(der); err != nil || !bytes.Equal(got, want) {
			t.Errorf("valid with another signature: %x", der)
		}
	})
}

// FuzzCRL: no panic, and what parses is DER from its first byte to its last.
func FuzzCRL(f *testing.F) {
	p := pki.New(f)
	f.Add(p.CRL(f, p.High, 1))
	f.Add(p.CRL(f, p.High, 1, pki.Revocation{At: before, Invalidity: before, Reason: 1}.Revoke(f, p.Leaf.Cert)))
	f.Add(p.CRL(f, p.High, 1, point(pki.CRLURL)))
	corpora.Seed(f, "fuzz", "openssl-crl.tar.gz")
	f.Fuzz(func(t *testing.T, der []byte) {
		if verify.ParseCRL(der) == nil && verify.ParseCRL(append(bytes.Clone(der), 0)) == nil {
			t.Error("a trailing byte makes no difference")
		}
	})
}

// FuzzPolicy: what parses is a policy that New takes and that demands something.
func FuzzPolicy(f *testing.F) {
	for _, s := range []string{fullPolicy, "version: 1\n", "version: 1\nrequire: [{framework: slsa-v0.1, level: 3}]\n"} {
		if _, err := verify.ParsePolicy([]byte(s)); err != nil {
			f.Fatal("seed", err)
		}
		f.Add([]byte(s))
	}
	p := pki.New(f)
	trust := p.Trust()
	f.Fuzz(func(t *testing.T, raw []byte) {
		policy, err := verify.ParsePolicy(raw)
		if err != nil {
			if d := cmp.Diff(policy, verify.Policy{}); d != "" {
				t.Error("half a policy beside an error", d)
			}
			return
		}
		c := verify.Config{Trust: trust, Policy: policy, Now: clock(p.Now), Fetcher: fetcher(nil)}
		if _, err := verify.New(c); err != nil {
			t.Error(err)
		}
		if again, err := verify.ParsePolicy(raw); err != nil || !cmp.Equal(again, policy) {
			t.Error("read twice, two ways")
		}
	})
}

// FuzzTrust: what parses prints, and prints the same again.
func FuzzTrust(f *testing.F) {
	raw, err := pki.New(f).Trust().Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		trust, err := verify.ParseTrust(raw)
		if err != nil {
			return
		}
		once, err := trust.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, err := verify.ParseTrust(once)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := again.Marshal(); err != nil || !bytes.Equal(once, twice) {
			t.Error("printed two ways")
		}
	})
}

// FuzzStatus: what a key has signed and opens prints and opens as the same, and the one
// signature opens nothing but what it was made for.
func FuzzStatus(f *testing.F) {
	p := pki.New(f)
	trust, now := p.Trust(), p.Now
	status := p.Status(f)
	status.Assessments = []verify.Transition{{Assessment: [32]byte{1}, To: verify.Lowered, Effective: p.Signed, Level: 2}}
	status.Checkpoint = []byte("log.example.com\n1\n")
	raw := p.SignStatus(f, status)
	f.Add(raw)
	f.Fuzz(func(t *testing.T, in []byte) {
		if got, err := verify.OpenStatus(in, trust, now); err == nil {
			if want, err := verify.OpenStatus(raw, trust, now); err != nil || !cmp.Equal(got, want) {
				t.Error("opened something that was not signed", err)
			}
		}
		status, err := verify.ParseUnverifiedStatus(in)
		if err != nil {
			return
		}
		once, err := status.Sign(t.Context(), p.StatusKey)
		if err != nil {
			t.Fatal(err)
		}
		again, err := verify.OpenStatus(once, trust, now)
		if err != nil || !cmp.Equal(status, again) {
			t.Error("read two ways", err)
		}
	})
}
