package server

import (
	"context"
	"crypto/ecdsa"
	"net/http"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/server/api"
)

// addSignatures countersigns an assessment on record with the keys given.
func (w *world) addSignatures(id string, keys ...*ecdsa.PrivateKey) []byte {
	w.t.Helper()
	var a api.Assessment
	w.must("olga", "GET", "/v1/assessments/"+id, nil, &a)
	envelope := a.Envelope
	for _, key := range keys {
		var err error
		if envelope, err = attest.AddSignature(context.Background(), envelope, key); err != nil {
			w.t.Fatal(err)
		}
	}
	return envelope
}

// TestAcceptIsASignature: an officer's word is a signature over the payload on record,
// by the key of the officer's own client certificate, and by nobody else's.
func TestAcceptIsASignature(t *testing.T) {
	w := newWorld(t)
	id := w.submit("beta")
	other := w.newAssessment("beta")
	other.Auditor.URI = "https://other.example"
	foreign, err := audit.Sign(context.Background(), other, w.auditor)
	if err != nil {
		t.Fatal(err)
	}
	if foreign, err = attest.AddSignature(context.Background(), foreign, w.keys["olga"]); err != nil {
		t.Fatal(err)
	}
	before := w.inventory()
	for _, c := range []struct {
		name     string
		who      string
		envelope []byte
		status   int
		want     string
	}{
		{"not signed", "olga", w.addSignatures(id), 422, "signatures"},
		{"another officer's signature", "olga", w.addSignatures(id, w.keys["otto"]), 422, "unknown-key"},
		{"a reader's signature", "olga", w.addSignatures(id, w.keys["rita"]), 422, "unknown-key"},
		{"two officers' signatures", "olga", w.addSignatures(id, w.keys["olga"], w.keys["otto"]), 422, "signatures"},
		{"a second auditor's signature", "olga", w.addSignatures(id, w.second), 422, "unknown-key"},
		{"a key of nobody", "olga", w.addSignatures(id, newTestKey(t)), 422, "unknown-key"},
		{"another payload", "olga", foreign, 422, "signature"},
		{"garbage", "olga", []byte("garbage"), 422, "envelope"},
		{"altered signature", "olga", []byte(strings.Replace(string(w.addSignatures(id, w.keys["olga"])), `"sig":"M`, `"sig":"N`, 2)), 422, "signature"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := w.do(c.who, "POST", "/v1/assessments/"+id+"/accept", api.Acceptance{Envelope: c.envelope})
			if got.status != c.status || !strings.Contains(got.problem.Code, c.want) {
				t.Errorf("got %d %s, want %d %s", got.status, got.body, c.status, c.want)
			}
		})
	}
	if after := w.inventory(); !equal(before, after) {
		t.Errorf("refused acceptances left something:\nbefore %v\nafter  %v", before, after)
	}
	w.accept("olga", id)
	var a api.Assessment
	w.must("rita", "GET", "/v1/assessments/"+id, nil, &a)
	u, err := attest.ParseEnvelope(a.Envelope)
	if err != nil || len(u.KeyIDs) != 2 || a.State != "in-force" || a.AcceptedBy != "olga" {
		t.Errorf("on record: %+v, %v", a, err)
	}
	if _, err := attest.Open(a.Envelope, w.keys["olga"].Public()); err != nil {
		t.Errorf("the officer's signature: %v", err)
	}
}

// TestOfficersOfTheVendor: neither the vendor's people nor its owners' decide, whatever
// their role.
func TestOfficersOfTheVendor(t *testing.T) {
	w := newWorld(t)
	for who, organization := range map[string]string{"bert": "BETA", "hank": "Holding, Inc."} {
		var invitation api.Invitation
		w.must("olga", "POST", "/v1/people", api.NewPerson{ID: who, Role: api.RoleOfficer, Organization: organization}, &invitation)
		w.consents("otto", who, "olga", "")
		w.enrol(who, secretOf(t, invitation))
	}
	var vendor api.Vendor
	w.must("olga", "POST", "/v1/vendors/beta/owners", api.Owners{Owners: []string{"Holding, Inc."}}, &vendor)
	if len(vendor.Owners) != 1 || vendor.Owners[0] != "Holding, Inc." {
		t.Errorf("owners %q", vendor.Owners)
	}
	id := w.submit("beta")
	for _, who := range []string{"bert", "hank"} {
		got := w.do(who, "POST", "/v1/assessments/"+id+"/accept", w.acceptance(who, id))
		if got.status != http.StatusForbidden || got.problem.Code != string(audit.CodeConflict) {
			t.Errorf("%s accepts: %d %s", who, got.status, got.body)
		}
		if got := w.do(who, "POST", "/v1/assessments/"+id+"/reject", api.Ending{Reason: "no"}); got.problem.Code != string(audit.CodeConflict) {
			t.Errorf("%s rejects: %d %s", who, got.status, got.body)
		}
	}
	w.must("olga", "POST", "/v1/vendors/beta/owners", api.Owners{Owners: []string{"Quill Assurance"}}, nil)
	if got := w.do("olga", "POST", "/v1/assessments/"+id+"/accept", w.acceptance("olga", id)); got.problem.Code != string(audit.CodeConflict) {
		t.Errorf("the auditor's organisation owns the vendor: %d %s", got.status, got.body)
	}
	w.must("olga", "POST", "/v1/vendors/beta/owners", api.Owners{Owners: []string{}}, nil)
	w.accept("olga", id)
}

// TestSecondAuditorSees: both auditors of an assessment see it, in lists too; a third
// does not.
func TestSecondAuditorSees(t *testing.T) {
	w := newWorld(t)
	a := w.newAssessment("beta")
	a.SecondAuditor = &audit.Party{ID: "nib", Organization: "Nib & Partners"}
	id := w.handIn(a)
	var page api.Page[api.Assessment]
	for _, who := range []string{"quill", "nib"} {
		var shown api.Assessment
		w.must(who, "GET", "/v1/assessments/"+id, nil, &shown)
		if shown.Auditor != "quill" || shown.SecondAuditor != "nib" || shown.CatalogueSHA256 == "" {
			t.Errorf("%s sees %+v", who, shown)
		}
		w.must(who, "GET", "/v1/assessments/"+id+"/evidence", nil, nil)
		w.must(who, "GET", "/v1/ledger/entries?about="+id, nil, nil)
	}
	w.must("nib", "GET", "/v1/assessments", nil, &page)
	if len(page.Items) != 1 || page.Items[0].ID != id {
		t.Errorf("nib's list: %+v", page.Items)
	}
	for _, path := range []string{"", "/evidence", "/probes", "/cyclonedx"} {
		if got := w.do("nib", "GET", "/v1/assessments/"+w.assessment+path, nil); got.status != http.StatusNotFound {
			t.Errorf("nib on quill's %q: %d %s", path, got.status, got.body)
		}
	}
	if got := w.do("nib", "GET", "/v1/ledger/entries?about="+w.assessment, nil); got.status != http.StatusNotFound {
		t.Errorf("nib asks about quill's: %d %s", got.status, got.body)
	}
}

// TestListByState: lists by state come from the index, and agree with the records.
func TestListByState(t *testing.T) {
	w := newWorld(t)
	submitted := w.submit("beta")
	for state, want := range map[string]string{"in-force": w.assessment, "submitted": submitted, "in-review": "", "lowered": "", "expired": "", "accepting": ""} {
		var page api.Page[api.Assessment]
		w.must("rita", "GET", "/v1/assessments?state="+state, nil, &page)
		if (want == "") != (len(page.Items) == 0) || len(page.Items) > 1 || want != "" && page.Items[0].ID != want {
			t.Errorf("%s: %+v", state, page.Items)
		}
	}
	if got := w.do("rita", "GET", "/v1/assessments?state=perfect", nil); got.status != http.StatusUnprocessableEntity {
		t.Errorf("unknown state: %d %s", got.status, got.body)
	}
}
