package ca

import (
	"context"
	"math/big"
	"os"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

func newMemory() storetest.Driver { return storetest.NewMemory() }

func readTemp(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestRevocationsOnlyGetStronger(t *testing.T) {
	day := func(n int) time.Time { return noon.AddDate(0, 0, -n) }
	first := store.Revocation{At: day(0), RevocationDate: day(5), Reason: ReasonSuperseded, Note: "first", By: "olga"}
	for _, c := range []struct {
		name string
		next store.Revocation
		want Code // "" when it adds something
	}{
		{"the same again", first, CodeAlreadyRevoked},
		{"later", store.Revocation{RevocationDate: day(1), Reason: ReasonSuperseded}, CodeAlreadyRevoked},
		{"weaker reason", store.Revocation{RevocationDate: day(5), Reason: ReasonUnspecified}, CodeAlreadyRevoked},
		{"earlier", store.Revocation{RevocationDate: day(9), Reason: ReasonSuperseded}, ""},
		{"keyCompromise", store.Revocation{RevocationDate: day(1), Reason: ReasonKeyCompromise}, ""},
		{"with invalidity date", store.Revocation{RevocationDate: day(1), InvalidityDate: day(20), Reason: ReasonSuperseded}, ""},
		{"hold", store.Revocation{Reason: 6}, CodeReason},
		{"removeFromCRL", store.Revocation{Reason: 8}, CodeReason},
		{"CA compromise", store.Revocation{Reason: 2}, CodeReason},
		{"reason off the list", store.Revocation{Reason: 99}, CodeReason},
		{"in the future", store.Revocation{RevocationDate: day(-1), Reason: 1}, CodeRevocationDate},
		{"long note", store.Revocation{Note: string(make([]byte, maxNote+1)), Reason: 1}, CodeBadRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.assess("acme", "slsa-v0.1", "slsa", 1, year)
			serial := f.issue("acme").Record.Serial
			if err := f.ca.Revoke(t.Context(), serial, first); err != nil {
				t.Fatal(err)
			}
			err := f.ca.Revoke(t.Context(), serial, c.next)
			got := *f.certificates()[0].Revocation
			if c.want != "" {
				wantRefusal(t, err, c.want)
				if got != first {
					t.Errorf("changed to %+v", got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.RevocationDate.After(first.RevocationDate) || got == first || !got.At.Equal(first.At) {
				t.Errorf("now %+v", got)
			}
		})
	}
}

func TestRevokeUnknown(t *testing.T) {
	f := newFixture(t)
	wantRefusal(t, f.ca.Revoke(t.Context(), "1234", store.Revocation{}), CodeUnknownCertificate)
	wantRefusal(t, f.ca.Revoke(t.Context(), "NOT HEX", store.Revocation{}), CodeUnknownCertificate)
}

func TestPublishConcurrently(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	other := f.open(f.store) // as another process: no lock in common
	const n = 8
	serials := make([]string, n)
	for i := range serials {
		serials[i] = f.issue("acme").Record.Serial
	}
	errs := make(chan error)
	for i, serial := range serials {
		go func() {
			c := f.ca
			if i%2 == 1 {
				c = other
			}
			errs <- c.Revoke(context.Background(), serial, store.Revocation{Reason: ReasonSuperseded})
		}()
	}
	for range serials {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if got := len(listed(t, f.ca, "standard")); got != n {
		t.Errorf("%d on the lists, want %d", got, n)
	}
}

// Each write of a revocation fails in turn: either nothing happened, or it is on
// record and the next list carries it. Numbers never go back.
func TestRevokeUnderFaults(t *testing.T) {
	var serial string
	var first *big.Int
	seeded := func(t *testing.T) storetest.Driver {
		d := storetest.NewMemory()
		f := newFixtureAt(t, noon, d)
		f.assess("acme", "slsa-v0.1", "slsa", 1, year)
		serial = f.issue("acme").Record.Serial
		if err := f.ca.PublishCRLs(context.Background()); err != nil {
			t.Fatal(err)
		}
		first = listOf(t, f.ca, f.certificates()[0]).Number
		return d
	}
	storetest.EachFault(t, seeded, func(t *testing.T, d storetest.Driver, faulty *storetest.Faulty) {
		f := &fixture{t: t, store: d, clock: &clock{t: noon}}
		err := f.open(faulty).Revoke(context.Background(), serial, store.Revocation{Reason: ReasonKeyCompromise})
		onRecord := f.certificates()[0].Revocation != nil
		if err == nil && !onRecord {
			t.Error("acknowledged, but not on record")
		}
		healthy := f.open(d)
		if err := healthy.PublishCRLs(context.Background()); err != nil {
			t.Fatal(err)
		}
		list := listOf(t, healthy, f.certificates()[0])
		if onRecord != (len(list.RevokedCertificateEntries) == 1) {
			t.Errorf("on record %v, on the list %d", onRecord, len(list.RevokedCertificateEntries))
		}
		if onRecord && list.Number.Cmp(first) <= 0 {
			t.Errorf("number %d, before it %d", list.Number, first)
		}
	})
}

// A withdrawal reaches certificate, list and OCSP in one go.
func TestWithdrawRevokes(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	issued := f.issue("acme")
	f.clock.Add(time.Hour)
	f.withdrawAll("acme")
	list := listOf(t, f.ca, issued.Record)
	if len(list.RevokedCertificateEntries) != 1 || list.RevokedCertificateEntries[0].ReasonCode != ReasonPrivilegeWithdrawn {
		t.Errorf("list %+v", list.RevokedCertificateEntries)
	}
	_, err := f.ca.Issue(t.Context(), Request{Vendor: "acme", PublicKey: issued.Certificate.PublicKey})
	wantRefusal(t, err, CodeNoAssessment)
}
