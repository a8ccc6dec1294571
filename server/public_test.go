package server

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store/storetest"
	"github.com/hallmark-pki/hallmark/verify"
	"golang.org/x/mod/sumdb/note"
)

func (w *world) getPublic(path string) (*http.Response, []byte) {
	w.t.Helper()
	resp, err := http.Get(w.public.URL + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp, raw
}

// TestPublicEndpoints: what certificates point to is there, without an identity.
func TestPublicEndpoints(t *testing.T) {
	w := newWorld(t)
	var cert api.Certificate
	w.must("acme", "GET", "/v1/certificates/"+w.certificate, nil, &cert)
	leaf, err := x509.ParseCertificate(cert.DER)
	if err != nil {
		t.Fatal(err)
	}
	path := func(url string) string { return strings.TrimPrefix(url, "http://ca.example.com") }

	resp, der := w.getPublic(path(leaf.CRLDistributionPoints[0]))
	crl, err := x509.ParseRevocationList(der)
	if err != nil || resp.Header.Get("Content-Type") != "application/pkix-crl" {
		t.Fatalf("CRL: %v, %s", err, resp.Header.Get("Content-Type"))
	}
	resp, der = w.getPublic(path(leaf.IssuingCertificateURL[0]))
	issuer, err := x509.ParseCertificate(der)
	if err != nil || resp.Header.Get("Content-Type") != "application/pkix-cert" {
		t.Fatalf("issuer: %v, %s", err, resp.Header.Get("Content-Type"))
	}
	if err := leaf.CheckSignatureFrom(issuer); err != nil {
		t.Error(err)
	}
	if err := crl.CheckSignatureFrom(issuer); err != nil {
		t.Error(err)
	}
	for path, want := range map[string]int{
		"/healthz": 200, "/crl/nonsense.crl": 404, "/crl/elevated": 404, "/crl/elevated.crl": 404, "/crl/root.crl": 200, "/crl/timestamping.crl": 200,
		"/crl/elevated/31.crl": 200, "/crl/elevated/32.crl": 404, "/crl/elevated/031.crl": 404, "/crl/elevated/31": 404, "/crl/root/1.crl": 404, "/ca/..%2fkeys.cer": 404, "/ca/operator.cer": 404,
		"/att/acme/sha256/" + w.artifact[:2] + "/" + w.artifact + ".jsonl": 200,
		"/att/acme/sha256/": 404, "/att/": 404, "/att/acme": 404, "/att/acme/sha256/00/" + w.artifact + ".jsonl": 404,
		"/att/.lock": 404, "/log/checkpoint": 200, "/log/.lock": 404, "/log/": 404,
		"/v1/whoami": 404, "/v1/vendors": 404, "/metrics": 404, "/1.0/sign": 404, "/": 404,
	} {
		if resp, body := w.getPublic(path); resp.StatusCode != want {
			t.Errorf("GET %s: %d %s", path, resp.StatusCode, body)
		}
	}
}

// TestRevocationIsVisible: a revocation is in the CRL and in OCSP when the call
// that made it returns; openssl reads both.
func TestRevocationIsVisible(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	var cert api.Certificate
	w.must("acme", "GET", "/v1/certificates/"+w.certificate, nil, &cert)
	writePEM(t, filepath.Join(dir, "leaf.pem"), cert.DER)
	writePEM(t, filepath.Join(dir, "issuer.pem"), cert.Chain[0])
	root, err := verify.ParseTrust(w.do("", "GET", "/v1/trust", nil).body)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, "root.pem"), root.Roots[0].Raw)

	ask := func() string {
		out, err := exec.Command("openssl", "ocsp", "-issuer", filepath.Join(dir, "issuer.pem"), "-cert", filepath.Join(dir, "leaf.pem"),
			"-url", w.public.URL+"/ocsp", "-CAfile", filepath.Join(dir, "root.pem"), "-no_nonce").CombinedOutput()
		if err != nil {
			t.Fatalf("openssl ocsp: %v\n%s", err, out)
		}
		return string(out)
	}
	if out := ask(); !strings.Contains(out, "leaf.pem: good") {
		t.Fatalf("before: %s", out)
	}
	var plan api.Plan
	w.must("olga", "POST", "/v1/certificates/"+w.certificate+"/revoke", api.NewRevocation{Reason: "keyCompromise", DryRun: true}, &plan)
	if out := ask(); !strings.Contains(out, "leaf.pem: good") || len(plan.Certificates) != 1 {
		t.Fatalf("a dry run revoked: %s", out)
	}
	w.must("acme", "POST", "/v1/certificates/"+w.certificate+"/revoke", api.NewRevocation{Reason: "keyCompromise", Note: "laptop stolen"}, nil)
	if out := ask(); !strings.Contains(out, "leaf.pem: revoked") || !strings.Contains(out, "keyCompromise") {
		t.Errorf("after: %s", out)
	}
	raw := w.do("", "GET", "/v1/trust/status", nil).body
	trust, err := verify.ParseTrust(w.do("", "GET", "/v1/trust", nil).body)
	if err != nil {
		t.Fatal(err)
	}
	status, err := verify.OpenStatus(raw, trust, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("status bundle of %d lists: %d bytes", len(status.CRLs), len(raw))
	if len(status.CRLs) != 3*ca.DefaultShards+2 || len(raw) > 100<<10 {
		t.Errorf("status bundle of %d lists, %d bytes", len(status.CRLs), len(raw))
	}
	found := slices.ContainsFunc(status.CRLs, func(der []byte) bool {
		crl, err := x509.ParseRevocationList(der)
		return err == nil && len(crl.RevokedCertificateEntries) == 1
	})
	if !found {
		t.Error("the status bundle does not have the revocation")
	}
}

func writePEM(t *testing.T, path string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestTimestampEndpoint(t *testing.T) {
	w := newWorld(t)
	digest := sha256.Sum256([]byte("content"))
	request, err := (&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: digest[:], Certificates: true}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(w.public.URL+"/tsa", "application/timestamp-query", bytes.NewReader(request))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	ts, err := timestamp.ParseResponse(raw)
	if err != nil || !bytes.Equal(ts.HashedMessage, digest[:]) || resp.Header.Get("Content-Type") != "application/timestamp-reply" {
		t.Errorf("%v, %+v", err, ts)
	}
	large := bytes.Repeat([]byte{0x30}, maxTimestampBytes+1)
	for _, c := range []struct {
		method, mediaType string
		body              []byte
		status            int
	}{
		{"POST", "application/timestamp-query", request, http.StatusOK},
		{"POST", "Application/Timestamp-Query; charset=binary", request, http.StatusOK},
		{"POST", "application/timestamp-query", nil, http.StatusOK}, // with a rejection inside
		{"POST", "application/timestamp-query", large[1:], http.StatusOK},
		{"POST", "application/timestamp-query", large, http.StatusRequestEntityTooLarge},
		{"POST", "text/plain", request, http.StatusUnsupportedMediaType},
		{"POST", "", request, http.StatusUnsupportedMediaType},
		{"GET", "application/timestamp-query", nil, http.StatusMethodNotAllowed},
	} {
		req, err := http.NewRequest(c.method, w.public.URL+"/tsa", bytes.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", c.mediaType)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		isReply := resp.Header.Get("Content-Type") == "application/timestamp-reply"
		if resp.StatusCode != c.status || isReply != (c.status == http.StatusOK) {
			t.Errorf("%s %q, %d bytes: %d %s", c.method, c.mediaType, len(c.body), resp.StatusCode, resp.Header.Get("Content-Type"))
		}
	}
}

// TestTimestampWithoutStore: a failure of ours is an answer that the client's protocol has.
func TestTimestampWithoutStore(t *testing.T) {
	w := newWorld(t)
	hierarchy, err := openShared()
	if err != nil {
		t.Fatal(err)
	}
	config := w.server.Config
	if config.CA, err = ca.Open(t.Context(), ca.Config{Hierarchy: hierarchy, Store: storetest.FailAt(w.store, 1).Dead()}); err != nil {
		t.Fatal(err)
	}
	broken, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("content"))
	request, err := (&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: digest[:]}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest("POST", "/tsa", bytes.NewReader(request))
	req.Header.Set("Content-Type", "application/timestamp-query")
	rec := httptest.NewRecorder()
	broken.Public().ServeHTTP(rec, req)
	if _, err := timestamp.ParseResponse(rec.Body.Bytes()); rec.Code != http.StatusOK || err == nil || !strings.Contains(err.Error(), "system") {
		t.Errorf("%d, %v: %q", rec.Code, err, rec.Body)
	}
}

// TestReceiptVerifies: an accepted assessment's receipt verifies with nothing but
// the key that the trust bundle carries.
func TestReceiptVerifies(t *testing.T) {
	w := newWorld(t)
	trust, err := verify.ParseTrust(w.do("", "GET", "/v1/trust", nil).body)
	if err != nil {
		t.Fatal(err)
	}
	key, err := note.NewVerifier(trust.Logs[0])
	if err != nil {
		t.Fatal(err)
	}
	var a api.Assessment
	w.must("rita", "GET", "/v1/assessments/"+w.assessment, nil, &a)
	r, err := receipt.Verify(a.Receipt, key)
	if err != nil {
		t.Fatal(err)
	}
	if r.Entry.Assessment != w.assessment || r.Index != a.LogIndex || r.Entry.Level != 3 {
		t.Errorf("receipt is about %+v", r.Entry)
	}
}

// TestOpenAPI: the document describes exactly the routes there are.
func TestOpenAPI(t *testing.T) {
	w := newWorld(t)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID, Description string
			RequestBody              struct{ Content map[string]any }
		}
	}
	if err := json.Unmarshal(w.do("", "GET", "/v1/openapi.json", nil).body, &doc); err != nil {
		t.Fatal(err)
	}
	described := 0
	for _, methods := range doc.Paths {
		described += len(methods)
	}
	routes := w.server.routes()
	if described != len(routes) {
		t.Errorf("%d operations described, %d routes", described, len(routes))
	}
	for _, r := range routes {
		op, ok := doc.Paths[r.Path][strings.ToLower(r.Method)]
		if !ok || op.OperationID != r.ID || op.Description == "" {
			t.Errorf("%s %s is described as %+v", r.Method, r.Path, op)
		}
		if _, streams := op.RequestBody.Content[streamType]; streams != (r.Method == http.MethodPut) {
			t.Errorf("%s %s takes %+v", r.Method, r.Path, op.RequestBody)
		}
	}
}

// TestPages: a list longer than a page arrives whole and in order.
func TestPages(t *testing.T) {
	w := newWorld(t)
	for i := range pageSize + 5 {
		w.must("olga", "POST", "/v1/people", api.NewPerson{ID: "p" + strings.Repeat("x", i%7) + "-" + pad(i), Role: "reader", Organization: "Example"}, nil)
	}
	var ids []string
	for after := ""; ; {
		var page api.Page[api.Person]
		w.must("olga", "GET", "/v1/people?after="+after, nil, &page)
		for _, p := range page.Items {
			ids = append(ids, p.ID)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if len(ids) != pageSize+5+10 || !slices.IsSorted(ids) || len(slices.Compact(ids)) != pageSize+15 {
		t.Errorf("%d people", len(ids))
	}
	if got := w.do("olga", "GET", "/v1/people?sort=name", nil); got.status != http.StatusUnprocessableEntity {
		t.Errorf("unknown query parameter: %d", got.status)
	}
}

func pad(i int) string {
	return string([]byte{byte('a' + i/26/26%26), byte('a' + i/26%26), byte('a' + i%26)})
}

// TestGracefulStop: a request under way finishes, and the listeners are closed.
func TestGracefulStop(t *testing.T) {
	w := newWorld(t)
	apiListener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	publicListener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.server.Serve(ctx, apiListener, publicListener) }()
	resp, err := http.Get("http://" + publicListener.Addr().String() + "/healthz")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	stop()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(shutdownTimeout):
		t.Fatal("the server did not stop")
	}
	if _, err := http.Get("http://" + publicListener.Addr().String() + "/healthz"); err == nil {
		t.Error("still listening")
	}
}
