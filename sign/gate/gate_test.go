package gate

import (
	"bytes"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
)

func (w *world) build() Build {
	return Build{Digest: hex.EncodeToString(w.digest[:]), Product: productName}
}

func (w *world) assessed(t testing.TB, change func(*audit.Scope)) []Assessed {
	a := w.assessment(t)
	if change != nil {
		change(&a.Scope)
	}
	return []Assessed{{"a1", a, track(t, a)}}
}

// v02 is provenance in the older form.
func v02(t testing.TB, digest string, predicate map[string]any) attest.Statement {
	t.Helper()
	raw, err := json.Marshal(predicate)
	must(t, err)
	return attest.Statement{Subject: []attest.Subject{{Name: "app", Digest: map[string]string{"sha256": digest}}}, PredicateType: attest.ProvenanceV02, Predicate: raw}
}

func v02Predicate() map[string]any {
	return map[string]any{
		"builder": map[string]any{"id": builderID}, "buildType": buildType,
		"invocation": map[string]any{"configSource": map[string]any{"uri": sourceURI, "digest": map[string]string{"sha1": commit}}},
	}
}

func TestGateGrants(t *testing.T) {
	w := newWorld(t)
	digest := w.build().Digest
	good := w.provenance(t, nil)
	for name, evidence := range map[string][][]byte{
		"v1":                               {good},
		"v0.2":                             {envelope(t, v02(t, digest, v02Predicate()), w.builder)},
		"a tag that was audited":           {w.provenance(t, func(b *build) { b.Source.URI = "git+https://git.example.com/vendor/app@refs/tags/v1" })},
		"a source whose branches are open": {w.provenance(t, func(b *build) { b.Source.URI = "https://git.example.com/vendor/lib" })},
		"another audited builder": {w.provenance(t, func(b *build) {
			b.BuilderID, b.BuildType, b.by = otherID, otherType, w.other
		})},
		"rubbish beside it":                {[]byte("{}"), nil, w.provenance(t, func(b *build) { b.by = w.rebuild }), good},
		"a stranger's signature beside it": {joined(t, w.provenance(t, func(b *build) { b.by = newKey(t, elliptic.P256()) }), good)},
		"named twice": {w.provenance(t, func(b *build) {
			b.Subjects = append(b.Subjects, attest.Subject{Name: "pkg:deb/app", Digest: b.Subjects[0].Digest})
		})},
	} {
		d := Decide(w.build(), evidence, w.assessed(t, nil))
		sum := sha256.Sum256(evidence[len(evidence)-1])
		if !d.Granted() || len(d.Failed()) > 0 {
			t.Errorf("%s: %+v", name, d)
		} else if diff := cmp.Diff([]string{hex.EncodeToString(sum[:])}, d.Evidence()); diff != "" {
			t.Errorf("%s: evidence (-want +got):\n%s", name, diff)
		}
	}
}

// TestGateDenies breaks one rule at a time and wants exactly that one to fail.
func TestGateDenies(t *testing.T) {
	w := newWorld(t)
	digest := w.build().Digest
	stranger := newKey(t, elliptic.P256())
	var foreign [32]byte
	change := func(f func(*build)) [][]byte { return [][]byte{w.provenance(t, f)} }
	with := func(f func(map[string]any)) [][]byte {
		p := v02Predicate()
		f(p)
		return [][]byte{envelope(t, v02(t, digest, p), w.builder)}
	}
	source := func(uri string) [][]byte { return change(func(b *build) { b.Source.URI = uri }) }
	good := change(nil)
	result := attest.Statement{Subject: []attest.Subject{{Digest: map[string]string{"sha256": digest}}}, PredicateType: "https://in-toto.io/attestation/test-result/v0.1", Predicate: []byte("{}")}
	for name, c := range map[string]struct {
		evidence [][]byte
		build    func(*Build)
		scope    func(*audit.Scope)
		rule     string
	}{
		"another product":         {evidence: good, build: func(b *Build) { b.Product = "evil" }, rule: "scope.product"},
		"no product":              {evidence: good, build: func(b *Build) { b.Product = "" }, rule: "scope.product"},
		"product in another case": {evidence: good, build: func(b *Build) { b.Product = "App" }, rule: "scope.product"},
		"no products in scope":    {evidence: good, scope: func(s *audit.Scope) { s.Products = nil }, rule: "scope.product"},

		"no evidence":                {rule: "provenance.available"},
		"no envelope":                {evidence: [][]byte{[]byte("not JSON"), nil, []byte("{}")}, rule: "provenance.available"},
		"a test result only":         {evidence: [][]byte{envelope(t, result, w.builder)}, rule: "provenance.available"},
		"another payload type":       {evidence: [][]byte{retyped(t, w, good[0])}, rule: "provenance.available"},
		"an unknown predicate":       {evidence: [][]byte{envelope(t, attest.Statement{Subject: result.Subject, PredicateType: "https://slsa.dev/provenance/v9", Predicate: []byte("{}")}, w.builder)}, rule: "provenance.available"},
		"provenance without content": {evidence: [][]byte{envelope(t, attest.Statement{Subject: result.Subject, PredicateType: attest.ProvenanceV01, Predicate: []byte("{}")}, w.builder)}, rule: "provenance.authenticated"},
		"signed by a stranger":       {evidence: change(func(b *build) { b.by = stranger }), rule: "provenance.authenticated"},
		"signed by a rebuilder":      {evidence: change(func(b *build) { b.by = w.rebuild }), rule: "provenance.available"},
		"signed by the vendor":       {evidence: change(func(b *build) { b.by = w.vendor }), rule: "provenance.authenticated"},
		"signed by the auditor":      {evidence: change(func(b *build) { b.by = w.auditor }), rule: "provenance.authenticated"},
		"changed after signing":      {evidence: [][]byte{tampered(t, good[0], commit, strings.Repeat("f", 40))}, rule: "provenance.authenticated"},
		"no keys in scope":           {evidence: good, scope: func(s *audit.Scope) { s.Builders[0].Keys, s.Builders[1].Keys = nil, nil }, rule: "provenance.authenticated"},
		"key in scope is rubbish":    {evidence: good, scope: func(s *audit.Scope) { s.Builders[0].Keys = []string{"rubbish"} }, rule: "provenance.authenticated"},
		"no builder in it":           {evidence: with(func(p map[string]any) { delete(p, "builder") }), rule: "provenance.authenticated"},
		"about another artifact":     {evidence: change(func(b *build) { b.Subjects[0].Digest = map[string]string{"sha256": hex.EncodeToString(foreign[:])} }), rule: "provenance.identifies-artifact"},
		"under another algorithm":    {evidence: change(func(b *build) { b.Subjects[0].Digest = map[string]string{"sha3_256": digest} }), rule: "provenance.identifies-artifact"},
		"one subject of two": {evidence: change(func(b *build) {
			b.Subjects = append(b.Subjects, attest.Subject{Name: "evil", Digest: map[string]string{"sha256": hex.EncodeToString(foreign[:])}})
		}), rule: "provenance.identifies-artifact"},
		"a subject without SHA-256": {evidence: change(func(b *build) {
			b.Subjects = append(b.Subjects, attest.Subject{Name: "evil", Digest: map[string]string{"sha1": commit}})
		}), rule: "provenance.identifies-artifact"},
		"no digest":                {evidence: good, build: func(b *Build) { b.Digest = "" }, rule: "provenance.identifies-artifact"},
		"digest in upper case":     {evidence: good, build: func(b *Build) { b.Digest = strings.ToUpper(b.Digest) }, rule: "provenance.identifies-artifact"},
		"builder not in scope":     {evidence: change(func(b *build) { b.BuilderID = builderID + "/evil" }), rule: "build.build-service"},
		"builder prefix":           {evidence: change(func(b *build) { b.BuilderID = strings.TrimSuffix(builderID, "1") }), rule: "build.build-service"},
		"build type not in scope":  {evidence: change(func(b *build) { b.BuildType = "https://builder.example.com/types/shell" }), rule: "build.build-service"},
		"another builder's key":    {evidence: change(func(b *build) { b.by = w.other }), rule: "provenance.service-generated"},
		"another builder's name":   {evidence: change(func(b *build) { b.BuilderID, b.BuildType = otherID, otherType }), rule: "provenance.service-generated"},
		"source not in scope":      {evidence: source("git+https://git.example.com/vendor/evil@refs/heads/main"), rule: "source.version-controlled"},
		"source on another host":   {evidence: source("git+https://git.example.org/vendor/app@refs/heads/main"), rule: "source.version-controlled"},
		"source over another way":  {evidence: source("git+http://git.example.com/vendor/app@refs/heads/main"), rule: "source.version-controlled"},
		"source with a path up":    {evidence: source("git+https://git.example.com/x/../vendor/app@refs/heads/main"), rule: "source.version-controlled"},
		"source with a password":   {evidence: source("git+https://me:pw@git.example.com/vendor/app@refs/heads/main"), rule: "source.version-controlled"},
		"another branch":           {evidence: source("git+https://git.example.com/vendor/app@refs/heads/feature"), rule: "source.version-controlled"},
		"a branch's name as a tag": {evidence: source("git+https://git.example.com/vendor/app@refs/tags/main"), rule: "source.version-controlled"},
		"no branch":                {evidence: source("git+https://git.example.com/vendor/app"), rule: "source.version-controlled"},
		"no commit":                {evidence: change(func(b *build) { b.Source.Digest = map[string]string{"sha256": digest} }), rule: "source.version-controlled"},
		"no source":                {evidence: with(func(p map[string]any) { delete(p, "invocation") }), rule: "source.version-controlled"},
		"one source of two": {evidence: with(func(p map[string]any) {
			delete(p, "invocation")
			p["materials"] = []any{map[string]any{"uri": sourceURI, "digest": map[string]string{"sha1": commit}}, map[string]any{"uri": "git+https://evil.example.com/x", "digest": map[string]string{"sha1": commit}}}
		}), rule: "source.version-controlled"},
		"no sources in scope": {evidence: good, scope: func(s *audit.Scope) { s.Sources = nil }, rule: "source.version-controlled"},
	} {
		t.Run(name, func(t *testing.T) {
			b := w.build()
			if c.build != nil {
				c.build(&b)
			}
			d := Decide(b, c.evidence, w.assessed(t, c.scope))
			if d.Granted() {
				t.Fatal("granted")
			}
			if diff := cmp.Diff([]string{c.rule}, d.Failed()); diff != "" {
				t.Errorf("failed rules (-want +got):\n%s", diff)
			}
			for _, v := range d.Verdicts {
				if v.Detail == "" || (v.Outcome == Pass) == (v.Satisfy != "") || v.Assessment != "a1" {
					t.Errorf("verdict %+v", v)
				}
			}
		})
	}
}

// TestGateNeedsOneWholeProof gives two halves of a proof, in two envelopes.
func TestGateNeedsOneWholeProof(t *testing.T) {
	w := newWorld(t)
	evidence := [][]byte{
		w.provenance(t, func(b *build) { b.BuildType = "https://builder.example.com/types/shell" }),
		w.provenance(t, func(b *build) { b.Source.URI = "git+https://git.example.com/vendor/evil" }),
	}
	if d := Decide(w.build(), evidence, w.assessed(t, nil)); d.Granted() {
		t.Errorf("granted: %+v", d)
	}
}

func TestGateAsksEveryAssessment(t *testing.T) {
	w := newWorld(t)
	evidence := [][]byte{w.provenance(t, nil)}
	if d := Decide(w.build(), evidence, nil); d.Granted() || (Decision{}).Granted() {
		t.Error("granted without an assessment")
	}
	narrow := w.assessment(t)
	narrow.Scope.Builders = narrow.Scope.Builders[1:]
	both := append(w.assessed(t, nil), Assessed{"a2", narrow, track(t, narrow)})
	for range 2 {
		d := Decide(w.build(), evidence, both)
		if d.Granted() {
			t.Error("granted although one assessment does not cover it")
		}
		for _, v := range d.Verdicts {
			if v.Outcome == Fail && v.Assessment != "a2" {
				t.Errorf("%+v", v)
			}
		}
		slices.Reverse(both)
	}
	both[1].Assessment.Scope = w.scope(t)
	both[0].Assessment.Scope = w.scope(t)
	if d := Decide(w.build(), evidence, both); !d.Granted() || len(d.Verdicts)%2 != 0 || len(d.Evidence()) != 1 {
		t.Errorf("%+v", d)
	}
}

// joined puts the signatures of two envelopes over the same payload into one.
func joined(t testing.TB, a, b []byte) []byte {
	t.Helper()
	type envelope struct {
		Type       string            `json:"payloadType"`
		Payload    string            `json:"payload"`
		Signatures []json.RawMessage `json:"signatures"`
	}
	var x, y envelope
	must(t, json.Unmarshal(a, &x))
	must(t, json.Unmarshal(b, &y))
	if x.Payload != y.Payload {
		t.Fatal("payloads differ")
	}
	x.Signatures = append(x.Signatures, y.Signatures...)
	out, err := json.Marshal(x)
	must(t, err)
	return out
}

// retyped signs the same payload under another payload type.
func retyped(t testing.TB, w *world, raw []byte) []byte {
	t.Helper()
	u, err := attest.ParseEnvelope(raw)
	must(t, err)
	out, err := attest.Sign(t.Context(), "application/json", u.Payload, w.builder)
	must(t, err)
	return out
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
