package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// noticeDays are the days before its end on which the end of an assessment is told.
var noticeDays = []int{30, 7, 1}

// expiringType is the type of those notices.
const expiringType = "assessment.expiring"

// machine is who acts when nobody does.
const machine = "hallmark"

// Swept is what a sweep has done.
type Swept struct {
	Expired  int
	Expiring int // notices that were new
}

// Sweep does what time brings about: assessments whose time is over expire, and those
// that end in 30, 7 or 1 days are told of, each once. No certificate is revoked: none
// outlives an assessment it relies on. Two sweeps at once do nothing twice.
func (r *Register) Sweep(ctx context.Context) (Swept, error) {
	now := r.now()
	var due []string
	err := r.cfg.Store.View(ctx, func(rd store.Reader) error {
		due = nil
		horizon := store.TimeKey(now.AddDate(0, 0, noticeDays[0]).Add(time.Second))
		for rec, err := range store.Assessments.Between(rd, "until", "", horizon) {
			if err != nil {
				return err
			}
			due = append(due, rec.ID)
		}
		return nil
	})
	var done Swept
	for _, id := range due {
		if err == nil {
			err = r.sweepOne(ctx, id, now, &done)
		}
	}
	if err != nil {
		return done, fmt.Errorf("sweep assessments: %w", err)
	}
	if done.Expired > 0 {
		r.flush(ctx)
		r.cfg.Log.InfoContext(ctx, "assessments expired", "count", done.Expired)
	}
	return done, nil
}

// sweepOne looks at one assessment again, in the transaction that acts on it.
func (r *Register) sweepOne(ctx context.Context, id string, now time.Time, done *Swept) error {
	var expired, told bool
	err := r.cfg.Store.Update(ctx, func(tx store.Tx) error {
		expired, told = false, false
		rec, err := get(tx, id)
		if err != nil {
			return err
		}
		if rec.State != store.AssessmentInForce && rec.State != store.AssessmentInReview {
			return nil
		}
		if !now.Before(rec.ValidUntil) {
			expired = true
			rec.State, rec.EndedAt, rec.EndedBy, rec.EndedReason = store.AssessmentExpired, rec.ValidUntil, machine, ""
			return r.transition(tx, rec, "", rec.ValidUntil, machine)
		}
		told, err = r.tellExpiring(tx, rec, now)
		return err
	})
	if err != nil {
		return err
	}
	if expired {
		done.Expired++
	}
	if told {
		done.Expiring++
	}
	return nil
}

// tellExpiring tells of the nearest of noticeDays that is due, once. After a long
// standstill the earlier ones are not made up for.
func (r *Register) tellExpiring(tx store.Tx, rec store.Assessment, now time.Time) (bool, error) {
	days := 0
	for _, d := range noticeDays {
		if DaysLeft(rec, now) <= d {
			days = d
		}
	}
	if days == 0 {
		return false, nil
	}
	data := noticeOf(rec)
	data["days"] = days
	return putNotice(tx, fmt.Sprintf("%s/%s/%d", expiringType, rec.ID, days), expiringType, now, data)
}

// DaysLeft is how many days an assessment lasts from now on, begun ones counted.
func DaysLeft(rec store.Assessment, now time.Time) int {
	const day = 24 * time.Hour
	return int((rec.ValidUntil.Sub(now) + day - 1) / day)
}
