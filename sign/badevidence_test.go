package sign

import (
	"crypto"
	"crypto/elliptic"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/store"
)

// TestBadEvidence files evidence that looks good and is not. Each is refused by the rule
// named, nothing is signed, and the refusal is on record with the rule's name.
func TestBadEvidence(t *testing.T) {
	other := strings.Repeat("ab", 32)
	for name, c := range map[string]struct {
		evidence func(t *testing.T, w *world) [][]byte
		scope    func(w *world, a *audit.Assessment)
		request  func(r *Request)
		rule     string
	}{
		"provenance for another digest": {evidence: func(t *testing.T, w *world) [][]byte {
			return [][]byte{w.provenance(t, func(b *build) { b.Subjects[0].Digest = map[string]string{"sha256": other} })}
		}, rule: "provenance.identifies-artifact"},
		"by a builder outside the scope": {evidence: func(t *testing.T, w *world) [][]byte {
			return [][]byte{w.provenance(t, func(b *build) { b.BuilderID = "https://elsewhere.example.com/v1" })}
		}, rule: "build.build-service"},
		"of another vendor": {evidence: func(t *testing.T, w *world) [][]byte {
			// Another vendor's builder vouches for the very same bytes, with its own key.
			return [][]byte{newWorld(t).provenance(t, func(b *build) { b.Source.URI = "git+https://git.example.com/rival/app@refs/heads/main" })}
		}, rule: "provenance.authenticated"},
		"replayed from an older commit": {evidence: func(t *testing.T, w *world) [][]byte {
			return [][]byte{w.provenance(t, nil)}
		}, request: func(r *Request) { r.Commit = strings.Repeat("f", 40) }, rule: "source.requested-commit"},
		"two subjects where one matches": {evidence: func(t *testing.T, w *world) [][]byte {
			return [][]byte{w.provenance(t, func(b *build) {
				b.Subjects = append(b.Subjects, attest.Subject{Name: "evil", Digest: map[string]string{"sha256": other}})
			})}
		}, rule: "provenance.identifies-artifact"},
		"unknown predicate under a good signature": {evidence: func(t *testing.T, w *world) [][]byte {
			s, err := attest.NewStatement([]attest.Subject{{Name: "app", Digest: map[string]string{"sha256": w.build().Digest}}}, "https://slsa.dev/provenance/v9", map[string]string{"a": "b"})
			must(t, err)
			return [][]byte{envelope(t, s, w.builder)}
		}, rule: "provenance.available"},
		"unknown payloadType under a good signature": {evidence: func(t *testing.T, w *world) [][]byte {
			u, err := attest.ParseEnvelope(w.provenance(t, nil))
			must(t, err)
			raw, err := attest.Sign(t.Context(), "application/json", u.Payload, w.builder)
			must(t, err)
			return [][]byte{raw}
		}, rule: "provenance.available"},
		"signed twice by one key posing as two": {evidence: func(t *testing.T, w *world) [][]byte {
			// One rebuilder's key under two hints: two signatures, one key.
			raw := w.rebuilt(t, "https://rebuild.example.com/", w.rebuild)
			return [][]byte{w.provenance(t, nil), doubled(t, raw), w.rebuilt(t, "https://second.example.com/", w.rebuild)}
		}, scope: needsTwo, rule: "build.reproducible"},
		"two keys of one operator": {evidence: func(t *testing.T, w *world) [][]byte {
			return [][]byte{w.provenance(t, nil), w.rebuilt(t, "https://rebuild.example.com/", w.rebuild), w.rebuilt(t, "https://second.example.com/", w.second)}
		}, scope: func(w *world, a *audit.Assessment) {
			needsTwo(w, a)
			a.Scope.Rebuilders[1].Operator = "REBUILD org."
		}, rule: "build.reproducible"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.second = newKey(t, elliptic.P256())
			if c.scope != nil {
				a := w.assessment(t)
				a.Scope.Rebuilders = append(a.Scope.Rebuilders, audit.Rebuilder{ID: "https://second.example.com/", Operator: "Second Org", Keys: []string{pemKey(t, w.second)}})
				c.scope(w, &a)
				w.rec = w.assessmentRecord(t, a)
				w.update(t, func(tx store.Tx) error { return store.Assessments.Insert(tx, w.rec) })
				w.certify(t, w.rec)
			}
			w.evidence["vendor/"+w.build().Digest] = c.evidence(t, w)
			r := w.request()
			if c.request != nil {
				c.request(&r)
			}
			_, err := w.service(t).Sign(t.Context(), r)
			var refusal *Refusal
			if !errors.As(err, &refusal) || refusal.Code != CodeGate || !slices.Contains(refusal.Decision.Failed(), c.rule) || !strings.Contains(refusal.Detail, c.rule) {
				t.Fatalf("%v, want a refusal by %s", err, c.rule)
			}
			sigs, events := signatures(t, w.store)
			if len(sigs) != 0 || len(events) != 1 || events[0].Action != actionRefused || !slices.Contains(strings.Fields(events[0].Detail["rules"]), c.rule) {
				t.Errorf("%d signatures, events %+v", len(sigs), events)
			}
		})
	}
}

// needsTwo has the assessment ask for a rebuild by two operators and for little else.
func needsTwo(_ *world, a *audit.Assessment) {
	a.Level, a.LevelID = 4, "SLSA_LEVEL_4"
}

// rebuilt is a rebuilder's provenance of the artifact.
func (w *world) rebuilt(t testing.TB, id string, by crypto.Signer) []byte {
	return w.provenance(t, func(b *build) {
		b.BuilderID, b.BuildType, b.by = id, "https://rebuild.example.com/recipe", by
	})
}

// doubled repeats the signature of an envelope under another hint.
func doubled(t testing.TB, raw []byte) []byte {
	t.Helper()
	var e map[string]any
	must(t, json.Unmarshal(raw, &e))
	list := e["signatures"].([]any)
	again := map[string]any{"keyid": hex.EncodeToString(make([]byte, 32)), "sig": list[0].(map[string]any)["sig"]}
	e["signatures"] = append(list, again)
	out, err := json.Marshal(e)
	must(t, err)
	return out
}

// TestPolicyRule: a rule of the product's signing policy refuses what the gate grants.
func TestPolicyRule(t *testing.T) {
	w := newWorld(t)
	put := func(cel string) {
		w.update(t, func(tx store.Tx) error {
			return store.SigningPolicies.Put(tx, store.SigningPolicy{Vendor: "vendor", Product: productName, Rules: []store.SigningRule{{Name: "commit", CEL: cel}}})
		})
	}
	put(`request.commit != ""`)
	s := w.service(t)
	if d, err := s.Explain(t.Context(), w.request()); err != nil || d.Granted() || !slices.Contains(d.Failed(), "rule.commit") {
		t.Errorf("%v %v", d.Failed(), err)
	}
	r := w.request()
	r.Commit = commit
	if d, err := s.Explain(t.Context(), r); err != nil || !d.Granted() {
		t.Errorf("%v %v", d.Failed(), err)
	}
	put(`request.commit !=`)
	var refusal *Refusal
	if _, err := s.Explain(t.Context(), r); err == nil || errors.As(err, &refusal) {
		t.Errorf("a rule that does not compile: %v", err)
	}
}
