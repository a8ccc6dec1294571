package ledger

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/transparency-dev/tessera"
)

// committer adds leaves to the tree and publishes it, in one goroutine. What comes while
// a commit is written shares the next: the more there is to do, the more entries share
// the same few writes and the same checkpoint. What cannot be published, since witnesses
// are away, is not added either, but for the one commit that found it out.
type committer struct {
	add       tessera.AddFn
	publisher *publisher
	log       *slog.Logger
	refresh   time.Duration // 0: a checkpoint of an unchanged tree is not signed again
	wake      chan struct{}
	finished  chan struct{}

	// callers is how many wanted something during the last commit, and took is how long
	// that was; only run uses them.
	callers int
	took    time.Duration

	mu      sync.Mutex
	waiting []*request
	newest  head
	isReady bool          // newest may be built on: it is there, and cosigned as it should be
	failure error         // of the last publication
	changed chan struct{} // closed and replaced when one of the three above changes
}

// request is what one caller wants added. All but ctx and leaves are the committer's
// until done is closed.
type request struct {
	ctx    context.Context // of the caller, who waits; nothing is added for one who has left
	leaves [][]byte
	done   chan struct{}

	indexes []uint64
	at      head
	err     error
}

func newCommitter(add tessera.AddFn, p *publisher, log *slog.Logger) *committer {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &committer{
		add: add, publisher: p, log: log,
		wake: make(chan struct{}, 1), finished: make(chan struct{}), changed: make(chan struct{}),
	}
	if len(p.policy.Witnesses) > 0 {
		c.refresh = refreshInterval
	}
	return c
}

// run commits until ctx ends. It begins with a publication: a process that was killed
// may have left a tree without a checkpoint, and the witnesses may be other ones now.
func (c *committer) run(ctx context.Context) {
	defer close(c.finished)
	if c.publish(ctx, !c.ready()) != nil {
		return
	}
	var refresh <-chan time.Time
	if c.refresh > 0 {
		tick := time.NewTicker(c.refresh)
		defer tick.Stop()
		refresh = tick.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-refresh:
			if c.publish(ctx, true) != nil {
				return
			}
		case <-c.wake:
			c.gather(ctx)
			if c.commit(ctx, c.take()) != nil {
				return
			}
		}
	}
}

// gather waits a little for those who were there during the last commit: they are
// making use of their answers and will be back. Without, callers fall into two groups,
// of which each waits for the commit of the other, and twice as much is written.
func (c *committer) gather(ctx context.Context) {
	limit := time.NewTimer(min(c.took/2, maxGather))
	defer limit.Stop()
	for c.pending() < c.callers {
		select {
		case <-c.wake:
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (c *committer) pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting)
}

// commit adds what was asked for, publishes it and answers. It fails when ctx ends.
func (c *committer) commit(ctx context.Context, batch []*request) error {
	if len(batch) == 0 {
		return nil
	}
	start := time.Now()
	c.place(ctx, batch)
	err := c.publish(ctx, false)
	at := c.last()
	for _, r := range batch {
		if r.err == nil {
			r.at, r.err = at, err
		}
		close(r.done)
	}
	c.took, c.callers = time.Since(start), len(batch)+c.pending()
	return err
}

// place adds the leaves of a batch to the tree. The library promises to keep the order of
// what one goroutine adds, but hands batches over without a lock, so that one that is
// full can overtake one that is due. What came out of order is added once more: a
// repeated entry does no harm, and an entry before the one it rests on could.
func (c *committer) place(ctx context.Context, batch []*request) {
	for try := 0; len(batch) > 0; try++ {
		// Hashed first: what is added quickly stays together.
		entries := make([][]*tessera.Entry, len(batch))
		for i, r := range batch {
			for _, leaf := range r.leaves {
				entries[i] = append(entries[i], tessera.NewEntry(leaf))
			}
		}
		futures := make([][]tessera.IndexFuture, len(batch))
		for i := range batch {
			for _, e := range entries[i] {
				futures[i] = append(futures[i], c.add(ctx, e))
			}
		}
		var again []*request
		for i, r := range batch {
			if r.indexes, r.err = resolve(futures[i]); r.err != nil || slices.IsSorted(r.indexes) {
				continue
			}
			if try == maxReorder {
				r.err = fmt.Errorf("the log does not keep the order of %d entries", len(r.leaves))
				continue
			}
			again = append(again, r)
		}
		batch = again
	}
}

func resolve(futures []tessera.IndexFuture) ([]uint64, error) {
	indexes := make([]uint64, len(futures))
	var failed error
	for i, future := range futures {
		at, err := future()
		if err != nil {
			failed = err // the others are waited for: nothing of this is under way afterwards
		}
		indexes[i] = at.Index
	}
	return indexes, failed
}

// publish tries until the tree is published. It fails when ctx ends.
func (c *committer) publish(ctx context.Context, isForced bool) error {
	for wait := publishRetry; ; wait = min(2*wait, maxRetry) {
		next, err := c.publisher.publish(ctx, c.last(), isForced)
		c.set(next, err)
		if err == nil {
			return nil
		}
		c.log.WarnContext(ctx, "the log's checkpoint cannot be published", "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// do has leaves added and published. ctx ends the waiting.
func (c *committer) do(ctx context.Context, leaves [][]byte) ([]uint64, head, error) {
	r := &request{ctx: ctx, leaves: leaves, done: make(chan struct{})}
	c.mu.Lock()
	c.waiting = append(c.waiting, r)
	c.mu.Unlock()
	c.poke()
	select {
	case <-r.done:
		return r.indexes, r.at, r.err
	case <-ctx.Done():
		c.leave(r)
		return nil, head{}, c.why(ctx)
	}
}

// leave takes back a request that nobody waits for any more, unless it is under way:
// through a long outage, those who try again and again would fill the memory.
func (c *committer) leave(r *request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.waiting, r); i >= 0 {
		c.waiting = slices.Delete(c.waiting, i, i+1)
	}
}

// take returns what waits, as much as one commit takes.
func (c *committer) take() []*request {
	c.mu.Lock()
	defer c.mu.Unlock()
	var batch []*request
	size := 0
	for len(c.waiting) > 0 && size < maxCommit {
		r := c.waiting[0]
		c.waiting = c.waiting[1:]
		if r.ctx.Err() == nil {
			batch, size = append(batch, r), size+len(r.leaves)
		}
	}
	if len(c.waiting) > 0 {
		c.poke()
	} else {
		c.waiting = nil
	}
	return batch
}

// poke has run look at what waits. It never blocks.
func (c *committer) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *committer) set(next head, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure = err; err == nil {
		c.newest, c.isReady = next, true
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *committer) last() head {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.newest
}

func (c *committer) ready() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.isReady
}

// await waits for a checkpoint that may be built on: one is there, and cosigned.
func (c *committer) await(ctx context.Context) (head, error) {
	for {
		c.mu.Lock()
		isReady, newest, changed := c.isReady, c.newest, c.changed
		c.mu.Unlock()
		if isReady {
			return newest, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return head{}, c.why(ctx)
		}
	}
}

// why says what was in the way when ctx ended.
func (c *committer) why(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil {
		return fmt.Errorf("%w: %w", ctx.Err(), c.failure)
	}
	return ctx.Err()
}
