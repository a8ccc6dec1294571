package faults

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/ledger"
	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/bolt"
	"github.com/hallmark-pki/hallmark/test/cast"
	"golang.org/x/mod/sumdb/note"
)

const (
	passphrase = "correct horse battery staple"
	logOrigin  = "log.example/test"
	publicURL  = "http://ca.example.com"
)

// world is a CA on disk, opened: what 'hallmark serve' puts together, without HTTP.
type world struct {
	dir   string
	store *bolt.DB
	log   *ledger.Log
	vkey  string
	ca    *ca.CA
	queue *queue.Queue
}

// open opens what prepare has made. The caller closes it.
func open(ctx context.Context, dir string) (w *world, err error) {
	hierarchy, err := ca.OpenHierarchy(filepath.Join(dir, "hierarchy"), []byte(passphrase))
	if err != nil {
		return nil, err
	}
	w = &world{dir: dir}
	if w.store, err = bolt.Open(filepath.Join(dir, "db"), bolt.Options{}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.ca, err = ca.Open(ctx, ca.Config{Hierarchy: hierarchy, Store: w.store}); err != nil {
		return nil, err
	}
	var size uint64
	if err = w.store.View(ctx, func(r store.Reader) (err error) { size, err = queue.MinSize(r); return err }); err != nil {
		return nil, err
	}
	var signer note.Signer
	if signer, w.vkey, err = ledger.NewSigner(logOrigin, w.ca.LedgerKey()); err != nil {
		return nil, err
	}
	w.log, err = ledger.Open(ctx, ledger.Options{Dir: filepath.Join(dir, "log"), Signer: signer, VKey: w.vkey, MinSize: size, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	w.queue = &queue.Queue{Store: w.store, Log: w.log, Now: time.Now}
	return w, nil
}

func (w *world) close() error {
	var errs []error
	if w.log != nil {
		errs = append(errs, w.log.Close(context.Background()))
	}
	if w.store != nil {
		errs = append(errs, w.store.Close())
	}
	return errors.Join(errs...)
}

// openForTest opens and closes with the test.
func openForTest(t *testing.T, dir string) *world {
	t.Helper()
	w, err := open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.close() })
	return w
}

// prepare makes a CA in dir with an assessment of acme in force.
func prepare(t *testing.T, dir string) {
	t.Helper()
	hierarchy := filepath.Join(dir, "hierarchy")
	_, err := ca.Init(t.Context(), ca.InitConfig{Dir: hierarchy, Name: "Example CA", Country: "NL", Passphrase: []byte(passphrase), PublicURL: publicURL})
	if err != nil {
		t.Fatal(err)
	}
	cheapen(t, filepath.Join(hierarchy, "keys"))
	w, err := open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	}()
	assess(t, w)
	// The lists of every issuing CA are there before anything happens.
	if err := w.ca.PublishCRLs(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// cheapen encrypts the keys anew with one round of PBKDF2 in place of 600 000: a
// thousand children open them.
func cheapen(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.pem"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no keys in %s: %v", dir, err)
	}
	for _, file := range files {
		cheap := file + ".cheap"
		out, err := exec.CommandContext(t.Context(), "openssl", "pkcs8", "-topk8", "-in", file, "-out", cheap, "-passin", "pass:"+passphrase,
			"-passout", "pass:"+passphrase, "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA256", "-iter", "1").CombinedOutput()
		if err != nil {
			t.Fatalf("openssl pkcs8 %s: %v\n%s", file, err, out)
		}
		if err := os.Rename(cheap, file); err != nil {
			t.Fatal(err)
		}
	}
}

// assess brings an assessment of acme into force, the way it goes: signed, submitted,
// accepted.
func assess(t *testing.T, w *world) {
	t.Helper()
	ctx, now := t.Context(), time.Now().UTC()
	people, err := cast.New()
	if err != nil {
		t.Fatal(err)
	}
	catalogue, err := audit.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	framework, _ := catalogue.Lookup("slsa-v0.1")
	if err := w.store.Update(ctx, func(tx store.Tx) error { return people.Seed(tx, now, framework.ID) }); err != nil {
		t.Fatal(err)
	}
	register, err := audit.New(audit.Config{
		Store: w.store, Ledger: w.log, Queue: w.queue, Certificates: w.ca, Catalogue: catalogue, Arc: w.ca.Arc(), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	a, err := people.Assessment(framework, 3, now.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := people.Sign(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := register.Submit(ctx, envelope, cast.Auditor)
	if err != nil {
		t.Fatal(err)
	}
	countersigned, err := people.Countersign(ctx, envelope)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := register.Accept(ctx, rec.ID, cast.Officer, countersigned); err != nil {
		t.Fatal(err)
	}
}

// issue asks for a certificate for a new key.
func (w *world) issue(ctx context.Context) (ca.Issued, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return ca.Issued{}, err
	}
	return w.ca.Issue(ctx, ca.Request{Vendor: cast.Vendor, PublicKey: key.Public(), By: "vera", Way: "api"})
}

// copyTree copies a folder, so that a fault is met by a world that has met none.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// ack is one line that a child writes after a call has returned: what a client would
// hold or know.
type ack struct {
	Issued  string `json:",omitempty"` // serial number, with SHA256
	SHA256  string `json:",omitempty"` // of the certificate
	Revoked string `json:",omitempty"` // serial number
	Listed  string `json:",omitempty"` // name of a list, with Number
	Number  uint64 `json:",omitempty"`
	Failed  string `json:",omitempty"` // an error: what was asked for was not acknowledged
	Fault   string `json:",omitempty"` // the call that fails now
	Done    bool   `json:",omitempty"`
}

// tell writes a line in one write, so that two workers' lines do not mix and none is
// cut in half.
func tell(w io.Writer, a ack) {
	raw, err := json.Marshal(a)
	if err != nil {
		panic(err) // strings and numbers
	}
	fmt.Fprintf(w, "%s\n", raw)
}
