package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/bolt"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

// TestSlow: while one webhook takes its time over an event, another gets many.
func TestSlow(t *testing.T) {
	d, c := storetest.NewMemory(), &clock{now: noon}
	slow, quick := newReceiver(t, c), newReceiver(t, c)
	hold := make(chan struct{})
	held := make(chan struct{}, 5)
	slow.answers(func(http.ResponseWriter, Event) { held <- struct{}{}; <-hold })
	s := newSender(d, c, slow, quick)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx, time.Hour) }() // poked only
	for i := range 5 {
		name := fmt.Sprint("n", i)
		tell(t, d, name)
		s.Poke()
		got := ""
		for got == "" {
			time.Sleep(time.Millisecond)
			got = quick.take()
		}
		if got != name {
			t.Errorf("received %q, want %q", got, name)
		}
	}
	<-held // it may be slower to ask than the other to have all five
	if got := slow.take(); got != "n0" {
		t.Errorf("the slow one was sent %q", got)
	}
	close(hold)
	for got := 0; got < 4; { // then it is sent the rest, poked or not
		time.Sleep(time.Millisecond)
		got += len(strings.Fields(slow.take()))
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestRunEnds in the middle of a request, which then counts as no try.
func TestRunEnds(t *testing.T) {
	d, c := storetest.NewMemory(), &clock{now: noon}
	r := newReceiver(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	hold := make(chan struct{})
	r.answers(func(http.ResponseWriter, Event) { cancel(); <-hold })
	tell(t, d, "a")
	if err := newSender(d, c, r).Run(ctx, time.Millisecond); err != nil {
		t.Error(err)
	}
	close(hold)
	if n := get(t, d, "test.told/a"); len(n.Deliveries) != 0 {
		t.Errorf("on record: %+v", n)
	}
	r.answers(nil)
	r.take()
	flush(t, newSender(d, c, r), 1)
	expect(t, r, "a")
}

// TestRestart: what one process could not deliver the next one does, after the wait
// that the first had begun.
func TestRestart(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "hallmark.db"), &clock{now: noon}
	r := newReceiver(t, c)
	open := func() *bolt.DB {
		t.Helper()
		d, err := bolt.Open(path, bolt.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	r.status(http.StatusBadGateway)
	d := open()
	tell(t, d, "a")
	flush(t, newSender(d, c, r), 0)
	tell(t, d, "b") // and dies before it could try this one
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	r.take()
	r.answers(nil)
	d = open()
	defer d.Close()
	s := newSender(d, c, r)
	flush(t, s, 1)
	expect(t, r, "b")
	c.add(firstDelay)
	flush(t, s, 1)
	expect(t, r, "a")
}

// TestEveryFault: however the store fails, every webhook gets the event, and at the end
// nothing waits.
func TestEveryFault(t *testing.T) {
	open := func(*testing.T) storetest.Driver { return storetest.NewMemory() }
	storetest.EachFault(t, open, func(t *testing.T, d storetest.Driver, f *storetest.Faulty) {
		c := &clock{now: noon}
		r := newReceiver(t, c)
		n := notice("test.told/a", "probe.failed", `{"a":"a"}`)
		// The caller repeats what failed, as it must, and it is told once.
		if _, err := putNotice(t, f, n); err != nil {
			if _, err := putNotice(t, f, n); err != nil {
				t.Fatal(err)
			}
		}
		s := newSender(f, c, r)
		r.status(http.StatusInternalServerError)
		_, first := s.Flush(t.Context())
		r.answers(nil)
		c.add(firstDelay)
		_, second := s.Flush(t.Context())
		c.add(firstDelay)
		_, third := s.Flush(t.Context())
		if err := errors.Join(first, second, third); err != nil && !errors.Is(err, storetest.ErrInjected) {
			t.Fatal(err)
		}
		if got := strings.Fields(r.take()); len(got) < 2 || len(got) > 3 {
			t.Errorf("received %q", got)
		}
		if n := pending(t, d, 9); n != 0 {
			t.Errorf("%d pending", n)
		}
		if got := get(t, d, n.ID).Deliveries[0]; got.DoneAt.IsZero() || got.GivenUp {
			t.Errorf("on record: %+v", got)
		}
	})
}

// TestStoreFails: errors of the store are returned, and by Run logged.
func TestStoreFails(t *testing.T) {
	d, c := storetest.NewMemory(), &clock{now: noon}
	r := newReceiver(t, c)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	s := newSender(d, c, r)
	ctx, cancel := context.WithCancel(t.Context())
	s.Log = slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), store.ErrClosed.Error()) {
			cancel()
		}
		return len(p), nil
	}), nil))
	if _, err := s.Flush(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Flush = %v", err)
	}
	if err := s.Run(ctx, time.Hour); err != nil {
		t.Error(err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
