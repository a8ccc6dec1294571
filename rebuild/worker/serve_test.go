package worker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
)

// office is a server with a list of jobs. Its fields say how it misbehaves.
type office struct {
	mu        sync.Mutex
	jobs      []Assignment
	delivered map[string][][]byte
	beats     int
	claimErr  []error // given before anything else, one for each claim
	lost      bool    // heartbeats say that the job is somebody else's
	refuse    error   // of deliveries
	away      int     // deliveries that fail before one is taken
	idle      func()  // called when a claim finds nothing
}

func (o *office) Claim(ctx context.Context) (Assignment, bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.claimErr) > 0 {
		err := o.claimErr[0]
		o.claimErr = o.claimErr[1:]
		return Assignment{}, false, err
	}
	if len(o.jobs) == 0 {
		if o.idle != nil {
			o.idle()
		}
		return Assignment{}, false, nil
	}
	a := o.jobs[0]
	o.jobs = o.jobs[1:]
	return a, true, nil
}

func (o *office) Heartbeat(context.Context, Assignment) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.beats++
	if o.lost {
		return ErrLost
	}
	return nil
}

func (o *office) Deliver(_ context.Context, a Assignment, envelopes [][]byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.away > 0 {
		o.away--
		return errors.New("connection refused")
	}
	if o.refuse != nil {
		return o.refuse
	}
	if o.delivered == nil {
		o.delivered = map[string][][]byte{}
	}
	o.delivered[a.ID] = envelopes
	return nil
}

func (w *world) assignment(id, commit string, doc []byte, artifact string) Assignment {
	j := w.job(commit, doc, artifact)
	j.ID = id
	return Assignment{Job: j, Lease: "lease", Heartbeat: time.Millisecond}
}

// TestServeOnce: what there is gets done, a job that is not sound holds up nobody, and an
// outcome is offered again to a server that was away.
func TestServeOnce(t *testing.T) {
	w := newWorld(t)
	commit := w.commit(map[string]string{"file": "x\n"})
	doc := script(`cp file out`, "outputs: [out]\ntasks: [{name: tests, command: [cmp, file, out], statement: test-result}]\n")
	unsound := w.assignment("unsound", commit, doc, sum("x\n"))
	unsound.Product = "other"
	o := &office{jobs: []Assignment{unsound, w.assignment("good", commit, doc, sum("x\n")), w.assignment("bad", commit, doc, sum("y\n"))}, away: 1}
	if err := w.worker.Serve(t.Context(), o, Options{Once: true, Jobs: 2}); err != nil {
		t.Fatal(err)
	}
	if len(o.delivered) != 2 || len(o.delivered["good"]) != 2 || len(o.delivered["bad"]) != 1 || o.beats == 0 {
		t.Fatalf("delivered %v, %d heartbeats", o.delivered, o.beats)
	}
	if got, err := attest.Open(o.delivered["good"][1], w.key.Public()); err != nil || got.Statement.PredicateType != TestResultType {
		t.Fatalf("%+v %v", got, err)
	}
	if left, err := os.ReadDir(w.worker.jobs()); err != nil || len(left) != 0 {
		t.Fatalf("%d folders are left: %v", len(left), err)
	}
}

// TestServeWaitsForTheServer: an error of a claim is no end, except for who asked once.
func TestServeWaitsForTheServer(t *testing.T) {
	w := newWorld(t)
	down := errors.New("down")
	ctx, stop := context.WithCancel(t.Context())
	o := &office{claimErr: []error{down}, idle: stop}
	if err := w.worker.Serve(ctx, o, Options{}); err != nil || ctx.Err() == nil {
		t.Fatalf("%v, before it was stopped: %v", err, ctx.Err() == nil)
	}
	wantError(t, w.worker.Serve(t.Context(), &office{claimErr: []error{down}}, Options{Once: true}), down)
}

// TestStopAndLoss: a rebuilder that is stopped, or whose job was given to another, ends
// the build, says nothing and leaves nothing.
func TestStopAndLoss(t *testing.T) {
	w := newWorld(t)
	commit := w.commit(map[string]string{"file": "x\n"})
	doc := script(`touch started; sleep 100; cp file out`, "outputs: [out]\n")
	for name, arrange := range map[string]func(o *office, stop func()){
		"stopped": func(o *office, stop func()) { go func() { w.untilBuilding(); stop() }() },
		"lost": func(o *office, _ func()) {
			go func() { w.untilBuilding(); o.mu.Lock(); o.lost = true; o.mu.Unlock() }()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			o := &office{jobs: []Assignment{w.assignment("long", commit, doc, sum("x\n"))}}
			arrange(o, stop)
			if err := w.worker.Serve(ctx, o, Options{Once: true}); err != nil {
				t.Fatal(err)
			}
			if len(o.delivered) != 0 {
				t.Fatal("an outcome of a build that was broken off")
			}
			if left, err := os.ReadDir(w.worker.jobs()); err != nil || len(left) != 0 {
				t.Fatalf("%d folders are left: %v", len(left), err)
			}
		})
	}
}

// untilBuilding waits for the file that the build makes at first.
func (w *world) untilBuilding() {
	for {
		if found, _ := filepath.Glob(filepath.Join(w.worker.jobs(), "*", "first", "tree", "source", "started")); len(found) > 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestRefusedOutcome is not offered for ever.
func TestRefusedOutcome(t *testing.T) {
	w := newWorld(t)
	commit := w.commit(map[string]string{"file": "x\n"})
	o := &office{jobs: []Assignment{w.assignment("a", commit, script(`exit 1`, "outputs: [out]\n"), sum("x\n"))}, refuse: ErrRefused}
	if err := w.worker.Serve(t.Context(), o, Options{Once: true}); err != nil || len(o.delivered) != 0 {
		t.Fatal(err, o.delivered)
	}
}

// TestFolder: one process has it, and what a killed one left goes.
func TestFolder(t *testing.T) {
	w := newWorld(t)
	if _, err := New(w.config()); err == nil || !strings.Contains(err.Error(), "belongs to a rebuilder that is running") {
		t.Fatalf("a second rebuilder has the folder: %v", err)
	}
	left := filepath.Join(w.worker.jobs(), "job-1", "closed", "in")
	if err := os.MkdirAll(left, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(left), 0); err != nil {
		t.Fatal(err)
	}
	if err := w.worker.Close(); err != nil {
		t.Fatal(err)
	}
	w.start()
	if left, err := os.ReadDir(w.worker.jobs()); err != nil || len(left) != 0 {
		t.Fatalf("%d folders are left: %v", len(left), err)
	}
	if err := w.worker.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, proxy := range []string{"direct", "https://a.example,direct", "http://a.example", "off"} {
		c := w.config()
		c.Folder, c.GoProxy = t.TempDir(), proxy
		if _, err := New(c); err == nil {
			t.Errorf("module proxy %q is taken", proxy)
		}
	}
}
