package confirm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"
	"unicode"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
)

// Hold makes a revocation that would happen by itself wait, in two steps by two officers:
// the first asks, the second agrees within AgreeWithin, and only then is anything held.
// id is that of an incident, or of a signature that nothing has happened to yet. wanted is
// for how long; zero is DefaultHold, and the second officer can only shorten it. No
// signature is held for longer than MaxHold after its deadline.
func (r *Reconciler) Hold(ctx context.Context, id string, officer store.Person, reason string, wanted time.Duration) (store.Incident, error) {
	if err := checkNote(reason); err != nil {
		return store.Incident{}, err
	}
	if wanted == 0 {
		wanted = DefaultHold
	}
	if wanted < time.Second || wanted > MaxHold {
		return store.Incident{}, refuse(CodeHold, "", "a hold of %s, want 1s to %s", wanted, MaxHold)
	}
	return r.change(ctx, id, officer, func(tx store.Tx, s store.Signature, i store.Incident, now time.Time) (store.Incident, error) {
		if !s.Open() || i.State == store.IncidentDryRun {
			return i, refuse(CodeOver, "", "signature %s is %s: there is nothing to hold", s.ID, firstOf(s.State, "final"))
		}
		if i.Cause == "" {
			i.Cause = store.CauseOfficer
		}
		s.Incident = i.ID
		asked, err := stillAsked(tx, s, i, now)
		if err != nil {
			return i, err
		}
		switch {
		case asked && i.HoldAskedBy == officer.ID:
			return i, refuse(CodeSecond, "another officer runs the same command", "officer %s has asked for the hold already; another one must agree", officer.ID)
		case asked:
			return r.hold(tx, s, i, officer, min(wanted, time.Duration(i.HoldFor)*time.Second), now)
		}
		i.HoldAskedBy, i.HoldAskedAt, i.HoldFor, i.HoldReason = officer.ID, now, int64(wanted/time.Second), reason
		if i.State == "" || i.State == store.IncidentReleased {
			i.State = store.IncidentAsked
		}
		step(&i, now, officer.ID, "ask-hold", reason)
		return i, errors.Join(store.Signatures.Put(tx, s), store.Incidents.Put(tx, i),
			store.Events.Insert(tx, store.NewEvent(now, officer.ID, "ask.hold", s.Digest, eventDetail(s))))
	})
}

// stillAsked reports whether an officer who may still decide has asked for a hold a moment
// ago: who was sent away since is none of the two.
func stillAsked(r store.Reader, s store.Signature, i store.Incident, now time.Time) (bool, error) {
	if i.HoldAskedBy == "" || !now.Before(i.HoldAskedAt.Add(AgreeWithin)) {
		return false, nil
	}
	err := audit.CheckOfficer(r, i.HoldAskedBy, s.Vendor)
	if _, refused := audit.IsRefusal(err); refused {
		return false, nil
	}
	return err == nil, err
}

// hold is what the second officer brings about.
func (r *Reconciler) hold(tx store.Tx, s store.Signature, i store.Incident, officer store.Person, wanted time.Duration, now time.Time) (store.Incident, error) {
	until, last := now.Add(wanted).Truncate(time.Second), s.ConfirmBy.Add(MaxHold)
	if until.After(last) {
		until = last
	}
	if !until.After(now) {
		return i, refuse(CodeHold, "", "signature %s was to be confirmed by %s; no hold reaches further than %s after that", s.ID, s.ConfirmBy.Format(time.RFC3339), MaxHold)
	}
	i.State, i.HeldBy, i.HeldUntil = store.IncidentHeld, []string{i.HoldAskedBy, officer.ID}, until
	i.HoldAskedBy, i.HoldAskedAt, i.HoldFor = "", time.Time{}, 0
	s.State, s.HeldUntil = store.SignatureHeld, until
	step(&i, now, officer.ID, "hold", i.HoldReason)
	detail := eventDetail(s)
	detail["officers"], detail["until"], detail["reason"] = heldBy(i), until.Format(time.RFC3339), i.HoldReason
	return i, errors.Join(store.Signatures.Put(tx, s), store.Incidents.Put(tx, i), logHeld(tx, s, i, now),
		tell(tx, noticeHeld, s, i, now, i.HoldReason),
		store.Events.Insert(tx, store.NewEvent(now, officer.ID, "hold.signature", s.Digest, detail)))
}

// logHeld has the transparency log say that officers hold a revocation up, and who.
func logHeld(tx store.Tx, s store.Signature, i store.Incident, now time.Time) error {
	cert, err := store.Certificates.Get(tx, s.Serial)
	if err != nil {
		return err
	}
	vendor, err := store.Vendors.Get(tx, s.Vendor)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(cert.DER)
	return queue.Put(tx, s.Serial, receipt.Entry{
		Type: receipt.CertificateHeld, At: now, Certificate: hex.EncodeToString(sum[:]), Serial: s.Serial, Tier: cert.Tier, Vendor: vendor.URI,
		Reason: heldBy(i) + ": " + i.HoldReason, Until: i.HeldUntil,
	})
}

// Release ends a hold, of officers or of the storm brake: the signature is judged again at
// once, as if there had been none. It is confirmed if the evidence is there now, and else
// revoked if that is due.
func (r *Reconciler) Release(ctx context.Context, id string, officer store.Person, note string) (store.Incident, error) {
	if err := checkNote(note); err != nil {
		return store.Incident{}, err
	}
	i, err := r.change(ctx, id, officer, func(tx store.Tx, s store.Signature, i store.Incident, now time.Time) (store.Incident, error) {
		if s.State != store.SignatureHeld {
			return i, refuse(CodeOver, "", "signature %s is %s, not held", s.ID, firstOf(s.State, "final"))
		}
		i.State, i.HeldBy, i.HeldUntil = store.IncidentReleased, nil, time.Time{}
		i.HoldAskedBy, i.HoldAskedAt, i.HoldFor = "", time.Time{}, 0
		s.State, s.HeldUntil, s.Incident = store.SignatureProvisional, time.Time{}, i.ID
		step(&i, now, officer.ID, "release", note)
		return i, errors.Join(store.Signatures.Put(tx, s), store.Incidents.Put(tx, i),
			store.Events.Insert(tx, store.NewEvent(now, officer.ID, "release.signature", s.Digest, eventDetail(s))))
	})
	if err != nil {
		return i, err
	}
	return r.settled(ctx, i)
}

// Revoke revokes what an incident is about, at once: neither a hold nor the storm brake
// nor a dry run stands in the way of an officer.
func (r *Reconciler) Revoke(ctx context.Context, id string, officer store.Person, note string) (store.Incident, error) {
	if err := checkNote(note); err != nil {
		return store.Incident{}, err
	}
	var signature store.Signature
	var incident store.Incident
	err := r.c.Store.View(ctx, func(rd store.Reader) (err error) {
		signature, incident, err = find(rd, id, r.c.Now().UTC())
		return err
	})
	if err != nil {
		return store.Incident{}, err
	}
	by := decision{cause: firstOf(incident.Cause, store.CauseOfficer), by: officer.ID, note: note}
	if !by.applies(signature, r.c.Now()) {
		return store.Incident{}, refuse(CodeOver, "", "signature %s is %s", signature.ID, firstOf(signature.State, "final"))
	}
	// A judgement is for the record only: an officer needs none.
	j, err := r.c.Judge.Judge(ctx, signature)
	if err != nil || j.Granted {
		j = Judgement{}
	}
	if err := r.takeBack(ctx, signature, j, by); err != nil {
		return store.Incident{}, err
	}
	err = r.c.Store.View(ctx, func(rd store.Reader) (err error) {
		_, incident, err = find(rd, signature.ID, r.c.Now())
		return err
	})
	return incident, err
}

// settled judges an incident's signature now, and returns the incident after that.
func (r *Reconciler) settled(ctx context.Context, i store.Incident) (store.Incident, error) {
	r.settling.Lock()
	err := r.settle(ctx, i.Signature)
	r.settling.Unlock()
	if err != nil {
		r.c.Log.ErrorContext(ctx, "settle a released signature", "signature", i.Signature, "error", err)
		r.Poke(i.Vendor, i.Digest) // the release is on record; this is tried again
	}
	err = r.c.Store.View(ctx, func(rd store.Reader) (err error) {
		i, err = store.Incidents.Get(rd, i.ID)
		return err
	})
	return i, err
}

// change changes an incident for an officer, in one transaction.
func (r *Reconciler) change(ctx context.Context, id string, officer store.Person,
	how func(store.Tx, store.Signature, store.Incident, time.Time) (store.Incident, error)) (store.Incident, error) {
	now := r.c.Now().UTC()
	var out store.Incident
	err := r.c.Store.Update(ctx, func(tx store.Tx) error {
		s, i, err := find(tx, id, now)
		if err != nil {
			return err
		}
		vendor, err := store.Vendors.Get(tx, s.Vendor)
		if err != nil {
			return err
		}
		if err := audit.CheckConflict(officer, vendor); err != nil {
			return err
		}
		out, err = how(tx, s, i, now)
		return err
	})
	if err != nil {
		return store.Incident{}, err
	}
	r.c.Changed()
	return out, nil
}

// find reads a signature and its incident by the id of either. The incident is new where
// there is none.
func find(r store.Reader, id string, now time.Time) (store.Signature, store.Incident, error) {
	i, err := store.Incidents.Get(r, id)
	signature := i.Signature
	if errors.Is(err, store.ErrNotFound) {
		signature, err = id, nil
	}
	if err != nil {
		return store.Signature{}, i, err
	}
	s, err := store.Signatures.Get(r, signature)
	if errors.Is(err, store.ErrNotFound) || err == nil && s.Mode != store.SignatureModeProvisional {
		return s, i, refuse(CodeUnknown, "", "no incident and no provisional signature %q", id)
	}
	if err != nil {
		return s, i, err
	}
	i, err = incidentOf(r, s, now)
	return s, i, err
}

func checkNote(note string) error {
	if strings.TrimSpace(note) == "" || len(note) > maxNote || strings.ContainsFunc(note, unicode.IsControl) {
		return refuse(CodeNote, "", "say why, in 1 to %d bytes of one line", maxNote)
	}
	return nil
}
