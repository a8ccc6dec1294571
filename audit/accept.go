package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

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
func (r *Register) Accept(ctx context.Context, id, officer string) (store.Assessment, error) {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	rec, err := r.beginAccept(ctx, id, officer)
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
func (r *Register) beginAccept(ctx context.Context, id, officer string) (store.Assessment, error) {
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
		rec.State, rec.AcceptedAt, rec.AcceptedBy = store.AssessmentAccepting, now, officer
		if err := store.Assessments.Put(tx, rec); err != nil {
			return err
		}
		return store.Events.Put(tx, event)
	})
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
	if problems := a.Validate(r.cfg.Catalogue, now); len(problems) > 0 {
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
// force, also those whose time is over.
func predecessors(r store.Reader, rec store.Assessment) ([]store.Assessment, error) {
	list, err := sameTrack(r, rec)
	return slices.DeleteFunc(list, func(o store.Assessment) bool { return o.State != store.AssessmentInForce }), err
}

// entry is what the log says about an assessment.
func entry(kind string, vendorURI string, rec store.Assessment, at time.Time, reason string, effective time.Time) receipt.Entry {
	return receipt.Entry{
		Type: kind, At: at, Assessment: rec.ID, Vendor: vendorURI, AuditorSPKI: rec.AuditorSPKI,
		Framework: rec.FrameworkURI, Track: rec.Track, Level: rec.Level, Reason: reason, Effective: effective,
	}
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
	place      logged
	ended      map[string]logged // by id: predecessors whose end is in the log
	at         time.Time
}

// finishAccept logs an assessment that is "accepting" and puts it in force. One that
// is in force already only has its CRLs published again.
func (r *Register) finishAccept(ctx context.Context, rec store.Assessment) (store.Assessment, error) {
	if rec.State == store.AssessmentInForce {
		return rec, r.cfg.Certificates.PublishCRLs(ctx)
	}
	acc := acceptance{rec: rec, ended: map[string]logged{}, at: r.now()}
	var older []store.Assessment
	err := r.cfg.Store.View(ctx, func(rd store.Reader) error {
		var err error
		if acc.assessment, err = Open(rd, rec); err != nil {
			return err
		}
		older, err = predecessors(rd, rec)
		return err
	})
	if err != nil {
		return store.Assessment{}, err
	}
	uri := acc.assessment.Vendor.URI
	acc.place, err = r.append(ctx, entry(receipt.AssessmentAccepted, uri, rec, rec.AcceptedAt, "", time.Time{}))
	if err != nil {
		return store.Assessment{}, err
	}
	for _, o := range older {
		acc.ended[o.ID], err = r.append(ctx, entry(receipt.AssessmentSuperseded, uri, o, acc.at, superseded(rec.ID), acc.at))
		if err != nil {
			return store.Assessment{}, err
		}
	}
	plan, err := r.enterForce(ctx, acc)
	if err != nil {
		return store.Assessment{}, err
	}
	r.cfg.Log.InfoContext(ctx, "assessment in force", "assessment", rec.ID, "vendor", rec.Vendor, "level", rec.Level, "officer", rec.AcceptedBy, "revoked", len(plan.Certificates))
	return plan.Assessment, r.publish(ctx, plan)
}

func superseded(by string) string { return "superseded by " + by }

// enterForce is the one transaction that puts an assessment in force, supersedes its
// predecessors and revokes what it does not support.
func (r *Register) enterForce(ctx context.Context, acc acceptance) (Plan, error) {
	var plan Plan
	who := acc.rec.AcceptedBy
	events := map[string]store.Event{acc.rec.ID: r.event(who, "enter-force", acc.rec, map[string]string{"log_index": strconv.FormatUint(acc.place.index, 10)})}
	for id := range acc.ended {
		events[id] = store.NewEvent(r.cfg.Now(), who, "supersede.assessment", id, map[string]string{"vendor": acc.rec.Vendor, "by": acc.rec.ID})
	}
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
		older, err := predecessors(tx, rec)
		if err != nil {
			return err
		}
		for _, o := range older {
			if _, ok := acc.ended[o.ID]; !ok { // checkSuccession leaves no way to this
				return fmt.Errorf("assessment %s of the same track came into force meanwhile", o.ID)
			}
		}
		if plan, err = r.acceptPlan(tx, rec, acc.assessment, acc.at); err != nil {
			return err
		}
		return r.putInForce(tx, acc, &plan, older, events)
	})
	return plan, err
}

// putInForce writes what enterForce decided. events are by assessment.
func (r *Register) putInForce(tx store.Tx, acc acceptance, plan *Plan, older []store.Assessment, events map[string]store.Event) error {
	rec := plan.Assessment
	rec.Receipt, rec.LogIndex, rec.LogOrigin = acc.place.receipt, acc.place.index, r.cfg.Ledger.Origin()
	plan.Assessment = rec
	if err := store.Assessments.Put(tx, rec); err != nil {
		return err
	}
	if err := store.Events.Put(tx, events[rec.ID]); err != nil {
		return err
	}
	for _, o := range older {
		o.State, o.EndedAt, o.EndedBy = store.AssessmentSuperseded, acc.at, rec.AcceptedBy
		o.EndedReason, o.EndedByReceipt = superseded(rec.ID), acc.ended[o.ID].receipt
		if err := store.Assessments.Put(tx, o); err != nil {
			return err
		}
		if err := store.Events.Put(tx, events[o.ID]); err != nil {
			return err
		}
	}
	return r.revoke(tx, *plan)
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
