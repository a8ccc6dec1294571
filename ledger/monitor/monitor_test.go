package monitor

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ledger"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"golang.org/x/mod/sumdb/note"
)

const origin = "log.example.com/test"

func keys(t testing.TB, seed byte) (note.Signer, string) {
	t.Helper()
	s, vkey, err := ledger.NewSigner(origin, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return s, vkey
}

func openLog(t testing.TB, dir string, seed byte) *ledger.Log {
	t.Helper()
	s, vkey := keys(t, seed)
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: dir, Signer: s, VKey: vkey})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return l
}

// entry is the n-th of many different ones.
func entry(n int) receipt.Entry {
	return receipt.Entry{
		Type: receipt.AssessmentAccepted, At: time.Date(2026, 3, 1, 12, 0, n, 0, time.UTC),
		Assessment: fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, n))), AuditorSPKI: strings.Repeat("ab", 32),
		Vendor: "https://vendor.example.com", Framework: "https://slsa.dev/spec/v0.1", Track: "build", Level: 3,
	}
}

// extend appends entries, one after the other.
func extend(t testing.TB, l *ledger.Log, numbers ...int) {
	t.Helper()
	for _, n := range numbers {
		if _, _, err := l.Append(t.Context(), entry(n)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCheckFollows(t *testing.T) {
	l := openLog(t, t.TempDir(), 1)
	w := newWatch(t, l.Handler())
	w.sees(0)
	extend(t, l, 0, 1, 2)
	w.sees(0, 0, 1, 2)
	w.place.serve(l.Handler())
	w.sees(3)
	if want := []string{"/checkpoint"}; !slices.Equal(w.place.asked, want) {
		t.Errorf("with nothing new, asked for %v", w.place.asked)
	}
	extend(t, l, 3)
	w.sees(3, 3)
	extend(t, l, 4, 5)
	w.sees(4, 4, 5)
}

// Portions, full tiles, and partial ones of which only the full one is left.
func TestCheckManyEntries(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir, 1)
	grow := func(from, to int) {
		var wg sync.WaitGroup
		for i := from; i < to; i++ {
			wg.Go(func() {
				if _, _, err := l.Append(t.Context(), entry(i)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	grow(0, 200)
	w := newWatch(t, l.Handler())
	w.Follower.step = tileWidth
	count := func(want int) {
		t.Helper()
		next := uint64(0)
		r, err := w.Check(t.Context(), func(e Entry) error {
			if next == 0 {
				next = e.Index
			}
			if e.Index != next || e.Unread != nil {
				t.Errorf("entry %d, want %d: %v", e.Index, next, e.Unread)
			}
			next++
			return nil
		})
		if err != nil || r.Size-r.Before != uint64(want) {
			t.Fatalf("round %+v, %v, want %d entries", r, err, want)
		}
	}
	count(200)
	at200 := w.stateFile()
	grow(200, 1000)
	w.place.serve(l.Handler())
	count(800)

	// The log grew behind the checkpoint, and has thrown the partial tiles away.
	late := newWatch(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/checkpoint":
			rw.Write(at200)
		case strings.Contains(r.URL.Path, ".p/"):
			http.NotFound(rw, r)
		default:
			l.Handler().ServeHTTP(rw, r)
		}
	}))
	if r, err := late.Check(t.Context(), func(Entry) error { return nil }); err != nil || r.Size != 200 {
		t.Errorf("round %+v, %v, want 200 entries", r, err)
	}

	fresh := newWatch(t, changed(l.Handler(), "/tile/entries/002", flip(40)))
	fresh.Follower.step = tileWidth
	handed := 0
	if _, err := fresh.Check(t.Context(), func(Entry) error { handed++; return nil }); !errors.Is(err, ErrUnproven) || handed != 512 {
		t.Errorf("with entry bundle 2 changed: %d entries and %v, want 512 and %v", handed, err, ErrUnproven)
	}
	if len(fresh.stateFile()) != 0 {
		t.Error("a state was kept")
	}
}

func TestCheckRefuses(t *testing.T) {
	l := openLog(t, t.TempDir(), 1)
	extend(t, l, 0, 1, 2)
	log := l.Handler()
	other := openLog(t, t.TempDir(), 2)
	extend(t, other, 0, 1, 2, 3, 4)
	status := func(code int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	}
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:len(b)-n] } }
	more := func(b []byte) []byte { return append(b, 0) }
	for name, c := range map[string]struct {
		handler http.Handler
		want    error
	}{
		"checkpoint-by-another-key":  {other.Handler(), ErrForeign},
		"checkpoint-changed":         {changed(log, "/checkpoint", flip(len(origin)+1)), ErrForeign},
		"checkpoint-of-other-origin": {changed(log, "/checkpoint", flip(0)), ErrForeign},
		"checkpoint-empty":           {changed(log, "/checkpoint", func([]byte) []byte { return nil }), ErrForeign},
		"tile-changed":               {changed(log, "/tile/0/", flip(70)), ErrUnproven},
		"tile-short":                 {changed(log, "/tile/0/", cut(1)), ErrUnproven},
		"tile-long":                  {changed(log, "/tile/0/", more), ErrUnproven},
		"entry-changed":              {changed(log, "/tile/entries/", flip(60)), ErrUnproven},
		"entry-length-changed":       {changed(log, "/tile/entries/", flip(1)), ErrUnproven},
		"entries-short":              {changed(log, "/tile/entries/", cut(1)), ErrUnproven},
		"entries-long":               {changed(log, "/tile/entries/", more), ErrUnproven},
		"not-found":                  {http.NotFoundHandler(), ErrUnreachable},
		"server-error":               {status(500), ErrUnreachable},
		"no-content":                 {status(204), ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			newWatch(t, c.handler).refuses(c.want) // the first round
			if strings.HasPrefix(name, "tile-") || strings.HasPrefix(name, "entr") {
				return // with nothing new, no tile is asked for
			}
			w := newWatch(t, log)
			w.sees(0, 0, 1, 2)
			w.place.serve(c.handler)
			w.refuses(c.want)
			w.place.serve(log)
			w.sees(3)
		})
	}
}

func TestCheckRollback(t *testing.T) {
	dir, old := t.TempDir(), filepath.Join(t.TempDir(), "old")
	l := openLog(t, dir, 1)
	extend(t, l, 0, 1)
	if err := os.CopyFS(old, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	extend(t, l, 2)
	w := newWatch(t, l.Handler())
	w.sees(0, 0, 1, 2)
	restored := openLog(t, old, 1)
	w.place.serve(restored.Handler())
	c := w.conflicts(RolledBack, 3, 2)
	if c.Proof != nil {
		t.Error("a rollback needs no proof")
	}
	// The restored log goes on, and writes a second history over the first.
	extend(t, restored, 7)
	w.conflicts(Forked, 3, 3)
	extend(t, restored, 8)
	w.conflicts(Forked, 3, 4)
	w.place.serve(l.Handler())
	w.sees(3)
}

func TestCheckFork(t *testing.T) {
	a, b := openLog(t, t.TempDir(), 1), openLog(t, t.TempDir(), 1)
	extend(t, a, 0, 1, 2, 3, 4)
	extend(t, b, 0, 1, 2, 13, 14, 5, 6)
	w := newWatch(t, a.Handler())
	w.sees(0, 0, 1, 2, 3, 4)
	w.place.serve(b.Handler())
	c := w.conflicts(Forked, 5, 7)

	// What somebody who is shown the conflict can verify without the log.
	served, err := receipt.ParseCheckpoint(c.Served, w.key)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := receipt.ParseCheckpoint(c.Seen, w.key)
	if err != nil {
		t.Fatal(err)
	}
	tr := newTree(nil, signed{Checkpoint: served})
	before, err := tr.rangeOf(0, 5, c.Proof[:2]) // 4 + 1
	if err != nil {
		t.Fatal(err)
	}
	if hasRoot(before, seen.Hash) {
		t.Error("the proof leads to the seen root")
	}
	rest, err := tr.rangeOf(5, 7, c.Proof[2:]) // 1 + 1
	if err != nil {
		t.Fatal(err)
	}
	if err := before.AppendRange(rest, nil); err != nil || !hasRoot(before, served.Hash) {
		t.Errorf("the proof does not lead to the served root: %v", err)
	}

	// A fork whose tiles are withheld or those of the other log is not proven, and not accepted.
	w.place.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/checkpoint" {
			b.Handler().ServeHTTP(rw, r)
			return
		}
		a.Handler().ServeHTTP(rw, r)
	}))
	w.refuses(ErrUnreachable)
	extend(t, a, 5, 6)
	w.refuses(ErrUnproven)
	w.place.serve(a.Handler())
	w.sees(5, 5, 6)
}

// A log that signs a root for no entries that is not the empty tree's.
func TestCheckEmptyRoot(t *testing.T) {
	s, _ := keys(t, 1)
	raw, err := note.Sign(&note.Note{Text: origin + "\n0\n" + base64.StdEncoding.EncodeToString(make([]byte, 32)) + "\n"}, s)
	if err != nil {
		t.Fatal(err)
	}
	w := newWatch(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.Write(raw) }))
	w.refuses(ErrUnproven)
}

// What is not an entry of ours is handed out as what it is: the log committed to it.
func TestCheckHandsOutWhatItCannotRead(t *testing.T) {
	var got []Entry
	w := walk{register: newRegister(), each: func(e Entry) error { got = append(got, e); return nil }}
	for i, raw := range []string{`{"v":2}`, ""} {
		if err := w.hand(5+uint64(i), []byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 2 || got[1].Index != 6 {
		t.Fatalf("%+v", got)
	}
	if !receipt.Is(got[0].Unread, receipt.UnknownVersion) || got[1].Unread == nil {
		t.Errorf("%+v", got)
	}
}

func TestCheckStopsWithItsReceiver(t *testing.T) {
	l := openLog(t, t.TempDir(), 1)
	extend(t, l, 0, 1)
	w := newWatch(t, l.Handler())
	full := errors.New("disk full")
	if _, err := w.Check(t.Context(), func(Entry) error { return full }); !errors.Is(err, full) || len(w.stateFile()) != 0 {
		t.Errorf("%v, state %q", err, w.stateFile())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Check(ctx, func(Entry) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	w.sees(0, 0, 1)
}
