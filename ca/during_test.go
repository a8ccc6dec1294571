package ca

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

// An assessment withdrawn while its certificate is being signed: whoever withdrew
// it could not see the certificate.
func TestWithdrawDuringIssue(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	c := f.open(f.store)
	var once atomic.Bool
	hook(c, func([]byte) {
		if once.CompareAndSwap(false, true) {
			f.withdrawAll("acme")
		}
	})
	issued, err := c.Issue(context.Background(), Request{Vendor: "acme", PublicKey: newKey(t).Public()})
	wantRefusal(t, err, CodeAssessmentEnded)
	if issued.Certificate != nil {
		t.Error("the certificate was handed out")
	}
	recs := f.certificates()
	if len(recs) != 1 || recs[0].Revocation == nil || recs[0].Revocation.Reason != ReasonPrivilegeWithdrawn {
		t.Fatalf("on record: %+v", recs)
	}
	der, err := c.CRLOf(context.Background(), recs[0])
	if err != nil {
		t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil || len(list.RevokedCertificateEntries) != 1 {
		t.Fatalf("CRL %+v, %v", list, err)
	}
}

func TestSuspendDuringIssue(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	c := f.open(f.store)
	var once atomic.Bool
	hook(c, func([]byte) {
		if once.CompareAndSwap(false, true) {
			f.suspend("acme")
		}
	})
	_, err := c.Issue(context.Background(), Request{Vendor: "acme", PublicKey: newKey(t).Public()})
	wantRefusal(t, err, CodeVendorSuspended)
	if recs := f.certificates(); len(recs) != 1 || recs[0].Revocation == nil {
		t.Fatalf("on record: %+v", recs)
	}
}

// Two vendors ask for the same key at once; the one who was announced first has it.
func TestKeyTakenDuringIssue(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	f.assess("beta", "slsa-v0.1", "slsa", 1, year)
	key := newKey(t)
	c := f.open(f.store)
	hook(c, func([]byte) {
		_, err := f.ca.Issue(context.Background(), Request{Vendor: "beta", PublicKey: key.Public()})
		wantRefusal(t, err, CodeKeyInUse)
	})
	if _, err := c.Issue(context.Background(), Request{Vendor: "acme", PublicKey: key.Public()}); err != nil {
		t.Fatal(err)
	}
}

// A key found compromised while its next certificate is being signed.
func TestKeyCompromisedDuringIssue(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	key := newKey(t)
	first, err := f.ca.Issue(context.Background(), Request{Vendor: "acme", PublicKey: key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	c := f.open(f.store)
	var once atomic.Bool
	hook(c, func([]byte) {
		if once.CompareAndSwap(false, true) {
			if err := f.ca.Revoke(context.Background(), first.Record.Serial, store.Revocation{Reason: ReasonKeyCompromise}); err != nil {
				t.Error(err)
			}
		}
	})
	_, err = c.Issue(context.Background(), Request{Vendor: "acme", PublicKey: key.Public()})
	wantRefusal(t, err, CodeKeyCompromised)
	for _, rec := range f.certificates() {
		if rec.Revocation == nil {
			t.Errorf("certificate %s is not revoked", rec.Serial)
		}
	}
}

// Each write of an issuance fails in turn. Whatever happens: the CA key signs only
// what is on record as an intent, and a certificate that is returned is on record.
func TestIssueUnderFaults(t *testing.T) {
	seeded := func(t *testing.T) storetest.Driver {
		d := storetest.NewMemory()
		f := newFixtureAt(t, noon, d)
		f.assess("acme", "slsa-v0.1", "slsa", 3, year)
		return d
	}
	storetest.EachFault(t, seeded, func(t *testing.T, d storetest.Driver, faulty *storetest.Faulty) {
		f := &fixture{t: t, store: d, clock: &clock{t: noon}}
		c := f.open(faulty)
		signed := 0
		hook(c, func(digest []byte) {
			signed++
			found := false
			f.view(func(r store.Reader) error {
				for intent, err := range store.Intents.All(r, "") {
					if err != nil {
						return err
					}
					sum := sha256.Sum256(intent.TBS)
					found = found || bytes.Equal(sum[:], digest)
				}
				return nil
			})
			if !found {
				t.Error("the CA key signed what is not on record as an intent")
			}
		})
		issued, err := c.Issue(context.Background(), Request{Vendor: "acme", PublicKey: newKey(t).Public()})
		if signed > 1 {
			t.Errorf("%d signatures", signed)
		}
		recs := f.certificates()
		if err == nil {
			if len(recs) != 1 || !bytes.Equal(recs[0].DER, issued.Certificate.Raw) {
				t.Errorf("returned but not on record: %d", len(recs))
			}
			return
		}
		if !errors.Is(err, storetest.ErrInjected) || issued.Certificate != nil {
			t.Errorf("error %v, certificate %v", err, issued.Certificate != nil)
		}
		left, err := f.open(d).Leftovers(context.Background(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if signed == 1 && len(left)+len(recs) != 1 {
			t.Errorf("signed, but %d leftovers and %d records", len(left), len(recs))
		}
		// The next request goes through.
		if _, err := c.Issue(context.Background(), Request{Vendor: "acme", PublicKey: newKey(t).Public()}); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestRepeatedSerialNumberIsRefused(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	c := f.open(f.store)
	for _, tier := range c.tiers {
		tier.profile.random = constant{}
	}
	req := Request{Vendor: "acme", PublicKey: newKey(t).Public()}
	if _, err := c.Issue(context.Background(), req); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Issue(context.Background(), req); !errors.Is(err, store.ErrExists) {
		t.Fatalf("error %v, want %v", err, store.ErrExists)
	}
}

// constant is a broken random source.
type constant struct{}

func (constant) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 0x42
	}
	return len(b), nil
}

func TestTicketSignsOnce(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	tier := f.ca.tiers[0]
	var g *grant
	f.view(func(r store.Reader) (err error) { g, err = f.ca.gate(r, "acme", nil, noon); return err })
	template, err := tier.profile.fill(newKey(t).Public(), g, g.from, g.until)
	if err != nil {
		t.Fatal(err)
	}
	leave, err := tier.issuer.prepare(template)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := tier.issuer.sign(leave)
	if err != nil || !bytes.Equal(cert.RawTBSCertificate, leave.tbs) {
		t.Fatal("signed something else", err)
	}
	if _, err := tier.issuer.sign(leave); err == nil {
		t.Fatal("a ticket signed twice")
	}
}

func TestIssueConcurrently(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 2, year)
	key := newKey(t).Public()
	results := make(chan error)
	const n = 16
	for range n {
		go func() {
			_, err := f.ca.Issue(context.Background(), Request{Vendor: "acme", PublicKey: key})
			results <- err
		}()
	}
	for range n {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if got := len(f.certificates()); got != n {
		t.Errorf("%d on record, want %d", got, n)
	}
}

// A client that hangs up once the key has been used leaves a record all the same.
func TestCancelAfterSigning(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 2, year)
	ctx, cancel := context.WithCancel(context.Background())
	c := f.open(f.store)
	hook(c, func([]byte) { cancel() })
	if _, err := c.Issue(ctx, Request{Vendor: "acme", PublicKey: newKey(t).Public()}); err != nil {
		t.Fatal(err)
	}
	if got := len(f.certificates()); got != 1 {
		t.Errorf("%d on record, want 1", got)
	}
}

var _ crypto.Signer = hookSigner{}
