package rebuild

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/store"
)

// TestClaim: jobs are given out in the order in which they were asked for, each once, and
// to nobody but their rebuilder.
func TestClaim(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		r := w.request()
		r.SHA256 = hexOf(fmt.Sprint(i))
		w.ask(r)
		w.pass(time.Millisecond)
	}
	for i := range 3 {
		got := w.claim(north)
		if got == nil || got.Job.SHA256 != hexOf(fmt.Sprint(i)) || got.Job.Rebuilder != north || string(got.Recipe) != document {
			t.Fatalf("claim %d: %+v", i, got)
		}
		if got.Job.State != store.RebuildClaimed || got.Job.Tries != 1 || !got.Job.LeaseUntil.Equal(w.now.Add(leaseTime)) || !isHex(got.Job.Lease, 32) {
			t.Errorf("claim %d: %+v", i, got.Job)
		}
		w.pass(time.Millisecond)
	}
	if got := w.claim(north); got != nil {
		t.Errorf("a fourth: %+v", got)
	}
	if w.claim(south) == nil {
		t.Error("the others' jobs are gone")
	}
}

// TestLease: what is not heard of is given out again after a pause, each time a longer
// one, and given up in the end; heartbeats keep it.
func TestLease(t *testing.T) {
	w := newWorld(t)
	w.ask(w.request())
	first := w.claim(north).Job
	for range 4 {
		w.pass(HeartbeatInterval)
		until, err := w.queue.Heartbeat(context.Background(), worker(north), first.ID, first.Lease)
		if err != nil || !until.Equal(w.now.Add(leaseTime)) {
			t.Fatalf("%v %v", until, err)
		}
	}
	w.pass(leaseTime)
	if w.claim(north) != nil {
		t.Fatal("given again without a pause")
	}
	w.pass(firstPause)
	second := w.claim(north).Job
	if second.ID != first.ID || second.Lease == first.Lease || second.Tries != 2 {
		t.Fatalf("%+v", second)
	}
	_, err := w.queue.Heartbeat(context.Background(), worker(north), first.ID, first.Lease)
	requireCode(t, err, CodeLease)
	for try := 3; try <= maxTries; try++ {
		w.pass(leaseTime + maxPause)
		if got := w.claim(north); got == nil || got.Job.Tries != try {
			t.Fatalf("try %d: %+v", try, got)
		}
	}
	w.pass(leaseTime + maxPause)
	if got := w.claim(north); got != nil {
		t.Fatalf("try %d", got.Job.Tries)
	}
	if job := w.job(first.ID); job.State != store.RebuildFailed || job.Note == "" || len(w.filed) != 1 || len(w.notices()) != 1 {
		t.Errorf("%+v, told of %v", job, w.filed)
	}
	_, err = w.queue.Heartbeat(context.Background(), worker(north), first.ID, first.Lease)
	requireCode(t, err, CodeLease)
}

// TestHeldTooLong: a machine that is alive and gets nowhere loses its job.
func TestHeldTooLong(t *testing.T) {
	w := newWorld(t)
	w.ask(w.request())
	job := w.claim(north).Job
	w.pass(maxHold + time.Second)
	_, err := w.queue.Heartbeat(context.Background(), worker(north), job.ID, job.Lease)
	requireCode(t, err, CodeLease)
}

// TestClaimScope: who is not in the audited scope any more gets no work, and the job ends.
func TestClaimScope(t *testing.T) {
	for name, change := range map[string]func(*audit.Scope){
		"rebuilder gone": func(s *audit.Scope) { s.Rebuilders = s.Rebuilders[1:] },
		"product gone":   func(s *audit.Scope) { s.Products = s.Products[1:] },
		"recipe gone":    func(s *audit.Scope) { s.Recipes = nil },
		"recipe changed": func(s *audit.Scope) { s.Recipes[0].Recipe += "# more\n" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.ask(w.request())[0].ID
			w.rescope(change)
			if w.claim(north) != nil {
				t.Error("given out")
			}
			if job := w.job(id); job.State != store.RebuildFailed || len(w.events("give-up.rebuild")) != 1 {
				t.Errorf("%+v", job)
			}
		})
	}
	t.Run("another operator", func(t *testing.T) {
		w := newWorld(t)
		id := w.ask(w.request())[0].ID
		_, err := w.queue.Claim(context.Background(), Worker{"mallory", north, "Somebody Else"}, 0)
		requireCode(t, err, CodeOperator)
		if job := w.job(id); job.State != store.RebuildQueued {
			t.Errorf("%+v", job)
		}
		if w.claim(north) == nil {
			t.Error("its rebuilder does not get it")
		}
	})
	t.Run("no rebuilder", func(t *testing.T) {
		w := newWorld(t)
		_, err := w.queue.Claim(context.Background(), Worker{Person: "vera"}, 0)
		requireCode(t, err, CodeOperator)
	})
}

// TestClaimPassesOver: jobs of a vendor whose scope names another operator for a rebuilder,
// however many, do not keep it from the jobs of others.
func TestClaimPassesOver(t *testing.T) {
	w := newWorld(t)
	w.second("zeta", func(s *audit.Scope) { s.Rebuilders[0].Operator = "Somebody Else" })
	for i := range maxLook + 1 {
		r := w.request()
		r.Vendor, r.SHA256 = "zeta", hexOf(fmt.Sprint(i))
		w.ask(r)
	}
	w.pass(time.Millisecond)
	_, err := w.queue.Claim(context.Background(), worker(north), 0)
	requireCode(t, err, CodeOperator)
	id := w.ask(w.request())[0].ID
	if got := w.claim(north); got == nil || got.Job.ID != id {
		t.Fatalf("%+v", got)
	}
}

// TestWait: a claim that waits is woken by a job, by the end of the server and by its
// own caller, and not before.
func TestWait(t *testing.T) {
	w := newWorld(t)
	got := make(chan *Assignment)
	go func() {
		a, err := w.queue.Claim(context.Background(), worker(north), MaxWait)
		if err != nil {
			t.Error(err)
		}
		got <- a
	}()
	for waiting := false; !waiting; { // until it has looked and waits
		w.queue.mu.Lock()
		waiting = w.queue.woken != nil
		w.queue.mu.Unlock()
	}
	w.ask(w.request())
	if a := <-got; a == nil || a.Job.Rebuilder != north {
		t.Errorf("%+v", a)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if a, err := w.queue.Claim(ctx, worker(north), MaxWait); a != nil || err == nil {
		t.Errorf("%+v %v", a, err)
	}
	w.queue.EndWaits()
	w.queue.EndWaits()
	if a := func() *Assignment {
		a, err := w.queue.Claim(context.Background(), worker(north), MaxWait)
		must(t, err)
		return a
	}(); a != nil {
		t.Errorf("%+v", a)
	}
	if len(w.queue.polls) != 0 {
		t.Errorf("polls %v", w.queue.polls)
	}
}

// TestTooManyWait: one rebuilder cannot hold every request that the server takes.
func TestTooManyWait(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for range maxPolls {
		all.Go(func() { w.queue.Claim(ctx, worker(north), MaxWait) })
	}
	for full := false; !full; {
		w.queue.mu.Lock()
		full = w.queue.polls[north] == maxPolls
		w.queue.mu.Unlock()
	}
	_, err := w.queue.Claim(context.Background(), worker(north), 0)
	requireCode(t, err, CodeFull)
	if _, err := w.queue.Claim(context.Background(), worker(south), 0); err != nil {
		t.Error(err)
	}
	cancel()
	all.Wait()

	// All together they leave the server room for others: who comes then is told at once.
	w.queue.waits = maxWaits
	if a, err := w.queue.Claim(context.Background(), worker(south), MaxWait); a != nil || err != nil {
		t.Errorf("%+v %v", a, err)
	}
	if w.queue.waits != maxWaits {
		t.Errorf("%d claims are counted", w.queue.waits)
	}
}

// TestClaimOnce: of many that ask at the same time, one gets the job.
func TestClaimOnce(t *testing.T) {
	w := newWorld(t)
	w.ask(w.request())
	var all sync.WaitGroup
	var mu sync.Mutex
	given := 0
	for range maxPolls {
		all.Go(func() {
			a, err := w.queue.Claim(context.Background(), worker(north), 0)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if a != nil {
				given++
			}
		})
	}
	all.Wait()
	if given != 1 {
		t.Errorf("given out %d times", given)
	}
}

// TestSweep: what nobody comes for is given up, the rest stays.
func TestSweep(t *testing.T) {
	w := newWorld(t)
	old := w.ask(w.request())
	w.pass(maxAge / 2)
	r := w.request()
	r.SHA256 = hexOf("young")
	young := w.ask(r)
	w.pass(maxAge/2 + time.Second)
	must(t, w.queue.Sweep(context.Background()))
	for _, j := range old {
		if got := w.job(j.ID); got.State != store.RebuildFailed || !got.IsOver() {
			t.Errorf("%+v", got)
		}
	}
	for _, j := range young {
		if got := w.job(j.ID); got.State != store.RebuildQueued {
			t.Errorf("%+v", got)
		}
	}
	if len(w.filed) != 3 || len(w.notices()) != 3 {
		t.Errorf("told of %v, %d notices", w.filed, len(w.notices()))
	}
	w.view(func(r store.Reader) error {
		f, err := Count(r, w.now)
		want := Figures{Queued: 3, Failed: 3, Oldest: young[0].AskedAt, Stuck: 3}
		if err == nil && f != want {
			err = fmt.Errorf("%+v, want %+v", f, want)
		}
		return err
	})
}
