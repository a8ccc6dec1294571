package ca

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// ErrTimeNotAvailable is wrapped by the error of a timestamp that is refused because
// the clock cannot be trusted (RFC 3161 §2.4.2, timeNotAvailable).
var ErrTimeNotAvailable = errors.New("time is not available")

const (
	// clockStep is how far ahead of the time in use the durable mark is set: at most one
	// write in that time, however many stamps. It is also how long a stamp waits at most
	// for a clock that is behind the mark, which it is right after a restart.
	clockStep = 2 * time.Second
	// maxClockJump is by how much the clock may gain, in all, on the machine's monotonic
	// clock while the process runs. Whatever keeps clocks right slews both alike; what is
	// left are steps, of a second or so on a machine that is looked after. A guess with room.
	maxClockJump = 10 * time.Second
)

// stampClock is the clock of the timestamping authority. It gives no time before one
// that was given earlier, in this process or in one before. Safe for concurrent use.
//
// The store holds a mark: no later time has been given. Before a time after the mark is
// given, the mark is moved to clockStep after it, durably. How much of a step was used,
// a process that starts does not know; it takes it for all of it.
type stampClock struct {
	store   Store
	read    func() reading
	after   func(time.Duration) <-chan time.Time
	trusted func() error // nil: trusted
	start   time.Time    // wall

	mu     sync.Mutex
	jumped bool      // once, and until the process ends
	last   time.Time // latest time given by this process
	mark   time.Time // as this process has written it; zero before it did
}

// reading is one look at the clocks.
type reading struct {
	wall   time.Time     // without a monotonic part
	steady time.Duration // monotonic clock, since the stampClock was made
}

// newStampClock makes a clock of now that gives no time while trusted, which may be nil,
// returns an error. Times without a monotonic part, as tests make
// them, do not show a jump.
func newStampClock(s Store, now func() time.Time, trusted func() error) *stampClock {
	start := now()
	read := func() reading {
		t := now()
		return reading{t.Round(0), t.Sub(start)}
	}
	return &stampClock{store: s, read: read, after: time.After, trusted: trusted, start: start.Round(0)}
}

// behindError says that the clock is behind a time that may have been given.
type behindError struct {
	now, mark time.Time
}

func (e *behindError) Error() string {
	return fmt.Sprintf("clock says %s, tokens may have been given until %s", e.now.UTC().Format(time.RFC3339Nano), e.mark.UTC().Format(time.RFC3339))
}

// Unwrap returns ErrTimeNotAvailable.
func (e *behindError) Unwrap() error { return ErrTimeNotAvailable }

// stampTime returns the time of one token, UTC rounded to whole seconds, so that it is off
// by half a second at most where the clock is right. The error wraps
// ErrTimeNotAvailable when the clock is to blame, and the store's error otherwise. A
// clock that is behind by clockStep or less is waited for, once.
func (c *stampClock) stampTime(ctx context.Context) (time.Time, error) {
	t, err := c.take(ctx)
	var behind *behindError
	if !errors.As(err, &behind) {
		return t, err
	}
	gap := behind.mark.Add(-time.Second / 2).Sub(behind.now) // what is rounded up is reached earlier
	if gap > clockStep {
		return time.Time{}, err
	}
	select {
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	case <-c.after(gap):
		return c.take(ctx)
	}
}

// take reads the clock with the lock held: else the order in which two stamps take the
// lock could differ from the order of their times.
func (c *stampClock) take(ctx context.Context) (time.Time, error) {
	if c.trusted != nil {
		if err := c.trusted(); err != nil {
			return time.Time{}, fmt.Errorf("%w: %w", ErrTimeNotAvailable, err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.read()
	if now.wall.Sub(c.start)-now.steady > maxClockJump {
		c.jumped = true
	}
	if c.jumped {
		return time.Time{}, fmt.Errorf("%w: clock has jumped ahead by more than %s since the start", ErrTimeNotAvailable, maxClockJump)
	}
	t := now.wall.UTC().Round(time.Second)
	if t.Before(c.last) {
		return time.Time{}, &behindError{now.wall, c.last}
	}
	if t.After(c.mark) {
		if err := c.reserve(ctx, now.wall, t); err != nil {
			return time.Time{}, err
		}
	}
	c.last = t
	return t, nil
}

// reserve moves the durable mark ahead of t. It does not trust c.mark: a change whose
// outcome was uncertain, or another process, may have moved the record on.
func (c *stampClock) reserve(ctx context.Context, now, t time.Time) error {
	next := t.Add(clockStep)
	err := c.store.Update(ctx, func(tx store.Tx) error {
		old, err := store.ClockMarks.Get(tx, store.ClockMarkKey)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if t.Before(old.Until) {
			return &behindError{now, old.Until}
		}
		return store.ClockMarks.Put(tx, store.ClockMark{Until: next})
	})
	if err != nil {
		return fmt.Errorf("mark time: %w", err)
	}
	c.mark = next
	return nil
}
