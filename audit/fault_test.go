package audit

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

func openMemory(*testing.T) storetest.Driver { return storetest.NewMemory() }

// wantConsistent holds of every store at any time, whatever failed: nothing is in
// force without a receipt, a track has one assessment in force at most, and the end of
// what has ended is logged or waits for the log, and has left no certificate standing that nothing
// supports.
func (w *world) wantConsistent(t *testing.T) {
	t.Helper()
	tracks := map[string]string{}
	for _, rec := range w.assessments(t) {
		switch rec.State {
		case store.AssessmentInForce:
			if len(rec.Receipt) == 0 || len(w.ledger.types(rec.ID)) == 0 {
				t.Errorf("%s is in force with receipt %q", rec.ID, rec.Receipt)
			}
			track := rec.Vendor + rec.Framework + rec.Track
			if other, ok := tracks[track]; ok {
				t.Errorf("%s and %s are both in force", rec.ID, other)
			}
			tracks[track] = rec.ID
		case store.AssessmentSuperseded, store.AssessmentLowered, store.AssessmentWithdrawn:
			if !slices.Contains(w.queued(t, rec.ID), "assessment."+rec.State) {
				t.Errorf("%s is %s, to be logged %v", rec.ID, rec.State, w.queued(t, rec.ID))
			}
		}
	}
	w.view(t, func(r store.Reader) error { return store.Check(r) })
}

// queued lists the types of entries on record about something, logged or waiting.
func (w *world) queued(t *testing.T, about string) []string {
	t.Helper()
	var list []string
	w.view(t, func(r store.Reader) error {
		list = nil
		for rec, err := range store.LedgerEntries.By(r, "about", about) {
			if err != nil {
				return err
			}
			e, err := receipt.ParseEntry(rec.Entry)
			if err != nil {
				return err
			}
			list = append(list, e.Type)
		}
		return nil
	})
	return list
}

// A process that dies, or a store that fails or lies, at each point of submitting.
func TestFaultsOfSubmit(t *testing.T) {
	storetest.EachFault(t, openMemory, func(t *testing.T, d storetest.Driver, f *storetest.Faulty) {
		w := newWorldOn(t, d)
		rec, err := w.register(t, f).Submit(t.Context(), w.sign(t, assessment(t, 3)), "quill")
		if (err != nil) != f.Fired() {
			t.Fatalf("error %v", err)
		}
		stored := w.assessments(t)
		if err == nil || f.Fault().Kind == storetest.FaultLie {
			if len(stored) != 1 || err == nil && !cmp.Equal(stored[0], rec) || len(w.actions(t, stored[0].ID)) != 1 {
				t.Errorf("stored %+v", stored)
			}
		} else if len(stored) != 0 {
			t.Errorf("stored %+v though it failed", stored)
		}
	})
}

// The same of accepting an assessment that supersedes another and costs a
// certificate; then the process starts again.
func TestFaultsOfAccept(t *testing.T) {
	for name, dead := range map[string]bool{"once": false, "for good": true} {
		t.Run(name, func(t *testing.T) {
			storetest.EachFault(t, openMemory, func(t *testing.T, d storetest.Driver, f *storetest.Faulty) {
				if dead {
					f.Dead()
				}
				w := newWorldOn(t, d)
				first := w.accept(t, assessment(t, 3))
				serial := w.issue(t, first, 3, noon, noon.AddDate(0, 6, 0))
				a := assessment(t, 2)
				a.AssessedAt = noon
				second := w.submit(t, a)
				_, err := w.acceptOn(t, t.Context(), w.register(t, f), second.ID, "olga")
				if (err != nil) != f.Fired() {
					t.Fatalf("error %v", err)
				}
				w.wantConsistent(t)
				w.wantRecovers(t, first, second, serial)
			})
		})
	}
}

// The log fails before or after it has stored the entry, at each append.
func TestFaultsOfTheLog(t *testing.T) {
	for name, lie := range map[string]bool{"lost": false, "stored but reported lost": true} {
		{
			const n = 0 // the acceptance itself: what else there is to log waits in the queue
			t.Run(name, func(t *testing.T) {
				w := newWorld(t)
				first := w.accept(t, assessment(t, 3))
				serial := w.issue(t, first, 3, noon, noon.AddDate(0, 6, 0))
				a := assessment(t, 2)
				a.AssessedAt = noon
				second := w.submit(t, a)
				failure, calls := errors.New("log is full"), -1
				w.ledger.lie = lie
				w.ledger.fail = func(int) error {
					if calls++; calls == n {
						return failure
					}
					return nil
				}
				if _, err := w.acceptOn(t, t.Context(), w.reg, second.ID, "olga"); !errors.Is(err, failure) {
					t.Fatal(err)
				}
				w.ledger.fail = nil
				if got := w.record(t, second.ID); got.State != store.AssessmentAccepting || len(got.Receipt) != 0 {
					t.Errorf("%s with receipt %q", got.State, got.Receipt)
				}
				w.wantConsistent(t)
				// Another officer cannot take the decision over.
				_, err := w.acceptOn(t, t.Context(), w.reg, second.ID, "oleg")
				wantRefusal(t, err, CodeState, "id")
				w.wantRecovers(t, first, second, serial)
			})
		}
	}
}

// wantRecovers starts a new process, which recovers by itself; if the decision had
// not been durable, the officer takes it again. Both end the same.
func (w *world) wantRecovers(t *testing.T, first, second store.Assessment, serial string) {
	t.Helper()
	reg := w.register(t, w.db)
	for range 2 { // recovering again changes nothing
		if err := reg.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.wantConsistent(t)
	got := w.record(t, second.ID)
	if got.State == store.AssessmentAccepting {
		t.Fatal("still accepting after Recover")
	}
	before := w.record(t, first.ID)
	if got.State == store.AssessmentSubmitted && (before.State != store.AssessmentInForce || w.certificate(t, serial).Revocation != nil) {
		t.Errorf("half of an acceptance: first is %s", before.State)
	}
	rec, err := w.acceptOn(t, t.Context(), reg, second.ID, "olga")
	if err != nil {
		t.Fatal(err)
	}
	if rec.State != store.AssessmentInForce || rec.AcceptedBy != "olga" || w.record(t, first.ID).State != store.AssessmentLowered {
		t.Errorf("%+v", rec)
	}
	if w.certificate(t, serial).Revocation == nil {
		t.Error("a certificate stands that nothing supports")
	}
	w.wantConsistent(t)
	for _, kind := range w.ledger.types(second.ID) {
		if kind != receipt.AssessmentAccepted {
			t.Errorf("logged %s", kind)
		}
	}
	trail := w.actions(t, second.ID)
	if want := []string{"olga accept.assessment", "olga enter-force.assessment", "quill submit.assessment"}; !slices.Equal(trail, want) {
		t.Errorf("trail %v", trail)
	}
}

func TestFaultsOfWithdraw(t *testing.T) {
	storetest.EachFault(t, openMemory, func(t *testing.T, d storetest.Driver, f *storetest.Faulty) {
		w := newWithdrawal(t, newWorldOn(t, d))
		dry := w.request()
		dry.DryRun = true
		plan, err := w.reg.Withdraw(t.Context(), dry)
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.register(t, f).Withdraw(t.Context(), w.request())
		if (err != nil) != f.Fired() {
			t.Fatalf("error %v", err)
		}
		w.wantConsistent(t)
		state, revoked := w.record(t, w.rec.ID).State, w.certificate(t, w.early).Revocation != nil
		if (state == store.AssessmentWithdrawn) != revoked {
			t.Errorf("half a withdrawal: %s, certificate revoked: %v", state, revoked)
		}
		if err != nil {
			if got, err = w.reg.Withdraw(t.Context(), w.request()); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(plan, got); diff != "" {
			t.Errorf("-dry run +done:\n%s", diff)
		}
		w.wantWithdrawn(t, plan)
		w.wantConsistent(t)
	})
}

func TestFaultsOfReject(t *testing.T) {
	storetest.EachFault(t, openMemory, func(t *testing.T, d storetest.Driver, f *storetest.Faulty) {
		w := newWorldOn(t, d)
		rec := w.submit(t, assessment(t, 3))
		_, err := w.register(t, f).Reject(t.Context(), rec.ID, "olga", "no")
		if (err != nil) != f.Fired() {
			t.Fatalf("error %v", err)
		}
		if _, err := w.reg.Reject(t.Context(), rec.ID, "olga", "no"); err != nil {
			t.Error(err)
		}
		if got := w.actions(t, rec.ID); len(got) != 2 {
			t.Errorf("trail %v", got)
		}
	})
}

// When a client hangs up after the decision, the work goes on.
func TestAcceptOutlivesItsCaller(t *testing.T) {
	w := newWorld(t)
	rec := w.submit(t, assessment(t, 3))
	ctx, cancel := context.WithCancel(t.Context())
	w.ledger.hook = func(receipt.Entry) { cancel() }
	if _, err := w.acceptOn(t, ctx, w.reg, rec.ID, "olga"); err != nil {
		t.Fatal(err)
	}
	if got := w.record(t, rec.ID); got.State != store.AssessmentInForce {
		t.Error(got.State)
	}
}

func TestNewRefusesHalfAConfig(t *testing.T) {
	w := newWorld(t)
	full := w.reg.cfg
	for name, change := range map[string]func(c *Config){
		"store": func(c *Config) { c.Store = nil }, "ledger": func(c *Config) { c.Ledger = nil },
		"queue": func(c *Config) { c.Queue = nil }, "certificates": func(c *Config) { c.Certificates = nil }, "catalogue": func(c *Config) { c.Catalogue = nil },
		"clock": func(c *Config) { c.Now = nil }, "arc": func(c *Config) { c.Arc = ext.Arc{} },
	} {
		c := full
		change(&c)
		if r, err := New(c); err == nil || r != nil {
			t.Errorf("without %s: %v", name, err)
		}
	}
}
