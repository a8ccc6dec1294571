package verify_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// strict is a policy that demands everything there is.
func strict() verify.Policy {
	return verify.Policy{
		Mode: verify.Enforce, Revocation: verify.Required, Timestamp: verify.Required, Attestations: verify.Stapled,
		Require: [][]verify.Requirement{{{Framework: pki.SLSA, Track: pki.Track, Level: 3}}},
	}
}

func clock(t time.Time) func() time.Time { return func() time.Time { return t } }

func newVerifier(t testing.TB, c verify.Config) *verify.Verifier {
	t.Helper()
	v, err := verify.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func config(t testing.TB, p *pki.PKI) verify.Config {
	t.Helper()
	return verify.Config{Trust: p.Trust(), Status: p.Status(t), Policy: strict(), Now: clock(p.Now)}
}

func TestGoodFiles(t *testing.T) {
	p := pki.New(t)
	v := newVerifier(t, config(t, p))
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"package.deb": pki.Deb([]byte("payload")), "odd.deb": pki.Deb([]byte("payload.")),
		"tool.tar": []byte("anything"), "empty": nil,
	} {
		path := pki.Write(t, dir, name, content, func(d [32]byte) []byte { return p.Sign(t, d) })
		got := v.File(context.Background(), path)
		if got.Outcome != verify.Valid || len(got.Reasons) > 0 {
			t.Errorf("%s: %v %v", name, got.Outcome, got.Reasons)
		}
		if got.Vendor != pki.Vendor || !got.SignedAt.Equal(p.Signed) || len(got.Claims) != 1 || got.Claims[0].Level != 3 || got.Serial == "" {
			t.Errorf("%s: %+v", name, got)
		}
		if _, err := json.Marshal(got); err != nil {
			t.Error(err)
		}
	}
}

func TestGoodSignature(t *testing.T) {
	p := pki.New(t)
	digest := sha256.Sum256([]byte("x"))
	got := newVerifier(t, config(t, p)).Signature(context.Background(), "x", digest, p.Sign(t, digest))
	if got.Outcome != verify.Valid {
		t.Fatal(got.Reasons)
	}
}
