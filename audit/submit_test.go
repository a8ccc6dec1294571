package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
)

func TestSubmitStoresWhatWasSigned(t *testing.T) {
	w := newWorld(t)
	a := assessment(t, 3)
	envelope := w.sign(t, a)
	rec, err := w.reg.Submit(t.Context(), envelope, "quill")
	if err != nil {
		t.Fatal(err)
	}
	want := store.Assessment{
		ID: rec.ID, State: store.AssessmentSubmitted, Vendor: "acme", Framework: "slsa-v0.1", FrameworkURI: "https://slsa.dev/spec/v0.1/",
		Track: "slsa", Level: 3, LevelID: "SLSA_LEVEL_3", Auditor: "quill", AuditorSPKI: spki(t, w.keys["quill"]),
		AssessedAt: a.AssessedAt, ValidUntil: a.ValidUntil, Envelope: envelope, SubmittedAt: noon, SubmittedBy: "quill",
		CatalogueSHA256: a.Framework.Digest["sha256"], LogSalt: rec.LogSalt,
	}
	if diff := cmp.Diff(want, rec); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(rec, w.record(t, rec.ID)); diff != "" {
		t.Error(diff)
	}
	w.view(t, func(r store.Reader) error {
		got, err := Open(r, rec)
		if diff := cmp.Diff(a, got); diff != "" {
			t.Error(diff)
		}
		if list, err := InForce(r, "acme", noon); err != nil || len(list) != 0 {
			t.Errorf("in force before acceptance: %v %v", list, err)
		}
		return err
	})
	if got := w.actions(t, rec.ID); len(got) != 1 || got[0] != "quill submit.assessment" {
		t.Errorf("trail %v", got)
	}
	// Until it is accepted, the log shows a commitment and no more.
	entry := receipt.Entry{Type: receipt.AssessmentSubmitted, At: noon, Commitment: receipt.Commit(rec.LogSalt, rec.ID)}
	if diff := cmp.Diff([]receipt.Entry{entry}, w.ledger.entries); diff != "" || len(rec.LogSalt) != saltBytes {
		t.Error(diff)
	}
}

func TestSubmitRefusesTheSamePayloadTwice(t *testing.T) {
	w := newWorld(t)
	a := assessment(t, 3)
	w.submit(t, a)
	// Another signature over the same payload, and other JSON around it, is the same.
	_, err := w.reg.Submit(t.Context(), w.sign(t, a), "quill")
	wantRefusal(t, err, CodeDuplicate, "")
	if n := len(w.assessments(t)); n != 1 {
		t.Errorf("%d records", n)
	}
}

// wantNothingStored runs Submit on an envelope that must be refused.
func (w *world) wantRefused(t *testing.T, envelope []byte, code Code, field string) {
	t.Helper()
	rec, err := w.reg.Submit(t.Context(), envelope, "quill")
	wantRefusal(t, err, code, field)
	if !cmp.Equal(rec, store.Assessment{}) {
		t.Error("half a result with an error")
	}
	if n := len(w.assessments(t)); n != 0 {
		t.Errorf("%d records after a refusal", n)
	}
	w.view(t, func(r store.Reader) error {
		for e := range store.Events.All(r, "") {
			t.Errorf("event %v after a refusal", e)
		}
		return nil
	})
}

func TestSubmitRefusesBadContent(t *testing.T) {
	for name, c := range badAssessments {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := assessment(t, 3)
			c.change(t, &a)
			s, err := attest.NewStatement([]attest.Subject{subject(a.Vendor.URI)}, PredicateType, a)
			if err != nil {
				t.Fatal(err)
			}
			envelope, err := attest.SignStatement(t.Context(), s, w.keys["quill"])
			if err != nil {
				t.Fatal(err)
			}
			w.wantRefused(t, envelope, c.code, c.field)
		})
	}
}

// signAs makes an envelope of any statement by a registered auditor.
func (w *world) signAs(t *testing.T, auditor string, s attest.Statement) []byte {
	t.Helper()
	envelope, err := attest.SignStatement(t.Context(), s, w.keys[auditor])
	if err != nil {
		t.Fatal(err)
	}
	return envelope
}

func TestSubmitRefusesBadEnvelopes(t *testing.T) {
	type envelopeJSON struct {
		PayloadType string           `json:"payloadType"`
		Payload     []byte           `json:"payload"`
		Signatures  []map[string]any `json:"signatures"`
	}
	edit := func(change func(e *envelopeJSON)) func(t *testing.T, w *world) []byte {
		return func(t *testing.T, w *world) []byte {
			var e envelopeJSON
			if err := json.Unmarshal(w.sign(t, assessment(t, 3)), &e); err != nil {
				t.Fatal(err)
			}
			change(&e)
			return marshal(t, e)
		}
	}
	statement := func(change func(s *attest.Statement)) func(t *testing.T, w *world) []byte {
		return func(t *testing.T, w *world) []byte {
			s, err := assessment(t, 3).Statement()
			if err != nil {
				t.Fatal(err)
			}
			change(&s)
			return w.signAs(t, "quill", s)
		}
	}
	const keyField, sigField = "envelope.signatures[0].keyid", "envelope.signatures[0].sig"
	for name, c := range map[string]struct {
		code  Code
		field string
		make  func(t *testing.T, w *world) []byte
	}{
		"nothing":               {CodeEnvelope, "envelope", func(t *testing.T, w *world) []byte { return nil }},
		"no JSON":               {CodeEnvelope, "envelope", func(t *testing.T, w *world) []byte { return []byte("-----BEGIN") }},
		"too large":             {CodeEnvelope, "envelope", func(t *testing.T, w *world) []byte { return bytes.Repeat([]byte(" "), attest.MaxEnvelope+1) }},
		"unsigned":              {CodeEnvelope, "envelope", edit(func(e *envelopeJSON) { e.Signatures = nil })},
		"signature given twice": {CodeSignatures, "envelope.signatures[1]", edit(func(e *envelopeJSON) { e.Signatures = append(e.Signatures, e.Signatures[0]) })},
		"signature appended": {CodeUnknownKey, "envelope.signatures[1].keyid", edit(func(e *envelopeJSON) {
			e.Signatures = append(e.Signatures, map[string]any{"keyid": strings.Repeat("0", 64), "sig": "AAAA"})
		})},
		"other payload type": {CodePayloadType, "envelope.payloadType", func(t *testing.T, w *world) []byte {
			s, _ := assessment(t, 3).Statement()
			payload, _ := s.Marshal()
			envelope, err := attest.Sign(t.Context(), "application/json", payload, w.keys["quill"])
			if err != nil {
				t.Fatal(err)
			}
			return envelope
		}},
		"payload type changed after signing": {CodePayloadType, "envelope.payloadType", edit(func(e *envelopeJSON) { e.PayloadType = "text/plain" })},
		"no key id":                          {CodeUnknownKey, keyField, edit(func(e *envelopeJSON) { delete(e.Signatures[0], "keyid") })},
		"key id that is no digest":           {CodeUnknownKey, keyField, edit(func(e *envelopeJSON) { e.Signatures[0]["keyid"] = "quill\x1f" })},
		"key nobody registered": {CodeUnknownKey, keyField, func(t *testing.T, w *world) []byte {
			envelope, err := Sign(t.Context(), assessment(t, 3), newKey(t))
			if err != nil {
				t.Fatal(err)
			}
			return envelope
		}},
		"signed by another than the key id says": {CodeSignature, sigField, func(t *testing.T, w *world) []byte {
			envelope, err := Sign(t.Context(), assessment(t, 3), newKey(t))
			if err != nil {
				t.Fatal(err)
			}
			var e envelopeJSON
			if err := json.Unmarshal(envelope, &e); err != nil {
				t.Fatal(err)
			}
			e.Signatures[0]["keyid"] = spki(t, w.keys["quill"])
			return marshal(t, e)
		}},
		"payload changed": {CodeSignature, sigField, edit(func(e *envelopeJSON) {
			e.Payload = bytes.Replace(e.Payload, []byte(`"level":3`), []byte(`"level":4`), 1)
		})},
		"payload is no statement": {CodeStatement, "envelope.payload", func(t *testing.T, w *world) []byte {
			envelope, err := attest.Sign(t.Context(), attest.PayloadType, []byte(`{"level":4}`), w.keys["quill"])
			if err != nil {
				t.Fatal(err)
			}
			return envelope
		}},
		"statement of the old type": {CodeStatement, "_type", func(t *testing.T, w *world) []byte {
			s, _ := assessment(t, 3).Statement()
			payload, _ := s.Marshal()
			payload = bytes.Replace(payload, []byte(attest.StatementType), []byte(attest.StatementTypeV01), 1)
			envelope, err := attest.Sign(t.Context(), attest.PayloadType, payload, w.keys["quill"])
			if err != nil {
				t.Fatal(err)
			}
			return envelope
		}},
		"other predicate type":          {CodeStatement, "predicateType", statement(func(s *attest.Statement) { s.PredicateType = attest.ProvenanceV1 })},
		"predicate is another document": {CodeFormat, "", statement(func(s *attest.Statement) { s.Predicate = json.RawMessage(`{"builder":{}}`) })},
		"subject is another vendor":     {CodeStatement, "subject", statement(func(s *attest.Statement) { s.Subject = []attest.Subject{subject("https://other.example")} })},
		"subject with another digest": {CodeStatement, "subject", statement(func(s *attest.Statement) {
			s.Subject[0].Digest = map[string]string{"sha256": strings.Repeat("0", 64)}
		})},
		"two subjects": {CodeStatement, "subject", statement(func(s *attest.Statement) { s.Subject = append(s.Subject, subject("https://other.example")) })},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.wantRefused(t, c.make(t, w), c.code, c.field)
		})
	}
}

// parties are the ways in which who is registered can stand against an assessment,
// when it is submitted and again when it is accepted.
var parties = map[string]struct {
	code   Code
	field  string
	change func(tx store.Tx) error
}{
	"vendor unknown":        {CodeVendor, "vendor.id", func(tx store.Tx) error { return store.Vendors.Delete(tx, "acme") }},
	"vendor of other uri":   {CodeVendor, "vendor.uri", vendorWith(func(v *store.Vendor) { v.URI = "https://acme.example/" })},
	"vendor of other name":  {CodeVendor, "vendor.organization", vendorWith(func(v *store.Vendor) { v.Organization = "Acme Holding" })},
	"vendor suspended":      {CodeVendor, "vendor.id", vendorWith(func(v *store.Vendor) { v.SuspendedAt = noon })},
	"auditor unknown":       {CodeAuditor, "auditor.id", func(tx store.Tx) error { return store.People.Delete(tx, "quill") }},
	"auditor disabled":      {CodeAuditor, "auditor.id", auditorWith(func(p *store.Person) { p.DisabledAt = noon })},
	"auditor in other role": {CodeAuditor, "auditor.id", auditorWith(func(p *store.Person) { p.Role = "officer" })},
	"auditor of other name": {CodeAuditor, "auditor.organization", auditorWith(func(p *store.Person) { p.Organization = "Feather LLP" })},
	"not accredited":        {CodeAccreditation, "auditor.id", func(tx store.Tx) error { return store.Accreditations.Delete(tx, "quill/slsa-v0.1") }},
	"accredited elsewhere": {CodeAccreditation, "auditor.id", func(tx store.Tx) error {
		return errors.Join(store.Accreditations.Delete(tx, "quill/slsa-v0.1"), store.Accreditations.Put(tx, store.Accreditation{Auditor: "quill", Framework: "slsa-v1.2", From: noon.Add(-2 * day), Until: noon.Add(day)}))
	}},
	"accredited after assessing":              {CodeAccreditation, "auditor.id", accreditationWith(func(a *store.Accreditation) { a.From = noon.Add(-time.Minute) })},
	"accreditation ran out before submission": {CodeAccreditation, "auditor.id", accreditationWith(func(a *store.Accreditation) { a.Until = noon })},
	"suspended before submission":             {CodeAccreditation, "auditor.id", accreditationWith(func(a *store.Accreditation) { a.SuspendedAt = noon.Add(-time.Second) })},
	"suspended before assessing":              {CodeAccreditation, "auditor.id", accreditationWith(func(a *store.Accreditation) { a.SuspendedAt = noon.Add(-day) })},
}

func vendorWith(change func(*store.Vendor)) func(tx store.Tx) error {
	return func(tx store.Tx) error {
		v, err := store.Vendors.Get(tx, "acme")
		change(&v)
		return errors.Join(err, store.Vendors.Put(tx, v))
	}
}

func auditorWith(change func(*store.Person)) func(tx store.Tx) error {
	return func(tx store.Tx) error {
		p, err := store.People.Get(tx, "quill")
		change(&p)
		return errors.Join(err, store.People.Put(tx, p))
	}
}

func accreditationWith(change func(*store.Accreditation)) func(tx store.Tx) error {
	return func(tx store.Tx) error {
		a, err := store.Accreditations.Get(tx, "quill/slsa-v0.1")
		change(&a)
		return errors.Join(err, store.Accreditations.Put(tx, a))
	}
}

func TestSubmitRefusesByWhoIsRegistered(t *testing.T) {
	for name, c := range parties {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.put(t, c.change)
			w.wantRefused(t, w.sign(t, assessment(t, 3)), c.code, c.field)
		})
	}
}

func TestSubmitRefusesRevokedKey(t *testing.T) {
	w := newWorld(t)
	w.revokeKey(t, "quill", noon.Add(-day))
	w.wantRefused(t, w.sign(t, assessment(t, 3)), CodeKeyRevoked, "envelope.signatures[0].keyid")
}

func (w *world) revokeKey(t testing.TB, auditor string, at time.Time) {
	t.Helper()
	w.put(t, func(tx store.Tx) error {
		key, err := store.AuditorKeys.Get(tx, spki(t, w.keys[auditor]))
		key.RevokedAt = at
		return errors.Join(err, store.AuditorKeys.Put(tx, key))
	})
}

// The auditor named in the document must be the owner of the key, and it is the
// register that knows the owner's organisation.
func TestSubmitRefusesForeignKeysAndOwnAuditors(t *testing.T) {
	w := newWorld(t)
	s, err := assessment(t, 3).Statement()
	if err != nil {
		t.Fatal(err)
	}
	w.wantRefused(t, w.signAs(t, "mole", s), CodeAuditor, "auditor.id")
	a := assessment(t, 3)
	a.Auditor = Party{ID: "mole", Organization: "Quill LLP"} // mole is of the vendor's organisation
	w.wantRefused(t, w.sign(t, a), CodeAuditor, "auditor.organization")
	a.Auditor.Organization = "Acme Ltd"
	w.wantRefused(t, w.sign(t, a), CodeConflict, "auditor.organization")
}

// An assessment's time has whole seconds; one begun in the second of accreditation
// is not too early.
func TestAccreditedInTheSameSecond(t *testing.T) {
	w := newWorld(t)
	a := assessment(t, 3)
	w.put(t, accreditationWith(func(acc *store.Accreditation) { acc.From = a.AssessedAt.Add(900 * time.Millisecond) }))
	w.submit(t, a)
}
