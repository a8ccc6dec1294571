package ledger

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"golang.org/x/mod/sumdb/note"
)

const origin = "log.example.com/test"

func options(t testing.TB, dir string) Options {
	t.Helper()
	s, vkey, err := NewSigner(origin, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return Options{Dir: dir, Signer: s, VKey: vkey}
}

func verifier(t testing.TB) note.Verifier {
	t.Helper()
	v, err := note.NewVerifier(options(t, "").VKey)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func open(t testing.TB, o Options) *Log {
	t.Helper()
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeLog(t, l) })
	return l
}

func closeLog(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// entry is the n-th of many different ones.
func entry(n int) receipt.Entry {
	return receipt.Entry{
		Type: receipt.AssessmentAccepted, At: time.Date(2026, 3, 1, 12, 0, n, 0, time.UTC),
		Assessment: fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, n))), AuditorSPKI: strings.Repeat("ab", 32),
		Vendor: "https://vendor.example.com", Framework: "https://slsa.dev/spec/v0.1", Track: "build", Level: 3,
	}
}

func appended(t testing.TB, l *Log, n int) []byte {
	t.Helper()
	raw, _, err := l.Append(t.Context(), entry(n))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// appendAll appends n entries at once; in goroutines, a test may not be ended.
func appendAll(t *testing.T, l *Log, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if _, _, err := l.Append(t.Context(), entry(i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestAppend(t *testing.T) {
	l := open(t, options(t, t.TempDir()))
	if l.Origin() != origin {
		t.Errorf("origin %q", l.Origin())
	}
	if n, err := l.Size(t.Context()); n != 0 || err != nil {
		t.Errorf("a new log has %d entries, %v", n, err)
	}
	for i := range 3 {
		raw, index, err := l.Append(t.Context(), entry(i))
		if err != nil || index != uint64(i) {
			t.Fatalf("index %d, %v", index, err)
		}
		r, err := receipt.Verify(raw, verifier(t))
		if err != nil {
			t.Fatal(err)
		}
		if r.Index != index || r.Origin != origin || !same(r.Entry, entry(i)) {
			t.Errorf("receipt %+v", r)
		}
		if n, err := l.Size(t.Context()); n != index+1 || err != nil {
			t.Errorf("after entry %d the published size is %d, %v", index, n, err)
		}
	}
	again, err := l.Receipt(t.Context(), entry(1), 1)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := receipt.Verify(again, verifier(t)); err != nil || r.TreeSize != 3 {
		t.Errorf("later receipt %+v, %v", r, err)
	}
	if _, err := l.Receipt(t.Context(), entry(2), 1); !receipt.Is(err, receipt.NotIncluded) {
		t.Errorf("a receipt for what is not there: %v", err)
	}
	bad := entry(9)
	bad.Level = 0
	if _, _, err := l.Append(t.Context(), bad); !receipt.Is(err, receipt.BadEntry) {
		t.Errorf("bad entry: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := l.Append(gone, entry(9)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if n, _ := l.Size(t.Context()); n != 3 {
		t.Errorf("refused entries are in the log: size %d", n)
	}
}

func TestConcurrentAppends(t *testing.T) {
	l := open(t, options(t, t.TempDir()))
	const n = 40
	var mu sync.Mutex
	seen := map[uint64]int{}
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			raw, index, err := l.Append(t.Context(), entry(i))
			if err != nil {
				t.Error(err)
				return
			}
			if r, err := receipt.Verify(raw, verifier(t)); err != nil || r.Index != index || !same(r.Entry, entry(i)) {
				t.Errorf("receipt of %d: %+v, %v", i, r, err)
			}
			mu.Lock()
			seen[index] = i
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(seen) != n {
		t.Errorf("%d indexes for %d entries", len(seen), n)
	}
	next := uint64(5)
	for e, err := range l.Entries(t.Context(), 5) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Index != next || !same(e.Entry, entry(seen[next])) {
			t.Errorf("entry %d is %+v", next, e)
		}
		next++
	}
	if next != n {
		t.Errorf("entries end at %d", next)
	}
	for range l.Entries(t.Context(), n) {
		t.Error("an entry past the end")
	}
}

// More than one bundle of 256, so that full and partial tiles are both read.
func TestManyEntries(t *testing.T) {
	dir := t.TempDir()
	l := open(t, options(t, dir))
	const n = 600
	appendAll(t, l, n)
	count := 0
	for _, err := range l.Entries(t.Context(), 250) {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	if count != n-250 {
		t.Errorf("%d entries from 250 on, want %d", count, n-250)
	}
	closeLog(t, l)
	open(t, options(t, dir)) // the check at the start reads across tiles
}

func TestTamperedReceipt(t *testing.T) {
	l := open(t, options(t, t.TempDir()))
	var good []byte
	for i := range 3 {
		good = appended(t, l, i)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if _, err := receipt.Verify(bad, verifier(t)); err == nil {
			t.Fatalf("byte %d changed and accepted", i)
		}
	}
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	l := open(t, options(t, dir))
	if _, err := Open(t.Context(), options(t, dir)); !errors.Is(err, ErrLocked) {
		t.Errorf("second log in this process: %v", err)
	}
	cmd := child(t, dir, 1)
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), "refused: open log: "+ErrLocked.Error()) {
		t.Errorf("second process: %v\n%s", err, out)
	}
	appended(t, l, 0) // the first is not disturbed
	closeLog(t, l)
	open(t, options(t, dir))
}

func TestClose(t *testing.T) {
	dir := t.TempDir()
	l := open(t, options(t, dir))
	appended(t, l, 0)
	for range 2 {
		closeLog(t, l)
	}
	if _, _, err := l.Append(t.Context(), entry(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	o := options(t, t.TempDir())
	l := open(t, o)
	appendAll(t, l, 5)
	closeLog(t, l)
	before := files(t, o.Dir)

	other := o
	other.Signer, other.VKey, _ = NewSigner(origin, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32)))
	renamed := o
	renamed.Signer, renamed.VKey, _ = NewSigner("log.example.com/other", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32)))
	mixed := o
	mixed.VKey = other.VKey
	behind := o
	behind.MinSize = 6
	damaged := func(change func(dir string) error) Options {
		d := o
		d.Dir = t.TempDir()
		if err := os.CopyFS(d.Dir, os.DirFS(o.Dir)); err != nil {
			t.Fatal(err)
		}
		if err := change(d.Dir); err != nil {
			t.Fatal(err)
		}
		return d
	}
	overwrite := func(name string) Options {
		return damaged(func(dir string) error {
			path := filepath.Join(dir, name)
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			raw[len(raw)/2] ^= 1
			return os.WriteFile(path, raw, 0o644)
		})
	}
	for name, c := range map[string]struct {
		o    Options
		want error
	}{
		"another key":           {other, ErrForeign},
		"another origin":        {renamed, ErrForeign},
		"behind the records":    {behind, ErrRolledBack},
		"checkpoint changed":    {overwrite("checkpoint"), ErrForeign},
		"hashes changed":        {overwrite("tile/0/000.p/5"), ErrDamaged},
		"entries without tiles": {damaged(func(d string) error { return os.RemoveAll(filepath.Join(d, "tile", "0")) }), ErrDamaged},
		"tiles without entries": {damaged(func(d string) error { return os.RemoveAll(filepath.Join(d, "tile", "entries")) }), ErrDamaged},
		"no checkpoint":         {damaged(func(d string) error { return os.Remove(filepath.Join(d, "checkpoint")) }), ErrDamaged},
		"no checkpoint, behind": {Options{Dir: t.TempDir(), Signer: o.Signer, VKey: o.VKey, MinSize: 1}, ErrRolledBack},
		"key of another signer": {mixed, nil},
		"no signer":             {Options{Dir: o.Dir, VKey: o.VKey}, nil},
		"no directory":          {Options{Signer: o.Signer, VKey: o.VKey}, nil},
		"no key":                {Options{Dir: o.Dir, Signer: o.Signer}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := Open(t.Context(), c.o)
			if err == nil {
				closeLog(t, l)
			}
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
	if d := cmp.Diff(before, files(t, o.Dir)); d != "" {
		t.Errorf("a refused opening changed the log:\n%s", d)
	}
	same := o
	same.MinSize = 5
	open(t, same)
}

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		out[path] = fmt.Sprintf("%x", sha256.Sum256(raw))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A process that died after writing the tree's state and before signing the empty
// tree leaves a log without checkpoint and without entries.
func TestDiedBeforeFirstCheckpoint(t *testing.T) {
	o := options(t, t.TempDir())
	closeLog(t, open(t, o))
	if err := os.Remove(filepath.Join(o.Dir, "checkpoint")); err != nil {
		t.Fatal(err)
	}
	appended(t, open(t, o), 0)
}

// TestChild appends until it is killed, and says what was acknowledged.
// A child that appends is killed at an arbitrary moment, several times over. Every
// receipt it handed out must verify, be consistent with the later log, and its
// entry must be at its index.
// consistent checks that the tree of an old receipt is a beginning of the log's.
// A client that knows only C2SP's layout reads the log over HTTP.
// The log library's own messages must not reach a program's stderr.
func TestNewSigner(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	for _, bad := range []string{"", "a b", "a+b", "a\nb"} {
		if _, _, err := NewSigner(bad, key); err == nil {
			t.Errorf("origin %q accepted", bad)
		}
	}
	if _, _, err := NewSigner(origin, key[:10]); err == nil {
		t.Error("half a key accepted")
	}
}

func same(a, b receipt.Entry) bool { return cmp.Equal(a, b) }
