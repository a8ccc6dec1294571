package ca

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

// The hierarchy under test, shared by all.
//
//	root ── standard, elevated, high (each with a self-signed twin) ── vendors
//	     └─ timestamping ── tsa
//	operator ── people, server

var (
	passphrase = []byte("correct horse battery staple")
	born       = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	noon       = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	sharedDir  string
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "hallmark-ca-test-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	sharedDir = filepath.Join(dir, "ca")
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// shardsInTests are few: each list that is made is a signature and a record.
const shardsInTests = 2

func initConfig(dir string) InitConfig {
	return InitConfig{
		Dir: dir, Name: "Example CA", Organization: "Example Trust Services", Country: "NL", Passphrase: passphrase,
		PublicURL: "http://ca.example.com", CRLShards: shardsInTests, Now: func() time.Time { return born },
		encrypt: cheapEncrypt,
	}
}

// cheapEncrypt is encryptKey with a cost of nothing. That encryptKey costs what it should
// is TestKeyFilesAreExpensive's.
func cheapEncrypt(key crypto.Signer, passphrase []byte, _ io.Reader) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("openssl", "pkcs8", "-topk8", "-inform", "DER", "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA256", "-iter", "1", "-passout", "env:PASSPHRASE")
	cmd.Env = append(os.Environ(), "PASSPHRASE="+string(passphrase))
	cmd.Stdin = bytes.NewReader(der)
	return cmd.Output()
}

// build makes the hierarchy in memory: encrypting and opening keys takes seconds by
// design, and most tests are not about that.
var build = sync.OnceValues(func() (*Hierarchy, error) {
	b, err := newBuilder(initConfig(sharedDir + "-not-written"))
	if err != nil {
		return nil, err
	}
	if err := b.build(context.Background()); err != nil {
		return nil, err
	}
	delete(b.keys, nameRoot)
	delete(b.keys, nameTimestamping)
	return newHierarchy(b.manifest, b.certs, b.keys, b.crls, b.ring)
})

func hierarchy(t testing.TB) *Hierarchy {
	t.Helper()
	h, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// written is a hierarchy as Init leaves it in sharedDir.
var written = sync.OnceValues(func() (*Hierarchy, error) {
	if _, err := Init(context.Background(), initConfig(sharedDir)); err != nil {
		return nil, err
	}
	return OpenHierarchy(sharedDir, passphrase)
})

func onDisk(t testing.TB) *Hierarchy {
	t.Helper()
	h, err := written()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }

func (c *clock) Add(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.t = c.t.Add(d) }

// fixture is a CA over a store in memory, with an officer, an auditor who is
// accredited for everything, and the vendors acme and beta.
type fixture struct {
	t        testing.TB
	ca       *CA
	store    storetest.Driver
	clock    *clock
	register *audit.Register
	auditor  crypto.Signer
	second   crypto.Signer           // auditor ada's, who signs as well at the highest levels
	officer  crypto.Signer           // olga's
	edit     func(*audit.Assessment) // of the next assessments, when set
}

func newFixture(t testing.TB) *fixture { return newFixtureAt(t, noon, storetest.NewMemory()) }

func newFixtureAt(t testing.TB, now time.Time, s storetest.Driver) *fixture {
	t.Helper()
	f := &fixture{t: t, store: s, clock: &clock{t: now}, auditor: newKey(t), second: newKey(t), officer: newKey(t)}
	f.ca = f.open(s)
	f.seed()
	var err error
	log := &fakeLedger{}
	f.register, err = audit.New(audit.Config{
		Store: s, Ledger: log, Queue: &queue.Queue{Store: s, Log: log, Now: f.clock.Now}, Certificates: f.ca, Catalogue: f.ca.catalogue, Arc: f.ca.arc, Now: f.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// open makes a CA over another view of the fixture's store.
func (f *fixture) open(s Store) *CA {
	f.t.Helper()
	c, err := Open(context.Background(), Config{Hierarchy: hierarchy(f.t), Passphrase: passphrase, Store: s, Now: f.clock.Now})
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func (f *fixture) seed() {
	f.t.Helper()
	now := f.clock.Now()
	f.update(func(tx store.Tx) error {
		for _, v := range []store.Vendor{
			{ID: "acme", URI: "https://acme.example", Organization: "Acme Ltd", Country: "NL", CreatedAt: now},
			{ID: "beta", URI: "https://beta.example", Organization: "Beta GmbH", Country: "DE", CreatedAt: now},
		} {
			if err := store.Vendors.Put(tx, v); err != nil {
				return err
			}
		}
		for _, p := range []store.Person{
			{ID: "olga", Role: "officer", Organization: "Example Trust Services", CreatedAt: now},
			{ID: "quill", Role: "auditor", Organization: "Quill Assurance LLP", CreatedAt: now},
			{ID: "ada", Role: "auditor", Organization: "Ada and Co", CreatedAt: now},
			{ID: "alice", Role: "vendor", Vendor: "acme", Organization: "Acme Ltd", CreatedAt: now},
			{ID: "bert", Role: "vendor", Vendor: "beta", Organization: "Beta GmbH", CreatedAt: now},
		} {
			if err := store.People.Put(tx, p); err != nil {
				return err
			}
		}
		for auditor, key := range map[string]crypto.Signer{"quill": f.auditor, "ada": f.second} {
			if err := f.accredit(tx, auditor, key); err != nil {
				return err
			}
		}
		return f.enrolOfficer(tx, "olga", f.officer)
	})
}

// accredit registers an auditor's key and accredits them for everything.
func (f *fixture) accredit(tx store.Tx, auditor string, key crypto.Signer) error {
	now := f.clock.Now()
	for _, fw := range f.ca.catalogue.All() {
		acc := store.Accreditation{Auditor: auditor, Framework: fw.ID, From: now.AddDate(-1, 0, 0), Until: now.AddDate(5, 0, 0)}
		if err := store.Accreditations.Put(tx, acc); err != nil {
			return err
		}
	}
	spki, err := spkiSHA256(key.Public())
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return store.AuditorKeys.Put(tx, store.AuditorKey{SPKISHA256: spki, Auditor: auditor, PublicKey: der, AddedAt: now})
}

// enrolOfficer gives an officer a client certificate.
func (f *fixture) enrolOfficer(tx store.Tx, officer string, key crypto.Signer) error {
	cert, err := f.ca.IssueClient(context.Background(), key.Public(), store.Person{ID: officer, Role: "officer"}, 0)
	if err != nil {
		return err
	}
	return store.ClientCertificates.Put(tx, store.ClientCertificate{Serial: SerialKey(cert.SerialNumber), Person: officer, DER: cert.Raw, NotAfter: cert.NotAfter})
}

func (f *fixture) update(fn func(store.Tx) error) {
	f.t.Helper()
	if err := f.store.Update(context.Background(), fn); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) view(fn func(store.Reader) error) {
	f.t.Helper()
	if err := f.store.View(context.Background(), fn); err != nil {
		f.t.Fatal(err)
	}
}

// assess brings an assessment of a level into force, the way it goes: signed,
// submitted, accepted.
func (f *fixture) assess(vendor, framework, track string, level int, life time.Duration) store.Assessment {
	f.t.Helper()
	ctx := context.Background()
	envelope := f.signed(vendor, framework, track, level, life)
	rec, err := f.register.Submit(ctx, envelope, "quill")
	if err != nil {
		f.t.Fatal(err)
	}
	countersigned, err := attest.AddSignature(ctx, envelope, f.officer)
	if err != nil {
		f.t.Fatal(err)
	}
	if rec, err = f.register.Accept(ctx, rec.ID, "olga", countersigned); err != nil {
		f.t.Fatal(err)
	}
	return rec
}

func (f *fixture) signed(vendor, framework, track string, level int, life time.Duration) []byte {
	f.t.Helper()
	fw, tr, err := f.ca.track(Wanted{Framework: framework, Track: track})
	if err != nil {
		f.t.Fatal(err)
	}
	var v store.Vendor
	f.view(func(r store.Reader) error { v, err = store.Vendors.Get(r, vendor); return err })
	builder := newKey(f.t)
	der, err := x509.MarshalPKIXPublicKey(builder.Public())
	if err != nil {
		f.t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("evidence"))
	digest := map[string]string{"sha256": hex.EncodeToString(sum[:])}
	a := audit.Assessment{
		Framework: audit.FrameworkRef{ID: fw.ID, URI: fw.URI, Version: fw.Version, Track: tr.ID, Digest: map[string]string{"sha256": fw.DigestHex()}},
		Vendor:    audit.Party{ID: v.ID, URI: v.URI, Organization: v.Organization},
		Auditor:   audit.Party{ID: "quill", URI: "https://quill.example", Organization: "Quill Assurance LLP"},
		Level:     level, LevelID: levelID(tr, level),
		AssessedAt: f.clock.Now().UTC().Truncate(time.Second),
		ValidUntil: f.clock.Now().UTC().Truncate(time.Second).Add(life),
		Scope: audit.Scope{
			Products: []audit.Product{{Name: "hello"}},
			Sources:  []audit.Source{{URI: "git+https://git.acme.example/hello"}},
			Builders: []audit.Builder{{
				ID:   "https://ci.example/builder",
				Keys: []string{string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))},
			}},
			Repositories: []string{"https://attestations." + vendor + ".example/v1"},
		},
	}
	for _, r := range tr.Requirements {
		finding := audit.Finding{Requirement: r.ID, Status: audit.NotMet, Note: "not looked at"}
		if r.FromLevel <= level {
			finding = audit.Finding{Requirement: r.ID, Status: audit.Met, Evidence: []attest.ResourceDescriptor{{Name: "evidence", Digest: digest}}}
		}
		a.Findings = append(a.Findings, finding)
	}
	if level == len(tr.Levels) {
		a.SecondAuditor = &audit.Party{ID: "ada", Organization: "Ada and Co"}
	}
	if f.edit != nil {
		f.edit(&a)
	}
	envelope, err := audit.Sign(context.Background(), a, f.auditor)
	if err == nil && a.SecondAuditor != nil {
		envelope, err = attest.AddSignature(context.Background(), envelope, f.second)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return envelope
}

// issue asks for a certificate that must be granted.
func (f *fixture) issue(vendor string, wanted ...Wanted) Issued {
	f.t.Helper()
	req := Request{Vendor: vendor, PublicKey: newKey(f.t).Public(), Claims: wanted, By: "test", Way: "api"}
	issued, err := f.ca.Issue(context.Background(), req)
	if r := IsRefusal(err); r != nil && r.Code == CodeApprovalRequired {
		f.approved(req)
		issued, err = f.ca.Issue(context.Background(), req)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return issued
}

// approved puts a request before olga, who waives hardware where that is wanted.
func (f *fixture) approved(req Request) store.CertificateRequest {
	f.t.Helper()
	rec := f.requested(req)
	waiver := ""
	if rec.Attestation == nil {
		waiver = "a test has no hardware"
	}
	rec, err := f.ca.Approve(context.Background(), rec.ID, "olga", "seen", waiver)
	if err != nil {
		f.t.Fatal(err)
	}
	return rec
}

func (f *fixture) requested(req Request) store.CertificateRequest {
	f.t.Helper()
	rec, err := f.ca.RequestApproval(context.Background(), req)
	if err != nil {
		f.t.Fatal(err)
	}
	return rec
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

const year = 365 * 24 * time.Hour

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// wantRefusal fails unless err is a refusal for this reason, with a text.
func wantRefusal(t testing.TB, err error, code Code) {
	t.Helper()
	r := IsRefusal(err)
	if r == nil {
		t.Fatalf("error %v, want a refusal %s", err, code)
		return
	}
	if r.Code != code || r.Detail == "" {
		t.Fatalf("refused with %q (%s), want %s", r.Code, r.Detail, code)
	}
}

// fakeLedger numbers entries and forgets them.
type fakeLedger struct {
	mu sync.Mutex
	n  uint64
}

func (l *fakeLedger) Origin() string { return "log.example" }

// AppendRaw appends one after the other.
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

// hookSigner calls a function before each signature.
type hookSigner struct {
	crypto.Signer
	before func(digest []byte)
}

func (h hookSigner) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	h.before(digest)
	return h.Signer.Sign(r, digest, o)
}

// hook makes every signature of the tiers' keys call before. It changes a CA that
// no other test uses.
func hook(c *CA, before func(digest []byte)) {
	for _, t := range c.tiers {
		t.issuer.signer = hookSigner{t.issuer.signer, before}
	}
}

// openssl runs the tool and returns what it wrote.
func openssl(t testing.TB, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("openssl", args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// wantOpenSSL fails unless the tool succeeds and its output holds every text.
func wantOpenSSL(t testing.TB, texts []string, args ...string) {
	t.Helper()
	out, err := openssl(t, args...)
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Fatalf("openssl %s: no %q in\n%s", args[0], text, out)
		}
	}
}

func writePEM(t testing.TB, kind string, ders ...[]byte) string {
	t.Helper()
	var text []byte
	for _, der := range ders {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})...)
	}
	return writeTemp(t, text)
}

func writeTemp(t testing.TB, data []byte) string {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}
