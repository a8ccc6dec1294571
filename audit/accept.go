package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
)

// Accept is an officer's decision that the CA relies on an assessment. On return it
// is in the log and in force; it has superseded what was in force on the same track,
// and certificates that it does not support have been revoked.
//
// The decision is durable first, then logged, then put in force. If the log or the
// store fails in between, the assessment stays "accepting": the same officer calls
// Accept again, or Recover finishes it. That may log it a second time, which is
// harmless: the record carries the receipt of one of the two entries, and they are
// equal. Accepting again what the same officer has accepted changes nothing.
//
// The officer's word is a signature: countersigned is the envelope as submitted with
// one more signature over the same payload, by the key of a client certificate of the
// officer's (attest.AddSignature). It replaces the envelope on record.
func (r *Register) Accept(ctx context.Context, id, officer string, countersigned []byte) (store.Assessment, error) {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	rec, err := r.beginAccept(ctx, id, officer, countersigned)
	if err != nil {
		return store.Assessment{}, fmt.Errorf("accept assessment: %w", err)
	}
	// Decided: a client that hangs up does not stop what follows.
	rec, err = r.finishAccept(context.WithoutCancel(ctx), rec)
	if err != nil {
		return store.Assessment{}, fmt.Errorf("accept assessment: %w", err)
	}
	return rec, nil
}

// beginAccept checks everything once more and makes the decision durable.
func (r *Register) beginAccept(ctx context.Context, id, officer string, countersigned []byte) (store.Assessment, error) {
	now := r.now()
	var rec store.Assessment
	var event store.Event
	if err := r.cfg.Store.View(ctx, func(rd store.Reader) error {
		var err error
		rec, err = get(rd, id)
		return err
	}); err != nil {
		return store.Assessment{}, err
	}
	event = r.event(officer, "accept", rec, map[string]string{"auditor": rec.Auditor})
	err := r.cfg.Store.Update(ctx, func(tx store.Tx) error {
		var err error
		if rec, err = get(tx, id); err != nil {
			return err
		}
		if err := checkIndependent(tx, rec, officer); err != nil {
			return err
		}
		if resumable(rec, officer) {
			return nil
		}
		if err := r.checkAcceptable(tx, rec, now); err != nil {
			return err
		}
		if rec, err = countersign(tx, rec, officer, countersigned, r.cfg.Now()); err != nil {
			return err
		}
		rec.State, rec.AcceptedAt = store.AssessmentAccepting, now
		if err := store.Assessments.Put(tx, rec); err != nil {
			return err
		}
		return store.Events.Put(tx, event)
	})
	return rec, err
}

// countersign puts an officer's signature on record. What it returns opens.
func countersign(r store.Reader, rec store.Assessment, officer string, countersigned []byte, now time.Time) (store.Assessment, error) {
	id, err := countersignature(rec, countersigned)
	if err != nil {
		return store.Assessment{}, err
	}
	if _, err := officerKey(r, officer, id, now); err != nil {
		return store.Assessment{}, err
	}
	rec.Envelope, rec.AcceptedBy, rec.AcceptedSPKI = countersigned, officer, id
	_, err = Open(r, rec)
	return rec, err
}

// resumable reports whether this officer has taken this decision already.
func resumable(rec store.Assessment, officer string) bool {
	return rec.AcceptedBy == officer && (rec.State == store.AssessmentAccepting || rec.State == store.AssessmentInForce)
}

// checkAcceptable repeats the checks of Submit on the stored bytes, since days may
// lie between the two.
func (r *Register) checkAcceptable(tx store.Reader, rec store.Assessment, now time.Time) error {
	if rec.State != store.AssessmentSubmitted {
		return refuse(CodeState, "id", "assessment %s is %s, want submitted", rec.ID, rec.State)
	}
	a, err := Open(tx, rec)
	if err != nil {
		return err
	}
	// The edition it was made against counts, also when a newer one is current by now.
	framework, _, err := r.cfg.Catalogue.Pinned(tx, a)
	if err != nil {
		return err
	}
	if problems := a.Validate(&Catalogue{frameworks: []Framework{framework}}, now); len(problems) > 0 {
		return refuseAll(problems)
	}
	if err := checkParties(tx, rec, a, rec.SubmittedAt); err != nil {
		return err
	}
	return checkSuccession(tx, rec)
}

// checkSuccession refuses to go back to an older assessment than the one in force,
// and to accept two of the same track at once: the second to arrive could be the
// older one, and would supersede the newer.
func checkSuccession(r store.Reader, rec store.Assessment) error {
	others, err := sameTrack(r, rec)
	if err != nil {
		return err
	}
	for _, o := range others {
		if o.State == store.AssessmentAccepting {
			return refuse(CodeState, "id", "the acceptance of assessment %s of the same track is under way", o.ID).withHint("try again when it is in force")
		}
		if o.State == store.AssessmentInForce && o.AssessedAt.After(rec.AssessedAt) {
			return refuse(CodeStale, "assessedAt", "assessment %s of %s is in force, this one is of %s", o.ID, o.AssessedAt.Format(time.RFC3339), rec.AssessedAt.Format(time.RFC3339))
		}
	}
	return nil
}

// sameTrack lists the other assessments of the same vendor, framework and track.
func sameTrack(r store.Reader, rec store.Assessment) ([]store.Assessment, error) {
	var list []store.Assessment
	for o, err := range store.Assessments.By(r, "vendor", rec.Vendor) {
		if err != nil {
			return nil, fmt.Errorf("assessments of %s: %w", rec.Vendor, err)
		}
		if o.ID != rec.ID && o.FrameworkURI == rec.FrameworkURI && o.Track == rec.Track {
			list = append(list, o)
		}
	}
	return list, nil
}

// predecessors lists what accepting rec supersedes: all of its track that are in
// force, also those whose time is over, and those in review, which it answers.
func predecessors(r store.Reader, rec store.Assessment) ([]store.Assessment, error) {
	list, err := sameTrack(r, rec)
	return slices.DeleteFunc(list, func(o store.Assessment) bool {
		return o.State != store.AssessmentInForce && o.State != store.AssessmentInReview
	}), err
}

// logged is an entry's place in the log.
type logged struct {
	receipt []byte
	index   uint64
}

func (r *Register) append(ctx context.Context, e receipt.Entry) (logged, error) {
	raw, index, err := r.cfg.Ledger.Append(ctx, e)
	if err != nil {
		return logged{}, fmt.Errorf("log %s of %s: %w", e.Type, e.Assessment, err)
	}
	if len(raw) == 0 {
		return logged{}, fmt.Errorf("log %s of %s: the log gave no receipt", e.Type, e.Assessment)
	}
	return logged{raw, index}, nil
}

// acceptance is an accepted assessment on its way into force.
type acceptance struct {
	rec        store.Assessment
	assessment Assessment
	entry      receipt.Entry
	place      logged
	at         time.Time
}

// finishAccept logs an assessment that is "accepting" and puts it in force. One that
// is in force already only has its CRLs published again.
func (r *Register) finishAccept(ctx context.Context, rec store.Assessment) (store.Assessment, error) {
	if rec.State == store.AssessmentInForce {
		return rec, r.cfg.Certificates.PublishCRLs(ctx)
	}
	acc := acceptance{rec: rec, at: r.now()}
	err := r.cfg.Store.View(ctx, func(rd store.Reader) error {
		var err error
		acc.assessment, err = Open(rd, rec)
		return err
	})
	if err != nil {
		return store.Assessment{}, err
	}
	acc.entry = AcceptanceEntry(rec, acc.assessment.Vendor.URI)
	if acc.place, err = r.append(ctx, acc.entry); err != nil {
		return store.Assessment{}, err
	}
	plan, err := r.enterForce(ctx, acc)
	if err != nil {
		return store.Assessment{}, err
	}
	r.flush(ctx)
	r.cfg.Log.InfoContext(ctx, "assessment in force", "assessment", rec.ID, "vendor", rec.Vendor, "level", rec.Level, "officer", rec.AcceptedBy, "revoked", len(plan.Certificates))
	return plan.Assessment, r.publish(ctx, plan)
}

// enterForce is the one transaction that puts an assessment in force, supersedes its
// predecessors and revokes what it does not support.
func (r *Register) enterForce(ctx context.Context, acc acceptance) (Plan, error) {
	var plan Plan
	event := r.event(acc.rec.AcceptedBy, "enter-force", acc.rec, map[string]string{"log_index": strconv.FormatUint(acc.place.index, 10)})
	err := r.cfg.Store.Update(ctx, func(tx store.Tx) error {
		plan = Plan{}
		rec, err := get(tx, acc.rec.ID)
		if err != nil {
			return err
		}
		if rec.State == store.AssessmentInForce { // another process was faster
			plan.Assessment = rec
			return nil
		}
		if rec.State != store.AssessmentAccepting {
			return refuse(CodeState, "id", "assessment %s is %s, want accepting", rec.ID, rec.State)
		}
		if plan, err = r.acceptPlan(tx, rec, acc.assessment, acc.at); err != nil {
			return err
		}
		if err := r.putInForce(tx, acc, &plan); err != nil {
			return err
		}
		return store.Events.Put(tx, event)
	})
	return plan, err
}

// putInForce writes what enterForce decided.
func (r *Register) putInForce(tx store.Tx, acc acceptance, plan *Plan) error {
	older, err := predecessors(tx, plan.Assessment)
	if err != nil {
		return err
	}
	rec := plan.Assessment
	rec.Receipt, rec.LogIndex, rec.LogOrigin = acc.place.receipt, acc.place.index, r.cfg.Ledger.Origin()
	plan.Assessment = rec
	if err := store.Assessments.Put(tx, rec); err != nil {
		return err
	}
	if err := queue.Logged(tx, rec.ID, acc.entry, acc.place.index, acc.at); err != nil {
		return err
	}
	if err := tell(tx, receipt.AssessmentAccepted, rec, acc.at); err != nil {
		return err
	}
	for _, o := range older {
		o = succeeded(o, rec, acc.at)
		if err := r.transition(tx, o, o.EndedReason, acc.at, rec.AcceptedBy); err != nil {
			return err
		}
	}
	if err := r.revoke(tx, *plan); err != nil {
		return err
	}
	return r.reopenAtOnce(tx, plan, acc.at)
}

// reopenAtOnce sends an assessment into review whose auditor was revoked while it was
// on its way into force: whoever revoked them could not see it there.
func (r *Register) reopenAtOnce(tx store.Tx, plan *Plan, at time.Time) error {
	rec := plan.Assessment
	stands, err := new(keyMemory).auditorsStand(tx, rec, at)
	if err != nil || stands {
		return err
	}
	rec.State, rec.ReopenedAt, rec.ReopenedReason = store.AssessmentInReview, at, "an auditor was revoked while it was being accepted"
	plan.Assessment = rec
	return r.transition(tx, rec, rec.ReopenedReason, at, machine)
}

// loweredBy begins the reason for which a lowered assessment ended; the id of what took
// its place follows.
const loweredBy = "lowered by "

// LoweredBy returns the id of the assessment that took the place of a lowered one; ""
// for any other.
func LoweredBy(rec store.Assessment) string {
	id, ok := strings.CutPrefix(rec.EndedReason, loweredBy)
	if !ok || rec.State != store.AssessmentLowered {
		return ""
	}
	return id
}

// succeeded is the record of an assessment that another has taken the place of.
func succeeded(o, by store.Assessment, at time.Time) store.Assessment {
	o.State, o.EndedReason = store.AssessmentSuperseded, "superseded by "+by.ID
	if by.Level < o.Level {
		o.State, o.EndedReason = store.AssessmentLowered, loweredBy+by.ID
	}
	o.EndedAt, o.EndedBy = at, by.AcceptedBy
	return o
}

// acceptPlan says which certificates an assessment coming into force takes with it:
// those that make a claim on its track which it does not support. Their time before
// stays good, because the assessment they were issued on was in force then.
func (r *Register) acceptPlan(rd store.Reader, rec store.Assessment, a Assessment, at time.Time) (Plan, error) {
	rec.State = store.AssessmentInForce
	plan := Plan{Assessment: rec}
	older, err := predecessors(rd, rec)
	if err != nil {
		return Plan{}, err
	}
	list, err := r.relying(rd, rec, older...)
	if err != nil {
		return Plan{}, err
	}
	for _, c := range list {
		if c.cert.Revocation != nil || !c.cert.NotAfter.After(at) || a.Supports(c.claim, c.cert.NotAfter) {
			continue
		}
		note := fmt.Sprintf("claim not supported by assessment %s", rec.ID)
		plan.Certificates = append(plan.Certificates, planned(c.cert, at, at, rec.AcceptedBy, note))
	}
	return plan, nil
}

// PlanAccept says which certificates accepting an assessment would revoke. It checks
// nothing else and changes nothing.
func (r *Register) PlanAccept(ctx context.Context, id string) (Plan, error) {
	var plan Plan
	err := r.cfg.Store.View(ctx, func(rd store.Reader) error {
		rec, err := get(rd, id)
		if err != nil {
			return err
		}
		a, err := Open(rd, rec)
		if err != nil {
			return err
		}
		plan, err = r.acceptPlan(rd, rec, a, r.now())
		return err
	})
	if err != nil {
		return Plan{}, fmt.Errorf("plan acceptance: %w", err)
	}
	return plan, nil
}

// Recover finishes every acceptance that a crash or a failing log interrupted. Call
// it when the server starts. It tries all and returns what went wrong with each.
func (r *Register) Recover(ctx context.Context) error {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	var pending []store.Assessment
	err := r.cfg.Store.View(ctx, func(rd store.Reader) error {
		pending = nil
		for rec, err := range store.Assessments.By(rd, "state", store.AssessmentAccepting) {
			if err != nil {
				return err
			}
			pending = append(pending, rec)
		}
		return nil
	})
	for _, rec := range pending {
		_, failed := r.finishAccept(ctx, rec)
		err = errors.Join(err, failed)
	}
	if err != nil {
		return fmt.Errorf("recover acceptances: %w", err)
	}
	return nil
}
