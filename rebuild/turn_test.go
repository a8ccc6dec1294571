package rebuild

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/rebuild/recipe"
	"github.com/hallmark-pki/hallmark/store"
)

// askFor asks for builds of a vendor, a moment apart, and returns their jobs for north.
func (w *world) askFor(vendor string, builds int) (ids []string) {
	w.t.Helper()
	for i := range builds {
		r := w.request()
		r.Vendor, r.SHA256 = vendor, hexOf(fmt.Sprint(vendor, i))
		w.ask(r)
		ids = append(ids, jobID(vendor, r.SHA256, north))
		w.pass(time.Millisecond)
	}
	return ids
}

// served claims jobs for north and returns whose they were.
func (w *world) served(jobs int) (vendors []string) {
	w.t.Helper()
	for range jobs {
		got := w.claim(north)
		if got == nil {
			return append(vendors, "none")
		}
		vendors = append(vendors, got.Job.Vendor)
	}
	return vendors
}

// TestTurns: vendors are served in turn, whoever asked first and however often, the jobs of
// each in the order in which they were asked for. Whose turn it is survives a restart.
func TestTurns(t *testing.T) {
	w := newWorld(t)
	w.second("zeta", func(*audit.Scope) {})
	w.second("beta", func(*audit.Scope) {})
	many := w.askFor("acme", 40)
	late := w.askFor("zeta", 2)
	w.askFor("beta", 1)
	if got, want := w.served(3), []string{"acme", "beta", "zeta"}; !slices.Equal(got, want) {
		t.Fatalf("served %v, want %v", got, want)
	}
	w.queue = w.newQueue() // another process on the same store
	w.askFor("beta", 3)    // the first of them is there already
	if got, want := w.served(6), []string{"acme", "beta", "zeta", "acme", "beta", "acme"}; !slices.Equal(got, want) {
		t.Fatalf("served %v, want %v", got, want)
	}
	for i, id := range many {
		if (w.job(id).State == store.RebuildClaimed) != (i < 4) {
			t.Errorf("acme's job %d is %s", i, w.job(id).State)
		}
	}
	for _, id := range late {
		if w.job(id).State != store.RebuildClaimed {
			t.Errorf("zeta's job is %s", w.job(id).State)
		}
	}
	// Each rebuilder has turns of its own.
	if got, err := w.queue.Claim(context.Background(), worker(south), 0); err != nil || got.Job.Vendor != "acme" {
		t.Errorf("%+v %v", got, err)
	}
}

// TestTurnsComeRound: the vendor that was served last is served again when it is alone, and
// one whose jobs all rest is passed over until they are due.
func TestTurnsComeRound(t *testing.T) {
	w := newWorld(t)
	w.second("zeta", func(*audit.Scope) {})
	w.askFor("zeta", 3)
	w.askFor("acme", 1)
	if got, want := w.served(5), []string{"acme", "zeta", "zeta", "zeta", "none"}; !slices.Equal(got, want) {
		t.Fatalf("served %v, want %v", got, want)
	}
	w.pass(leaseTime + firstPause)
	if got, want := w.served(5), []string{"acme", "zeta", "zeta", "zeta", "none"}; !slices.Equal(got, want) {
		t.Errorf("served %v again, want %v", got, want)
	}
}

// TestTurnsPassGivenUp: many jobs of one vendor that are to be given up do not keep others
// waiting, not even for one claim.
func TestTurnsPassGivenUp(t *testing.T) {
	w := newWorld(t)
	w.second("zeta", func(*audit.Scope) {})
	w.askFor("acme", maxLook+5)
	w.askFor("zeta", 1)
	w.rescope(func(s *audit.Scope) { s.Rebuilders = s.Rebuilders[1:] })
	if got, want := w.served(1), []string{"zeta"}; !slices.Equal(got, want) {
		t.Errorf("served %v, want %v", got, want)
	}
	if got := len(w.events("give-up.rebuild")); got != maxGivenUpOfVendor {
		t.Errorf("%d given up", got)
	}
}

// TestTurnsPassForeign: jobs that the caller may not have, as many as one claim reads of a
// vendor, do not keep it from another vendor's, whether it may have others of theirs or not.
func TestTurnsPassForeign(t *testing.T) {
	w := newWorld(t)
	foreign := func(s *audit.Scope) { s.Products, s.Rebuilders[0].Operator = s.Products[:1], "Somebody Else" }
	w.second("beta", foreign)
	w.second("gamma", foreign)
	w.second("zeta", func(*audit.Scope) {})
	scope := w.scope()
	scope.Products = scope.Products[1:] // of gamma, north may rebuild another product
	w.update(func(tx store.Tx) error {
		if err := store.Assessments.Insert(tx, w.assessmentOf("gamma", "https://gamma.example.com/", scope)); err != nil {
			return err
		}
		for i := range 2 * (maxPassedOfVendor + 1) {
			job := store.RebuildJob{ID: hexOf(fmt.Sprint(i))[:32], State: store.RebuildQueued, Vendor: []string{"beta", "gamma"}[i%2], Product: product,
				SHA256: hexOf(fmt.Sprint(i)), SourceURI: sourceURI, Recipe: recipe.Digest([]byte(document)), Rebuilder: north, AskedAt: w.now, NotBefore: w.now}
			if err := store.RebuildJobs.Put(tx, job); err != nil {
				return err
			}
		}
		return nil
	})
	for vendor, read := range map[string]int{"beta": 1, "gamma": maxPassedOfVendor} {
		l := look{w: worker(north), now: w.now}
		w.view(func(r store.Reader) error { return w.queue.lookAt(r, &l, vendor) })
		if l.read != read || len(l.due) > 0 {
			t.Errorf("%s: read %d jobs, want %d, due %d", vendor, l.read, read, len(l.due))
		}
	}
	w.askFor("zeta", 1)
	if got, want := w.served(1), []string{"zeta"}; !slices.Equal(got, want) {
		t.Errorf("served %v, want %v", got, want)
	}
}
