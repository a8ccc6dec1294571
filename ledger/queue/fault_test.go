package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

// A log that fails, before it has added anything or in the middle: what waits goes on
// waiting, and nothing is missing or out of order when it works again.
func TestLogFails(t *testing.T) {
	down := errors.New("down")
	first := func(batch int) error {
		if batch == 0 {
			return down
		}
		return nil
	}
	for name, c := range map[string]struct {
		log  *memoryLog
		want []string
	}{
		"at once":       {&memoryLog{fail: first}, []string{"a", "b", "c", "d"}},
		"in the middle": {&memoryLog{half: first}, []string{"a", "b", "a", "b", "c", "d"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := storetest.NewMemory()
			put(t, s, noon, "a", "b", "c", "d")
			q := newQueue(s, c.log)
			if n, err := q.Flush(t.Context()); n != 0 || !errors.Is(err, down) {
				t.Errorf("logged %d, %v", n, err)
			}
			flush(t, q, 4)
			wantReasons(t, c.log, c.want...)
			settled(t, s, c.log, 4)
		})
	}
}

type wrongCount struct{ Log }

func (w wrongCount) AppendRaw(ctx context.Context, raw [][]byte) ([]uint64, error) {
	indexes, err := w.Log.AppendRaw(ctx, raw)
	return indexes[1:], err
}

func TestLogMiscounts(t *testing.T) {
	s, l := storetest.NewMemory(), &memoryLog{}
	put(t, s, noon, "a", "b")
	if n, err := newQueue(s, wrongCount{l}).Flush(t.Context()); n != 0 || err == nil {
		t.Errorf("logged %d, %v", n, err)
	}
	flush(t, newQueue(s, l), 2)
}

// A record that this release cannot read stops the queue: what stands behind it may rest
// on it.
func TestUnreadable(t *testing.T) {
	s, l := storetest.NewMemory(), &memoryLog{}
	err := s.Update(t.Context(), func(tx store.Tx) error {
		return store.LedgerEntries.Insert(tx, store.LedgerEntry{ID: store.NewID(noon), About: "x", Entry: []byte(`{"v":2}`), At: noon})
	})
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, noon, "a")
	if n, err := newQueue(s, l).Flush(t.Context()); n != 0 || !receipt.Is(err, receipt.UnknownVersion) {
		t.Errorf("logged %d, %v", n, err)
	}
	wantReasons(t, l)
}

// A record that another release wrote, with a member of its own or in another spelling, is
// logged and marked all the same.
func TestOtherSpelling(t *testing.T) {
	s, l := storetest.NewMemory(), &memoryLog{}
	put(t, s, noon, "a", "b")
	err := s.Update(t.Context(), func(tx store.Tx) error {
		var keys []string
		values := map[string][]byte{}
		err := tx.ScanRaw("ledger_entry", "", "", func(key string, raw []byte) bool {
			keys = append(keys, key)
			values[key] = bytes.Replace(raw, []byte(`{"id"`), []byte(`{"later":1, "id"`), 1)
			return true
		})
		for _, key := range keys {
			err = errors.Join(err, tx.PutRaw("ledger_entry", key, values[key]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	flush(t, newQueue(s, l), 2)
	wantReasons(t, l, "a", "b")
	settled(t, s, l, 2)
}

// Whoever flushes may give up when the log has the entries: the records learn of it
// nevertheless.
func TestCancelledAfterAppend(t *testing.T) {
	s, l := storetest.NewMemory(), &memoryLog{}
	put(t, s, noon, "a", "b")
	ctx, cancel := context.WithCancel(t.Context())
	l.added = func(context.Context, int) { cancel() }
	if n, err := newQueue(s, l).Flush(ctx); n != 2 || err != nil {
		t.Errorf("logged %d, %v", n, err)
	}
	settled(t, s, l, 2)
}

// The store fails, lies or dies at every point of putting and flushing in turn. With the
// store underneath, the queue then comes to the same end; what was appended before the
// records could say so is in the log twice, in order each time.
func TestStoreFails(t *testing.T) {
	storetest.EachFault(t, func(*testing.T) storetest.Driver { return storetest.NewMemory() }, func(t *testing.T, d storetest.Driver, f *storetest.Faulty) {
		l := &memoryLog{}
		var want []string
		for i := range 3 {
			reasons := []string{fmt.Sprint(i, "-first"), fmt.Sprint(i, "-second")}
			err := f.Update(t.Context(), func(tx store.Tx) error {
				for _, reason := range reasons {
					if err := Put(tx, "about-"+reason, revoked(reason, noon)); err != nil {
						return err
					}
				}
				return nil
			})
			if err == nil || errors.Is(err, store.ErrUncertain) {
				want = append(want, reasons...)
			}
			if n, err := newQueue(f, l).Flush(t.Context()); err != nil && n != 0 {
				t.Errorf("%d logged with error %v", n, err)
			}
		}
		if _, err := newQueue(d, l).Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		settled(t, d, l, len(want))
		got := l.reasons()
		once := slices.Compact(withoutRepeats(got))
		if !slices.Equal(once, want) {
			t.Errorf("%v: log holds %q, want %q with repetitions", f.Fault(), got, want)
		}
		if len(got) > len(want)+2 {
			t.Errorf("%v: %d entries for %d, more than one batch was repeated", f.Fault(), len(got), len(want))
		}
	})
}

// withoutRepeats keeps the last of equal ones: what stands before it was not known.
func withoutRepeats(all []string) (kept []string) {
	for i, s := range all {
		if !slices.Contains(all[:i], s) {
			kept = append(kept, s)
		}
	}
	return kept
}

// Two queues on one store may both log what waits. Every record then has the place of
// an entry that is its own, the first one.
func TestTwoQueues(t *testing.T) {
	s, l := storetest.NewMemory(), &memoryLog{}
	put(t, s, noon, "a", "b")
	second := newQueue(s, l)
	// The second flushes when the first has appended and not yet said so.
	l.added = func(ctx context.Context, batch int) {
		if batch == 0 {
			if n, err := second.Flush(ctx); n != 2 || err != nil {
				t.Errorf("the second logged %d, %v", n, err)
			}
		}
	}
	flush(t, newQueue(s, l), 2)
	wantReasons(t, l, "a", "b", "a", "b")
	settled(t, s, l, 2)
	err := s.View(t.Context(), func(r store.Reader) error {
		for rec, err := range store.LedgerEntries.All(r, "") {
			if err != nil {
				return err
			}
			if rec.Index > 1 {
				t.Errorf("the record of %s has the place of the repetition, %d", rec.About, rec.Index)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestManyAtOnce(t *testing.T) {
	s, l := storetest.NewMemory(), &memoryLog{}
	queues := []*Queue{newQueue(s, l), newQueue(s, l)}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 10 {
				put(t, s, noon, fmt.Sprint(worker, "-", i))
				if _, err := queues[worker%2].Flush(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	settled(t, s, l, 80)
}
