package audit

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/store"
)

// TestOpenerRemembersOnlyWhatWasVerified: an Opener that has seen an assessment
// refuses exactly what one that has seen nothing does, whatever is changed in the
// record, the envelope or the keys behind its back.
func TestOpenerRemembersOnlyWhatWasVerified(t *testing.T) {
	w := newWorld(t)
	rec := w.accept(t, assessment(t, 3))
	other := w.accept(t, func() Assessment { a := assessment(t, 2); a.AssessedAt = noon; return a }())
	warm := new(Opener)
	w.view(t, func(r store.Reader) error {
		for _, good := range []store.Assessment{rec, other} {
			fresh, err := Open(r, good)
			if err != nil {
				return err
			}
			for range 2 {
				again, err := warm.Open(r, good)
				if diff := cmp.Diff(fresh, again); diff != "" || err != nil {
					t.Error(diff, err)
				}
			}
		}
		return nil
	})
	flipped := append([]byte(nil), rec.Envelope...)
	flipped[len(flipped)/2] ^= 1
	for name, change := range map[string]func(*store.Assessment){
		"envelope changed":       func(r *store.Assessment) { r.Envelope = flipped },
		"another's envelope":     func(r *store.Assessment) { r.Envelope = other.Envelope },
		"envelope gone":          func(r *store.Assessment) { r.Envelope = nil },
		"officer's key gone":     func(r *store.Assessment) { r.AcceptedSPKI = "" },
		"auditor's key another":  func(r *store.Assessment) { r.AuditorSPKI = spki(t, w.keys["mole"]) },
		"level raised":           func(r *store.Assessment) { r.Level = 4 },
		"end moved":              func(r *store.Assessment) { r.ValidUntil = r.ValidUntil.Add(time.Hour) },
		"of another vendor":      func(r *store.Assessment) { r.Vendor = "other" },
		"accepted by another":    func(r *store.Assessment) { r.AcceptedBy = "oleg" },
		"of another edition":     func(r *store.Assessment) { r.CatalogueSHA256 = "00" },
		"with a second auditor":  func(r *store.Assessment) { r.SecondAuditor, r.SecondSPKI = "ada", spki(t, w.keys["ada"]) },
		"another's id":           func(r *store.Assessment) { r.ID = other.ID },
		"probes that are hidden": func(r *store.Assessment) { r.Probes = 1 },
	} {
		bad := rec
		change(&bad)
		w.view(t, func(r store.Reader) error {
			_, cold := Open(r, bad)
			_, got := warm.Open(r, bad)
			if cold == nil || got == nil || cold.Error() != got.Error() {
				t.Errorf("%s: %v, and by one that remembers %v", name, cold, got)
			}
			return nil
		})
	}
	// A key that is gone from the record is missed, remembered or not.
	w.put(t, func(tx store.Tx) error { return store.AuditorKeys.Delete(tx, rec.AuditorSPKI) })
	w.view(t, func(r store.Reader) error {
		if _, err := warm.Open(r, rec); err == nil {
			t.Error("opened without the auditor's key")
		}
		return nil
	})
}
