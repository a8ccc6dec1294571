package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/verify"
)

// slsa12 is an assessment of beta against another framework.
func (w *world) slsa12() audit.Assessment {
	w.t.Helper()
	framework, _ := w.server.Catalogue.Lookup("slsa-v1.2")
	track, ok := framework.Track("build")
	if !ok {
		w.t.Fatal("no track build")
	}
	a := w.newAssessment("beta")
	a.Framework, a.Level, a.LevelID = framework.Ref("build"), 2, "SLSA_BUILD_LEVEL_2"
	evidence := a.Findings[0].Evidence
	a.Findings = nil
	for _, r := range track.Requirements {
		if r.FromLevel <= 2 {
			a.Findings = append(a.Findings, audit.Finding{Requirement: r.ID, Status: audit.Met, Evidence: evidence})
		}
	}
	return a
}

// TestExportVSA: the summary verifies under the key that the trust bundle carries, and
// says what the assessment came to.
func TestExportVSA(t *testing.T) {
	w := newWorld(t)
	id := w.handIn(w.slsa12())
	if got := w.do("beta", "GET", "/v1/assessments/"+id+"/vsa", nil); got.status != http.StatusConflict || got.problem.Code != "state" {
		t.Errorf("before acceptance: %d %s", got.status, got.body)
	}
	w.accept("olga", id)
	trust, err := verify.ParseTrust(w.do("", "GET", "/v1/trust", nil).body)
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"olga", "rita", "quill", "beta"} {
		got := w.do(who, "GET", "/v1/assessments/"+id+"/vsa", nil)
		opened, err := attest.Open(bytes.TrimSpace(got.body), trust.VSAKeys...)
		if err != nil {
			t.Fatalf("%s: %v in %s", who, err, got.body)
		}
		vsa, err := attest.ParseVSA(opened.Statement)
		if err != nil || vsa.Result != attest.Passed || vsa.ResourceURI != "https://beta.example" || len(vsa.VerifiedLevels) != 1 || vsa.VerifiedLevels[0] != "SLSA_BUILD_LEVEL_2" || vsa.VerifierID != "https://ca.example.com" {
			t.Errorf("%s: %v, %+v", who, err, vsa)
		}
	}
	// The older ladder has no words of its own in a summary.
	if got := w.do("acme", "GET", "/v1/assessments/"+w.assessment+"/vsa", nil); got.status != http.StatusUnprocessableEntity || got.problem.Code != "no-token" || got.problem.Hint == "" {
		t.Errorf("SLSA v0.1: %d %s", got.status, got.body)
	}
}

// TestExportCycloneDX: every requirement of the edition assessed against is in it, and
// only an assessment in force is exported.
func TestExportCycloneDX(t *testing.T) {
	w := newWorld(t)
	var doc struct {
		BOMFormat   string `json:"bomFormat"`
		Definitions struct {
			Standards []struct{ Requirements []any }
		}
		Declarations struct{ Claims []any }
	}
	got := w.do("acme", "GET", "/v1/assessments/"+w.assessment+"/cyclonedx", nil)
	if err := json.Unmarshal(got.body, &doc); err != nil || doc.BOMFormat != "CycloneDX" || len(doc.Definitions.Standards) != 1 || len(doc.Declarations.Claims) < 10 {
		t.Fatalf("%v, %.300s", err, got.body)
	}
	w.must("olga", "POST", "/v1/assessments/"+w.assessment+"/withdraw", api.Ending{Reason: "builder was shared"}, nil)
	for _, format := range []string{"vsa", "cyclonedx"} {
		if got := w.do("acme", "GET", "/v1/assessments/"+w.assessment+"/"+format, nil); got.status != http.StatusConflict || got.problem.Code != "state" {
			t.Errorf("%s after withdrawal: %d %s", format, got.status, got.body)
		}
	}
}
