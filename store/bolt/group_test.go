package bolt

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/hallmark-pki/hallmark/store"
)

// hold makes the first commit of d wait until n more callers are in the queue, and
// counts commits.
func hold(d *DB, n int) *atomic.Int64 {
	var commits atomic.Int64
	d.commit = func(tx *bbolt.Tx) error {
		if commits.Add(1) == 1 {
			for waiting(d) < n {
				time.Sleep(time.Millisecond)
			}
		}
		return tx.Commit()
	}
	return &commits
}

func waiting(d *DB) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.queue)
}

// TestGroupSharesCommit has 64 callers arrive while a commit is under way.
func TestGroupSharesCommit(t *testing.T) {
	d := openTest(t)
	const callers = 64
	commits := hold(d, callers)
	var wg sync.WaitGroup
	wg.Go(func() { put(t, d, "first", "x") })
	for commits.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	for i := range callers {
		wg.Go(func() { put(t, d, fmt.Sprint(i), "x") })
	}
	wg.Wait()
	if got := commits.Load(); got != 2 {
		t.Errorf("%d commits for 1 + %d callers, want 2", got, callers)
	}
}

// TestGroupIsBounded has more callers than one commit takes.
func TestGroupIsBounded(t *testing.T) {
	d := openTest(t)
	const callers = 2*maxGroup + 10
	commits := hold(d, callers)
	var wg sync.WaitGroup
	wg.Go(func() { put(t, d, "first", "x") })
	for commits.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	for i := range callers {
		wg.Go(func() { put(t, d, fmt.Sprint(i), "x") })
	}
	wg.Wait()
	if got := commits.Load(); got != 4 {
		t.Errorf("%d commits for 1 + %d callers in groups of %d, want 4", got, callers, maxGroup)
	}
}

// TestNothingWrittenNothingSynced: a change that writes nothing, or fails, costs no commit.
func TestNothingWrittenNothingSynced(t *testing.T) {
	d := openTest(t)
	d.commit = func(tx *bbolt.Tx) error { t.Error("committed"); return tx.Commit() }
	if err := d.Update(t.Context(), func(tx store.Tx) error { _, err := tx.GetRaw("meta", "format"); return err }); err != nil {
		t.Error(err)
	}
	refused := errors.New("refused")
	if err := d.Update(t.Context(), func(tx store.Tx) error { return errors.Join(tx.PutRaw("t", "k", nil), refused) }); !errors.Is(err, refused) {
		t.Error(err)
	}
}

// TestCommitFails: nothing was stored, everybody of the group is told, and the store goes on.
func TestCommitFails(t *testing.T) {
	d := openTest(t)
	put(t, d, "k", "old")
	const callers = 8
	var failed atomic.Int64
	commits := hold(d, callers)
	inner := d.commit
	d.commit = func(tx *bbolt.Tx) error {
		if commits.Load() == 1 {
			return errors.Join(tx.Rollback(), syscall.ENOSPC)
		}
		return inner(tx)
	}
	var wg sync.WaitGroup
	wg.Go(func() { put(t, d, "first", "x") })
	for commits.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	for range callers {
		wg.Go(func() {
			err := d.Update(t.Context(), func(tx store.Tx) error {
				// One of them inserts; the others refuse because of what it wrote.
				return tx.InsertRaw("t", "new", nil)
			})
			if errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrUncertain) || !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("Update = %v, want the commit's error", err)
			}
			failed.Add(1)
		})
	}
	wg.Wait()
	d.commit = (*bbolt.Tx).Commit
	if get(t, d, "new") != "" || get(t, d, "k") != "old" || failed.Load() != callers {
		t.Error("the failed commit left something")
	}
	put(t, d, "k", "new")
}

// TestCommitUncertain: the root page was written and could not be synced.
func TestCommitUncertain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hallmark.db")
	d := mustOpen(t, path, Options{})
	put(t, d, "k", "old")
	d.commit = func(tx *bbolt.Tx) error { return errors.Join(tx.Commit(), syscall.EIO) }
	change := func(tx store.Tx) error { return tx.PutRaw("t", "k", []byte("new")) }
	err := d.Update(t.Context(), change)
	if !errors.Is(err, store.ErrUncertain) || !errors.Is(err, syscall.EIO) {
		t.Errorf("Update = %v, want ErrUncertain", err)
	}
	d.commit = (*bbolt.Tx).Commit
	for what, err := range map[string]error{
		"Update": d.Update(t.Context(), change),
		"View":   d.View(t.Context(), func(store.Reader) error { return nil }),
		"Backup": d.Backup(t.Context(), writerFunc(func(p []byte) (int, error) { return len(p), nil })),
	} {
		if !errors.Is(err, store.ErrUncertain) {
			t.Errorf("%s afterwards = %v, want ErrUncertain", what, err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = mustOpen(t, path, Options{})
	put(t, d, "k2", get(t, d, "k"))
}

// TestCommitPanics: bbolt found its own file inconsistent.
func TestCommitPanics(t *testing.T) {
	d := openTest(t)
	d.commit = func(tx *bbolt.Tx) error { tx.Rollback(); panic("page 7 already freed") }
	change := func(tx store.Tx) error { return tx.PutRaw("t", "k", nil) }
	err := d.Update(t.Context(), change)
	if !errors.Is(err, store.ErrUncertain) || !errors.Is(err, store.ErrDamaged) {
		t.Errorf("Update = %v, want ErrUncertain and ErrDamaged", err)
	}
	if err := d.Update(t.Context(), change); !errors.Is(err, store.ErrUncertain) {
		t.Errorf("Update afterwards = %v, want ErrUncertain", err)
	}
	if err := d.Close(); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("Close = %v, want ErrDamaged", err)
	}
}

// TestContextEndsWithTheCall: the context of a caller ends at the moment in which it is
// made the leader. It does not run its function any more, but does lead.
func TestContextEndsWithTheCall(t *testing.T) {
	d := openTest(t)
	d.leading = true // this test
	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan error), make(chan error)
	go func() { first <- d.Update(ctx, func(store.Tx) error { t.Error("ran"); return nil }) }()
	for waiting(d) < 1 {
		time.Sleep(time.Millisecond)
	}
	go func() {
		second <- d.Update(t.Context(), func(tx store.Tx) error { return tx.PutRaw("t", "k", []byte("v")) })
	}()
	for waiting(d) < 2 {
		time.Sleep(time.Millisecond)
	}
	c := d.next()
	cancel()
	c.wake <- notice{lead: true}
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("first = %v, want context.Canceled", err)
	}
	if err := <-second; err != nil || get(t, d, "k") != "v" {
		t.Errorf("second = %v", err)
	}
}
