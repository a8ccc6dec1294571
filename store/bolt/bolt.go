package bolt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/hallmark-pki/hallmark/store"
)

// DB is an open store. It is safe for concurrent use.
type DB struct {
	bolt     *bbolt.DB
	readOnly bool
	commit   func(*bbolt.Tx) error // bbolt's; a test puts a failing one here
	touched  touched

	mu      sync.Mutex
	leading bool    // some caller of Update leads a group
	queue   []*call // callers of Update that wait, in order
	refusal error   // why nothing is served any more: closed, or uncertain
	wedged  bool    // bbolt panicked in a commit and holds its locks; set by the leader
}

// View runs fn on a snapshot and returns fn's error. It waits for nobody. A long
// View keeps the pages that it can see from being used again, so that the file grows.
func (d *DB) View(ctx context.Context, fn func(store.Reader) error) error {
	tx, err := d.beginView(ctx)
	if err != nil {
		return err
	}
	r := &reader{db: d, tx: tx, tables: &buckets{tx: tx}}
	defer func() {
		r.tx = nil
		tx.Rollback() // of a reader: returns its pages, cannot fail
	}()
	return fn(r)
}

func (d *DB) beginView(ctx context.Context) (*bbolt.Tx, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	err := d.refusal
	d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return d.begin(false)
}

func (d *DB) begin(writable bool) (*bbolt.Tx, error) {
	tx, err := d.bolt.Begin(writable)
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return nil, store.ErrClosed
	}
	return tx, err
}

// Update runs fn and stores what it wrote, together with the changes of others who
// call at the same time. It returns nil once the change is on disk, and else fn's
// error or the commit's; see the promises of package store. fn may be run more than
// once. If ctx ends while the call still waits for its turn, its error is returned
// and fn is not run.
func (d *DB) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.readOnly {
		return ErrReadOnly
	}
	c := &call{db: d, fn: fn, wake: make(chan notice, 1), ran: make(chan struct{})}
	if leads, err := d.enter(c); err != nil {
		return err
	} else if leads {
		return d.lead(ctx, c)
	}
	return d.follow(ctx, c)
}

// Backup writes a copy of the store, as it is at this moment, to w, in the format
// that Open reads; others go on working. It stops with ctx's error at the first
// write after ctx ends. A copy is only good if Backup returned nil.
func (d *DB) Backup(ctx context.Context, w io.Writer) error {
	tx, err := d.beginView(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() // of a reader: cannot fail
	if _, err := tx.WriteTo(writer{ctx, w}); err != nil {
		return fmt.Errorf("back up store: %w", err)
	}
	return nil
}

// writer stops when its context ends; it lives for one Backup.
type writer struct {
	ctx context.Context
	w   io.Writer
}

func (w writer) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.w.Write(p)
}

// Close waits for the functions that are running, lets their changes commit, refuses
// those that wait with store.ErrClosed, and gives the file free.
func (d *DB) Close() error {
	d.mu.Lock()
	if errors.Is(d.refusal, store.ErrClosed) {
		d.mu.Unlock()
		return store.ErrClosed
	}
	d.refusal = store.ErrClosed
	wedged := d.wedged
	d.mu.Unlock()
	if wedged {
		return fmt.Errorf("close store: %w: its locks are held for good; end the process", store.ErrDamaged)
	}
	d.dismiss(store.ErrClosed)
	if err := d.bolt.Close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}
