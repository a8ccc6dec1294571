package audit

import (
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/store"
)

// TestAcceptWantsTheOfficersSignature: four eyes are two signatures over one payload.
// Each case takes a good acceptance and breaks exactly one thing.
func TestAcceptWantsTheOfficersSignature(t *testing.T) {
	sign := func(t *testing.T, envelope []byte, w *world, person string) []byte {
		t.Helper()
		out, err := attest.AddSignature(t.Context(), envelope, w.keys[person])
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for name, c := range map[string]struct {
		code  Code
		field string
		make  func(t *testing.T, w *world, rec store.Assessment) []byte
	}{
		"none":    {CodeSignatures, "envelope.signatures", func(_ *testing.T, _ *world, rec store.Assessment) []byte { return rec.Envelope }},
		"nothing": {CodeEnvelope, "envelope", func(*testing.T, *world, store.Assessment) []byte { return nil }},
		"another officer's": {CodeUnknownKey, "envelope.signatures", func(t *testing.T, w *world, rec store.Assessment) []byte {
			return sign(t, rec.Envelope, w, "oleg")
		}},
		"two officers'": {CodeSignatures, "envelope.signatures", func(t *testing.T, w *world, rec store.Assessment) []byte {
			return sign(t, sign(t, rec.Envelope, w, "olga"), w, "oleg")
		}},
		"the officer's alone": {CodeSignatures, "envelope.signatures", func(t *testing.T, w *world, rec store.Assessment) []byte {
			u, err := attest.ParseEnvelope(rec.Envelope)
			if err != nil {
				t.Fatal(err)
			}
			out, err := attest.Sign(t.Context(), u.PayloadType, u.Payload, w.keys["olga"])
			if err != nil {
				t.Fatal(err)
			}
			return out
		}},
		"over another assessment": {CodeSignature, "envelope.payload", func(t *testing.T, w *world, _ store.Assessment) []byte {
			return sign(t, w.sign(t, assessment(t, 2)), w, "olga")
		}},
		"that does not verify": {CodeSignature, "envelope.signatures[1].sig", func(t *testing.T, w *world, rec store.Assessment) []byte {
			good := sign(t, rec.Envelope, w, "olga")
			w.keys["olga"], w.keys["mole"] = w.keys["mole"], w.keys["olga"]
			bad := sign(t, rec.Envelope, w, "olga")
			return swapKeyID(t, bad, good)
		}},
		"by a revoked client certificate": {CodeUnknownKey, "envelope.signatures", func(t *testing.T, w *world, rec store.Assessment) []byte {
			w.put(t, clientCertificateWith("olga", func(c *store.ClientCertificate) { c.RevokedAt = noon }))
			return sign(t, rec.Envelope, w, "olga")
		}},
		"by an expired client certificate": {CodeUnknownKey, "envelope.signatures", func(t *testing.T, w *world, rec store.Assessment) []byte {
			w.put(t, clientCertificateWith("olga", func(c *store.ClientCertificate) { c.NotAfter = noon }))
			return sign(t, rec.Envelope, w, "olga")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			rec := w.submit(t, assessment(t, 3))
			_, err := w.reg.Accept(t.Context(), rec.ID, "olga", c.make(t, w, rec))
			wantRefusal(t, err, c.code, c.field)
			w.wantUntouched(t, rec)
		})
	}
}

func clientCertificateWith(serial string, change func(*store.ClientCertificate)) func(tx store.Tx) error {
	return func(tx store.Tx) error {
		c, err := store.ClientCertificates.Get(tx, serial)
		if err != nil {
			return err
		}
		change(&c)
		return store.ClientCertificates.Put(tx, c)
	}
}

// An officer's signature stays good when their client certificate has run out since,
// and a record without it is not relied on.
func TestOpenWantsTheOfficersSignature(t *testing.T) {
	w := newWorld(t)
	rec := w.accept(t, assessment(t, 3))
	open := func(rec store.Assessment) (err error) {
		w.view(t, func(r store.Reader) error {
			_, err = Open(r, rec)
			return nil
		})
		return err
	}
	w.put(t, clientCertificateWith("olga", func(c *store.ClientCertificate) { c.NotAfter = noon.Add(-time.Hour) }))
	if err := open(rec); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*store.Assessment){
		"key not on record":      func(r *store.Assessment) { r.AcceptedSPKI = "" },
		"officer not on record":  func(r *store.Assessment) { r.AcceptedBy, r.AcceptedSPKI = "", "" },
		"another officer":        func(r *store.Assessment) { r.AcceptedBy = "oleg" },
		"signature cut off":      func(r *store.Assessment) { r.Envelope = w.sign(t, assessment(t, 3)) },
		"auditor of another key": func(r *store.Assessment) { r.AuditorSPKI = spki(t, w.keys["mole"]) },
	} {
		broken := rec
		change(&broken)
		if err := open(broken); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

// TestConflictOfInterest: nobody of an organisation that owns the vendor audits or
// accepts.
func TestConflictOfInterest(t *testing.T) {
	owned := func(owner string) func(tx store.Tx) error {
		return vendorWith(func(v *store.Vendor) { v.Owners = []string{"Other Holding", owner} })
	}
	t.Run("auditor", func(t *testing.T) {
		w := newWorld(t)
		w.put(t, owned("QUILL, LLP"))
		_, err := w.reg.Submit(t.Context(), w.sign(t, assessment(t, 3)), "quill")
		wantRefusal(t, err, CodeConflict, "auditor.organization")
	})
	t.Run("officer", func(t *testing.T) {
		w := newWorld(t)
		w.put(t, owned("example ca"))
		rec := w.submit(t, assessment(t, 3))
		_, err := w.acceptOn(t, t.Context(), w.reg, rec.ID, "olga")
		wantRefusal(t, err, CodeConflict, "by")
	})
	t.Run("owner of another vendor", func(t *testing.T) {
		w := newWorld(t)
		w.put(t, owned("Quill Holding"))
		w.accept(t, assessment(t, 3))
	})
}
