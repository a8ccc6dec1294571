package rebuild

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/store"
)

// look is one look for work: what it has found, and what it may still cost.
type look struct {
	w       Worker
	now     time.Time
	due     []store.RebuildJob // to give up, and behind them one to give out
	found   bool               // there is one to give out
	pause   time.Duration      // how long to wait before looking again, where nothing is due
	read    int                // jobs, of all vendors
	foreign *Refusal           // for the last job that the caller may not have
}

// dueJobs are the first jobs that may be claimed, up to one that can be given out; or it
// says how long to wait before looking again. Vendors come in turn, beginning behind the one
// that was served last. Jobs that the caller may not have, since a scope names another
// operator, are passed over: one vendor's scope must not stand in the way of everybody's
// rebuilds. Where there are none but those, the error says so.
func (q *Queue) dueJobs(r store.Reader, w Worker, now time.Time) (due []store.RebuildJob, pause time.Duration, err error) {
	turn, err := store.RebuildTurns.Get(r, store.RebuilderKey(w.Rebuilder))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, 0, err
	}
	l := look{w: w, now: now, pause: lookInterval}
	for first, err := range inTurn(r, w.Rebuilder, turn.Vendor) {
		if err != nil {
			return nil, 0, err
		}
		if now.Before(first.at) {
			l.pause = min(l.pause, first.at.Sub(now))
			continue
		}
		if err := q.lookAt(r, &l, first.vendor); err != nil {
			return nil, 0, err
		}
		if l.found || len(l.due) >= maxLook || l.read >= maxPassed {
			break
		}
	}
	if len(l.due) == 0 && l.foreign != nil {
		return nil, 0, l.foreign
	}
	return l.due, l.pause, nil
}

// waiting is a vendor that has jobs which are not over, and when the first may be claimed.
type waiting struct {
	vendor string
	at     time.Time
}

// inTurn yields the vendors for whom a rebuilder has jobs that are not over, each once: first
// those behind last in the order of their ids, then those up to it. It looks an entry up for
// each, and reads no job.
func inTurn(r store.Reader, rebuilder, last string) iter.Seq2[waiting, error] {
	return func(yield func(waiting, error) bool) {
		after, round := last, 0
		for {
			next, ok, err := firstBehind(r, rebuilder, after)
			if err != nil {
				yield(waiting{}, err)
				return
			}
			over := !ok || round > 0 && next.vendor > last
			switch {
			case over && (round > 0 || last == ""):
				return
			case over:
				after, round = "", 1
				continue
			}
			if !yield(next, nil) {
				return
			}
			after = next.vendor
		}
	}
}

// firstBehind finds the first vendor behind another for whom a rebuilder has jobs.
func firstBehind(r store.Reader, rebuilder, vendor string) (next waiting, ok bool, err error) {
	// An id of a vendor has only what sorts behind "!", which is behind the space that ends it.
	from, to := store.RebuilderKey(rebuilder)+" ", store.RebuilderKey(rebuilder)+"!"
	if vendor != "" {
		from += vendor + "!"
	}
	for e, err := range store.RebuildJobs.Entries(r, "due", from, to) {
		if err != nil {
			return waiting{}, false, err
		}
		parts := strings.Split(e.Value, " ")
		if len(parts) != 3 {
			return waiting{}, false, fmt.Errorf("%w: rebuild job %s is due at %q", store.ErrDamaged, e.Key, e.Value)
		}
		at, err := time.Parse(openLayout, parts[2])
		if err != nil {
			return waiting{}, false, fmt.Errorf("%w: rebuild job %s is due at %q", store.ErrDamaged, e.Key, e.Value)
		}
		return waiting{parts[1], at}, true, nil
	}
	return waiting{}, false, nil
}

// lookAt looks through the jobs of one vendor that are due, for one to give out.
func (q *Queue) lookAt(r store.Reader, l *look, vendor string) error {
	read, givenUp := 0, 0
	passed := map[string]bool{} // products
	for job, err := range store.RebuildJobs.Along(r, "due", store.RebuildDue(l.w.Rebuilder, vendor), store.Entry{}) {
		if err != nil {
			return err
		}
		if l.now.Before(job.NotBefore) {
			return nil
		}
		if read++; read > maxPassedOfVendor {
			return nil
		}
		if l.read++; l.read > maxPassed {
			return nil
		}
		if passed[job.Product] {
			continue
		}
		why, err := q.vet(r, l.w, job, l.now)
		if errors.As(err, &l.foreign) {
			passed[job.Product] = true
			if named, err := q.named(r, l.w, vendor, l.now); err != nil || !named {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		l.due = append(l.due, job)
		if l.found = why == ""; l.found || len(l.due) >= maxLook {
			return nil
		}
		if givenUp++; givenUp >= maxGivenUpOfVendor {
			return nil
		}
	}
	return nil
}

// named reports whether a scope of a vendor names the caller's rebuilder as its operator's:
// if not, the caller may have none of the vendor's jobs.
func (q *Queue) named(r store.Reader, w Worker, vendor string, now time.Time) (bool, error) {
	scopes, err := q.scopes(r, vendor, now)
	return slices.ContainsFunc(scopes, func(s audit.Scope) bool {
		return slices.ContainsFunc(s.Rebuilders, func(b audit.Rebuilder) bool {
			return b.ID == w.Rebuilder && sameOperator(b.Operator, w.Operator)
		})
	}), err
}
