package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/audit/probe"
	"github.com/hallmark-pki/hallmark/server/api"
)

// watchBeta puts an assessment of beta with one probe in force, and returns its id.
func (w *world) watchBeta() string {
	w.t.Helper()
	a := w.newAssessment("beta")
	a.Probes = []audit.Probe{{
		ID: "handbook", Kind: "document-digest", Requirements: []string{a.Findings[0].Requirement},
		With: map[string]string{"url": "https://beta.example/handbook", "sha256": strings.Repeat("0", 64)},
	}}
	id := w.handIn(a)
	w.accept("olga", id)
	return id
}

// TestProbes: a probe that fails keeps certificates from being issued until it passes
// again; the status and the gauges show it.
func TestProbes(t *testing.T) {
	w := newWorld(t)
	id := w.watchBeta()
	path := "/v1/assessments/" + id + "/probes"
	var before, failed, passed api.Probes
	w.must("rita", "GET", path, nil, &before)
	if len(before.Probes) != 1 || before.Probes[0].Outcome != "" || before.Probes[0].With["url"] == "" || before.Blocked == "" || w.prober.count() != 0 {
		t.Fatalf("before: %+v, %d runs", before, w.prober.count())
	}
	w.prober.set(probe.Result{Outcome: probe.Failed, Detail: "the document has another digest"})
	w.must("quill", "POST", path, nil, &failed)
	if p := failed.Probes[0]; p.Outcome != "failed" || p.FailingSince.IsZero() || p.RanAt.IsZero() || !strings.Contains(failed.Blocked, "handbook") {
		t.Errorf("failed: %+v", failed)
	}
	var status api.Status
	w.must("rita", "GET", "/v1/status", nil, &status)
	if status.ProbesFailing != 1 || len(status.FailingProbes) != 1 || status.FailingProbes[0].Vendor != "beta" || status.FailingProbes[0].Detail == "" {
		t.Errorf("status %+v", status)
	}
	if got := w.gauges()["hallmark_probes_failing"]; got != 1 {
		t.Errorf("gauge %v", got)
	}
	if got := w.do("beta", "POST", "/v1/certificates", api.NewCertificate{}); got.status != http.StatusForbidden {
		t.Errorf("a certificate while a probe fails: %d %s", got.status, got.body)
	}
	w.prober.set(probe.Result{Outcome: probe.Passed, Detail: "as it was"})
	for _, who := range []string{"beta", "olga"} {
		w.must(who, "POST", path, nil, &passed)
		if p := passed.Probes[0]; p.Outcome != "passed" || !p.FailingSince.IsZero() || passed.Blocked != "" || passed.Unfinished {
			t.Errorf("%s: %+v", who, passed)
		}
	}
	w.must("beta", "POST", "/v1/certificates", api.NewCertificate{}, nil)
	if got := w.gauges()["hallmark_probes_failing"]; got != 0 {
		t.Errorf("gauge %v", got)
	}
	for who, want := range map[string]string{"acme": "not-found", "nib": "not-found", "rita": "wrong-role"} {
		if got := w.do(who, "POST", path, nil); got.problem.Code != want {
			t.Errorf("%s runs beta's: %d %s", who, got.status, got.body)
		}
	}
}

// TestProbesAtOnce: one assessment has one run at a time, and one that has ended none.
func TestProbesAtOnce(t *testing.T) {
	w := newWorld(t)
	id := w.watchBeta()
	path := "/v1/assessments/" + id + "/probes"
	w.prober.set(probe.Result{Outcome: probe.Passed})
	w.prober.wait = make(chan struct{})
	first := make(chan reply)
	go func() { first <- w.do("olga", "POST", path, nil) }()
	for w.prober.count() == 0 {
		time.Sleep(time.Millisecond)
	}
	if got := w.do("beta", "POST", path, nil); got.status != http.StatusConflict || got.problem.Code != "probing" {
		t.Errorf("a second run: %d %s", got.status, got.body)
	}
	close(w.prober.wait)
	if got := <-first; got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.body)
	}
	w.must("olga", "POST", "/v1/assessments/"+id+"/withdraw", api.Ending{Reason: "builder was shared"}, nil)
	if got := w.do("beta", "POST", path, nil); got.status != http.StatusConflict || got.problem.Code != "state" {
		t.Errorf("a run for what was withdrawn: %d %s", got.status, got.body)
	}
	w.must("beta", "GET", path, nil, nil)
	if w.prober.count() != 1 {
		t.Errorf("%d runs", w.prober.count())
	}
}

// TestProbesUnfinished: a caller is told in time what there is, and that it is not all.
func TestProbesUnfinished(t *testing.T) {
	w := newWorld(t)
	id := w.watchBeta()
	w.prober.wait = make(chan struct{})
	w.server.probeTimeout = 50 * time.Millisecond
	var out api.Probes
	w.must("olga", "POST", "/v1/assessments/"+id+"/probes", nil, &out)
	if !out.Unfinished || len(out.Probes) != 1 || !out.Probes[0].RanAt.IsZero() {
		t.Errorf("%+v", out)
	}
	close(w.prober.wait)
	w.prober.set(probe.Result{Outcome: probe.Passed})
	w.must("olga", "POST", "/v1/assessments/"+id+"/probes", nil, &out)
	if out.Probes[0].RanAt.IsZero() {
		t.Errorf("%+v", out)
	}
}
