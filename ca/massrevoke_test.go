package ca

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/bolt"
	"github.com/hallmark-pki/hallmark/store/storetest"
	"golang.org/x/crypto/ocsp"
)

// copies puts n certificates on record that differ from one that was issued by their
// serial number only.
func copies(t testing.TB, s Store, like store.Certificate, n int) {
	t.Helper()
	const some = 2000
	for from := 0; from < n; from += some {
		if err := s.Update(context.Background(), func(tx store.Tx) error {
			for i := from; i < min(n, from+some); i++ {
				cert := like
				serial, err := newSerial(repeatable(uint64(i)))
				if err != nil {
					return err
				}
				cert.Serial = SerialKey(serial)
				if err := store.Certificates.Insert(tx, cert); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// repeatable is a source of bytes that a test can repeat.
func repeatable(seed uint64) *rand.ChaCha8 {
	var key [32]byte
	copy(key[:], strconv.FormatUint(seed, 10))
	return rand.NewChaCha8(key)
}

// mass decides a mass revocation and works it off.
func (f *fixture) mass(job store.RevocationJob) store.RevocationJob {
	f.t.Helper()
	job.Revocation.By = "olga"
	job, err := f.ca.StartMass(context.Background(), job)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := f.ca.WorkRevocations(context.Background()); err != nil {
		f.t.Fatal(err)
	}
	if job, err = f.ca.MassRevocation(context.Background(), job.ID); err != nil {
		f.t.Fatal(err)
	}
	return job
}

// TestMassSelection: each thing that narrows a mass revocation down does.
func TestMassSelection(t *testing.T) {
	f := newFixture(t)
	one := f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	f.assess("beta", "slsa-v0.1", "slsa", 1, year)
	old := f.issue("acme")
	short, err := f.ca.Issue(t.Context(), Request{Vendor: "acme", PublicKey: newKey(t).Public(), Validity: time.Hour, Claims: []Wanted{{Framework: "slsa-v0.1", Level: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	f.clock.Add(24 * time.Hour)
	later := f.clock.Now()
	recent, other := f.issue("acme"), f.issue("beta")
	all := map[string]string{old.Record.Serial: "old", short.Record.Serial: "short", recent.Record.Serial: "recent", other.Record.Serial: "other"}
	uri := one.FrameworkURI
	for name, c := range map[string]struct {
		job  store.RevocationJob
		want int
	}{
		"vendor":                        {store.RevocationJob{Vendor: "acme"}, 3},
		"vendor without certificates":   {store.RevocationJob{Vendor: "none"}, 0},
		"assessment":                    {store.RevocationJob{Assessments: []string{one.ID}}, 3},
		"another assessment":            {store.RevocationJob{Assessments: []string{"none"}}, 0},
		"key":                           {store.RevocationJob{SPKISHA256: old.Record.SPKISHA256}, 1},
		"tier":                          {store.RevocationJob{Tier: "standard"}, 2},
		"tier and vendor":               {store.RevocationJob{Tier: "standard", Vendor: "beta"}, 1},
		"issued after":                  {store.RevocationJob{Vendor: "acme", IssuedAfter: later}, 1},
		"issued before":                 {store.RevocationJob{Vendor: "acme", IssuedBefore: later}, 2},
		"claim of a track":              {store.RevocationJob{Vendor: "acme", FrameworkURI: uri, Track: "slsa"}, 3},
		"claim of another track":        {store.RevocationJob{Vendor: "acme", FrameworkURI: uri, Track: "none"}, 0},
		"assessment or claim of it":     {store.RevocationJob{Assessments: []string{"none"}, FrameworkURI: uri, Track: "slsa"}, 4},
		"that end after":                {store.RevocationJob{Vendor: "acme", EndsAfter: later}, 2},
		"vendor and a key of another's": {store.RevocationJob{Vendor: "acme", SPKISHA256: other.Record.SPKISHA256}, 0},
	} {
		count, err := f.ca.CountMass(t.Context(), c.job)
		if err != nil || count.Total != c.want || count.Already != 0 {
			t.Errorf("%s: %+v, %v, want %d of %v", name, count, err, c.want, all)
		}
	}
	for name, c := range map[string]struct {
		job  store.RevocationJob
		want Code
	}{
		"nothing":                 {store.RevocationJob{}, CodeSelection},
		"times only":              {store.RevocationJob{IssuedAfter: later}, CodeSelection},
		"framework without track": {store.RevocationJob{Vendor: "acme", FrameworkURI: uri}, CodeSelection},
		"unknown tier":            {store.RevocationJob{Tier: "none"}, CodeSelection},
		"times the wrong way":     {store.RevocationJob{Vendor: "acme", IssuedAfter: later, IssuedBefore: later}, CodeSelection},
		"hold":                    {store.RevocationJob{Vendor: "acme", Revocation: store.Revocation{Reason: 6}}, CodeReason},
		"in the future":           {store.RevocationJob{Vendor: "acme", Revocation: store.Revocation{RevocationDate: later.Add(time.Hour)}}, CodeRevocationDate},
	} {
		_, err := f.ca.CountMass(t.Context(), c.job)
		wantRefusal(t, err, c.want)
		_, err = f.ca.StartMass(t.Context(), c.job)
		wantRefusal(t, err, c.want)
		_ = name
	}
	_, err = f.ca.MassRevocation(t.Context(), "none")
	wantRefusal(t, err, CodeUnknownJob)
}

// TestMassRevocation: what it covers is revoked, listed and answered for, and the rest
// is not; no date lies before a certificate's beginning.
func TestMassRevocation(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	f.assess("beta", "slsa-v0.1", "slsa", 1, year)
	issued, other := f.issue("acme"), f.issue("beta")
	n := 2*massBatch + 10
	copies(t, f.store, issued.Record, n)
	request := askFor(t, issued, crypto.SHA1)
	if der, err := f.ca.OCSP(t.Context(), request); err != nil || statusOf(t, der, issued) != ocsp.Good {
		t.Fatal(err)
	}
	back := noon.AddDate(-1, 0, 0)
	job := f.mass(store.RevocationJob{Vendor: "acme", Revocation: store.Revocation{Reason: ReasonSuperseded, RevocationDate: back, InvalidityDate: back}})
	if job.Total != n+1 || job.Seen != n+1 || job.Revoked != n+1 || job.FinishedAt.IsZero() {
		t.Errorf("%+v", job)
	}
	for _, cert := range f.certificates() {
		if cert.Serial == other.Record.Serial {
			if cert.Revocation != nil {
				t.Error("another vendor's is revoked")
			}
			continue
		}
		if rev := cert.Revocation; rev == nil || !rev.RevocationDate.Equal(cert.NotBefore) || !rev.InvalidityDate.Equal(cert.NotBefore) || rev.By != "olga" {
			t.Fatalf("%s: %+v", cert.Serial, rev)
		}
	}
	if got := listed(t, f.ca, "standard"); len(got) != n+1 {
		t.Errorf("%d listed, want %d", len(got), n+1)
	}
	if der, err := f.ca.OCSP(t.Context(), request); err != nil || statusOf(t, der, issued) != ocsp.Revoked {
		t.Errorf("OCSP: %v", err)
	}
	again := f.mass(store.RevocationJob{Vendor: "acme", Revocation: store.Revocation{Reason: ReasonSuperseded}})
	if again.Total != n+1 || again.Seen != n+1 || again.Revoked != 0 {
		t.Errorf("again: %+v", again)
	}
	if count, err := f.ca.CountMass(t.Context(), store.RevocationJob{Vendor: "acme", Revocation: store.Revocation{Reason: ReasonSuperseded}}); err != nil || count.Already != n+1 {
		t.Errorf("%+v, %v", count, err)
	}
}

// TestMassRevocationDuringIssue: one that is decided while a certificate is being
// signed reaches it, although it had passed its serial number.
func TestMassRevocationDuringIssue(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	c := f.open(f.store)
	during := f.open(&updateHook{Store: f.store, before: func(n int) {
		if n == 2 { // the record's; the intent's came first
			f.mass(store.RevocationJob{Vendor: "acme", Revocation: store.Revocation{Reason: ReasonSuperseded}})
		}
	}})
	_, err := during.Issue(t.Context(), Request{Vendor: "acme", PublicKey: newKey(t).Public()})
	wantRefusal(t, err, CodeRevokedMeanwhile)
	if recs := f.certificates(); len(recs) != 1 || recs[0].Revocation == nil || len(listOf(t, c, recs[0]).RevokedCertificateEntries) != 1 {
		t.Errorf("on record: %+v", recs)
	}
	f.clock.Add(time.Second)
	if recs := f.issue("acme"); recs.Record.Revocation != nil { // decided before it was asked for
		t.Error("revoked as well")
	}
}

// updateHook calls a function before each transaction.
type updateHook struct {
	Store
	n      int
	before func(n int)
}

func (h *updateHook) Update(ctx context.Context, fn func(store.Tx) error) error {
	h.n++
	h.before(h.n)
	return h.Store.Update(ctx, fn)
}

// TestKeyCompromiseTakesTheKey: every certificate of it, however many, and no more.
func TestKeyCompromiseTakesTheKey(t *testing.T) {
	for _, n := range []int{2, maxTogether + 20} {
		f := newFixture(t)
		f.assess("acme", "slsa-v0.1", "slsa", 1, year)
		issued, other := f.issue("acme"), f.issue("acme")
		copies(t, f.store, issued.Record, n)
		others, err := f.ca.RevokeKey(t.Context(), issued.Record.Serial, store.Revocation{RevocationDate: born, InvalidityDate: born})
		if err != nil || others != min(n, maxTogether) {
			t.Errorf("%d others, %v", others, err)
		}
		for _, cert := range f.certificates() {
			if revoked := cert.Revocation != nil; revoked == (cert.Serial == other.Record.Serial) {
				t.Errorf("%s: revoked %v", cert.Serial, revoked)
			} else if revoked && (cert.Revocation.Reason != ReasonKeyCompromise || !cert.Revocation.InvalidityDate.Equal(cert.NotBefore)) {
				t.Errorf("%+v", cert.Revocation)
			}
		}
		if got := listed(t, f.ca, "standard"); len(got) != n+1 {
			t.Errorf("%d listed, want %d", len(got), n+1)
		}
		_, err = f.ca.RevokeKey(t.Context(), "1234", store.Revocation{})
		wantRefusal(t, err, CodeUnknownCertificate)
	}
}

// TestWithdrawalOfMany: the assessment ends in one small transaction, and everything
// that relies on it is revoked behind it, as if it had been in that one.
func TestWithdrawalOfMany(t *testing.T) {
	f := newFixture(t)
	assessed := f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	issued := f.issue("acme")
	n := 500
	copies(t, f.store, issued.Record, n)
	f.clock.Add(time.Hour)
	sizes := &updateSizes{Driver: f.store}
	reg, err := audit.New(audit.Config{
		Store: sizes, Ledger: &fakeLedger{}, Queue: noQueue{}, Certificates: f.ca, Catalogue: f.ca.catalogue, Arc: f.ca.arc, Now: f.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	req := audit.WithdrawRequest{ID: assessed.ID, By: "olga", Reason: "the builder was shared", Since: noon.Add(time.Minute), DryRun: true}
	dry, err := reg.Withdraw(t.Context(), req)
	if err != nil || len(dry.Certificates) != n+1 || dry.Job != "" {
		t.Fatalf("%d planned, job %q, %v", len(dry.Certificates), dry.Job, err)
	}
	req.DryRun = false
	plan, err := reg.Withdraw(t.Context(), req)
	if err != nil || len(plan.Certificates) != n+1 || plan.Job == "" {
		t.Fatalf("%d planned, job %q, %v", len(plan.Certificates), plan.Job, err)
	}
	if sizes.most > 20 {
		t.Errorf("a transaction of %d writes", sizes.most)
	}
	_, err = f.ca.Issue(t.Context(), Request{Vendor: "acme", PublicKey: newKey(t).Public()})
	wantRefusal(t, err, CodeNoAssessment) // at once
	if err := f.ca.WorkRevocations(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := map[string]store.Revocation{}
	for _, p := range dry.Certificates {
		want[p.Serial] = p.Revocation
	}
	for _, cert := range f.certificates() {
		got, w := cert.Revocation, want[cert.Serial]
		if got == nil || !got.RevocationDate.Equal(w.RevocationDate) || !got.InvalidityDate.Equal(w.InvalidityDate) || got.Reason != w.Reason || got.Note != w.Note || got.By != w.By {
			t.Fatalf("%s: %+v, planned %+v", cert.Serial, got, w)
		}
	}
	if again, err := reg.Withdraw(t.Context(), req); err != nil || len(again.Certificates) != n+1 {
		t.Errorf("again: %d, %v", len(again.Certificates), err)
	}
}

type noQueue struct{}

func (noQueue) Flush(context.Context) (int, error) { return 0, nil }

// updateSizes counts the writes of each transaction.
type updateSizes struct {
	storetest.Driver
	most int
}

func (s *updateSizes) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.Driver.Update(ctx, func(tx store.Tx) error {
		counting := &countingTx{Tx: tx}
		err := fn(counting)
		s.most = max(s.most, counting.n)
		return err
	})
}

type countingTx struct {
	store.Tx
	n int
}

func (c *countingTx) PutRaw(table, key string, value []byte) error {
	c.n++
	return c.Tx.PutRaw(table, key, value)
}

// Each write of a mass revocation fails in turn: worked on again, it ends as if nothing
// had been, and says that it is finished only then.
func TestMassRevocationUnderFaults(t *testing.T) {
	const n = 3
	seeded := func(t *testing.T) storetest.Driver {
		d := storetest.NewMemory()
		f := newFixtureAt(t, noon, d)
		f.assess("acme", "slsa-v0.1", "slsa", 1, year)
		copies(t, d, f.issue("acme").Record, n)
		if err := f.ca.PublishCRLs(context.Background()); err != nil { // that all are missing is another test's
			t.Fatal(err)
		}
		return d
	}
	storetest.EachFault(t, seeded, func(t *testing.T, d storetest.Driver, faulty *storetest.Faulty) {
		f := &fixture{t: t, store: d, clock: &clock{t: noon}}
		broken := f.open(faulty)
		job, err := broken.StartMass(context.Background(), store.RevocationJob{Vendor: "acme", Revocation: store.Revocation{Reason: ReasonSuperseded}})
		if err != nil {
			return // nobody was told that it will be done
		}
		err = broken.WorkRevocations(context.Background())
		f.ca = f.open(d)
		after, lookErr := f.ca.MassRevocation(context.Background(), job.ID)
		if lookErr != nil {
			t.Fatal(lookErr)
		}
		if err == nil && after.FinishedAt.IsZero() {
			t.Error("done without an error, and not finished")
		}
		if !after.FinishedAt.IsZero() && len(listed(t, f.ca, "standard")) != n+1 {
			t.Error("finished before the lists were out")
		}
		wantAllRevoked(t, f, job.ID, n+1)
	})
}

// wantAllRevoked has a job finished and looks at everything that it was to do.
func wantAllRevoked(t *testing.T, f *fixture, id string, n int) {
	t.Helper()
	ctx := context.Background()
	if err := f.ca.WorkRevocations(ctx); err != nil {
		t.Fatal(err)
	}
	job, err := f.ca.MassRevocation(ctx, id)
	if err != nil || job.FinishedAt.IsZero() || job.Seen != n || job.Revoked != n {
		t.Errorf("job %+v, %v", job, err)
	}
	on := listed(t, f.ca, "standard")
	for _, cert := range f.certificates() {
		if cert.Revocation == nil || on[cert.Serial] != 1 {
			t.Fatalf("%s: %+v, %d times listed", cert.Serial, cert.Revocation, on[cert.Serial])
		}
	}
	if len(on) != n {
		t.Errorf("%d listed, want %d", len(on), n)
	}
	f.view(func(r store.Reader) error {
		told := map[string]int{}
		for e, err := range store.Events.All(r, "") {
			if err != nil {
				return err
			}
			if e.Action == "revoke.certificate" {
				told[e.Object]++
			}
		}
		if len(told) != n {
			t.Errorf("%d certificates in the audit trail, want %d", len(told), n)
		}
		for serial, times := range told {
			if times != 1 {
				t.Errorf("%s: revoked %d times", serial, times)
			}
		}
		unlisted, err := store.UnlistedRevocations.Len(r)
		return errors.Join(err, store.Check(r), when(unlisted > 0, "not all is listed"))
	})
}

func when(bad bool, text string) error {
	if bad {
		return errors.New(text)
	}
	return nil
}

const (
	massDir   = "HALLMARK_TEST_MASS"       // the child's folder
	massKill  = "HALLMARK_TEST_MASS_KILL"  // at which of its transactions it dies
	massDelay = "HALLMARK_TEST_MASS_DELAY" // and how many microseconds after that has begun
)

// TestMassRevocationUnderKills: a process that works on it is killed at random moments
// of random transactions, ten times; the one after goes on by itself.
func TestMassRevocationUnderKills(t *testing.T) {
	const n, kills = 5000, 10
	dir := t.TempDir()
	f := openMass(t, dir)
	f.seed()
	id := startMass(t, f, n)
	last := numbers(t, f.ca)
	if err := f.store.Close(); err != nil {
		t.Fatal(err)
	}
	for range kills {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMassRevocationChild$")
		cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir(), massDir+"="+dir, fmt.Sprintf("%s=%d", massKill, 1+rand.IntN(3)), fmt.Sprintf("%s=%d", massDelay, rand.IntN(30000)))
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("the child was not killed: %v\n%s", err, out)
		}
		f = openMass(t, dir)
		job, err := f.ca.MassRevocation(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		now := numbers(t, f.ca)
		for name, number := range now {
			if number.Cmp(last[name]) < 0 {
				t.Errorf("%s: number %d after %d", name, number, last[name])
			}
		}
		last = now
		if err := f.store.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("killed at %d of %d", job.Seen, n)
	}
	wantAllRevoked(t, openMass(t, dir), id, n)
}

// openMass opens a folder's store with a CA. Each process has keys of its own, but
// nothing here looks at signatures.
func openMass(t *testing.T, dir string) *fixture {
	t.Helper()
	d, err := bolt.Open(filepath.Join(dir, "db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	f := &fixture{t: t, store: d, clock: &clock{t: noon}, auditor: newKey(t), second: newKey(t), officer: newKey(t)}
	f.ca = f.open(d)
	return f
}

// startMass puts certificates on record and decides to revoke them.
func startMass(t *testing.T, f *fixture, n int) string {
	t.Helper()
	cert := hierarchy(t).tiers[0].cert
	copies(t, f.store, store.Certificate{
		Tier: "standard", Vendor: "acme", DER: cert.Raw, SPKISHA256: "k", NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(year), IssuedAt: noon.Add(-time.Hour),
	}, n)
	job, err := f.ca.StartMass(t.Context(), store.RevocationJob{Vendor: "acme", Revocation: store.Revocation{Reason: ReasonSuperseded}})
	if err != nil || job.Total != n {
		t.Fatalf("%+v, %v", job, err)
	}
	return job.ID
}

// TestMassRevocationChild is the process that is killed.
func TestMassRevocationChild(t *testing.T) {
	dir := os.Getenv(massDir)
	if dir == "" {
		return
	}
	at, err1 := strconv.Atoi(os.Getenv(massKill))
	delay, err2 := strconv.Atoi(os.Getenv(massDelay))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	f := openMass(t, dir)
	c := f.open(&updateHook{Store: f.store, before: func(n int) {
		if n == at {
			time.AfterFunc(time.Duration(delay)*time.Microsecond, func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) })
		}
	}})
	c.KeepRevoking(t.Context(), time.Hour) // until killed
}

// TestMassRevocationOfMany prints what 100,000 cost; HALLMARK_MASS says how many.
func TestMassRevocationOfMany(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("HALLMARK_MASS"))
	if err != nil {
		n = 1000
	}
	f := openMass(t, t.TempDir())
	f.seed()
	id := startMass(t, f, n)
	begun := time.Now()
	if err := f.ca.WorkRevocations(t.Context()); err != nil {
		t.Fatal(err)
	}
	took := time.Since(begun)
	largest, sum := 0, 0
	for _, name := range f.ca.Lists() {
		der, err := f.ca.CRL(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x509.ParseRevocationList(der); err != nil {
			t.Error(err)
		}
		largest, sum = max(largest, len(der)), sum+len(der)
	}
	serial := f.certificates()[0].Serial
	begun = time.Now()
	if err := f.ca.Revoke(t.Context(), serial, store.Revocation{Reason: ReasonKeyCompromise}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d certificates in %s (%.0f/s); lists %d bytes, the largest %d; one more revocation after it %s",
		n, took.Round(time.Millisecond), float64(n)/took.Seconds(), sum, largest, time.Since(begun).Round(time.Millisecond))
	f.view(store.Check)
	if job, err := f.ca.MassRevocation(t.Context(), id); err != nil || job.Revoked != n || job.FinishedAt.IsZero() {
		t.Errorf("%+v, %v", job, err)
	}
}
