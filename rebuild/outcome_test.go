package rebuild

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/notify"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

const testResult = "https://in-toto.io/attestation/test-result/v0.1"

// TestOutcome: an answer is filed before the job is done, and counts once.
func TestOutcome(t *testing.T) {
	w := newWorld(t)
	w.ask(w.request())
	got := w.claim(north)
	envelopes := [][]byte{w.reproduced(got.Job, nil), w.statement(testResult, w.keys[north])}
	job, err := w.queue.Outcome(context.Background(), worker(north), got.Job.ID, envelopes)
	must(t, err)
	if job.State != store.RebuildDone || job.Outcome != store.RebuildReproduced || len(job.Evidence) != 2 || job.Lease != "" {
		t.Errorf("%+v", job)
	}
	filed := w.repository.files["acme/"+artifact]
	if len(filed) != 2 || !bytes.Equal(filed[1], envelopes[0]) {
		t.Errorf("%d envelopes are filed, and the outcome not as the last", len(filed))
	}
	again, err := w.queue.Outcome(context.Background(), worker(north), got.Job.ID, envelopes)
	if diff := cmp.Diff(job, again); err != nil || diff != "" {
		t.Errorf("handed in again: %v %s", err, diff)
	}
	if w.repository.count() != 2 || len(w.events("finish.rebuild")) != 1 || len(w.notices()) != 0 {
		t.Error("handed in again, it left something")
	}
	_, err = w.queue.Outcome(context.Background(), worker(north), got.Job.ID, [][]byte{w.failed(got.Job, attest.RebuildMismatch, nil)})
	requireCode(t, err, CodeOver)
	if diff := cmp.Diff(job, w.job(job.ID)); diff != "" {
		t.Error(diff)
	}
}

// TestOutcomeNegative: somebody is told of what could not be reproduced.
func TestOutcomeNegative(t *testing.T) {
	for _, reason := range []attest.RebuildReason{attest.RebuildMismatch, attest.RebuildUnreproducible, attest.RebuildBuildFailed, attest.RebuildFetchFailed} {
		w := newWorld(t)
		w.ask(w.request())
		got := w.claim(south)
		job, err := w.queue.Outcome(context.Background(), worker(south), got.Job.ID, [][]byte{w.failed(got.Job, reason, nil)})
		must(t, err)
		if job.Outcome != string(reason) || job.State != store.RebuildDone || len(w.filed) != 1 || w.repository.count() != 1 {
			t.Errorf("%s: %+v", reason, job)
		}
		notices := w.notices()
		if len(notices) != 1 {
			t.Fatalf("%s: %d notices", reason, len(notices))
		}
		must(t, notify.CheckDocumented(notices[0]))
		if !strings.Contains(string(notices[0].Body), job.Evidence[0]) {
			t.Errorf("notice %s", notices[0].Body)
		}
	}
}

// TestOutcomeLate: a proof is not worse for being late, be the lease over or the job
// given up.
func TestOutcomeLate(t *testing.T) {
	w := newWorld(t)
	w.ask(w.request())
	got := w.claim(north)
	w.pass(maxAge + time.Hour)
	must(t, w.queue.Sweep(context.Background()))
	if w.job(got.Job.ID).State != store.RebuildFailed {
		t.Fatal("not given up")
	}
	job, err := w.queue.Outcome(context.Background(), worker(north), got.Job.ID, [][]byte{w.reproduced(got.Job, nil)})
	if err != nil || job.State != store.RebuildDone || job.Note != "" {
		t.Errorf("%+v %v", job, err)
	}
}

// TestOutcomeRefused: a good answer with one thing broken; the code says which, nothing
// is filed, the job stays open, and the incident is on record.
func TestOutcomeRefused(t *testing.T) {
	type try struct {
		by        Worker
		id        string
		envelopes [][]byte
	}
	provenance := func(change func(*world, *build)) func(*world, store.RebuildJob, *try) {
		return func(w *world, job store.RebuildJob, a *try) {
			a.envelopes[0] = w.reproduced(job, func(b *build) { change(w, b) })
		}
	}
	failure := func(change func(*attest.RebuildFailure)) func(*world, store.RebuildJob, *try) {
		return func(w *world, job store.RebuildJob, a *try) {
			a.envelopes = [][]byte{w.failed(job, attest.RebuildMismatch, change)}
		}
	}
	also := func(predicateType string) func(*world, store.RebuildJob, *try) {
		return func(w *world, _ store.RebuildJob, a *try) {
			a.envelopes = append(a.envelopes, w.statement(predicateType, w.keys[north]))
		}
	}
	for name, c := range map[string]struct {
		code  Code
		spoil func(*world, store.RebuildJob, *try)
	}{
		"job of another rebuilder": {CodeNotGiven, func(_ *world, _ store.RebuildJob, a *try) { a.by = worker(south) }},
		"no such job":              {CodeNotGiven, func(_ *world, _ store.RebuildJob, a *try) { a.id = strings.Repeat("0", 32) }},
		"not an id":                {CodeNotGiven, func(_ *world, _ store.RebuildJob, a *try) { a.id = "../x" }},
		"job never given out": {CodeNotGiven, func(w *world, _ store.RebuildJob, a *try) {
			a.by, a.id = worker(south), jobID("acme", artifact, south)
			a.envelopes = [][]byte{w.reproduced(w.job(a.id), nil)}
		}},
		"another operator": {CodeOperator, func(_ *world, _ store.RebuildJob, a *try) { a.by.Operator = "Somebody Else" }},
		"out of scope": {CodeScope, func(w *world, _ store.RebuildJob, _ *try) {
			w.rescope(func(s *audit.Scope) { s.Rebuilders = s.Rebuilders[1:] })
		}},
		"nothing":     {CodeEnvelope, func(_ *world, _ store.RebuildJob, a *try) { a.envelopes = nil }},
		"too many":    {CodeEnvelope, func(_ *world, _ store.RebuildJob, a *try) { a.envelopes = make([][]byte, MaxEnvelopes+1) }},
		"too large":   {CodeEnvelope, func(_ *world, _ store.RebuildJob, a *try) { a.envelopes[0] = make([]byte, maxOutcomeBytes+1) }},
		"no envelope": {CodeEnvelope, func(_ *world, _ store.RebuildJob, a *try) { a.envelopes[0] = []byte("{}") }},
		"another payload": {CodeEnvelope, func(w *world, _ store.RebuildJob, a *try) {
			raw, err := attest.Sign(context.Background(), "text/plain", []byte("reproduced"), w.keys[north])
			must(w.t, err)
			a.envelopes[0] = raw
		}},
		"stranger's key":          {CodeSignature, provenance(func(w *world, b *build) { b.by = w.keys["stranger"] })},
		"another rebuilder's key": {CodeSignature, provenance(func(w *world, b *build) { b.by = w.keys[south] })},
		"the builder's own key":   {CodeSignature, provenance(func(w *world, b *build) { b.by = w.keys["builder"] })},
		"a builder's name beside its own": {CodeSignature, func(w *world, _ store.RebuildJob, a *try) {
			var e map[string]any
			must(w.t, json.Unmarshal(a.envelopes[0], &e))
			e["signatures"] = append(e["signatures"].([]any), map[string]any{"keyid": w.keyID("builder"), "sig": "AAAA"})
			a.envelopes[0], _ = json.Marshal(e)
		}},
		"under a builder's name": {CodeSignature, func(w *world, _ store.RebuildJob, a *try) {
			extra := w.statement(testResult, w.keys[north])
			a.envelopes = append(a.envelopes, bytes.Replace(extra, []byte(w.keyID(north)), []byte(w.keyID("builder")), 1))
		}},
		"changed after signing": {CodeSignature, func(w *world, _ store.RebuildJob, a *try) {
			var e map[string]any
			must(w.t, json.Unmarshal(a.envelopes[0], &e))
			var other map[string]any
			must(w.t, json.Unmarshal(w.statement(testResult, w.keys[north]), &other))
			e["payload"] = other["payload"]
			a.envelopes[0], _ = json.Marshal(e)
		}},
		"another artifact": {CodeSubject, provenance(func(_ *world, b *build) { b.Subjects[0].Digest["sha256"] = hexOf("other") })},
		"two subjects, one right": {CodeSubject, provenance(func(_ *world, b *build) {
			b.Subjects = append(b.Subjects, attest.Subject{Name: "more", Digest: map[string]string{"sha256": hexOf("other")}})
		})},
		"a subject by another digest": {CodeSubject, provenance(func(_ *world, b *build) {
			b.Subjects = append(b.Subjects, attest.Subject{Name: "more", Digest: map[string]string{"gitCommit": commit}})
		})},
		"another builder id":         {CodeBuilder, provenance(func(_ *world, b *build) { b.BuilderID = south })},
		"another job":                {CodeJob, provenance(func(_ *world, b *build) { b.InternalParameters = json.RawMessage(`{"hallmarkJob":"00"}`) })},
		"no job":                     {CodeJob, provenance(func(_ *world, b *build) { b.InternalParameters = nil })},
		"job of a wrong type":        {CodeJob, provenance(func(_ *world, b *build) { b.InternalParameters = json.RawMessage(`{"hallmarkJob":{}}`) })},
		"older commit":               {CodeCommit, provenance(func(_ *world, b *build) { b.Source.Digest["gitCommit"] = otherCommit })},
		"two commits":                {CodeCommit, provenance(func(_ *world, b *build) { b.Source.Digest["sha1"] = otherCommit })},
		"another source":             {CodeCommit, provenance(func(_ *world, b *build) { b.Source.URI = "https://git.example.com/acme/other" })},
		"failure: another rebuilder": {CodeBuilder, failure(func(f *attest.RebuildFailure) { f.Rebuilder = south })},
		"failure: another job":       {CodeJob, failure(func(f *attest.RebuildFailure) { f.Job = strings.Repeat("0", 32) })},
		"failure: no job":            {CodeJob, failure(func(f *attest.RebuildFailure) { f.Job = "" })},
		"failure: another commit":    {CodeCommit, failure(func(f *attest.RebuildFailure) { f.Source.Digest["gitCommit"] = otherCommit })},
		"failure: another recipe":    {CodeDocument, failure(func(f *attest.RebuildFailure) { f.Recipe = hexOf("other") })},
		"failure: another artifact":  {CodeSubject, failure(func(f *attest.RebuildFailure) { f.Subject.Digest["sha256"] = hexOf("other") })},
		"failure with test results": {CodePredicate, func(w *world, job store.RebuildJob, a *try) {
			a.envelopes = [][]byte{w.failed(job, attest.RebuildMismatch, nil), w.statement(testResult, w.keys[north])}
		}},
		"malformed failure": {CodePredicate, func(w *world, _ store.RebuildJob, a *try) {
			a.envelopes[0] = w.statement(attest.RebuildFailureType, w.keys[north])
		}},
		"malformed provenance": {CodePredicate, func(w *world, _ store.RebuildJob, a *try) {
			a.envelopes[0] = w.statement(attest.ProvenanceV1, w.keys[north])
		}},
		"test results alone":   {CodePredicate, func(w *world, _ store.RebuildJob, a *try) { a.envelopes[0] = w.statement(testResult, w.keys[north]) }},
		"a second provenance":  {CodePredicate, also(attest.ProvenanceV1)},
		"older provenance":     {CodePredicate, also(attest.ProvenanceV02)},
		"a summary":            {CodePredicate, also(attest.VSAType)},
		"an assessment":        {CodePredicate, also(audit.PredicateType)},
		"an unknown predicate": {CodePredicate, also("https://example.com/unknown/v1")},
		"test results by a stranger": {CodeSignature, func(w *world, _ store.RebuildJob, a *try) {
			a.envelopes = append(a.envelopes, w.statement(testResult, w.keys["stranger"]))
		}},
		"repository full": {CodeFull, func(w *world, _ store.RebuildJob, _ *try) {
			w.repository.files["acme/"+artifact] = make([][]byte, repository.MaxEnvelopes)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ask(w.request())
			got := w.claim(north)
			a := try{worker(north), got.Job.ID, [][]byte{w.reproduced(got.Job, nil)}}
			c.spoil(w, got.Job, &a)
			before := w.repository.count()
			_, err := w.queue.Outcome(context.Background(), a.by, a.id, a.envelopes)
			requireCode(t, err, c.code)
			if w.repository.count() != before || len(w.filed) != 0 || len(w.events("finish.rebuild")) != 0 {
				t.Error("it left something")
			}
			if job := w.job(got.Job.ID); job.State != store.RebuildClaimed {
				t.Errorf("the job is %s", job.State)
			}
			incidents := w.events("refuse.rebuild")
			if c.code == CodeFull {
				return // the rebuilder did nothing wrong
			}
			if len(incidents) != 1 || incidents[0].Who != a.by.Person || incidents[0].Detail["code"] != string(c.code) {
				t.Errorf("incidents %+v", incidents)
			}
		})
	}
}

// TestOutcomeTwoKeys: a rebuilder with two audited keys may use either.
func TestOutcomeTwoKeys(t *testing.T) {
	w := newWorld(t)
	w.rescope(func(s *audit.Scope) { s.Rebuilders[0].Keys = append(s.Rebuilders[0].Keys, w.pem("stranger")) })
	w.ask(w.request())
	got := w.claim(north)
	envelope := w.reproduced(got.Job, func(b *build) { b.by = w.keys["stranger"] })
	if _, err := w.queue.Outcome(context.Background(), worker(north), got.Job.ID, [][]byte{envelope}); err != nil {
		t.Error(err)
	}
}

// TestFaults: whatever call of the store fails, no job is lost, none is given out that is
// not on record as given out, none is done whose outcome is not filed, and trying again
// gets there.
func TestFaults(t *testing.T) {
	var w *world
	open := func(t *testing.T) storetest.Driver { w = newWorld(t); return w.store }
	storetest.EachFault(t, open, func(t *testing.T, sound storetest.Driver, f *storetest.Faulty) {
		w.store = f
		w.queue = w.newQueue()
		w.store = sound
		ctx := context.Background()
		if _, err := w.queue.Ask(ctx, w.request()); err != nil {
			w.ask(w.request())
		}
		got, err := w.queue.Claim(ctx, worker(north), 0)
		if err != nil {
			w.pass(leaseTime + maxPause)
			got = w.claim(north)
		}
		if got == nil || w.job(got.Job.ID).Lease != got.Job.Lease {
			t.Fatalf("%+v", got)
		}
		envelopes := [][]byte{w.reproduced(got.Job, nil)}
		if _, err := w.queue.Outcome(ctx, worker(north), got.Job.ID, envelopes); err != nil {
			if w.job(got.Job.ID).State == store.RebuildDone && w.repository.count() == 0 {
				t.Fatal("done, and nothing is filed")
			}
			if _, err := w.queue.Outcome(ctx, worker(north), got.Job.ID, envelopes); err != nil {
				t.Fatal(err)
			}
		}
		if job := w.job(got.Job.ID); job.State != store.RebuildDone || w.repository.count() != 1 {
			t.Errorf("%+v, %d envelopes", job, w.repository.count())
		}
	})
}

// TestRepositoryFails: what cannot be filed is not done.
func TestRepositoryFails(t *testing.T) {
	w := newWorld(t)
	w.ask(w.request())
	got := w.claim(north)
	w.repository.fail = errors.New("disk full")
	envelopes := [][]byte{w.reproduced(got.Job, nil)}
	if _, err := w.queue.Outcome(context.Background(), worker(north), got.Job.ID, envelopes); !errors.Is(err, w.repository.fail) {
		t.Errorf("%v", err)
	}
	if job := w.job(got.Job.ID); job.State != store.RebuildClaimed {
		t.Errorf("%+v", job)
	}
	w.repository.fail = nil
	if _, err := w.queue.Outcome(context.Background(), worker(north), got.Job.ID, envelopes); err != nil {
		t.Error(err)
	}
}
