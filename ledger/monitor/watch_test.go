package monitor

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
)

// place is an address at which first one log and then another can be served, with
// some of their answers changed.
type place struct {
	mu      sync.Mutex
	handler http.Handler
	asked   []string
}

func (p *place) serve(h http.Handler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handler, p.asked = h, nil
}

func (p *place) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	h := p.handler
	p.asked = append(p.asked, r.URL.Path)
	p.mu.Unlock()
	h.ServeHTTP(w, r)
}

// changed passes what h answers under a prefix through change.
func changed(h http.Handler, prefix string, change func([]byte) []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		if strings.HasPrefix(r.URL.Path, prefix) && rec.Code == http.StatusOK {
			body = change(body)
		}
		w.WriteHeader(rec.Code)
		w.Write(body)
	})
}

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte { b[at] ^= 1; return b }
}

type watch struct {
	*Follower
	place *place
	t     *testing.T
}

func newWatch(t *testing.T, h http.Handler) *watch {
	t.Helper()
	p := &place{handler: h}
	srv := httptest.NewServer(http.StripPrefix("/log", p))
	t.Cleanup(srv.Close)
	_, vkey := keys(t, 1)
	f, err := New(Options{URL: srv.URL + "/log/", Key: vkey, State: filepath.Join(t.TempDir(), "state"), Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return &watch{Follower: f, place: p, t: t}
}

// sees wants a check that succeeds and yields the entries with these numbers.
func (w *watch) sees(before uint64, numbers ...int) {
	w.t.Helper()
	var got []Entry
	r, err := w.Check(w.t.Context(), func(e Entry) error { got = append(got, e); return nil })
	if err != nil {
		w.t.Fatal(err)
	}
	if r.Before != before || r.Size != before+uint64(len(numbers)) || r.Origin != origin || len(got) != len(numbers) {
		w.t.Fatalf("round %+v with %d entries, want %d after %d", r, len(got), len(numbers), before)
	}
	for i, n := range numbers {
		if got[i].Index != before+uint64(i) || !cmp.Equal(got[i].Entry, entry(n)) || got[i].Unread != nil {
			w.t.Errorf("entry %+v, want number %d", got[i], n)
		}
	}
	if kept := w.stateFile(); !bytes.Equal(kept, r.Checkpoint) {
		w.t.Errorf("state\n%s\nwant the checkpoint\n%s", kept, r.Checkpoint)
	}
}

// refuses wants a check that fails so, and leaves the state alone.
func (w *watch) refuses(want error) {
	w.t.Helper()
	before := w.stateFile()
	_, err := w.Check(w.t.Context(), func(e Entry) error { w.t.Errorf("handed out entry %d", e.Index); return nil })
	if !errors.Is(err, want) {
		w.t.Errorf("error %v, want %v", err, want)
	}
	if after := w.stateFile(); !bytes.Equal(before, after) {
		w.t.Errorf("state changed from\n%s\nto\n%s", before, after)
	}
}

func (w *watch) conflicts(kind Kind, seen, served uint64) *Conflict {
	w.t.Helper()
	before := w.stateFile()
	_, err := w.Check(w.t.Context(), func(e Entry) error { w.t.Errorf("handed out entry %d", e.Index); return nil })
	var c *Conflict
	if !errors.As(err, &c) {
		w.t.Fatalf("error %v, want a conflict", err)
	}
	if c.Kind != kind || c.SeenSize != seen || c.ServedSize != served {
		w.t.Errorf("conflict %v, want %s from %d to %d", c, kind, seen, served)
	}
	for raw, size := range map[string]uint64{string(c.Seen): seen, string(c.Served): served} {
		if cp, err := receipt.ParseCheckpoint([]byte(raw), w.key); err != nil || cp.Size != size {
			w.t.Errorf("evidence %q: %v", raw, err)
		}
	}
	if after := w.stateFile(); !bytes.Equal(before, after) || !bytes.Equal(before, c.Seen) {
		w.t.Error("state changed")
	}
	return c
}

func (w *watch) stateFile() []byte {
	w.t.Helper()
	raw, err := os.ReadFile(w.state)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Fatal(err)
	}
	names, err := os.ReadDir(filepath.Dir(w.state))
	if err != nil {
		w.t.Error(err)
	}
	for _, name := range names {
		if name := name.Name(); name != filepath.Base(w.state) && name != filepath.Base(w.state)+registerSuffix {
			w.t.Errorf("left beside the state: %s", name)
		}
	}
	return raw
}
