package doctor

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/ledger"
	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/bolt"
	"github.com/hallmark-pki/hallmark/test/cast"
)

// The child process works in this folder and kills itself at this moment.
const (
	killDir    = "HALLMARK_TEST_DOCTOR"
	killMoment = "HALLMARK_TEST_DOCTOR_MOMENT"
)

// TestKillBetweenLogAndStore kills a process before and after each append to the log
// and each commit of the store while an assessment is superseded and the next one
// withdrawn. At every such moment nothing is in force without a receipt, and the doctor
// can explain every entry; after a restart there is nothing left to explain but
// repetitions.
func TestKillBetweenLogAndStore(t *testing.T) {
	for _, where := range []string{"before append", "after append", "before commit", "after commit"} {
		for n := 0; ; n++ {
			moment := fmt.Sprintf("%s %d", where, n)
			dir := t.TempDir()
			if !killedAt(t, dir, moment) {
				if n == 0 {
					t.Fatalf("%s: never came", moment)
				}
				break
			}
			t.Run(moment, func(t *testing.T) {
				p := openPlace(t, dir)
				p.wantSound(t, "after the kill")
				if err := p.register(t, p.db, p.log).Recover(t.Context()); err != nil {
					t.Fatal(err)
				}
				if _, err := (&queue.Queue{Store: p.db, Log: p.log, Now: time.Now}).Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				for _, f := range p.wantSound(t, "after the restart") {
					if f.Severity != Warning && !strings.Contains(f.Detail, "was logged at") {
						t.Errorf("after the restart: %s: %s", f.About, f.Detail)
					}
				}
			})
		}
	}
}

// killedAt runs a child and reports whether its moment came.
func killedAt(t *testing.T, dir, moment string) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKillChild$")
	cmd.Env = append(os.Environ(), killDir+"="+dir, killMoment+"="+moment)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", moment, err, out)
	}
	return false
}

// place is a CA's store and log in a folder.
type place struct {
	db  *bolt.DB
	log *ledger.Log
}

func openPlace(t *testing.T, dir string) place {
	t.Helper()
	db, err := bolt.Open(filepath.Join(dir, "db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	var size uint64
	if err := db.View(t.Context(), func(r store.Reader) (err error) { size, err = queue.MinSize(r); return err }); err != nil {
		t.Fatal(err)
	}
	signer, vkey, err := ledger.NewSigner("log.example/test", ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	log, err := ledger.Open(t.Context(), ledger.Options{Dir: filepath.Join(dir, "log"), Signer: signer, VKey: vkey, MinSize: size})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close(context.Background()) })
	return place{db, log}
}

// wantSound fails on anything unexplained and returns what is explained.
func (p place) wantSound(t *testing.T, when string) []Finding {
	t.Helper()
	var notes []Finding
	err := Examine(t.Context(), Patient{Store: p.db, Log: p.log, LogKey: logKey(t), CA: new(fakeIssuer), Evidence: new(fakeFiles)}, func(f Finding) {
		if f.Severity == Problem {
			t.Errorf("%s: %s: %s", when, f.About, f.Detail)
		} else {
			notes = append(notes, f)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return notes
}

// noCertificates has nothing to revoke.
type noCertificates struct{}

func (noCertificates) RevokeIn(store.Tx, string, store.Revocation) error { return nil }
func (noCertificates) PublishCRLs(context.Context) error                 { return nil }
func (noCertificates) RevokeLaterIn(store.Tx, store.RevocationJob) (string, error) {
	return "", nil
}
func (noCertificates) StartRevocations() {}

type registerLog interface {
	audit.Ledger
	queue.Log
}

func (p place) register(t *testing.T, db audit.Store, log registerLog) *audit.Register {
	t.Helper()
	catalogue, err := audit.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	reg, err := audit.New(audit.Config{
		Store: db, Ledger: log, Queue: &queue.Queue{Store: db, Log: log, Now: time.Now}, Certificates: noCertificates{},
		Catalogue: catalogue, Arc: ext.DefaultArc(), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

// killer counts appends and commits, once armed, and ends the process at its moment.
type killer struct {
	place
	moment string
	armed  bool
	counts map[string]int
}

func (k *killer) at(where string) {
	if !k.armed {
		return
	}
	if fmt.Sprintf("%s %d", where, k.counts[where]) == k.moment {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	k.counts[where]++
}

func (k *killer) Origin() string { return k.log.Origin() }

func (k *killer) Append(ctx context.Context, e receipt.Entry) ([]byte, uint64, error) {
	k.at("before append")
	defer k.at("after append")
	return k.log.Append(ctx, e)
}

func (k *killer) AppendRaw(ctx context.Context, list [][]byte) ([]uint64, error) {
	k.at("before append")
	defer k.at("after append")
	return k.log.AppendRaw(ctx, list)
}

func (k *killer) View(ctx context.Context, fn func(store.Reader) error) error {
	return k.db.View(ctx, fn)
}

func (k *killer) Update(ctx context.Context, fn func(store.Tx) error) error {
	k.at("before commit")
	defer k.at("after commit")
	return k.db.Update(ctx, fn)
}

// TestKillChild is the process that dies; without its environment it does nothing.
func TestKillChild(t *testing.T) {
	dir := os.Getenv(killDir)
	if dir == "" {
		return
	}
	k := &killer{place: openPlace(t, dir), moment: os.Getenv(killMoment), counts: map[string]int{}}
	reg := k.register(t, k, k)
	p := newPlay(t, k.db, reg)
	p.accept(t, p.submit(t, 3, time.Now().Add(-2*time.Hour)))
	second := p.submit(t, 2, time.Now().Add(-time.Hour))
	k.armed = true
	p.accept(t, second)
	if _, err := reg.Withdraw(t.Context(), audit.WithdrawRequest{ID: second.ID, By: cast.Officer, Reason: "it was not so"}); err != nil {
		t.Fatal(err)
	}
}

// play is the cast with a register.
type play struct {
	*cast.Cast
	reg       *audit.Register
	framework audit.Framework
}

func newPlay(t *testing.T, db *bolt.DB, reg *audit.Register) play {
	t.Helper()
	people, err := cast.New()
	if err != nil {
		t.Fatal(err)
	}
	catalogue, err := audit.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	f, _ := catalogue.Lookup("slsa-v0.1")
	if err := db.Update(t.Context(), func(tx store.Tx) error { return people.Seed(tx, time.Now().UTC(), f.ID) }); err != nil {
		t.Fatal(err)
	}
	return play{people, reg, f}
}

func (p play) submit(t *testing.T, level int, at time.Time) store.Assessment {
	t.Helper()
	a, err := p.Assessment(p.framework, level, at)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := p.Sign(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := p.reg.Submit(t.Context(), envelope, cast.Auditor)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func (p play) accept(t *testing.T, rec store.Assessment) {
	t.Helper()
	countersigned, err := p.Countersign(t.Context(), rec.Envelope)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.reg.Accept(t.Context(), rec.ID, cast.Officer, countersigned); err != nil {
		t.Fatal(err)
	}
}
