package sign

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"path/filepath"
	"testing"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
	"github.com/sassoftware/relic/v7/lib/pkcs7"
)

// builds is the CA, as far as single builds are concerned.
type builds struct {
	*world
	t         testing.TB
	promised  []string // by Grantable; nil: what Issue grants
	no        error    // of Issue
	asked     []ca.Request
	abandoned []string
	given     bool // Issue gave what was asked for last
}

func (b *builds) Grantable(context.Context, string, []ca.Wanted) ([]string, error) {
	if b.promised != nil {
		return b.promised, nil
	}
	return []string{b.rec.ID}, nil
}

func (b *builds) Issue(_ context.Context, req ca.Request) (ca.Issued, error) {
	b.asked = append(b.asked, req)
	if b.no != nil {
		return ca.Issued{}, b.no
	}
	rec, cert := b.newLeaf(b.t, req.PublicKey, b.rec)
	rec.SigningKey, rec.Build = "", req.Build
	err := b.store.Update(context.Background(), func(tx store.Tx) error { return store.Certificates.Insert(tx, rec) })
	b.given = err == nil
	return ca.Issued{Certificate: cert, Record: rec}, err
}

// Abandon revokes as the CA does.
func (b *builds) Abandon(ctx context.Context, serial string) error {
	b.abandoned = append(b.abandoned, serial)
	return b.store.Update(ctx, func(tx store.Tx) error {
		for _, err := range store.Signatures.By(tx, "serial", serial) {
			return err
		}
		c, err := store.Certificates.Get(tx, serial)
		if err != nil || c.Revocation != nil {
			return err
		}
		c.Revocation = &store.Revocation{At: b.now, Reason: ca.ReasonCessationOfOperation}
		return store.Certificates.Put(tx, c)
	})
}

// ofBuilds counts the certificates for the world's build, and those that are revoked.
func (w *world) ofBuilds(t testing.TB, r Store) (issued, revoked int) {
	t.Helper()
	must(t, r.View(t.Context(), func(r store.Reader) error {
		for c, err := range store.Certificates.By(r, "build", ca.BuildName(w.digest)) {
			if err != nil {
				return err
			}
			issued++
			if c.Revocation != nil {
				revoked++
			}
		}
		return nil
	}))
	return issued, revoked
}

func buildService(t testing.TB, b *builds) *Service {
	t.Helper()
	w := b.world
	s := w.service(t)
	c := s.c
	c.Builds = b
	s, err := New(c)
	must(t, err)
	return s
}

// A signature with a key and a certificate of its own: openssl accepts it, the record
// names it, and the next one has others.
func TestSignPerBuild(t *testing.T) {
	b := &builds{world: newWorld(t), t: t}
	s := buildService(t, b)
	request := b.request()
	request.PerBuild = true
	request.Claims = []ca.Wanted{{Framework: "slsa-v0.1", Level: 3}}
	seen := map[string]bool{b.serial: true}
	for range 2 {
		res, err := s.Sign(t.Context(), request)
		must(t, err)
		if seen[res.Serial] {
			t.Errorf("certificate %s signed before", res.Serial)
		}
		seen[res.Serial] = true
		dir := t.TempDir()
		out, err := openssl(t, "cms", "-verify", "-binary", "-inform", "DER", "-in", writeFile(t, filepath.Join(dir, "sig"), res.CMS),
			"-content", writeFile(t, filepath.Join(dir, "file"), testContent), "-CAfile", writePEM(t, filepath.Join(dir, "root"), b.root.cert), "-purpose", "any", "-out", filepath.Join(dir, "out"))
		if err != nil {
			t.Errorf("openssl refuses: %v\n%s", err, out)
		}
		signer := signerOf(t, res.CMS)
		last := b.asked[len(b.asked)-1]
		if !last.PublicKey.(*ecdsa.PublicKey).Equal(signer.PublicKey) || hex.EncodeToString(signer.SerialNumber.Bytes()) != hex.EncodeToString(mustHex(t, res.Serial)) {
			t.Error("signed by another certificate than the one for this build")
		}
		if last.Build != ca.BuildName(b.digest) || last.Way != ca.WayBuild || last.By != "person" || len(last.Claims) != 1 {
			t.Errorf("asked for %+v", last)
		}
	}
	if a, b := b.asked[0].PublicKey.(*ecdsa.PublicKey), b.asked[1].PublicKey; a.Equal(b) {
		t.Error("two builds have one key")
	}
	sigs, _ := signatures(t, b.store)
	if len(sigs) != 2 || !seen[sigs[0].Serial] || !seen[sigs[1].Serial] {
		t.Errorf("on record: %+v", sigs)
	}
}

func mustHex(t testing.TB, s string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(s)
	must(t, err)
	return bytes.TrimLeft(raw, "\x00")
}

// signerOf returns the leaf inside a signature.
func signerOf(t testing.TB, cms []byte) *x509.Certificate {
	t.Helper()
	psd, err := pkcs7.Unmarshal(cms)
	must(t, err)
	for _, raw := range psd.Content.Certificates {
		cert, err := x509.ParseCertificate(raw.FullBytes)
		must(t, err)
		if cert.SerialNumber.Cmp(psd.Content.SignerInfos[0].IssuerAndSerialNumber.SerialNumber) == 0 {
			return cert
		}
	}
	t.Fatal("no certificate of the signer")
	return nil
}

// What is refused leaves no certificate, unless the refusal came after it.
func TestSignPerBuildRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(b *builds, r *Request)
		want   Code
		issued int
	}{
		"no evidence":                    {func(b *builds, _ *Request) { clear(b.evidence) }, CodeGate, 0},
		"another product":                {func(_ *builds, r *Request) { r.Product = "nonsense" }, CodeGate, 0},
		"a certificate is named as well": {func(b *builds, r *Request) { r.Certificate = b.serial }, CodeRequest, 0},
		"assessment not in force":        {func(b *builds, _ *Request) { b.promised = []string{"00"} }, CodeAssessment, 0},
		"rests on nothing":               {func(b *builds, _ *Request) { b.promised = []string{} }, CodeAssessment, 0},
		"unknown vendor":                 {func(_ *builds, r *Request) { r.Vendor = "nobody" }, CodeVendor, 0},
		"withdrawn before it is recorded": {func(b *builds, _ *Request) {
			b.beforeStamp = func() {
				b.update(b.t, func(tx store.Tx) error {
					rec := b.rec
					rec.State = store.AssessmentWithdrawn
					return store.Assessments.Put(tx, rec)
				})
			}
		}, CodeAssessment, 1},
		"assessments changed meanwhile": {func(b *builds, _ *Request) {
			second := b.assessment(b.t)
			second.Level, second.LevelID = 2, "SLSA_LEVEL_2"
			other := b.assessmentRecord(b.t, second)
			b.update(b.t, func(tx store.Tx) error { return store.Assessments.Insert(tx, other) })
			b.promised = []string{other.ID}
		}, CodeAssessment, 1},
		"revoked before it is recorded": {func(b *builds, _ *Request) {
			b.beforeStamp = func() { b.revokeBuilds(b.t) }
		}, CodeCertificate, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := &builds{world: newWorld(t), t: t}
			request := b.request()
			request.PerBuild = true
			c.change(b, &request)
			res, err := buildService(t, b).Sign(t.Context(), request)
			var refusal *Refusal
			if !errors.As(err, &refusal) || refusal.Code != c.want || res.CMS != nil {
				t.Errorf("%v, want %s", err, c.want)
			}
			if len(b.asked) != c.issued {
				t.Errorf("%d certificates were asked for, want %d", len(b.asked), c.issued)
			}
			if sigs, _ := signatures(t, b.store); len(sigs) != 0 {
				t.Errorf("on record: %+v", sigs)
			}
			if issued, revoked := b.ofBuilds(t, b.store); issued != c.issued || revoked != c.issued || len(b.abandoned) != c.issued {
				t.Errorf("%d certificates, %d revoked, abandoned %v", issued, revoked, b.abandoned)
			}
		})
	}
}

// revokeBuilds revokes every certificate for one build.
func (w *world) revokeBuilds(t testing.TB) {
	w.update(t, func(tx store.Tx) error {
		var all []store.Certificate
		for c, err := range store.Certificates.By(tx, "build", ca.BuildName(w.digest)) {
			if err != nil {
				return err
			}
			all = append(all, c)
		}
		for _, c := range all {
			c.Revocation = &store.Revocation{At: w.now}
			if err := store.Certificates.Put(tx, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// The CA grants something else than was judged, or refuses, or there is none.
func TestSignPerBuildWithoutCertificate(t *testing.T) {
	request := func(w *world) Request { r := w.request(); r.PerBuild = true; return r }
	var refusal *Refusal

	b := &builds{world: newWorld(t), t: t}
	second := b.assessment(t)
	second.Level, second.LevelID = 2, "SLSA_LEVEL_2"
	other := b.assessmentRecord(t, second)
	b.update(t, func(tx store.Tx) error { return store.Assessments.Insert(tx, other) })
	b.promised = []string{other.ID}
	if _, err := buildService(t, b).Sign(t.Context(), request(b.world)); !errors.As(err, &refusal) || refusal.Code != CodeAssessment {
		t.Errorf("assessments changed meanwhile: %v", err)
	}

	no := &ca.Refusal{Code: ca.CodeVendorSuspended, Detail: "x"}
	b = &builds{world: newWorld(t), t: t, no: no}
	if _, err := buildService(t, b).Sign(t.Context(), request(b.world)); !errors.Is(err, no) {
		t.Errorf("the CA refuses: %v", err)
	}

	w := newWorld(t)
	if _, err := w.service(t).Sign(t.Context(), request(w)); !errors.As(err, &refusal) || refusal.Code != CodeRequest {
		t.Errorf("a service without single builds: %v", err)
	}
	r := w.request()
	r.Claims = []ca.Wanted{{Framework: "slsa-v0.1"}}
	if _, err := w.service(t).Sign(t.Context(), r); !errors.As(err, &refusal) || refusal.Field != "claims" {
		t.Errorf("claims of a certificate that is there: %v", err)
	}
}

// To explain is to issue nothing.
func TestExplainPerBuild(t *testing.T) {
	b := &builds{world: newWorld(t), t: t}
	request := b.request()
	request.PerBuild = true
	d, err := buildService(t, b).Explain(t.Context(), request)
	must(t, err)
	if !d.Granted() || len(b.asked) != 0 {
		t.Errorf("granted %v, asked for %d certificates", d.Granted(), len(b.asked))
	}
}

// A certificate for one build signs nothing else, though it is the vendor's.
func TestBuildCertificateSignsOnce(t *testing.T) {
	b := &builds{world: newWorld(t), t: t}
	s := buildService(t, b)
	request := b.request()
	request.PerBuild = true
	res, err := s.Sign(t.Context(), request)
	must(t, err)
	again := b.request()
	again.Certificate = res.Serial
	var refusal *Refusal
	if _, err := s.Sign(t.Context(), again); !errors.As(err, &refusal) || refusal.Code != CodeCertificate {
		t.Errorf("signed again: %v", err)
	}
	if plain, err := s.Sign(t.Context(), b.request()); err != nil || plain.Serial != b.serial {
		t.Errorf("without a certificate named: %s, %v", plain.Serial, err)
	}
}

// TestNoBuildSignatureWithoutRecord fails the store at every point.
func TestNoBuildSignatureWithoutRecord(t *testing.T) {
	open := func(*testing.T) storetest.Driver { return storetest.NewMemory() }
	storetest.EachFault(t, open, func(t *testing.T, d storetest.Driver, f *storetest.Faulty) {
		b := &builds{world: newWorldOn(t, d), t: t}
		b.store = f
		request := b.request()
		request.PerBuild = true
		res, err := buildService(t, b).Sign(t.Context(), request)
		sigs, _ := signatures(t, d)
		switch {
		case (err == nil) == f.Fired():
			t.Errorf("fault %v, error %v", f.Fault(), err)
		case err != nil && res.CMS != nil:
			t.Error("a signature beside an error")
		case err == nil && (len(sigs) != 1 || sigs[0].Serial != res.Serial):
			t.Errorf("a signature, and on record %+v", sigs)
		}
		// The store fails once: what came of nothing is revoked. What the CA did not give is its
		// own business.
		if issued, revoked := b.ofBuilds(t, d); b.given && issued-revoked != len(sigs) {
			t.Errorf("fault %v: %d certificates, %d revoked, %d signatures", f.Fault(), issued, revoked, len(sigs))
		}
	})
}
