package probe

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/test/corpora"
)

// goodLayout is a layout with one step. Its readme holds what canonical JSON writes in
// its own way.
const goodLayout = `{
  "_type": "layout", "expires": "2026-03-02T12:00:00Z", "keys": {}, "inspect": [],
  "readme": "a \"quoted\" \\ text\nwith <tags> & \u00e9\u0001", "steps": [{"_type": "step", "name": "build", "threshold": 1, "pubkeys": [], "expected_command": []}]
}`

// classic signs in the classic form.
func classic(t testing.TB, signed string, key crypto.Signer) []byte {
	t.Helper()
	message, err := cjson.EncodeCanonical(json.RawMessage(signed))
	if err != nil {
		t.Fatal(err)
	}
	short, long := sha256.Sum256(message), sha512.Sum384(message)
	var sig []byte
	switch k := key.(type) {
	case ed25519.PrivateKey:
		sig = ed25519.Sign(k, message)
	case *rsa.PrivateKey:
		sig, err = rsa.SignPSS(rand.Reader, k, crypto.SHA256, short[:], &rsa.PSSOptions{SaltLength: 32})
	case *ecdsa.PrivateKey:
		digest := short[:]
		if k.Curve == elliptic.P384() {
			digest = long[:]
		}
		sig, err = ecdsa.SignASN1(rand.Reader, k, digest)
	}
	if err != nil {
		t.Fatal(err)
	}
	return []byte(`{"signed": ` + signed + `, "signatures": [{"keyid": "00", "sig": "00"}, {"keyid": "", "sig": "` + hex.EncodeToString(sig) + `"}]}`)
}

func enveloped(t testing.TB, signed string, key crypto.Signer) []byte {
	t.Helper()
	raw, err := attest.Sign(t.Context(), attest.PayloadType, []byte(signed), key)
	if err != nil {
		t.Fatal(err)
	}
	return append(raw, '\n')
}

func fuzzKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)) }

func TestInTotoLayout(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	large, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	var body []byte
	s, r := start(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	for name, key := range map[string]crypto.Signer{"p-256": newKey(t), "p-384": p384, "rsa": large, "ed25519": fuzzKey()} {
		w := map[string]string{"url": s.URL, "key": publicPEM(t, key.Public())}
		for form, sign := range map[string]func(testing.TB, string, crypto.Signer) []byte{"classic": classic, "dsse": enveloped} {
			t.Run(name+"/"+form, func(t *testing.T) {
				body = sign(t, goodLayout, key)
				want(t, r.Run(t.Context(), "in-toto-layout", w, ""), Passed, "1 steps, signed by key ")
				want(t, r.Run(t.Context(), "in-toto-layout", with(w, "key", publicPEM(t, newKey(t).Public())), ""), Failed, "verif")
				for what, change := range map[string][3]string{
					"expired":     {"2026-03-02T12:00:00Z", "2026-03-01T12:00:00Z", "the layout expired at 2026-03-01T12:00:00Z"},
					"nothing":     {`[{"_type": "step", "name": "build", "threshold": 1, "pubkeys": [], "expected_command": []}]`, "[]", "demands nothing"},
					"other-type":  {`"_type": "layout"`, `"_type": "link"`, `_type is "link"`},
					"no-expiry":   {`"expires"`, `"Expires"`, "no expires"},
					"local-time":  {"12:00:00Z", "12:00:00+01:00", "not like 2030-11-18T16:06:36Z"},
					"null":        {`"keys": {}`, `"keys": null`, "no keys"},
					"wrong-type":  {`"inspect": []`, `"inspect": {}`, "inspect has the wrong type"},
					"many-steps":  {`"steps": [`, `"steps": [` + strings.Repeat(`{},`, maxSteps), "more than 1024 steps"},
					"key-twice":   {`"keys": {}`, `"keys": {}, "keys": {}`, "twice"},
					"not-in-time": {"2026-03-02", "2026-02-30", "not like"},
				} {
					changed := strings.Replace(goodLayout, change[0], change[1], 1)
					if changed == goodLayout {
						t.Fatalf("%s changes nothing", what)
					}
					body = sign(t, changed, key)
					want(t, r.Run(t.Context(), "in-toto-layout", w, ""), Failed, change[2])
				}
			})
		}
	}
}

// TestLayoutSignature: a good layout with one thing wrong about its signature.
func TestLayoutSignature(t *testing.T) {
	key := fuzzKey()
	good := string(classic(t, goodLayout, key))
	if l, err := openLayout([]byte(good), key.Public()); err != nil || l.steps != 1 {
		t.Fatal(l, err)
	}
	var sealed map[string]any
	if err := json.Unmarshal(enveloped(t, goodLayout, key), &sealed); err != nil {
		t.Fatal(err)
	}
	both := func(extra string) string {
		sealed["signed"] = json.RawMessage(extra)
		raw, err := json.Marshal(sealed)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	statement, err := attest.Sign(t.Context(), "application/json", []byte(goodLayout), key)
	if err != nil {
		t.Fatal(err)
	}
	signature := good[strings.Index(good, `{"keyid": ""`) : len(good)-2]
	for name, c := range map[string]struct{ raw, detail string }{
		"changed":          {strings.Replace(good, "2026-03-02", "2027-03-02", 1), "no signature of the layout verifies"},
		"unsigned":         {`{"signed": ` + goodLayout + `, "signatures": []}`, "no signature of the layout verifies"},
		"no-signatures":    {`{"signed": ` + goodLayout + `}`, "signatures are not a list"},
		"null-signatures":  {`{"signed": ` + goodLayout + `, "signatures": null}`, "no signature of the layout verifies"},
		"not-hex":          {strings.Replace(good, `"sig": "00"`, `"sig": "zz"`, 1), "not hex"},
		"no-sig":           {strings.Replace(good, `"sig": "00"`, `"sig": 1`, 1), "without sig"},
		"many-signatures":  {strings.Replace(good, signature, strings.Repeat(signature+",", maxLayoutSignatures)+signature, 1), "at most 16"},
		"float":            {strings.Replace(good, `"threshold": 1`, `"threshold": 1.5`, 1), "no canonical form"},
		"unknown-beside":   {strings.Replace(good, `"signatures"`, `"more": 1, "signatures"`, 1), "unknown field"},
		"both-forms":       {both(goodLayout), "unknown field"},
		"signed-twice":     {strings.Replace(good, `"signed"`, `"signed": {}, "signed"`, 1), "twice"},
		"trailing":         {good + "{}", "not one JSON value"},
		"deep":             {strings.Replace(good, `"keys": {}`, `"keys": {"a":`+strings.Repeat("[", attest.MaxDepth)+strings.Repeat("]", attest.MaxDepth)+"}", 1), "nested deeper"},
		"large":            {strings.Replace(good, "with", strings.Repeat("x", maxEnvelope), 1), "bytes, at most"},
		"array":            {`[]`, "not an object"},
		"signed-array":     {string(classic(t, `[]`, key)), "not an object"},
		"dsse-other-type":  {string(statement), "payload-type"},
		"dsse-not-json":    {string(enveloped(t, "layout", key)), "malformed"},
		"no-form-at-all":   {`{}`, "missing or empty"},
		"other-letters":    {strings.Replace(good, `"signed"`, `"Signed"`, 1), "missing or empty"},
		"classic-sig-dsse": {`{"payloadType":"` + attest.PayloadType + `","payload":"` + base64.StdEncoding.EncodeToString([]byte(goodLayout)) + `","signatures":[{"sig":"AAAA"}]}`, "not-verified"},
	} {
		l, err := openLayout([]byte(c.raw), key.Public())
		if err == nil || !strings.Contains(err.Error(), c.detail) || l != (layout{}) {
			t.Errorf("%s: %v %v", name, l, err)
		}
	}
	if _, err := openLayout([]byte(good), weakRSA(t)); !attest.Is(err, attest.BadKey) {
		t.Error(err)
	}
}

// TestCorporaLayouts: layouts and links that in-toto's own tools signed. Their keys are
// RSA of 2048 bits, which is too small for us, so the parts are tried one by one.
func TestCorporaLayouts(t *testing.T) {
	dir := corpora.Folder(t, "in-toto")
	read := func(name string) []byte { return readFile(t, filepath.Join(dir, name)) }
	key := func(name string) crypto.PublicKey {
		block, _ := pem.Decode(read(name))
		pub, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return pub
	}
	form := func(name string) map[string]json.RawMessage {
		var f map[string]json.RawMessage
		if err := json.Unmarshal(read(name), &f); err != nil {
			t.Fatal(err)
		}
		return f
	}
	// Our canonical JSON and PSS are theirs.
	for name, signer := range map[string]string{"demo.layout": "alice.pub"} {
		if err := verifyClassic(form(name), key(signer)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := verifyClassic(form(name), key("carol.pub")); !errors.Is(err, errLayoutSignature) {
			t.Errorf("%s under another key: %v", name, err)
		}
	}
	if err := verifyClassic(form("super.layout"), key("alice.pub")); !errors.Is(err, errLayoutSignature) {
		t.Errorf("super.layout, which nobody signed: %v", err)
	}
	for name, c := range map[string]struct {
		steps   int
		expires string
	}{
		"demo.layout": {2, "2030-11-18T16:06:36Z"}, "demo.dsse.layout": {2, "2030-11-18T16:06:36Z"},
		"dsse-only.root.layout": {3, "2030-06-03T13:25:20Z"}, "super.layout": {1, "2021-03-06T11:54:25Z"},
	} {
		signed := form(name)["signed"]
		if signed == nil {
			u, err := attest.ParseEnvelope(read(name))
			if err != nil {
				t.Fatal(err)
			}
			signed = u.Payload
		}
		l, err := parseLayout(signed)
		if err != nil || l.steps != c.steps || l.expires.Format("2006-01-02T15:04:05Z") != c.expires {
			t.Errorf("%s: %v %v", name, l, err)
		}
	}
	for _, name := range []string{"demo.layout", "demo.dsse.layout", "dsse-only.root.layout", "super.layout"} {
		if _, err := openLayout(read(name), key("alice.pub")); !attest.Is(err, attest.BadKey) {
			t.Errorf("%s under a key of 2048 bits: %v", name, err)
		}
		if _, err := openLayout(read(name), key("dan.pub")); err == nil {
			t.Errorf("%s under the key of somebody else", name)
		}
	}
}

// TestCorporaLinks: signatures over other documents in the classic form, with keys of
// every kind that we take.
func TestCorporaLinks(t *testing.T) {
	dir := corpora.Folder(t, "in-toto")
	names, err := filepath.Glob(filepath.Join(dir, "*.link"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	publics, err := filepath.Glob(filepath.Join(dir, "*.pub"))
	if err != nil || len(publics) == 0 {
		t.Fatal(publics, err)
	}
	verified := map[string]string{}
	for _, name := range names {
		var form map[string]json.RawMessage
		if err := json.Unmarshal(readFile(t, name), &form); err != nil {
			t.Fatal(err)
		}
		if form["signed"] == nil {
			continue
		}
		for _, public := range publics {
			block, _ := pem.Decode(readFile(t, public))
			key, err := x509.ParsePKIXPublicKey(block.Bytes)
			if err != nil {
				continue // curves that Go does not know
			}
			if verifyClassic(form, key) == nil {
				verified[filepath.Base(name)] = filepath.Base(public)
			}
			// No link is a layout, whoever signed it.
			if l, err := openLayout(readFile(t, name), key); err == nil {
				t.Errorf("%s is a layout: %v", name, l)
			}
		}
	}
	t.Logf("verified %v", verified)
	if len(verified) == 0 {
		t.Error("no signature of the corpus verifies")
	}
}

// FuzzOpenLayout: nothing opens that our test key has not signed, and what opens says
// what was signed.
func FuzzOpenLayout(f *testing.F) {
	key := fuzzKey()
	f.Add(classic(f, goodLayout, key))
	f.Add(enveloped(f, goodLayout, key))
	f.Add([]byte(`{"signed": {}, "signatures": [{"sig": ""}]}`))
	f.Add([]byte(`{"signed": {"a": 1e5, "b": "\ud800"}, "signatures": [{"sig": "00"}]}`))
	good, err := cjson.EncodeCanonical(json.RawMessage(goodLayout))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := openLayout(raw, key.Public())
		if err != nil {
			if l != (layout{}) {
				t.Fatal("half a result with an error")
			}
			return
		}
		var form map[string]json.RawMessage
		if err := json.Unmarshal(raw, &form); err != nil {
			t.Fatal(err)
		}
		signed := form["signed"]
		if signed == nil {
			u, err := attest.ParseEnvelope(bytes.TrimSpace(raw))
			if err != nil {
				t.Fatal(err)
			}
			signed = u.Payload
		}
		got, err := cjson.EncodeCanonical(signed)
		if err != nil || !bytes.Equal(got, good) || l.steps != 1 || !l.expires.Equal(instant.AddDate(0, 0, 1)) {
			t.Fatalf("%v %v\n%s", l, err, got)
		}
	})
}

// FuzzParseLayout: the spelling of the JSON makes no difference.
func FuzzParseLayout(f *testing.F) {
	f.Add([]byte(goodLayout))
	f.Add([]byte(`{"_type":"layout","expires":"2030-11-18T16:06:36Z","keys":{},"steps":[],"inspect":[]}`))
	f.Add([]byte(`{"_type":"layout","expires":"2030-11-18T16:06:36Z","keys":[],"steps":[1],"inspect":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := parseLayout(raw)
		if err != nil {
			return
		}
		if l.steps > maxSteps || l.expires.IsZero() {
			t.Fatalf("%+v", l)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			t.Fatal(err)
		}
		if again, err := parseLayout(compact.Bytes()); err != nil || again != l {
			t.Fatalf("%+v, compact %+v %v", l, again, err)
		}
	})
}
