package audit

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/store"
)

// fate is what became of a certificate, as a line.
func (w *world) fate(t *testing.T, serial string) string {
	t.Helper()
	rev := w.certificate(t, serial).Revocation
	if rev == nil {
		return "stands"
	}
	stamp := func(at time.Time) string { return at.Format(time.RFC3339) }
	return fmt.Sprintf("reason %d, revocationDate %s, invalidityDate %s", rev.Reason, stamp(rev.RevocationDate), stamp(rev.InvalidityDate))
}

// transitions lists every step that can be taken from in force, with the dates that
// matter. Certificates are issued on the day of acceptance (old), and ten days later
// (new); the step is taken after 30 days.
var transitions = []struct {
	name string
	step func(t *testing.T, w *world, rec store.Assessment) error
}{
	{"superseded by an equal one", func(t *testing.T, w *world, _ store.Assessment) error { return w.successor(t, 3) }},
	{"lowered", func(t *testing.T, w *world, _ store.Assessment) error { return w.successor(t, 2) }},
	{"expired", func(t *testing.T, w *world, rec store.Assessment) error {
		w.now = rec.ValidUntil
		_, err := w.reg.Sweep(t.Context())
		return err
	}},
	{"auditor revoked", func(t *testing.T, w *world, _ store.Assessment) error {
		_, err := w.reg.RevokeAuditor(t.Context(), RevokeAuditorRequest{Auditor: "quill", By: "olga", Reason: "for cause"})
		return err
	}},
	{"withdrawn, cause now", withdrawSince(0)},
	{"withdrawn, cause after 20 days", withdrawSince(20 * day)},
	{"withdrawn, cause after 5 days, before the new certificate", withdrawSince(5 * day)},
	{"withdrawn, cause before both", withdrawSince(-day)},
}

func (w *world) successor(t *testing.T, level int) error {
	t.Helper()
	a := assessment(t, level)
	a.AssessedAt, a.ValidUntil = w.now, noon.AddDate(1, 0, 0).Add(day)
	w.accept(t, a)
	return nil
}

func withdrawSince(since time.Duration) func(t *testing.T, w *world, rec store.Assessment) error {
	return func(t *testing.T, w *world, rec store.Assessment) error {
		req := WithdrawRequest{ID: rec.ID, By: "olga", Reason: "it was not so"}
		if since != 0 {
			req.Since = noon.Add(since)
		}
		_, err := w.reg.Withdraw(t.Context(), req)
		return err
	}
}

// TestDatesOfTransitions holds reason codes and dates to a golden file: what a verifier
// does with old signatures depends on them (RFC 5280 §5.3.1, §5.3.2; CABF Code Signing
// BR section 4.9.1.1).
func TestDatesOfTransitions(t *testing.T) {
	var out strings.Builder
	for _, tr := range transitions {
		w := newWorld(t)
		rec := w.accept(t, assessment(t, 3))
		older := w.issue(t, rec, 3, noon, noon.AddDate(0, 6, 0))
		newer := w.issue(t, rec, 3, noon.Add(10*day), noon.AddDate(0, 6, 0))
		w.now = noon.Add(30 * day)
		if err := tr.step(t, w, rec); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s at %s: %s\n  old: %s\n  new: %s\n", tr.name, w.now.Format(time.RFC3339), w.record(t, rec.ID).State, w.fate(t, older), w.fate(t, newer))
	}
	const golden = "testdata/transitions.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("%s differs; -update rewrites it (-want +got):\n%s", golden, diff)
	}
}
