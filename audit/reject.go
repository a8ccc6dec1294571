package audit

import (
	"context"
	"fmt"

	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
)

// Reject is an officer's decision not to rely on a submitted assessment. Rejecting
// again, by the same officer and for the same reason, changes nothing.
func (r *Register) Reject(ctx context.Context, id, officer, reason string) (store.Assessment, error) {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	rec, err := r.reject(ctx, id, officer, reason)
	if err != nil {
		return store.Assessment{}, fmt.Errorf("reject assessment: %w", err)
	}
	return rec, nil
}

func (r *Register) reject(ctx context.Context, id, officer, reason string) (store.Assessment, error) {
	if err := checkReason(reason); err != nil {
		return store.Assessment{}, err
	}
	now := r.now()
	event := store.NewEvent(r.cfg.Now(), officer, "reject.assessment", id, map[string]string{"reason": reason})
	var rec store.Assessment
	err := r.cfg.Store.Update(ctx, func(tx store.Tx) error {
		var err error
		if rec, err = get(tx, id); err != nil {
			return err
		}
		if err := checkIndependent(tx, rec, officer); err != nil {
			return err
		}
		if rec.State == store.AssessmentRejected && rec.EndedBy == officer && rec.EndedReason == reason {
			return nil
		}
		if rec.State != store.AssessmentSubmitted {
			return refuse(CodeState, "id", "assessment %s is %s, want submitted", rec.ID, rec.State)
		}
		rec.State, rec.EndedAt, rec.EndedBy, rec.EndedReason = store.AssessmentRejected, now, officer, reason
		if err := store.Assessments.Put(tx, rec); err != nil {
			return err
		}
		if err := queue.Put(tx, rec.ID, r.committed(receipt.AssessmentRejected, rec)); err != nil {
			return err
		}
		if err := tell(tx, receipt.AssessmentRejected, rec, now); err != nil {
			return err
		}
		return store.Events.Put(tx, event)
	})
	if err == nil {
		r.flush(ctx)
	}
	return rec, err
}
