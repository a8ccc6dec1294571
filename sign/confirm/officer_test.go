package confirm

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/notify"
	"github.com/hallmark-pki/hallmark/store"
)

func wantRefusal(t *testing.T, err error, code Code) {
	t.Helper()
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Code != code {
		t.Errorf("%v, want %s", err, code)
	}
}

// Two officers hold a revocation, for a while; both are named wherever it is told.
func TestHold(t *testing.T) {
	w := newWorld(t)
	s := w.sign("late")
	w.after(30 * time.Minute)
	i, err := w.r.Hold(t.Context(), s.ID, officer("olga"), "the rebuilder is broken", 3*time.Hour)
	must(t, err)
	if i.State != store.IncidentAsked || len(i.HeldBy) != 0 {
		t.Errorf("%+v", i)
	}
	w.want(s, store.SignatureProvisional)
	_, err = w.r.Hold(t.Context(), i.ID, officer("olga"), "once more", time.Hour)
	wantRefusal(t, err, CodeSecond)
	w.after(AgreeWithin - time.Second)
	// Due by now, but not yet looked at.
	i, err = w.r.Hold(t.Context(), i.ID, officer("otto"), "so it is", 0)
	must(t, err)
	if i.State != store.IncidentHeld || !slices.Equal(i.HeldBy, []string{"olga", "otto"}) || !i.HeldUntil.Equal(w.now.Add(3*time.Hour)) {
		t.Errorf("%+v", i)
	}
	w.contradict(s)
	w.poke()
	w.tick()
	w.want(s, store.SignatureHeld)
	if f := w.figures(); f != (Figures{Open: 1, Held: 1, Overdue: 1}) {
		t.Errorf("%+v", f)
	}
	w.wantNamed(s, "olga, otto")
	w.after(3 * time.Hour)
	w.tick()
	w.want(s, store.SignatureRevoked)
	if all := w.incidents(); len(all) != 1 || all[0].State != store.IncidentRevoked || len(all[0].Steps) != 3 {
		t.Errorf("%+v", all)
	}
}

// An officer who was sent away after asking is none of the two: the next one only asks.
func TestHoldByWhoMayStill(t *testing.T) {
	w := newWorld(t)
	s := w.sign("late")
	_, err := w.r.Hold(t.Context(), s.ID, officer("olga"), "the rebuilder is broken", time.Hour)
	must(t, err)
	gone := officer("olga")
	gone.DisabledAt = w.now
	must(t, w.store.Update(t.Context(), func(tx store.Tx) error { return store.People.Put(tx, gone) }))
	i, err := w.r.Hold(t.Context(), s.ID, officer("otto"), "so it is", time.Hour)
	must(t, err)
	if i.State != store.IncidentAsked || i.HoldAskedBy != "otto" || len(i.HeldBy) != 0 {
		t.Errorf("%+v", i)
	}
	w.want(s, store.SignatureProvisional)
}

// wantNamed looks for both officers in the audit trail, the log and the notice.
func (w *world) wantNamed(s store.Signature, names string) {
	w.t.Helper()
	found := map[string]bool{}
	must(w.t, w.store.View(w.t.Context(), func(r store.Reader) error {
		for e, err := range store.Events.All(r, "") {
			must(w.t, err)
			found["trail"] = found["trail"] || e.Action == "hold.signature" && e.Detail["officers"] == names
		}
		for e, err := range store.LedgerEntries.By(r, "about", s.Serial) {
			must(w.t, err)
			entry, err := receipt.ParseEntry(e.Entry)
			must(w.t, err)
			found["log"] = found["log"] || entry.Type == receipt.CertificateHeld && strings.HasPrefix(entry.Reason, names+": ")
		}
		for n, err := range store.Notices.All(r, "") {
			must(w.t, err)
			found["notice"] = found["notice"] || n.Type == notify.SignatureHeld && strings.Contains(string(n.Body), `"held_by":"`+names+`"`)
		}
		return nil
	}))
	if len(found) != 3 || !found["trail"] || !found["log"] || !found["notice"] {
		w.t.Errorf("named in %v", found)
	}
}

func (w *world) hold(s store.Signature, wanted time.Duration) store.Incident {
	w.t.Helper()
	_, err := w.r.Hold(w.t.Context(), s.ID, officer("olga"), "why", wanted)
	must(w.t, err)
	i, err := w.r.Hold(w.t.Context(), s.ID, officer("otto"), "why", wanted)
	must(w.t, err)
	return i
}

// No chain of holds reaches further than MaxHold after the deadline.
func TestHoldIsBounded(t *testing.T) {
	w := newWorld(t)
	s := w.sign("late")
	w.after(time.Hour)
	last := s.ConfirmBy.Add(MaxHold)
	for range 10 {
		if i := w.hold(s, DefaultHold); i.HeldUntil.After(last) {
			t.Fatalf("held until %v, at most %v", i.HeldUntil, last)
		}
		w.tick()
		w.want(s, store.SignatureHeld)
		w.after(DefaultHold - time.Minute)
		if !w.now.Before(last) {
			break
		}
	}
	w.tick()
	w.want(s, store.SignatureRevoked)
}

func TestHoldRunsOutBeforeTheDeadline(t *testing.T) {
	w := newWorld(t)
	s := w.sign("fine")
	w.hold(s, time.Minute)
	w.contradict(s)
	w.poke()
	w.want(s, store.SignatureHeld)
	w.after(time.Minute)
	w.tick()
	w.want(s, store.SignatureRevoked) // at once, and not at the deadline

	other := w.sign("slow")
	w.hold(other, time.Minute)
	w.after(time.Minute)
	w.tick()
	w.want(other, store.SignatureProvisional)
	w.after(time.Hour)
	w.tick()
	w.want(other, store.SignatureRevoked)
}

func TestHoldRefuses(t *testing.T) {
	w := newWorld(t)
	s := w.sign("late")
	hold := func(who store.Person, note string, d time.Duration) error {
		_, err := w.r.Hold(t.Context(), s.ID, who, note, d)
		return err
	}
	wantRefusal(t, hold(officer("olga"), " ", 0), CodeNote)
	wantRefusal(t, hold(officer("olga"), "two\nlines", 0), CodeNote)
	wantRefusal(t, hold(officer("olga"), strings.Repeat("a", maxNote+1), 0), CodeNote)
	wantRefusal(t, hold(officer("olga"), "why", MaxHold+1), CodeHold)
	wantRefusal(t, hold(officer("olga"), "why", -1), CodeHold)
	for _, organization := range []string{"ACME", "Holding"} {
		own := officer("olga")
		own.Organization = organization
		var refusal *audit.Refusal
		if err := hold(own, "why", 0); !errors.As(err, &refusal) || refusal.Code != audit.CodeConflict {
			t.Errorf("officer of %s: %v", organization, err)
		}
	}
	_, err := w.r.Hold(t.Context(), "nothing", officer("olga"), "why", 0)
	wantRefusal(t, err, CodeUnknown)
	must(t, hold(officer("olga"), "why", 0))
	w.after(AgreeWithin)
	must(t, hold(officer("olga"), "why", 0)) // the first one no longer counts
	w.after(time.Second)
	_, err = w.r.Release(t.Context(), s.ID, officer("otto"), "why")
	wantRefusal(t, err, CodeOver)
	w.tick()
	w.want(s, store.SignatureRevoked) // one officer's wish is no hold
	wantRefusal(t, hold(officer("otto"), "why", 0), CodeOver)
	_, err = w.r.Revoke(t.Context(), s.ID, officer("otto"), "why")
	wantRefusal(t, err, CodeOver)
	_, err = w.r.Revoke(t.Context(), s.ID, officer("otto"), "")
	wantRefusal(t, err, CodeNote)
}

func TestRelease(t *testing.T) {
	w := newWorld(t)
	late, good, early := w.sign("late"), w.sign("good"), w.sign("early")
	w.hold(early, time.Hour)
	i, err := w.r.Release(t.Context(), early.ID, officer("otto"), "not needed")
	must(t, err)
	w.want(early, store.SignatureProvisional)
	if i.State != store.IncidentReleased {
		t.Errorf("%+v", i)
	}
	w.after(time.Hour)
	w.hold(late, time.Hour)
	w.hold(good, time.Hour)
	w.grant(good)
	for _, s := range []store.Signature{late, good} {
		_, err := w.r.Release(t.Context(), s.ID, officer("otto"), "repaired")
		must(t, err)
	}
	w.want(late, store.SignatureRevoked)
	w.want(good, store.SignatureConfirmed)
	for _, i := range w.incidents() {
		if i.Signature == good.ID && i.State != store.IncidentConfirmed {
			t.Errorf("%+v", i)
		}
	}
}
