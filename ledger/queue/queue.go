// Package queue sees to it that whatever happens is logged: how does an entry get from
// a transaction of the store into the transparency log, when either may fail?
//
// Put writes the entry into the transaction that changes what the entry tells of: both
// are durable or neither is. Flush appends what waits, in the order in which it was
// put, and writes its places in the log to the records. A crash between the two makes
// Flush append the same bytes again; such a repetition is harmless, and 'hallmark
// doctor' recognises it. So do two queues on one store: an entry may be logged by both,
// and the record keeps the earlier place.
//
// The order is that of the transactions, whatever the clocks of those who put say: an
// entry that rests on another, as a certificate's does on an assessment's, stands behind
// it in the log, or the log would accuse its own CA.
package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
)

// Store is what a queue needs of a store driver.
type Store interface {
	View(context.Context, func(store.Reader) error) error
	Update(context.Context, func(store.Tx) error) error
}

// Log is the transparency log. It takes entries as receipt.Entry.Marshal has written them,
// which are in it, durably and in this order, when AppendRaw returns without error. It
// refuses what receipt.ParseEntry refuses, with its error, and then adds none; after
// another error some may be in it or not.
type Log interface {
	AppendRaw(context.Context, [][]byte) (indexes []uint64, err error)
}

// Put has an entry logged, once the transaction is durable. about names the record
// that it tells of: an assessment's id, a certificate's serial, a person's id.
func Put(tx store.Tx, about string, e receipt.Entry) error {
	raw, err := e.Marshal()
	if err != nil {
		return fmt.Errorf("log entry %s about %s: %w", e.Type, about, err)
	}
	id, err := nextID(tx, e.At)
	if err != nil {
		return err
	}
	return store.LedgerEntries.Insert(tx, store.LedgerEntry{ID: id, About: about, Entry: raw, At: e.At})
}

// Logged records an entry that is in the log already. The transaction must be the one
// that acts on it.
func Logged(tx store.Tx, about string, e receipt.Entry, index uint64, at time.Time) error {
	raw, err := e.Marshal()
	if err != nil {
		return fmt.Errorf("log entry %s about %s: %w", e.Type, about, err)
	}
	rec := store.LedgerEntry{ID: store.NewID(e.At), About: about, Entry: raw, At: e.At, LoggedAt: at, Index: index}
	if err := store.LedgerEntries.Insert(tx, rec); err != nil {
		return err
	}
	return raise(tx, index)
}

// raise remembers how long the log is at least.
func raise(tx store.Tx, index uint64) error {
	mark, err := store.LedgerMarks.Get(tx, store.LedgerMarkKey)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if mark.Size > index {
		return nil
	}
	return store.LedgerMarks.Put(tx, store.LedgerMark{Size: index + 1})
}

// MinSize is how many entries the log must have, by what is on record. A log with fewer
// is an old copy.
func MinSize(r store.Reader) (uint64, error) {
	mark, err := store.LedgerMarks.Get(r, store.LedgerMarkKey)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	return mark.Size, err
}

// Pending counts the entries that wait, up to limit.
func Pending(r store.Reader, limit int) (int, error) {
	n := 0
	for _, err := range store.LedgerEntries.By(r, "state", store.LedgerPending) {
		if err != nil {
			return n, err
		}
		if n++; n >= limit {
			break
		}
	}
	return n, nil
}

// Queue moves entries from a store to a log. It is safe for concurrent use. All three
// fields must be set.
type Queue struct {
	Store Store
	Log   Log
	Now   func() time.Time // for LoggedAt

	flushing sync.Mutex
	poked    chan struct{}
	once     sync.Once
}

// Flush logs what waits and returns how much that was. What an error leaves waiting,
// the next call takes up.
func (q *Queue) Flush(ctx context.Context) (int, error) {
	q.flushing.Lock()
	defer q.flushing.Unlock()
	total := 0
	for {
		n, err := q.flushSome(ctx)
		total += n
		if err != nil {
			return total, fmt.Errorf("log what waits: %w", err)
		}
		if n < maxBatch {
			return total, nil
		}
	}
}

// flushSome logs at most maxBatch entries, the oldest.
func (q *Queue) flushSome(ctx context.Context) (int, error) {
	waiting, err := q.waiting(ctx)
	if err != nil || len(waiting) == 0 {
		return 0, err
	}
	raw := make([][]byte, len(waiting))
	for i, rec := range waiting {
		raw[i] = rec.Entry
	}
	indexes, err := q.Log.AppendRaw(ctx, raw)
	if err != nil {
		return 0, err
	}
	if len(indexes) != len(waiting) {
		return 0, fmt.Errorf("the log gave %d places for %d entries", len(indexes), len(waiting))
	}
	// In the log now: a caller that gives up must not keep that from the records.
	ctx = context.WithoutCancel(ctx)
	marked := 0
	for some := range slices.Chunk(waiting, maxMark) {
		places := indexes[marked:][:len(some)]
		if err := q.Store.Update(ctx, func(tx store.Tx) error { return q.mark(tx, some, places) }); err != nil {
			return marked, err
		}
		marked += len(some)
	}
	return marked, nil
}

// waiting reads the oldest entries that wait.
func (q *Queue) waiting(ctx context.Context) (waiting []store.LedgerEntry, err error) {
	err = q.Store.View(ctx, func(r store.Reader) error {
		waiting = nil
		for rec, err := range store.LedgerEntries.By(r, "state", store.LedgerPending) {
			if err != nil {
				return err
			}
			if waiting = append(waiting, rec); len(waiting) == maxBatch {
				break
			}
		}
		return nil
	})
	return waiting, err
}

// mark writes the places of entries to their records. One that another queue has logged
// as well keeps the place that it has.
func (q *Queue) mark(tx store.Tx, waiting []store.LedgerEntry, indexes []uint64) error {
	at := q.Now().UTC()
	for i, rec := range waiting {
		logged := rec
		logged.LoggedAt, logged.Index = at, indexes[i]
		if done, err := store.LedgerEntries.Replace(tx, rec, logged); err != nil {
			return err
		} else if done {
			continue
		}
		// Another queue was here, or another release wrote it.
		now, err := store.LedgerEntries.Get(tx, rec.ID)
		if err != nil {
			return err
		}
		if !now.LoggedAt.IsZero() && now.Index <= indexes[i] {
			continue
		}
		now.LoggedAt, now.Index = at, indexes[i]
		if err := store.LedgerEntries.Put(tx, now); err != nil {
			return err
		}
	}
	return raise(tx, slices.Max(indexes))
}

// Poke makes Run flush soon. It never blocks.
func (q *Queue) Poke() {
	select {
	case q.wake() <- struct{}{}:
	default:
	}
}

func (q *Queue) wake() chan struct{} {
	q.once.Do(func() { q.poked = make(chan struct{}, 1) })
	return q.poked
}

// Run flushes when poked, and every interval, until ctx ends. failed is told of what
// went wrong; the entries wait on.
func (q *Queue) Run(ctx context.Context, interval time.Duration, failed func(error)) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if _, err := q.Flush(ctx); err != nil && ctx.Err() == nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-q.wake():
		}
	}
}
