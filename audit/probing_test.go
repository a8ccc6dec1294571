package audit

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/audit/probe"
	"github.com/hallmark-pki/hallmark/store"
)

// fakeProber answers what it is told to.
type fakeProber struct {
	result probe.Result
	ran    int
	last   string
}

func (p *fakeProber) Run(_ context.Context, _ string, _ map[string]string, last string) probe.Result {
	p.ran++
	p.last = last
	return p.result
}

// probed is a world with an assessment in force that has one probe.
func (w *world) probed(t *testing.T, p *fakeProber) store.Assessment {
	t.Helper()
	conf := w.reg.cfg
	conf.Prober = p
	reg, err := New(conf)
	if err != nil {
		t.Fatal(err)
	}
	w.reg = reg
	a := assessment(t, 3)
	a.Probes = []Probe{{
		ID: "policy", Kind: "document-digest", Requirements: []string{a.Findings[0].Requirement},
		With: map[string]string{"url": "https://acme.example/policy", "sha256": strings.Repeat("ab", 32)},
	}}
	return w.accept(t, a)
}

func (w *world) blocked(t *testing.T, rec store.Assessment) (why string) {
	t.Helper()
	w.view(t, func(r store.Reader) error {
		a, err := Open(r, rec)
		if err != nil {
			return err
		}
		why, err = Blocked(r, rec.ID, a, w.now)
		return err
	})
	return why
}

// TestProbes: a probe that has never run, that failed, or that could not tell for
// three days keeps an assessment from supporting certificates; one that passes opens
// nothing that was not open.
func TestProbes(t *testing.T) {
	w, p := newWorld(t), &fakeProber{result: probe.Result{Outcome: probe.Passed, Seen: "first"}}
	rec := w.probed(t, p)
	if w.blocked(t, rec) == "" {
		t.Error("never run, and not blocked")
	}
	step := func(name string, after time.Duration, result probe.Result, run func() error, ran int, blocked string) {
		t.Helper()
		w.now = w.now.Add(after)
		p.result = result
		if err := run(); err != nil {
			t.Fatal(err)
		}
		if why := w.blocked(t, rec); (why == "") != (blocked == "") || !strings.Contains(why, blocked) {
			t.Errorf("%s: blocked %q", name, why)
		}
		if p.ran != ran {
			t.Errorf("%s: ran %d times, want %d", name, p.ran, ran)
		}
	}
	passed, failed, unknown := probe.Result{Outcome: probe.Passed, Seen: "first"}, probe.Result{Outcome: probe.Failed, Detail: "digest differs"}, probe.Result{Outcome: probe.Unknown, Detail: "no answer"}
	refresh := func() error { return w.reg.Refresh(t.Context(), "acme") }
	all := func() error { return w.reg.ProbeAll(t.Context()) }
	demand := func() error { _, err := w.reg.Probe(t.Context(), rec.ID); return err }
	step("first run", 0, passed, refresh, 1, "")
	step("fresh", time.Minute, failed, refresh, 1, "")
	step("an hour later", time.Hour, failed, refresh, 2, "digest differs")
	step("away does not close it", time.Hour, unknown, refresh, 3, "no answer")
	step("mended", 0, passed, demand, 4, "")
	step("daily, not yet", time.Hour, failed, all, 4, "")
	step("daily", 24*time.Hour, unknown, all, 5, "")
	step("away for days", 72*time.Hour, unknown, all, 6, "has not passed")
	if p.last != "first" {
		t.Errorf("last seen %q", p.last)
	}
	trail := w.actions(t, rec.ID)
	if !slices.Contains(trail, "hallmark open.finding") || !slices.Contains(trail, "hallmark close.finding") {
		t.Errorf("trail %v", trail)
	}
	if got := w.record(t, rec.ID); got.Level != 3 || got.State != store.AssessmentInForce {
		t.Errorf("a probe changed the assessment: %+v", got)
	}
	if len(w.notices(t, "probe.failed")) != 1 || len(w.notices(t, "probe.passed")) != 1 {
		t.Error("told wrongly")
	}
	list, err := w.reg.Probes(t.Context(), rec.ID)
	if err != nil || len(list) != 1 || list[0].State.Outcome != "unknown" {
		t.Errorf("%+v %v", list, err)
	}
}

// A run that was cut short says nothing.
func TestProbeCutShort(t *testing.T) {
	w, p := newWorld(t), &fakeProber{result: probe.Result{Outcome: probe.Failed}}
	rec := w.probed(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.reg.Probe(ctx, rec.ID); err == nil {
		t.Error("no error")
	}
	list, err := w.reg.Probes(t.Context(), rec.ID)
	if err != nil || !list[0].State.RanAt.IsZero() {
		t.Errorf("%+v %v", list, err)
	}
}
