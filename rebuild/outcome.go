package rebuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/notify"
	"github.com/hallmark-pki/hallmark/store"
)

// Outcome files what came of a job: first the rebuilder's SLSA provenance v1 or its
// statement that it could not reproduce the build (attest.RebuildFailure), then
// statements about what else it ran. All of them are filed, durably, and the job is done
// when it returns without error. Handing the same outcome in again is no error.
//
// The error is a *Refusal where the answer is no; that is put on record, since a
// rebuilder that answers for a job it was not given, or about something else, is news.
func (q *Queue) Outcome(ctx context.Context, w Worker, id string, envelopes [][]byte) (store.RebuildJob, error) {
	job, a, err := q.judged(ctx, w, id, envelopes)
	if err != nil {
		var refusal *Refusal
		if errors.As(err, &refusal) {
			return store.RebuildJob{}, errors.Join(err, q.recordRefusal(ctx, w, id, refusal))
		}
		return store.RebuildJob{}, err
	}
	// The outcome itself comes last: who sees it, sees everything.
	for i, raw := range slices.Backward(envelopes) {
		if _, err := q.Repository.Put(ctx, job.Vendor, raw); err != nil {
			if errors.Is(err, repository.ErrFull) {
				return store.RebuildJob{}, refuse(CodeFull, "", "%v", err).at(fmt.Sprintf("envelopes[%d]", i))
			}
			return store.RebuildJob{}, fmt.Errorf("file outcome of job %s: %w", job.ID, err)
		}
	}
	if job, err = q.finish(ctx, w, job.ID, a); err != nil {
		return store.RebuildJob{}, err
	}
	q.tell(job.Vendor, job.SHA256)
	return job, nil
}

// judged reads the job and holds the envelopes against it.
func (q *Queue) judged(ctx context.Context, w Worker, id string, envelopes [][]byte) (store.RebuildJob, answer, error) {
	var job store.RebuildJob
	var s standing
	now := q.now()
	err := q.Store.View(ctx, func(r store.Reader) (err error) {
		if job, err = jobOf(r, w, id); err != nil {
			return err
		}
		scopes, err := q.scopes(r, job.Vendor, now)
		if err != nil {
			return err
		}
		named := false
		if s, named = standingOf(scopes, job); !named {
			return refuse(CodeScope, "", "no assessment in force names this rebuilder for this product any more")
		}
		if !sameOperator(s.operator, w.Operator) {
			return refuse(CodeOperator, "", "audited scopes say that %s is run by %s", quote(job.Rebuilder), quote(s.operator))
		}
		return nil
	})
	if err != nil {
		return store.RebuildJob{}, answer{}, err
	}
	a, refusal := judge(job, s.keys, envelopes)
	if refusal != nil {
		return store.RebuildJob{}, answer{}, refusal
	}
	if err := a.mayFinish(job); err != nil {
		return store.RebuildJob{}, answer{}, err
	}
	return job, a, nil
}

// mayFinish refuses a second outcome of another content.
func (a answer) mayFinish(job store.RebuildJob) error {
	if job.State == store.RebuildDone && !slices.Equal(job.Evidence, a.evidence) {
		return refuse(CodeOver, "", "job %s has an outcome already: %s", job.ID, job.Outcome)
	}
	return nil
}

// finish ends the job, unless it has ended so already.
func (q *Queue) finish(ctx context.Context, w Worker, id string, a answer) (store.RebuildJob, error) {
	var job store.RebuildJob
	now := q.now()
	err := q.Store.Update(ctx, func(tx store.Tx) (err error) {
		if job, err = jobOf(tx, w, id); err != nil {
			return err
		}
		if err := a.mayFinish(job); err != nil || job.State == store.RebuildDone {
			return err
		}
		job.State, job.Outcome, job.Evidence, job.FinishedAt, job.Lease, job.Note = store.RebuildDone, a.outcome, a.evidence, now, "", ""
		if err := store.RebuildJobs.Put(tx, job); err != nil {
			return err
		}
		event := store.NewEvent(now, w.Person, "finish.rebuild", job.ID, map[string]string{
			"vendor": job.Vendor, "artifact": job.SHA256, "rebuilder": job.Rebuilder, "outcome": a.outcome, "evidence": a.evidence[0]})
		if err := store.Events.Insert(tx, event); err != nil {
			return err
		}
		return putNotice(tx, job, now)
	})
	if err != nil {
		return store.RebuildJob{}, fmt.Errorf("end job %s: %w", id, err)
	}
	return job, nil
}

// recordRefusal notes what a rebuilder tried.
func (q *Queue) recordRefusal(ctx context.Context, w Worker, id string, refusal *Refusal) error {
	event := store.NewEvent(q.now(), w.Person, "refuse.rebuild", quote(id), map[string]string{
		"rebuilder": w.Rebuilder, "code": string(refusal.Code), "detail": quote(refusal.Error())})
	if err := q.Store.Update(ctx, func(tx store.Tx) error { return store.Events.Insert(tx, event) }); err != nil {
		return fmt.Errorf("record refusal: %w", err)
	}
	return nil
}

// noOutcome is the outcome, in a notice, of a job that was given up.
const noOutcome = "none"

// putNotice tells of a job that is over and did not confirm the build.
func putNotice(tx store.Tx, job store.RebuildJob, now time.Time) error {
	if job.Outcome == store.RebuildReproduced {
		return nil
	}
	outcome, evidence := job.Outcome, ""
	if outcome == "" {
		outcome = noOutcome
	}
	if len(job.Evidence) > 0 {
		evidence = job.Evidence[0]
	}
	body, err := json.Marshal(map[string]string{
		"job": job.ID, "vendor": job.Vendor, "product": job.Product, "artifact": job.SHA256,
		"rebuilder": job.Rebuilder, "operator": job.Operator, "outcome": outcome, "envelope": evidence, "why": job.Note,
	})
	if err != nil {
		return err
	}
	_, err = notify.Put(tx, store.Notice{ID: "rebuild.failed/" + job.ID + "/" + store.BeforeID(job.AskedAt), Type: "rebuild.failed", At: now, Body: body})
	return err
}
