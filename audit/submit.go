package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
)

// saltBytes is the size of what hides a private thing in the log (receipt.Commit).
const saltBytes = 32

// Submit checks a signed assessment and stores it for an officer to decide on. by
// is the person who handed it in. Errors are *Refusal when the assessment or its
// parties are at fault; nothing is stored then. The log learns that something was
// handed in, not what: an assessment is the vendor's own affair until it is relied on.
func (r *Register) Submit(ctx context.Context, envelope []byte, by string) (store.Assessment, error) {
	now := r.now()
	var o opened
	err := r.cfg.Store.View(ctx, func(rd store.Reader) error {
		var err error
		o, err = openEnvelope(rd, envelope)
		return err
	})
	if err != nil {
		return store.Assessment{}, fmt.Errorf("submit assessment: %w", err)
	}
	a := o.assessment
	if problems := a.Validate(r.cfg.Catalogue, now); len(problems) > 0 {
		return store.Assessment{}, fmt.Errorf("submit assessment: %w", refuseAll(problems))
	}
	rec, err := newRecord(a, o.id, envelope, o.keys)
	if err != nil {
		return store.Assessment{}, fmt.Errorf("submit assessment: %w", err)
	}
	rec.State, rec.SubmittedAt, rec.SubmittedBy = store.AssessmentSubmitted, now, by
	rec.LogSalt = newSalt()
	event := r.event(by, "submit", rec, map[string]string{"auditor": rec.Auditor})
	err = r.cfg.Store.Update(ctx, func(tx store.Tx) error {
		if err := checkParties(tx, rec, a, now); err != nil {
			return err
		}
		err := store.Assessments.Insert(tx, rec)
		if errors.Is(err, store.ErrExists) {
			return refuse(CodeDuplicate, "", "assessment %s has been submitted before", rec.ID)
		}
		if err != nil {
			return err
		}
		if err := queue.Put(tx, rec.ID, r.committed(receipt.AssessmentSubmitted, rec)); err != nil {
			return err
		}
		if err := tell(tx, receipt.AssessmentSubmitted, rec, now); err != nil {
			return err
		}
		return store.Events.Insert(tx, event)
	})
	if err != nil {
		return store.Assessment{}, fmt.Errorf("submit assessment: %w", err)
	}
	r.flush(ctx)
	r.cfg.Log.InfoContext(ctx, "assessment submitted", "assessment", rec.ID, "vendor", rec.Vendor, "auditor", rec.Auditor, "by", by)
	return rec, nil
}

// committed is an entry about an assessment that is not public.
func (r *Register) committed(kind string, rec store.Assessment) receipt.Entry {
	return receipt.Entry{Type: kind, At: r.cfg.Now(), Commitment: receipt.Commit(rec.LogSalt, rec.ID)}
}

func newSalt() []byte {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails: crypto/rand
	return salt
}

// NewLogSalt makes a person's LogSalt.
func NewLogSalt() []byte { return newSalt() }
