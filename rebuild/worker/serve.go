package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Options are those of Serve.
type Options struct {
	// Once: do the jobs that there are, and return when a claim finds none.
	Once bool
	// Jobs is how many to do at a time; 0 is 1.
	Jobs int
}

// Serve takes jobs until the context ends, and with Once until there are none. The end of
// the context breaks off what is being built: nothing is said about it, and its lease
// ends by itself. A server that does not answer is waited for.
func (w *Worker) Serve(ctx context.Context, s Server, o Options) error {
	var running sync.WaitGroup
	errs := make([]error, max(1, o.Jobs))
	for i := range errs {
		running.Go(func() { errs[i] = w.serve(ctx, s, o.Once) })
	}
	running.Wait()
	return errors.Join(errs...)
}

func (w *Worker) serve(ctx context.Context, s Server, once bool) error {
	pause := firstPause
	for ctx.Err() == nil {
		a, ok, err := s.Claim(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && once:
			return fmt.Errorf("ask for a job: %w", err)
		case err != nil:
			w.Log.Warn("no answer", "error", err, "again_in", pause)
			sleep(ctx, pause)
			pause = min(2*pause, lastPause)
			continue
		case !ok && once:
			return nil
		}
		pause = firstPause
		if ok {
			w.do(ctx, s, a)
		}
	}
	return nil
}

// do does one job to the end. What goes wrong is logged: the server gives the job out
// again.
func (w *Worker) do(ctx context.Context, s Server, a Assignment) {
	log := w.Log.With("job", a.ID, "product", a.Product, "sha256", a.SHA256)
	log.Info("job taken", "source", a.SourceURI, "commit", a.Commit)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var beating sync.WaitGroup
	defer beating.Wait()
	beat, quiet := context.WithCancel(ctx)
	defer quiet()
	beating.Go(func() { w.beat(beat, s, a, stop) })
	report, err := w.Rebuild(ctx, a.Job, Expected{})
	if err != nil {
		log.Warn("job abandoned", "error", err)
		return
	}
	envelopes, err := w.Sign(ctx, report)
	if err != nil {
		log.Error("outcome not signed", "error", err)
		return
	}
	if err := w.deliver(ctx, s, a, envelopes); err != nil {
		log.Error("outcome not delivered", "error", err)
		return
	}
	outcome := "reproduced"
	if report.Reason != "" {
		outcome = string(report.Reason)
	}
	log.Info("job done", "outcome", outcome, "statements", len(envelopes), "took", report.FinishedOn.Sub(report.StartedOn))
}

// beat tells the server that we are at it, and stops the job when it is not ours any more.
func (w *Worker) beat(ctx context.Context, s Server, a Assignment, stop context.CancelCauseFunc) {
	if a.Heartbeat <= 0 {
		return
	}
	tick := time.NewTicker(a.Heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := s.Heartbeat(ctx, a)
		switch {
		case errors.Is(err, ErrLost):
			stop(ErrLost)
			return
		case err != nil && ctx.Err() == nil:
			w.Log.Warn("no heartbeat", "job", a.ID, "error", err)
		}
	}
}

// deliver offers an outcome until it is taken: an hour's build is worth waiting for a
// server that restarts.
func (w *Worker) deliver(ctx context.Context, s Server, a Assignment, envelopes [][]byte) error {
	ctx, stop := context.WithTimeout(ctx, deliverFor)
	defer stop()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := s.Deliver(ctx, a, envelopes)
		if err == nil || errors.Is(err, ErrLost) || errors.Is(err, ErrRefused) || ctx.Err() != nil {
			return err
		}
		w.Log.Warn("outcome not taken yet", "job", a.ID, "error", err, "again_in", pause)
		sleep(ctx, pause)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
