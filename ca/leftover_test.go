package ca

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"slices"
	"testing"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
	"golang.org/x/crypto/ocsp"
)

// interrupted has an issuance for acme whose record fails after the key was used, and
// returns the certificate that was signed and given to nobody.
func (f *fixture) interrupted() (serial string, key crypto.PublicKey) {
	f.t.Helper()
	key = newKey(f.t).Public()
	// The first commit is the intent's, the second the certificate's.
	c := f.open(storetest.FailCommit(f.store, 2))
	if _, err := c.Issue(context.Background(), Request{Vendor: "acme", PublicKey: key, By: "alice", Way: "api"}); !errors.Is(err, storetest.ErrInjected) {
		f.t.Fatalf("issued although the record failed: %v", err)
	}
	left, err := f.ca.Leftovers(context.Background(), 0)
	if err != nil || len(left) != 1 {
		f.t.Fatalf("leftovers %v, %v", left, err)
	}
	return left[0].Serial, key
}

// What was signed and never recorded can be revoked by its serial number: it is then on
// the list, OCSP says so, it is logged, and it is no leftover any more.
func TestRevokeLeftover(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	serial, key := f.interrupted()
	if err := f.ca.Revoke(t.Context(), serial, store.Revocation{Reason: ReasonKeyCompromise, By: "olga"}); err != nil {
		t.Fatal(err)
	}
	recs := f.certificates()
	if len(recs) != 1 || !recs[0].Leftover || recs[0].Revocation == nil || recs[0].RequestedBy != "alice" || len(recs[0].Assessments) != 1 {
		t.Fatalf("on record: %+v", recs)
	}
	cert, err := x509.ParseCertificate(recs[0].DER)
	if err != nil {
		t.Fatal(err)
	}
	if !samePublicKey(cert.PublicKey, key) || len(cert.Signature) != 0 || !cert.NotAfter.Equal(recs[0].NotAfter) {
		t.Errorf("rebuilt as %+v", cert)
	}
	if !slices.Contains(f.listed(), serial) {
		t.Error("it is on no list")
	}
	if got := f.ocspStatus(cert, recs[0].Tier); got != ocsp.Revoked {
		t.Errorf("OCSP status %d, want revoked", got)
	}
	if got := f.loggedAbout(serial); !slices.Equal(got, []string{receipt.CertificateRevoked}) {
		t.Errorf("logged %v, want the revocation alone: nothing was issued", got)
	}
	if left, err := f.ca.Leftovers(t.Context(), 0); err != nil || len(left) != 0 {
		t.Errorf("still left over: %v, %v", left, err)
	}
	_, err = f.ca.Issue(t.Context(), Request{Vendor: "acme", PublicKey: key})
	wantRefusal(t, err, CodeKeyCompromised)
	wantRefusal(t, f.ca.Revoke(t.Context(), serial, store.Revocation{Reason: ReasonSuperseded}), CodeAlreadyRevoked)
}

// A key that is compromised takes all its certificates with it, also where the one that was
// named was never recorded.
func TestRevokeKeyOfLeftover(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	serial, key := f.interrupted()
	f.open(f.store)
	issued, err := f.ca.Issue(t.Context(), Request{Vendor: "acme", PublicKey: key, By: "alice", Way: "api"})
	if err != nil {
		t.Fatal(err)
	}
	if others, err := f.ca.RevokeKey(t.Context(), serial, store.Revocation{By: "olga"}); err != nil || others != 1 {
		t.Errorf("%d others, %v", others, err)
	}
	if got := f.listed(); !slices.Contains(got, serial) || !slices.Contains(got, issued.Record.Serial) {
		t.Errorf("listed %v", got)
	}
}

// All of them at once, in whatever way they came to be; and again, when there are none.
func TestRevokeLeftovers(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	issued := f.issue("acme").Record.Serial
	serial, _ := f.interrupted()
	// An OCSP responder announces itself as well, and is no vendor's.
	if _, err := f.ca.responderOf(t.Context(), f.ca.tiers[1]); err != nil {
		t.Fatal(err)
	}
	if young, err := f.ca.RevokeLeftovers(t.Context(), year, "olga"); err != nil || len(young) != 0 {
		t.Errorf("revoked %v that may be under way, %v", young, err)
	}
	done, err := f.ca.RevokeLeftovers(t.Context(), 0, "olga")
	if err != nil || !slices.Equal(done, []string{serial}) {
		t.Fatalf("revoked %v, %v; want %s", done, err, serial)
	}
	if listed := f.listed(); !slices.Contains(listed, serial) || slices.Contains(listed, issued) {
		t.Errorf("lists hold %v", listed)
	}
	for _, rec := range f.certificates() {
		if rec.Serial == serial && !rec.Revocation.RevocationDate.Equal(rec.NotBefore) {
			t.Errorf("revoked from %v, valid from %v", rec.Revocation.RevocationDate, rec.NotBefore)
		}
	}
	if done, err := f.ca.RevokeLeftovers(t.Context(), 0, "olga"); err != nil || done != nil {
		t.Errorf("revoked %v again, %v", done, err)
	}
}

// A responder's serial number is no vendor's certificate, and nor is damage.
func TestRevocable(t *testing.T) {
	f := newFixture(t)
	if _, err := f.ca.responderOf(t.Context(), f.ca.tiers[0]); err != nil {
		t.Fatal(err)
	}
	f.update(func(tx store.Tx) error {
		return errors.Join(
			store.Intents.Put(tx, store.Intent{Serial: "0bad", Way: "api", TBS: []byte("no DER")}),
			store.Intents.Put(tx, store.Intent{Serial: "0cut", Way: "api", TBS: []byte{0x30, 3, 2, 1, 1}}))
	})
	f.view(func(r store.Reader) error {
		for intent, err := range store.Intents.All(r, "") {
			if err != nil {
				return err
			}
			cert, err := Revocable(r, intent.Serial)
			isDamage := intent.Way == "api"
			if err == nil || errors.Is(err, store.ErrNotFound) == isDamage {
				t.Errorf("intent %s by %s: %+v, %v", intent.Serial, intent.Way, cert, err)
			}
		}
		return nil
	})
}

// An officer who revokes what is being signed at that moment wins: it is given to nobody.
func TestRevokeWhileSigning(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	c := f.open(f.store)
	hook(c, func([]byte) {
		if done, err := f.ca.RevokeLeftovers(context.Background(), 0, "olga"); err != nil || len(done) != 1 {
			t.Errorf("revoked %v, %v", done, err)
		}
	})
	issued, err := c.Issue(t.Context(), Request{Vendor: "acme", PublicKey: newKey(t).Public()})
	if !errors.Is(err, store.ErrExists) || issued.Certificate != nil {
		t.Errorf("issued %v, %v", issued.Certificate != nil, err)
	}
	if recs := f.certificates(); len(recs) != 1 || recs[0].Revocation == nil {
		t.Errorf("on record: %+v", recs)
	}
}

// Each write of revoking a leftover fails in turn; afterwards it can be done.
func TestRevokeLeftoverUnderFaults(t *testing.T) {
	seeded := func(t *testing.T) storetest.Driver {
		f := newFixture(t)
		f.assess("acme", "slsa-v0.1", "slsa", 3, year)
		f.interrupted()
		return f.store
	}
	storetest.EachFault(t, seeded, func(t *testing.T, d storetest.Driver, faulty *storetest.Faulty) {
		f := &fixture{t: t, store: d, clock: &clock{t: noon}}
		f.ca = f.open(d)
		_, err := f.open(faulty).RevokeLeftovers(t.Context(), 0, "olga")
		if faulty.Fired() == (err == nil) {
			t.Errorf("%v, and the error is %v", faulty.Fault(), err)
		}
		if _, err := f.ca.RevokeLeftovers(t.Context(), 0, "olga"); err != nil {
			t.Fatal(err)
		}
		if err := f.ca.PublishCRLs(t.Context()); err != nil {
			t.Fatal(err)
		}
		recs := f.certificates()
		if len(recs) != 1 || recs[0].Revocation == nil || !slices.Equal(f.listed(), []string{recs[0].Serial}) {
			t.Errorf("on record %+v, listed %v", recs, f.listed())
		}
	})
}

// listed returns the serial numbers on all lists on record, sorted.
func (f *fixture) listed() (serials []string) {
	f.t.Helper()
	f.view(func(r store.Reader) error {
		serials = nil
		for rec, err := range store.CRLs.All(r, "") {
			if err != nil {
				return err
			}
			list, err := x509.ParseRevocationList(rec.DER)
			if err != nil {
				return err
			}
			for _, e := range list.RevokedCertificateEntries {
				serials = append(serials, SerialKey(e.SerialNumber))
			}
		}
		return nil
	})
	slices.Sort(serials)
	return serials
}

// ocspStatus asks for the status of a certificate of a tier.
func (f *fixture) ocspStatus(cert *x509.Certificate, tier string) int {
	f.t.Helper()
	issuer, err := f.ca.Certificate(tier)
	if err != nil {
		f.t.Fatal(err)
	}
	request, err := ocsp.CreateRequest(cert, issuer, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	der, err := f.ca.OCSP(context.Background(), request)
	if err != nil {
		f.t.Fatal(err)
	}
	answer, err := ocsp.ParseResponseForCert(der, cert, issuer)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer.Status
}

// loggedAbout returns the types of the entries about something, logged or waiting.
func (f *fixture) loggedAbout(about string) (types []string) {
	f.t.Helper()
	f.view(func(r store.Reader) error {
		types = nil
		for rec, err := range store.LedgerEntries.By(r, "about", about) {
			if err != nil {
				return err
			}
			e, err := receipt.ParseEntry(rec.Entry)
			if err != nil {
				return err
			}
			types = append(types, e.Type)
		}
		return nil
	})
	return types
}
