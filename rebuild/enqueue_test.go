package rebuild

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/rebuild/recipe"
	"github.com/hallmark-pki/hallmark/store"
)

func rebuilders(jobs []store.RebuildJob) (ids []string) {
	for _, j := range jobs {
		ids = append(ids, j.Rebuilder)
	}
	slices.Sort(ids)
	return ids
}

// TestAsk: each rebuilder of the scope gets one job, however often one asks.
func TestAsk(t *testing.T) {
	w := newWorld(t)
	jobs := w.ask(w.request())
	if diff := cmp.Diff([]string{north, south, south2}, rebuilders(jobs)); diff != "" {
		t.Fatal(diff)
	}
	want := store.RebuildJob{
		ID: jobs[0].ID, State: store.RebuildQueued, Vendor: "acme", Product: product, SHA256: artifact, SourceURI: sourceURI, SourceCommit: commit,
		Recipe: recipe.Digest([]byte(document)), Rebuilder: north, Operator: "Northern Rebuilds", CreatedAt: w.now, CreatedBy: "vera", AskedAt: w.now, NotBefore: w.now,
	}
	if diff := cmp.Diff(want, w.job(jobs[0].ID)); diff != "" {
		t.Error(diff)
	}
	w.pass(time.Minute)
	if diff := cmp.Diff(jobs, w.ask(w.request())); diff != "" {
		t.Errorf("asked twice: %s", diff)
	}
	if n := len(w.events("ask.rebuild")); n != 3 {
		t.Errorf("%d events", n)
	}
	w.view(func(r store.Reader) error {
		n, err := store.RebuildJobs.Len(r)
		if err == nil && n != 3 {
			err = fmt.Errorf("%d jobs", n)
		}
		return err
	})
}

// TestOperators: as many are asked as wanted, one rebuilder of each operator: two keys or
// two machines of one operator are one witness.
func TestOperators(t *testing.T) {
	w := newWorld(t)
	for n, want := range map[int]int{1: 1, 2: 2, 3: 2} {
		r := w.request()
		r.SHA256, r.Operators = hexOf(fmt.Sprint(n)), n
		jobs := w.ask(r)
		if got := w.scope().Operators(rebuilders(jobs)); len(jobs) != want || len(got) != want {
			t.Errorf("%d operators wanted: %d jobs, of %q", n, len(jobs), got)
		}
		if diff := cmp.Diff(jobs, w.ask(r)); diff != "" {
			t.Error(diff)
		}
	}
	spread := map[string]bool{}
	for i := range 32 {
		r := w.request()
		r.SHA256, r.Operators = hexOf(fmt.Sprint("spread", i)), 1
		spread[w.ask(r)[0].Rebuilder] = true
	}
	if len(spread) < 2 {
		t.Errorf("all 32 went to %v", spread)
	}
	w.queue.Operators = 1
	r := w.request()
	r.SHA256 = hexOf("configured")
	if jobs := w.ask(r); len(jobs) != 1 {
		t.Errorf("configured for one operator: %d jobs", len(jobs))
	}
}

// TestAskRefused: each refusal, by breaking one thing of a request that is good.
func TestAskRefused(t *testing.T) {
	long := strings.Repeat("x", 3000)
	for name, c := range map[string]struct {
		code   Code
		change func(*world, *Request)
	}{
		"no vendor":              {CodeRequest, func(_ *world, r *Request) { r.Vendor = "" }},
		"unknown vendor":         {CodeVendor, func(_ *world, r *Request) { r.Vendor = "beta" }},
		"long vendor":            {CodeRequest, func(_ *world, r *Request) { r.Vendor = long }},
		"digest too short":       {CodeRequest, func(_ *world, r *Request) { r.SHA256 = r.SHA256[:63] }},
		"digest in capitals":     {CodeRequest, func(_ *world, r *Request) { r.SHA256 = strings.ToUpper(r.SHA256) }},
		"commit too short":       {CodeRequest, func(_ *world, r *Request) { r.Source.Commit = commit[:39] }},
		"no URI":                 {CodeRequest, func(_ *world, r *Request) { r.Source.URI = "" }},
		"control character":      {CodeRequest, func(_ *world, r *Request) { r.Product = "to\nol" }},
		"not UTF-8":              {CodeRequest, func(_ *world, r *Request) { r.Product = "to\xffol" }},
		"negative":               {CodeRequest, func(_ *world, r *Request) { r.Operators = -1 }},
		"nobody asks":            {CodeRequest, func(_ *world, r *Request) { r.By = "" }},
		"product not audited":    {CodeScope, func(_ *world, r *Request) { r.Product = "game" }},
		"product without recipe": {CodeRecipe, func(_ *world, r *Request) { r.Product = "other" }},
		"source without recipe":  {CodeRecipe, func(_ *world, r *Request) { r.Source.URI = "https://git.example.com/acme/other" }},
		"no source, no evidence": {CodeSource, func(_ *world, r *Request) { r.Source = Source{} }},
		"suspended": {CodeVendor, func(w *world, _ *Request) {
			w.update(func(tx store.Tx) error {
				v, err := store.Vendors.Get(tx, "acme")
				v.SuspendedAt = w.now
				return errors.Join(err, store.Vendors.Put(tx, v))
			})
		}},
		"no rebuilders": {CodeNoRebuilder, func(w *world, _ *Request) { w.rescope(func(s *audit.Scope) { s.Rebuilders = nil }) }},
		"not in force":  {CodeScope, func(w *world, _ *Request) { w.pass(400 * 24 * time.Hour) }},
		"not the proven one": {CodeSource, func(w *world, r *Request) {
			r.Source.Commit = otherCommit
			r.Evidence = [][]byte{w.provenance(nil)}
		}},
		"no product, no recipe": {CodeRecipe, func(_ *world, r *Request) { r.Product, r.Source.URI = "", "https://git.example.com/acme/other" }},
		"no product, two recipes": {CodeRequest, func(w *world, r *Request) {
			r.Product = ""
			w.rescope(func(s *audit.Scope) {
				s.Recipes = append(s.Recipes, audit.Recipe{Product: "other", Source: sourceURI, Recipe: document})
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := w.request()
			c.change(w, &r)
			jobs, err := w.queue.Ask(context.Background(), r)
			requireCode(t, err, c.code)
			if len(jobs) != 0 || w.claim(north) != nil {
				t.Error("there is a job")
			}
		})
	}
}

// provenance is what the vendor's builder says about the artifact.
func (w *world) provenance(change func(*build)) []byte {
	w.t.Helper()
	b := build{by: w.keys["builder"], Build: attest.Build{
		Subjects:  []attest.Subject{{Name: "tool", Digest: map[string]string{"sha256": artifact}}},
		BuilderID: builderID, BuildType: "https://builder.example.com/make",
		Source: attest.ResourceDescriptor{URI: sourceURI + ".git@refs/heads/main", Digest: map[string]string{"gitCommit": commit}},
	}}
	if change != nil {
		change(&b)
	}
	s, err := attest.NewProvenanceV1(b.Build)
	must(w.t, err)
	return w.sign(s, b.by)
}

// TestSourceFromEvidence: the source is the one that an audited builder signed for; what
// others say, or says something else, is passed over.
func TestSourceFromEvidence(t *testing.T) {
	for name, change := range map[string]func(*build){
		"":                 nil,
		"a stranger's key": func(b *build) { b.by = nil },
		"another builder":  func(b *build) { b.BuilderID = "https://builder.example.com/v2" },
		"another artifact": func(b *build) { b.Subjects[0].Digest = map[string]string{"sha256": hexOf("other")} },
		"another source":   func(b *build) { b.Source.URI = "https://git.example.com/elsewhere/tool" },
		"no commit":        func(b *build) { b.Source.Digest = map[string]string{"sha256": artifact} },
		"two commits":      func(b *build) { b.Source.Digest["sha1"] = otherCommit },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := w.request()
			r.Source, r.Product = Source{}, ""
			raw := w.provenance(func(b *build) {
				if change != nil {
					change(b)
				}
				if b.by == nil {
					b.by = w.keys["stranger"]
				}
			})
			w.repository.files["acme/"+artifact] = [][]byte{[]byte("{}"), w.statement("https://in-toto.io/attestation/test-result/v0.1", w.keys["builder"]), raw}
			jobs, err := w.queue.Ask(context.Background(), r)
			if name != "" {
				requireCode(t, err, CodeSource)
				return
			}
			must(t, err)
			if len(jobs) != 3 || jobs[0].SourceURI != sourceURI || jobs[0].SourceCommit != commit || jobs[0].Product != product {
				t.Errorf("%+v", jobs)
			}
		})
	}
}

// TestAskAgain: what came to nothing is asked anew, what confirmed or contradicted is not.
func TestAskAgain(t *testing.T) {
	w := newWorld(t)
	w.ask(w.request())
	answers := map[string]func(store.RebuildJob) []byte{
		north:  func(j store.RebuildJob) []byte { return w.failed(j, attest.RebuildMismatch, nil) },
		south:  func(j store.RebuildJob) []byte { return w.failed(j, attest.RebuildFetchFailed, nil) },
		south2: func(j store.RebuildJob) []byte { return w.reproduced(j, nil) },
	}
	ids := map[string]string{}
	for who, answer := range answers {
		got := w.claim(who)
		ids[who] = got.Job.ID
		if _, err := w.queue.Outcome(context.Background(), worker(who), got.Job.ID, [][]byte{answer(got.Job)}); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(time.Hour)
	w.ask(w.request())
	if w.job(ids[south]).State != store.RebuildDone {
		t.Error("asked anew without Again")
	}
	r := w.request()
	r.Again, r.By = true, "olga"
	w.ask(r)
	for who, want := range map[string]string{north: store.RebuildDone, south: store.RebuildQueued, south2: store.RebuildDone} {
		if got := w.job(ids[who]); got.State != want || got.CreatedBy != "vera" {
			t.Errorf("%s: %s, by %s", who, got.State, got.CreatedBy)
		}
	}
	// What it said the first time is no answer to the second asking, but harmless.
	got := w.claim(south)
	if _, err := w.queue.Outcome(context.Background(), worker(south), got.Job.ID, [][]byte{w.reproduced(got.Job, nil)}); err != nil {
		t.Fatal(err)
	}
	if n := len(w.repository.files["acme/"+artifact]); n != 4 {
		t.Errorf("%d envelopes", n)
	}
}

// TestEnqueueInTransaction: nothing is asked when the caller's transaction fails.
func TestEnqueueInTransaction(t *testing.T) {
	w := newWorld(t)
	broken := errors.New("broken on purpose")
	err := w.store.Update(context.Background(), func(tx store.Tx) error {
		jobs, err := w.queue.Enqueue(context.Background(), tx, w.request())
		if err != nil || len(jobs) != 3 {
			t.Errorf("%d jobs, %v", len(jobs), err)
		}
		return broken
	})
	if !errors.Is(err, broken) || w.claim(north) != nil {
		t.Errorf("%v", err)
	}
}
