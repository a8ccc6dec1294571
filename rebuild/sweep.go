package rebuild

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// Sweep gives up what nobody came for within maxAge. Somebody calls it now and then.
func (q *Queue) Sweep(ctx context.Context) error {
	now := q.now()
	for {
		var givenUp []store.RebuildJob
		err := q.Store.Update(ctx, func(tx store.Tx) error {
			givenUp = nil
			old, err := aged(tx, now)
			if err != nil {
				return err
			}
			for _, job := range old {
				if job, err = giveUp(tx, job, fmt.Sprintf("nobody answered within %d days", int(maxAge/(24*time.Hour))), now); err != nil {
					return err
				}
				givenUp = append(givenUp, job)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("give up old rebuild jobs: %w", err)
		}
		for _, job := range givenUp {
			q.tell(job.Vendor, job.SHA256)
		}
		if len(givenUp) < maxSwept {
			return nil
		}
	}
}

// aged lists jobs that are not over and too old, the oldest first.
func aged(r store.Reader, now time.Time) ([]store.RebuildJob, error) {
	var old []store.RebuildJob
	for job, err := range store.RebuildJobs.Between(r, "open", "", store.BeforeID(now.Add(-maxAge))) {
		if err != nil {
			return nil, err
		}
		if old = append(old, job); len(old) == maxSwept {
			break
		}
	}
	return old, nil
}

// Figures are the numbers of a status. Claimed counts those whose lease ran out, too.
type Figures struct {
	Queued, Claimed, Done, Failed int
	Oldest                        time.Time // since when the oldest that is not over waits; zero: there is none
	Stuck                         int       // not over, and waiting for more than a day
}

// Count takes the figures from indexes, without reading a job.
func Count(r store.Reader, now time.Time) (Figures, error) {
	var f Figures
	for state, n := range map[string]*int{
		store.RebuildQueued: &f.Queued, store.RebuildClaimed: &f.Claimed, store.RebuildDone: &f.Done, store.RebuildFailed: &f.Failed,
	} {
		for tally, err := range store.RebuildJobs.Tally(r, "state", state, "") {
			if err != nil {
				return Figures{}, err
			}
			if tally.Value == state {
				*n = tally.Count
			}
		}
	}
	before := store.BeforeID(now.Add(-stuckAfter))
	for e, err := range store.RebuildJobs.Entries(r, "open", "", "") {
		if err != nil {
			return Figures{}, err
		}
		if f.Oldest.IsZero() {
			var bad error
			if f.Oldest, bad = time.Parse(openLayout, e.Value); bad != nil {
				return Figures{}, errors.Join(store.ErrDamaged, bad)
			}
		}
		if strings.Compare(e.Value, before) >= 0 {
			break
		}
		f.Stuck++
	}
	return f, nil
}

// openLayout is that of store.BeforeID.
const openLayout = "20060102T150405.000000000Z"

// Jobs returns the jobs of a vendor about an artifact, by id.
func (q *Queue) Jobs(r store.Reader, vendor, sha256 string) ([]store.RebuildJob, error) {
	jobs := []store.RebuildJob{}
	for job, err := range store.RebuildJobs.By(r, "artifact", vendor+"/"+sha256) {
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}
