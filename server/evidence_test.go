package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/audit/evidence"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

var reportSHA256 = hexDigest(sha256.Sum256([]byte(testReport)))

// put uploads bytes as evidence.
func (w *world) put(who, id, sha256, mediaType string, content io.Reader) reply {
	w.t.Helper()
	req, err := http.NewRequest("PUT", w.http.URL+"/v1/assessments/"+id+"/evidence/"+sha256, content)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", mediaType)
	return w.answerOf(who, req)
}

// answerOf does a request as somebody.
func (w *world) answerOf(who string, req *http.Request) reply {
	w.t.Helper()
	resp, err := w.clients[who].Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	r := reply{status: resp.StatusCode, body: raw}
	if r.status >= 400 {
		json.Unmarshal(raw, &r.problem)
	}
	return r
}

// apiClient is the client that people's programs use.
func (w *world) apiClient(who string) *api.Client {
	w.t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(w.server.Operator.OperatorRoot())
	identity := w.clients[who].Transport.(*http.Transport).TLSClientConfig.Certificates[0]
	client, err := api.NewClient(w.http.URL, roots, &tls.Certificate{Certificate: identity.Certificate, PrivateKey: identity.PrivateKey})
	if err != nil {
		w.t.Fatal(err)
	}
	return client
}

// TestEvidence: the files that findings name go in once, from the assessment's auditors,
// and come out for those who may see the assessment.
func TestEvidence(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	path := "/v1/assessments/" + w.assessment + "/evidence"
	var files []api.EvidenceFile
	w.must("acme", "GET", path, nil, &files)
	if len(files) != 1 || files[0].Held || files[0].SHA256 != reportSHA256 || files[0].Names[0] != "report" || len(files[0].Requirements) < 10 {
		t.Fatalf("before: %+v", files)
	}
	if got := w.do("acme", "GET", path+"/"+reportSHA256, nil); got.status != http.StatusNotFound {
		t.Errorf("not handed in yet: %d %s", got.status, got.body)
	}
	var kept, again api.EvidenceFile
	quill := w.apiClient("quill")
	if err := quill.Upload(ctx, path+"/"+reportSHA256, strings.NewReader(testReport), int64(len(testReport)), &kept); err != nil {
		t.Fatal(err)
	}
	if !kept.Held || kept.Size != int64(len(testReport)) || kept.By != "quill" {
		t.Errorf("kept %+v", kept)
	}
	// Again: the server has it, and says so without asking for the bytes.
	if err := quill.Upload(ctx, path+"/"+reportSHA256, unreadable{t}, 1<<20, &again); err != nil || !again.At.Equal(kept.At) {
		t.Errorf("again: %v, %+v", err, again)
	}
	for _, who := range []string{"olga", "rita", "quill", "acme"} {
		var got bytes.Buffer
		if n, err := w.apiClient(who).Download(ctx, path+"/"+reportSHA256, &got, 1<<20); err != nil || got.String() != testReport || n != int64(got.Len()) {
			t.Errorf("%s: %v, %q", who, err, got.String())
		}
	}
	if _, err := quill.Download(ctx, path+"/"+reportSHA256, io.Discard, 5); err == nil {
		t.Error("more than the client wants was taken")
	}
	for _, who := range []string{"beta", "nib"} {
		if got := w.do(who, "GET", path+"/"+reportSHA256, nil); got.status != http.StatusNotFound || bytes.Contains(got.body, []byte(testReport)) {
			t.Errorf("%s: %d %s", who, got.status, got.body)
		}
	}
}

type unreadable struct{ t *testing.T }

// Read fails the test.
func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the bytes were sent")
	return 0, io.ErrUnexpectedEOF
}

// TestEvidenceRefused: nothing but the bytes that a finding names, from whoever has
// them, is kept.
func TestEvidenceRefused(t *testing.T) {
	w := newWorld(t)
	betas := w.submit("beta")
	before := w.inventory()
	other := hexDigest(sha256.Sum256([]byte("other")))
	for _, c := range []struct {
		name, who, id, sha256, mediaType, content string
		status                                    int
		want                                      string
	}{
		{"a digest that no finding names", "quill", w.assessment, other, streamType, "other", 422, "no finding of this assessment names"},
		{"other bytes", "quill", w.assessment, reportSHA256, streamType, "other", 422, "another SHA-256"},
		{"cut off", "quill", w.assessment, reportSHA256, streamType, testReport[:5], 422, "another SHA-256"},
		{"one byte more", "quill", w.assessment, reportSHA256, streamType, testReport + "x", 422, "another SHA-256"},
		{"nothing", "quill", w.assessment, reportSHA256, streamType, "", 422, "another SHA-256"},
		{"JSON", "quill", w.assessment, reportSHA256, "application/json", testReport, 415, "media-type"},
		{"no digest", "quill", w.assessment, "report", streamType, testReport, 422, "path.sha256"},
		{"upper case", "quill", w.assessment, strings.ToUpper(reportSHA256), streamType, testReport, 422, "path.sha256"},
		{"unknown assessment", "quill", strings.Repeat("0", 64), reportSHA256, streamType, testReport, 404, "not-found"},
		{"another auditor", "nib", w.assessment, reportSHA256, streamType, testReport, 404, "not-found"},
		{"the vendor", "acme", w.assessment, reportSHA256, streamType, testReport, 403, "wrong-role"},
		{"an officer", "olga", w.assessment, reportSHA256, streamType, testReport, 403, "wrong-role"},
		{"nobody", "", w.assessment, reportSHA256, streamType, testReport, 401, "no-identity"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := w.put(c.who, c.id, c.sha256, c.mediaType, strings.NewReader(c.content))
			if got.status != c.status || !strings.Contains(string(got.body), c.want) {
				t.Errorf("got %d %s, want %d with %q", got.status, got.body, c.status, c.want)
			}
		})
	}
	if held, err := w.server.Evidence.Has(reportSHA256); held || err != nil {
		t.Errorf("a refused file was kept: %v", err)
	}
	if after := w.inventory(); !equal(before, after) {
		t.Errorf("refused files left something:\nbefore %v\nafter  %v", before, after)
	}
	// The same file for another assessment: to know its digest is not to have it.
	if got := w.put("quill", w.assessment, reportSHA256, streamType, strings.NewReader(testReport)); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := w.do("beta", "GET", "/v1/assessments/"+betas+"/evidence/"+reportSHA256, nil); got.status != http.StatusNotFound {
		t.Errorf("beta reads what was handed in for acme: %d %s", got.status, got.body)
	}
	if got := w.put("quill", betas, reportSHA256, streamType, strings.NewReader("other")); got.status != http.StatusUnprocessableEntity {
		t.Errorf("handed in by its digest alone: %d %s", got.status, got.body)
	}
	if held, err := w.server.Evidence.Has(reportSHA256); !held || err != nil {
		t.Errorf("a refused file took the good one along: %v", err)
	}
}

// TestEvidenceDamaged: what rotted on disk does not arrive as whole.
func TestEvidenceDamaged(t *testing.T) {
	w := newWorld(t)
	if got := w.put("quill", w.assessment, reportSHA256, streamType, strings.NewReader(testReport)); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	file := filepath.Join(w.folder, "sha256", reportSHA256[:2], reportSHA256)
	if err := os.WriteFile(file, []byte(strings.ToUpper(testReport)), 0o600); err != nil {
		t.Fatal(err)
	}
	hash := sha256.New()
	_, err := w.apiClient("acme").Download(context.Background(), "/v1/assessments/"+w.assessment+"/evidence/"+reportSHA256, hash, 1<<20)
	if err == nil && hexDigest([32]byte(hash.Sum(nil))) == reportSHA256 {
		t.Error("other bytes have the right digest")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if got := w.do("acme", "GET", "/v1/assessments/"+w.assessment+"/evidence/"+reportSHA256, nil); got.status != http.StatusInternalServerError || got.problem.Code != "internal" {
		t.Errorf("on record and not there: %d %s", got.status, got.body)
	}
}

// TestLargeEvidence: a file larger than any other request may be goes through, and not
// through memory; its length is looked at before its bytes.
func TestLargeEvidence(t *testing.T) {
	w := newWorld(t)
	large := make([]byte, maxBodyBytes+1<<20)
	rand.Read(large)
	sum := hexDigest(sha256.Sum256(large))
	a := w.newAssessment("beta")
	a.Findings[0].Evidence = append(a.Findings[0].Evidence, attest.ResourceDescriptor{Name: "recording.mp4", Digest: map[string]string{"sha256": sum}})
	id := w.handIn(a)
	if err := w.apiClient("quill").Upload(context.Background(), "/v1/assessments/"+id+"/evidence/"+sum, bytes.NewReader(large), int64(len(large)), nil); err != nil {
		t.Error(err)
	}
	var got bytes.Buffer
	if _, err := w.apiClient("beta").Download(context.Background(), "/v1/assessments/"+id+"/evidence/"+sum, &got, evidence.MaxBytes); err != nil || !bytes.Equal(got.Bytes(), large) {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
	err := w.apiClient("quill").Upload(context.Background(), "/v1/assessments/"+id+"/evidence/"+reportSHA256, unreadable{t}, evidence.MaxBytes+1, nil)
	if err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a gigabyte and one byte: %v", err)
	}
}

// TestBoundBodies: what is not streamed is cut off.
func TestBoundBodies(t *testing.T) {
	for method, most := range map[string]int64{"POST": maxBodyBytes, "GET": maxBodyBytes, "PUT": evidence.MaxBytes} {
		var read int64
		h := boundBodies(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { read, _ = io.Copy(io.Discard, r.Body) }))
		body := newCountingReader(most + 1<<20)
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, "/v1/x", body))
		if read != most {
			t.Errorf("%s: %d bytes were read, want %d", method, read, most)
		}
	}
}

// TestEvidenceOnRecord: who handed what in is on record, once, also when it comes twice
// at the same time.
func TestEvidenceOnRecord(t *testing.T) {
	w := newWorld(t)
	done := make(chan reply)
	for range 2 {
		go func() {
			done <- w.put("quill", w.assessment, reportSHA256, streamType, strings.NewReader(testReport))
		}()
	}
	for range 2 {
		if got := <-done; got.status != http.StatusOK {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	events := 0
	err := w.store.View(context.Background(), func(r store.Reader) error {
		for e, err := range store.Events.All(r, "") {
			if err != nil {
				return err
			}
			if e.Action == "file.evidence" && e.Who == "quill" && e.Object == w.assessment && e.Detail["sha256"] == reportSHA256 {
				events++
			}
		}
		_, err := store.EvidenceFiles.Get(r, w.assessment+"/"+reportSHA256)
		return err
	})
	if err != nil || events != 1 {
		t.Errorf("%d events, %v", events, err)
	}
}

// TestNamedEvidence: each digest is listed once, with all that it is called.
func TestNamedEvidence(t *testing.T) {
	one, two := strings.Repeat("1", 64), strings.Repeat("2", 64)
	piece := func(name, sum string) attest.ResourceDescriptor {
		d := attest.ResourceDescriptor{Name: name}
		if sum != "" {
			d.Digest = map[string]string{"sha256": sum}
		}
		return d
	}
	got := namedEvidence(audit.Assessment{Findings: []audit.Finding{
		{Requirement: "a", Evidence: []attest.ResourceDescriptor{piece("x", one), piece("y", one), piece("link", "")}},
		{Requirement: "b", Evidence: []attest.ResourceDescriptor{piece("x", one), piece("z", two)}},
	}})
	raw, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"sha256":"` + one + `","names":["x","y"],"requirements":["a","b"],"held":false},{"sha256":"` + two + `","names":["z"],"requirements":["b"],"held":false}]`
	if text := strings.ReplaceAll(string(raw), `,"at":"0001-01-01T00:00:00Z"`, ""); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

// slow gives its bytes in pieces, with pauses.
type slow struct {
	from  io.Reader
	pause time.Duration
}

// Read sleeps, then reads a piece.
func (s slow) Read(p []byte) (int, error) {
	time.Sleep(s.pause)
	return s.from.Read(p[:min(len(p), 10)])
}

// TestSlowEvidence: a transfer may take longer than any other request, as long as it
// goes on.
func TestSlowEvidence(t *testing.T) {
	w := newWorld(t)
	const limit = 300 * time.Millisecond
	srv := httptest.NewUnstartedServer(w.server.API())
	srv.Listener = tls.NewListener(srv.Listener, w.server.TLS())
	srv.Config.ReadTimeout, srv.Config.WriteTimeout = limit, limit
	srv.Start()
	defer srv.Close()
	w.http.URL = "https://" + srv.Listener.Addr().String()
	path := "/v1/assessments/" + w.assessment + "/evidence/" + reportSHA256
	begin := time.Now()
	if err := w.apiClient("quill").Upload(context.Background(), path, slow{strings.NewReader(testReport), limit / 2}, int64(len(testReport)), nil); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took < limit {
		t.Errorf("the upload took %s: it proves nothing", took)
	}
}
