package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/tlog"
)

// served is an address at which first one log and then another can be read.
type served struct {
	*httptest.Server
	log atomic.Pointer[Log]
	bad atomic.Bool // tiles are damaged on the way
}

func serve(t *testing.T, l *Log) *served {
	t.Helper()
	s := &served{}
	s.log.Store(l)
	s.Server = httptest.NewServer(http.StripPrefix("/log", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		s.log.Load().Handler().ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		if s.bad.Load() && strings.HasPrefix(r.URL.Path, "/tile/0/") && rec.Code == http.StatusOK {
			body[len(body)-1] ^= 1
		}
		w.WriteHeader(rec.Code)
		w.Write(body)
	})))
	t.Cleanup(s.Close)
	return s
}

func (s *served) fetcher(t *testing.T) *client.HTTPFetcher {
	t.Helper()
	u, err := url.Parse(s.URL + "/log/")
	if err != nil {
		t.Fatal(err)
	}
	f, err := client.NewHTTPFetcher(u, s.Client())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func leafHashes(bundle []byte) (hashes [][]byte, err error) {
	var b api.EntryBundle
	if err := b.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	for _, e := range b.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(e))
	}
	return hashes, nil
}

// tessera's fsck derives every tile and the root from the entries.
func TestFsckOfTessera(t *testing.T) {
	l := open(t, options(t, t.TempDir()))
	if _, err := l.AppendAll(t.Context(), numbered(0, 300)); err != nil {
		t.Fatal(err)
	}
	appendAll(t, l, 301)
	s := serve(t, l)
	check := func() error {
		return fsck.New(origin, verifier(t), s.fetcher(t), leafHashes, fsck.Opts{N: 2}).Check(t.Context())
	}
	if err := check(); err != nil {
		t.Error(err)
	}
	s.bad.Store(true)
	if err := check(); err == nil {
		t.Error("damaged tiles are not found: the test looks at the wrong thing")
	}
}

// tessera's client follows the log, and finds a second history.
func TestClientOfTessera(t *testing.T) {
	l := open(t, options(t, t.TempDir()))
	appendAll(t, l, 3)
	s := serve(t, l)
	f := s.fetcher(t)
	tracker, err := client.NewLogStateTracker(t.Context(), f.ReadTile, nil, verifier(t), origin, client.UnilateralConsensus(f.ReadCheckpoint))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		appendAll(t, l, 200)
		if _, _, _, err := tracker.Update(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := tracker.Latest().Size; n != 603 {
		t.Errorf("follows %d entries, want 603", n)
	}
	other := open(t, options(t, t.TempDir()))
	if _, err := other.AppendAll(t.Context(), numbered(1000, 1700)); err != nil {
		t.Fatal(err)
	}
	s.log.Store(other)
	var inconsistent client.ErrInconsistency
	if _, _, _, err := tracker.Update(t.Context()); !errors.As(err, &inconsistent) {
		t.Errorf("another history gave %v", err)
	}
}

// The Go checksum database's own code is another implementation of the layout's
// predecessor: its tiles have the height in their path, and are the same otherwise.
func TestClientOfSumDB(t *testing.T) {
	l := open(t, options(t, t.TempDir()))
	if _, err := l.AppendAll(t.Context(), numbered(0, 700)); err != nil {
		t.Fatal(err)
	}
	s := serve(t, l)
	raw, err := s.read("checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := tlog.ParseTree(append([]byte("go.sum database tree\n"), bytes.SplitAfterN(raw, []byte("\n"), 2)[1]...))
	if err != nil {
		t.Fatal(err)
	}
	hashes := tlog.TileHashReader(tree, s)
	for _, index := range []int64{0, 255, 256, 511, 699} {
		path, err := tlog.ProveRecord(tree.N, index, hashes)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := entry(int(index)).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(leaf)); err != nil {
			t.Errorf("entry %d: %v", index, err)
		}
	}
}

func (s *served) read(path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.URL+"/log/"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := s.Client().Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d", path, resp.StatusCode)
	}
	return io.ReadAll(resp.Body)
}

// Height, ReadTiles and SaveTiles make s a tlog.TileReader.
func (s *served) Height() int { return 8 }

func (s *served) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		raw, err := s.read(strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		all = append(all, raw)
	}
	return all, nil
}

func (s *served) SaveTiles([]tlog.Tile, [][]byte) {}
