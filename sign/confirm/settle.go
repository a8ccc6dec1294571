package confirm

import (
	"context"
	"errors"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// machine is who acts without a human, in records.
const machine = "hallmark"

// settle judges one signature and does what follows.
func (r *Reconciler) settle(ctx context.Context, id string) error {
	var signature store.Signature
	var revocation *store.Revocation
	err := r.c.Store.View(ctx, func(rd store.Reader) (err error) {
		if signature, err = store.Signatures.Get(rd, id); err != nil {
			return err
		}
		cert, err := store.Certificates.Get(rd, signature.Serial)
		revocation = cert.Revocation
		return err
	})
	if err != nil || signature.Mode != store.SignatureModeProvisional {
		return err
	}
	if signature.Open() && revocation != nil {
		if fromTheSignatureOn(*revocation, signature) {
			return r.revokedElsewhere(ctx, signature)
		}
		// Nothing confirms it any more, and as it stands, its timestamp saves it: else a vendor
		// would only have to revoke first, from now on, what it expects to be found out.
		return r.takeBack(ctx, signature, Judgement{Detail: "its certificate was revoked before the signature was confirmed"},
			decision{cause: store.CauseDeadline, by: machine})
	}
	if !signature.Open() && (signature.State != store.SignatureConfirmed || revocation != nil && fromTheSignatureOn(*revocation, signature)) {
		return nil // nothing is left to take back
	}
	now, clock := r.dueSince(ctx, signature)
	judgement, err := r.c.Judge.Judge(ctx, signature)
	if err != nil {
		if now.IsZero() || now.Sub(signature.Due()) < judgeGrace {
			return errors.Join(err, clock)
		}
		judgement = Judgement{Detail: "it could not be judged"}
		r.c.Log.ErrorContext(ctx, "a signature is overdue and cannot be judged", "signature", id, "error", err)
	}
	return errors.Join(r.act(ctx, signature, judgement, now), clock)
}

// act does what follows from a judgement. now is a time at which the signature is due;
// zero: it is not.
func (r *Reconciler) act(ctx context.Context, signature store.Signature, j Judgement, now time.Time) error {
	due := !now.IsZero()
	switch {
	case signature.State == store.SignatureConfirmed && j.Contradicted:
		return r.report(ctx, signature, j)
	case signature.State == store.SignatureConfirmed:
		return nil
	case j.Granted:
		return r.confirm(ctx, signature, j)
	case j.Contradicted && (due || signature.State == store.SignatureProvisional):
		return r.takeBack(ctx, signature, j, decision{cause: store.CauseContradiction, by: machine})
	case due && !now.Before(signature.ConfirmBy):
		return r.takeBack(ctx, signature, j, decision{cause: store.CauseDeadline, by: machine})
	case due:
		return r.endHold(ctx, signature)
	}
	return nil
}

// dueSince returns the time, by a clock that can be trusted, when an open signature is due;
// zero when it is not, or when nobody knows the time, which the error says.
func (r *Reconciler) dueSince(ctx context.Context, signature store.Signature) (time.Time, error) {
	if !signature.Open() || r.c.Now().Before(signature.Due()) {
		return time.Time{}, nil
	}
	now, err := r.c.Certificates.TrustedTime(ctx)
	if err != nil || now.Before(signature.Due()) {
		return time.Time{}, err
	}
	return now, nil
}

// endHold makes a signature whose hold is over, and whose deadline is not, what it was.
func (r *Reconciler) endHold(ctx context.Context, signature store.Signature) error {
	now := r.c.Now().UTC()
	return r.c.Store.Update(ctx, func(tx store.Tx) error {
		s, err := store.Signatures.Get(tx, signature.ID)
		if err != nil || s.State != store.SignatureHeld || now.Before(s.HeldUntil) {
			return err
		}
		i, err := incidentOf(tx, s, now)
		if err != nil {
			return err
		}
		s.State, s.HeldUntil = store.SignatureProvisional, time.Time{}
		i.State, i.HeldBy, i.HeldUntil = store.IncidentReleased, nil, time.Time{}
		step(&i, now, machine, "hold-over", "")
		return errors.Join(store.Signatures.Put(tx, s), store.Incidents.Put(tx, i))
	})
}

// confirm makes a signature a confirmed one, if it still could be made.
func (r *Reconciler) confirm(ctx context.Context, signature store.Signature, j Judgement) error {
	now := r.c.Now().UTC()
	err := r.c.Store.Update(ctx, func(tx store.Tx) error {
		s, err := store.Signatures.Get(tx, signature.ID)
		if err != nil || !s.Open() {
			return err
		}
		if err := r.c.Judge.Holds(tx, s); err != nil {
			return err
		}
		s.State, s.ConfirmedAt, s.HeldUntil, s.Evidence = store.SignatureConfirmed, now, time.Time{}, j.Evidence
		if err := store.Signatures.Put(tx, s); err != nil {
			return err
		}
		if s.Incident != "" {
			if err := closeIncident(tx, s.Incident, store.IncidentConfirmed, now, "all evidence is there"); err != nil {
				return err
			}
		}
		if err := putSummary(tx, s, j.Summary, true, now); err != nil {
			return err
		}
		if err := tell(tx, noticeConfirmed, s, store.Incident{}, now, ""); err != nil {
			return err
		}
		return store.Events.Insert(tx, store.NewEvent(now, machine, "confirm.signature", s.Digest, eventDetail(s)))
	})
	if err != nil {
		return err
	}
	r.c.Changed()
	return r.fileAll(ctx)
}

// fromTheSignatureOn reports whether a revocation leaves nothing of a signature.
func fromTheSignatureOn(rev store.Revocation, s store.Signature) bool {
	return !rev.RevocationDate.After(s.At.Add(-listTick))
}

// revokedElsewhere notes that somebody else has revoked the certificate.
func (r *Reconciler) revokedElsewhere(ctx context.Context, signature store.Signature) error {
	now := r.c.Now().UTC()
	return r.c.Store.Update(ctx, func(tx store.Tx) error {
		s, err := store.Signatures.Get(tx, signature.ID)
		if err != nil || !s.Open() {
			return err
		}
		s.State, s.HeldUntil = store.SignatureRevoked, time.Time{}
		if s.Incident != "" {
			if err := closeIncident(tx, s.Incident, store.IncidentRevoked, now, "the certificate was revoked elsewhere"); err != nil {
				return err
			}
		}
		return store.Signatures.Put(tx, s)
	})
}
