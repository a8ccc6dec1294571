package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// fill puts something of the right form in place of a path's parameters.
func (w *world) fill(path string) string {
	switch {
	case strings.HasPrefix(path, "/v1/assessments/"):
		path = strings.Replace(path, "{id}", w.assessment, 1)
	case strings.HasPrefix(path, "/v1/auditors/"):
		path = strings.Replace(path, "{id}", "nobody", 1)
	}
	for parameter, value := range map[string]string{"{id}": "nobody", "{serial}": w.certificate, "{sha256}": w.artifact, "{tier}": "standard", "{index}": "0"} {
		path = strings.Replace(path, parameter, value, 1)
	}
	return path
}

// TestEveryRouteEveryRole holds the table of routes against what the server does:
// a role that is not named is turned away before the body is looked at.
func TestEveryRouteEveryRole(t *testing.T) {
	w := newWorld(t)
	people := map[string]string{"": "", "olga": api.RoleOfficer, "quill": api.RoleAuditor, "acme": api.RoleVendor, "rita": api.RoleReader, "nora": api.RoleRebuilder, "robot": api.RoleMachine}
	routes := w.server.routes()
	if len(routes) < 60 {
		t.Fatalf("only %d routes", len(routes))
	}
	for _, route := range routes {
		if len(route.Roles) == 0 {
			t.Errorf("%s %s names no role", route.Method, route.Path)
		}
		for who, role := range people {
			// A body that no route takes: the admitted get 422 or do nothing.
			got := w.do(who, route.Method, w.fill(route.Path), bodyFor(route))
			turnedAway := got.problem.Code == "wrong-role" || got.problem.Code == "no-identity"
			if may := slices.Contains(route.Roles, role); may == turnedAway {
				t.Errorf("%s %s as %q: %d %s, allowed roles %q", route.Method, route.Path, role, got.status, got.body, route.Roles)
			}
			if turnedAway && got.status != http.StatusForbidden && got.status != http.StatusUnauthorized {
				t.Errorf("%s %s as %q: status %d", route.Method, route.Path, role, got.status)
			}
		}
	}
}

func bodyFor(r Route) any {
	if r.Method == http.MethodPost {
		return []int{}
	}
	return nil
}

func TestUnknownRoleAndRoute(t *testing.T) {
	w := newWorld(t)
	err := w.store.Update(context.Background(), func(tx store.Tx) error {
		rita, err := store.People.Get(tx, "rita")
		if err != nil {
			return err
		}
		rita.Role = "superuser"
		return store.People.Put(tx, rita)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range w.server.routes() {
		if got := w.do("rita", route.Method, w.fill(route.Path), bodyFor(route)); got.problem.Code != "wrong-role" {
			t.Errorf("%s %s with an unknown role: %d %s", route.Method, route.Path, got.status, got.body)
		}
	}
	for _, path := range []string{"/v1/nothing", "/v2/whoami", "/", "/v1/vendors/acme/delete", "/docs", "/schemas/Person.json"} {
		if got := w.do("olga", "GET", path, nil); got.status != http.StatusNotFound {
			t.Errorf("GET %s: %d", path, got.status)
		}
	}
	if got := w.do("olga", "DELETE", "/v1/vendors/acme", nil); got.status != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: %d", got.status)
	}
	for who, want := range map[string]int{"": http.StatusUnauthorized, "acme": http.StatusForbidden, "olga": http.StatusOK} {
		if got := w.do(who, "GET", "/metrics", nil); got.status != want {
			t.Errorf("GET /metrics as %q: %d", who, got.status)
		}
	}
}

// TestVendorsAreStrangers: one vendor sees and does nothing of another's, and
// cannot tell "not yours" from "not there" (DESIGN invariant 8).
func TestVendorsAreStrangers(t *testing.T) {
	w := newWorld(t)
	proposal, wanted := w.guarded()
	t.Run("records", func(t *testing.T) {
		for _, call := range []struct {
			method, path string
			in           any
		}{
			{"GET", "/v1/vendors/acme", nil},
			{"GET", "/v1/assessments/" + w.assessment, nil},
			{"GET", "/v1/certificates/" + w.certificate, nil},
			{"POST", "/v1/certificates/" + w.certificate + "/revoke", api.NewRevocation{Reason: "keyCompromise"}},
			{"GET", "/v1/certificates?vendor=acme", nil},
			{"GET", "/v1/signatures?vendor=acme", nil},
			{"GET", "/v1/assessments?vendor=acme", nil},
			{"GET", "/v1/assessments/" + w.assessment + "/probes", nil},
			{"POST", "/v1/assessments/" + w.assessment + "/probes", nil},
			{"GET", "/v1/assessments/" + w.assessment + "/evidence", nil},
			{"GET", "/v1/assessments/" + w.assessment + "/cyclonedx", nil},
			{"GET", "/v1/attestations?vendor=acme", nil},
			{"GET", "/v1/attestations/" + w.artifact + "?vendor=acme", nil},
			{"GET", "/v1/attestation-usage?vendor=acme", nil},
			{"GET", "/v1/ledger/entries?about=" + w.assessment, nil},
			{"GET", "/v1/ledger/entries?about=" + w.certificate, nil},
			{"GET", "/v1/vendors/acme/signing-policies", nil},
			{"POST", "/v1/vendors/acme/signing-policies", api.SigningPolicy{Product: "hello"}},
			{"GET", "/v1/vendors/acme/policy-changes", nil},
			{"POST", "/v1/policy-changes/" + proposal.ID + "/agree", api.NewVote{}},
			{"POST", "/v1/policy-changes/" + proposal.ID + "/reject", nil},
			{"GET", "/v1/approvals?vendor=acme", nil},
			{"GET", "/v1/approvals/" + wanted.ID, nil},
			{"POST", "/v1/approvals/" + wanted.ID + "/approve", api.NewVote{}},
			{"POST", "/v1/approvals/" + wanted.ID + "/deny", api.NewVote{}},
			{"GET", "/v1/factors?person=acme", nil},
			{"GET", "/v1/vendors/acme/machines", nil},
			{"POST", "/v1/vendors/acme/machines", api.NewMachine{ID: "mole", Products: []string{"hello"}}},
			{"POST", "/v1/vendors/acme/machines/robot/remove", nil},
		} {
			if got := w.do("beta", call.method, call.path, call.in); got.status != http.StatusNotFound {
				t.Errorf("beta %s %s: %d %s", call.method, call.path, got.status, got.body)
			}
			if got := w.do("acme", call.method, call.path, call.in); call.method == "GET" && got.status != http.StatusOK {
				t.Errorf("acme %s %s: %d %s", call.method, call.path, got.status, got.body)
			}
		}
	})
	t.Run("lists", func(t *testing.T) {
		for _, path := range []string{"/v1/certificates", "/v1/signatures", "/v1/assessments", "/v1/attestations", "/v1/approvals"} {
			var mine, theirs api.Page[map[string]any]
			w.must("acme", "GET", path, nil, &mine)
			w.must("beta", "GET", path, nil, &theirs)
			if len(mine.Items) != 1 || len(theirs.Items) != 0 {
				t.Errorf("%s: acme sees %d, beta %d", path, len(mine.Items), len(theirs.Items))
			}
		}
	})
	t.Run("evidence", func(t *testing.T) {
		var found api.Attestations
		w.must("beta", "GET", "/v1/attestations/"+w.artifact, nil, &found)
		if len(found.Envelopes) != 0 {
			t.Error("beta sees acme's evidence")
		}
	})
	t.Run("signing", func(t *testing.T) {
		got := w.do("beta", "POST", "/v1/signatures", api.NewSignature{SHA256: w.artifact, Format: "detached", Product: "hello", Certificate: w.certificate})
		if got.status != http.StatusForbidden || bytes.Contains(got.body, []byte("acme")) {
			t.Errorf("beta signs with acme's certificate: %d %s", got.status, got.body)
		}
	})
}

// TestStepRoutes: of the step-compatible API only what the gate stands behind is there.
func TestStepRoutes(t *testing.T) {
	w := newWorld(t)
	if got := w.do("acme", "POST", "/1.0/sign", map[string]any{"csr": "", "ott": "x"}); got.status < 400 || got.status >= 500 {
		t.Errorf("sign without a token: %d %s", got.status, got.body)
	}
	for _, path := range []string{"renew", "rekey", "revoke", "ssh/sign", "admin", "acme/acme/directory", "crl"} {
		if got := w.do("acme", "POST", "/1.0/"+path, nil); got.status != http.StatusNotFound && got.status != http.StatusMethodNotAllowed {
			t.Errorf("POST /1.0/%s: %d %s", path, got.status, got.body)
		}
	}
	if n := w.inventory()["certs"]; n != 1 {
		t.Errorf("%d certificates", n)
	}
}

func TestDisabledAndRevoked(t *testing.T) {
	w := newWorld(t)
	w.must("olga", "POST", "/v1/people/beta/disable", nil, nil)
	if got := w.do("beta", "GET", "/v1/whoami", nil); got.problem.Code != "person-disabled" {
		t.Errorf("disabled person: %d %s", got.status, got.body)
	}
	if got := w.do("olga", "POST", "/v1/people/olga/disable", nil); got.problem.Code != "own-account" {
		t.Errorf("disabling oneself: %d %s", got.status, got.body)
	}
	change := func(who string, how func(*store.ClientCertificate)) {
		t.Helper()
		err := w.store.Update(context.Background(), func(tx store.Tx) error {
			var mine []store.ClientCertificate
			for c, err := range store.ClientCertificates.By(tx, "person", who) {
				if err != nil {
					return err
				}
				mine = append(mine, c)
			}
			if len(mine) != 1 {
				t.Fatalf("%s has %d client certificates", who, len(mine))
			}
			how(&mine[0])
			return store.ClientCertificates.Put(tx, mine[0])
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// A connection may outlive the certificate that it was made with.
	change("rita", func(c *store.ClientCertificate) { c.NotAfter = time.Now().Add(-time.Second) })
	if got := w.do("rita", "GET", "/v1/whoami", nil); got.problem.Code != "certificate-expired" {
		t.Errorf("expired client certificate: %d %s", got.status, got.body)
	}
	change("acme", func(c *store.ClientCertificate) { c.RevokedAt = time.Now() })
	if got := w.do("acme", "GET", "/v1/whoami", nil); got.problem.Code != "certificate-revoked" {
		t.Errorf("revoked client certificate: %d %s", got.status, got.body)
	}
}

// TestCertificateNotOnRecord: a certificate that the operator CA signed, but that no
// enrolment recorded, opens nothing; nor does one whose number is another's.
func TestCertificateNotOnRecord(t *testing.T) {
	w := newWorld(t)
	key := newTestKey(t)
	cert, err := w.server.Operator.IssueClient(context.Background(), key.Public(), store.Person{ID: "olga", Role: api.RoleOfficer}, clientValidity)
	if err != nil {
		t.Fatal(err)
	}
	w.clients["ghost"] = w.client(&tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key})
	if got := w.do("ghost", "GET", "/v1/whoami", nil); got.problem.Code != "unknown-certificate" {
		t.Errorf("not on record: %d %s", got.status, got.body)
	}
	err = w.store.Update(context.Background(), func(tx store.Tx) error {
		return store.ClientCertificates.Insert(tx, store.ClientCertificate{Serial: ca.SerialKey(cert.SerialNumber), Person: "olga", DER: []byte("another"), NotAfter: cert.NotAfter})
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.do("ghost", "GET", "/v1/whoami", nil); got.problem.Code != "unknown-certificate" {
		t.Errorf("another certificate's number: %d %s", got.status, got.body)
	}
}

// TestLoweringIsShownFirst: an assessment of a lower level supersedes the one in
// force; what it revokes is listed before and happens after (DESIGN invariant 5).
func TestLoweringIsShownFirst(t *testing.T) {
	w := newWorld(t)
	lower := w.newAssessment("acme")
	lower.AssessedAt, lower.Level, lower.LevelID = time.Now().UTC().Truncate(time.Second), 2, "SLSA_LEVEL_2"
	for i := range lower.Findings {
		if lower.Findings[i].Requirement == "build.isolated" {
			lower.Findings[i] = audit.Finding{Requirement: "build.isolated", Status: audit.NotMet, Note: "a shared machine"}
		}
	}
	envelope, err := audit.Sign(context.Background(), lower, w.auditor)
	if err != nil {
		t.Fatal(err)
	}
	var submitted api.Assessment
	w.must("quill", "POST", "/v1/assessments", api.NewAssessment{Envelope: envelope}, &submitted)

	var plan api.Plan
	w.must("olga", "GET", "/v1/assessments/"+submitted.ID+"/plan", nil, &plan)
	if !plan.DryRun || len(plan.Certificates) != 1 || plan.Certificates[0].Serial != w.certificate || plan.Certificates[0].Reason != "privilegeWithdrawn" {
		t.Fatalf("plan %+v", plan)
	}
	var cert api.Certificate
	w.must("acme", "GET", "/v1/certificates/"+w.certificate, nil, &cert)
	if cert.State != "valid" {
		t.Fatalf("the plan was carried out: %s", cert.State)
	}
	w.accept("olga", submitted.ID)
	w.must("acme", "GET", "/v1/certificates/"+w.certificate, nil, &cert)
	if cert.State != "revoked" || cert.Revocation.Reason != "privilegeWithdrawn" {
		t.Errorf("after lowering: %s %+v", cert.State, cert.Revocation)
	}
	var old api.Assessment
	w.must("olga", "GET", "/v1/assessments/"+w.assessment, nil, &old)
	if old.State != "lowered" {
		t.Errorf("the old assessment is %s", old.State)
	}
	if got := w.do("acme", "POST", "/v1/certificates", api.NewCertificate{Claims: []api.Claim{{Framework: "slsa-v0.1", Level: 3}}}); got.problem.Code != "level-too-high" {
		t.Errorf("level 3 after lowering: %d %s", got.status, got.body)
	}
}
