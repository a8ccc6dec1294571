package interchange

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
)

// key signs in tests: the same in every run, and nobody's.
func key(b byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, 32)) }

func sign(t testing.TB, payloadType, payload string) []byte {
	t.Helper()
	raw, err := attest.Sign(context.Background(), payloadType, []byte(payload), key(1))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

const (
	statementText = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"tool.deb","digest":{"sha256":"` +
		`0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}}],"predicateType":"https://example.com/pen-test/v1","predicate":{"passed":true}}`
	linkText          = `{"_type":"link","name":"build","materials":{},"products":{},"byproducts":{},"environment":{},"command":["make"]}`
	layoutText        = `{"_type":"layout","expires":"2027-01-01T00:00:00Z","steps":[],"inspect":[],"keys":{},"readme":""}`
	questionnaireText = `{"questionnaire":"CAIQ","answers":[{"id":"IAM-02","answer":"yes"}]}`
	questionnaireType = "application/vnd.example.questionnaire+json"
)

// summaryText is what our own export looks like to somebody who imports it.
func summaryText(t testing.TB, result string) string {
	t.Helper()
	a, _ := sample(t, "slsa-v1.2", "build", 3)
	s, err := VSA(a, options())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(string(raw), attest.Passed, result, 1)
}

func TestImport(t *testing.T) {
	id, err := attest.KeyID(key(1).Public())
	if err != nil {
		t.Fatal(err)
	}
	vsa := func(result string) string {
		return "verification summary by https://ca.example: " + result + " SLSA_BUILD_LEVEL_3, key " + id
	}
	for _, c := range []struct {
		name, payloadType, payload string
		kind                       Kind
		media, called              string
	}{
		{"verification summary", attest.PayloadType, summaryText(t, attest.Passed), KindVSA, mediaVSA, vsa("PASSED")},
		{"one that says no", attest.PayloadType, summaryText(t, attest.Failed), KindVSA, mediaVSA, vsa("FAILED")},
		{"statement", attest.PayloadType, statementText, KindStatement, mediaEnvelope, "statement https://example.com/pen-test/v1, key " + id},
		{"link", attest.PayloadType, linkText, KindLink, mediaEnvelope, "in-toto link, key " + id},
		{"layout", attest.PayloadType, layoutText, KindLayout, mediaEnvelope, "in-toto layout, key " + id},
		{"questionnaire", questionnaireType, questionnaireText, KindDocument, mediaEnvelope, "signed document " + questionnaireType + ", key " + id},
		{"text", "text/plain", "We run a SOC.\n", KindDocument, mediaEnvelope, "signed document text/plain, key " + id},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := sign(t, c.payloadType, c.payload)
			d, s, err := Import(raw, key(1).Public())
			if err != nil {
				t.Fatal(err)
			}
			want := attest.ResourceDescriptor{Name: c.called, Digest: map[string]string{"sha256": hexSum(raw)}, MediaType: c.media}
			if diff := cmp.Diff(want, d); diff != "" {
				t.Error(diff)
			}
			if s.Kind != c.kind || s.Signer != id || string(s.Payload) != c.payload || s.PayloadType != c.payloadType || (s.VSA != nil) != (c.kind == KindVSA) {
				t.Errorf("summary %+v", s)
			}
		})
	}
}

// TestImportRefuses: each time a sound envelope and one thing wrong.
func TestImportRefuses(t *testing.T) {
	good := sign(t, attest.PayloadType, statementText)
	spoil := func(from, to string) []byte {
		out := bytes.Replace(good, []byte(from), []byte(to), 1)
		if bytes.Equal(out, good) {
			t.Fatalf("%q is not in the envelope", from)
		}
		return out
	}
	payload := base64.StdEncoding.EncodeToString([]byte(statementText))
	other := base64.StdEncoding.EncodeToString([]byte(strings.Replace(statementText, "true", "null", 1)))
	for _, c := range []struct {
		name string
		raw  []byte
		key  any
		want attest.Reason
	}{
		{"another's key", good, key(2).Public(), attest.NotVerified},
		{"no key", good, nil, attest.BadKey},
		{"a private key", good, key(1), attest.BadKey},
		{"another payload", spoil(payload, other), key(1).Public(), attest.NotVerified},
		{"another payload type", spoil(attest.PayloadType, "application/json"), key(1).Public(), attest.NotVerified},
		{"no signature", spoil(string(signatures(t, good)), "[]"), key(1).Public(), attest.NoSignature},
		{"a field more", spoil(`"payloadType"`, `"extra":1,"payloadType"`), key(1).Public(), attest.UnknownField},
		{"two in one file", append(append(bytes.Clone(good), '\n'), good...), key(1).Public(), attest.Malformed},
		{"too large", append(bytes.Clone(good), bytes.Repeat([]byte(" "), attest.MaxEnvelope)...), key(1).Public(), attest.TooLarge},
		{"not signed at all", []byte(statementText), key(1).Public(), attest.Malformed},
		{"no statement", sign(t, attest.PayloadType, `{"passed":true}`), key(1).Public(), attest.BadStatement},
		{"link in capitals", sign(t, attest.PayloadType, strings.Replace(linkText, `"_type"`, `"_TYPE"`, 1)), key(1).Public(), attest.BadStatement},
		{"a summary without a verdict", sign(t, attest.PayloadType, summaryText(t, "MAYBE")), key(1).Public(), attest.BadPredicate},
		{"a key twice", sign(t, attest.PayloadType, strings.Replace(statementText, `{"passed":true}`, `{"passed":true,"passed":false}`, 1)), key(1).Public(), attest.Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, s, err := Import(c.raw, c.key)
			if !attest.Is(err, c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if !reflect.DeepEqual(d, attest.ResourceDescriptor{}) || !reflect.DeepEqual(s, Summary{}) {
				t.Error("half a result with an error")
			}
		})
	}
}

func signatures(t *testing.T, envelope []byte) []byte {
	t.Helper()
	var e struct{ Signatures json.RawMessage }
	if err := json.Unmarshal(envelope, &e); err != nil {
		t.Fatal(err)
	}
	return e.Signatures
}

// TestImportIsNoFinding: what is imported is taken as evidence of a finding, and makes
// none: a summary that promises level 3 leaves an assessment where it was.
func TestImportIsNoFinding(t *testing.T) {
	cat, err := audit.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	a, f := sample(t, "slsa-v1.2", "build", 2)
	a.Scope.Builders[0].Keys = []string{builderPEM}
	for _, payload := range []string{summaryText(t, attest.Passed), summaryText(t, attest.Failed), statementText} {
		d, _, err := Import(sign(t, attest.PayloadType, payload), key(1).Public())
		if err != nil {
			t.Fatal(err)
		}
		for i := range a.Findings {
			a.Findings[i].Evidence = append(a.Findings[i].Evidence, d)
		}
	}
	if p := a.Validate(cat, noon); len(p) > 0 {
		t.Errorf("the assessment is refused with it: %v", p)
	}
	track, _ := f.Track("build")
	if got := track.Compute(a.Findings); got.Level != 2 {
		t.Errorf("the level is %d with it, want 2", got.Level)
	}
}

// TestImportName: texts of others become one short line that prints.
func TestImportName(t *testing.T) {
	cat, err := audit.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	v := attest.VSA{
		Subjects: []attest.Subject{{Name: "a", Digest: map[string]string{"sha256": hexSum(nil)}}}, VerifierID: "https://ca.example/" + strings.Repeat("é\n\u202e", 400),
		TimeVerified: noon, ResourceURI: "https://a.example", Policy: attest.ResourceDescriptor{URI: "https://a.example"},
		Result: attest.Failed, VerifiedLevels: []string{strings.Repeat("L", 900), "x\x00y"},
	}
	st, err := attest.NewVSA(v)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := st.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := Import(sign(t, attest.PayloadType, string(payload)), key(1).Public())
	if err != nil {
		t.Fatal(err)
	}
	a, _ := sample(t, "slsa-v1.2", "build", 2)
	a.Scope.Builders[0].Keys = []string{builderPEM}
	a.Findings[0].Evidence = []attest.ResourceDescriptor{d}
	if p := a.Validate(cat, noon); len(p) > 0 {
		t.Errorf("%q: %v", d.Name, p)
	}
}

// builderPEM is a builder's public key. Nobody has the private key.
const builderPEM = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEHKX1JNCMmSFtYmqv1YoVVbrj6LJZ
S9nQPf15N7jKuC3sC9s+Q2e1bHKJohUTK6U/mzBYrSqRCB11WlD7ibeowQ==
-----END PUBLIC KEY-----
`

// FuzzImport: nothing is imported that our key has not signed, and what is imported is
// the bytes given, under a name that an assessment takes.
func FuzzImport(f *testing.F) {
	seeds := 0
	for _, payload := range []string{summaryText(f, attest.Passed), statementText, linkText, layoutText} {
		f.Add(sign(f, attest.PayloadType, payload))
		seeds++
	}
	f.Add(sign(f, questionnaireType, questionnaireText))
	if seeds == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, s, err := Import(raw, key(1).Public())
		if err != nil {
			if d.Name != "" || d.Digest != nil || s.Kind != "" || s.Payload != nil {
				t.Fatal("half a result with an error")
			}
			return
		}
		opened, err := attest.OpenPayload(raw, s.PayloadType, key(1).Public())
		if err != nil || !bytes.Equal(opened.Payload, s.Payload) {
			t.Fatalf("imported, but does not open: %v", err)
		}
		if d.Digest["sha256"] != hexSum(raw) || len(d.Name) > 256 || strings.ContainsAny(d.Name, "\n\r\x00") {
			t.Fatalf("descriptor %+v", d)
		}
		if _, _, err := Import(raw, key(2).Public()); err == nil {
			t.Fatal("imported under another key")
		}
	})
}
