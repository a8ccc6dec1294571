package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// inventory counts the records that a refused request might leave.
func (w *world) inventory() map[string]int {
	w.t.Helper()
	count := map[string]int{}
	err := w.store.View(context.Background(), func(r store.Reader) error {
		for name, n := range map[string]func() (int, error){
			"vendors":     func() (int, error) { return length(store.Vendors.All(r, "")) },
			"people":      func() (int, error) { return length(store.People.All(r, "")) },
			"enrolments":  func() (int, error) { return length(store.Enrolments.All(r, "")) },
			"clients":     func() (int, error) { return length(store.ClientCertificates.All(r, "")) },
			"keys":        func() (int, error) { return length(store.AuditorKeys.All(r, "")) },
			"assessments": func() (int, error) { return length(store.Assessments.All(r, "")) },
			"intents":     func() (int, error) { return length(store.Intents.All(r, "")) },
			"certs":       func() (int, error) { return length(store.Certificates.All(r, "")) },
			"signingkeys": func() (int, error) { return length(store.SigningKeys.All(r, "")) },
			"signatures":  func() (int, error) { return length(store.Signatures.All(r, "")) },
			"accredited":  func() (int, error) { return length(store.Accreditations.All(r, "")) },
			"entries":     func() (int, error) { return length(store.LedgerEntries.All(r, "")) },
			"evidence":    func() (int, error) { return length(store.EvidenceFiles.All(r, "")) },
			"probes":      func() (int, error) { return length(store.ProbeStates.All(r, "")) },
			"notices":     func() (int, error) { return length(store.Notices.All(r, "")) },
		} {
			var err error
			if count[name], err = n(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return count
}

func length[T any](records seq[T]) (int, error) {
	n := 0
	for _, err := range records {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func csrOf(t *testing.T, key any, template x509.CertificateRequest) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func smallRSA(t *testing.T) []byte {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return csrOf(t, key, x509.CertificateRequest{})
}

func p224(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return csrOf(t, key, x509.CertificateRequest{})
}

func badSelfSignature(t *testing.T) []byte {
	der := newTestCSR(t, newTestKey(t))
	der[len(der)-3] ^= 1
	return der
}

// badInput is a request that is refused, or changes nothing.
type badInput struct {
	name, who, path string
	body            any
	status          int
	want            string // in the answer
}

// refuses plays requests: a clear answer that names the field, nothing stored, no stack trace.
func (w *world) refuses(t *testing.T, list []badInput) {
	t.Helper()
	before := w.inventory()
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			got := w.do(c.who, "POST", c.path, c.body)
			if got.status != c.status || !strings.Contains(string(got.body), c.want) {
				t.Errorf("got %d %s, want %d with %q", got.status, got.body, c.status, c.want)
			}
			if bytes.Contains(got.body, []byte("goroutine ")) || bytes.Contains(got.body, []byte(".go:")) {
				t.Errorf("the answer shows a stack: %s", got.body)
			}
		})
	}
	if after := w.inventory(); !equal(before, after) {
		t.Errorf("refused requests left something:\nbefore %v\nafter  %v", before, after)
	}
}

func TestBadInput(t *testing.T) {
	w := newWorld(t)
	w.refuses(t, []badInput{
		{"body is a list", "olga", "/v1/vendors", []int{1}, 422, "expected object"},
		{"wrong type", "olga", "/v1/vendors", map[string]any{"id": 7, "uri": "https://x.example", "organization": "X", "country": "NL"}, 422, "body.id"},
		{"missing field", "olga", "/v1/vendors", map[string]any{"id": "x"}, 422, "organization"},
		{"unknown member", "olga", "/v1/vendors", map[string]any{"id": "x", "uri": "https://x.example", "organization": "X", "country": "NL", "admin": true}, 422, "body.admin"},
		{"vendor id", "olga", "/v1/vendors", api.NewVendor{ID: "../x", URI: "https://x.example", Organization: "X", Country: "NL"}, 422, "body.id"},
		{"vendor URI is http", "olga", "/v1/vendors", api.NewVendor{ID: "x", URI: "http://x.example", Organization: "X", Country: "NL"}, 422, `"field":"uri"`},
		{"vendor URI with user", "olga", "/v1/vendors", api.NewVendor{ID: "x", URI: "https://u@x.example", Organization: "X", Country: "NL"}, 422, `"field":"uri"`},
		{"vendor URI of another", "olga", "/v1/vendors", api.NewVendor{ID: "x", URI: "https://acme.example", Organization: "X", Country: "NL"}, 409, "vendor-uri-taken"},
		{"vendor exists", "olga", "/v1/vendors", api.NewVendor{ID: "acme", URI: "https://x.example", Organization: "X", Country: "NL"}, 409, "vendor-exists"},
		{"auditor for an unknown framework", "olga", "/v1/auditors", map[string]any{"id": "x", "organization": "X", "accreditations": []map[string]any{{"framework": "nope", "until": "2099-01-01T00:00:00Z"}}}, 422, "unknown framework"},
		{"person of no vendor", "olga", "/v1/people", api.NewPerson{ID: "x", Role: "vendor", Organization: "X"}, 422, `"field":"vendor"`},
		{"person as auditor", "olga", "/v1/people", map[string]any{"id": "x", "role": "auditor", "organization": "X"}, 422, "body.role"},
		{"token unknown", "", "/v1/enroll", api.EnrollRequest{Token: "guess", CSR: newTestCSR(t, newTestKey(t))}, 403, "unknown-token"},
		{"enrol without CSR", "", "/v1/enroll", map[string]any{"token": "x"}, 422, "csr"},
		{"enrol with garbage", "", "/v1/enroll", api.EnrollRequest{Token: "x", CSR: []byte("garbage")}, 422, `"field":"csr"`},
		{"CSR self-signature", "acme", "/v1/certificates", api.NewCertificate{CSR: badSelfSignature(t)}, 422, `"field":"csr"`},
		{"CSR RSA-1024", "acme", "/v1/certificates", api.NewCertificate{CSR: smallRSA(t)}, 422, "1024"},
		{"CSR P-224", "acme", "/v1/certificates", api.NewCertificate{CSR: p224(t)}, 422, "P-224"},
		{"CSR broken PEM", "acme", "/v1/certificates", api.NewCertificate{CSR: []byte("-----BEGIN CERTIFICATE REQUEST-----\nAAA\n")}, 422, `"field":"csr"`},
		{"claim of an unknown framework", "acme", "/v1/certificates", api.NewCertificate{Claims: []api.Claim{{Framework: "nope", Level: 1}}}, 422, "unknown-framework"},
		{"claim of level 0", "acme", "/v1/certificates", map[string]any{"claims": []map[string]any{{"framework": "slsa-v0.1", "level": 0}}}, 422, "level"},
		{"claim too high", "acme", "/v1/certificates", api.NewCertificate{Claims: []api.Claim{{Framework: "slsa-v0.1", Level: 4}}}, 403, "level-too-high"},
		{"461 days", "acme", "/v1/certificates", map[string]any{"validity_days": 461}, 422, "validity_days"},
		{"sign: not a digest", "acme", "/v1/signatures", map[string]any{"sha256": "AB", "format": "deb", "product": "hello"}, 422, "body.sha256"},
		{"sign: unknown format", "acme", "/v1/signatures", map[string]any{"sha256": w.artifact, "format": "exe", "product": "hello"}, 422, "body.format"},
		{"sign: no evidence", "acme", "/v1/signatures", api.NewSignature{SHA256: strings.Repeat("cd", 32), Format: "detached", Product: "hello"}, 403, "provenance.available"},
		{"sign: product outside the scope", "acme", "/v1/signatures", api.NewSignature{SHA256: w.artifact, Format: "detached", Product: "other"}, 403, "product"},
		{"attestation: garbage", "acme", "/v1/attestations", api.NewAttestations{Envelopes: [][]byte{[]byte("{}")}}, 422, "envelopes[0]"},
		{"assessment: garbage", "quill", "/v1/assessments", api.NewAssessment{Envelope: []byte("garbage")}, 422, "envelope"},
		{"revoke: unknown reason", "olga", "/v1/certificates/" + w.certificate + "/revoke", map[string]any{"reason": "boredom"}, 422, "reason"},
		{"revoke: from the future", "olga", "/v1/certificates/" + w.certificate + "/revoke", map[string]any{"reason": "keyCompromise", "invalidity_date": "2999-01-01T00:00:00Z"}, 422, "invalidity_date"},
	})
}

// TestBadAuditing: the same for what officers decide about vendors, auditors and
// assessments.
func TestBadAuditing(t *testing.T) {
	w := newWorld(t)
	w.refuses(t, []badInput{
		{"vendor with a nameless owner", "olga", "/v1/vendors", api.NewVendor{ID: "x", URI: "https://x.example", Organization: "X", Country: "NL", Owners: []string{"Holding", ""}}, 422, `"field":"owners[1]"`},
		{"owner with a line break", "olga", "/v1/vendors/acme/owners", api.Owners{Owners: []string{"Hold\ning"}}, 422, `"field":"owners[0]"`},
		{"owner with blanks around", "olga", "/v1/vendors/acme/owners", api.Owners{Owners: []string{" Holding"}}, 422, `"field":"owners[0]"`},
		{"owner with a long name", "olga", "/v1/vendors/acme/owners", api.Owners{Owners: []string{strings.Repeat("x", 129)}}, 422, `"field":"owners[0]"`},
		{"owner named twice", "olga", "/v1/vendors/acme/owners", api.Owners{Owners: []string{"Holding", "Holding"}}, 422, "named twice"},
		{"17 owners", "olga", "/v1/vendors/acme/owners", map[string]any{"owners": strings.Split("a b c d e f g h i j k l m n o p q", " ")}, 422, "body.owners"},
		{"owners of nobody", "olga", "/v1/vendors/nobody/owners", api.Owners{Owners: []string{"Holding"}}, 404, "not-found"},
		{"owners missing", "olga", "/v1/vendors/acme/owners", map[string]any{}, 422, "owners"},
		{"auditor accredited twice", "olga", "/v1/auditors", map[string]any{"id": "x", "organization": "X", "accreditations": []map[string]any{{"framework": "slsa-v0.1", "until": "2099-01-01T00:00:00Z"}, {"framework": "slsa-v0.1", "until": "2098-01-01T00:00:00Z"}}}, 409, "accreditation-exists"},
		{"accredited until yesterday", "olga", "/v1/auditors/quill/accreditations", map[string]any{"framework": "slsa-v0.1", "until": "2020-01-01T00:00:00Z"}, 422, "accreditations.until"},
		{"accredit a vendor", "olga", "/v1/auditors/acme/accreditations", map[string]any{"framework": "slsa-v0.1", "until": "2099-01-01T00:00:00Z"}, 404, "no auditor acme"},
		{"suspend a vendor", "olga", "/v1/auditors/acme/suspend", nil, 404, "not-found"},
		{"revoke an auditor: no reason", "olga", "/v1/auditors/quill/revoke", map[string]any{"reason": ""}, 422, "body.reason"},
		{"revoke an auditor: blank reason", "olga", "/v1/auditors/quill/revoke", map[string]any{"reason": " "}, 422, `"field":"reason"`},
		{"revoke an auditor: nobody", "olga", "/v1/auditors/nobody/revoke", map[string]any{"reason": "invented"}, 404, "not-found"},
		{"revoke an auditor: a vendor", "olga", "/v1/auditors/acme/revoke", map[string]any{"reason": "invented"}, 404, "not-found"},
		{"uphold what is in force", "otto", "/v1/assessments/" + w.assessment + "/uphold", map[string]any{"reason": "it stands"}, 409, "want in-review"},
		{"uphold without a reason", "otto", "/v1/assessments/" + w.assessment + "/uphold", map[string]any{}, 422, "reason"},
		{"withdraw: no reason", "olga", "/v1/assessments/" + w.assessment + "/withdraw", map[string]any{"reason": ""}, 422, "reason"},
		{"unknown assessment", "olga", "/v1/assessments/" + strings.Repeat("0", 64) + "/accept", api.Acceptance{Envelope: []byte("{}")}, 404, "not-found"},
		{"accept without a signature", "olga", "/v1/assessments/" + w.assessment + "/accept", map[string]any{}, 422, "envelope"},
		{"accept twice by the same officer", "olga", "/v1/assessments/" + w.assessment + "/accept", api.Acceptance{Envelope: []byte("{}")}, 200, "in-force"},
		{"accept twice by another officer", "otto", "/v1/assessments/" + w.assessment + "/accept", api.Acceptance{Envelope: []byte("{}")}, 409, "state"},
		{"reject what is in force", "olga", "/v1/assessments/" + w.assessment + "/reject", map[string]any{"reason": "late"}, 409, "state"},
	})
}

func equal(a, b map[string]int) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

// TestGarbageBodies sends every route bodies that are nothing, as somebody who may
// call it: a 4xx, or the route takes no body and has its own reason to refuse.
func TestGarbageBodies(t *testing.T) {
	w := newWorld(t)
	before := w.inventory()
	people := map[string]string{api.RoleOfficer: "olga", api.RoleAuditor: "quill", api.RoleVendor: "beta", "": ""}
	tried := 0
	for _, route := range w.server.routes() {
		if route.Method == http.MethodGet {
			continue
		}
		// Paths name nothing that exists, so that routes without a body change nothing.
		path := strings.NewReplacer("{id}", "nobody", "{serial}", "00ff", "{sha256}", w.artifact).Replace(route.Path)
		if strings.HasPrefix(path, "/v1/assessments/") {
			path = strings.Replace(path, "nobody", strings.Repeat("0", 64), 1)
		}
		for _, garbage := range []string{"", "{", "[]", `"text"`, "null", "7", "{}{}", "\x00\xff", strings.Repeat("[", 100000), `{"a":` + strings.Repeat(`{"a":`, 5000)} {
			tried++
			got := w.doRaw(people[route.Roles[0]], route.Method, path, strings.NewReader(garbage))
			if got.status < 400 || got.status >= 500 {
				t.Errorf("%s %s with %.20q: %d %.200s", route.Method, path, garbage, got.status, got.body)
			}
			if bytes.Contains(got.body, []byte("goroutine ")) || bytes.Contains(got.body, []byte(".go:")) {
				t.Errorf("%s %s with %.20q shows a stack: %.200s", route.Method, path, garbage, got.body)
			}
		}
	}
	if tried < 200 {
		t.Fatalf("only %d requests", tried)
	}
	if after := w.inventory(); !equal(before, after) {
		t.Errorf("garbage left something:\nbefore %v\nafter  %v", before, after)
	}
}

// TestBadAssessments: what an auditor may not hand in.
func TestBadAssessments(t *testing.T) {
	w := newWorld(t)
	before := w.inventory()
	stranger := newTestKey(t)
	for _, c := range []struct {
		name   string
		change func(*audit.Assessment)
		key    *ecdsa.PrivateKey
		want   string
	}{
		{"signed with another key", func(*audit.Assessment) {}, stranger, "unknown-key"},
		{"unknown requirement", func(a *audit.Assessment) { a.Findings[0].Requirement = "source.no-such-thing" }, w.auditor, "source.no-such-thing"},
		{"finding without evidence", func(a *audit.Assessment) { a.Findings[2].Evidence = nil }, w.auditor, "findings[2].evidence"},
		{"level typed, not reached", func(a *audit.Assessment) { a.Level, a.LevelID = 4, "SLSA_LEVEL_4" }, w.auditor, "level"},
		{"unknown vendor", func(a *audit.Assessment) { a.Vendor.ID = "gamma" }, w.auditor, "vendor"},
		{"another's URI", func(a *audit.Assessment) { a.Vendor.URI = "https://acme.example" }, w.auditor, "vendor"},
		{"from the future", func(a *audit.Assessment) { a.AssessedAt = a.AssessedAt.AddDate(0, 1, 0) }, w.auditor, "future"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.newAssessment("beta")
			c.change(&a)
			envelope, err := audit.Sign(context.Background(), a, c.key)
			if err != nil {
				t.Fatal(err)
			}
			got := w.do("quill", "POST", "/v1/assessments", api.NewAssessment{Envelope: envelope})
			if got.status < 400 || got.status >= 500 || !strings.Contains(string(got.body), c.want) {
				t.Errorf("got %d %s, want %q", got.status, got.body, c.want)
			}
		})
	}
	if after := w.inventory(); !equal(before, after) {
		t.Errorf("refused assessments left something:\nbefore %v\nafter  %v", before, after)
	}
}

// TestHugeBody: a gigabyte is refused after the bound, not swallowed.
func TestHugeBody(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/v1/vendors", "/v1/enroll", "/v1/attestations", "/v1/assessments", "/v1/signatures", "/tsa", "/ocsp"} {
		who := map[string]string{"/v1/vendors": "olga", "/v1/attestations": "acme", "/v1/assessments": "quill", "/v1/signatures": "acme"}[path]
		counted := newCountingReader(1 << 30)
		req, err := http.NewRequest("POST", w.http.URL+path, io.MultiReader(strings.NewReader(`{"id":"`), counted))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if path == "/tsa" {
			req.Header.Set("Content-Type", "application/timestamp-query")
		}
		resp, err := w.clients[who].Do(req)
		if err != nil { // the server hung up while we were sending: refused as well
			continue
		}
		resp.Body.Close()
		// RFC 6960 §2.3 answers errors in a response of its own, with status 200.
		if path != "/ocsp" && (resp.StatusCode < 400 || resp.StatusCode >= 500) {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
		if sent := 1<<30 - counted.left.Load(); sent > 2*maxBodyBytes {
			t.Errorf("%s: the server read %d bytes", path, sent)
		}
	}
}

// countingReader gives so many bytes; the transport may still read while we look.
type countingReader struct{ left atomic.Int64 }

func newCountingReader(n int64) *countingReader {
	r := &countingReader{}
	r.left.Store(n)
	return r
}

func (r *countingReader) Read(p []byte) (int, error) {
	n := min(int64(len(p)), r.left.Load())
	if n <= 0 {
		return 0, io.EOF
	}
	for i := range p[:n] {
		p[i] = 'a'
	}
	r.left.Add(-n)
	return int(n), nil
}

// TestRequestExtensionsAreDropped: a request that asks to be a CA, with other names
// and a mark of its own, gets our profile.
func TestRequestExtensionsAreDropped(t *testing.T) {
	w := newWorld(t)
	value, err := asn1.Marshal(struct {
		CA bool `asn1:"optional"`
	}{true})
	if err != nil {
		t.Fatal(err)
	}
	csr := csrOf(t, newTestKey(t), x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "somebody else"}, DNSNames: []string{"www.example.com"},
		ExtraExtensions: []pkix.Extension{
			{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: value},
			{Id: w.server.CA.Arc().Assurance(), Value: []byte{0x30, 0}},
		},
	})
	var got api.Certificate
	w.must("acme", "POST", "/v1/certificates", api.NewCertificate{CSR: csr}, &got)
	cert, err := x509.ParseCertificate(got.DER)
	if err != nil {
		t.Fatal(err)
	}
	if cert.IsCA || len(cert.DNSNames) != 0 || strings.Contains(cert.Subject.String(), "somebody") || len(cert.URIs) != 1 || cert.URIs[0].String() != "https://acme.example" {
		t.Errorf("the request's wishes were copied: CA %v, DNS %v, subject %s, URIs %v", cert.IsCA, cert.DNSNames, cert.Subject, cert.URIs)
	}
	mark, err := w.server.CA.Arc().ReadMark(cert)
	if err != nil || len(mark.Assurance.Claims) != 1 || mark.Assurance.Claims[0].Level != 3 {
		t.Errorf("mark %+v, %v", mark, err)
	}
	if got.KeyHeldBy != "vendor" {
		t.Errorf("key held by %s", got.KeyHeldBy)
	}
}

func TestAtMost(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	h := atMost(1, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside <- struct{}{}; <-leave }))
	go h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	<-inside
	second := httptest.NewRecorder()
	h.ServeHTTP(second, httptest.NewRequest("GET", "/", nil))
	if second.Code != http.StatusServiceUnavailable || second.Header().Get("Retry-After") == "" {
		t.Errorf("second request at once: %d", second.Code)
	}
	close(leave)
}
