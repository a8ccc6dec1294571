package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

func p224(t testing.TB) crypto.PublicKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key.Public()
}

func TestRenewAndRekey(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	f.assess("acme", "slsa-v1.2", "build", 2, year)
	key := newKey(t)
	old, err := f.ca.Issue(t.Context(), Request{Vendor: "acme", PublicKey: key.Public(), Claims: []Wanted{{Framework: "slsa-v0.1", Level: 2}}, Profile: "short-lived"})
	if err != nil {
		t.Fatal(err)
	}
	f.clock.Add(24 * time.Hour)
	for name, rekey := range map[string]bool{"renew": false, "rekey": true} {
		req, err := f.ca.Renewal(t.Context(), "acme", old.Record.Serial, rekey)
		if err != nil {
			t.Fatal(err)
		}
		req.PublicKey, req.By = key.Public(), "alice"
		if rekey {
			req.PublicKey = newKey(t).Public()
		}
		next, err := f.ca.Issue(t.Context(), req)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		was, err := f.ca.markOf(old.Record)
		if err != nil {
			t.Fatal(err)
		}
		is, err := f.ca.markOf(next.Record)
		if err != nil {
			t.Fatal(err)
		}
		if next.Record.Replaces != old.Record.Serial || next.Record.Profile != "short-lived" || len(is) != 1 || is[0].Level != was[0].Level ||
			(next.Record.SPKISHA256 == old.Record.SPKISHA256) == rekey || !next.Record.NotAfter.After(old.Record.NotAfter) {
			t.Errorf("%s: %+v", name, next.Record)
		}
	}
}

func TestRenewServiceKey(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	key, err := f.ca.NewSigningKey(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	old, err := f.ca.Issue(t.Context(), Request{Vendor: "acme", SigningKey: key.ID})
	if err != nil {
		t.Fatal(err)
	}
	req, err := f.ca.Renewal(t.Context(), "acme", old.Record.Serial, false)
	if err != nil || req.SigningKey != key.ID {
		t.Fatalf("%+v, %v", req, err)
	}
	if next, err := f.ca.Issue(t.Context(), req); err != nil || next.Record.SigningKey != key.ID {
		t.Errorf("%+v, %v", next.Record, err)
	}
	if req, err = f.ca.Renewal(t.Context(), "acme", old.Record.Serial, true); err != nil || req.SigningKey != "" {
		t.Errorf("a new key: %+v, %v", req, err)
	}
}

func TestRenewalRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		want  Code
		spoil func(*fixture, *Request)
	}{
		"another vendor's": {CodeUnknownCertificate, func(f *fixture, r *Request) {
			f.assess("beta", "slsa-v0.1", "slsa", 3, year)
			r.Vendor = "beta"
			r.PublicKey = newKey(f.t).Public()
		}},
		"unknown":         {CodeUnknownCertificate, func(_ *fixture, r *Request) { r.Replaces = "7f" }},
		"revoked":         {CodeReplacesRevoked, func(f *fixture, r *Request) { f.revokeFor(r.Replaces, ReasonSuperseded) }},
		"key compromised": {CodeKeyCompromised, func(f *fixture, r *Request) { f.revokeFor(r.Replaces, ReasonKeyCompromise) }},
		"rekey of compromised": {CodeReplacesRevoked, func(f *fixture, r *Request) {
			f.revokeFor(r.Replaces, ReasonKeyCompromise)
			r.Rekey, r.PublicKey = true, newKey(f.t).Public()
		}},
		"renewal with a new key":  {CodeRenewalKey, func(f *fixture, r *Request) { r.PublicKey = newKey(f.t).Public() }},
		"rekey with the same key": {CodeRekeyKey, func(_ *fixture, r *Request) { r.Rekey = true }},
		"rekey of nothing":        {CodeBadRequest, func(_ *fixture, r *Request) { r.Replaces, r.Rekey = "", true }},
		"wider claims":            {CodeRenewalClaims, func(_ *fixture, r *Request) { r.Claims = []Wanted{{Framework: "slsa-v0.1", Level: 3}} }},
		"another framework":       {CodeRenewalClaims, func(f *fixture, r *Request) { f.assess("acme", "slsa-v1.2", "build", 1, year); r.Claims = nil }},
		"assessment gone":         {CodeNoAssessment, func(f *fixture, _ *Request) { f.withdrawAll("acme") }},
		"assessment of less":      {CodeLevelTooHigh, func(f *fixture, _ *Request) { f.withdrawAll("acme"); f.assess("acme", "slsa-v0.1", "slsa", 1, year) }},
		"vendor suspended":        {CodeVendorSuspended, func(f *fixture, _ *Request) { f.suspend("acme") }},
		"longer than its profile": {CodeValidity, func(_ *fixture, r *Request) { r.Profile, r.Validity = "short-lived", 8*24*time.Hour }},
		"a profile there is not":  {CodeUnknownProfile, func(_ *fixture, r *Request) { r.Profile = "eternal" }},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.assess("acme", "slsa-v0.1", "slsa", 3, year)
			key := newKey(t)
			old, err := f.ca.Issue(t.Context(), Request{Vendor: "acme", PublicKey: key.Public(), Claims: []Wanted{{Framework: "slsa-v0.1", Level: 2}}})
			if err != nil {
				t.Fatal(err)
			}
			req, err := f.ca.Renewal(t.Context(), "acme", old.Record.Serial, false)
			if err != nil {
				t.Fatal(err)
			}
			req.PublicKey = key.Public()
			c.spoil(f, &req)
			_, err = f.ca.Issue(t.Context(), req)
			wantRefusal(t, err, c.want)
		})
	}
	f := newFixture(t)
	_, err := f.ca.Renewal(t.Context(), "acme", "7f", false)
	wantRefusal(t, err, CodeUnknownCertificate)
}

func (f *fixture) revokeFor(serial string, reason int) {
	f.t.Helper()
	if err := f.ca.Revoke(f.t.Context(), serial, store.Revocation{Reason: reason, By: "olga"}); err != nil {
		f.t.Fatal(err)
	}
}

// TestProfiles: each lasts as long as it says and no longer, and passes every lint.
func TestProfiles(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 2, 400*24*time.Hour) // the longest that an assessment lasts
	f.clock.Add(time.Hour)
	for name, days := range map[string]int{"": 400, "code-signing": 400, "short-lived": 7} {
		issued, err := f.ca.Issue(t.Context(), Request{Vendor: "acme", PublicKey: newKey(t).Public(), Profile: name})
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		c := issued.Certificate
		if got, want := c.NotAfter.Sub(c.NotBefore)+time.Second, time.Duration(days)*24*time.Hour; got > want || got < want-time.Hour || days == 7 && got != want {
			t.Errorf("%q lasts %s, want %s", name, got, want)
		}
		if _, err := f.ca.linter.lint(c.Raw, issued.Chain[0], nil); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if len(c.CRLDistributionPoints) != 1 || len(c.OCSPServer) != 1 {
			t.Errorf("%q carries no revocation information", name)
		}
	}
	if issued, err := f.ca.Issue(t.Context(), Request{Vendor: "acme", PublicKey: newKey(t).Public(), Profile: "short-lived", Validity: time.Hour}); err != nil || issued.Record.NotAfter.After(f.clock.Now().Add(time.Hour)) {
		t.Errorf("an hour: %+v, %v", issued.Record, err)
	}
}
