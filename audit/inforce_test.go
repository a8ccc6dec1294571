package audit

import (
	"errors"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

func TestInForceHasBounds(t *testing.T) {
	w := newWorld(t)
	rec := w.accept(t, assessment(t, 3))
	for _, c := range []struct {
		at   time.Time
		want int
	}{
		{rec.AssessedAt.Add(-time.Nanosecond), 0}, {rec.AssessedAt, 1}, {noon, 1}, {rec.ValidUntil.Add(-time.Nanosecond), 1}, {rec.ValidUntil, 0},
	} {
		if got := w.inForce(t, c.at); len(got) != c.want {
			t.Errorf("at %s: %v", c.at, got)
		}
	}
	for _, state := range []string{store.AssessmentSubmitted, store.AssessmentAccepting, store.AssessmentSuperseded, store.AssessmentWithdrawn, store.AssessmentRejected} {
		rec.State = state
		w.put(t, func(tx store.Tx) error { return store.Assessments.Put(tx, rec) })
		if got := w.inForce(t, noon); len(got) != 0 {
			t.Errorf("%s is in force", state)
		}
	}
}

func TestInForceAsksForTheAuditor(t *testing.T) {
	later := noon.Add(day)
	for name, c := range map[string]struct {
		want   int
		change func(tx store.Tx) error
	}{
		"untouched":                  {1, func(tx store.Tx) error { return nil }},
		"accreditation ran out":      {1, accreditationWith(func(a *store.Accreditation) { a.Until = noon.Add(time.Hour) })},
		"accreditation renewed":      {1, accreditationWith(func(a *store.Accreditation) { a.From = later })},
		"suspended later":            {1, accreditationWith(func(a *store.Accreditation) { a.SuspendedAt = noon.Add(time.Hour) })},
		"suspended as of before":     {0, accreditationWith(func(a *store.Accreditation) { a.SuspendedAt = noon.Add(-time.Hour) })},
		"suspended as of submission": {0, accreditationWith(func(a *store.Accreditation) { a.SuspendedAt = noon })},
		"accreditation taken away":   {0, func(tx store.Tx) error { return store.Accreditations.Delete(tx, "quill/slsa-v0.1") }},
		"auditor left":               {1, auditorWith(func(p *store.Person) { p.DisabledAt = noon.Add(time.Hour) })},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.accept(t, assessment(t, 3))
			w.put(t, c.change)
			if got := w.inForce(t, later); len(got) != c.want {
				t.Errorf("%d in force, want %d", len(got), c.want)
			}
		})
	}
	t.Run("key revoked", func(t *testing.T) {
		w := newWorld(t)
		w.accept(t, assessment(t, 3))
		w.revokeKey(t, "quill", later)
		if len(w.inForce(t, later.Add(-time.Second))) != 1 || len(w.inForce(t, later)) != 0 {
			t.Error("a revoked key counts, or counted for nothing before")
		}
	})
	t.Run("key gone", func(t *testing.T) {
		w := newWorld(t)
		w.accept(t, assessment(t, 3))
		w.put(t, func(tx store.Tx) error { return store.AuditorKeys.Delete(tx, spki(t, w.keys["quill"])) })
		if len(w.inForce(t, later)) != 0 {
			t.Error("in force")
		}
	})
}

// Whatever is changed in a record behind our back, Open does not return it.
func TestOpenRefusesTamperedRecords(t *testing.T) {
	w := newWorld(t)
	rec := w.accept(t, assessment(t, 3))
	other := w.submit(t, assessment(t, 2))
	for name, change := range map[string]func(r *store.Assessment){
		"id":                 func(r *store.Assessment) { r.ID = other.ID },
		"vendor":             func(r *store.Assessment) { r.Vendor = "other" },
		"framework":          func(r *store.Assessment) { r.Framework = "slsa-v1.2" },
		"framework uri":      func(r *store.Assessment) { r.FrameworkURI = "https://slsa.dev/spec/v1.2/" },
		"track":              func(r *store.Assessment) { r.Track = "build" },
		"level":              func(r *store.Assessment) { r.Level = 4 },
		"level id":           func(r *store.Assessment) { r.LevelID = "SLSA_LEVEL_4" },
		"auditor":            func(r *store.Assessment) { r.Auditor = "mole" },
		"auditor's key":      func(r *store.Assessment) { r.AuditorSPKI = spki(t, w.keys["mole"]) },
		"unknown key":        func(r *store.Assessment) { r.AuditorSPKI = "00" },
		"end":                func(r *store.Assessment) { r.ValidUntil = r.ValidUntil.AddDate(1, 0, 0) },
		"beginning":          func(r *store.Assessment) { r.AssessedAt = r.AssessedAt.AddDate(-1, 0, 0) },
		"another's envelope": func(r *store.Assessment) { r.Envelope = other.Envelope },
		"no envelope":        func(r *store.Assessment) { r.Envelope = nil },
	} {
		t.Run(name, func(t *testing.T) {
			bad := rec
			change(&bad)
			w.view(t, func(r store.Reader) error {
				if a, err := Open(r, bad); err == nil || len(a.Findings) != 0 {
					t.Errorf("opened, error %v", err)
				}
				if _, err := Open(r, rec); err != nil {
					t.Error(err)
				}
				return nil
			})
		})
	}
	w.put(t, func(tx store.Tx) error {
		key, err := store.AuditorKeys.Get(tx, rec.AuditorSPKI)
		key.PublicKey = key.PublicKey[:10]
		return errors.Join(err, store.AuditorKeys.Put(tx, key))
	})
	w.view(t, func(r store.Reader) error {
		if _, err := Open(r, rec); err == nil {
			t.Error("opened with a damaged key")
		}
		return nil
	})
}
