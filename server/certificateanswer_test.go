package server

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/server/api"
)

// TestCertificateAsAsked answers with DER who names its type, and with JSON everybody else,
// whether the request is read by the schema or not.
func TestCertificateAsAsked(t *testing.T) {
	w := newWorld(t)
	key := newTestKey(t)
	plain, err := json.Marshal(api.NewCertificate{CSR: newTestCSR(t, key)})
	if err != nil {
		t.Fatal(err)
	}
	spaced := append([]byte(" "), plain...)
	for _, c := range []struct {
		method, path string
		body         []byte
	}{
		{"POST", "/v1/certificates", plain}, {"POST", "/v1/certificates", spaced}, {"GET", "/v1/certificates/" + w.certificate, nil},
	} {
		for accept, wantDER := range map[string]bool{"": false, "application/json": false, "application/pkix-cert;q=0": false, api.TypeCertificate: true} {
			got, der := w.accepting(c.method, c.path, accept, c.body)
			want := "application/json"
			if wantDER {
				want = api.TypeCertificate
			} else {
				var out api.Certificate
				if err := json.Unmarshal(der, &out); err != nil || out.Serial == "" || len(out.Chain) == 0 {
					t.Errorf("%s %s, Accept %q: answered %s, %v", c.method, c.path, accept, der, err)
				}
				der = out.DER
			}
			if !strings.HasPrefix(got, want) {
				t.Errorf("%s %s, Accept %q: answered as %q, want %q", c.method, c.path, accept, got, want)
			}
			if leaf, err := x509.ParseCertificate(der); err != nil || c.body != nil && !key.PublicKey.Equal(leaf.PublicKey) {
				t.Errorf("%s %s, Accept %q: no certificate for the key: %v", c.method, c.path, accept, err)
			}
		}
	}
}

// accepting is acme's request with an Accept header, and what it was answered as.
func (w *world) accepting(method, path, accept string, body []byte) (mediaType string, answer []byte) {
	w.t.Helper()
	req, err := http.NewRequest(method, w.http.URL+path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", accept)
	resp, err := w.clients["acme"].Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		w.t.Fatalf("%s %s, Accept %q: %d %s %v", method, path, accept, resp.StatusCode, answer, err)
	}
	return resp.Header.Get("Content-Type"), answer
}

// TestCertify is the client's side: a certificate, a request that waits for an officer, a
// refusal.
func TestCertify(t *testing.T) {
	w := newWorld(t)
	key := newTestKey(t)
	csr := newTestCSR(t, key)
	der, waits, err := w.apiClient("acme").Certify(t.Context(), api.NewCertificate{CSR: csr})
	if err != nil || waits != nil {
		t.Fatalf("waits %v, %v", waits, err)
	}
	if leaf, err := x509.ParseCertificate(der); err != nil || !key.PublicKey.Equal(leaf.PublicKey) {
		t.Errorf("no certificate for the key: %v", err)
	}
	_, _, err = w.apiClient("acme").Certify(t.Context(), api.NewCertificate{CSR: []byte("x")})
	if p := (*api.Problem)(nil); !errors.As(err, &p) || p.Code != "invalid-field" {
		t.Errorf("for no CSR: %v", err)
	}
	w.assessHigh()
	der, waits, err = w.apiClient("acme").Certify(t.Context(), api.NewCertificate{CSR: newTestCSR(t, newTestKey(t))})
	if err != nil || der != nil || waits == nil || waits.State != "pending" {
		t.Errorf("got %d bytes, waits %+v, %v", len(der), waits, err)
	}
}
