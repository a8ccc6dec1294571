package ca

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"math/big"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/digitorus/timestamp"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/bolt"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

// twoClocks are a machine's clocks: step moves the wall clock alone.
type twoClocks struct {
	mu  sync.Mutex
	now reading
}

func (m *twoClocks) read() reading { m.mu.Lock(); defer m.mu.Unlock(); return m.now }

func (m *twoClocks) step(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.wall = m.now.wall.Add(d)
}

func (m *twoClocks) pass(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.wall, m.now.steady = m.now.wall.Add(d), m.now.steady+d
}

// after passes the time at once.
func (m *twoClocks) after(d time.Duration) <-chan time.Time {
	m.pass(d)
	c := make(chan time.Time, 1)
	c <- m.read().wall
	return c
}

// clockAt makes the clock of a process that starts at a time.
func clockAt(s Store, wall time.Time) (*stampClock, *twoClocks) {
	m := &twoClocks{now: reading{wall: wall}}
	return &stampClock{store: s, read: m.read, after: m.after, start: wall}, m
}

func wantTime(t *testing.T, c *stampClock, want time.Time) {
	t.Helper()
	if got, err := c.stampTime(t.Context()); err != nil || !got.Equal(want) || got.Location() != time.UTC {
		t.Fatalf("time %v, %v; want %v", got, err, want)
	}
}

func wantNoTime(t *testing.T, c *stampClock) {
	t.Helper()
	if got, err := c.stampTime(t.Context()); !errors.Is(err, ErrTimeNotAvailable) || !got.IsZero() {
		t.Fatalf("time %v, %v; want ErrTimeNotAvailable", got, err)
	}
}

func clockMark(t *testing.T, d storetest.Driver) (m store.ClockMark) {
	t.Helper()
	err := d.View(context.Background(), func(r store.Reader) (err error) {
		m, err = store.ClockMarks.Get(r, store.ClockMarkKey)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return m
}

func TestClockGoesBack(t *testing.T) {
	c, m := clockAt(newMemory(), noon.Add(499*time.Millisecond))
	wantTime(t, c, noon)
	m.step(-999 * time.Millisecond) // within the second that tokens say
	wantTime(t, c, noon)
	m.step(-time.Hour)
	wantNoTime(t, c)
	m.pass(30 * time.Minute)
	wantNoTime(t, c)
	m.pass(30 * time.Minute) // it has caught up
	wantTime(t, c, noon)
	m.step(-clockStep)
	wantTime(t, c, noon) // it is waited for
}

func TestClockAcrossRestart(t *testing.T) {
	for _, c := range []struct {
		name  string
		start time.Duration // of the second run, from the last time given
		want  time.Duration // the first time it gives; 0 for none
	}{
		{"at once", 0, clockStep},
		{"within the step", time.Second, clockStep},
		{"after the step", clockStep, clockStep},
		{"the day after", 24 * time.Hour, 24 * time.Hour},
		{"a second before", -time.Second, 0},
		{"an hour before", -time.Hour, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newMemory()
			first, _ := clockAt(d, noon)
			wantTime(t, first, noon)
			second, m := clockAt(d, noon.Add(c.start))
			if c.want != 0 {
				wantTime(t, second, noon.Add(c.want))
				return
			}
			wantNoTime(t, second)
			m.pass(clockStep - c.start)
			wantTime(t, second, noon.Add(clockStep))
		})
	}
}

func TestClockJumpsAhead(t *testing.T) {
	d := newMemory()
	c, m := clockAt(d, noon)
	m.pass(24 * time.Hour)
	m.step(maxClockJump)
	at := noon.Add(24*time.Hour + maxClockJump)
	wantTime(t, c, at) // just allowed
	m.step(time.Nanosecond)
	wantNoTime(t, c)
	m.step(-time.Nanosecond)
	wantNoTime(t, c) // until somebody has looked
	if got := clockMark(t, d).Until; !got.Equal(at.Add(clockStep)) {
		t.Errorf("refused times moved the mark to %s", got)
	}
	again, _ := clockAt(d, at.Add(time.Hour))
	wantTime(t, again, at.Add(time.Hour))
}

// TestClockReadsBoth: of the times of time.Now, both parts are used.
func TestClockReadsBoth(t *testing.T) {
	now := time.Now()
	c := newStampClock(newMemory(), func() time.Time { return now }, nil)
	c.start = c.start.Add(-maxClockJump - time.Second) // as if the wall clock alone had moved since
	wantNoTime(t, c)
	now = now.Add(time.Minute)
	if r := c.read(); r.steady != time.Minute || !r.wall.Equal(now) || r.wall != now.Round(0) {
		t.Errorf("read %+v", r)
	}
}

// TestClockWritesInSteps: one write for all stamps within a step.
func TestClockWritesInSteps(t *testing.T) {
	counted := &countingStore{Store: newMemory()}
	c, m := clockAt(counted, noon)
	for range 100 {
		for range 10 {
			if _, err := c.stampTime(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		m.pass(100 * time.Millisecond)
	}
	if counted.updates > int(10*time.Second/clockStep) {
		t.Errorf("%d writes in 10 s", counted.updates)
	}
}

type countingStore struct {
	Store
	updates int
}

func (s *countingStore) Update(ctx context.Context, fn func(store.Tx) error) error {
	s.updates++
	return s.Store.Update(ctx, fn)
}

// TestClockWithFaults: a time is given only when the mark covers it, whatever fails,
// and the clock recovers when the store does.
func TestClockWithFaults(t *testing.T) {
	storetest.EachFault(t, func(*testing.T) storetest.Driver { return newMemory() }, func(t *testing.T, d storetest.Driver, f *storetest.Faulty) {
		c, m := clockAt(f, noon)
		failed := 0
		for range 5 {
			at, err := c.stampTime(t.Context())
			if err != nil {
				failed++
				if !errors.Is(err, storetest.ErrInjected) || errors.Is(err, ErrTimeNotAvailable) {
					t.Errorf("refused with %v", err)
				}
			} else if mark := clockMark(t, d).Until; at.After(mark) {
				t.Errorf("gave %s, mark says %s", at, mark)
			}
			m.pass(2 * time.Second)
		}
		if f.Fired() != (failed == 1) || failed > 1 {
			t.Errorf("%d refusals after %v", failed, f.Fault())
		}
	})
}

// TestClockKilled: a process dies at each point of its writes; the next, whose clock
// stands anywhere near, never gives an earlier time.
func TestClockKilled(t *testing.T) {
	for _, offset := range []time.Duration{-time.Hour, -time.Second, 0, time.Second, clockStep, time.Minute} {
		storetest.EachFault(t, func(*testing.T) storetest.Driver { return newMemory() }, func(t *testing.T, d storetest.Driver, f *storetest.Faulty) {
			c, m := clockAt(f.Dead(), noon)
			var last time.Time
			for range 9 {
				at, err := c.stampTime(t.Context())
				if err != nil {
					break
				}
				last = at
				m.pass(700 * time.Millisecond)
			}
			again, _ := clockAt(d, m.read().wall.Add(offset))
			at, err := again.stampTime(t.Context())
			if err == nil && at.Before(last) {
				t.Errorf("gave %s after %s", at, last)
			}
			if err != nil && (offset >= 0 || !errors.Is(err, ErrTimeNotAvailable)) {
				t.Errorf("clock %s after the death: %v", offset, err)
			}
		})
	}
}

// TestClockConcurrently: the times of 64 stampers agree with the order in which they
// were given, while the clock runs on and back.
func TestClockConcurrently(t *testing.T) {
	d := newMemory()
	c, m := clockAt(d, noon)
	c.after = func(time.Duration) <-chan time.Time { return m.after(0) }
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			var last time.Time
			for j := range 20 {
				before := c.given()
				at, err := c.stampTime(context.Background())
				if err == nil && (at.Before(before) || at.Before(last)) {
					t.Errorf("gave %s after %s and %s", at, before, last)
				}
				if err != nil && !errors.Is(err, ErrTimeNotAvailable) {
					t.Error(err)
				}
				last = at
				if m.pass(100 * time.Millisecond); (i+j)%7 == 0 {
					m.step(-300 * time.Millisecond)
				}
			}
		})
	}
	wg.Wait()
	if mark := clockMark(t, d).Until; c.given().IsZero() || c.given().After(mark) {
		t.Errorf("gave %s, mark says %s", c.given(), mark)
	}
}

func (c *stampClock) given() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.last }

func TestClockWaitEndsWithContext(t *testing.T) {
	d := newMemory()
	first, _ := clockAt(d, noon)
	wantTime(t, first, noon)
	second, _ := clockAt(d, noon)
	second.after = func(time.Duration) <-chan time.Time { return nil }
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := second.stampTime(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waited and got %v", err)
	}
}

// TestTimestampWithoutTime: both ways to a token refuse when the clock is back.
func TestTimestampWithoutTime(t *testing.T) {
	f := newFixture(t)
	sum := sha256.Sum256([]byte("x"))
	if _, err := f.ca.StampDigest(t.Context(), crypto.SHA256, sum[:]); err != nil {
		t.Fatal(err)
	}
	f.clock.Add(-time.Minute)
	for name, c := range map[string]*CA{"the same process": f.ca, "after a restart": f.open(f.store)} {
		der, err := c.Timestamp(t.Context(), stampRequest(t, nil))
		if err != nil {
			t.Fatal(err)
		}
		a := readAnswer(t, der)
		if a.Status.Status != 2 || a.Status.Fail.At(failTimeNotAvailable) != 1 || len(a.Token.FullBytes) != 0 {
			t.Errorf("%s: %+v, want timeNotAvailable", name, a)
		}
		if token, err := c.StampDigest(t.Context(), crypto.SHA256, sum[:]); !errors.Is(err, ErrTimeNotAvailable) || token != nil {
			t.Errorf("%s: stamped, or %v", name, err)
		}
	}
	f.clock.Add(time.Minute)
	if a := readAnswer(t, mustStamp(t, f.ca)); a.Status.Status != 0 {
		t.Errorf("clock has caught up: %+v", a)
	}
}

func mustStamp(t *testing.T, c *CA) []byte {
	t.Helper()
	der, err := c.Timestamp(context.Background(), stampRequest(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestTimestampWithFailingStore(t *testing.T) {
	f := newFixture(t)
	c := f.open(storetest.FailAt(f.store, 1).Dead())
	der, err := c.Timestamp(t.Context(), stampRequest(t, nil))
	if !errors.Is(err, storetest.ErrInjected) {
		t.Errorf("stamped without a mark: %v", err)
	}
	if a := readAnswer(t, der); a.Status.Status != 2 || a.Status.Fail.At(failSystem) != 1 || len(a.Token.FullBytes) != 0 {
		t.Errorf("%+v, want systemFailure", a)
	}
}

// TestTimestampSerials: numbers are random in each of their 160 bits, so that neither
// 64 stampers nor a restart repeat one. Each run opens the store's file again.
func TestTimestampSerials(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hallmark.db")
	f := newFixture(t)
	seen := map[string]bool{}
	ones, zeros := new(big.Int), new(big.Int)
	all := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 160), big.NewInt(1))
	for range 2 {
		d, err := bolt.Open(file, bolt.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, serial := range stampConcurrently(t, f.open(d), 64, 4) {
			if seen[serial.String()] {
				t.Errorf("serial %s twice", serial)
			}
			seen[serial.String()] = true
			ones.Or(ones, serial)
			zeros.Or(zeros, new(big.Int).AndNot(all, serial))
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		f.clock.Add(clockStep)
	}
	if len(seen) != 2*64*4 || ones.Cmp(all) != 0 || zeros.Cmp(all) != 0 {
		t.Errorf("%d serials; bits seen set %x, seen clear %x", len(seen), ones, zeros)
	}
}

// stampConcurrently returns the serial numbers of n tokens to each of some requesters.
func stampConcurrently(t *testing.T, c *CA, requesters, n int) (serials []*big.Int) {
	t.Helper()
	request := stampRequest(t, nil)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range requesters {
		wg.Go(func() {
			for range n {
				der, err := c.Timestamp(context.Background(), request)
				if err != nil {
					t.Error(err)
					return
				}
				stamp, err := timestamp.ParseResponse(der)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				serials = append(serials, stamp.SerialNumber)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return serials
}

// TestClockRounds: a time is off by half a second at most, and none is earlier than the
// one before it.
func TestClockRounds(t *testing.T) {
	c, m := clockAt(newMemory(), noon)
	var last time.Time
	for range 400 {
		m.pass(10 * time.Millisecond)
		at, err := c.stampTime(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if off := at.Sub(m.read().wall).Abs(); off > time.Second/2 || at.Before(last) || at.Nanosecond() != 0 {
			t.Fatalf("clock %s, time %s after %s", m.read().wall, at, last)
		}
		last = at
	}
}

// TestClockNotTrusted: while somebody knows better, there is no time, and no mark.
func TestClockNotTrusted(t *testing.T) {
	d := newMemory()
	c, m := clockAt(d, noon)
	wrong := errors.New("three of three sources say so")
	c.trusted = func() error { return wrong }
	wantNoTime(t, c)
	if _, err := c.stampTime(t.Context()); !errors.Is(err, wrong) {
		t.Errorf("refused for %v", err)
	}
	if got := clockMark(t, d); !got.Until.IsZero() {
		t.Errorf("mark at %s", got.Until)
	}
	c.trusted = func() error { return nil }
	m.pass(time.Minute)
	wantTime(t, c, noon.Add(time.Minute))
}
