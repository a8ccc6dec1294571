package confirm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/store"
)

// decision is why a signature is taken back, and who wants it.
type decision struct {
	cause string
	by    string // a Person.ID, or machine
	note  string // a person's words
}

func (d decision) automatic() bool { return d.by == machine }

// takeBack revokes a signature's certificate, or does what stands in for it: a dry run
// only says so, a hold or the storm brake makes it wait. One transaction decides which.
func (r *Reconciler) takeBack(ctx context.Context, signature store.Signature, j Judgement, d decision) error {
	failed, err := r.c.Judge.FailedSummary(ctx, signature, j.Evidence)
	if err != nil {
		return err
	}
	now := r.c.Now().UTC()
	// Before the transaction, and whatever it says: one whose outcome is uncertain may be
	// there. To publish what is published already costs nothing.
	r.mu.Lock()
	r.unpublished = append(r.unpublished, signature.Serial)
	r.mu.Unlock()
	err = r.c.Store.Update(ctx, func(tx store.Tx) error {
		s, err := store.Signatures.Get(tx, signature.ID)
		if err != nil || !d.applies(s, now) {
			return err
		}
		i, err := incidentOf(tx, s, now)
		if err != nil {
			return err
		}
		findings(&i, d.cause, j)
		s.Incident = i.ID
		if d.automatic() && r.c.DryRun {
			return r.dryRun(tx, s, i, j, now)
		}
		if d.automatic() && !i.Braked {
			storm, err := r.storm(tx, s.Vendor, now)
			if err != nil {
				return err
			}
			if storm != "" {
				return r.brake(tx, s, i, j, storm, now)
			}
		}
		return r.revoke(tx, s, i, j, d, failed, now)
	})
	if err != nil {
		return err
	}
	r.c.Changed()
	return r.finish(ctx)
}

// applies reports whether a decision is still to be carried out: between the judgement
// and the transaction, somebody may have confirmed, revoked or held the signature.
func (d decision) applies(s store.Signature, now time.Time) bool {
	if !d.automatic() {
		return s.Open() || s.State == store.SignatureConfirmed
	}
	return s.State == store.SignatureProvisional || s.State == store.SignatureHeld && !now.Before(s.Due())
}

// revoke puts everything on record that a revocation is: all of it or nothing.
func (r *Reconciler) revoke(tx store.Tx, s store.Signature, i store.Incident, j Judgement, d decision, failed []byte, now time.Time) error {
	// Withdrawn is what the certificate says of the build, and not a key: that one existed
	// for this signature only and is gone (docs/decisions/0021). Counting from before the
	// signature itself, no timestamp saves it.
	since := s.At
	if since.After(now) { // a clock that stood ahead dated it; nothing is revoked from a date in the future
		since = now
	}
	err := r.c.Certificates.RevokeIn(tx, s.Serial, store.Revocation{
		At: now, RevocationDate: since.Add(-listTick), InvalidityDate: since, Reason: ca.ReasonPrivilegeWithdrawn, By: d.by,
		Note: fmt.Sprintf("provisional signature %s: %s, incident %s", s.ID, i.Cause, i.ID),
	})
	if no := ca.IsRefusal(err); no != nil && no.Code == ca.CodeAlreadyRevoked {
		err = nil // and no less strongly
	}
	if err != nil {
		return err
	}
	s.State, s.HeldUntil = store.SignatureRevoked, time.Time{}
	i.State, i.RevokedAt, i.ClosedAt = store.IncidentRevoked, now, now
	if !d.automatic() {
		i.RevokedBy = d.by
	}
	step(&i, now, d.by, "revoke", firstOf(d.note, j.Detail))
	detail := eventDetail(s)
	detail["cause"] = i.Cause
	return errors.Join(
		store.Signatures.Put(tx, s), store.Incidents.Put(tx, i), putSummary(tx, s, failed, false, now),
		tell(tx, noticeRevoked, s, i, now, firstOf(d.note, j.Detail)),
		store.Events.Insert(tx, store.NewEvent(now, d.by, "revoke.signature", s.Digest, detail)),
	)
}

// dryRun notes what would have happened, once.
func (r *Reconciler) dryRun(tx store.Tx, s store.Signature, i store.Incident, j Judgement, now time.Time) error {
	if i.State == store.IncidentDryRun {
		return nil
	}
	i.State = store.IncidentDryRun
	step(&i, now, machine, "would-revoke", j.Detail)
	return errors.Join(
		store.Signatures.Put(tx, s), store.Incidents.Put(tx, i), tell(tx, noticeWouldRevoke, s, i, now, j.Detail),
		store.Events.Insert(tx, store.NewEvent(now, machine, "dry-run.signature", s.Digest, eventDetail(s))),
	)
}

// storm says why people should look before a vendor's next signature is revoked: so many of
// its own, or of all vendors, were without a human. "": they need not.
func (r *Reconciler) storm(tx store.Reader, vendor string, now time.Time) (string, error) {
	since := store.TimeKey(now.Add(-r.c.Storm.Within))
	for _, brake := range []struct {
		of, whose string
		most      int
	}{{store.StormOf(vendor), "this vendor's signatures", r.c.Storm.Revocations}, {store.StormOfAll, "all vendors' signatures", r.c.Storm.ofAll()}} {
		n := 0
		// Behind every time comes "~".
		for _, err := range store.Incidents.Entries(tx, "storm", brake.of+since, brake.of+"~") {
			if err != nil {
				return "", err
			}
			if n++; n >= brake.most {
				return fmt.Sprintf("%d revocations of %s within %s", n, brake.whose, r.c.Storm.Within), nil
			}
		}
	}
	return "", nil
}

// brake makes a revocation wait for an officer, once and for a while. The signature stays
// what it is.
func (r *Reconciler) brake(tx store.Tx, s store.Signature, i store.Incident, j Judgement, storm string, now time.Time) error {
	i.State, i.Braked, i.HeldBy, i.HeldUntil = store.IncidentHeld, true, nil, now.Add(r.c.Storm.Wait)
	s.State, s.HeldUntil = store.SignatureHeld, i.HeldUntil
	step(&i, now, machine, "brake", storm+"; "+j.Detail)
	return errors.Join(
		store.Signatures.Put(tx, s), store.Incidents.Put(tx, i), tell(tx, noticeHeld, s, i, now, j.Detail),
		store.Events.Insert(tx, store.NewEvent(now, machine, "brake.signature", s.Digest, eventDetail(s))),
	)
}

// report opens an incident about a signature that was confirmed before: evidence confirmed
// it, so only people revoke it.
func (r *Reconciler) report(ctx context.Context, signature store.Signature, j Judgement) error {
	now := r.c.Now().UTC()
	changed := false
	err := r.c.Store.Update(ctx, func(tx store.Tx) error {
		changed = false
		s, err := store.Signatures.Get(tx, signature.ID)
		if err != nil || s.State != store.SignatureConfirmed {
			return err
		}
		i, err := incidentOf(tx, s, now)
		if err != nil || i.State == store.IncidentReported {
			return err
		}
		findings(&i, store.CauseContradiction, j)
		i.State, i.ClosedAt = store.IncidentReported, time.Time{}
		s.Incident = i.ID
		step(&i, now, machine, "report", j.Detail)
		changed = true
		return errors.Join(
			store.Signatures.Put(tx, s), store.Incidents.Put(tx, i), tell(tx, noticeContradicted, s, i, now, j.Detail),
			store.Events.Insert(tx, store.NewEvent(now, machine, "report.signature", s.Digest, eventDetail(s))),
		)
	})
	if err == nil && changed {
		r.c.Changed()
	}
	return err
}

// finish publishes revocations and files summaries that are on record and not out yet.
func (r *Reconciler) finish(ctx context.Context) error {
	r.mu.Lock()
	serials := r.unpublished
	r.unpublished = nil
	r.mu.Unlock()
	var err error
	if len(serials) > 0 {
		if err = r.c.Certificates.PublishRevoked(ctx, serials...); err != nil {
			r.mu.Lock()
			r.unpublished = append(r.unpublished, serials...)
			r.mu.Unlock()
		}
	}
	return errors.Join(err, r.fileAll(ctx))
}

// fileAll files the summaries that wait.
func (r *Reconciler) fileAll(ctx context.Context) error {
	var waiting []store.Summary
	err := r.c.Store.View(ctx, func(rd store.Reader) error {
		waiting = nil
		for summary, err := range store.Summaries.By(rd, "state", store.SummaryUnfiled) {
			if err != nil {
				return err
			}
			waiting = append(waiting, summary)
		}
		return nil
	})
	errs := []error{err}
	for _, summary := range waiting {
		if err := r.file(ctx, summary); err != nil {
			errs = append(errs, fmt.Errorf("file the summary of signature %s: %w", summary.Signature, err))
		}
	}
	return errors.Join(errs...)
}

func (r *Reconciler) file(ctx context.Context, summary store.Summary) error {
	if _, err := r.c.Repository.Put(ctx, summary.Vendor, summary.Envelope); err != nil {
		return err
	}
	return r.c.Store.Update(ctx, func(tx store.Tx) error {
		s, err := store.Summaries.Get(tx, summary.ID)
		if err != nil {
			return err
		}
		s.FiledAt = r.c.Now().UTC()
		return store.Summaries.Put(tx, s)
	})
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
