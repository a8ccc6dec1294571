package audit

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// WithdrawRequest asks to end an assessment that is in force.
type WithdrawRequest struct {
	ID     string
	By     string // an officer
	Reason string // logged publicly, at most 1000 bytes
	// Since is when the cause arose. Certificates that rely on the assessment count as
	// invalid from then on, or from their beginning if that is later. Zero: now. It is
	// cut to whole seconds.
	Since  time.Time
	DryRun bool // say what would happen and change nothing
}

// Withdraw ends an assessment and revokes every certificate that relies on it, in
// one transaction, from which the log learns of it; where there are too many for one, the
// transaction decides it, and Plan.Job tells how far it is. The plan it returns is the one
// that a dry run with the same Since returns. A call repeated after a failure finishes the
// work; repeated after success it publishes the CRLs again and returns the same plan.
//
// One that has expired can be withdrawn as well: a timestamped signature outlives its
// certificate, and what was wrong from the start must be said.
func (r *Register) Withdraw(ctx context.Context, req WithdrawRequest) (Plan, error) {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	plan, err := r.withdraw(ctx, req)
	if err != nil {
		return Plan{}, fmt.Errorf("withdraw assessment: %w", err)
	}
	return plan, nil
}

func (r *Register) withdraw(ctx context.Context, req WithdrawRequest) (Plan, error) {
	now := r.now()
	req.Since = req.Since.UTC().Truncate(time.Second)
	if err := checkReason(req.Reason); err != nil {
		return Plan{}, err
	}
	if req.Since.After(now) {
		return Plan{}, refuse(CodePeriod, "since", "%s lies in the future", req.Since.Format(time.RFC3339))
	}
	var plan Plan
	var done bool
	look := func(rd store.Reader) error {
		var err error
		plan, done, err = r.withdrawPlan(rd, req, now)
		return err
	}
	if err := r.cfg.Store.View(ctx, look); err != nil || req.DryRun {
		return plan, err
	}
	ctx = context.WithoutCancel(ctx)
	if !done {
		if err := r.endNow(ctx, req, look, &plan, &done); err != nil {
			return Plan{}, err
		}
	}
	r.flush(ctx)
	return plan, r.publish(ctx, plan)
}

// endNow carries a withdrawal out, in one transaction.
func (r *Register) endNow(ctx context.Context, req WithdrawRequest, look func(store.Reader) error, plan *Plan, done *bool) error {
	if len(plan.Certificates) > maxRevokedAtOnce {
		return r.endLater(ctx, req, plan)
	}
	err := r.cfg.Store.Update(ctx, func(tx store.Tx) error {
		if err := look(tx); err != nil || *done {
			return err
		}
		if err := r.transition(tx, plan.Assessment, req.Reason, plan.Assessment.IneffectiveAt, req.By); err != nil {
			return err
		}
		return r.revoke(tx, *plan)
	})
	if err != nil {
		return err
	}
	rec := plan.Assessment
	r.cfg.Log.InfoContext(ctx, "assessment withdrawn", "assessment", rec.ID, "vendor", rec.Vendor, "by", req.By, "revoked", len(plan.Certificates))
	return nil
}

// endLater carries a withdrawal out whose certificates are many: one small transaction
// ends the assessment and decides that they are to be revoked, which is done afterwards,
// whatever happens in between.
func (r *Register) endLater(ctx context.Context, req WithdrawRequest, plan *Plan) error {
	planned := plan.Assessment
	err := r.cfg.Store.Update(ctx, func(tx store.Tx) error {
		rec, err := get(tx, req.ID)
		if err != nil {
			return err
		}
		if _, err := checkOfficer(tx, req.By); err != nil {
			return err
		}
		if err := checkWithdrawable(rec); err != nil {
			return err
		}
		rec.State, rec.EndedAt, rec.EndedBy, rec.EndedReason, rec.IneffectiveAt = planned.State, planned.EndedAt, planned.EndedBy, planned.EndedReason, planned.IneffectiveAt
		plan.Assessment = rec
		if err := r.transition(tx, rec, req.Reason, rec.IneffectiveAt, req.By); err != nil {
			return err
		}
		plan.Job, err = r.cfg.Certificates.RevokeLaterIn(tx, withdrawalJob(rec, len(plan.Certificates)))
		return err
	})
	if err != nil {
		return err
	}
	rec := plan.Assessment
	r.cfg.Log.InfoContext(ctx, "assessment withdrawn", "assessment", rec.ID, "vendor", rec.Vendor, "by", req.By, "to revoke", len(plan.Certificates), "job", plan.Job)
	return nil
}

// withdrawPlan says what a withdrawal decided now does; for one that has been carried
// out (done), what it did.
func (r *Register) withdrawPlan(rd store.Reader, req WithdrawRequest, now time.Time) (plan Plan, done bool, err error) {
	rec, err := get(rd, req.ID)
	if err != nil {
		return Plan{}, false, err
	}
	if _, err := checkOfficer(rd, req.By); err != nil {
		return Plan{}, false, err
	}
	if rec.State == store.AssessmentWithdrawn && sameWithdrawal(rec, req) {
		plan, err = r.carriedOut(rd, rec)
		return plan, true, err
	}
	if err := checkWithdrawable(rec); err != nil {
		return Plan{}, false, err
	}
	plan, err = r.endPlan(rd, rec, req, now)
	return plan, false, err
}

func checkWithdrawable(rec store.Assessment) error {
	switch rec.State {
	case store.AssessmentInForce, store.AssessmentInReview, store.AssessmentExpired:
		return nil
	case store.AssessmentSubmitted:
		return refuse(CodeState, "id", "assessment %s is not in force yet", rec.ID).withHint("reject it instead")
	case store.AssessmentAccepting:
		return refuse(CodeState, "id", "the acceptance of assessment %s is under way", rec.ID).withHint("accept it again to finish, then withdraw it")
	}
	return refuse(CodeState, "id", "assessment %s is %s, want in-force, in-review or expired", rec.ID, rec.State)
}

// endPlan says what ending an assessment in force does.
func (r *Register) endPlan(rd store.Reader, rec store.Assessment, req WithdrawRequest, now time.Time) (Plan, error) {
	since := req.Since
	if since.IsZero() {
		since = now
	}
	rec.State, rec.EndedAt, rec.EndedBy, rec.EndedReason, rec.IneffectiveAt = store.AssessmentWithdrawn, now, req.By, req.Reason, since
	plan := Plan{Assessment: rec}
	list, err := r.relying(rd, rec)
	if err != nil {
		return Plan{}, err
	}
	for _, c := range list {
		// A certificate that had expired when the cause arose keeps its word; one that
		// expired since does not, because timestamped signatures outlive it. One that is
		// revoked already is named again if it thereby counts for nothing earlier.
		p := planned(c.cert, since, now, req.By, withdrawn(rec))
		old := c.cert.Revocation
		if c.cert.NotAfter.After(since) && (old == nil || p.Revocation.RevocationDate.Before(old.RevocationDate)) {
			plan.Certificates = append(plan.Certificates, p)
		}
	}
	return plan, nil
}

func withdrawn(rec store.Assessment) string { return "assessment " + rec.ID + " withdrawn" }

// sameWithdrawal recognises a request that has been carried out.
func sameWithdrawal(rec store.Assessment, req WithdrawRequest) bool {
	return rec.EndedBy == req.By && rec.EndedReason == req.Reason && (req.Since.IsZero() || rec.IneffectiveAt.Equal(req.Since))
}

// withdrawalJob revokes what endPlan lists, but finds it itself: looking through a
// vendor's certificates in the transaction would hold up everybody else.
func withdrawalJob(rec store.Assessment, total int) store.RevocationJob {
	return store.RevocationJob{
		Vendor: rec.Vendor, Assessments: []string{rec.ID}, FrameworkURI: rec.FrameworkURI, Track: rec.Track, EndsAfter: rec.IneffectiveAt, Total: total,
		Revocation: store.Revocation{
			At: rec.EndedAt, RevocationDate: rec.IneffectiveAt, InvalidityDate: rec.IneffectiveAt,
			Reason: reasonPrivilegeWithdrawn, Note: withdrawn(rec), By: rec.EndedBy,
		},
	}
}

// carriedOut rebuilds the plan of a withdrawal from what it left: the note of a
// revocation names it, also behind the note of an earlier revocation.
func (r *Register) carriedOut(rd store.Reader, rec store.Assessment) (Plan, error) {
	plan := Plan{Assessment: rec}
	list, err := r.relying(rd, rec)
	if err != nil {
		return Plan{}, err
	}
	for _, c := range list {
		if rev := c.cert.Revocation; rev != nil && strings.Contains(rev.Note, withdrawn(rec)) {
			plan.Certificates = append(plan.Certificates, planned(c.cert, rec.IneffectiveAt, rec.EndedAt, rec.EndedBy, withdrawn(rec)))
		}
	}
	return plan, nil
}
