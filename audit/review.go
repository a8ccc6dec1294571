package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
)

// RevokeAuditorRequest asks to stop relying on an auditor, for cause.
type RevokeAuditorRequest struct {
	Auditor string
	By      string // an officer
	Reason  string // logged publicly, at most 1000 bytes
	DryRun  bool   // say what would happen and change nothing
}

// Reviewed is an assessment that somebody has to look at again, and the certificates
// that hang on it.
type Reviewed struct {
	Assessment   store.Assessment
	Certificates []store.Certificate // that rely on it and are neither revoked nor expired

	fresh bool // it goes into review now
}

// RevokeAuditor takes an auditor's word back: keys are revoked, accreditations
// suspended, the account disabled, and every assessment that they signed and that is in
// force goes into review. One in review supports no new certificate; those there are
// stay until an officer upholds it, a new assessment takes its place, or it is
// withdrawn. It returns what is to be reviewed; a dry run returns the same. Repeated, it
// changes nothing.
func (r *Register) RevokeAuditor(ctx context.Context, req RevokeAuditorRequest) ([]Reviewed, error) {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	if err := checkReason(req.Reason); err != nil {
		return nil, fmt.Errorf("revoke auditor: %w", err)
	}
	now := r.now()
	var list []Reviewed
	look := func(rd store.Reader) (store.Person, error) {
		list = nil
		if _, err := checkOfficer(rd, req.By); err != nil {
			return store.Person{}, err
		}
		person, err := getAuditor(rd, req.Auditor)
		if err != nil {
			return store.Person{}, err
		}
		list, err = r.toReview(rd, req, now)
		return person, err
	}
	var err error
	if req.DryRun {
		err = r.cfg.Store.View(ctx, func(rd store.Reader) error { _, err := look(rd); return err })
	} else {
		err = r.cfg.Store.Update(ctx, func(tx store.Tx) error {
			person, err := look(tx)
			if err != nil {
				return err
			}
			return r.revokeAuditor(tx, person, req, list, now)
		})
		r.flush(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("revoke auditor: %w", err)
	}
	return list, nil
}

// toReview lists the assessments that an auditor's revocation sends into review, as
// they will be, and those that it has sent there before.
func (r *Register) toReview(rd store.Reader, req RevokeAuditorRequest, now time.Time) ([]Reviewed, error) {
	var list []Reviewed
	for rec, err := range store.Assessments.By(rd, "auditor", req.Auditor) {
		if err != nil {
			return nil, err
		}
		fresh := false
		switch rec.State {
		case store.AssessmentInForce:
			fresh = true
			rec.State, rec.ReopenedAt, rec.ReopenedReason = store.AssessmentInReview, now, req.Reason
		case store.AssessmentInReview:
		default:
			continue
		}
		certs, err := r.hanging(rd, rec, now)
		if err != nil {
			return nil, err
		}
		list = append(list, Reviewed{rec, certs, fresh})
	}
	return list, nil
}

// hanging lists the certificates that rely on an assessment and still count.
func (r *Register) hanging(rd store.Reader, rec store.Assessment, now time.Time) ([]store.Certificate, error) {
	relying, err := r.relying(rd, rec)
	if err != nil {
		return nil, err
	}
	var certs []store.Certificate
	for _, c := range relying {
		if c.cert.Revocation == nil && c.cert.NotAfter.After(now) {
			certs = append(certs, c.cert)
		}
	}
	return certs, nil
}

// revokeAuditor carries a revocation out. An auditor who is revoked already only has
// those assessments reopened that came into force since.
func (r *Register) revokeAuditor(tx store.Tx, person store.Person, req RevokeAuditorRequest, list []Reviewed, now time.Time) error {
	if _, err := r.suspend(tx, person, now); err != nil {
		return err
	}
	fresh, err := revokeKeys(tx, person.ID, now)
	if err != nil {
		return err
	}
	for _, rv := range list {
		if rv.fresh {
			if err := r.transition(tx, rv.Assessment, "an auditor's word was taken back: "+req.Reason, now, req.By); err != nil {
				return err
			}
		}
	}
	if fresh == 0 && !person.DisabledAt.IsZero() {
		return nil
	}
	person.DisabledAt = now
	if err := store.People.Put(tx, person); err != nil {
		return err
	}
	if err := queue.Put(tx, person.ID, receipt.Entry{
		Type: receipt.AuditorRevoked, At: r.cfg.Now(), Auditor: Pseudonym(person), Effective: now, Reason: req.Reason,
	}); err != nil {
		return err
	}
	if _, err := putNotice(tx, receipt.AuditorRevoked+"/"+person.ID+"/"+store.TimeKey(now), receipt.AuditorRevoked, now,
		map[string]any{"auditor": person.ID, "organization": person.Organization, "reason": req.Reason, "to_review": len(list)}); err != nil {
		return err
	}
	return store.Events.Insert(tx, store.NewEvent(r.cfg.Now(), req.By, "revoke.auditor", person.ID, map[string]string{"reason": req.Reason}))
}

// revokeKeys revokes an auditor's keys, and counts those that were not revoked yet.
func revokeKeys(tx store.Tx, auditor string, now time.Time) (int, error) {
	var keys []store.AuditorKey
	for key, err := range store.AuditorKeys.By(tx, "auditor", auditor) {
		if err != nil {
			return 0, err
		}
		if key.RevokedAt.IsZero() {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		key.RevokedAt = now
		if err := store.AuditorKeys.Put(tx, key); err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}

// Reviews lists what is in review.
func (r *Register) Reviews(ctx context.Context) ([]Reviewed, error) {
	now := r.now()
	var list []Reviewed
	err := r.cfg.Store.View(ctx, func(rd store.Reader) error {
		list = nil
		for rec, err := range store.Assessments.By(rd, "state", store.AssessmentInReview) {
			if err != nil {
				return err
			}
			certs, err := r.hanging(rd, rec, now)
			if err != nil {
				return err
			}
			list = append(list, Reviewed{Assessment: rec, Certificates: certs})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list reviews: %w", err)
	}
	return list, nil
}

// Uphold ends the review of an assessment in its favour: it is in force again, on the
// word of an officer other than the one who accepted it. Repeated by the same officer
// for the same reason, it changes nothing.
func (r *Register) Uphold(ctx context.Context, id, by, reason string) (store.Assessment, error) {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	if err := checkReason(reason); err != nil {
		return store.Assessment{}, fmt.Errorf("uphold assessment: %w", err)
	}
	now := r.now()
	var rec store.Assessment
	err := r.cfg.Store.Update(ctx, func(tx store.Tx) error {
		var err error
		if rec, err = get(tx, id); err != nil {
			return err
		}
		if err := checkIndependent(tx, rec, by); err != nil {
			return err
		}
		if rec.State == store.AssessmentInForce && rec.UpheldBy == by && rec.UpheldReason == reason {
			return nil
		}
		if rec.State != store.AssessmentInReview {
			return refuse(CodeState, "id", "assessment %s is %s, want in-review", rec.ID, rec.State)
		}
		if rec.AcceptedBy == by {
			return refuse(CodeOfficer, "by", "%s accepted this assessment: another officer reviews it", by)
		}
		if _, err := Open(tx, rec); err != nil {
			return err
		}
		rec.State, rec.UpheldAt, rec.UpheldBy, rec.UpheldReason = store.AssessmentInForce, now, by, reason
		return r.transition(tx, rec, reason, now, by)
	})
	if err != nil {
		return store.Assessment{}, fmt.Errorf("uphold assessment: %w", err)
	}
	r.flush(ctx)
	return rec, nil
}
