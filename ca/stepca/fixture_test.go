package stepca

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
	"github.com/hallmark-pki/hallmark/test/cast"
)

var sharedDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "hallmark-stepca-test-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	sharedDir = filepath.Join(dir, "hierarchy")
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// openShared makes the hierarchy that all tests share: keys take seconds to encrypt.
var openShared = sync.OnceValues(func() (*ca.Hierarchy, error) {
	passphrase := []byte("only for tests")
	_, err := ca.Init(context.Background(), ca.InitConfig{
		Dir: sharedDir, Name: "Example CA", Organization: "Example", Country: "NL", Passphrase: passphrase, PublicURL: "http://ca.example.com",
	})
	if err != nil {
		return nil, err
	}
	return ca.OpenHierarchy(sharedDir, passphrase)
})

// fixture is a CA over a store in memory with the cast of test/cast, of whom alice
// asks for acme; and beta, a vendor for whom bert asks. smallstep reads the machine's
// clock, so the tests live in the present.
type fixture struct {
	t         testing.TB
	ca        *ca.CA
	store     storetest.Driver
	cast      *cast.Cast
	catalogue *audit.Catalogue
	register  *audit.Register
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, store: storetest.NewMemory()}
	hierarchy, err := openShared()
	check(t, err)
	f.catalogue, err = audit.Embedded()
	check(t, err)
	f.ca, err = ca.Open(context.Background(), ca.Config{Hierarchy: hierarchy, Store: f.store, Catalogue: f.catalogue})
	check(t, err)
	f.cast, err = cast.New()
	check(t, err)
	now := time.Now().UTC()
	f.update(func(tx store.Tx) error {
		return errors.Join(
			f.cast.Seed(tx, now, "slsa-v0.1"),
			store.Vendors.Put(tx, store.Vendor{ID: "beta", URI: "https://beta.example", Organization: "Beta GmbH", Country: "DE"}),
			store.People.Put(tx, store.Person{ID: "alice", Role: "vendor", Vendor: "acme", Organization: "Acme Ltd"}),
			store.People.Put(tx, store.Person{ID: "bert", Role: "vendor", Vendor: "beta", Organization: "Beta GmbH"}),
		)
	})
	log := &fakeLedger{}
	f.register, err = audit.New(audit.Config{
		Store: f.store, Ledger: log, Queue: &queue.Queue{Store: f.store, Log: log, Now: time.Now}, Certificates: f.ca,
		Catalogue: f.catalogue, Arc: f.ca.Arc(), Now: time.Now,
	})
	check(t, err)
	return f
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) update(fn func(store.Tx) error) {
	f.t.Helper()
	check(f.t, f.store.Update(context.Background(), fn))
}

func (f *fixture) view(fn func(store.Reader) error) {
	f.t.Helper()
	check(f.t, f.store.View(context.Background(), fn))
}

// assess brings an assessment of a vendor against SLSA v0.1 into force.
func (f *fixture) assess(vendor string, level int) store.Assessment {
	f.t.Helper()
	ctx := context.Background()
	framework, _ := f.catalogue.Lookup("slsa-v0.1")
	a, err := f.cast.Assessment(framework, level, time.Now())
	check(f.t, err)
	f.view(func(r store.Reader) error {
		v, err := store.Vendors.Get(r, vendor)
		a.Vendor = audit.Party{ID: v.ID, URI: v.URI, Organization: v.Organization}
		return err
	})
	envelope, err := f.cast.Sign(ctx, a)
	check(f.t, err)
	rec, err := f.register.Submit(ctx, envelope, cast.Auditor)
	check(f.t, err)
	envelope, err = f.cast.Countersign(ctx, envelope)
	check(f.t, err)
	rec, err = f.register.Accept(ctx, rec.ID, cast.Officer, envelope)
	check(f.t, err)
	return rec
}

func (f *fixture) suspend(vendor string) {
	f.t.Helper()
	f.update(func(tx store.Tx) error {
		v, err := store.Vendors.Get(tx, vendor)
		if err != nil {
			return err
		}
		v.SuspendedAt = time.Now()
		return store.Vendors.Put(tx, v)
	})
}

func (f *fixture) disable(person string) {
	f.t.Helper()
	f.update(func(tx store.Tx) error {
		rec, err := store.People.Get(tx, person)
		if err != nil {
			return err
		}
		rec.DisabledAt = time.Now()
		return store.People.Put(tx, rec)
	})
}

func (f *fixture) certificates() []store.Certificate {
	f.t.Helper()
	var all []store.Certificate
	f.view(func(r store.Reader) error {
		all = nil
		for c, err := range store.Certificates.All(r, "") {
			if err != nil {
				return err
			}
			all = append(all, c)
		}
		return nil
	})
	return all
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	return key
}

func newCSR(t testing.TB, key crypto.Signer, template x509.CertificateRequest) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	check(t, err)
	return der
}

// wantRefusal fails unless err is a refusal for this reason, with a text.
func wantRefusal(t testing.TB, err error, code ca.Code) {
	t.Helper()
	r := ca.IsRefusal(err)
	if r == nil {
		t.Fatalf("error %v, want a refusal %s", err, code)
		return
	}
	if r.Code != code || r.Detail == "" {
		t.Fatalf("refused with %q (%s), want %s", r.Code, r.Detail, code)
	}
}

// wantPlain fails unless the certificate is acme's and says this level and no more.
func wantPlain(t testing.TB, f *fixture, c *x509.Certificate, level int) {
	t.Helper()
	mark, err := f.ca.Arc().ReadMark(c)
	check(t, err)
	if len(mark.Assurance.Claims) != 1 || mark.Assurance.Claims[0].Level != level || len(c.Policies) != level {
		t.Errorf("claims %+v, policies %v", mark.Assurance.Claims, c.Policies)
	}
	if c.IsCA || len(c.DNSNames) != 0 || len(c.EmailAddresses) != 0 || len(c.URIs) != 1 || c.URIs[0].String() != cast.VendorURI || c.Subject.CommonName != "Acme Ltd" {
		t.Errorf("CA %v, names %v %v %v, subject %v", c.IsCA, c.DNSNames, c.EmailAddresses, c.URIs, c.Subject)
	}
	if c.KeyUsage != x509.KeyUsageDigitalSignature || len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageCodeSigning ||
		c.NotAfter.Sub(c.NotBefore) > 460*24*time.Hour {
		t.Errorf("usage %v %v, from %s until %s", c.KeyUsage, c.ExtKeyUsage, c.NotBefore, c.NotAfter)
	}
}

// fakeLedger numbers entries and forgets them.
type fakeLedger struct {
	mu sync.Mutex
	n  uint64
}

func (l *fakeLedger) Origin() string { return "log.example" }

func (l *fakeLedger) AppendRaw(ctx context.Context, list [][]byte) ([]uint64, error) {
	var indexes []uint64
	for _, raw := range list {
		e, err := receipt.ParseEntry(raw)
		if err != nil {
			return nil, err
		}
		_, index, err := l.Append(ctx, e)
		if err != nil {
			return nil, err
		}
		indexes = append(indexes, index)
	}
	return indexes, nil
}

func (l *fakeLedger) Append(_ context.Context, e receipt.Entry) ([]byte, uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	return []byte("receipt of " + e.Assessment), l.n - 1, nil
}
