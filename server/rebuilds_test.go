package server

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

const testRecipe = "version: 1\nproduct: hello\nsource: " + testSource + "\nroot: {host: true}\ncommand: [make]\nsource_date_epoch: commit\noutputs: [hello]\n"

// testRebuilders are the ids and operators in acme's scope, by who works for them.
var testRebuilders = map[string][2]string{
	"nora": {"https://rebuild.nora.example/", "Nora's Rebuilds"},
	"sven": {"https://rebuild.sven.example/", "Sven & Co"},
}

// auditedRebuilders are those of acme's scope.
func (w *world) auditedRebuilders() []audit.Rebuilder {
	w.t.Helper()
	var out []audit.Rebuilder
	for _, who := range []string{"nora", "sven"} {
		der, err := x509.MarshalPKIXPublicKey(w.rebuild[who].Public())
		if err != nil {
			w.t.Fatal(err)
		}
		key := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		out = append(out, audit.Rebuilder{ID: testRebuilders[who][0], Operator: testRebuilders[who][1], Keys: []string{key}})
	}
	return out
}

// addRebuilders enrols nora and sven.
func (w *world) addRebuilders() {
	w.t.Helper()
	for who, r := range testRebuilders {
		var invitation api.Invitation
		w.must("olga", "POST", "/v1/rebuilders", api.NewRebuilder{ID: who, Rebuilder: r[0], Organization: r[1]}, &invitation)
		w.enrol(who, secretOf(w.t, invitation))
	}
}

// rebuilt is a rebuilder's good answer to a job.
func (w *world) rebuilt(who string, job api.RebuildJob) []byte {
	w.t.Helper()
	s, err := attest.NewProvenanceV1(attest.Build{
		Subjects: []attest.Subject{{Name: "hello", Digest: map[string]string{"sha256": job.SHA256}}}, BuilderID: job.Rebuilder, BuildType: testBuildType,
		Source:             attest.ResourceDescriptor{URI: job.Source.URI, Digest: map[string]string{"gitCommit": job.Source.Commit}},
		InternalParameters: json.RawMessage(fmt.Sprintf(`{"hallmarkJob":%q}`, job.ID)),
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

// claimed asks for a vendor's rebuilds and has one claimed.
func (w *world) claimed(who string) api.RebuildAssignment {
	w.t.Helper()
	w.must("acme", "POST", "/v1/rebuilds", api.NewRebuilds{SHA256: w.artifact}, nil)
	var got api.RebuildAssignment
	w.must(who, "POST", "/v1/rebuild-jobs/claim", api.ClaimRebuild{}, &got)
	if got.Job == nil {
		w.t.Fatal("no job")
	}
	return got
}

// TestRebuild: from a vendor's request to evidence in its repository, over HTTP.
func TestRebuild(t *testing.T) {
	w := newWorld(t)
	var told []string
	w.server.Rebuilds.Filed = func(vendor, sha string) { told = append(told, vendor+"/"+sha) }
	got := w.claimed("nora")
	job := *got.Job
	if job.Rebuilder != testRebuilders["nora"][0] || job.Product != "hello" || job.Source != (api.RebuildSource{URI: testSource, Commit: strings.Repeat("1f", 20)}) || string(got.Recipe) != testRecipe {
		t.Fatalf("%+v", got)
	}
	var lease api.RebuildLease
	w.must("nora", "POST", "/v1/rebuild-jobs/"+job.ID+"/heartbeat", api.RebuildHeartbeat{Lease: got.Lease}, &lease)
	if lease.Until.Before(got.Until) || got.HeartbeatSeconds != 100 {
		t.Errorf("%+v %+v", lease, got)
	}
	answer := api.RebuildOutcome{Envelopes: [][]byte{w.rebuilt("nora", job)}}
	for range 2 { // the second time, the answer got lost
		var done api.RebuildJob
		w.must("nora", "POST", "/v1/rebuild-jobs/"+job.ID+"/outcome", answer, &done)
		if done.State != store.RebuildDone || done.Outcome != store.RebuildReproduced || len(done.Evidence) != 1 {
			t.Errorf("%+v", done)
		}
	}
	var found api.Attestations
	w.must("acme", "GET", "/v1/attestations/"+w.artifact, nil, &found)
	if len(found.Envelopes) != 3 { // the builder's, the summary of the signature in this world, and nora's
		t.Errorf("%d envelopes on file", len(found.Envelopes))
	}
	if len(told) == 0 || told[0] != "acme/"+w.artifact {
		t.Errorf("told of %v", told)
	}
	var jobs api.Page[api.RebuildJob]
	w.must("olga", "GET", "/v1/rebuild-jobs?vendor=acme&state=done", nil, &jobs)
	if len(jobs.Items) != 1 || jobs.Items[0].ID != job.ID {
		t.Errorf("done: %+v", jobs)
	}
}

// TestRebuildersAreStrangers: a rebuilder sees and answers its own jobs, never another's,
// and of vendors nothing (DESIGN invariant 8).
func TestRebuildersAreStrangers(t *testing.T) {
	w := newWorld(t)
	job := *w.claimed("nora").Job
	answer := api.RebuildOutcome{Envelopes: [][]byte{w.rebuilt("nora", job)}}
	for _, c := range []struct {
		who, method, path string
		in                any
		status            int
		code              string
	}{
		{"sven", "GET", "/v1/rebuild-jobs/" + job.ID, nil, http.StatusNotFound, "not-found"},
		{"sven", "POST", "/v1/rebuild-jobs/" + job.ID + "/heartbeat", api.RebuildHeartbeat{Lease: strings.Repeat("0", 32)}, http.StatusForbidden, "not-given"},
		{"sven", "POST", "/v1/rebuild-jobs/" + job.ID + "/outcome", answer, http.StatusForbidden, "not-given"},
		{"nora", "POST", "/v1/rebuild-jobs/" + strings.Repeat("0", 32) + "/outcome", answer, http.StatusForbidden, "not-given"},
		{"nora", "GET", "/v1/vendors/acme", nil, http.StatusForbidden, "wrong-role"},
		{"nora", "GET", "/v1/attestations/" + w.artifact, nil, http.StatusForbidden, "wrong-role"},
		{"beta", "GET", "/v1/rebuild-jobs/" + job.ID, nil, http.StatusNotFound, "not-found"},
		{"beta", "GET", "/v1/rebuild-jobs?vendor=acme", nil, http.StatusNotFound, "not-found"},
		{"beta", "POST", "/v1/rebuilds", api.NewRebuilds{Vendor: "acme", SHA256: w.artifact}, http.StatusNotFound, "not-found"},
		{"robot", "POST", "/v1/rebuilds", api.NewRebuilds{Vendor: "beta", SHA256: w.artifact}, http.StatusNotFound, "not-found"},
		{"beta", "POST", "/v1/rebuilds", api.NewRebuilds{SHA256: w.artifact}, http.StatusUnprocessableEntity, "source"},
		{"olga", "POST", "/v1/rebuilds", api.NewRebuilds{SHA256: w.artifact}, http.StatusUnprocessableEntity, "invalid-field"},
		{"olga", "POST", "/v1/rebuilders", api.NewRebuilder{ID: "rob", Rebuilder: "rebuild.example", Organization: "Rob"}, http.StatusUnprocessableEntity, "invalid-field"},
		{"olga", "POST", "/v1/rebuilders", api.NewRebuilder{ID: "rob", Rebuilder: "https://rebuild.nora.example/ x", Organization: "Rob"}, http.StatusUnprocessableEntity, "invalid-field"},
	} {
		if got := w.do(c.who, c.method, c.path, c.in); got.status != c.status || got.problem.Code != c.code {
			t.Errorf("%s %s %s: %d %s", c.who, c.method, c.path, got.status, got.body)
		}
	}
	for who, want := range map[string]int{"nora": 1, "sven": 1, "acme": 2, "robot": 2, "beta": 0, "olga": 2, "rita": 2} {
		var page api.Page[api.RebuildJob]
		w.must(who, "GET", "/v1/rebuild-jobs", nil, &page)
		if len(page.Items) != want {
			t.Errorf("%s sees %d jobs, want %d", who, len(page.Items), want)
		}
		for _, j := range page.Items {
			if r, ok := testRebuilders[who]; ok && j.Rebuilder != r[0] {
				t.Errorf("%s sees a job of %s", who, j.Rebuilder)
			}
		}
	}
	var list api.Page[api.Person]
	w.must("rita", "GET", "/v1/rebuilders", nil, &list)
	if len(list.Items) != 2 || list.Items[0].Rebuilder == "" {
		t.Errorf("%+v", list)
	}
	// A person in that role who is bound to nothing sees nothing.
	err := w.store.Update(context.Background(), func(tx store.Tx) error {
		nora, err := store.People.Get(tx, "nora")
		if err != nil {
			return err
		}
		nora.Rebuilder = ""
		return store.People.Put(tx, nora)
	})
	if err != nil {
		t.Fatal(err)
	}
	var none api.Page[api.RebuildJob]
	if w.must("nora", "GET", "/v1/rebuild-jobs", nil, &none); len(none.Items) != 0 {
		t.Errorf("bound to nothing, sees %d jobs", len(none.Items))
	}
	if got := w.do("nora", "POST", "/v1/rebuild-jobs/claim", api.ClaimRebuild{}); got.problem.Code != "operator" {
		t.Errorf("bound to nothing: %d %s", got.status, got.body)
	}
}

// TestRebuildIncident: who answers for a job that is not theirs is on record.
func TestRebuildIncident(t *testing.T) {
	w := newWorld(t)
	job := *w.claimed("nora").Job
	w.do("sven", "POST", "/v1/rebuild-jobs/"+job.ID+"/outcome", api.RebuildOutcome{Envelopes: [][]byte{w.rebuilt("sven", job)}})
	var page api.Page[api.Event]
	w.must("olga", "GET", "/v1/events", nil, &page)
	for _, e := range page.Items {
		if e.Action == "refuse.rebuild" && e.Who == "sven" && e.Detail["code"] == "not-given" && e.Detail["rebuilder"] == testRebuilders["sven"][0] {
			return
		}
	}
	t.Errorf("no incident among %+v", page.Items)
}

// TestClaimEndsWithServer: a claim that waits does not hold the server up.
func TestClaimEndsWithServer(t *testing.T) {
	w := newWorld(t)
	answered := make(chan reply)
	go func() {
		answered <- w.do("nora", "POST", "/v1/rebuild-jobs/claim", api.ClaimRebuild{WaitSeconds: 30})
	}()
	w.server.Rebuilds.EndWaits()
	if got := <-answered; got.status != http.StatusOK || strings.TrimSpace(string(got.body)) != "{}" {
		t.Errorf("%d %s", got.status, got.body)
	}
}
