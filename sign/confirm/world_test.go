package confirm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/notify"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

var (
	start  = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	digest = strings.Repeat("ab", 32)
	errOff = errors.New("broken on purpose")
)

// world is a vendor with provisional signatures, and everything around the reconciler.
// What is fake can be seen and can fail.
type world struct {
	t     testing.TB
	store storetest.Driver
	r     *Reconciler
	now   time.Time

	judgements map[string]Judgement // by Signature.ID
	judgeErr   error
	holdsErr   error
	clockErr   error
	publishErr error
	putErr     error
	published  []string
	filed      map[string]int // by envelope
	dryRun     bool
	storm      Storm
}

func newWorld(t testing.TB) *world { return newWorldOn(t, storetest.NewMemory()) }

func newWorldOn(t testing.TB, d storetest.Driver) *world {
	t.Helper()
	w := &world{t: t, store: d, now: start, judgements: map[string]Judgement{}, filed: map[string]int{}, storm: DefaultStorm()}
	must(t, d.Update(context.Background(), func(tx store.Tx) error {
		return errors.Join(store.People.Put(tx, officer("olga")), store.People.Put(tx, officer("otto")),
			store.Vendors.Put(tx, store.Vendor{ID: "acme", URI: "https://acme.example.com", Organization: "Acme", Country: "NL", Owners: []string{"Holding"}, CreatedAt: start}))
	}))
	w.open()
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open starts a reconciler, as after a crash.
func (w *world) open() {
	w.t.Helper()
	var err error
	w.r, err = New(Config{Store: w.store, Judge: w, Certificates: w, Repository: w, Storm: w.storm, DryRun: w.dryRun, Now: func() time.Time { return w.now }})
	must(w.t, err)
}

// sign puts a provisional signature on record, due in an hour, with a certificate of its own.
func (w *world) sign(name string) store.Signature { return w.signFor("acme", name) }

// signFor is sign for a vendor.
func (w *world) signFor(vendor, name string) store.Signature {
	w.t.Helper()
	s := store.Signature{
		ID: store.NewID(w.now), Vendor: vendor, Serial: "0a" + fmt.Sprintf("%x", name), Digest: digest, Format: "deb", Product: name, At: w.now, By: "vera",
		Mode: store.SignatureModeProvisional, State: store.SignatureProvisional, ConfirmBy: w.now.Add(time.Hour).Truncate(time.Second),
	}
	must(w.t, w.store.Update(context.Background(), func(tx store.Tx) error {
		return errors.Join(store.Signatures.Insert(tx, s), store.Certificates.Insert(tx, store.Certificate{
			Serial: s.Serial, Tier: "standard", Vendor: vendor, DER: []byte(s.Serial), SPKISHA256: digest, NotBefore: w.now.Add(-time.Minute), NotAfter: w.now.AddDate(0, 1, 0), IssuedAt: w.now, Build: "sha256:" + digest}))
	}))
	return s
}

func (w *world) Judge(_ context.Context, s store.Signature) (Judgement, error) {
	return w.judgements[s.ID], w.judgeErr
}

func (w *world) Holds(store.Reader, store.Signature) error { return w.holdsErr }

func (w *world) FailedSummary(_ context.Context, s store.Signature, _ []string) ([]byte, error) {
	return []byte("failed " + s.Product), nil
}

func (w *world) RevokeIn(tx store.Tx, serial string, rev store.Revocation) error {
	c, err := store.Certificates.Get(tx, serial)
	if err != nil {
		return err
	}
	if c.Revocation != nil && !rev.RevocationDate.Before(c.Revocation.RevocationDate) {
		return &ca.Refusal{Code: ca.CodeAlreadyRevoked}
	}
	if limit := w.now.Add(time.Minute); rev.RevocationDate.After(limit) || rev.InvalidityDate.After(limit) { // as the CA does
		return &ca.Refusal{Code: ca.CodeRevocationDate}
	}
	c.Revocation = &rev
	return store.Certificates.Put(tx, c)
}

func (w *world) PublishRevoked(_ context.Context, serials ...string) error {
	if w.publishErr == nil {
		w.published = append(w.published, serials...)
	}
	return w.publishErr
}

func (w *world) TrustedTime(context.Context) (time.Time, error) {
	return w.now.Round(time.Second), w.clockErr
}

func (w *world) Put(_ context.Context, vendor string, envelope []byte) ([]string, error) {
	if w.putErr != nil {
		return nil, w.putErr
	}
	w.filed[vendor+": "+string(envelope)]++
	return []string{digest}, nil
}

func (w *world) grant(s store.Signature) {
	w.judgements[s.ID] = Judgement{Granted: true, Summary: []byte("passed " + s.Product), Evidence: []string{digest}}
}

func (w *world) contradict(s store.Signature) {
	w.judgements[s.ID] = Judgement{Contradicted: true, Detail: "another digest", Evidence: []string{digest},
		Verdicts: []store.IncidentVerdict{{Rule: "build.not-contradicted", Outcome: "fail", Detail: "another digest", Evidence: digest}}}
}

// after moves the clock on.
func (w *world) after(d time.Duration) { w.now = w.now.Add(d) }

func (w *world) tick() {
	w.t.Helper()
	must(w.t, w.r.Tick(context.Background()))
}

func (w *world) sweep() {
	w.t.Helper()
	must(w.t, w.r.Sweep(context.Background()))
}

// poke says that something was filed, and settles.
func (w *world) poke() {
	w.t.Helper()
	w.r.Poke("acme", digest)
	must(w.t, w.r.settlePoked(context.Background()))
}

func (w *world) signature(s store.Signature) (out store.Signature) {
	w.t.Helper()
	must(w.t, w.store.View(context.Background(), func(r store.Reader) (err error) {
		out, err = store.Signatures.Get(r, s.ID)
		return err
	}))
	return out
}

func (w *world) certificate(s store.Signature) (out store.Certificate) {
	w.t.Helper()
	must(w.t, w.store.View(context.Background(), func(r store.Reader) (err error) {
		out, err = store.Certificates.Get(r, s.Serial)
		return err
	}))
	return out
}

func (w *world) incidents() (out []store.Incident) {
	w.t.Helper()
	must(w.t, w.store.View(context.Background(), func(r store.Reader) error {
		out = nil
		for i, err := range store.Incidents.All(r, "") {
			if err != nil {
				return err
			}
			out = append(out, i)
		}
		return nil
	}))
	return out
}

// notices returns the types told, and wants each to be documented.
func (w *world) notices() (out []string) {
	w.t.Helper()
	must(w.t, w.store.View(context.Background(), func(r store.Reader) error {
		out = nil
		for n, err := range store.Notices.All(r, "") {
			if err != nil {
				return err
			}
			if err := notify.CheckDocumented(n); err != nil {
				w.t.Error(err)
			}
			out = append(out, n.Type)
		}
		return nil
	}))
	return out
}

func (w *world) figures() (f Figures) {
	w.t.Helper()
	must(w.t, w.store.View(context.Background(), func(r store.Reader) (err error) {
		f, err = Count(r, w.now)
		return err
	}))
	return f
}

// want holds a signature against a state, and its certificate with it: only what is
// revoked is revoked.
func (w *world) want(s store.Signature, state string) store.Signature {
	w.t.Helper()
	got, cert := w.signature(s), w.certificate(s)
	if got.State != state {
		w.t.Errorf("%s is %s, want %s", s.Product, got.State, state)
	}
	if (cert.Revocation != nil) != (state == store.SignatureRevoked) {
		w.t.Errorf("%s is %s, its certificate's revocation %+v", s.Product, got.State, cert.Revocation)
	}
	return got
}

func officer(id string) store.Person {
	return store.Person{ID: id, Role: "officer", Organization: "Example CA", CreatedAt: start}
}
