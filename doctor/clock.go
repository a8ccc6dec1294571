package doctor

import (
	"context"
	"errors"
	"time"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/timesource"
)

// markAhead is how far the mark of timestamps may be ahead of a clock that is right: it
// is set two seconds ahead, and a clock may be off by one. A guess with room.
const markAhead = 5 * time.Second

// Clock asks time sources about this machine's clock.
type Clock interface {
	Check(context.Context) timesource.Verdict
}

// clock looks at what keeps timestamps from being given: sources that call the clock
// wrong, and times that were given in what is the future now.
func (e *examination) clock(ctx context.Context) error {
	if err := e.mark(ctx); err != nil || e.Clock == nil {
		return err
	}
	v := e.Clock.Check(ctx)
	switch {
	case v.State == timesource.Wrong:
		e.problem("clock", "set it right before the server is started: timestamps cannot be taken back", "%s", v)
	case !v.Quorum:
		e.note("clock", "see whether the time sources can be reached from here", "%s", v)
	}
	return nil
}

func (e *examination) mark(ctx context.Context) error {
	now := time.Now
	if e.Now != nil {
		now = e.Now
	}
	return e.Store.View(ctx, func(r store.Reader) error {
		m, err := store.ClockMarks.Get(r, store.ClockMarkKey)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err == nil && m.Until.Sub(now()) > markAhead {
			e.problem("clock", "if the clock is right now, it was ahead: look at what was timestamped after this moment, and wait",
				"timestamps may have been given until %s, and none is given before that; the clock says %s",
				m.Until.UTC().Format(time.RFC3339), now().UTC().Format(time.RFC3339))
		}
		return err
	})
}
