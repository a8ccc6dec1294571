package rebuild

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// Worker is who works for a rebuilder.
type Worker struct {
	Person    string // Person.ID
	Rebuilder string // its id in audited scopes: Person.Rebuilder
	Operator  string // Person.Organization
}

// WorkerOf is a person in role rebuilder.
func WorkerOf(p store.Person) Worker { return Worker{p.ID, p.Rebuilder, p.Organization} }

// Assignment is a job given to a rebuilder.
type Assignment struct {
	Job    store.RebuildJob
	Recipe []byte // its SHA-256 is Job.Recipe
}

// Claim gives the caller a job of its rebuilder, and waits up to wait, at most MaxWait, for
// there to be one. Vendors take turns: it is the job that has waited longest of the vendor
// behind the one that was served last, so that nobody's many keep anybody's one waiting.
// nil: there was none. That the caller has the job is durable when Claim returns it.
func (q *Queue) Claim(ctx context.Context, w Worker, wait time.Duration) (*Assignment, error) {
	if w.Person == "" || w.Rebuilder == "" {
		return nil, refuse(CodeOperator, "ask an officer", "the caller is bound to no rebuilder")
	}
	mayWait, err := q.enter(w.Rebuilder)
	if err != nil {
		return nil, err
	}
	defer q.leave(w.Rebuilder)
	if !mayWait {
		wait = 0
	}
	over := time.NewTimer(max(0, min(wait, MaxWait)))
	defer over.Stop()
	for {
		// Asked for before looking: what comes in between wakes us.
		woken, ended := q.signals()
		got, pause, err := q.claimNow(ctx, w)
		if err != nil || got != nil {
			return got, err
		}
		again := time.NewTimer(pause)
		select {
		case <-woken:
		case <-again.C:
		case <-over.C:
			return nil, nil
		case <-ended:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		again.Stop()
	}
}

// claimNow gives out a job if one may be claimed now, or says how long to wait before
// looking again. It only writes when there is something to write.
func (q *Queue) claimNow(ctx context.Context, w Worker) (got *Assignment, pause time.Duration, err error) {
	now := q.now()
	var due []store.RebuildJob
	err = q.Store.View(ctx, func(r store.Reader) (err error) {
		due, pause, err = q.dueJobs(r, w, now)
		return err
	})
	if err != nil || len(due) == 0 {
		return nil, pause, err
	}
	var givenUp []store.RebuildJob
	err = q.Store.Update(ctx, func(tx store.Tx) (err error) {
		got, givenUp, err = q.claimIn(tx, w, due, now)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	for _, job := range givenUp {
		q.tell(job.Vendor, job.SHA256)
	}
	return got, 0, nil
}

// claimIn takes the first of the jobs that are due still, and gives those up before it that
// nobody may be given any more.
func (q *Queue) claimIn(tx store.Tx, w Worker, due []store.RebuildJob, now time.Time) (got *Assignment, givenUp []store.RebuildJob, err error) {
	for _, seen := range due {
		job, err := store.RebuildJobs.Get(tx, seen.ID)
		if err != nil {
			return nil, nil, err
		}
		if job.IsOver() || now.Before(job.NotBefore) {
			continue // somebody was quicker
		}
		why, err := q.vet(tx, w, job, now)
		if err != nil {
			return nil, nil, err
		}
		if why == "" {
			got, err = give(tx, w, job, now)
			return got, givenUp, err
		}
		if job, err = giveUp(tx, job, why, now); err != nil {
			return nil, nil, err
		}
		givenUp = append(givenUp, job)
	}
	return nil, givenUp, nil
}

// vet says why a job is to be given up instead of given out. The error is a *Refusal
// where it is the caller who may not have it.
func (q *Queue) vet(r store.Reader, w Worker, job store.RebuildJob, now time.Time) (why string, err error) {
	if job.Tries >= maxTries {
		return fmt.Sprintf("was given out %d times and not answered", job.Tries), nil
	}
	scopes, err := q.scopes(r, job.Vendor, now)
	if err != nil {
		return "", err
	}
	s, ok := standingOf(scopes, job)
	switch {
	case !ok:
		return "no assessment in force names this rebuilder for this product any more", nil
	case !s.recipe:
		return "the recipe is not in the audited scope any more", nil
	case !sameOperator(s.operator, w.Operator):
		return "", refuse(CodeOperator, "ask an officer to register this rebuilder as its operator's", "audited scopes say that %s is run by %s, and not by %s", quote(job.Rebuilder), quote(s.operator), quote(w.Operator))
	}
	return "", nil
}

// give writes the claim down.
func give(tx store.Tx, w Worker, job store.RebuildJob, now time.Time) (*Assignment, error) {
	document, err := store.RebuildRecipes.Get(tx, job.Recipe)
	if err != nil {
		return nil, err
	}
	job.State, job.ClaimedAt, job.ClaimedBy, job.Lease = store.RebuildClaimed, now, w.Person, newLease()
	job.Tries++
	extend(&job, now)
	turn := store.RebuildTurn{Rebuilder: job.Rebuilder, Vendor: job.Vendor, At: now}
	if err := errors.Join(store.RebuildJobs.Put(tx, job), store.RebuildTurns.Put(tx, turn)); err != nil {
		return nil, err
	}
	return &Assignment{Job: job, Recipe: document.Recipe}, nil
}

// giveUp ends a job without an outcome.
func giveUp(tx store.Tx, job store.RebuildJob, why string, now time.Time) (store.RebuildJob, error) {
	job.State, job.Note, job.FinishedAt, job.Lease = store.RebuildFailed, why, now, ""
	if err := store.RebuildJobs.Put(tx, job); err != nil {
		return job, err
	}
	event := store.NewEvent(now, "rebuild", "give-up.rebuild", job.ID, map[string]string{
		"vendor": job.Vendor, "artifact": job.SHA256, "rebuilder": job.Rebuilder, "why": why})
	if err := store.Events.Insert(tx, event); err != nil {
		return job, err
	}
	return job, putNotice(tx, job, now)
}

// extend gives a claim a whole lease from now. After its end the job rests, the longer
// the more often that has happened.
func extend(job *store.RebuildJob, now time.Time) {
	pause := firstPause
	for range job.Tries - 1 {
		pause = min(4*pause, maxPause)
	}
	job.LeaseUntil = now.Add(leaseTime)
	job.NotBefore = job.LeaseUntil.Add(pause)
}

func newLease() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Heartbeat keeps a claimed job with its rebuilder and returns the new end of the lease.
// Refused with CodeLease when the job was claimed anew since, was held for maxHold, or is
// over; with CodeNotGiven when it is another rebuilder's.
func (q *Queue) Heartbeat(ctx context.Context, w Worker, id, lease string) (time.Time, error) {
	var until time.Time
	now := q.now()
	err := q.Store.Update(ctx, func(tx store.Tx) error {
		job, err := jobOf(tx, w, id)
		if err != nil {
			return err
		}
		switch {
		case job.State != store.RebuildClaimed:
			return refuse(CodeLease, "stop working on it", "job %s is %s", id, job.State)
		case job.Lease != lease:
			return refuse(CodeLease, "stop working on it", "job %s was given out anew", id)
		case now.Sub(job.ClaimedAt) > maxHold:
			return refuse(CodeLease, "stop working on it", "job %s is held for more than %s", id, maxHold)
		}
		extend(&job, now)
		until = job.LeaseUntil
		return store.RebuildJobs.Put(tx, job)
	})
	if err != nil {
		return time.Time{}, err
	}
	return until, nil
}

// jobOf reads a job that was given to the caller's rebuilder. One that was not, or that
// belongs to another, is refused like one that does not exist.
func jobOf(r store.Reader, w Worker, id string) (store.RebuildJob, error) {
	missing := refuse(CodeNotGiven, "claim a job first", "job %s was not given to this rebuilder", quote(id))
	if !isHex(id, 32) {
		return store.RebuildJob{}, missing
	}
	job, err := store.RebuildJobs.Get(r, id)
	if errors.Is(err, store.ErrNotFound) {
		return store.RebuildJob{}, missing
	}
	if err != nil {
		return store.RebuildJob{}, err
	}
	if job.Rebuilder != w.Rebuilder || w.Rebuilder == "" || job.Tries == 0 {
		return store.RebuildJob{}, missing
	}
	return job, nil
}
