package audit

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/notify"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

// notices lists the news about assessments running out, in order.
func (w *world) notices(t testing.TB, kind string) []string {
	t.Helper()
	var list []string
	w.view(t, func(r store.Reader) error {
		list = nil
		for n, err := range store.Notices.All(r, "") {
			if err != nil {
				return err
			}
			if err := notify.CheckDocumented(n); err != nil {
				t.Error(err)
			}
			if n.Type == kind {
				list = append(list, n.ID[strings.LastIndex(n.ID, "/")+1:]+" at "+n.At.Format(time.DateOnly))
			}
		}
		return nil
	})
	slices.Sort(list)
	return list
}

func TestSweep(t *testing.T) {
	w := newWorld(t)
	rec := w.accept(t, assessment(t, 3))
	serial := w.issue(t, rec, 3, noon, rec.ValidUntil.Add(-time.Second))
	for _, step := range []struct {
		left time.Duration
		want Swept
	}{
		{31 * day, Swept{}}, {30 * day, Swept{Expiring: 1}}, {29 * day, Swept{}}, {7 * day, Swept{Expiring: 1}},
		{day, Swept{Expiring: 1}}, {time.Second, Swept{}}, {0, Swept{Expired: 1}}, {-day, Swept{}},
	} {
		w.now = rec.ValidUntil.Add(-step.left)
		got, err := w.reg.Sweep(t.Context())
		if diff := cmp.Diff(step.want, got); diff != "" || err != nil {
			t.Errorf("%s before the end: %s %v", step.left, diff, err)
		}
	}
	got := w.record(t, rec.ID)
	if got.State != store.AssessmentExpired || !got.EndedAt.Equal(rec.ValidUntil) || got.EndedBy != machine {
		t.Errorf("%+v", got)
	}
	if w.certificate(t, serial).Revocation != nil {
		t.Error("expiry revoked a certificate")
	}
	if want := []string{"1 at 2027-05-03", "30 at 2027-04-04", "7 at 2027-04-27"}; !slices.Equal(w.notices(t, expiringType), want) {
		t.Errorf("notices %v", w.notices(t, expiringType))
	}
	if types := w.ledger.types(rec.ID); !slices.Equal(types, []string{receipt.AssessmentAccepted, receipt.AssessmentExpired}) {
		t.Errorf("logged %v", types)
	}
}

// After a standstill only what is true now is told.
func TestSweepAfterAStandstill(t *testing.T) {
	w := newWorld(t)
	rec := w.accept(t, assessment(t, 3))
	w.now = rec.ValidUntil.Add(-6 * day)
	for range 2 {
		if _, err := w.reg.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.notices(t, expiringType); len(got) != 1 || !strings.HasPrefix(got[0], "7 ") {
		t.Errorf("notices %v", got)
	}
}

// TestSweepsAtOnce: eight sweeps, two processes, one expiry and one notice each.
func TestSweepsAtOnce(t *testing.T) {
	w := newWorld(t)
	first := w.accept(t, assessment(t, 3))
	w.now = first.ValidUntil
	regs := []*Register{w.reg, w.register(t, w.db)}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var sum Swept
	for i := range 8 {
		wg.Go(func() {
			got, err := regs[i%2].Sweep(t.Context())
			mu.Lock()
			defer mu.Unlock()
			sum.Expired, sum.Expiring = sum.Expired+got.Expired, sum.Expiring+got.Expiring
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if diff := cmp.Diff(Swept{Expired: 1}, sum); diff != "" {
		t.Error(diff)
	}
	if got := w.queued(t, first.ID); len(got) != 3 {
		t.Errorf("entries %v", got)
	}
	if got := w.actions(t, first.ID); len(got) != 4 {
		t.Errorf("trail %v", got)
	}
}

func TestFaultsOfSweep(t *testing.T) {
	storetest.EachFault(t, openMemory, func(t *testing.T, d storetest.Driver, f *storetest.Faulty) {
		w := newWorldOn(t, d)
		rec := w.accept(t, assessment(t, 3))
		w.now = rec.ValidUntil
		_, err := w.register(t, f).Sweep(t.Context())
		if (err != nil) != f.Fired() {
			t.Fatalf("error %v", err)
		}
		w.wantConsistent(t)
		if _, err := w.reg.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.queued(t, rec.ID); w.record(t, rec.ID).State != store.AssessmentExpired || len(got) != 3 {
			t.Errorf("entries %v", got)
		}
	})
}

// An expired assessment can be withdrawn: signatures made under it are still believed.
func TestWithdrawExpired(t *testing.T) {
	w := newWorld(t)
	rec := w.accept(t, assessment(t, 3))
	serial := w.issue(t, rec, 3, noon, rec.ValidUntil.Add(-time.Second))
	w.now = rec.ValidUntil.Add(day)
	if _, err := w.reg.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.reg.Withdraw(t.Context(), WithdrawRequest{ID: rec.ID, By: "olga", Reason: "it was never so", Since: noon.Add(day)}); err != nil {
		t.Fatal(err)
	}
	rev := w.certificate(t, serial).Revocation
	if rev == nil || !rev.RevocationDate.Equal(noon.Add(day)) || !rev.InvalidityDate.Equal(noon.Add(day)) {
		t.Errorf("%+v", rev)
	}
}
