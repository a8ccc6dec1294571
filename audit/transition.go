package audit

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/notify"
	"github.com/hallmark-pki/hallmark/store"
)

// AcceptanceEntry is what the log says about an assessment that an officer has
// accepted. vendor is the vendor's URI.
func AcceptanceEntry(rec store.Assessment, vendor string) receipt.Entry {
	return entry(receipt.AssessmentAccepted, vendor, rec, rec.AcceptedAt)
}

// entry is what the log says about an assessment.
func entry(kind, vendor string, rec store.Assessment, at time.Time) receipt.Entry {
	return receipt.Entry{
		Type: kind, At: at, Assessment: rec.ID, Vendor: vendor, AuditorSPKI: rec.AuditorSPKI, SecondAuditorSPKI: rec.SecondSPKI,
		Framework: rec.FrameworkURI, Track: rec.Track, Level: rec.Level,
	}
}

// steps names what brings an assessment into a state: the type of the log's entry and
// of the notice, and the verb in the audit trail.
var steps = map[string]struct{ kind, verb string }{
	store.AssessmentInForce:    {receipt.AssessmentUpheld, "uphold"},
	store.AssessmentInReview:   {receipt.AssessmentReopened, "reopen"},
	store.AssessmentSuperseded: {receipt.AssessmentSuperseded, "supersede"},
	store.AssessmentLowered:    {receipt.AssessmentLowered, "lower"},
	store.AssessmentExpired:    {receipt.AssessmentExpired, "expire"},
	store.AssessmentWithdrawn:  {receipt.AssessmentWithdrawn, "withdraw"},
}

// transition writes an assessment in a new state, with its line in the audit trail, its
// entry for the log and the notice. reason is public; effective is since when.
func (r *Register) transition(tx store.Tx, rec store.Assessment, reason string, effective time.Time, by string) error {
	step, ok := steps[rec.State]
	if !ok {
		return fmt.Errorf("assessment %s: no step leads to %s", rec.ID, rec.State)
	}
	vendor, err := store.Vendors.Get(tx, rec.Vendor)
	if err != nil {
		return fmt.Errorf("vendor of assessment %s: %w", rec.ID, err)
	}
	if err := store.Assessments.Put(tx, rec); err != nil {
		return err
	}
	e := entry(step.kind, vendor.URI, rec, r.cfg.Now())
	e.Reason, e.Effective = reason, effective
	if err := queue.Put(tx, rec.ID, e); err != nil {
		return err
	}
	if err := tell(tx, step.kind, rec, r.cfg.Now()); err != nil {
		return err
	}
	return store.Events.Insert(tx, r.event(by, step.verb, rec, map[string]string{
		"reason": reason, "since": effective.UTC().Format(time.RFC3339),
	}))
}

// tell queues the news of a step.
func tell(tx store.Tx, kind string, rec store.Assessment, at time.Time) error {
	_, err := putNotice(tx, kind+"/"+rec.ID+"/"+store.TimeKey(at), kind, at, noticeOf(rec))
	return err
}

// noticeOf is what receivers of a notice learn about an assessment.
func noticeOf(rec store.Assessment) map[string]any {
	return map[string]any{
		"assessment": rec.ID, "vendor": rec.Vendor, "framework": rec.Framework, "track": rec.Track, "level": rec.LevelID,
		"state": rec.State, "valid_until": rec.ValidUntil.UTC().Format(time.RFC3339),
	}
}

// putNotice queues news, and reports whether it is new.
func putNotice(tx store.Tx, id, kind string, at time.Time, data map[string]any) (bool, error) {
	body, err := json.Marshal(data)
	if err != nil {
		return false, err
	}
	return notify.Put(tx, store.Notice{ID: id, Type: kind, At: at, Body: body})
}
