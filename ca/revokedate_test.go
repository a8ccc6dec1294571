package ca

import (
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/store"
)

// TestRevokeDatesOfLongAgo: a date that the log cannot say is refused for what it is.
func TestRevokeDatesOfLongAgo(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 2, year)
	serial := SerialKey(f.issue("acme").Certificate.SerialNumber)
	for _, old := range []time.Time{time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC)} {
		wantRefusal(t, f.ca.Revoke(t.Context(), serial, store.Revocation{RevocationDate: old}), CodeRevocationDate)
		wantRefusal(t, f.ca.Revoke(t.Context(), serial, store.Revocation{InvalidityDate: old}), CodeRevocationDate)
	}
	first := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := f.ca.Revoke(t.Context(), serial, store.Revocation{RevocationDate: first, InvalidityDate: first}); err != nil {
		t.Error(err)
	}
}

// TestRevokeKeyAfterAClockThatWasAhead: a compromised key is revoked today, whatever day
// its certificate says that it begins.
func TestRevokeKeyAfterAClockThatWasAhead(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 2, year)
	f.clock.Add(24 * time.Hour)
	serial := SerialKey(f.issue("acme").Certificate.SerialNumber)
	f.clock.Add(-24 * time.Hour)
	if _, err := f.ca.RevokeKey(t.Context(), serial, store.Revocation{By: "olga"}); err != nil {
		t.Fatal(err)
	}
	revokedByNow(t, f, serial)
}

// TestMassRevocationAfterAClockThatWasAhead: what was issued under tomorrow's date is on
// record today, and a mass revocation of today covers it.
func TestMassRevocationAfterAClockThatWasAhead(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 2, year)
	f.clock.Add(24 * time.Hour)
	serial := SerialKey(f.issue("acme").Certificate.SerialNumber)
	f.clock.Add(-24 * time.Hour)
	job, err := f.ca.StartMass(t.Context(), store.RevocationJob{Vendor: "acme", Revocation: store.Revocation{Reason: ReasonKeyCompromise, By: "olga"}})
	if err != nil || job.Total != 1 {
		t.Fatalf("covers %d certificates, %v", job.Total, err)
	}
	f.clock.Add(time.Minute)
	later := SerialKey(f.issue("acme").Certificate.SerialNumber) // not covered
	if err := f.ca.WorkRevocations(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.view(func(r store.Reader) error {
		for s, want := range map[string]bool{serial: true, later: false} {
			cert, err := store.Certificates.Get(r, s)
			if err != nil {
				return err
			}
			if got := cert.Revocation != nil; got != want {
				t.Errorf("certificate of %s: revoked %t", cert.IssuedAt, got)
			}
		}
		return nil
	})
}

// TestWithdrawAfterAClockThatWasAhead: an assessment ends today with all that rests on it.
func TestWithdrawAfterAClockThatWasAhead(t *testing.T) {
	f := newFixture(t)
	rec := f.assess("acme", "slsa-v0.1", "slsa", 2, year)
	f.clock.Add(24 * time.Hour)
	serial := SerialKey(f.issue("acme").Certificate.SerialNumber)
	f.clock.Add(-24 * time.Hour)
	if _, err := f.register.Withdraw(t.Context(), audit.WithdrawRequest{ID: rec.ID, By: "olga", Reason: "the clock"}); err != nil {
		t.Fatal(err)
	}
	revokedByNow(t, f, serial)
}

// TestRevokeLeftoversAfterAClockThatWasAhead: one of them does not keep the others.
func TestRevokeLeftoversAfterAClockThatWasAhead(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	f.clock.Add(24 * time.Hour)
	serial, _ := f.interrupted()
	f.clock.Add(-24 * time.Hour)
	done, err := f.ca.RevokeLeftovers(t.Context(), 0, "olga")
	if err != nil || len(done) != 1 || done[0] != serial {
		t.Errorf("revoked %v, %v", done, err)
	}
}

// revokedByNow holds that a certificate is revoked, and not from a later time on.
func revokedByNow(t *testing.T, f *fixture, serial string) {
	t.Helper()
	f.view(func(r store.Reader) error {
		cert, err := store.Certificates.Get(r, serial)
		if err == nil && (cert.Revocation == nil || cert.Revocation.RevocationDate.After(f.clock.Now())) {
			t.Errorf("%+v", cert.Revocation)
		}
		return err
	})
}
