package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
)

// Accredit puts an accreditation on record and has it logged, within a transaction
// that knows the auditor. The log names the auditor by a commitment.
func (r *Register) Accredit(tx store.Tx, auditor store.Person, acc store.Accreditation) error {
	framework, ok := r.cfg.Catalogue.Lookup(acc.Framework)
	if !ok {
		return refuse(CodeFramework, "framework", "unknown framework %q", clip(acc.Framework)).withHint("'hallmark audit frameworks' lists them")
	}
	if !acc.Until.After(acc.From) {
		return refuse(CodePeriod, "until", "%s is not after %s", acc.Until.Format(time.RFC3339), acc.From.Format(time.RFC3339))
	}
	if err := store.Accreditations.Put(tx, acc); err != nil {
		return err
	}
	return queue.Put(tx, auditor.ID, receipt.Entry{
		Type: receipt.AuditorAccredited, At: r.cfg.Now(), Auditor: Pseudonym(auditor), Framework: framework.URI, Effective: acc.From, Until: acc.Until,
	})
}

// RegisterKey puts an auditor's key on record and has it logged.
func (r *Register) RegisterKey(tx store.Tx, auditor store.Person, key store.AuditorKey) error {
	if err := store.AuditorKeys.Insert(tx, key); err != nil {
		return err
	}
	return queue.Put(tx, auditor.ID, receipt.Entry{
		Type: receipt.AuditorKey, At: r.cfg.Now(), Auditor: Pseudonym(auditor), AuditorSPKI: key.SPKISHA256,
	})
}

// Pseudonym is how the log names an auditor: a commitment that their salt opens.
func Pseudonym(auditor store.Person) string { return receipt.Commit(auditor.LogSalt, auditor.ID) }

// SuspendAuditor suspends an auditor's accreditations from now on. What was handed in
// before stays; suspending again changes nothing.
func (r *Register) SuspendAuditor(ctx context.Context, auditor, by string) error {
	now := r.now()
	err := r.cfg.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := checkOfficer(tx, by); err != nil {
			return err
		}
		person, err := getAuditor(tx, auditor)
		if err != nil {
			return err
		}
		n, err := r.suspend(tx, person, now)
		if err != nil || n == 0 {
			return err
		}
		return store.Events.Insert(tx, store.NewEvent(r.cfg.Now(), by, "suspend.auditor", auditor, nil))
	})
	if err != nil {
		return fmt.Errorf("suspend auditor: %w", err)
	}
	r.flush(ctx)
	return nil
}

// suspend suspends those accreditations that are not suspended yet, and counts them.
func (r *Register) suspend(tx store.Tx, auditor store.Person, at time.Time) (int, error) {
	list, err := accreditations(tx, auditor.ID)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, acc := range list {
		if !acc.SuspendedAt.IsZero() {
			continue
		}
		acc.SuspendedAt = at
		if err := store.Accreditations.Put(tx, acc); err != nil {
			return n, err
		}
		uri := acc.Framework
		if f, ok := r.cfg.Catalogue.Lookup(acc.Framework); ok {
			uri = f.URI
		}
		if err := queue.Put(tx, auditor.ID, receipt.Entry{
			Type: receipt.AuditorSuspended, At: r.cfg.Now(), Auditor: Pseudonym(auditor), Framework: uri, Effective: at,
		}); err != nil {
			return n, err
		}
		n++
	}
	if n == 0 {
		return 0, nil
	}
	_, err = putNotice(tx, receipt.AuditorSuspended+"/"+auditor.ID+"/"+store.TimeKey(at), receipt.AuditorSuspended, at,
		map[string]any{"auditor": auditor.ID, "organization": auditor.Organization})
	return n, err
}

// accreditations lists an auditor's.
func accreditations(r store.Reader, auditor string) ([]store.Accreditation, error) {
	var list []store.Accreditation
	for acc, err := range store.Accreditations.All(r, auditor+"/") {
		if err != nil {
			return nil, err
		}
		if acc.Auditor != auditor {
			break
		}
		list = append(list, acc)
	}
	return list, nil
}

func getAuditor(r store.Reader, id string) (store.Person, error) {
	person, err := store.People.Get(r, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && person.Role != roleAuditor {
		return store.Person{}, refuse(CodeNotFound, "auditor", "no auditor %q", clip(id))
	}
	return person, err
}

// Record is an auditor's track record: what became of what they signed, alone or with
// somebody else.
type Record struct {
	Auditor   string
	Pseudonym string // in the log
	Vendors   int
	ByState   map[string]int // assessments, by state
	Lowered   int            // ended by a later assessment of a lower level
	Withdrawn int
	InReview  int
	Revoked   int // certificates that relied on them and were revoked because of that
	First     time.Time
	Last      time.Time // when they last handed one in
}

// TrackRecord counts what became of an auditor's assessments.
func (r *Register) TrackRecord(ctx context.Context, auditor string) (Record, error) {
	var out Record
	err := r.cfg.Store.View(ctx, func(rd store.Reader) error {
		person, err := getAuditor(rd, auditor)
		if err != nil {
			return err
		}
		out = Record{Auditor: auditor, Pseudonym: Pseudonym(person), ByState: map[string]int{}}
		vendors := map[string]bool{}
		for rec, err := range store.Assessments.By(rd, "auditor", auditor) {
			if err != nil {
				return err
			}
			vendors[rec.Vendor] = true
			out.ByState[rec.State]++
			if out.First.IsZero() || rec.SubmittedAt.Before(out.First) {
				out.First = rec.SubmittedAt
			}
			if rec.SubmittedAt.After(out.Last) {
				out.Last = rec.SubmittedAt
			}
			n, err := revokedOf(rd, rec)
			if err != nil {
				return err
			}
			out.Revoked += n
		}
		out.Vendors = len(vendors)
		out.Lowered, out.Withdrawn, out.InReview = out.ByState[store.AssessmentLowered], out.ByState[store.AssessmentWithdrawn], out.ByState[store.AssessmentInReview]
		return nil
	})
	if err != nil {
		return Record{}, fmt.Errorf("track record: %w", err)
	}
	return out, nil
}

// revokedOf counts the certificates that named an assessment and lost its support.
func revokedOf(r store.Reader, rec store.Assessment) (int, error) {
	n := 0
	for cert, err := range store.Certificates.By(r, "assessment", rec.ID) {
		if err != nil {
			return n, err
		}
		if cert.Revocation != nil && cert.Revocation.Reason == reasonPrivilegeWithdrawn {
			n++
		}
	}
	return n, nil
}
