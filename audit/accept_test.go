package audit

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
)

func TestAcceptPutsInForceWithReceipt(t *testing.T) {
	w := newWorld(t)
	rec := w.submit(t, assessment(t, 3))
	w.now = noon.Add(time.Hour)
	got, err := w.acceptOn(t, t.Context(), w.reg, rec.ID, "olga")
	if err != nil {
		t.Fatal(err)
	}
	want := rec
	want.State, want.AcceptedAt, want.AcceptedBy = store.AssessmentInForce, w.now, "olga"
	want.Receipt, want.LogOrigin, want.LogIndex = []byte("receipt 1"), "log.example/test", 1
	want.Envelope, want.AcceptedSPKI = got.Envelope, spki(t, w.keys["olga"])
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(got, w.record(t, rec.ID)); diff != "" {
		t.Error(diff)
	}
	entries := []receipt.Entry{{
		Type: receipt.AssessmentSubmitted, At: noon, Commitment: receipt.Commit(rec.LogSalt, rec.ID),
	}, {
		Type: receipt.AssessmentAccepted, At: w.now, Assessment: rec.ID, Vendor: "https://acme.example",
		AuditorSPKI: rec.AuditorSPKI, Framework: rec.FrameworkURI, Track: "slsa", Level: 3,
	}}
	if diff := cmp.Diff(entries, w.ledger.entries); diff != "" {
		t.Error(diff)
	}
	if got := w.inForce(t, w.now); !slices.Equal(got, []string{rec.ID}) {
		t.Errorf("in force: %v", got)
	}
	trail := []string{"olga accept.assessment", "olga enter-force.assessment", "quill submit.assessment"}
	if got := w.actions(t, rec.ID); !slices.Equal(got, trail) {
		t.Errorf("trail %v", got)
	}
	// The same decision again changes nothing; by another officer it is refused.
	again, err := w.acceptOn(t, t.Context(), w.reg, rec.ID, "olga")
	if diff := cmp.Diff(got, again); diff != "" || err != nil {
		t.Error(diff, err)
	}
	_, err = w.acceptOn(t, t.Context(), w.reg, rec.ID, "oleg")
	wantRefusal(t, err, CodeState, "id")
	if len(w.ledger.entries) != 2 {
		t.Error("logged again")
	}
}

// inForce lists the ids of Acme's assessments in force.
func (w *world) inForce(t testing.TB, at time.Time) []string {
	t.Helper()
	var ids []string
	w.view(t, func(r store.Reader) error {
		list, err := InForce(r, "acme", at)
		for _, rec := range list {
			ids = append(ids, rec.ID)
		}
		return err
	})
	return ids
}

func TestAcceptRefusesOfficers(t *testing.T) {
	for name, c := range map[string]struct {
		officer string
		code    Code
		change  func(tx store.Tx) error
	}{
		"nobody":                   {"", CodeOfficer, nil},
		"unknown":                  {"zoe", CodeOfficer, nil},
		"the auditor":              {"quill", CodeOfficer, nil},
		"a vendor":                 {"vera", CodeOfficer, nil},
		"of the vendor":            {"otto", CodeConflict, nil},
		"disabled":                 {"olga", CodeOfficer, personWith("olga", func(p *store.Person) { p.DisabledAt = noon })},
		"the auditor made officer": {"quill", CodeConflict, personWith("quill", func(p *store.Person) { p.Role = "officer" })},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			rec := w.submit(t, assessment(t, 3))
			if c.change != nil {
				w.put(t, c.change)
			}
			_, err := w.acceptOn(t, t.Context(), w.reg, rec.ID, c.officer)
			wantRefusal(t, err, c.code, "by")
			_, err = w.reg.Reject(t.Context(), rec.ID, c.officer, "no")
			wantRefusal(t, err, c.code, "by")
			w.wantUntouched(t, rec)
		})
	}
}

func personWith(id string, change func(*store.Person)) func(tx store.Tx) error {
	return func(tx store.Tx) error {
		p, err := store.People.Get(tx, id)
		change(&p)
		return errors.Join(err, store.People.Put(tx, p))
	}
}

func (w *world) wantUntouched(t *testing.T, rec store.Assessment) {
	t.Helper()
	if diff := cmp.Diff(rec, w.record(t, rec.ID)); diff != "" {
		t.Error(diff)
	}
	if len(w.ledger.types(rec.ID)) != 0 {
		t.Errorf("logged %v", w.ledger.types(rec.ID))
	}
}

// Between submission and acceptance days may pass: everything is asked again.
func TestAcceptAsksAgain(t *testing.T) {
	for name, c := range parties {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			rec := w.submit(t, assessment(t, 3))
			w.put(t, c.change)
			_, err := w.acceptOn(t, t.Context(), w.reg, rec.ID, "olga")
			if name == "vendor unknown" {
				if !errors.Is(err, store.ErrNotFound) {
					t.Fatal(err)
				}
			} else {
				wantRefusal(t, err, c.code, c.field)
			}
			w.wantUntouched(t, rec)
		})
	}
	t.Run("key revoked", func(t *testing.T) {
		w := newWorld(t)
		rec := w.submit(t, assessment(t, 3))
		w.revokeKey(t, "quill", noon)
		_, err := w.acceptOn(t, t.Context(), w.reg, rec.ID, "olga")
		wantRefusal(t, err, CodeKeyRevoked, "envelope.signatures[0].keyid")
	})
	t.Run("over meanwhile", func(t *testing.T) {
		w := newWorld(t)
		rec := w.submit(t, assessment(t, 3))
		w.now = rec.ValidUntil
		_, err := w.acceptOn(t, t.Context(), w.reg, rec.ID, "olga")
		wantRefusal(t, err, CodePeriod, "validUntil")
	})
	t.Run("record tampered with", func(t *testing.T) {
		w := newWorld(t)
		rec := w.submit(t, assessment(t, 3))
		rec.Level, rec.LevelID = 4, "SLSA_LEVEL_4"
		w.put(t, func(tx store.Tx) error { return store.Assessments.Put(tx, rec) })
		if _, err := w.acceptOn(t, t.Context(), w.reg, rec.ID, "olga"); err == nil {
			t.Error("accepted")
		}
		w.wantUntouched(t, rec)
	})
	t.Run("accreditation suspended after submission", func(t *testing.T) {
		w := newWorld(t)
		rec := w.submit(t, assessment(t, 3))
		w.put(t, accreditationWith(func(a *store.Accreditation) { a.SuspendedAt = noon.Add(time.Second) }))
		w.now = noon.Add(day)
		if _, err := w.acceptOn(t, t.Context(), w.reg, rec.ID, "olga"); err != nil {
			t.Error(err) // suspension acts on later signatures only
		}
	})
}

func TestAcceptRefusesByState(t *testing.T) {
	w := newWorld(t)
	_, err := w.acceptOn(t, t.Context(), w.reg, "00", "olga")
	wantRefusal(t, err, CodeNotFound, "id")
	rec := w.submit(t, assessment(t, 3))
	if _, err := w.reg.Reject(t.Context(), rec.ID, "olga", "no"); err != nil {
		t.Fatal(err)
	}
	_, err = w.acceptOn(t, t.Context(), w.reg, rec.ID, "olga")
	wantRefusal(t, err, CodeState, "id")
}

func TestAcceptSupersedes(t *testing.T) {
	w := newWorld(t)
	first := w.accept(t, assessment(t, 3))
	keeps := w.issue(t, first, 2, noon, noon.AddDate(0, 6, 0))
	tooHigh := w.issue(t, first, 3, noon, noon.AddDate(0, 6, 0))
	tooLong := w.issue(t, first, 1, noon, noon.AddDate(0, 11, 0))
	lost := w.issue(t, first, 1, noon, noon.AddDate(0, 6, 0), "isolated")
	expired := w.issue(t, first, 3, noon.Add(-2*day), noon.Add(-day))

	w.now = noon.Add(30 * day)
	a := assessment(t, 2)
	a.AssessedAt, a.ValidUntil, a.Scope.Builders[0].Properties = w.now.Add(-time.Hour), noon.AddDate(0, 10, 0), nil
	second := w.submit(t, a)
	plan, err := w.reg.PlanAccept(t.Context(), second.ID)
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.acceptOn(t, t.Context(), w.reg, second.ID, "oleg")
	if err != nil {
		t.Fatal(err)
	}
	old := w.record(t, first.ID)
	if old.State != store.AssessmentLowered || !old.EndedAt.Equal(w.now) || old.EndedBy != "oleg" || old.EndedReason != "lowered by "+got.ID {
		t.Errorf("predecessor %+v", old)
	}
	if ids := w.inForce(t, w.now); !slices.Equal(ids, []string{got.ID}) {
		t.Errorf("in force %v", ids)
	}
	if types := w.ledger.types(first.ID); !slices.Equal(types, []string{receipt.AssessmentAccepted, receipt.AssessmentLowered}) {
		t.Errorf("log about the first: %v", types)
	}
	var planned []string
	for _, c := range plan.Certificates {
		planned = append(planned, c.Serial)
	}
	want := []string{tooHigh, tooLong, lost}
	slices.Sort(want)
	if !slices.Equal(planned, want) {
		t.Errorf("planned %v, want %v", planned, want)
	}
	for _, serial := range want {
		rev := w.certificate(t, serial).Revocation
		if rev == nil || rev.Reason != 9 || !rev.RevocationDate.Equal(w.now) || !rev.InvalidityDate.Equal(w.now) || rev.By != "oleg" || rev.Note == "" {
			t.Errorf("revocation %+v", rev)
		}
	}
	for _, serial := range []string{keeps, expired} {
		if rev := w.certificate(t, serial).Revocation; rev != nil {
			t.Errorf("revoked though supported or expired: %+v", rev)
		}
	}
	if w.certs.published != 1 {
		t.Errorf("%d publications", w.certs.published)
	}
}

// What hangs on a predecessor hangs on the successor from then on.
func TestWithdrawReachesCertificatesOfThePredecessor(t *testing.T) {
	w := newWorld(t)
	serial := w.issue(t, w.accept(t, assessment(t, 3)), 3, noon, noon.AddDate(0, 6, 0))
	w.now = noon.Add(day)
	a := assessment(t, 3)
	a.AssessedAt = w.now
	second := w.accept(t, a)
	if w.certificate(t, serial).Revocation != nil {
		t.Fatal("revoked by a successor that supports it")
	}
	if _, err := w.reg.Withdraw(t.Context(), WithdrawRequest{ID: second.ID, By: "olga", Reason: "gone"}); err != nil {
		t.Fatal(err)
	}
	if w.certificate(t, serial).Revocation == nil {
		t.Error("still good")
	}
}

func TestAcceptRefusesToGoBack(t *testing.T) {
	w := newWorld(t)
	newer, older := assessment(t, 2), assessment(t, 3)
	older.AssessedAt = newer.AssessedAt.Add(-time.Second)
	rec := w.submit(t, older)
	w.accept(t, newer)
	_, err := w.acceptOn(t, t.Context(), w.reg, rec.ID, "olga")
	wantRefusal(t, err, CodeStale, "assessedAt")
}

// Other vendors and other tracks are left alone.
func TestAcceptSupersedesItsOwnTrackOnly(t *testing.T) {
	w := newWorld(t)
	first := w.accept(t, assessment(t, 3))
	a := assessment(t, 2)
	a.Vendor = Party{ID: "other", URI: "https://other.example", Organization: "Other GmbH"}
	w.accept(t, a)
	if ids := w.inForce(t, noon); !slices.Equal(ids, []string{first.ID}) {
		t.Errorf("in force %v", ids)
	}
}

// While one assessment is on its way into force, no other of its track sets out.
func TestAcceptWaitsForItsTrack(t *testing.T) {
	w := newWorld(t)
	early, late := assessment(t, 3), assessment(t, 2)
	late.AssessedAt = early.AssessedAt.Add(time.Minute)
	first, second := w.submit(t, early), w.submit(t, late)
	other := w.register(t, w.db) // another process
	w.ledger.hook = func(receipt.Entry) {
		w.ledger.hook = nil
		_, err := w.acceptOn(t, t.Context(), other, first.ID, "oleg")
		wantRefusal(t, err, CodeState, "id")
	}
	if _, err := w.acceptOn(t, t.Context(), w.reg, second.ID, "olga"); err != nil {
		t.Fatal(err)
	}
	_, err := w.acceptOn(t, t.Context(), other, first.ID, "oleg")
	wantRefusal(t, err, CodeStale, "assessedAt")
	if ids := w.inForce(t, noon); !slices.Equal(ids, []string{second.ID}) {
		t.Errorf("in force %v", ids)
	}
}

func TestTwoOfficersAtOnce(t *testing.T) {
	for name, processes := range map[string]int{"one process": 1, "two processes": 2} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			rec := w.submit(t, assessment(t, 3))
			regs := []*Register{w.reg, w.reg}
			if processes == 2 {
				regs[1] = w.register(t, w.db)
			}
			errs := make([]error, 8)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() {
					_, errs[i] = w.acceptOn(t, t.Context(), regs[i%2], rec.ID, []string{"olga", "oleg"}[i%2])
				})
			}
			wg.Wait()
			got := w.record(t, rec.ID)
			if got.State != store.AssessmentInForce || len(got.Receipt) == 0 {
				t.Fatalf("%s with receipt %q", got.State, got.Receipt)
			}
			for i, err := range errs {
				if officer := []string{"olga", "oleg"}[i%2]; officer == got.AcceptedBy {
					if err != nil {
						t.Errorf("%s, who decided: %v", officer, err)
					}
				} else {
					wantRefusal(t, err, CodeState, "id")
				}
			}
			if n := len(w.ledger.types(rec.ID)); n < 1 || n > processes {
				t.Errorf("logged %d times", n)
			}
		})
	}
}

// Two assessments of one track accepted at once leave exactly one in force, the
// later, whoever is first.
func TestTwoAssessmentsAtOnce(t *testing.T) {
	w := newWorld(t)
	a, b := assessment(t, 3), assessment(t, 2)
	b.AssessedAt = a.AssessedAt.Add(time.Minute)
	recs := []store.Assessment{w.submit(t, a), w.submit(t, b)}
	regs := []*Register{w.reg, w.register(t, w.db)}
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i, rec := range recs {
		wg.Go(func() {
			for range 1000 {
				_, errs[i] = w.acceptOn(t, t.Context(), regs[i], rec.ID, "olga")
				if code, _ := IsRefusal(errs[i]); code != CodeState {
					return
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	wg.Wait()
	if errs[1] != nil {
		t.Fatal(errs[1])
	}
	if code, refused := IsRefusal(errs[0]); errs[0] != nil && (!refused || code != CodeStale) {
		t.Fatal(errs[0])
	}
	if ids := w.inForce(t, noon); !slices.Equal(ids, []string{recs[1].ID}) {
		t.Errorf("in force %v", ids)
	}
}

func TestReject(t *testing.T) {
	w := newWorld(t)
	rec := w.submit(t, assessment(t, 3))
	for field, reason := range map[string]string{"reason": "", "reason ": " blank", "reason  ": string(make([]byte, maxReason+1))} {
		_, err := w.reg.Reject(t.Context(), rec.ID, "olga", reason)
		if _, ok := IsRefusal(err); !ok {
			t.Errorf("%q: %v", field, err)
		}
	}
	for range 2 {
		got, err := w.reg.Reject(t.Context(), rec.ID, "olga", "evidence cannot be read")
		if err != nil || got.State != store.AssessmentRejected || got.EndedBy != "olga" || got.EndedReason != "evidence cannot be read" || !got.EndedAt.Equal(noon) {
			t.Fatalf("%+v %v", got, err)
		}
	}
	_, err := w.reg.Reject(t.Context(), rec.ID, "oleg", "evidence cannot be read")
	wantRefusal(t, err, CodeState, "id")
	_, err = w.reg.Reject(t.Context(), "00", "oleg", "no")
	wantRefusal(t, err, CodeNotFound, "id")
	if got := w.actions(t, rec.ID); !slices.Equal(got, []string{"olga reject.assessment", "quill submit.assessment"}) {
		t.Errorf("trail %v", got)
	}
	commitment := receipt.Commit(rec.LogSalt, rec.ID)
	want := []receipt.Entry{
		{Type: receipt.AssessmentSubmitted, At: noon, Commitment: commitment},
		{Type: receipt.AssessmentRejected, At: noon, Commitment: commitment},
	}
	if diff := cmp.Diff(want, w.ledger.entries); diff != "" {
		t.Error(diff)
	}
}
