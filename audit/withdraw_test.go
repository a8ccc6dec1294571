package audit

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
)

// withdrawal is a world with an assessment in force since noon, a month later, and
// certificates that rely on it.
type withdrawal struct {
	*world
	rec     store.Assessment
	early   string // issued at noon
	late    string // issued after the cause
	expired string // expired after the cause
	before  string // expired before the cause
	since   time.Time
}

func newWithdrawal(t *testing.T, db *world) withdrawal {
	t.Helper()
	w := withdrawal{world: db, since: noon.Add(10 * day)}
	w.rec = w.accept(t, assessment(t, 3))
	w.early = w.issue(t, w.rec, 3, noon, noon.AddDate(0, 6, 0))
	w.late = w.issue(t, w.rec, 1, noon.Add(20*day), noon.AddDate(0, 6, 0))
	w.expired = w.issue(t, w.rec, 2, noon, noon.Add(15*day))
	w.before = w.issue(t, w.rec, 2, noon, noon.Add(5*day))
	w.now = noon.Add(30 * day)
	return w
}

func (w withdrawal) request() WithdrawRequest {
	return WithdrawRequest{ID: w.rec.ID, By: "olga", Reason: "the build host was shared", Since: w.since}
}

func TestWithdraw(t *testing.T) {
	w := newWithdrawal(t, newWorld(t))
	req := w.request()
	dry := req
	dry.DryRun = true
	before := w.snapshot(t)
	plan, err := w.reg.Withdraw(t.Context(), dry)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, w.snapshot(t)); diff != "" || len(w.ledger.types(w.rec.ID)) != 1 || w.certs.published != 0 {
		t.Fatalf("a dry run changed something: %s", diff)
	}
	dates := map[string]time.Time{}
	for _, c := range plan.Certificates {
		rev := c.Revocation
		if c.Vendor != "acme" || c.Tier != "standard" || rev.Reason != 9 || !rev.RevocationDate.Equal(rev.InvalidityDate) || !rev.At.Equal(w.now) || rev.By != "olga" || !strings.Contains(rev.Note, w.rec.ID) {
			t.Errorf("planned %+v", c)
		}
		dates[c.Serial] = rev.RevocationDate
	}
	if diff := cmp.Diff(map[string]time.Time{w.early: w.since, w.late: noon.Add(20 * day), w.expired: w.since}, dates); diff != "" {
		t.Errorf("dates (-want +got):\n%s", diff)
	}

	got, err := w.reg.Withdraw(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plan, got); diff != "" {
		t.Errorf("done differs from planned (-planned +done):\n%s", diff)
	}
	w.wantWithdrawn(t, plan)
	if last := w.ledger.entries[len(w.ledger.entries)-1]; last.Type != receipt.AssessmentWithdrawn || last.Reason != req.Reason || !last.Effective.Equal(w.since) || !last.At.Equal(w.now) {
		t.Errorf("logged %+v", last)
	}
	if trail := w.actions(t, w.rec.ID); !slices.Contains(trail, "olga withdraw.assessment") {
		t.Errorf("trail %v", trail)
	}
	// Later again, word by word: the same plan, nothing twice, CRLs once more.
	w.now = w.now.Add(time.Hour)
	again, err := w.reg.Withdraw(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plan, again); diff != "" {
		t.Errorf("repeated (-first +again):\n%s", diff)
	}
	if len(w.ledger.types(w.rec.ID)) != 2 || w.certs.published != 2 {
		t.Errorf("%d entries, %d publications", len(w.ledger.entries), w.certs.published)
	}
}

// wantWithdrawn checks that a plan has been carried out.
func (w withdrawal) wantWithdrawn(t *testing.T, plan Plan) {
	t.Helper()
	rec := w.record(t, w.rec.ID)
	if rec.State != store.AssessmentWithdrawn || rec.EndedBy != "olga" || !rec.IneffectiveAt.Equal(w.since) {
		t.Errorf("record %+v", rec)
	}
	for _, c := range plan.Certificates {
		rev := w.certificate(t, c.Serial).Revocation
		if rev == nil {
			t.Errorf("%s is not revoked", c.Serial)
			continue
		}
		if diff := cmp.Diff(c.Revocation, *rev); diff != "" {
			t.Error(diff)
		}
	}
	if rev := w.certificate(t, w.before).Revocation; rev != nil {
		t.Errorf("revoked though it expired before the cause: %+v", rev)
	}
	if ids := w.inForce(t, w.now); len(ids) != 0 {
		t.Errorf("in force %v", ids)
	}
}

// snapshot is all that is stored, by table and key.
func (w *world) snapshot(t testing.TB) map[string]string {
	t.Helper()
	all := map[string]string{}
	w.view(t, func(r store.Reader) error {
		for _, table := range []string{"assessment", "certificate", "event"} {
			err := r.ScanRaw(table, "", "", func(key string, value []byte) bool {
				all[table+"/"+key] = string(value)
				return true
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return all
}

func TestWithdrawDefaultsToNow(t *testing.T) {
	w := newWithdrawal(t, newWorld(t))
	w.now = w.now.Add(700 * time.Millisecond)
	req := w.request()
	req.Since = time.Time{}
	plan, err := w.reg.Withdraw(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	want := w.now.Truncate(time.Second)
	if len(plan.Certificates) != 2 || !plan.Assessment.IneffectiveAt.Equal(want) {
		t.Fatalf("%d certificates, since %s", len(plan.Certificates), plan.Assessment.IneffectiveAt)
	}
	for _, c := range plan.Certificates {
		if !c.Revocation.RevocationDate.Equal(want) {
			t.Errorf("date %s", c.Revocation.RevocationDate)
		}
	}
	w.now = w.now.Add(time.Hour)
	again, err := w.reg.Withdraw(t.Context(), req)
	if diff := cmp.Diff(plan, again); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestWithdrawLeavesOthersAlone(t *testing.T) {
	w := newWithdrawal(t, newWorld(t))
	a := assessment(t, 3)
	a.Vendor = Party{ID: "other", URI: "https://other.example", Organization: "Other GmbH"}
	other := w.issue(t, w.accept(t, a), 3, noon, noon.AddDate(0, 6, 0))
	if _, err := w.reg.Withdraw(t.Context(), w.request()); err != nil {
		t.Fatal(err)
	}
	if w.certificate(t, other).Revocation != nil {
		t.Error("another vendor's certificate is revoked")
	}
}

// A certificate that is revoked already is revoked from an earlier day on if the
// withdrawal says so, and never from a later one.
func TestWithdrawMovesRevocationsBackOnly(t *testing.T) {
	w := newWithdrawal(t, newWorld(t))
	before := store.Revocation{At: noon.Add(5 * day), RevocationDate: noon.Add(5 * day), Reason: 1, By: "oleg", Note: "key lost"}
	after := store.Revocation{At: noon.Add(25 * day), RevocationDate: noon.Add(25 * day), Reason: 4, By: "oleg", Note: "replaced"}
	earlier := w.issue(t, w.rec, 3, noon, noon.AddDate(0, 6, 0))
	w.put(t, func(tx store.Tx) error {
		return errors.Join(w.certs.RevokeIn(tx, earlier, before), w.certs.RevokeIn(tx, w.early, after))
	})
	dry := w.request()
	dry.DryRun = true
	plan, err := w.reg.Withdraw(t.Context(), dry)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, err := w.reg.Withdraw(t.Context(), w.request())
		if diff := cmp.Diff(plan, got); diff != "" || err != nil {
			t.Fatal(diff, err)
		}
	}
	if slices.ContainsFunc(plan.Certificates, func(c PlannedRevocation) bool { return c.Serial == earlier }) || len(plan.Certificates) != 3 {
		t.Errorf("plan %+v", plan.Certificates)
	}
	if diff := cmp.Diff(&before, w.certificate(t, earlier).Revocation); diff != "" {
		t.Error(diff)
	}
	if rev := w.certificate(t, w.early).Revocation; !rev.RevocationDate.Equal(w.since) || rev.Reason != 4 {
		t.Errorf("%+v", rev)
	}
}

// A certificate whose mark cannot be read is known by its record.
func TestWithdrawRevokesUnreadableCertificates(t *testing.T) {
	w := newWithdrawal(t, newWorld(t))
	w.put(t, func(tx store.Tx) error {
		cert, err := store.Certificates.Get(tx, w.early)
		cert.DER = []byte("damaged")
		return errors.Join(err, store.Certificates.Put(tx, cert))
	})
	if _, err := w.reg.Withdraw(t.Context(), w.request()); err != nil {
		t.Fatal(err)
	}
	if w.certificate(t, w.early).Revocation == nil {
		t.Error("still good")
	}
}

func TestWithdrawRefuses(t *testing.T) {
	base := newWithdrawal(t, newWorld(t)).request()
	for name, c := range map[string]struct {
		code   Code
		field  string
		change func(w withdrawal, req *WithdrawRequest)
	}{
		"unknown assessment": {CodeNotFound, "id", func(w withdrawal, r *WithdrawRequest) { r.ID = "00" }},
		"no reason":          {CodeMissing, "reason", func(w withdrawal, r *WithdrawRequest) { r.Reason = "" }},
		"long reason":        {CodeValue, "reason", func(w withdrawal, r *WithdrawRequest) { r.Reason = strings.Repeat("r", maxReason+1) }},
		"in the future":      {CodePeriod, "since", func(w withdrawal, r *WithdrawRequest) { r.Since = w.now.Add(time.Second) }},
		"not an officer":     {CodeOfficer, "by", func(w withdrawal, r *WithdrawRequest) { r.By = "vera" }},
		"nobody":             {CodeOfficer, "by", func(w withdrawal, r *WithdrawRequest) { r.By = "" }},
		"only submitted":     {CodeState, "id", func(w withdrawal, r *WithdrawRequest) { w.setState(t, store.AssessmentSubmitted) }},
		"on its way":         {CodeState, "id", func(w withdrawal, r *WithdrawRequest) { w.setState(t, store.AssessmentAccepting) }},
		"superseded":         {CodeState, "id", func(w withdrawal, r *WithdrawRequest) { w.setState(t, store.AssessmentSuperseded) }},
		"withdrawn by others": {CodeState, "id", func(w withdrawal, r *WithdrawRequest) {
			other := *r
			other.Reason, other.DryRun = "another", false
			if _, err := w.reg.Withdraw(t.Context(), other); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, dry := range []bool{true, false} {
				w := newWithdrawal(t, newWorld(t))
				req := base
				req.ID, req.DryRun = w.rec.ID, dry
				c.change(w, &req)
				before := w.snapshot(t)
				plan, err := w.reg.Withdraw(t.Context(), req)
				wantRefusal(t, err, c.code, c.field)
				if !cmp.Equal(plan, Plan{}) || !maps.Equal(before, w.snapshot(t)) {
					t.Error("something changed")
				}
			}
		})
	}
}

func (w withdrawal) setState(t *testing.T, state string) {
	t.Helper()
	rec := w.record(t, w.rec.ID)
	rec.State = state
	w.put(t, func(tx store.Tx) error { return store.Assessments.Put(tx, rec) })
}

// Whether CRLs can be published or not, the revocations are durable; the call made
// again publishes.
func TestWithdrawSurvivesFailingCRLs(t *testing.T) {
	w := newWithdrawal(t, newWorld(t))
	w.certs.fail = errors.New("disk full")
	if _, err := w.reg.Withdraw(t.Context(), w.request()); !errors.Is(err, w.certs.fail) {
		t.Fatal(err)
	}
	w.certs.fail = nil
	plan, err := w.reg.Withdraw(t.Context(), w.request())
	if err != nil || len(plan.Certificates) != 3 || w.certs.published != 1 || len(w.ledger.types(w.rec.ID)) != 2 {
		t.Errorf("%d certificates, %d publications, %d entries, %v", len(plan.Certificates), w.certs.published, len(w.ledger.entries), err)
	}
	w.wantWithdrawn(t, plan)
}
