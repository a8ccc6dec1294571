package ca

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
	"golang.org/x/crypto/ocsp"
)

// forBuild asks for a certificate for one build, with a new key.
func forBuild(t testing.TB, content string) Request {
	return Request{Vendor: "acme", PublicKey: newKey(t).Public(), Way: WayBuild, By: "alice", Build: BuildName(sha256.Sum256([]byte(content)))}
}

func TestIssueForBuild(t *testing.T) {
	f := newFixture(t)
	assessment := f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	req := forBuild(t, "one")
	issued, err := f.ca.Issue(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	rec, end := issued.Record, issued.Certificate.NotAfter
	if rec.Build != req.Build || rec.SigningKey != "" || !slices.Equal(rec.Assessments, []string{assessment.ID}) || rec.Leftover {
		t.Errorf("on record: %+v", rec)
	}
	if left := end.Sub(noon); left > BuildValidity || left <= BuildValidity-time.Hour || !end.Equal(end.Truncate(time.Hour)) {
		t.Errorf("ends at %v, issued at %v", end, noon)
	}
	f.view(func(r store.Reader) error {
		intent, err := store.Intents.Get(r, rec.Serial)
		if err != nil || intent.Build != req.Build || intent.Way != WayBuild {
			t.Errorf("intent %+v, %v", intent, err)
		}
		for cert, err := range store.Certificates.By(r, "build", req.Build) {
			if err != nil || cert.Serial != rec.Serial {
				t.Errorf("by build: %s, %v", cert.Serial, err)
			}
		}
		return store.Check(r)
	})
	long := forBuild(t, "two")
	long.Validity = 48 * time.Hour
	if issued, err = f.ca.Issue(t.Context(), long); err != nil || !issued.Certificate.NotAfter.Equal(noon.Add(48*time.Hour)) {
		t.Errorf("with a validity of its own until %v, %v", issued.Record.NotAfter, err)
	}
}

// An assessment that ends sooner ends the certificate.
func TestBuildEndsWithAssessment(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 3, 90*time.Minute)
	issued, err := f.ca.Issue(t.Context(), forBuild(t, "one"))
	if err != nil {
		t.Fatal(err)
	}
	if end := issued.Certificate.NotAfter; !end.Before(noon.Add(90 * time.Minute)) {
		t.Errorf("ends at %v", end)
	}
}

// What is not a request for one build.
func TestBuildRefused(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	held, err := f.ca.NewSigningKey(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	used := forBuild(t, "one")
	if _, err := f.ca.Issue(t.Context(), used); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Request)
		want   Code
	}{
		"no digest":              {func(r *Request) { r.Build = "sha256:" }, CodeBadRequest},
		"other algorithm":        {func(r *Request) { r.Build = "sha512:" + strings.Repeat("0", 64) }, CodeBadRequest},
		"no algorithm":           {func(r *Request) { r.Build = strings.TrimPrefix(r.Build, "sha256:") }, CodeBadRequest},
		"capital digits":         {func(r *Request) { r.Build = "sha256:" + strings.Repeat("AB", 32) }, CodeBadRequest},
		"too long":               {func(r *Request) { r.Build += "00" }, CodeBadRequest},
		"key held by service":    {func(r *Request) { r.PublicKey, r.SigningKey = nil, held.ID }, CodeBadRequest},
		"key of another build":   {func(r *Request) { r.PublicKey = used.PublicKey }, CodeKeyInUse},
		"vendor of no claim":     {func(r *Request) { r.Vendor = "beta" }, CodeNoAssessment},
		"level above":            {func(r *Request) { r.Claims = []Wanted{{Framework: "slsa-v0.1", Level: 4}} }, CodeLevelTooHigh},
		"longer than any may be": {func(r *Request) { r.Validity = 500 * 24 * time.Hour }, CodeValidity},
	} {
		t.Run(name, func(t *testing.T) {
			req := forBuild(t, name)
			c.change(&req)
			_, err := f.ca.Issue(t.Context(), req)
			wantRefusal(t, err, c.want)
		})
	}
}

// Revoking one build, for whatever reason, touches no other.
func TestRevokeOneBuild(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	var all []Issued
	for _, content := range []string{"one", "two", "three"} {
		issued, err := f.ca.Issue(t.Context(), forBuild(t, content))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, issued)
	}
	bad := all[1].Record.Serial
	if err := f.ca.Revoke(t.Context(), bad, store.Revocation{Reason: ReasonKeyCompromise}); err != nil {
		t.Fatal(err)
	}
	if listed := f.listed(); !slices.Equal(listed, []string{bad}) {
		t.Errorf("lists hold %v, want %s", listed, bad)
	}
	for _, issued := range all {
		want := ocsp.Good
		if issued.Record.Serial == bad {
			want = ocsp.Revoked
		}
		if got := f.ocspStatus(issued.Certificate, issued.Record.Tier); got != want {
			t.Errorf("%s: OCSP status %d, want %d", issued.Record.Build, got, want)
		}
	}
	if _, err := f.ca.Issue(t.Context(), forBuild(t, "four")); err != nil {
		t.Errorf("and after that: %v", err)
	}
}

func TestGrantable(t *testing.T) {
	f := newFixture(t)
	_, err := f.ca.Grantable(t.Context(), "acme", nil)
	wantRefusal(t, err, CodeNoAssessment)
	assessment := f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	ids, err := f.ca.Grantable(t.Context(), "acme", nil)
	if err != nil || !slices.Equal(ids, []string{assessment.ID}) {
		t.Errorf("%v, %v", ids, err)
	}
	if recs := f.certificates(); len(recs) != 0 {
		t.Errorf("issued %+v", recs)
	}
}

// Each write of an issuance for one build fails in turn: what is returned is on record,
// and what is not returned is a leftover at most, or on record.
func TestBuildUnderFaults(t *testing.T) {
	seeded := func(t *testing.T) storetest.Driver {
		f := newFixture(t)
		f.assess("acme", "slsa-v0.1", "slsa", 3, year)
		return f.store
	}
	storetest.EachFault(t, seeded, func(t *testing.T, d storetest.Driver, faulty *storetest.Faulty) {
		f := &fixture{t: t, store: d, clock: &clock{t: noon}}
		f.ca = f.open(d)
		issued, err := f.open(faulty).Issue(t.Context(), forBuild(t, "one"))
		recs := f.certificates()
		left, leftErr := f.ca.Leftovers(context.Background(), 0)
		switch {
		case leftErr != nil:
			t.Fatal(leftErr)
		case err == nil && (len(recs) != 1 || recs[0].Serial != SerialKey(issued.Certificate.SerialNumber) || len(left) != 0):
			t.Errorf("returned, on record %+v, left over %+v", recs, left)
		case err != nil && (!errors.Is(err, storetest.ErrInjected) || len(recs)+len(left) > 1):
			t.Errorf("%v: on record %d, left over %d", err, len(recs), len(left))
		}
		if _, err := f.ca.RevokeLeftovers(t.Context(), 0, "olga"); err != nil {
			t.Error(err)
		}
		f.view(store.Check)
	})
}

// BenchmarkIssueForBuild is the way of thousands an hour, without disk and HTTP: new key,
// gate, lint, two transactions.
func BenchmarkIssueForBuild(b *testing.B) {
	f := newFixture(b)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	for b.Loop() {
		if _, err := f.ca.Issue(b.Context(), forBuild(b, "same")); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "certificates/s")
}

// A tier that wants an officer's agreement to each key gives none to single builds.
func TestBuildInTierWithApproval(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 4, year)
	_, err := f.ca.Issue(t.Context(), forBuild(t, "one"))
	wantRefusal(t, err, CodeApprovalRequired)
	lower := forBuild(t, "two")
	lower.Claims = []Wanted{{Framework: "slsa-v0.1", Level: 3}}
	if issued, err := f.ca.Issue(t.Context(), lower); err != nil || issued.Record.Tier == "high" {
		t.Errorf("for a lower level: %+v, %v", issued.Record, err)
	}
}
