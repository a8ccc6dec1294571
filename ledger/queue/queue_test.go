package queue

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/bolt"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// memoryLog is a log that can be told to fail.
type memoryLog struct {
	mu      sync.Mutex
	entries []receipt.Entry
	batches []int
	fail    func(batch int) error                // before anything is added
	half    func(batch int) error                // after half of it is added
	added   func(ctx context.Context, batch int) // after all of it is
}

func (l *memoryLog) AppendRaw(ctx context.Context, raw [][]byte) ([]uint64, error) {
	entries := make([]receipt.Entry, len(raw))
	for i := range raw {
		var err error
		if entries[i], err = receipt.ParseEntry(raw[i]); err != nil {
			return nil, err
		}
	}
	l.mu.Lock()
	batch := len(l.batches)
	l.batches = append(l.batches, len(entries))
	if l.fail != nil {
		if err := l.fail(batch); err != nil {
			l.mu.Unlock()
			return nil, err
		}
	}
	if l.half != nil {
		if err := l.half(batch); err != nil {
			l.entries = append(l.entries, entries[:len(entries)/2]...)
			l.mu.Unlock()
			return nil, err
		}
	}
	indexes := make([]uint64, len(entries))
	for i, e := range entries {
		indexes[i] = uint64(len(l.entries))
		l.entries = append(l.entries, e)
	}
	l.mu.Unlock()
	if l.added != nil {
		l.added(ctx, batch)
	}
	return indexes, nil
}

// reasons tells entries apart.
func (l *memoryLog) reasons() (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.entries {
		all = append(all, e.Reason)
	}
	return all
}

func revoked(reason string, at time.Time) receipt.Entry {
	return receipt.Entry{Type: receipt.AuditorRevoked, At: at, Auditor: strings.Repeat("ab", 32), Effective: at, Reason: reason}
}

func put(t testing.TB, s Store, at time.Time, reasons ...string) {
	t.Helper()
	err := s.Update(t.Context(), func(tx store.Tx) error {
		for _, reason := range reasons {
			if err := Put(tx, "about-"+reason, revoked(reason, at)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func newQueue(s Store, l Log) *Queue {
	return &Queue{Store: s, Log: l, Now: func() time.Time { return noon.Add(time.Hour) }}
}

func flush(t testing.TB, q *Queue, want int) {
	t.Helper()
	if n, err := q.Flush(t.Context()); n != want || err != nil {
		t.Fatalf("logged %d, %v; want %d", n, err, want)
	}
}

func wantReasons(t testing.TB, l *memoryLog, want ...string) {
	t.Helper()
	if got := l.reasons(); !slices.Equal(got, want) {
		t.Errorf("log holds %q, want %q", got, want)
	}
}

// settled wants every record logged at the place where the log has its entry, the mark
// on the log's size, and nothing waiting.
func settled(t testing.TB, s Store, l *memoryLog, records int) {
	t.Helper()
	err := s.View(t.Context(), func(r store.Reader) error {
		n := 0
		for rec, err := range store.LedgerEntries.All(r, "") {
			if err != nil {
				return err
			}
			n++
			e, err := receipt.ParseEntry(rec.Entry)
			if err != nil {
				return err
			}
			if rec.LoggedAt.IsZero() || rec.Index >= uint64(len(l.entries)) || l.entries[rec.Index].Reason != e.Reason || rec.About != "about-"+e.Reason {
				t.Errorf("record %+v is not what the log has there", rec)
			}
		}
		if n != records {
			t.Errorf("%d records, want %d", n, records)
		}
		size, err := MinSize(r)
		if err != nil || size > uint64(len(l.entries)) || records > 0 && size == 0 {
			t.Errorf("the log must have %d entries, it has %d: %v", size, len(l.entries), err)
		}
		waiting, err := Pending(r, 10)
		if waiting != 0 || err != nil {
			t.Errorf("%d wait, %v", waiting, err)
		}
		return store.Check(r)
	})
	if err != nil {
		t.Error(err)
	}
}

func TestFlush(t *testing.T) {
	s, l := storetest.NewMemory(), &memoryLog{}
	q := newQueue(s, l)
	flush(t, q, 0)
	put(t, s, noon, "a", "b")
	put(t, s, noon.Add(time.Second), "c")
	flush(t, q, 3)
	flush(t, q, 0)
	wantReasons(t, l, "a", "b", "c")
	settled(t, s, l, 3)
	put(t, s, noon.Add(2*time.Second), "d")
	flush(t, q, 1)
	wantReasons(t, l, "a", "b", "c", "d")
	settled(t, s, l, 4)
}

// The order is that of the transactions: within one, at the same time, and when the clock
// was set back, by a lot or by a tick.
func TestOrder(t *testing.T) {
	s, l := storetest.NewMemory(), &memoryLog{}
	var want []string
	for i, at := range []time.Time{
		noon, noon, noon, noon.Add(time.Nanosecond), noon, noon.Add(-time.Hour), noon.Add(-time.Hour), noon.Add(time.Hour), noon.Add(time.Minute), noon,
	} {
		mine := []string{fmt.Sprint(i, "-first"), fmt.Sprint(i, "-second"), fmt.Sprint(i, "-third")}
		put(t, s, at, mine...)
		want = append(want, mine...)
	}
	flush(t, newQueue(s, l), len(want))
	wantReasons(t, l, want...)
	settled(t, s, l, len(want))
}

func TestPutRefuses(t *testing.T) {
	s := storetest.NewMemory()
	bad := revoked("", noon)
	for name, do := range map[string]func(store.Tx) error{
		"put":    func(tx store.Tx) error { return Put(tx, "x", bad) },
		"logged": func(tx store.Tx) error { return Logged(tx, "x", bad, 3, noon) },
	} {
		if err := s.Update(t.Context(), do); !receipt.Is(err, receipt.BadEntry) {
			t.Errorf("%s: %v", name, err)
		}
	}
	settled(t, s, &memoryLog{}, 0)
}

// What is in the log already is on record at once, and counts for its size.
func TestLogged(t *testing.T) {
	s, l := storetest.NewMemory(), &memoryLog{}
	for _, reason := range []string{"a", "b", "c"} {
		l.entries = append(l.entries, revoked(reason, noon))
	}
	for _, index := range []uint64{2, 0} {
		reason := l.entries[index].Reason
		err := s.Update(t.Context(), func(tx store.Tx) error { return Logged(tx, "about-"+reason, l.entries[index], index, noon) })
		if err != nil {
			t.Fatal(err)
		}
	}
	flush(t, newQueue(s, l), 0)
	settled(t, s, l, 2)
	err := s.View(t.Context(), func(r store.Reader) error {
		if size, err := MinSize(r); size != 3 || err != nil {
			t.Errorf("the log must have %d entries, %v; want 3", size, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// 5,000 entries wait, as after a long outage: they go in portions, each written down
// before the next is read.
func TestFiveThousandWait(t *testing.T) {
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const n = 5000
	var want []string
	for from := 0; from < n; from += 500 {
		var reasons []string
		for i := from; i < from+500; i++ {
			reasons = append(reasons, fmt.Sprint(i))
		}
		put(t, db, noon, reasons...)
		want = append(want, reasons...)
	}
	err = db.View(t.Context(), func(r store.Reader) error {
		for limit, want := range map[int]int{10: 10, n + 1: n} {
			if got, err := Pending(r, limit); got != want || err != nil {
				t.Errorf("%d of at most %d wait, %v", got, limit, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	down := errors.New("down")
	l := &memoryLog{fail: func(batch int) error {
		if batch == 1 {
			return down
		}
		return nil
	}}
	q := newQueue(db, l)
	if got, err := q.Flush(t.Context()); got != maxBatch || !errors.Is(err, down) {
		t.Fatalf("logged %d, %v; want the first portion only", got, err)
	}
	flush(t, q, n-maxBatch)
	wantReasons(t, l, want...)
	if slices.Max(l.batches) > maxBatch {
		t.Errorf("batches of %v, the limit is %d", l.batches, maxBatch)
	}
	settled(t, db, l, n)
}

// Run flushes when it begins, when poked and every interval; an error is told, and what
// waits goes on waiting.
func TestRun(t *testing.T) {
	s := storetest.NewMemory()
	down := errors.New("down")
	flushed := make(chan int, 100)
	l := &memoryLog{
		fail:  func(batch int) error { return map[int]error{1: down}[batch] },
		added: func(_ context.Context, batch int) { flushed <- batch },
	}
	q := newQueue(s, l)
	q.Poke() // before anybody runs it
	q.Poke()
	put(t, s, noon, "a")
	failed := make(chan error, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		q.Run(ctx, time.Hour, func(err error) { failed <- err })
	}()
	<-flushed // at the beginning
	put(t, s, noon, "b")
	q.Poke()
	if err := <-failed; !errors.Is(err, down) {
		t.Errorf("told of %v", err)
	}
	q.Poke()
	<-flushed
	cancel()
	<-ended
	wantReasons(t, l, "a", "b")
	settled(t, s, l, 2)

	put(t, s, noon, "c")
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	go q.Run(ctx, time.Millisecond, func(err error) { failed <- err })
	<-flushed // nobody poked
	wantReasons(t, l, "a", "b", "c")
	select {
	case err := <-failed:
		t.Error(err)
	default:
	}
}

// failsOnce refuses one of its updates.
type failsOnce struct {
	Store
	n, at int
}

func (f *failsOnce) Update(ctx context.Context, fn func(store.Tx) error) error {
	if f.n++; f.n == f.at {
		return errors.New("down")
	}
	return f.Store.Update(ctx, fn)
}

// One of the transactions that write places down fails: what those before it wrote stays,
// and the rest is logged again.
func TestMarksInPortions(t *testing.T) {
	s, l := storetest.NewMemory(), &memoryLog{}
	const n = 2*maxMark + 1
	var want []string
	for i := range n {
		want = append(want, fmt.Sprint(i))
	}
	put(t, s, noon, want...)
	q := newQueue(&failsOnce{Store: s, at: 2}, l)
	if got, err := q.Flush(t.Context()); got != maxMark || err == nil {
		t.Fatalf("wrote the places of %d, %v; want the first portion only", got, err)
	}
	flush(t, q, n-maxMark)
	wantReasons(t, l, append(want, want[maxMark:]...)...)
	settled(t, s, l, n)
}
