package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// Store is what a Sender needs of a store driver.
type Store interface {
	View(context.Context, func(store.Reader) error) error
	Update(context.Context, func(store.Tx) error) error
}

// Sender delivers notices to webhooks. Its fields are set before the first call, and
// then left alone. It is safe for concurrent use; one store may have several, which may
// deliver a notice twice.
//
// It is needed without webhooks too: what nobody waits for is settled, so that a
// webhook added next year is not told of this year.
type Sender struct {
	Store    Store
	Webhooks []Webhook
	// Client carries requests; nil means one of our own, which trusts the system's
	// certificate authorities and uses no proxy. Its redirects, cookies and timeout do
	// not count.
	Client *http.Client
	Now    func() time.Time
	// Random returns numbers from 0 to below 1, for the jitter; nil means math/rand.
	Random func() float64
	// Log is told of failures; nil means nobody is.
	Log *slog.Logger

	once  sync.Once
	err   error // of Check, once
	lanes []*lane
	http  *http.Client
}

// lane is the way to one webhook. What happens on one does not hold up another.
type lane struct {
	*Sender
	hook  Webhook
	id    string
	busy  sync.Mutex // held by a round
	poked chan struct{}
}

// Check says what is wrong with the fields. Flush and Run begin with it.
func (s *Sender) Check() error {
	if s.Store == nil || s.Now == nil {
		return errors.New("notify: a sender needs a store and a clock")
	}
	seen := map[string]bool{}
	for _, w := range s.Webhooks {
		if err := w.Check(); err != nil {
			return fmt.Errorf("notify: %w", err)
		}
		if seen[w.ID()] {
			return fmt.Errorf("notify: webhook %s: the same URL twice", w)
		}
		seen[w.ID()] = true
	}
	return nil
}

func (s *Sender) start() error {
	s.once.Do(func() {
		if s.err = s.Check(); s.err != nil {
			return
		}
		for _, w := range s.Webhooks {
			s.lanes = append(s.lanes, &lane{Sender: s, hook: w, id: w.ID(), poked: make(chan struct{}, 1)})
		}
		s.http = client(s.Client)
		if s.Log == nil {
			s.Log = slog.New(slog.DiscardHandler)
		}
		if s.Random == nil {
			s.Random = rand.Float64
		}
	})
	return s.err
}

// Flush tries everything that is due, at all webhooks at once, and returns how much was
// delivered. That a webhook fails is no error: it is tried again later. What an error
// of the store leaves undone, or done and not recorded, the next call takes up.
func (s *Sender) Flush(ctx context.Context) (int, error) {
	if err := s.start(); err != nil {
		return 0, err
	}
	delivered, errs := make([]int, len(s.lanes)), make([]error, len(s.lanes))
	var wg sync.WaitGroup
	for i, l := range s.lanes {
		wg.Go(func() { delivered[i], errs[i] = l.round(ctx) })
	}
	wg.Wait()
	total := 0
	for _, n := range delivered {
		total += n
	}
	return total, errors.Join(append(errs, s.settle(ctx))...)
}

// Poke makes Run try soon. It never blocks.
func (s *Sender) Poke() {
	if s.start() != nil {
		return
	}
	for _, l := range s.lanes {
		select {
		case l.poked <- struct{}{}:
		default:
		}
	}
}

// Run tries what is due when poked, and every interval, until ctx ends; each webhook at
// its own pace. It returns an error only for fields that Check refuses.
func (s *Sender) Run(ctx context.Context, interval time.Duration) error {
	if err := s.start(); err != nil {
		return err
	}
	if interval <= 0 {
		return fmt.Errorf("notify: interval %v", interval)
	}
	var wg sync.WaitGroup
	for _, l := range s.lanes {
		wg.Go(func() {
			s.repeat(ctx, interval, l.poked, func() error { _, err := l.round(ctx); return err })
		})
	}
	wg.Go(func() { s.repeat(ctx, interval, nil, func() error { return s.settle(ctx) }) })
	wg.Wait()
	return nil
}

func (s *Sender) repeat(ctx context.Context, interval time.Duration, poked <-chan struct{}, do func() error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := do(); err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "webhooks: the store fails", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-poked:
		}
	}
}

// isSettled reports whether no webhook waits for n.
func (s *Sender) isSettled(n store.Notice) bool {
	return !slices.ContainsFunc(s.lanes, func(l *lane) bool { return l.waits(n) })
}

// settle takes notices that nobody waits for off the list: there is no webhook, none
// that wants them, or the last one that waited is gone from the configuration.
func (s *Sender) settle(ctx context.Context) error {
	for {
		var idle []string
		err := s.Store.View(ctx, func(r store.Reader) error {
			idle = nil
			for n, err := range store.Notices.Between(r, "pending", "", "") {
				if err != nil {
					return err
				}
				if !s.isSettled(n) {
					continue
				}
				if idle = append(idle, n.ID); len(idle) == maxSettled {
					break
				}
			}
			return nil
		})
		if err == nil && len(idle) > 0 {
			err = s.change(ctx, idle, func(*store.Notice) {})
		}
		if err != nil {
			return fmt.Errorf("settle notices: %w", err)
		}
		if len(idle) < maxSettled {
			return nil
		}
	}
}

// change applies fn to notices as they are now, and settles those that nobody waits
// for any more.
func (s *Sender) change(ctx context.Context, ids []string, fn func(*store.Notice)) error {
	now := s.Now().UTC()
	return s.Store.Update(ctx, func(tx store.Tx) error {
		for _, id := range ids {
			n, err := store.Notices.Get(tx, id)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			fn(&n)
			if n.SettledAt.IsZero() && s.isSettled(n) {
				n.SettledAt = now
			}
			if err := store.Notices.Put(tx, n); err != nil {
				return err
			}
		}
		return nil
	})
}
