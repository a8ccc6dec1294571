package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

// TestPendingLists: what waits leaves its list when it is done, and the lists are in
// the order in which things are to be done.
func TestPendingLists(t *testing.T) {
	d := storetest.NewMemory()
	list := func() (got []string) {
		view(t, d, func(r store.Reader) error {
			got = []string{}
			for e, err := range store.LedgerEntries.By(r, "state", store.LedgerPending) {
				got = append(got, "waits "+e.ID)
				if err != nil {
					return err
				}
			}
			for e, err := range store.LedgerEntries.Between(r, "index", "", "") {
				got = append(got, "logged "+e.ID)
				if err != nil {
					return err
				}
			}
			for n, err := range store.Notices.Between(r, "pending", "", "") {
				got = append(got, "untold "+n.ID)
				if err != nil {
					return err
				}
			}
			for a, err := range store.Assessments.Between(r, "until", "", store.TimeKey(noon.AddDate(0, 0, 30))) {
				got = append(got, "ends "+a.ID)
				if err != nil {
					return err
				}
			}
			return nil
		})
		return got
	}
	put := func(entries []store.LedgerEntry, notices []store.Notice, assessments []store.Assessment) {
		update(t, d, func(tx store.Tx) error {
			return errors.Join(putAll(tx, store.LedgerEntries, entries), putAll(tx, store.Notices, notices), putAll(tx, store.Assessments, assessments))
		})
	}
	ends := func(id, state string, days int) store.Assessment {
		return store.Assessment{ID: id, State: state, Vendor: "v", Auditor: "a", ValidUntil: noon.AddDate(0, 0, days)}
	}
	put([]store.LedgerEntry{{ID: "1", About: "a"}, {ID: "2", About: "a"}, {ID: "3", About: "a"}},
		[]store.Notice{{ID: "x", At: noon.Add(time.Hour)}, {ID: "y", At: noon}},
		[]store.Assessment{ends("late", store.AssessmentInForce, 31), ends("b", store.AssessmentInForce, 9), ends("c", store.AssessmentInReview, 8), ends("new", store.AssessmentSubmitted, 1)})
	if diff := cmp.Diff([]string{"waits 1", "waits 2", "waits 3", "untold y", "untold x", "ends c", "ends b"}, list()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	put([]store.LedgerEntry{{ID: "1", About: "a", LoggedAt: noon, Index: 10}, {ID: "2", About: "a", LoggedAt: noon, Index: 9}},
		[]store.Notice{{ID: "y", At: noon, SettledAt: noon}}, []store.Assessment{ends("c", store.AssessmentExpired, 8)})
	if diff := cmp.Diff([]string{"waits 3", "logged 2", "logged 1", "untold x", "ends b"}, list()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTwoAuditors: an assessment is listed under each who signed it.
func TestTwoAuditors(t *testing.T) {
	d := storetest.NewMemory()
	a := store.Assessment{ID: "1", State: store.AssessmentSubmitted, Vendor: "v", Auditor: "aude", SecondAuditor: "axel"}
	update(t, d, func(tx store.Tx) error { return store.Assessments.Put(tx, a) })
	for auditor, want := range map[string]int{"aude": 1, "axel": 1, "": 0} {
		n := 0
		view(t, d, func(r store.Reader) error {
			n = 0
			for _, err := range store.Assessments.By(r, "auditor", auditor) {
				if n++; err != nil {
					return err
				}
			}
			return nil
		})
		if n != want {
			t.Errorf("%d under %q, want %d", n, auditor, want)
		}
	}
}

func TestIndexKey(t *testing.T) {
	for _, pair := range [][2]uint64{{0, 1}, {9, 10}, {999, 1000}, {1 << 32, 1<<32 + 1}, {1<<63 - 1, 1 << 63}, {1 << 63, 1<<64 - 1}} {
		if a, b := store.IndexKey(pair[0]), store.IndexKey(pair[1]); a >= b || len(a) != len(b) {
			t.Errorf("%q does not sort before %q", a, b)
		}
	}
}
