package notify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// find returns how a notice stands with this webhook, and nil when it was never tried.
func (l *lane) find(n *store.Notice) *store.NoticeDelivery {
	i := slices.IndexFunc(n.Deliveries, func(d store.NoticeDelivery) bool { return d.Webhook == l.id })
	if i < 0 {
		return nil
	}
	return &n.Deliveries[i]
}

// waits reports whether this webhook is still to be told of n.
func (l *lane) waits(n store.Notice) bool {
	d := l.find(&n)
	return l.hook.wants(n) && (d == nil || d.DoneAt.IsZero())
}

// due lists notices to try now, oldest first, up to maxBatch.
func (l *lane) due(ctx context.Context, now time.Time) ([]store.Notice, error) {
	var list []store.Notice
	err := l.Store.View(ctx, func(r store.Reader) error {
		list = nil
		for n, err := range store.Notices.Between(r, "pending", "", "") {
			if err != nil {
				return err
			}
			if d := l.find(&n); !l.waits(n) || d != nil && d.NextTry.After(now) {
				continue
			}
			if list = append(list, n); len(list) == maxBatch {
				break
			}
		}
		return nil
	})
	return list, err
}

// round tries what is due, until nothing is or the webhook fails, and returns how much
// was delivered.
func (l *lane) round(ctx context.Context) (delivered int, err error) {
	l.busy.Lock()
	defer l.busy.Unlock()
	began := l.Now() // what falls due meanwhile is for the next round, or this one might not end
	for {
		due, err := l.due(ctx, began)
		if err != nil {
			return delivered, fmt.Errorf("read notices: %w", err)
		}
		if len(due) == 0 {
			return delivered, nil
		}
		n, away, err := l.tryEach(ctx, due)
		delivered += n
		if err != nil {
			return delivered, fmt.Errorf("record a delivery: %w", err)
		}
		if away || ctx.Err() != nil {
			return delivered, nil
		}
	}
}

// tryEach tries notices one after the other. away: the webhook failed, and everything
// from that notice on has been put off.
func (l *lane) tryEach(ctx context.Context, due []store.Notice) (delivered int, away bool, err error) {
	for i, n := range due {
		res := l.try(ctx, n)
		if res.err != nil && ctx.Err() != nil {
			return delivered, false, nil // cut short: that says nothing about the webhook
		}
		concerned := due[i : i+1]
		if away = res.err != nil && !res.thisEvent; away {
			concerned = due[i:]
		}
		ids := make([]string, len(concerned))
		for k, c := range concerned {
			ids[k] = c.ID
		}
		jitter := 1 + maxJitter*l.Random()
		now := l.Now().UTC()
		// The answer is here: a caller that gives up must not keep it from the record.
		err := l.change(context.WithoutCancel(ctx), ids, func(n *store.Notice) { l.mark(n, res, now, jitter) })
		if err != nil {
			return delivered, away, err
		}
		if res.err == nil {
			delivered++
			continue
		}
		lost := 0
		for k := range concerned { // our copies, to count
			l.mark(&concerned[k], res, now, jitter)
			if l.find(&concerned[k]).GivenUp {
				lost++
			}
		}
		l.Log.WarnContext(ctx, "webhook failed", "webhook", l.hook.String(), "webhook_id", webhookID(n), "type", n.Type,
			"error", res.err.Error(), "put_off", len(ids)-lost, "given_up", lost)
		if away {
			return delivered, true, nil
		}
	}
	return delivered, false, nil
}

// mark records a try in n.
func (l *lane) mark(n *store.Notice, res result, now time.Time, jitter float64) {
	d := l.find(n)
	if d == nil {
		n.Deliveries = append(n.Deliveries, store.NoticeDelivery{Webhook: l.id, Since: now})
		d = &n.Deliveries[len(n.Deliveries)-1]
	}
	if !d.DoneAt.IsZero() {
		return // another process was quicker
	}
	if res.err == nil {
		d.DoneAt, d.NextTry, d.LastError = now, time.Time{}, ""
		return
	}
	d.Tries++
	d.LastError = cut(res.err.Error(), maxError)
	if res.final || now.Sub(d.Since) >= GiveUpAfter {
		d.DoneAt, d.NextTry, d.GivenUp = now, time.Time{}, true
		return
	}
	d.NextTry = now.Add(max(delay(d.Tries, jitter), res.retryAfter))
}

// delay is how long to wait after the given number of failures.
func delay(failures int, jitter float64) time.Duration {
	d := firstDelay
	for range failures - 1 {
		if d *= backoff; d >= maxDelay {
			d = maxDelay
			break
		}
	}
	return time.Duration(float64(d) * jitter)
}
