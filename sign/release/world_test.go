package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

// noon is a Wednesday.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// world is vendor acme with people alice, bob, carol and dave, a machine robot and two
// certificates; vendor beta with bert; and officers olga and otto.
type world struct {
	t     *testing.T
	store storetest.Driver
	s     *Service
	now   time.Time
	made  int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, store: storetest.NewMemory(), now: noon}
	var err error
	w.s, err = New(Config{Store: w.store, Now: func() time.Time { return w.now }, Factors: []SecondFactor{SSH{}}, Rules: fakeRules{}})
	w.must(err)
	w.update(func(tx store.Tx) error {
		var errs []error
		for _, v := range []string{"acme", "beta"} {
			errs = append(errs, store.Vendors.Insert(tx, store.Vendor{ID: v, URI: "https://" + v + ".example", CreatedAt: noon}))
		}
		for id, vendor := range map[string]string{"alice": "acme", "bob": "acme", "carol": "acme", "dave": "acme", "bert": "beta"} {
			errs = append(errs, store.People.Insert(tx, store.Person{ID: id, Role: roleVendor, Vendor: vendor}))
		}
		errs = append(errs,
			store.People.Insert(tx, store.Person{ID: "olga", Role: roleOfficer}), store.People.Insert(tx, store.Person{ID: "otto", Role: roleOfficer}),
			store.People.Insert(tx, store.Person{ID: "robot", Role: roleMachine, Vendor: "acme"}),
			store.Machines.Insert(tx, store.Machine{Person: "robot", Vendor: "acme", Products: []string{"app"}}),
			store.SigningKeys.Insert(tx, store.SigningKey{ID: "k", Vendor: "acme", SPKISHA256: "aa"}))
		for i, serial := range []string{"01", "02"} {
			errs = append(errs, store.Certificates.Insert(tx, store.Certificate{Serial: serial, Tier: "high", Vendor: "acme", SPKISHA256: "aa", SigningKey: "k",
				NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(1, 0, 0), IssuedAt: noon.Add(time.Duration(i) * time.Second)}))
		}
		return errors.Join(errs...)
	})
	return w
}

// fakeRules takes what begins with "ok".
type fakeRules struct{}

func (fakeRules) Check(cel string) error {
	if bytes.HasPrefix([]byte(cel), []byte("ok")) {
		return nil
	}
	return errors.New("no rule")
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) update(fn func(store.Tx) error) {
	w.t.Helper()
	w.must(w.store.Update(context.Background(), fn))
}

func (w *world) person(id string) (p store.Person) {
	w.t.Helper()
	w.must(w.store.View(context.Background(), func(r store.Reader) (err error) { p, err = store.People.Get(r, id); return err }))
	return p
}

func (w *world) change(id string, fn func(*store.Person)) {
	w.t.Helper()
	p := w.person(id)
	fn(&p)
	w.update(func(tx store.Tx) error { return store.People.Put(tx, p) })
}

// request is for the newest certificate, 02.
func request(by string) sign.Request {
	return sign.Request{Vendor: "acme", Product: "app", Format: "detached", Digest: [32]byte{1}, By: by}
}

// use makes a signature as package sign does: asks, and puts it on record.
func (w *world) use(req sign.Request) error {
	ctx, serial := context.Background(), ""
	err := w.store.View(ctx, func(r store.Reader) error {
		var err error
		if serial, err = sign.SerialFor(r, req, w.now); err != nil {
			return err
		}
		return w.s.Permit(r, req, serial, w.now)
	})
	if err != nil {
		return err
	}
	return w.record(req, serial)
}

// record is the second half of use alone.
func (w *world) record(req sign.Request, serial string) error {
	if serial == "" {
		serial = "77"
	}
	id := store.NewID(w.now)
	return w.store.Update(context.Background(), func(tx store.Tx) error {
		signature := store.Signature{ID: id, Vendor: req.Vendor, Product: req.Product, Serial: serial, At: w.now, By: req.By}
		var err error
		if signature.Approval, err = w.s.Use(tx, req, signature); err != nil {
			return err
		}
		return store.Signatures.Insert(tx, signature)
	})
}

func (w *world) wantUse(req sign.Request) {
	w.t.Helper()
	w.must(w.use(req))
}

// wantNo wants a request refused for a reason, by both halves.
func (w *world) wantNo(req sign.Request, want sign.Code) {
	w.t.Helper()
	wantCode(w.t, w.use(req), want)
	serial := "02"
	if req.Certificate != "" {
		serial = req.Certificate
	}
	if req.PerBuild {
		serial = ""
	}
	wantCode(w.t, w.record(req, serial), want)
}

func wantCode(t testing.TB, err error, want sign.Code) {
	t.Helper()
	var r *sign.Refusal
	if !errors.As(err, &r) || r.Code != want || r.Detail == "" {
		t.Errorf("error %v, want a refusal with %s", err, want)
	}
}

// app is a policy that wants two of three approvers.
func app() store.SigningPolicy {
	return store.SigningPolicy{Vendor: "acme", Product: "app", Approvals: 2, Roles: []store.ProductRole{
		{Person: "alice", Role: store.ProductAdmin}, {Person: "alice", Role: store.ProductApprover}, {Person: "bob", Role: store.ProductApprover},
		{Person: "carol", Role: store.ProductApprover}, {Person: "alice", Role: store.ProductSigner}, {Person: "robot", Role: store.ProductSigner},
	}}
}

// set puts a policy in force, as the first one.
func (w *world) set(p store.SigningPolicy) store.PolicyChange {
	w.t.Helper()
	c, err := w.s.Propose(context.Background(), w.person("alice"), p)
	w.must(err)
	if c.State != store.ChangeInForce {
		w.t.Fatalf("policy is %s", c.State)
	}
	return c
}

func (w *world) ask(req sign.Request) store.SigningApproval {
	w.t.Helper()
	a, err := w.s.Ask(context.Background(), req, "please")
	w.must(err)
	return a
}

func (w *world) approve(id string, people ...string) {
	w.t.Helper()
	for _, who := range people {
		_, err := w.s.Approve(context.Background(), w.person(who), id, "", nil)
		w.must(err)
	}
}

// logged are the types of entries that wait for the log, and events the actions.
func (w *world) logged() (types, actions []string) {
	w.t.Helper()
	w.must(w.store.View(context.Background(), func(r store.Reader) error {
		for rec, err := range store.LedgerEntries.All(r, "") {
			if err != nil {
				return err
			}
			e, err := receipt.ParseEntry(rec.Entry)
			if err != nil {
				return err
			}
			types = append(types, e.Type)
		}
		for e, err := range store.Events.All(r, "") {
			if err != nil {
				return err
			}
			actions = append(actions, e.Action)
		}
		return nil
	}))
	return types, actions
}

// key is one of ssh-keygen's.
type key struct {
	t    *testing.T
	file string
}

func (w *world) newKey(kind string, more ...string) key {
	w.t.Helper()
	w.made++
	k := key{w.t, filepath.Join(w.t.TempDir(), fmt.Sprint("id_", w.made))}
	run(w.t, nil, "ssh-keygen", append([]string{"-q", "-t", kind, "-N", "", "-C", "test", "-f", k.file}, more...)...)
	return k
}

func (k key) public() []byte { return run(k.t, nil, "cat", k.file+".pub") }

func (k key) sign(namespace string, text []byte, more ...string) []byte {
	return run(k.t, text, "ssh-keygen", append([]string{"-q", "-Y", "sign", "-n", namespace, "-f", k.file}, more...)...)
}

func run(t *testing.T, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, stderr.Bytes())
	}
	return out
}

// failing is the service on a store whose nth write fails.
func (w *world) failing(n int) (*Service, func() bool) {
	faulty := storetest.FailWrite(w.store, n)
	c := w.s.c
	c.Store = faulty
	s, err := New(c)
	w.must(err)
	return s, faulty.Fired
}
