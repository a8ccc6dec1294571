package doctor

import (
	"context"

	"github.com/hallmark-pki/hallmark/timesource"
)

// Clock asks time sources about this machine's clock.
type Clock interface {
	Check(context.Context) timesource.Verdict
}

// clock asks now: with a wrong clock nothing will be timestamped.
func (e *examination) clock(ctx context.Context) error {
	if e.Clock == nil {
		return nil
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
