package ca

import (
	"context"
	"crypto/x509"
	"errors"
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

func number(t testing.TB, c *CA, tier string) (int64, *x509.RevocationList) {
	t.Helper()
	der, err := c.CRL(context.Background(), tier)
	if err != nil {
		t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	return list.Number.Int64(), list
}

func TestCRLs(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	elevated := f.issue("acme")
	standard := f.issue("acme", Wanted{Framework: "slsa-v0.1", Level: 1})

	n1, list := number(t, f.ca, "elevated")
	if n1 != 1 || len(list.RevokedCertificateEntries) != 0 || list.NextUpdate.Sub(list.ThisUpdate) > 7*24*time.Hour {
		t.Errorf("first list: number %d, %+v", n1, list)
	}
	if err := f.ca.PublishCRLs(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, _ := number(t, f.ca, "elevated"); n != n1 {
		t.Errorf("an unchanged list was published again, number %d", n)
	}
	if err := f.ca.Revoke(t.Context(), elevated.Record.Serial, store.Revocation{Reason: ReasonCessationOfOperation}); err != nil {
		t.Fatal(err)
	}
	n2, list := number(t, f.ca, "elevated")
	if n2 != n1+1 || len(list.RevokedCertificateEntries) != 1 || list.RevokedCertificateEntries[0].SerialNumber.Cmp(elevated.Certificate.SerialNumber) != 0 {
		t.Errorf("number %d, %+v", n2, list.RevokedCertificateEntries)
	}
	if err := list.CheckSignatureFrom(elevated.Chain[0]); err != nil {
		t.Error(err)
	}
	if _, list := number(t, f.ca, "standard"); len(list.RevokedCertificateEntries) != 0 {
		t.Errorf("another tier's serial number on the list: %+v", list.RevokedCertificateEntries)
	}
	_ = standard
	f.clock.Add(25 * time.Hour) // due again
	n3, _ := number(t, f.open(f.store), "elevated")
	if n3 != n2+1 {
		t.Errorf("after a day number %d, want %d", n3, n2+1)
	}
	f.clock.Add(3 * year) // revoked for ever, also after expiry
	if n, list := number(t, f.ca, "elevated"); n != n3+1 || len(list.RevokedCertificateEntries) != 1 {
		t.Errorf("number %d, %+v", n, list.RevokedCertificateEntries)
	}
	if _, err := f.ca.CRL(t.Context(), "nope"); !errors.Is(err, ErrUnknownIssuer) {
		t.Errorf("error %v, want %v", err, ErrUnknownIssuer)
	}
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
	if _, list := number(t, f.ca, "standard"); len(list.RevokedCertificateEntries) != n {
		t.Errorf("%d on the list, want %d", len(list.RevokedCertificateEntries), n)
	}
}

// Each write of a revocation fails in turn: either nothing happened, or it is on
// record and the next list carries it. Numbers never go back.
func TestRevokeUnderFaults(t *testing.T) {
	var serial string
	seeded := func(t *testing.T) storetest.Driver {
		d := storetest.NewMemory()
		f := newFixtureAt(t, noon, d)
		f.assess("acme", "slsa-v0.1", "slsa", 1, year)
		serial = f.issue("acme").Record.Serial
		if err := f.ca.PublishCRLs(context.Background()); err != nil {
			t.Fatal(err)
		}
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
		n, list := number(t, healthy, "standard")
		if onRecord != (len(list.RevokedCertificateEntries) == 1) {
			t.Errorf("on record %v, on the list %d", onRecord, len(list.RevokedCertificateEntries))
		}
		if onRecord && n < 2 {
			t.Errorf("number %d went back", n)
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
	_, list := number(t, f.ca, "elevated")
	if len(list.RevokedCertificateEntries) != 1 || list.RevokedCertificateEntries[0].ReasonCode != ReasonPrivilegeWithdrawn {
		t.Errorf("list %+v", list.RevokedCertificateEntries)
	}
	_, err := f.ca.Issue(t.Context(), Request{Vendor: "acme", PublicKey: issued.Certificate.PublicKey})
	wantRefusal(t, err, CodeNoAssessment)
}
