package sign

import (
	"context"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/sign/gate"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
	"github.com/sassoftware/relic/v7/lib/pkcs7"
)

// signatures and events return what is on record.
func signatures(t testing.TB, d storetest.Driver) (sigs []store.Signature, events []store.Event) {
	t.Helper()
	must(t, d.View(context.Background(), func(r store.Reader) error {
		for s, err := range store.Signatures.All(r, "") {
			must(t, err)
			sigs = append(sigs, s)
		}
		for e, err := range store.Events.All(r, "") {
			must(t, err)
			events = append(events, e)
		}
		return nil
	}))
	return sigs, events
}

func TestSign(t *testing.T) {
	w := newWorld(t)
	res, err := w.service(t).Sign(t.Context(), w.request())
	must(t, err)
	dir := t.TempDir()
	out, err := openssl(t, "cms", "-verify", "-binary", "-inform", "DER", "-in", writeFile(t, filepath.Join(dir, "sig"), res.CMS),
		"-content", writeFile(t, filepath.Join(dir, "file"), testContent), "-CAfile", writePEM(t, filepath.Join(dir, "root"), w.root.cert), "-purpose", "any", "-out", filepath.Join(dir, "out"))
	if err != nil {
		t.Errorf("openssl refuses: %v\n%s", err, out)
	}
	sum := sha256.Sum256(w.evidence["vendor/"+w.build().Digest][0])
	sigs, events := signatures(t, w.store)
	want := []store.Signature{{ID: res.ID, Vendor: "vendor", Serial: w.serial, Digest: w.build().Digest, Format: "detached", Product: "app",
		Evidence: []string{hex.EncodeToString(sum[:])}, At: w.now, By: "person"}}
	if diff := cmp.Diff(want, sigs, cmpopts.IgnoreFields(store.Signature{}, "LogSalt")); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if len(events) != 1 || events[0].Action != actionSigned || events[0].Detail["signature"] != res.ID || events[0].Who != "person" {
		t.Errorf("events %+v", events)
	}
	checkUnsigned(t, w, res)
}

// checkUnsigned looks into the timestamp and the staple.
func checkUnsigned(t *testing.T, w *world, res Result) {
	t.Helper()
	psd, err := pkcs7.Unmarshal(res.CMS)
	must(t, err)
	info := psd.Content.SignerInfos[0]
	var raw asn1.RawValue
	must(t, info.UnauthenticatedAttributes.GetOne(ext.TimeStampToken(), &raw))
	token, err := timestamp.Parse(raw.FullBytes)
	must(t, err)
	if sum := sha256.Sum256(info.EncryptedDigest); string(token.HashedMessage) != string(sum[:]) {
		t.Error("the timestamp is about something else")
	}
	raw = asn1.RawValue{}
	must(t, info.UnauthenticatedAttributes.GetOne(ext.DefaultArc().Staple(), &raw))
	staple, err := ext.ParseStaple(raw.FullBytes)
	must(t, err)
	if diff := cmp.Diff(ext.Staple{VSA: res.VSA, Receipts: [][]byte{w.rec.Receipt}, CRLs: [][]byte{w.crl}}, staple); diff != "" {
		t.Errorf("staple (-want +got):\n%s", diff)
	}
	opened, err := attest.Open(res.VSA, w.vsa.Public())
	must(t, err)
	vsa, err := attest.ParseVSA(opened.Statement)
	must(t, err)
	want := attest.VSA{
		Subjects:   []attest.Subject{{Name: "app", Digest: map[string]string{"sha256": w.build().Digest}}},
		VerifierID: "https://ca.example.com/", TimeVerified: w.now.Truncate(time.Second), ResourceURI: vendorURI + "#app",
		Policy:            attest.ResourceDescriptor{Name: "assessment", URI: "https://slsa.dev/spec/v0.1/", Digest: map[string]string{"sha256": w.rec.ID}},
		InputAttestations: []attest.ResourceDescriptor{{Name: "provenance", URI: ext.EvidenceURL("https://ca.example.com/att/vendor", w.digest), Digest: map[string]string{"sha256": res.Decision.Evidence()[0]}}},
		Result:            attest.Passed, VerifiedLevels: []string{"SLSA_LEVEL_3"}, SLSAVersion: "0.1",
	}
	if diff := cmp.Diff(want, vsa); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

func TestSignatureFitsItsFile(t *testing.T) {
	w := newWorld(t)
	path := writeFile(t, filepath.Join(t.TempDir(), "app.tar"), testContent)
	f, err := format.Open(path)
	must(t, err)
	defer f.Close()
	r := w.request()
	r.Digest, err = f.Digest()
	must(t, err)
	r.Format = string(f.Kind)
	res, err := w.service(t).Sign(t.Context(), r)
	must(t, err)
	_, err = format.Attach(path, res.CMS, format.Options{Digest: r.Digest})
	must(t, err)
	sig, err := f.Signature()
	must(t, err)
	if string(sig) != string(res.CMS) {
		t.Error("what was attached is not what was signed")
	}
}

// TestNoSignatureWithoutRecord fails the store at every point.
func TestNoSignatureWithoutRecord(t *testing.T) {
	open := func(*testing.T) storetest.Driver { return storetest.NewMemory() }
	storetest.EachFault(t, open, func(t *testing.T, d storetest.Driver, f *storetest.Faulty) {
		w := newWorldOn(t, d)
		w.store = f
		res, err := w.service(t).Sign(t.Context(), w.request())
		sigs, events := signatures(t, d)
		switch {
		case (err == nil) == f.Fired():
			t.Errorf("fault %v, error %v", f.Fault(), err)
		case err != nil && res.CMS != nil:
			t.Error("a signature beside an error")
		case err == nil && (len(sigs) != 1 || sigs[0].ID != res.ID || len(events) != 1):
			t.Errorf("a signature, and on record %+v, %+v", sigs, events)
		case err != nil && (len(sigs) > 0 || len(events) > 0) && !errors.Is(err, store.ErrUncertain):
			t.Errorf("on record after %v: %+v", err, sigs)
		}
	})
}

// TestRefusalOnBrokenStore: a refusal stays one when it cannot be put on record.
func TestRefusalOnBrokenStore(t *testing.T) {
	w := newWorld(t)
	clear(w.evidence)
	w.store = storetest.FailWrite(w.store, 1)
	_, err := w.service(t).Sign(t.Context(), w.request())
	var refusal *Refusal
	if !errors.As(err, &refusal) || !errors.Is(err, storetest.ErrInjected) {
		t.Error(err)
	}
}

func TestNewestCertificate(t *testing.T) {
	w := newWorld(t)
	second, third := w.certify(t, w.rec), w.certify(t, w.rec)
	foreign := w.certify(t, w.rec) // the newest of this key, and on record as somebody else's
	foreign.Vendor = "somebody"
	w.update(t, func(tx store.Tx) error { return store.Certificates.Put(tx, foreign) })
	for _, want := range []string{third.Serial, second.Serial, w.serial} {
		res, err := w.service(t).Sign(t.Context(), w.request())
		must(t, err)
		if res.Serial != want {
			t.Errorf("used %s, want %s", res.Serial, want)
		}
		w.update(t, func(tx store.Tx) error {
			c, err := store.Certificates.Get(tx, want)
			c.Revocation = &store.Revocation{At: w.now}
			return errors.Join(err, store.Certificates.Put(tx, c))
		})
	}
	r := w.request()
	w.record(t, func(c *store.Certificate) { c.Revocation = nil })
	r.Certificate = w.serial
	if res, err := w.service(t).Sign(t.Context(), r); err != nil || res.Serial != w.serial {
		t.Errorf("%s, %v", res.Serial, err)
	}
}

// TestTwoAssessments signs under a certificate with two claims.
func TestTwoAssessments(t *testing.T) {
	w := newWorld(t)
	a := w.assessment(t)
	c, err := embedded()
	must(t, err)
	f, _ := c.Lookup("slsa-v1.2")
	a.Framework, a.LevelID = f.Ref("build"), "SLSA_BUILD_LEVEL_3"
	second := w.assessmentRecord(t, a)
	w.update(t, func(tx store.Tx) error {
		return errors.Join(store.Assessments.Insert(tx, second),
			store.Accreditations.Insert(tx, store.Accreditation{Auditor: "auditor", Framework: "slsa-v1.2", From: testStart, Until: testEnd}))
	})
	both := w.certify(t, w.rec, second)
	res, err := w.service(t).Sign(t.Context(), w.request())
	must(t, err)
	if res.Serial != both.Serial || !slices.ContainsFunc(res.Decision.Verdicts, func(v gate.Verdict) bool { return v.Assessment == second.ID }) {
		t.Fatalf("%+v", res)
	}
	opened, err := attest.Open(res.VSA, w.vsa.Public())
	must(t, err)
	vsa, err := attest.ParseVSA(opened.Statement)
	must(t, err)
	last := vsa.InputAttestations[len(vsa.InputAttestations)-1]
	if !slices.Equal(vsa.VerifiedLevels, []string{"SLSA_LEVEL_3", "SLSA_BUILD_LEVEL_3"}) || last.Digest["sha256"] != second.ID || vsa.Policy.Digest["sha256"] != w.rec.ID {
		t.Errorf("%+v", vsa)
	}
	second.State = store.AssessmentWithdrawn
	w.update(t, func(tx store.Tx) error { return store.Assessments.Put(tx, second) })
	var refusal *Refusal
	if _, err := w.service(t).Sign(t.Context(), w.request()); !errors.As(err, &refusal) || refusal.Code != CodeAssessment {
		t.Errorf("one of two withdrawn: %v", err)
	}
}

func TestHugeCRLIsNotStapled(t *testing.T) {
	w := newWorld(t)
	w.crl = make([]byte, ext.MaxCRLBytes+1)
	res, err := w.service(t).Sign(t.Context(), w.request())
	must(t, err)
	if len(res.CMS) > ext.MaxCRLBytes {
		t.Errorf("%d bytes", len(res.CMS))
	}
}

func TestExplain(t *testing.T) {
	w := newWorld(t)
	d, err := w.service(t).Explain(t.Context(), w.request())
	if err != nil || !d.Granted() {
		t.Errorf("%+v, %v", d, err)
	}
	clear(w.evidence)
	d, err = w.service(t).Explain(t.Context(), w.request())
	if err != nil || d.Granted() || !slices.Equal(d.Failed(), []string{"provenance.available"}) {
		t.Errorf("%+v, %v", d, err)
	}
	if sigs, events := signatures(t, w.store); len(sigs)+len(events) > 0 {
		t.Error("explaining left a record")
	}
}

func TestSignAtOnce(t *testing.T) {
	w := newWorld(t)
	s := w.service(t)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if _, err := s.Sign(context.Background(), w.request()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if sigs, events := signatures(t, w.store); len(sigs) != 16 || len(events) != 16 {
		t.Errorf("%d signatures, %d events on record", len(sigs), len(events))
	}
}

func TestNewChecks(t *testing.T) {
	w := newWorld(t)
	good := w.service(t).c
	for i, change := range []func(*Config){
		func(c *Config) { c.Store = nil }, func(c *Config) { c.Keys = nil }, func(c *Config) { c.Evidence = nil }, func(c *Config) { c.Stamper = nil },
		func(c *Config) { c.Issuers = nil }, func(c *Config) { c.VSASigner = nil }, func(c *Config) { c.VerifierID = "" }, func(c *Config) { c.Arc = ext.Arc{} },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("configuration %d accepted", i)
		}
	}
	good.Now = nil
	if s, err := New(good); err != nil || s.now().IsZero() {
		t.Error(err)
	}
}

func BenchmarkSign(b *testing.B) {
	w := newWorld(b)
	s := w.service(b)
	for b.Loop() {
		if _, err := s.Sign(context.Background(), w.request()); err != nil {
			b.Fatal(err)
		}
	}
}
