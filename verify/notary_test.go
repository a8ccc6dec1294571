package verify_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/format/oci"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// image makes a layout with one image, tagged v1.
func image(t testing.TB) (*pki.Layout, oci.Descriptor) {
	t.Helper()
	l := pki.NewLayout(t, filepath.Join(t.TempDir(), "layout"))
	d := l.Image(t, "a layer")
	l.Tag(t, d, "v1")
	return l, d
}

func TestGoodLayout(t *testing.T) {
	p := pki.New(t)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, signer := range map[string]*pki.Identity{"P-256": p.Leaf, "P-384": p.NewLeafFor(t, p384, p.High, p.Claims(3))} {
		l, d := image(t)
		l.Attach(t, d, p.SignOCIAs(t, signer, d))
		for _, path := range []string{l.Dir, l.Dir + ":v1", l.Dir + "@" + d.Digest} {
			got := newVerifier(t, config(t, p)).File(context.Background(), path)
			if got.Outcome != verify.Valid || got.Digest != d.Hex() || got.Vendor != pki.Vendor || !got.SignedAt.Equal(p.Signed) || len(got.Claims) != 1 {
				t.Errorf("%s, %s: %+v", name, path, got)
			}
		}
		twin := config(t, p)
		twin.Trust.Roots = []*x509.Certificate{p.Twin}
		if got := newVerifier(t, twin).File(context.Background(), l.Dir); got.Outcome != verify.Valid {
			t.Errorf("%s, tier's twin: %v", name, got.Reasons)
		}
	}
}

// TestLayoutRefuses breaks one thing; the policy is the strict one.
func TestLayoutRefuses(t *testing.T) {
	p := pki.New(t)
	q := pki.New(t)
	jws := func(edits ...func(*pki.JWS)) func(*pki.Layout, oci.Descriptor) {
		return func(l *pki.Layout, d oci.Descriptor) { refer(t, l, d, p.SignOCI(t, d, edits...)) }
	}
	by := func(signer func() *pki.Identity, edits ...func(*pki.JWS)) func(*pki.Layout, oci.Descriptor) {
		return func(l *pki.Layout, d oci.Descriptor) { refer(t, l, d, p.SignOCIAs(t, signer(), d, edits...)) }
	}
	// What a second certificate for the same key is good for.
	other := p.NewLeafFor(t, p.Leaf.Key, p.High, p.Claims(4))
	for name, c := range map[string]struct {
		change func(*pki.Layout, oci.Descriptor)
		want   verify.Code
	}{
		"no signature": {func(*pki.Layout, oci.Descriptor) {}, verify.Unsigned},
		"a byte of the manifest": {func(l *pki.Layout, d oci.Descriptor) {
			refer(t, l, d, p.SignOCI(t, d))
			l.Flip(t, d)
		}, verify.DigestMismatch},
		"a byte of a layer": {func(l *pki.Layout, d oci.Descriptor) {
			refer(t, l, d, p.SignOCI(t, d))
			l.Flip(t, l.Blob(t, "application/vnd.oci.image.layer.v1.tar", []byte("a layer")))
		}, verify.DigestMismatch},
		"a layer is gone": {func(l *pki.Layout, d oci.Descriptor) {
			refer(t, l, d, p.SignOCI(t, d))
			layer := l.Blob(t, "application/vnd.oci.image.layer.v1.tar", []byte("a layer"))
			if err := os.Remove(filepath.Join(l.Dir, "blobs/sha256", layer.Hex())); err != nil {
				t.Fatal(err)
			}
		}, verify.ContainerMalformed},
		"one tag at two manifests": {func(l *pki.Layout, d oci.Descriptor) {
			refer(t, l, d, p.SignOCI(t, d))
			l.Tag(t, l.Image(t, "evil"), "v1")
		}, verify.FileUnreadable},
		"a tag that moved": {func(l *pki.Layout, d oci.Descriptor) {
			evil := l.Image(t, "evil")
			l.Entries = nil
			l.Tag(t, evil, "v1")
			refer(t, l, d, p.SignOCI(t, d))
		}, verify.Unsigned},
		"another manifest's signature": {func(l *pki.Layout, d oci.Descriptor) {
			refer(t, l, d, p.SignOCI(t, l.Image(t, "other")))
		}, verify.DigestMismatch},
		"digest in the payload": {func(l *pki.Layout, d oci.Descriptor) {
			refer(t, l, d, p.SignOCI(t, oci.NewDescriptor(d.MediaType, [32]byte{1}, d.Size)))
		}, verify.DigestMismatch},
		"size in the payload": {func(l *pki.Layout, d oci.Descriptor) {
			refer(t, l, d, p.SignOCI(t, oci.NewDescriptor(d.MediaType, d.SHA256(), d.Size+1)))
		}, verify.DigestMismatch},
		"media type in the payload": {func(l *pki.Layout, d oci.Descriptor) {
			refer(t, l, d, p.SignOCI(t, oci.NewDescriptor(oci.MediaTypeIndex, d.SHA256(), d.Size)))
		}, verify.DigestMismatch},
		"not JSON":        {func(l *pki.Layout, d oci.Descriptor) { refer(t, l, d, []byte("{")) }, verify.SignatureMalformed},
		"unknown member":  {jws(func(j *pki.JWS) { j.Header["jku"] = "https://example.com" }), verify.SignatureMalformed},
		"no thumbprint":   {jws(func(j *pki.JWS) { delete(j.Protected, "x5t#S256") }), verify.SignatureMalformed},
		"alg none":        {jws(func(j *pki.JWS) { j.Protected["alg"] = "none" }), verify.AlgorithmRefused},
		"signature value": {jws(func(j *pki.JWS) { j.MangleValue = func(b []byte) []byte { b[0] ^= 1; return b } }), verify.SignatureInvalid},
		"second leaf":     {jws(func(j *pki.JWS) { j.Chain[0] = other.Cert.Raw }), verify.SigningCertificate},
		"no certificate":  {jws(func(j *pki.JWS) { j.Chain[0] = []byte("x") }), verify.SignatureMalformed},
		"no issuing CA":   {jws(func(j *pki.JWS) { j.Chain = [][]byte{j.Chain[0], j.Chain[2]} }), verify.ChainUntrusted},
		"signing time":    {jws(func(j *pki.JWS) { j.Protected["io.cncf.notary.signingTime"] = "2020-01-01T00:00:00Z" }), verify.SigningTime},
		"no timestamp":    {jws(func(j *pki.JWS) { j.Token = nil }), verify.TimestampMissing},
		"another timestamp": {jws(func(j *pki.JWS) {
			j.Token = func([]byte) []byte { return p.StampWith(t, p.Leaf.Key.Public(), []byte("x")) }
		}), verify.TimestampMismatch},
		"no staple":          {jws(func(j *pki.JWS) { j.Staple = nil }), verify.SummaryMissing},
		"staple is no DER":   {jws(func(j *pki.JWS) { j.Staple = nil; j.Header["com.github.hallmark-pki.staple"] = []byte("x") }), verify.StapleMalformed},
		"summary of another": {jws(func(j *pki.JWS) { j.Staple.VSA = p.Summary(t, [32]byte{1}, attest.Passed) }), verify.SummaryInvalid},
		"summary failed": {func(l *pki.Layout, d oci.Descriptor) {
			refer(t, l, d, p.SignOCI(t, d, func(j *pki.JWS) { j.Staple.VSA = p.Summary(t, d.SHA256(), attest.Failed) }))
		}, verify.SummaryFailed},
		"another CA": {func(l *pki.Layout, d oci.Descriptor) { refer(t, l, d, q.SignOCI(t, d)) }, verify.TimestampUntrusted},
		"level 2":    {by(func() *pki.Identity { return p.NewLeaf(t, p.High, p.Claims(2)) }), verify.RequirementUnmet},
		"expired when it was signed": {by(func() *pki.Identity {
			return p.NewLeaf(t, p.High, p.Claims(3), func(c *x509.Certificate) { c.NotAfter = p.Signed.Add(-time.Minute) })
		}, func(j *pki.JWS) { j.Protected["io.cncf.notary.signingTime"] = "2026-01-02T00:00:00Z" }), verify.ChainExpired},
	} {
		l, d := image(t)
		c.change(l, d)
		got := newVerifier(t, config(t, p)).File(context.Background(), l.Dir+":v1")
		found := false
		for _, r := range got.Reasons {
			found = found || r.Code == c.want
		}
		if got.Outcome == verify.Valid || !found {
			t.Errorf("%s: %v %v, want %s", name, got.Outcome, got.Reasons, c.want)
		}
	}
}

// TestLayoutExpires: with a timestamp a signature outlives its certificate, without one
// it does not, whatever the policy says about timestamps.
func TestLayoutExpires(t *testing.T) {
	p := pki.New(t)
	leaf := p.NewLeaf(t, p.High, p.Claims(3), func(c *x509.Certificate) { c.NotAfter = p.Signed.Add(time.Minute) })
	c := config(t, p)
	c.Policy.Timestamp = verify.IfAvailable
	for name, edit := range map[string]func(*pki.JWS){"stamped": func(*pki.JWS) {}, "not stamped": func(j *pki.JWS) { j.Token = nil }} {
		l, d := image(t)
		l.Attach(t, d, p.SignOCIAs(t, leaf, d, edit))
		got := newVerifier(t, c).File(context.Background(), l.Dir)
		if (got.Outcome == verify.Valid) != (name == "stamped") {
			t.Errorf("%s: %v %v", name, got.Outcome, got.Reasons)
		}
	}
}

// TestLayoutRevoked: a revoked certificate takes its manifest along.
func TestLayoutRevoked(t *testing.T) {
	p := pki.New(t)
	l, d := image(t)
	l.Attach(t, d, p.SignOCI(t, d))
	c := config(t, p)
	c.Status.CRLs[0] = p.CRL(t, p.High, 7, pki.Revocation{At: p.Signed, Reason: 9}.Revoke(t, p.Leaf.Cert))
	got := newVerifier(t, c).File(context.Background(), l.Dir)
	if got.Outcome != verify.NotValid || !errors.Is(got.Reasons[0], verify.Reason{Code: verify.Revoked, Detail: got.Reasons[0].Detail}) {
		t.Errorf("%v %v", got.Outcome, got.Reasons)
	}
}

// TestSeveralSignatures: one that is valid is enough, wherever it stands; without one,
// the verdict is about ours.
func TestSeveralSignatures(t *testing.T) {
	p, q := pki.New(t), pki.New(t)
	l, d := image(t)
	refer(t, l, d, []byte("{}"))
	refer(t, l, d, q.SignOCI(t, d))
	refer(t, l, d, p.SignOCI(t, d, func(j *pki.JWS) { j.Staple.VSA = nil }))
	judge := func() verify.Verdict { return newVerifier(t, config(t, p)).File(context.Background(), l.Dir) }
	if got := judge(); got.Outcome != verify.NotValid || got.Vendor != pki.Vendor || got.Reasons[0].Code != verify.SummaryMissing {
		t.Errorf("%v %v", got.Outcome, got.Reasons)
	}
	refer(t, l, d, p.SignOCI(t, d))
	if got := judge(); got.Outcome != verify.Valid {
		t.Errorf("%v %v", got.Outcome, got.Reasons)
	}
}

// refer adds a signature by hand, whatever it is about.
func refer(t testing.TB, l *pki.Layout, d oci.Descriptor, envelope []byte) {
	t.Helper()
	l.Tag(t, l.JSON(t, oci.MediaTypeManifest, map[string]any{
		"schemaVersion": 2, "mediaType": oci.MediaTypeManifest, "config": l.Blob(t, oci.MediaTypeSignature, []byte("{}")),
		"layers": []any{l.Blob(t, oci.MediaTypeEnvelope, envelope)}, "subject": d,
	}), "")
}

// TestProvisionalLayout: a provisional signature says so under its own signature, and a
// policy can demand that it was confirmed.
func TestProvisionalLayout(t *testing.T) {
	p := pki.New(t)
	l, d := image(t)
	by := p.Now.Add(time.Hour)
	l.Attach(t, d, p.SignOCI(t, d, func(j *pki.JWS) {
		j.Protected["com.github.hallmark-pki.confirmBy"] = by.Format(time.RFC3339)
		j.Staple.VSA = provisionalSummary(t, p, d.SHA256(), by)
	}))
	for name, want := range map[verify.Confirmation]verify.Outcome{verify.ConfirmedOnly: verify.NotValid, verify.ConfirmedOrNot: verify.Valid} {
		c := config(t, p)
		c.Policy.Confirmed = name
		got := newVerifier(t, c).File(context.Background(), l.Dir)
		if (got.Outcome == verify.Valid) != (want == verify.Valid) || !got.ConfirmBy.Equal(by) {
			t.Errorf("%s: %v %v, confirm by %v", name, got.Outcome, got.Reasons, got.ConfirmBy)
		}
	}
	// Once a summary with all levels is stapled it is a confirmed one.
	l, d = image(t)
	l.Attach(t, d, p.SignOCI(t, d, func(j *pki.JWS) { j.Protected["com.github.hallmark-pki.confirmBy"] = by.Format(time.RFC3339) }))
	c := config(t, p)
	c.Policy.Confirmed = verify.ConfirmedOnly
	if got := newVerifier(t, c).File(context.Background(), l.Dir); got.Outcome != verify.Valid {
		t.Errorf("confirmed: %v %v", got.Outcome, got.Reasons)
	}
}
