package server

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// undemonstrated has acme assessed so that its builder's word alone does not show the level.
func (w *world) undemonstrated() {
	w.t.Helper()
	a := w.newAssessment("acme")
	a.Scope.Builders[0].Properties = []string{audit.PropertyCompleteParameters, audit.PropertySourceFetched}
	w.accept("olga", w.handIn(a))
}

// mismatched is a rebuilder's word that a build is not what its source builds to.
func (w *world) mismatched(who, artifact string) []byte {
	w.t.Helper()
	now := time.Now().UTC()
	s, err := attest.NewRebuildFailure(attest.RebuildFailure{
		Subject: attest.Subject{Name: "hello", Digest: map[string]string{"sha256": artifact}}, Rebuilder: testRebuilders[who][0],
		Source: attest.ResourceDescriptor{URI: testSource, Digest: map[string]string{"gitCommit": strings.Repeat("1f", 20)}},
		Recipe: strings.Repeat("0", 64), Reason: attest.RebuildMismatch, StartedOn: now, FinishedOn: now,
		Got: []attest.ResourceDescriptor{{Name: "hello", Digest: map[string]string{"sha256": strings.Repeat("11", 32)}}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	envelope, err := attest.SignStatement(context.Background(), s, w.rebuild[who])
	if err != nil {
		w.t.Fatal(err)
	}
	return envelope
}

// A build is signed provisionally, found out and revoked by itself; its sibling is not
// touched, and nobody else learns of it.
func TestProvisionalFoundOut(t *testing.T) {
	w := newWorld(t)
	w.undemonstrated()
	artifacts := []string{w.artifact, strings.Repeat("cd", 32)}
	var made []api.Signature
	for _, sha := range artifacts {
		w.must("acme", "POST", "/v1/attestations", api.NewAttestations{Envelopes: [][]byte{w.provenance(sha)}}, nil)
		strict := w.do("acme", "POST", "/v1/signatures", api.NewSignature{SHA256: sha, Format: "detached", Product: "hello", PerBuild: true})
		if strict.status != http.StatusForbidden || strict.problem.Code != "gate" {
			t.Fatalf("strict: %d %s", strict.status, strict.body)
		}
		var one api.Signature
		w.must("acme", "POST", "/v1/signatures", api.NewSignature{SHA256: sha, Format: "detached", Product: "hello", Mode: "provisional"}, &one)
		if one.State != store.SignatureProvisional || one.ID == "" || one.ConfirmBy.IsZero() {
			t.Fatalf("%+v", one)
		}
		made = append(made, one)
	}
	w.must("acme", "POST", "/v1/attestations", api.NewAttestations{Envelopes: [][]byte{w.mismatched("nora", artifacts[0])}}, nil)
	if err := w.server.Confirm.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	var records []api.SignatureRecord
	for _, one := range made {
		var rec api.SignatureRecord
		w.must("acme", "GET", "/v1/signatures/"+one.ID, nil, &rec)
		records = append(records, rec)
	}
	if records[0].State != store.SignatureRevoked || records[1].State != store.SignatureProvisional {
		t.Fatalf("%+v", records)
	}
	var cert, sibling api.Certificate
	w.must("acme", "GET", "/v1/certificates/"+made[0].Serial, nil, &cert)
	w.must("acme", "GET", "/v1/certificates/"+made[1].Serial, nil, &sibling)
	if cert.Revocation == nil || cert.Revocation.Reason != "privilegeWithdrawn" || sibling.Revocation != nil {
		t.Errorf("%+v %+v", cert.Revocation, sibling.Revocation)
	}
	var incident api.Incident
	w.must("acme", "GET", "/v1/incidents/"+records[0].Incident, nil, &incident)
	if incident.State != store.IncidentRevoked || incident.Cause != store.CauseContradiction || len(incident.Evidence) != 1 || len(incident.Verdicts) == 0 || incident.RevokedBy != "" {
		t.Errorf("%+v", incident)
	}
	for _, path := range []string{"/v1/incidents/" + incident.ID, "/v1/signatures/" + made[0].ID} {
		if got := w.do("beta", "GET", path, nil); got.status != http.StatusNotFound {
			t.Errorf("%s as beta: %d", path, got.status)
		}
	}
	var page api.Page[api.SignatureRecord]
	w.must("olga", "GET", "/v1/signatures?vendor=acme&state=provisional", nil, &page)
	if len(page.Items) != 1 || page.Items[0].ID != made[1].ID {
		t.Errorf("%+v", page.Items)
	}
	refreshed := w.do("acme", "POST", "/v1/signatures/"+made[0].ID+"/refresh", api.Refresh{CMS: made[0].CMS})
	if refreshed.problem.Code != "certificate" {
		t.Errorf("refresh of a revoked one: %d %s", refreshed.status, refreshed.body)
	}
	w.must("acme", "POST", "/v1/signatures/"+made[1].ID+"/refresh", api.Refresh{CMS: made[1].CMS}, nil)
	w.wantHold(made[1])
	if got := w.do("olga", "GET", "/metrics", nil); !strings.Contains(string(got.body), "hallmark_signatures_revoked_automatically 1\n") ||
		!strings.Contains(string(got.body), "hallmark_signatures_provisional 1\n") {
		t.Errorf("%s", got.body)
	}
}

// wantHold has two officers hold a signature.
func (w *world) wantHold(one api.Signature) {
	w.t.Helper()
	path := "/v1/incidents/" + one.ID + "/hold"
	w.must("olga", "POST", path, api.NewHold{Reason: "broken disk"}, nil)
	if got := w.do("olga", "POST", path, api.NewHold{Reason: "broken disk"}); got.problem.Code != "second-officer" || got.status != http.StatusConflict {
		w.t.Errorf("twice the same officer: %d %s", got.status, got.body)
	}
	var incident api.Incident
	w.must("otto", "POST", path, api.NewHold{Reason: "broken disk"}, &incident)
	if incident.State != store.IncidentHeld || len(incident.HeldBy) != 2 {
		w.t.Errorf("%+v", incident)
	}
}
