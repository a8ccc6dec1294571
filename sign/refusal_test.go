package sign

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

// TestRefusals lets one thing be wrong at a time. None leaves a signature.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, w *world, r *Request)
		code   Code
		detail string
	}{
		"no vendor":        {func(_ *testing.T, _ *world, r *Request) { r.Vendor = "" }, CodeRequest, "is required"},
		"no product":       {func(_ *testing.T, _ *world, r *Request) { r.Product = "" }, CodeRequest, "is required"},
		"long product":     {func(_ *testing.T, _ *world, r *Request) { r.Product = strings.Repeat("x", 257) }, CodeRequest, "257 bytes"},
		"control product":  {func(_ *testing.T, _ *world, r *Request) { r.Product = "app\x1f" }, CodeRequest, "control character"},
		"no person":        {func(_ *testing.T, _ *world, r *Request) { r.By = "" }, CodeRequest, "is required"},
		"no digest":        {func(_ *testing.T, _ *world, r *Request) { r.Digest = [32]byte{} }, CodeRequest, "is required"},
		"unknown format":   {func(_ *testing.T, _ *world, r *Request) { r.Format = "exe" }, CodeRequest, "is none that this service signs"},
		"NUL in a serial":  {func(_ *testing.T, _ *world, r *Request) { r.Certificate = "a\x00b" }, CodeRequest, "control character"},
		"unknown vendor":   {func(_ *testing.T, _ *world, r *Request) { r.Vendor = "nobody" }, CodeVendor, "no vendor"},
		"suspended vendor": {suspend, CodeVendor, "is suspended"},

		"unknown certificate": {func(_ *testing.T, _ *world, r *Request) { r.Certificate = "ff" }, CodeCertificate, "has no certificate"},
		"another's certificate": {func(t *testing.T, w *world, r *Request) {
			r.Certificate = w.serial
			w.record(t, func(c *store.Certificate) { c.Vendor = "somebody" })
		}, CodeCertificate, "has no certificate"},
		"revoked": {func(t *testing.T, w *world, _ *Request) {
			w.record(t, func(c *store.Certificate) { c.Revocation = &store.Revocation{At: w.now} })
		}, CodeCertificate, "no certificate that can be used"},
		"revoked and named": {func(t *testing.T, w *world, r *Request) {
			r.Certificate = w.serial
			w.record(t, func(c *store.Certificate) { c.Revocation = &store.Revocation{At: w.now} })
		}, CodeCertificate, "is revoked"},
		"expired":       {func(_ *testing.T, w *world, r *Request) { r.Certificate, w.now = w.serial, testEnd.Add(time.Second) }, CodeCertificate, "has expired"},
		"not yet valid": {func(_ *testing.T, w *world, r *Request) { r.Certificate, w.now = w.serial, testStart.Add(-time.Second) }, CodeCertificate, "not valid yet"},
		"key elsewhere": {func(t *testing.T, w *world, r *Request) {
			r.Certificate = w.serial
			w.record(t, func(c *store.Certificate) { c.SigningKey = "" })
		}, CodeCertificate, "does not hold"},
		"no keys": {func(t *testing.T, w *world, _ *Request) {
			w.update(t, func(tx store.Tx) error { return store.SigningKeys.Delete(tx, "key-1") })
		}, CodeCertificate, "no certificate that can be used"},

		"assessment withdrawn":      {setState(store.AssessmentWithdrawn), CodeAssessment, "is not in force"},
		"assessment superseded":     {setState(store.AssessmentSuperseded), CodeAssessment, "is not in force"},
		"assessment only handed in": {setState(store.AssessmentSubmitted), CodeAssessment, "is not in force"},
		"auditor's key revoked": {func(t *testing.T, w *world, _ *Request) {
			w.update(t, func(tx store.Tx) error {
				return store.AuditorKeys.Put(tx, store.AuditorKey{SPKISHA256: keyID(t, w.auditor), Auditor: "auditor", PublicKey: spki(t, w.auditor), RevokedAt: testStart})
			})
		}, CodeAssessment, "is not in force"},
		"no assessment": {func(t *testing.T, w *world, _ *Request) {
			w.record(t, func(c *store.Certificate) { c.Assessments = nil })
		}, CodeAssessment, "rests on no assessment"},
		"no proof": {func(_ *testing.T, w *world, _ *Request) { clear(w.evidence) }, CodeGate, "provenance.available"},
		"another vendor's proof": {func(_ *testing.T, w *world, _ *Request) {
			key := "vendor/" + w.build().Digest
			w.evidence["somebody/"+w.build().Digest] = w.evidence[key]
			delete(w.evidence, key)
		}, CodeGate, "provenance.available"},
		"another product": {func(_ *testing.T, _ *world, r *Request) { r.Product = "evil" }, CodeGate, "scope.product"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := w.request()
			c.change(t, w, &r)
			res, err := w.service(t).Sign(t.Context(), r)
			var refusal *Refusal
			if !errors.As(err, &refusal) || refusal.Code != c.code || !strings.Contains(err.Error(), c.detail) {
				t.Fatalf("%v, want %s: %s", err, c.code, c.detail)
			}
			sigs, events := signatures(t, w.store)
			if res.CMS != nil || res.VSA != nil || len(sigs) > 0 {
				t.Errorf("refused, and yet %+v, %+v", res, sigs)
			}
			if (c.code == CodeGate) != (len(events) == 1 && events[0].Action == actionRefused) || (c.code == CodeGate) != (refusal.Decision != nil && refusal.Hint != "") {
				t.Errorf("events %+v, refusal %+v", events, refusal)
			}
		})
	}
}

func suspend(t *testing.T, w *world, _ *Request) {
	w.update(t, func(tx store.Tx) error {
		return store.Vendors.Put(tx, store.Vendor{ID: "vendor", URI: vendorURI, SuspendedAt: testStart})
	})
}

func setState(state string) func(*testing.T, *world, *Request) {
	return func(t *testing.T, w *world, _ *Request) {
		w.rec.State = state
		w.update(t, func(tx store.Tx) error { return store.Assessments.Put(tx, w.rec) })
	}
}

// record changes the vendor's certificate record.
func (w *world) record(t testing.TB, change func(*store.Certificate)) {
	t.Helper()
	w.update(t, func(tx store.Tx) error {
		c, err := store.Certificates.Get(tx, w.serial)
		if err != nil {
			return err
		}
		change(&c)
		return store.Certificates.Put(tx, c)
	})
}

// TestCouldNotTell: when something breaks the answer is not a refusal.
func TestCouldNotTell(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, w *world){
		"evidence":          func(_ *testing.T, w *world) { w.evidence = nil },
		"too much evidence": func(_ *testing.T, w *world) { w.evidence["vendor/"+w.build().Digest] = make([][]byte, maxEvidence+1) },
		"key":               func(_ *testing.T, w *world) { w.keyErr = errBroken },
		"timestamp":         func(_ *testing.T, w *world) { w.stampErr = errBroken },
		"CRL":               func(_ *testing.T, w *world) { w.crlErr = errBroken },
		"issuer":            func(_ *testing.T, w *world) { w.certErr = errBroken },
		"store":             func(_ *testing.T, w *world) { w.store.(*storetest.Memory).Close() },
		"another's key":     func(_ *testing.T, w *world) { w.vendor = w.builder },
		"VSA key":           func(t *testing.T, w *world) { w.vsa = failingSigner{w.vsa} },
		"assessment changed on record": func(t *testing.T, w *world) {
			w.rec.Level = 4
			w.update(t, func(tx store.Tx) error { return store.Assessments.Put(tx, w.rec) })
		},
		"envelope changed on record": func(t *testing.T, w *world) {
			w.rec.Envelope = tampered(t, w.rec.Envelope, "Audit Ltd", "Tidua Ltd")
			w.update(t, func(tx store.Tx) error { return store.Assessments.Put(tx, w.rec) })
		},
		"vendor's URI changed": func(t *testing.T, w *world) {
			w.update(t, func(tx store.Tx) error {
				return store.Vendors.Put(tx, store.Vendor{ID: "vendor", URI: "https://evil.example.com/"})
			})
		},
		"certificate changed on record": func(t *testing.T, w *world) { w.record(t, func(c *store.Certificate) { c.DER = c.DER[1:] }) },
		"certificate without a mark": func(t *testing.T, w *world) {
			w.record(t, func(c *store.Certificate) { c.DER = w.leaf(t, w.vendor).cert.Raw })
		},
		"certificate about another assessment": func(t *testing.T, w *world) {
			a := w.assessment(t)
			a.Level, a.LevelID = 4, "SLSA_LEVEL_4"
			other := w.certify(t, w.assessmentRecord(t, a))
			w.update(t, func(tx store.Tx) error { return store.Certificates.Delete(tx, other.Serial) })
			w.record(t, func(c *store.Certificate) { c.DER = other.DER })
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			change(t, w)
			res, err := w.service(t).Sign(t.Context(), w.request())
			var refusal *Refusal
			if err == nil || errors.As(err, &refusal) || res.CMS != nil {
				t.Fatalf("signature %q, error %v", res.ID, err)
			}
			if name == "store" {
				return
			}
			if sigs, _ := signatures(t, w.store); len(sigs) > 0 {
				t.Errorf("on record: %+v", sigs)
			}
		})
	}
}

// TestEndedMeanwhile takes the ground away between the examination and the record.
func TestEndedMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(t *testing.T, w *world)
		code Code
	}{
		"certificate revoked": {func(t *testing.T, w *world) {
			w.record(t, func(c *store.Certificate) { c.Revocation = &store.Revocation{At: w.now} })
		}, CodeCertificate},
		"certificate expired":  {func(_ *testing.T, w *world) { w.now = testEnd.Add(time.Second) }, CodeCertificate},
		"assessment withdrawn": {func(t *testing.T, w *world) { setState(store.AssessmentWithdrawn)(t, w, nil) }, CodeAssessment},
		"vendor suspended":     {func(t *testing.T, w *world) { suspend(t, w, nil) }, CodeVendor},
	} {
		w := newWorld(t)
		w.beforeStamp = func() { c.end(t, w) }
		res, err := w.service(t).Sign(t.Context(), w.request())
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Code != c.code || res.CMS != nil {
			t.Errorf("%s: %v", name, err)
		}
		if sigs, _ := signatures(t, w.store); len(sigs) > 0 {
			t.Errorf("%s: on record: %+v", name, sigs)
		}
	}
}

// tampered changes the payload and keeps the signature.
func tampered(t testing.TB, raw []byte, from, to string) []byte {
	t.Helper()
	var e map[string]any
	must(t, json.Unmarshal(raw, &e))
	u, err := attest.ParseEnvelope(raw)
	must(t, err)
	changed := bytes.ReplaceAll(u.Payload, []byte(from), []byte(to))
	if bytes.Equal(changed, u.Payload) {
		t.Fatalf("payload has no %q", from)
	}
	e["payload"] = changed
	out, err := json.Marshal(e)
	must(t, err)
	return out
}
