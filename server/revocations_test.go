package server

import (
	"net/http"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// TestMassRevocation: an officer counts, decides, and asks how far it is; the job's end
// is the lists' being out.
func TestMassRevocation(t *testing.T) {
	w := newWorld(t)
	all := api.NewMassRevocation{Vendor: "acme", Reason: "superseded", InvalidityDate: time.Now().AddDate(-1, 0, 0), DryRun: true}
	var count api.MassRevocation
	w.must("olga", "POST", "/v1/revocations", all, &count)
	if !count.DryRun || count.ID != "" || count.Total != 1 || count.Already != 0 || count.ByVendor["acme"] != 1 || len(count.ByTier) != 1 {
		t.Errorf("%+v", count)
	}
	var cert api.Certificate
	w.must("acme", "GET", "/v1/certificates/"+w.certificate, nil, &cert)
	if cert.State != "valid" {
		t.Fatalf("a dry run revoked")
	}
	for name, c := range map[string]struct {
		who    string
		in     api.NewMassRevocation
		status int
		code   string
	}{
		"a vendor":       {"acme", all, http.StatusForbidden, "wrong-role"},
		"a reader":       {"rita", all, http.StatusForbidden, "wrong-role"},
		"nothing named":  {"olga", api.NewMassRevocation{Reason: "superseded"}, http.StatusUnprocessableEntity, "selection"},
		"unknown tier":   {"olga", api.NewMassRevocation{Tier: "none", Reason: "superseded"}, http.StatusUnprocessableEntity, "selection"},
		"in the future":  {"olga", api.NewMassRevocation{Vendor: "acme", Reason: "superseded", InvalidityDate: time.Now().Add(time.Hour)}, http.StatusUnprocessableEntity, "invalid-field"},
		"unknown reason": {"olga", api.NewMassRevocation{Vendor: "acme", Reason: "hold"}, http.StatusUnprocessableEntity, ""},
	} {
		if got := w.do(c.who, "POST", "/v1/revocations", c.in); got.status != c.status || c.code != "" && got.problem.Code != c.code {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	all.DryRun = false
	var job api.MassRevocation
	w.must("olga", "POST", "/v1/revocations", all, &job)
	var status api.Status
	w.must("rita", "GET", "/v1/status", nil, &status)
	if job.ID == "" || !job.FinishedAt.IsZero() || len(status.Revoking) != 1 || status.Revoking[0].ID != job.ID {
		t.Errorf("decided: %+v, status %+v", job, status.Revoking)
	}
	if err := w.server.CA.WorkRevocations(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.must("rita", "GET", "/v1/revocations/"+job.ID, nil, &job)
	if job.FinishedAt.IsZero() || job.Seen != 1 || job.Revoked != 1 || job.By != "olga" || job.Reason != "superseded" {
		t.Errorf("done: %+v", job)
	}
	w.must("acme", "GET", "/v1/certificates/"+w.certificate, nil, &cert)
	if cert.State != "revoked" || !cert.Revocation.InvalidityDate.Equal(cert.NotBefore) || !cert.Revocation.RevocationDate.Equal(cert.NotBefore) {
		t.Errorf("%+v", cert.Revocation)
	}
	if got := w.do("olga", "GET", "/v1/revocations/20260102T150405.000000000Z-0123456789abcdef", nil); got.status != http.StatusNotFound || got.problem.Code != "unknown-job" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestKeyCompromiseNamesAllOfTheKey, in the dry run and in the act.
func TestKeyCompromiseNamesAllOfTheKey(t *testing.T) {
	w := newWorld(t)
	var second store.Certificate
	if err := w.store.Update(t.Context(), func(tx store.Tx) error {
		cert, err := store.Certificates.Get(tx, w.certificate)
		if err != nil {
			return err
		}
		second = cert
		second.Serial = "5" + cert.Serial[1:len(cert.Serial)-1] + "0"
		return store.Certificates.Insert(tx, second)
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		in   api.NewRevocation
		want int
	}{
		{api.NewRevocation{Reason: "superseded", DryRun: true}, 1},
		{api.NewRevocation{Reason: "keyCompromise", DryRun: true}, 2},
		{api.NewRevocation{Reason: "keyCompromise"}, 2},
	} {
		var plan api.Plan
		w.must("acme", "POST", "/v1/certificates/"+w.certificate+"/revoke", c.in, &plan)
		if len(plan.Certificates) != c.want || plan.Total != c.want {
			t.Errorf("%+v: %+v", c.in, plan)
		}
	}
	var cert api.Certificate
	w.must("acme", "GET", "/v1/certificates/"+second.Serial, nil, &cert)
	if cert.State != "revoked" || cert.Revocation.Reason != "keyCompromise" {
		t.Errorf("%s: %+v", cert.State, cert.Revocation)
	}
}
