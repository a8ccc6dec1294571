package bolt

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/hallmark-pki/hallmark/store"
)

// call is one call of Update.
type call struct {
	db   *DB
	fn   func(store.Tx) error
	wake chan notice   // to the caller while it waits; holds one
	ran  chan struct{} // closed by the caller when fn has returned or unwound
	err  error         // fn's outcome, valid once ran is closed
	tx   *writeTx
}

// notice tells a waiting caller what to do: run its function in tx, take the lead,
// or return err.
type notice struct {
	run  *buckets // of the group's transaction
	lead bool
	err  error
}

var errUnwound = errors.New("function did not return")

// enter makes c the leader if there is none, and else puts it into the queue.
func (d *DB) enter(c *call) (leads bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refusal != nil {
		return false, d.refusal
	}
	if !d.leading {
		d.leading = true
		return true, nil
	}
	d.queue = append(d.queue, c)
	return false, nil
}

// follow waits for c's turn, and then for its outcome.
func (d *DB) follow(ctx context.Context, c *call) error {
	s, err := d.await(ctx, c)
	switch {
	case err != nil:
		return err
	case s.lead:
		return d.lead(ctx, c)
	case s.run == nil:
		return s.err
	}
	c.run(ctx, s.run)
	return (<-c.wake).err
}

// await waits for c's first notice. If ctx ends before c was called, c leaves the
// queue; after that it is too late to.
func (d *DB) await(ctx context.Context, c *call) (notice, error) {
	select {
	case s := <-c.wake:
		return s, nil
	case <-ctx.Done():
	}
	d.mu.Lock()
	i := slices.Index(d.queue, c)
	if i >= 0 {
		d.queue = slices.Delete(d.queue, i, i+1)
	}
	d.mu.Unlock()
	if i >= 0 {
		return notice{}, ctx.Err()
	}
	return <-c.wake, nil
}

// run runs the function of c, unless ctx has ended, on this goroutine, which is its
// caller's. If it fails, panics or exits, what it wrote is undone, and only then the
// leader goes on.
func (c *call) run(ctx context.Context, tables *buckets) {
	c.tx = &writeTx{reader: reader{db: c.db, tx: tables.tx, tables: tables}}
	c.err = errUnwound
	defer func() {
		c.tx.tx = nil
		close(c.ran)
	}()
	defer func() {
		if c.err != nil {
			c.tx.undo()
		}
	}()
	if err := ctx.Err(); err != nil {
		c.err = err
		return
	}
	if err := c.fn(c.tx); err != nil {
		c.err = err
		return
	}
	c.err = c.tx.doom
}

// lead makes one commit for own and for those who wait behind it.
func (d *DB) lead(ctx context.Context, own *call) (err error) {
	tx, err := d.begin(true)
	if err != nil {
		d.handOver()
		return err
	}
	group, tables := []*call{own}, &buckets{tx: tx}
	// Deferred, so that a panic of our own function, which is our caller's business,
	// does not strand the others.
	defer func() {
		group = d.gather(tables, group)
		failure := d.settle(tx, group)
		for _, c := range group[1:] {
			c.wake <- notice{err: c.outcome(failure)}
		}
		err = own.outcome(failure)
		d.handOver()
	}()
	own.run(ctx, tables)
	return nil
}

// gather lets those who wait run their functions in one transaction, one after the other.
// When nobody waits it lets whoever could run do so once: on a busy machine some of them
// are about to write, and a commit costs the same for many as for few. An idle one loses
// nothing.
func (d *DB) gather(tables *buckets, group []*call) []*call {
	yielded := false
	for len(group) < maxGroup {
		c := d.next()
		if c == nil && !yielded {
			yielded = true
			runtime.Gosched()
			continue
		}
		if c == nil {
			break
		}
		c.wake <- notice{run: tables}
		<-c.ran
		group = append(group, c)
	}
	return group
}

// settle commits what the group wrote, if anything, and returns why it could not.
func (d *DB) settle(tx *bbolt.Tx, group []*call) error {
	if i := slices.IndexFunc(group, func(c *call) bool { return c.tx.broken != nil }); i >= 0 {
		return errors.Join(group[i].tx.broken, tx.Rollback())
	}
	if !slices.ContainsFunc(group, func(c *call) bool { return c.err == nil && len(c.tx.changes) > 0 }) {
		return tx.Rollback()
	}
	id := tx.ID()
	err := d.tryCommit(tx)
	if err == nil {
		return nil
	}
	if !d.wedged && !d.shows(id) {
		return fmt.Errorf("commit: %w", err)
	}
	err = fmt.Errorf("%w: commit: %w", store.ErrUncertain, err)
	d.refuse(fmt.Errorf("store needs to be opened again: %w", err))
	return err
}

// tryCommit turns a panic of bbolt, which has locks then that nobody will give back,
// into an error.
func (d *DB) tryCommit(tx *bbolt.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			d.mu.Lock()
			d.wedged = true
			d.mu.Unlock()
			err = fmt.Errorf("%w: %v", store.ErrDamaged, p)
		}
	}()
	return d.commit(tx)
}

// shows reports whether readers see the change with this id, although its commit
// failed, or whether that cannot be told.
func (d *DB) shows(id int) bool {
	tx, err := d.bolt.Begin(false)
	if err != nil {
		return true
	}
	defer tx.Rollback() // of a reader: cannot fail
	return tx.ID() >= id
}

// outcome is what the caller of c is told. A function that refused may have done so
// for what another of the group wrote; if that was not stored, the refusal is void.
func (c *call) outcome(failure error) error {
	if failure != nil {
		return failure
	}
	return c.err
}

// next takes the first caller out of the queue, or returns nil.
func (d *DB) next() *call {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queue) == 0 {
		return nil
	}
	c := d.queue[0]
	d.queue = slices.Delete(d.queue, 0, 1)
	return c
}

// handOver makes the first who waits the leader.
func (d *DB) handOver() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queue) == 0 {
		d.leading = false
		return
	}
	c := d.queue[0]
	d.queue = slices.Delete(d.queue, 0, 1)
	c.wake <- notice{lead: true}
}

// refuse makes every later call fail with err, and those that wait.
func (d *DB) refuse(err error) {
	d.mu.Lock()
	if d.refusal == nil {
		d.refusal = err
	}
	d.mu.Unlock()
	d.dismiss(err)
}

// dismiss sends away whoever waits.
func (d *DB) dismiss(err error) {
	for c := d.next(); c != nil; c = d.next() {
		c.wake <- notice{err: err}
	}
}
