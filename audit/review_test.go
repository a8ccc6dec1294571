package audit

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

func reviewIDs(list []Reviewed) map[string][]string {
	out := map[string][]string{}
	for _, rv := range list {
		out[rv.Assessment.ID] = []string{}
		for _, c := range rv.Certificates {
			out[rv.Assessment.ID] = append(out[rv.Assessment.ID], c.Serial)
		}
	}
	return out
}

// TestRevokeAuditor: an auditor revoked for cause re-opens what they signed; it
// supports nothing new until another officer upholds it.
func TestRevokeAuditor(t *testing.T) {
	w := newWorld(t)
	rec := w.accept(t, assessment(t, 3))
	serial := w.issue(t, rec, 3, noon, noon.AddDate(0, 6, 0))
	w.issue(t, rec, 3, noon.Add(-2*day), noon.Add(-day)) // expired: hangs on nothing
	w.now = noon.Add(day)
	req := RevokeAuditorRequest{Auditor: "quill", By: "olga", Reason: "evidence was made up"}
	dry := req
	dry.DryRun = true
	before := w.snapshot(t)
	planned, err := w.reg.RevokeAuditor(t.Context(), dry)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, w.snapshot(t)); diff != "" {
		t.Fatalf("a dry run changed something: %s", diff)
	}
	done, err := w.reg.RevokeAuditor(t.Context(), req)
	if diff := cmp.Diff(planned, done, cmpopts.IgnoreUnexported(Reviewed{})); diff != "" || err != nil {
		t.Fatal(diff, err)
	}
	if diff := cmp.Diff(map[string][]string{rec.ID: {serial}}, reviewIDs(done)); diff != "" {
		t.Error(diff)
	}
	if got := w.record(t, rec.ID); got.State != store.AssessmentInReview || !got.ReopenedAt.Equal(w.now) {
		t.Errorf("%+v", got)
	}
	if got := w.inForce(t, w.now); len(got) != 0 {
		t.Errorf("in force %v", got)
	}
	if w.certificate(t, serial).Revocation != nil {
		t.Error("a certificate was revoked before anybody looked")
	}
	if got := w.actions(t, "quill"); !slices.Equal(got, []string{"olga revoke.auditor"}) {
		t.Errorf("trail %v", got)
	}
	if got := w.queued(t, "quill"); !slices.Equal(got, []string{receipt.AuditorSuspended, receipt.AuditorRevoked}) && !slices.Equal(got, []string{receipt.AuditorRevoked, receipt.AuditorSuspended}) {
		t.Errorf("logged %v", got)
	}
	list, err := w.reg.Reviews(t.Context())
	if diff := cmp.Diff(reviewIDs(done), reviewIDs(list)); diff != "" || err != nil {
		t.Error(diff, err)
	}
	// Again: nothing new.
	after := w.snapshot(t)
	if _, err := w.reg.RevokeAuditor(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(after, w.snapshot(t)); diff != "" {
		t.Errorf("a second revocation changed something: %s", diff)
	}
	// What they hand in now is refused.
	_, err = w.reg.Submit(t.Context(), w.sign(t, assessment(t, 2)), "quill")
	wantRefusal(t, err, CodeKeyRevoked, "envelope.signatures[0].keyid")
}

func TestRevokeAuditorRefuses(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		req   RevokeAuditorRequest
		code  Code
		field string
	}{
		"no reason":      {RevokeAuditorRequest{Auditor: "quill", By: "olga"}, CodeMissing, "reason"},
		"not an officer": {RevokeAuditorRequest{Auditor: "quill", By: "quill", Reason: "x"}, CodeOfficer, "by"},
		"not an auditor": {RevokeAuditorRequest{Auditor: "olga", By: "oleg", Reason: "x"}, CodeNotFound, "auditor"},
		"nobody":         {RevokeAuditorRequest{Auditor: "zoe", By: "oleg", Reason: "x"}, CodeNotFound, "auditor"},
	} {
		_, err := w.reg.RevokeAuditor(t.Context(), c.req)
		t.Run(name, func(t *testing.T) { wantRefusal(t, err, c.code, c.field) })
	}
}

func (w *world) reviewed(t *testing.T) (rec store.Assessment, serial string) {
	t.Helper()
	rec = w.accept(t, assessment(t, 3))
	serial = w.issue(t, rec, 3, noon, noon.AddDate(0, 6, 0))
	w.now = noon.Add(day)
	if _, err := w.reg.RevokeAuditor(t.Context(), RevokeAuditorRequest{Auditor: "quill", By: "olga", Reason: "sold findings"}); err != nil {
		t.Fatal(err)
	}
	w.now = noon.Add(2 * day)
	return rec, serial
}

func TestUphold(t *testing.T) {
	w := newWorld(t)
	rec, serial := w.reviewed(t)
	_, err := w.reg.Uphold(t.Context(), rec.ID, "olga", "we looked again")
	wantRefusal(t, err, CodeOfficer, "by") // olga accepted it
	_, err = w.reg.Uphold(t.Context(), rec.ID, "otto", "we looked again")
	wantRefusal(t, err, CodeConflict, "by")
	got, err := w.reg.Uphold(t.Context(), rec.ID, "oleg", "we looked again")
	if err != nil || got.State != store.AssessmentInForce || got.UpheldBy != "oleg" {
		t.Fatalf("%+v %v", got, err)
	}
	if ids := w.inForce(t, w.now); !slices.Equal(ids, []string{rec.ID}) {
		t.Errorf("in force %v", ids)
	}
	if w.certificate(t, serial).Revocation != nil {
		t.Error("revoked though upheld")
	}
	again, err := w.reg.Uphold(t.Context(), rec.ID, "oleg", "we looked again")
	if diff := cmp.Diff(got, again); diff != "" || err != nil {
		t.Error(diff, err)
	}
	want := []string{receipt.AssessmentAccepted, receipt.AssessmentReopened, receipt.AssessmentUpheld}
	if types := w.ledger.types(rec.ID); !slices.Equal(types, want) {
		t.Errorf("logged %v", types)
	}
	_, err = w.reg.Uphold(t.Context(), rec.ID, "oleg", "another reason")
	wantRefusal(t, err, CodeState, "id")
}

// An auditor who is revoked while their assessment is on its way into force: it goes
// into review as well.
func TestRevokeAuditorDuringAcceptance(t *testing.T) {
	w := newWorld(t)
	rec := w.submit(t, assessment(t, 3))
	other := w.register(t, w.db) // another process
	w.ledger.hook = func(e receipt.Entry) {
		if e.Type != receipt.AssessmentAccepted {
			return
		}
		w.ledger.hook = nil
		if _, err := other.RevokeAuditor(t.Context(), RevokeAuditorRequest{Auditor: "quill", By: "oleg", Reason: "sold findings"}); err != nil {
			t.Error(err)
		}
	}
	got, err := w.acceptOn(t, t.Context(), w.reg, rec.ID, "olga")
	if err != nil || got.State != store.AssessmentInReview {
		t.Fatalf("%s %v", got.State, err)
	}
	if ids := w.inForce(t, w.now); len(ids) != 0 {
		t.Errorf("in force %v", ids)
	}
	want := []string{receipt.AssessmentAccepted, receipt.AssessmentReopened}
	if types := w.ledger.types(rec.ID); !slices.Equal(types, want) {
		t.Errorf("logged %v", types)
	}
}

// What was handed in in the very second of the suspension is upheld like the rest.
func TestUpholdWhatCameInTheSameSecond(t *testing.T) {
	w := newWorld(t)
	rec := w.accept(t, assessment(t, 3))
	if _, err := w.reg.RevokeAuditor(t.Context(), RevokeAuditorRequest{Auditor: "quill", By: "olga", Reason: "sold findings"}); err != nil {
		t.Fatal(err)
	}
	w.now = noon.Add(day)
	if _, err := w.reg.Uphold(t.Context(), rec.ID, "oleg", "we looked again"); err != nil {
		t.Fatal(err)
	}
	if ids := w.inForce(t, w.now); !slices.Equal(ids, []string{rec.ID}) {
		t.Errorf("in force %v", ids)
	}
}

// A review can also end with a withdrawal, or with another auditor's assessment.
func TestReviewEndsOtherwise(t *testing.T) {
	t.Run("withdrawn", func(t *testing.T) {
		w := newWorld(t)
		rec, serial := w.reviewed(t)
		if _, err := w.reg.Withdraw(t.Context(), WithdrawRequest{ID: rec.ID, By: "oleg", Reason: "nothing holds"}); err != nil {
			t.Fatal(err)
		}
		if w.certificate(t, serial).Revocation == nil || w.record(t, rec.ID).State != store.AssessmentWithdrawn {
			t.Error("not withdrawn")
		}
	})
	t.Run("superseded", func(t *testing.T) {
		w := newWorld(t)
		rec, serial := w.reviewed(t)
		a := assessment(t, 3)
		a.Auditor, a.AssessedAt = Party{ID: "ada", Organization: "Ada and Co"}, w.now
		next := w.accept(t, a)
		if got := w.record(t, rec.ID); got.State != store.AssessmentSuperseded {
			t.Error(got.State)
		}
		if ids := w.inForce(t, w.now); !slices.Equal(ids, []string{next.ID}) || w.certificate(t, serial).Revocation != nil {
			t.Errorf("in force %v", ids)
		}
	})
}

func TestFaultsOfRevokeAuditor(t *testing.T) {
	storetest.EachFault(t, openMemory, func(t *testing.T, d storetest.Driver, f *storetest.Faulty) {
		w := newWorldOn(t, d)
		rec := w.accept(t, assessment(t, 3))
		req := RevokeAuditorRequest{Auditor: "quill", By: "olga", Reason: "for cause"}
		_, err := w.register(t, f).RevokeAuditor(t.Context(), req)
		if (err != nil) != f.Fired() {
			t.Fatalf("error %v", err)
		}
		w.wantConsistent(t)
		if _, err := w.reg.RevokeAuditor(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		if got := w.record(t, rec.ID); got.State != store.AssessmentInReview {
			t.Error(got.State)
		}
		if got := w.queued(t, rec.ID); len(got) != 3 {
			t.Errorf("entries %v", got)
		}
		w.wantConsistent(t)
	})
}

func TestTrackRecord(t *testing.T) {
	w := newWorld(t)
	first := w.accept(t, assessment(t, 3))
	w.issue(t, first, 3, noon, noon.AddDate(0, 6, 0))
	w.now = noon.Add(day)
	a := assessment(t, 2)
	a.AssessedAt = w.now
	w.accept(t, a)
	got, err := w.reg.TrackRecord(t.Context(), "quill")
	if err != nil {
		t.Fatal(err)
	}
	want := Record{
		Auditor: "quill", Pseudonym: receipt.Commit(nil, "quill"), Vendors: 1, Lowered: 1, Revoked: 1, First: noon, Last: w.now,
		ByState: map[string]int{store.AssessmentLowered: 1, store.AssessmentInForce: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	_, err = w.reg.TrackRecord(t.Context(), "olga")
	wantRefusal(t, err, CodeNotFound, "auditor")
}
