package server

import (
	"crypto/sha256"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/keys/attestation/attestationtest"
	"github.com/hallmark-pki/hallmark/server/api"
)

// assessHigh brings acme to a level that only tier high certifies.
func (w *world) assessHigh() {
	w.t.Helper()
	a := w.newAssessment("acme")
	framework, _ := w.server.Catalogue.Lookup("slsa-v0.1")
	track, _ := framework.Track("slsa")
	a.Level, a.LevelID, a.Findings = 4, "SLSA_LEVEL_4", nil
	a.SecondAuditor = &audit.Party{ID: "nib", Organization: "Nib & Partners"}
	for _, r := range track.Requirements {
		a.Findings = append(a.Findings, audit.Finding{Requirement: r.ID, Status: audit.Met, Evidence: []attest.ResourceDescriptor{{URI: "https://quill.example/report"}}})
	}
	w.accept("olga", w.handIn(a))
}

// TestRequestsAndApproval plays a request from POST to certificate over HTTP.
func TestRequestsAndApproval(t *testing.T) {
	w := newWorld(t)
	w.assessHigh()
	key := newTestKey(t)
	csr := newTestCSR(t, key)
	got := w.do("acme", "POST", "/v1/certificates", api.NewCertificate{CSR: csr})
	if got.status != http.StatusAccepted || strings.Contains(string(got.body), `"serial"`) {
		t.Fatalf("%d %s", got.status, got.body)
	}
	var asked, same api.CertificateAnswer
	w.must("acme", "POST", "/v1/certificates", api.NewCertificate{CSR: csr}, &asked)
	w.must("acme", "POST", "/v1/certificates", api.NewCertificate{CSR: csr}, &same)
	if asked.Certificate != nil || asked.Request == nil || asked.Request.State != "pending" || asked.Request.ID != same.Request.ID || asked.Request.Claims[0].Level != 4 {
		t.Fatalf("%+v, %+v", asked.Request, same.Request)
	}
	path := "/v1/requests/" + asked.Request.ID
	for _, call := range []struct {
		who, method, path string
		in                any
		status            int
		code              string
	}{
		{"beta", "GET", path, nil, 404, "not-found"},
		{"beta", "POST", path + "/certificate", nil, 404, "not-found"},
		{"beta", "GET", "/v1/requests?vendor=acme", nil, 404, "not-found"},
		{"acme", "POST", path + "/certificate", nil, 409, "approval-pending"},
		{"olga", "POST", path + "/approve", api.Approval{}, 403, "hardware-key-required"},
		{"olga", "POST", path + "/deny", map[string]string{}, 422, ""},
		{"olga", "GET", "/v1/requests/20260601T120000.000000000Z-0000000000000000", nil, 404, "not-found"},
		{"olga", "GET", "/v1/requests/nonsense", nil, 422, ""},
		{"olga", "POST", "/v1/requests/20260601T120000.000000000Z-0000000000000000/approve", api.Approval{}, 404, "unknown-request"},
		{"acme", "POST", "/v1/certificates", api.NewCertificate{Profile: "eternal"}, 422, "unknown-profile"},
		{"acme", "POST", "/v1/certificates", api.NewCertificate{Attestation: &api.KeyAttestation{Format: "tpm", Data: []byte("x")}}, 422, "invalid-field"},
		{"acme", "POST", "/v1/certificates", api.NewCertificate{CSR: csr, Attestation: &api.KeyAttestation{Format: "packed", Data: []byte("x")}}, 422, ""},
		{"acme", "POST", "/v1/certificates", api.NewCertificate{CSR: csr, Attestation: &api.KeyAttestation{Format: "step", Data: []byte("x")}}, 422, "attestation"},
		{"acme", "POST", "/v1/certificates", api.NewCertificate{CSR: csr, Attestation: &api.KeyAttestation{
			Format: "yubikey", Data: attestationtest.New(t, time.Now()).YubiKey(t, key.Public())}}, 403, "attestation-root"},
		{"beta", "POST", "/v1/certificates/" + w.certificate + "/renew", api.NewRenewal{}, 404, "unknown-certificate"},
		{"beta", "POST", "/v1/certificates/" + w.certificate + "/rekey", api.NewRenewal{}, 404, "unknown-certificate"},
	} {
		got := w.do(call.who, call.method, call.path, call.in)
		if got.status != call.status || call.code != "" && got.problem.Code != call.code {
			t.Errorf("%s %s %s: %d %s", call.who, call.method, call.path, got.status, got.body)
		}
	}
	var mine, theirs, all api.Page[api.CertificateRequest]
	w.must("acme", "GET", "/v1/requests", nil, &mine)
	w.must("beta", "GET", "/v1/requests", nil, &theirs)
	w.must("rita", "GET", "/v1/requests?state=pending", nil, &all)
	if len(mine.Items) != 1 || len(theirs.Items) != 0 || len(all.Items) != 1 {
		t.Errorf("%d, %d and %d requests", len(mine.Items), len(theirs.Items), len(all.Items))
	}
	var approved api.CertificateRequest
	w.must("olga", "POST", path+"/approve", api.Approval{Note: "called", WaiveHardware: "no reader"}, &approved)
	if approved.State != "approved" || approved.DecidedBy != "olga" || approved.DecidedAt.IsZero() || approved.Waiver != "no reader" {
		t.Errorf("%+v", approved)
	}
	var cert, again api.CertificateAnswer
	w.must("acme", "POST", path+"/certificate", nil, &cert)
	w.must("acme", "POST", path+"/certificate", nil, &again)
	if cert.Certificate == nil || cert.Tier != "high" || cert.RequestID != approved.ID || cert.Serial != again.Serial || len(again.Chain) != 1 {
		t.Fatalf("%+v", cert)
	}
	if doc := string(w.do("", "GET", "/v1/openapi.json", nil).body); strings.Count(doc, `"202":{`) != 3 {
		t.Errorf("%d routes are described as answering 202", strings.Count(doc, `"202":{`))
	}
	if leaf, err := x509.ParseCertificate(cert.DER); err != nil || !key.PublicKey.Equal(leaf.PublicKey) {
		t.Errorf("a certificate for another key: %v", err)
	}
	if got := w.do("olga", "POST", path+"/deny", api.Denial{Reason: "too late"}); got.status != 409 || got.problem.Code != "request-state" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestRenewalOverHTTP: keys of the vendor's and of the service's.
func TestRenewalOverHTTP(t *testing.T) {
	w := newWorld(t)
	key := newTestKey(t)
	var old api.Certificate
	w.must("acme", "POST", "/v1/certificates", api.NewCertificate{CSR: newTestCSR(t, key)}, &old)
	path := "/v1/certificates/" + old.Serial
	for name, c := range map[string]struct {
		path, code string
		in         api.NewRenewal
	}{
		"no proof":          {path + "/renew", "invalid-field", api.NewRenewal{}},
		"another key":       {path + "/renew", "renewal-with-another-key", api.NewRenewal{CSR: newTestCSR(t, newTestKey(t))}},
		"the same key":      {path + "/rekey", "rekey-with-the-same-key", api.NewRenewal{CSR: newTestCSR(t, key)}},
		"a bad CSR":         {path + "/renew", "invalid-field", api.NewRenewal{CSR: []byte("x")}},
		"longer than short": {path + "/renew", "validity", api.NewRenewal{CSR: newTestCSR(t, key), Profile: "short-lived", ValidityDays: 8}},
		"an unknown one":    {"/v1/certificates/00aa/renew", "unknown-certificate", api.NewRenewal{}},
	} {
		if got := w.do("acme", "POST", c.path, c.in); got.problem.Code != c.code {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	var renewed, rekeyed, service api.Certificate
	w.must("acme", "POST", path+"/renew", api.NewRenewal{CSR: newTestCSR(t, key), Profile: "short-lived"}, &renewed)
	if renewed.Replaces != old.Serial || renewed.Profile != "short-lived" || renewed.NotAfter.Sub(renewed.NotBefore) > 7*24*time.Hour {
		t.Errorf("%+v", renewed)
	}
	w.must("acme", "POST", path+"/rekey", api.NewRenewal{}, &rekeyed)
	if rekeyed.Replaces != old.Serial || rekeyed.KeyHeldBy != "service" {
		t.Errorf("%+v", rekeyed)
	}
	w.must("acme", "POST", "/v1/certificates/"+w.certificate+"/renew", api.NewRenewal{}, &service)
	if service.Replaces != w.certificate || service.KeyHeldBy != "service" {
		t.Errorf("%+v", service)
	}
}

// TestAttestationOverHTTP: a statement answers the request, or a client certificate of
// who asks; no other, and not one that is revoked.
func TestAttestationOverHTTP(t *testing.T) {
	w := newWorld(t)
	w.assessHigh()
	fingerprint := func(who string) string {
		transport := w.clients[who].Transport.(*http.Transport)
		return hexDigest(sha256.Sum256(transport.TLSClientConfig.Certificates[0].Certificate[0]))
	}
	for name, c := range map[string]struct {
		challenge func(csr []byte) string
		code      string
	}{
		"the request's":             {func(csr []byte) string { return hexDigest(sha256.Sum256(csr)) }, ""},
		"the client certificate's":  {func([]byte) string { return fingerprint("acme") }, ""},
		"another client's":          {func([]byte) string { return fingerprint("beta") }, "attestation-challenge"},
		"that of no request at all": {func([]byte) string { return "" }, "attestation-challenge"},
	} {
		key := newTestKey(t)
		csr := newTestCSR(t, key)
		in := api.NewCertificate{CSR: csr, Attestation: &api.KeyAttestation{Format: "step", Data: w.maker.Step(t, key, c.challenge(csr))}}
		got := w.do("acme", "POST", "/v1/certificates", in)
		if got.problem.Code != c.code || c.code == "" && (got.status != http.StatusAccepted || !strings.Contains(string(got.body), `"device":"16909060"`)) {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}
