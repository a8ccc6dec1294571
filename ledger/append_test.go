package ledger

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/transparency-dev/tessera"
)

// numbered returns entries from to to-1.
func numbered(from, to int) []receipt.Entry {
	var list []receipt.Entry
	for i := from; i < to; i++ {
		list = append(list, entry(i))
	}
	return list
}

// holds wants these entries at these indexes of the published log.
func holds(t *testing.T, l *Log, want []receipt.Entry, indexes []uint64) {
	t.Helper()
	if len(want) != len(indexes) || !slices.IsSorted(indexes) || len(slices.Compact(slices.Clone(indexes))) != len(want) {
		t.Fatalf("%d indexes for %d entries: %v", len(indexes), len(want), indexes)
	}
	at := map[uint64]receipt.Entry{}
	for e, err := range l.Entries(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		at[e.Index] = e.Entry
	}
	for i, index := range indexes {
		if !same(at[index], want[i]) {
			t.Errorf("entry %d of %d is not at its index %d", i, len(want), index)
		}
	}
}

func TestAppendAll(t *testing.T) {
	l := open(t, options(t, t.TempDir()))
	if indexes, err := l.AppendAll(t.Context(), nil); err != nil || indexes != nil {
		t.Errorf("nothing to append: %v, %v", indexes, err)
	}
	appended(t, l, 0)
	want := numbered(1, 2000) // more than a batch, across bundles
	indexes, err := l.AppendAll(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, l, want, indexes)
	if indexes[0] != 1 || indexes[len(indexes)-1] != 1999 {
		t.Errorf("indexes from %d to %d, alone in the log", indexes[0], indexes[len(indexes)-1])
	}
	if n, err := l.Size(t.Context()); n != 2000 || err != nil {
		t.Errorf("published %d entries, %v", n, err)
	}
}

func TestAppendAllRefuses(t *testing.T) {
	l := open(t, options(t, t.TempDir()))
	bad := numbered(0, 3)
	bad[2].Level = 0
	if _, err := l.AppendAll(t.Context(), bad); !receipt.Is(err, receipt.BadEntry) || !strings.Contains(err.Error(), "entry 2 of 3") {
		t.Errorf("with a bad entry: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.AppendAll(gone, numbered(0, 3)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if n, _ := l.Size(t.Context()); n != 0 {
		t.Errorf("refused entries are in the log: %d", n)
	}
	closeLog(t, l)
	if _, err := l.AppendAll(t.Context(), numbered(0, 3)); !errors.Is(err, ErrClosed) {
		t.Errorf("after close: %v", err)
	}
}

// Several callers at once, of both kinds: each finds its entries in its own order.
// TestAppendRaw: entries as they are on record, all of them or none.
func TestAppendRaw(t *testing.T) {
	l := open(t, options(t, t.TempDir()))
	if indexes, err := l.AppendRaw(t.Context(), nil); err != nil || indexes != nil {
		t.Errorf("nothing to append: %v, %v", indexes, err)
	}
	want := numbered(0, 3)
	raw := make([][]byte, len(want))
	for i, e := range want {
		var err error
		if raw[i], err = e.Marshal(); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		last []byte
		want receipt.Reason
	}{
		"another spelling": {append([]byte(" "), raw[2]...), receipt.BadEntry},
		"a later version":  {[]byte(`{"v":2}`), receipt.UnknownVersion},
		"none":             {nil, receipt.BadEntry},
	} {
		if _, err := l.AppendRaw(t.Context(), [][]byte{raw[0], raw[1], c.last}); !receipt.Is(err, c.want) || !strings.Contains(err.Error(), "entry 2 of 3") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, _ := l.Size(t.Context()); n != 0 {
		t.Errorf("refused entries are in the log: %d", n)
	}
	indexes, err := l.AppendRaw(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, l, want, indexes)
}

func TestAppendAllAtOnce(t *testing.T) {
	l := open(t, options(t, t.TempDir()))
	var mu sync.Mutex
	var want []receipt.Entry
	at := map[string]uint64{}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			mine := numbered(1000*worker, 1000*worker+100)
			indexes, err := l.AppendAll(t.Context(), mine)
			if err != nil || !slices.IsSorted(indexes) {
				t.Errorf("indexes %v, %v", indexes, err)
				return
			}
			raw, index, err := l.Append(t.Context(), entry(-1-worker))
			if err != nil {
				t.Error(err)
				return
			}
			if r, err := receipt.Verify(raw, verifier(t)); err != nil || r.Index != index {
				t.Errorf("receipt %+v, %v", r, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for i, e := range append(mine, entry(-1-worker)) {
				want = append(want, e)
				at[e.Assessment] = append(indexes, index)[i]
			}
		})
	}
	wg.Wait()
	n := 0
	for e, err := range l.Entries(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if index, ok := at[e.Entry.Assessment]; !ok || index != e.Index {
			t.Errorf("entry %d was said to be at %d, %v", e.Index, index, ok)
		}
		n++
	}
	if n != len(want) || n != 8*101 {
		t.Errorf("%d entries, want %d", n, len(want))
	}
}

// adds is a log library that gives out these places, one after the other.
func adds(places ...uint64) (tessera.AddFn, *int) {
	added := 0
	return func(context.Context, *tessera.Entry) tessera.IndexFuture {
		place := places[added]
		added++
		return func() (tessera.Index, error) { return tessera.Index{Index: place}, nil }
	}, &added
}

func requestOf(leaves ...string) *request {
	r := &request{ctx: context.Background(), done: make(chan struct{})}
	for _, leaf := range leaves {
		r.leaves = append(r.leaves, []byte(leaf))
	}
	return r
}

// The log library may change the order. What came out of order is added again, and what
// did not is not.
func TestOutOfOrder(t *testing.T) {
	add, added := adds(1, 0, 2, 3, 4, 6, 5, 7, 8)
	first, second := requestOf("a", "b"), requestOf("c", "d", "e")
	(&committer{add: add}).place(t.Context(), []*request{first, second})
	if first.err != nil || second.err != nil || !slices.Equal(first.indexes, []uint64{7, 8}) || !slices.Equal(second.indexes, []uint64{2, 3, 4}) || *added != 9 {
		t.Errorf("places %v and %v after %d additions, %v, %v", first.indexes, second.indexes, *added, first.err, second.err)
	}

	var places []uint64
	for i := range uint64(2 * (maxReorder + 2)) {
		places = append(places, i^1)
	}
	add, added = adds(places...)
	first = requestOf("a", "b")
	(&committer{add: add}).place(t.Context(), []*request{first})
	if first.err == nil || *added != 2*(maxReorder+1) {
		t.Errorf("never in order: %v after %d additions", first.err, *added)
	}
}

// A batch of which a part failed is waited for to its end.
func TestPlaceFails(t *testing.T) {
	full := errors.New("no space left")
	resolved := 0
	add := func(_ context.Context, e *tessera.Entry) tessera.IndexFuture {
		return func() (tessera.Index, error) {
			resolved++
			if string(e.Data()) == "b" {
				return tessera.Index{}, full
			}
			return tessera.Index{Index: uint64(resolved)}, nil
		}
	}
	bad, good := requestOf("a", "b", "c"), requestOf("d")
	(&committer{add: add}).place(t.Context(), []*request{bad, good})
	if !errors.Is(bad.err, full) || good.err != nil || resolved != 4 {
		t.Errorf("%v, %v after %d places", bad.err, good.err, resolved)
	}
}

// take skips who has left, and leaves for the next commit what is too much for one.
func TestTake(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	left, large, next := requestOf("x"), requestOf(make([]string, maxCommit)...), requestOf("y")
	left.ctx = gone
	c := &committer{wake: make(chan struct{}, 1), waiting: []*request{left, large, next}}
	if got := c.take(); !slices.Equal(got, []*request{large}) || len(c.wake) != 1 {
		t.Errorf("took %v, woken %d", got, len(c.wake))
	}
	if got := c.take(); !slices.Equal(got, []*request{next}) {
		t.Errorf("took %v, want the next", got)
	}
	if got := c.take(); got != nil {
		t.Errorf("took %v of nothing", got)
	}
}
