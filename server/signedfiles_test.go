package server

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/test/sample"
)

// program is a Windows program with the digests that evidence names.
type program struct {
	raw            []byte
	sha256, signed string
}

func newProgram(t *testing.T, text string) program {
	t.Helper()
	p := program{raw: sample.Program([]byte(text))}
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, p.raw, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := f.Digests()
	if err != nil || f.Kind != format.PE {
		t.Fatal(f.Kind, err)
	}
	p.sha256, p.signed = hex.EncodeToString(d.SHA256[:]), hex.EncodeToString(d.Signed[:])
	return p
}

func (p program) request() api.NewSignature {
	return api.NewSignature{SHA256: p.sha256, Signed: p.signed, Format: "pe", Product: "hello"}
}

// vouch files provenance whose subject has these digests.
func (w *world) vouch(digests map[string]string) {
	w.t.Helper()
	statement, err := attest.NewProvenanceV1(attest.Build{
		Subjects: []attest.Subject{{Name: "hello.exe", Digest: digests}}, BuilderID: testBuilder, BuildType: testBuildType,
		Source: attest.ResourceDescriptor{URI: testSource, Digest: map[string]string{"gitCommit": strings.Repeat("1f", 20)}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	envelope, err := attest.SignStatement(context.Background(), statement, w.builder)
	if err != nil {
		w.t.Fatal(err)
	}
	w.must("acme", "POST", "/v1/attestations", api.NewAttestations{Envelopes: [][]byte{envelope}}, nil)
}

// TestPairing: a good file's evidence does not carry another file's hash to a signature.
func TestPairing(t *testing.T) {
	w := newWorld(t)
	good, evil := newProgram(t, "good"), newProgram(t, "evil")
	w.vouch(map[string]string{"sha256": good.sha256, "authenticodeSha256": good.signed})
	w.must("acme", "POST", "/v1/signatures", good.request(), nil)
	with := func(change func(*api.NewSignature)) api.NewSignature {
		r := good.request()
		change(&r)
		return r
	}
	w.refuses(t, []badInput{
		{"another program's hash", "acme", "/v1/signatures", with(func(r *api.NewSignature) { r.Signed = evil.signed }), 403, "another authenticodeSha256"},
		{"another program altogether", "acme", "/v1/signatures", evil.request(), 403, "provenance.available"},
		{"the hash of a Java archive", "acme", "/v1/signatures", with(func(r *api.NewSignature) { r.Format = "jar" }), 403, "does not state the artifact's jarSignatureFileSha256"},
		{"no hash", "acme", "/v1/signatures", with(func(r *api.NewSignature) { r.Signed = "" }), 422, "which is required"},
		{"a hash where none is signed", "acme", "/v1/signatures", with(func(r *api.NewSignature) { r.Format = "detached" }), 422, "and no other"},
		{"a hash of the wrong length", "acme", "/v1/signatures", with(func(r *api.NewSignature) { r.Signed = "ab" }), 422, "body.signed"},
	})
}

// send uploads a program to be signed.
func (w *world) send(who, query, media string, content io.Reader) reply {
	w.t.Helper()
	req, err := http.NewRequest("PUT", w.http.URL+"/v1/signatures/files?"+query, content)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", media)
	return w.answerOf(who, req)
}

// TestUpload: where evidence names the SHA-256 alone, the service takes the other digest
// from the file, and keeps nothing of it.
func TestUpload(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	w := newWorld(t)
	good, evil := newProgram(t, "good"), newProgram(t, "evil")
	w.vouch(map[string]string{"sha256": good.sha256})
	if got := w.do("acme", "POST", "/v1/signatures", good.request()); got.status != 403 || !strings.Contains(string(got.body), "does not state") {
		t.Errorf("hash by the client's word: %d %s", got.status, got.body)
	}
	var answer api.Signature
	const query = "format=pe&product=hello"
	if err := w.apiClient("acme").Upload(context.Background(), "/v1/signatures/files?"+query, bytes.NewReader(good.raw), int64(len(good.raw)), &answer); err != nil {
		t.Fatal(err)
	}
	if signed, _ := hex.DecodeString(good.signed); answer.SHA256 != good.sha256 || !bytes.Contains(answer.CMS, signed) {
		t.Errorf("signed %s", answer.SHA256)
	}
	for name, c := range map[string]struct {
		who, query, media string
		content           []byte
		status            int
		says              string
	}{
		"explain":             {"acme", query + "&explain=true", streamType, good.raw, 200, "taken from the file itself"},
		"another program":     {"acme", query, streamType, evil.raw, 403, "provenance.available"},
		"another vendor":      {"beta", query, streamType, good.raw, 403, ""},
		"nobody":              {"", query, streamType, good.raw, 401, ""},
		"an officer":          {"olga", query, streamType, good.raw, 403, "role"},
		"not a program":       {"acme", query, streamType, []byte("text"), 422, "not a pe file that can be signed"},
		"cut off":             {"acme", query, streamType, good.raw[:700], 422, "truncated"},
		"format without hash": {"acme", "format=detached&product=hello", streamType, good.raw, 422, "query.format"},
		"no product":          {"acme", "format=pe", streamType, good.raw, 422, "query.product"},
		"JSON":                {"acme", query, "application/json", good.raw, 415, "Content-Type"},
	} {
		got := w.send(c.who, c.query, c.media, bytes.NewReader(c.content))
		if got.status != c.status || !strings.Contains(string(got.body), c.says) {
			t.Errorf("%s: %d %s, want %d %q", name, got.status, got.body, c.status, c.says)
		}
	}
	w.crowd(query, good)
	left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "hallmark-upload-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// crowd holds uploads open: one too many of all is turned away, and one too many of a
// vendor, which leaves the others alone.
func (w *world) crowd(query string, good program) {
	w.t.Helper()
	take := func(vendor string) func() {
		leave, ok := w.server.uploads.take(vendor, maxUploads, maxVendorUploads)
		if !ok {
			w.t.Fatal("no seat for " + vendor)
		}
		return leave
	}
	want := func(what string, status int) {
		if got := w.send("acme", query, streamType, bytes.NewReader(good.raw)); got.status != status {
			w.t.Errorf("%s: %d %s, want %d", what, got.status, got.body, status)
		}
	}
	var leave []func()
	for range maxVendorUploads {
		leave = append(leave, take("acme"))
	}
	want("one too many of a vendor", http.StatusServiceUnavailable)
	for _, l := range leave {
		l()
	}
	for i := range maxUploads {
		leave[i%len(leave)] = take(string(rune('a' + i/maxVendorUploads)))
		if i < maxVendorUploads {
			want("another vendor has its share", http.StatusOK)
		}
	}
	want("one too many of all", http.StatusServiceUnavailable)
}
