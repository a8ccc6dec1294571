package server

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/server/api"
)

var plainDigest = strings.Repeat("0a", 32)

// plainRequests are taken without the schema.
func plainRequests() []string {
	minimal := `"sha256":"` + plainDigest + `","format":"detached","product":"hello"`
	return []string{
		`{` + minimal + `}`,
		`{"product":"a b <c> & d","sha256":"` + plainDigest + `","format":"oci"}`,
		`{` + minimal + `,"certificate":"0123456789abcdef","explain":true,"per_build":false,"mode":"provisional"}`,
		`{"commit":"` + plainDigest[:40] + `",` + minimal + `,"signed":"` + plainDigest + `"}`,
	}
}

// otherRequests are left to the schema, which takes some of them.
func otherRequests() []string {
	minimal := `"sha256":"` + plainDigest + `","format":"detached","product":"hello"`
	return []string{
		``, `{`, `{}`, `[]`, `null`, `"x"`, `{` + minimal, `{` + minimal + `}}`, `{` + minimal + `,}`, `{` + minimal + `} `, ` {` + minimal + `}`, `{ ` + minimal + `}`,
		`{` + minimal + `,"product":"other"}`, `{` + minimal + `,"Product":"other"}`, `{` + minimal + `,"unknown":"x"}`, `{` + minimal + `,"$schema":"x"}`,
		`{` + minimal + `,"mode":null}`, `{` + minimal + `,"mode":""}`, `{` + minimal + `,"mode":"other"}`, `{` + minimal + `,"explain":"true"}`, `{` + minimal + `,"explain":truefalse}`,
		`{` + minimal + `,"certificate":"0"}`, `{` + minimal + `,"certificate":"0A"}`, `{` + minimal + `,"certificate":"` + plainDigest + `"}`,
		`{` + minimal + `,"commit":""}`, `{` + minimal + `,"commit":"00"}`, `{` + minimal + `,"signed":"00"}`, `{` + minimal + `,"size":1}`, `{` + minimal + `,"claims":[]}`, `{` + minimal + `,"media_type":"x"}`,
		`{"sha256":"` + plainDigest + `","format":"detached"}`, `{"sha256":"` + plainDigest + `","format":"zip","product":"hello"}`, `{"sha256":"00","format":"detached","product":"hello"}`,
		`{"sha256":"` + plainDigest + `","format":"detached","product":""}`, `{"sha256":"` + plainDigest + `","format":"detached","product":"h\u00e9"}`, `{"sha256":"` + plainDigest + `","format":"detached","product":"é"}`,
		`{"sha256":"` + plainDigest + `","format":"detached","product":"` + strings.Repeat("x", 201) + `"}`, `{"sha256":"` + strings.ToUpper(plainDigest) + `","format":"detached","product":"hello"}`,
	}
}

func TestPlainSignature(t *testing.T) {
	for _, text := range plainRequests() {
		var want api.NewSignature
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		got, ok := parsePlainSignature([]byte(text))
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("%s: %v\n%s", text, ok, diff)
		}
	}
	for _, text := range otherRequests() {
		if _, ok := parsePlainSignature([]byte(text)); ok {
			t.Errorf("taken: %s", text)
		}
	}
}

// TestPlainFormats: what the schema lists is taken, so that no format is slow by oversight.
func TestPlainFormats(t *testing.T) {
	field, _ := reflect.TypeFor[api.NewSignature]().FieldByName("Format")
	for format := range strings.SplitSeq(field.Tag.Get("enum"), ",") {
		if _, ok := parsePlainSignature([]byte(`{"sha256":"` + plainDigest + `","format":"` + format + `","product":"hello"}`)); !ok {
			t.Errorf("%s is left to the schema", format)
		}
	}
}

// FuzzPlainSignature: what is taken without the schema, the schema takes too, and reads the
// same out of it.
func FuzzPlainSignature(f *testing.F) {
	for _, text := range append(plainRequests(), otherRequests()...) {
		f.Add([]byte(text))
	}
	holdAgainstSchema(f, parsePlainSignature)
}

// FuzzPlainCertificate is FuzzPlainSignature for certificates.
func FuzzPlainCertificate(f *testing.F) {
	for _, text := range append(plainCertificates(), otherCertificates()...) {
		f.Add([]byte(text))
	}
	holdAgainstSchema(f, parsePlainCertificate)
}

func holdAgainstSchema[In any](f *testing.F, parse func([]byte) (In, bool)) {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	schema := registry.Schema(reflect.TypeFor[In](), true, "")
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, ok := parse(raw)
		if !ok {
			return
		}
		var parsed any
		if err := json.Unmarshal(raw, &parsed); err != nil {
			t.Fatalf("%q is no JSON: %v", raw, err)
		}
		var res huma.ValidateResult
		huma.Validate(registry, schema, huma.NewPathBuffer([]byte{}, 0), huma.ModeWriteToServer, parsed, &res)
		if len(res.Errors) > 0 {
			t.Fatalf("%q: the schema says %v", raw, res.Errors)
		}
		var want In
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q:\n%s", raw, diff)
		}
	})
}

// plainCertificates are taken without the schema.
func plainCertificates() []string {
	return []string{`{"csr":"AA=="}`, `{"csr":"+/8="}`, `{"csr":"MIIB"}`}
}

// otherCertificates are left to the schema, which takes some of them.
func otherCertificates() []string {
	return []string{
		``, `{}`, `{"csr":""}`, `{"csr":null}`, `{"csr":"AA"}`, `{"csr":"AA="}`, `{"csr":"AB=="}`, `{"csr":"AA==","profile":"x"}`, `{"csr":"AA=="} `, ` {"csr":"AA=="}`,
		`{"csr":"AA==\n"}`, "{\"csr\":\"AA=\n=\"}", "{\"csr\":\"AA==\r\"}", `{"csr":"-_8="}`, `{"csr":"AA==","csr":"AA=="}`, `{"Csr":"AA=="}`, `{"csr":"A\u0041=="}`, `{"csr":"AA=="`, `{"csr":"A"A="}`,
	}
}

func TestPlainCertificate(t *testing.T) {
	for _, text := range plainCertificates() {
		var want api.NewCertificate
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		got, ok := parsePlainCertificate([]byte(text))
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("%s: %v\n%s", text, ok, diff)
		}
	}
	for _, text := range otherCertificates() {
		if _, ok := parsePlainCertificate([]byte(text)); ok {
			t.Errorf("taken: %s", text)
		}
	}
}

// TestPlainLikeTheSchema: nobody can tell by which way a request was read.
func TestPlainLikeTheSchema(t *testing.T) {
	w := newWorld(t)
	good := `{"sha256":"` + w.artifact + `","format":"detached","product":"hello"}`
	for name, text := range map[string]string{
		"refused by the gate": strings.Replace(good, "hello", "<other> & more", 1),
		"explained":           strings.Replace(good, `"product"`, `"explain":true,"product"`, 1),
		"refused as request":  strings.Replace(good, `"detached"`, `"pe"`, 1),
	} {
		w.postSignature(text, "application/json") // evidence that is not there is looked for elsewhere once
		plain, plainBody := w.postSignature(text, "application/json")
		slow, slowBody := w.postSignature(" "+text, "application/json")
		if plain.StatusCode != slow.StatusCode || plain.Header.Get("Content-Type") != slow.Header.Get("Content-Type") || plainBody != slowBody {
			t.Errorf("%s: %s %s %s\nand by the schema %s %s %s", name, plain.Status, plain.Header.Get("Content-Type"), plainBody, slow.Status, slow.Header.Get("Content-Type"), slowBody)
		}
	}
	for name, c := range map[string]struct {
		text, media, query string
		want               int
	}{
		"not plain":         {good + "\n", "application/json", "", http.StatusOK},
		"plain":             {good, "application/json", "", http.StatusOK},
		"cut off":           {good[:len(good)-1], "application/json", "", http.StatusBadRequest},
		"unknown format":    {strings.Replace(good, "detached", "zip", 1), "application/json", "", http.StatusUnprocessableEntity},
		"unknown member":    {strings.Replace(good, "product", "produce", 1), "application/json", "", http.StatusUnprocessableEntity},
		"unknown parameter": {good, "application/json", "?x=1", http.StatusUnprocessableEntity},
		"another type":      {good, "text/plain", "", http.StatusUnsupportedMediaType},
	} {
		got, body := w.postSignature(c.text, c.media, c.query)
		if got.StatusCode != c.want {
			t.Errorf("%s: %s %s", name, got.Status, body)
		}
	}
}

// TestPlainCertificateLikeTheSchema: nor can they with certificates.
func TestPlainCertificateLikeTheSchema(t *testing.T) {
	w := newWorld(t)
	good := base64.StdEncoding.EncodeToString(csrOf(t, newTestKey(t), x509.CertificateRequest{}))
	for name, c := range map[string]struct {
		csr  string
		want int
	}{
		"good":         {good, http.StatusOK},
		"no request":   {"AAAA", http.StatusUnprocessableEntity},
		"not its key":  {good[:len(good)-8] + "AAAAAAAA", http.StatusUnprocessableEntity},
		"not base64":   {"A", http.StatusUnprocessableEntity},
		"lost padding": {"AA", http.StatusUnprocessableEntity},
	} {
		text := `{"csr":"` + c.csr + `"}`
		plain, plainBody := w.postText("/v1/certificates", text, "application/json")
		slow, slowBody := w.postText("/v1/certificates", " "+text, "application/json")
		if plain.StatusCode != c.want || slow.StatusCode != c.want || plain.Header.Get("Content-Type") != slow.Header.Get("Content-Type") {
			t.Errorf("%s: %s %s\nand by the schema %s %s", name, plain.Status, plainBody, slow.Status, slowBody)
		}
		slowBody = strings.Replace(slowBody, `"value":" {`, `"value":"{`, 1) // it quotes what was sent
		if c.want != http.StatusOK && plainBody != slowBody {
			t.Errorf("%s: %s\nand by the schema %s", name, plainBody, slowBody)
		}
		if c.want == http.StatusOK && !slices.Equal(slices.Sorted(maps.Keys(membersOf(t, plainBody))), slices.Sorted(maps.Keys(membersOf(t, slowBody)))) {
			t.Errorf("%s: %s\nand by the schema %s", name, plainBody, slowBody)
		}
	}
}

func membersOf(t *testing.T, text string) (members map[string]json.RawMessage) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		t.Fatal(err)
	}
	return members
}

// postSignature is acme's request with this very body.
func (w *world) postSignature(text, media string, query ...string) (*http.Response, string) {
	w.t.Helper()
	return w.postText("/v1/signatures"+strings.Join(query, ""), text, media)
}

// postText is acme's request with this very body.
func (w *world) postText(path, text, media string) (*http.Response, string) {
	w.t.Helper()
	req, err := http.NewRequest("POST", w.http.URL+path, bytes.NewReader([]byte(text)))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", media)
	resp, err := w.clients["acme"].Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp, string(body)
}

// TestPlainBodyBreaksOff: a body that ends early, or never, is answered by the schema's
// way, which says so.
func TestPlainBodyBreaksOff(t *testing.T) {
	good := []byte(plainRequests()[0])
	for name, c := range map[string]struct {
		length int
		body   io.Reader
		want   error
	}{
		"early": {len(good) + 10, io.MultiReader(bytes.NewReader(good), endsWith{io.ErrUnexpectedEOF}), io.ErrUnexpectedEOF},
		"more":  {len(good) - 5, bytes.NewReader(good), io.ErrUnexpectedEOF},
		"late":  {len(good), io.MultiReader(bytes.NewReader(good[:10]), endsWith{http.ErrBodyReadAfterClose}), http.ErrBodyReadAfterClose},
	} {
		r, err := http.NewRequest("POST", "/v1/signatures", c.body)
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = int64(c.length)
		r.Header.Set("Content-Type", "application/json")
		if _, ok := readPlain(nil, r, maxPlainSignature, parsePlainSignature); ok {
			t.Errorf("%s: taken", name)
		}
		raw, err := io.ReadAll(r.Body)
		if err != c.want || !bytes.HasPrefix(good, raw) {
			t.Errorf("%s: %q, %v", name, raw, err)
		}
	}
}
