package server

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// TestAuditorRevoked: an auditor whose word is taken back is out at once, what they
// signed is looked at again by another officer, and nothing new rests on it meanwhile.
func TestAuditorRevoked(t *testing.T) {
	w := newWorld(t)
	w.change(w.assessment, func(a *store.Assessment) { a.SubmittedAt = a.SubmittedAt.Add(-time.Hour) })
	reason := api.NewAuditorRevocation{Reason: "invented an interview"}
	before := w.inventory()
	var planned, done api.AuditorRevocation
	w.must("olga", "POST", "/v1/auditors/quill/revoke", api.NewAuditorRevocation{Reason: reason.Reason, DryRun: true}, &planned)
	if after := w.inventory(); !equal(before, after) || !planned.DryRun {
		t.Errorf("a dry run left something:\nbefore %v\nafter  %v", before, after)
	}
	if len(planned.Reviews) != 1 || planned.Reviews[0].Assessment.ID != w.assessment || len(planned.Reviews[0].Certificates) != 1 || planned.Reviews[0].Certificates[0].Serial != w.certificate {
		t.Fatalf("planned %+v", planned)
	}
	w.must("olga", "POST", "/v1/auditors/quill/revoke", reason, &done)
	var reviews []api.Review
	w.must("rita", "GET", "/v1/reviews", nil, &reviews)
	if len(reviews) != 1 || reviews[0].Assessment.State != "in-review" || reviews[0].Assessment.ReopenedReason != reason.Reason || len(reviews[0].Certificates) != 1 || len(done.Reviews) != 1 {
		t.Errorf("reviews %+v, done %+v", reviews, done)
	}
	for name, got := range map[string]reply{
		"person-disabled":         w.do("quill", "GET", "/v1/assessments", nil),
		"no-assessment-in-force":  w.do("acme", "POST", "/v1/certificates", api.NewCertificate{}),
		string(audit.CodeState):   w.do("acme", "GET", "/v1/assessments/"+w.assessment+"/cyclonedx", nil),
		string(audit.CodeOfficer): w.do("olga", "POST", "/v1/assessments/"+w.assessment+"/uphold", api.Upholding{Reason: "looked again"}),
	} {
		if got.problem.Code != name {
			t.Errorf("want %s: %d %s", name, got.status, got.body)
		}
	}
	if got := w.do("olga", "POST", "/v1/auditors/quill/accreditations", api.Accreditation{Framework: "slsa-v0.1", Until: planned.Reviews[0].Assessment.ValidUntil}); got.problem.Code != "person-disabled" {
		t.Errorf("accredited again: %d %s", got.status, got.body)
	}
	var upheld api.Assessment
	w.must("otto", "POST", "/v1/assessments/"+w.assessment+"/uphold", api.Upholding{Reason: "looked again"}, &upheld)
	if upheld.State != "in-force" || upheld.UpheldBy != "otto" || upheld.UpheldReason != "looked again" || upheld.UpheldAt.IsZero() || upheld.ReopenedAt.IsZero() {
		t.Errorf("upheld %+v", upheld)
	}
	w.must("acme", "POST", "/v1/certificates", api.NewCertificate{}, nil)
}

// TestShowAuditor: the track record is for those who decide and for the auditor; the
// salt that opens the pseudonym is not for readers.
func TestShowAuditor(t *testing.T) {
	w := newWorld(t)
	for who, salted := range map[string]bool{"olga": true, "rita": false, "quill": true} {
		var a api.AuditorDetail
		w.must(who, "GET", "/v1/auditors/quill", nil, &a)
		if (len(a.LogSalt) == 32) != salted || len(a.LogSalt) != 0 && !salted {
			t.Errorf("%s sees a salt of %d bytes", who, len(a.LogSalt))
		}
		if salted && a.Pseudonym != receipt.Commit(a.LogSalt, "quill") {
			t.Errorf("%s: the salt does not open %s", who, a.Pseudonym)
		}
		if a.Record.Vendors != 1 || a.Record.Assessments["in-force"] != 1 || len(a.Keys) != 1 || len(a.AllKeys) != 1 || len(a.Accreditations) != 2 {
			t.Errorf("%s sees %+v", who, a)
		}
	}
	for who, path := range map[string]string{"nib": "/v1/auditors/quill", "olga": "/v1/auditors/acme", "rita": "/v1/auditors/nobody"} {
		if got := w.do(who, "GET", path, nil); got.status != http.StatusNotFound {
			t.Errorf("%s %s: %d %s", who, path, got.status, got.body)
		}
	}
	var before, after api.AuditorDetail
	w.must("olga", "POST", "/v1/assessments/"+w.assessment+"/withdraw", api.Ending{Reason: "builder was shared"}, nil)
	w.must("olga", "GET", "/v1/auditors/quill", nil, &before)
	if r := before.Record; r.Withdrawn != 1 || r.Revoked != 1 || r.Assessments["withdrawn"] != 1 {
		t.Errorf("after a withdrawal: %+v", r)
	}
	w.must("olga", "POST", "/v1/auditors/quill/revoke", api.NewAuditorRevocation{Reason: "invented"}, nil)
	w.must("olga", "GET", "/v1/auditors/quill", nil, &after)
	if len(after.Keys) != 0 || len(after.AllKeys) != 1 || after.AllKeys[0].RevokedAt.IsZero() || after.Person.DisabledAt.IsZero() {
		t.Errorf("after revocation: %+v", after)
	}
}

// TestAuditorsAreLogged: accreditations, keys and suspensions are entries of the log,
// which names the auditor by a commitment only, and are there when the call returns.
func TestAuditorsAreLogged(t *testing.T) {
	w := newWorld(t)
	w.must("olga", "POST", "/v1/auditors/nib/accreditations", api.Accreditation{Framework: "cncf-sscp-v1", Until: w.server.Now().AddDate(1, 0, 0)}, nil)
	w.must("olga", "POST", "/v1/auditors/nib/suspend", nil, nil)
	w.must("olga", "POST", "/v1/auditors/nib/suspend", nil, nil) // again: nothing more to say
	var page api.Page[api.LedgerEntry]
	w.must("rita", "GET", "/v1/ledger/entries?about=nib", nil, &page)
	var types []string
	for _, e := range page.Items {
		types = append(types, e.Type)
		if e.LoggedAt.IsZero() {
			t.Errorf("%s waits", e.Type)
		}
		if strings.Contains(e.Leaf, "nib") || strings.Contains(e.Leaf, "Nib") {
			t.Errorf("the log names the auditor: %s", e.Leaf)
		}
	}
	slices.Sort(types)
	want := []string{"auditor.accredited", "auditor.accredited", "auditor.accredited", "auditor.key", "auditor.suspended", "auditor.suspended", "auditor.suspended"}
	if !slices.Equal(types, want) {
		t.Errorf("logged %q, want %q", types, want)
	}
	err := w.store.View(context.Background(), func(r store.Reader) error {
		for _, who := range []string{"quill", "nib", "olga", "acme"} {
			p, err := store.People.Get(r, who)
			if err != nil {
				return err
			}
			if (len(p.LogSalt) == 32) != (p.Role == api.RoleAuditor) {
				t.Errorf("%s has a salt of %d bytes", who, len(p.LogSalt))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
