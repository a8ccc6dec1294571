package audit

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/store"
)

// swapKeyID puts the keyid of the last signature of one envelope into another: a
// signature that claims a key it was not made with.
func swapKeyID(t testing.TB, envelope, from []byte) []byte {
	t.Helper()
	var a, b struct {
		PayloadType string              `json:"payloadType"`
		Payload     string              `json:"payload"`
		Signatures  []map[string]string `json:"signatures"`
	}
	if err := json.Unmarshal(envelope, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(from, &b); err != nil {
		t.Fatal(err)
	}
	a.Signatures[len(a.Signatures)-1]["keyid"] = b.Signatures[len(b.Signatures)-1]["keyid"]
	raw, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestTwoAuditorsSignTheHighestLevel and nothing less than both makes it.
func TestTwoAuditorsSignTheHighestLevel(t *testing.T) {
	w := newWorld(t)
	rec, err := w.reg.Submit(t.Context(), w.cosign(t, w.signAlone(t, assessment(t, 4)), "ada"), "quill")
	if err != nil {
		t.Fatal(err)
	}
	if rec.SecondAuditor != "ada" || rec.SecondSPKI != spki(t, w.keys["ada"]) || rec.Auditor != "quill" {
		t.Errorf("%+v", rec)
	}
	if _, err := w.acceptOn(t, t.Context(), w.reg, rec.ID, "olga"); err != nil {
		t.Fatal(err)
	}
	if got := w.inForce(t, w.now); !slices.Equal(got, []string{rec.ID}) {
		t.Errorf("in force %v", got)
	}
	// The second auditor's word counts as much: without it, nothing stands.
	w.revokeKey(t, "ada", noon)
	if got := w.inForce(t, w.now); len(got) != 0 {
		t.Errorf("in force after a revocation: %v", got)
	}
}

// Each case takes the good submission and breaks exactly one thing.
func TestTwoAuditorsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		code   Code
		field  string
		change func(tx store.Tx) error
		make   func(t *testing.T, w *world) []byte
	}{
		"one has not signed": {CodeSignatures, "envelope.signatures", nil, func(t *testing.T, w *world) []byte { return w.signAlone(t, assessment(t, 4)) }},
		"only the second has": {CodeAuditor, "auditor.id", nil, func(t *testing.T, w *world) []byte {
			s, err := assessment(t, 4).Statement()
			if err != nil {
				t.Fatal(err)
			}
			raw, err := attest.SignStatement(t.Context(), s, w.keys["ada"])
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}},
		"another than named": {CodeAuditor, "secondAuditor.id", nil, func(t *testing.T, w *world) []byte { return w.cosign(t, w.signAlone(t, assessment(t, 4)), "mole") }},
		"a stranger's key":   {CodeUnknownKey, "envelope.signatures[1].keyid", nil, func(t *testing.T, w *world) []byte { return w.cosign(t, w.signAlone(t, assessment(t, 4)), "olga") }},
		"third signature": {CodeSignatures, "envelope.signatures", nil, func(t *testing.T, w *world) []byte {
			return w.cosign(t, w.cosign(t, w.signAlone(t, assessment(t, 4)), "ada"), "mole")
		}},
		"second does not verify": {CodeSignature, "envelope.signatures[1].sig", nil, func(t *testing.T, w *world) []byte {
			good := w.cosign(t, w.signAlone(t, assessment(t, 4)), "ada")
			return swapKeyID(t, w.cosign(t, w.signAlone(t, assessment(t, 4)), "mole"), good)
		}},
		"second named, one wanted": {CodeSignatures, "envelope.signatures", nil, func(t *testing.T, w *world) []byte {
			return w.cosign(t, w.sign(t, assessment(t, 3)), "ada")
		}},
		"one organisation": {CodeConflict, "secondAuditor.organization", personWith("ada", func(p *store.Person) { p.Organization = "quill llp" }), func(t *testing.T, w *world) []byte {
			a := assessment(t, 4)
			a.SecondAuditor.Organization = "Quill LLP"
			return w.sign(t, a)
		}},
		"second not accredited": {CodeAccreditation, "secondAuditor.id", func(tx store.Tx) error { return store.Accreditations.Delete(tx, "ada/slsa-v0.1") }, func(t *testing.T, w *world) []byte {
			return w.cosign(t, w.signAlone(t, assessment(t, 4)), "ada")
		}},
		"second suspended": {CodeAccreditation, "secondAuditor.id", func(tx store.Tx) error {
			acc, err := store.Accreditations.Get(tx, "ada/slsa-v0.1")
			if err != nil {
				return err
			}
			acc.SuspendedAt = noon.Add(-day)
			return store.Accreditations.Put(tx, acc)
		}, func(t *testing.T, w *world) []byte { return w.cosign(t, w.signAlone(t, assessment(t, 4)), "ada") }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.change != nil {
				w.put(t, c.change)
			}
			_, err := w.reg.Submit(t.Context(), c.make(t, w), "quill")
			wantRefusal(t, err, c.code, c.field)
			if n := len(w.assessments(t)); n != 0 {
				t.Errorf("%d stored", n)
			}
		})
	}
}

// TestSubmitRefusesTheVendorsOwnKey: a good assessment, but signed by the vendor, with
// the key that its people connect with: no auditor's, so nothing is even read.
func TestSubmitRefusesTheVendorsOwnKey(t *testing.T) {
	w := newWorld(t)
	w.enrol(t, "vera") // of acme
	statement, err := assessment(t, 3).Statement()
	if err != nil {
		t.Fatal(err)
	}
	own, err := attest.SignStatement(t.Context(), statement, w.keys["vera"])
	if err != nil {
		t.Fatal(err)
	}
	beside := w.cosign(t, w.sign(t, assessment(t, 3)), "vera")
	for field, envelope := range map[string][]byte{"envelope.signatures[0].keyid": own, "envelope.signatures[1].keyid": beside} {
		_, err := w.reg.Submit(t.Context(), envelope, "quill")
		wantRefusal(t, err, CodeUnknownKey, field)
	}
	if n := len(w.assessments(t)); n != 0 {
		t.Errorf("%d stored", n)
	}
}
