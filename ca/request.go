package ca

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/notify"
	"github.com/hallmark-pki/hallmark/store"
)

// A request that an officer has to agree to:
//
//	pending ── Approve ──▶ approved ── Issue ──▶ issued
//	   └────── Deny ──▶ denied ◀── Deny ──┘
//	   both pending and approved end by themselves: expired
//
// An approval is about one key of one vendor and at most the claims, the profile and
// the validity it names; it is used up by one certificate. Issue, and nothing else,
// looks whether there is one: see admit.

// RequestState is the state of a request at a moment: ExpiresAt counts, whatever the
// record says.
func RequestState(q store.CertificateRequest, now time.Time) string {
	if (q.State == store.RequestPending || q.State == store.RequestApproved) && !now.Before(q.ExpiresAt) {
		return store.RequestExpired
	}
	return q.State
}

// RequestApproval puts a request before the officers that Issue refuses with
// CodeApprovalRequired. Everything that Issue would look at is looked at now, so that
// no officer reads what could not be issued anyway; a key attestation that does not
// hold is refused, none at all is for the officer to waive. Asking twice for the same
// gives the request that waits. The record, its event and the notice request.pending
// are durable on return. The error is a *Refusal when the client can mend it.
func (c *CA) RequestApproval(ctx context.Context, req Request) (store.CertificateRequest, error) {
	rec, err := c.requestApproval(ctx, req)
	if err != nil {
		return store.CertificateRequest{}, fmt.Errorf("request approval: %w", err)
	}
	return rec, nil
}

func (c *CA) requestApproval(ctx context.Context, req Request) (store.CertificateRequest, error) {
	now := c.now().UTC()
	key, err := c.requestKey(ctx, req)
	if err != nil {
		return store.CertificateRequest{}, err
	}
	base, err := c.newRequest(req, key, now)
	if err != nil {
		return store.CertificateRequest{}, err
	}
	var rec store.CertificateRequest
	err = c.store.Update(ctx, func(tx store.Tx) error {
		rec = base
		g, err := c.gate(tx, req.Vendor, req.Claims, now)
		if err != nil {
			return err
		}
		if err := c.worthAsking(tx, req, g, key.sha256, now); err != nil {
			return err
		}
		rec.ID, rec.Tier, rec.Claims = store.NewID(now), g.tier.name, requestClaims(g.claims)
		waits, err := sameRequest(tx, rec, now)
		if err != nil || waits.ID != "" {
			rec = waits
			return err
		}
		if err := store.CertificateRequests.Insert(tx, rec); err != nil {
			return err
		}
		if err := tellRequest(tx, rec, now); err != nil {
			return err
		}
		return store.Events.Insert(tx, store.NewEvent(now, rec.By, "request.certificate", rec.ID, map[string]string{"vendor": rec.Vendor, "tier": rec.Tier}))
	})
	return rec, err
}

// newRequest fills in what does not depend on the gate.
func (c *CA) newRequest(req Request, key requestedKey, now time.Time) (store.CertificateRequest, error) {
	profile, err := c.requires.profile(req.Profile)
	if err != nil {
		return store.CertificateRequest{}, err
	}
	attested, err := c.requires.attested(req.Attestation, key.public, now)
	if err != nil {
		return store.CertificateRequest{}, err
	}
	return store.CertificateRequest{
		State: store.RequestPending, Vendor: req.Vendor, SPKISHA256: key.sha256, PublicKey: key.spki, SigningKey: req.SigningKey,
		Profile: profile.Name, Validity: req.Validity, Replaces: req.Replaces, Rekey: req.Rekey,
		Way: req.Way, At: now, By: req.By, ExpiresAt: now.Add(pendingTime), Attestation: attested,
	}, nil
}

// worthAsking refuses what would not be issued even with an approval.
func (c *CA) worthAsking(r store.Reader, req Request, g *grant, spki string, now time.Time) error {
	if !c.requires.of(g.tier.name).NeedsOfficer() {
		return refuse(CodeBadRequest, "request the certificate", "tier %s issues without an officer's approval", g.tier.name)
	}
	if err := keyIsFree(r, spki, req.Vendor); err != nil {
		return err
	}
	if err := c.replaces(r, req, g, spki); err != nil {
		return err
	}
	if err := c.requires.shorten(g, req, now); err != nil {
		return err
	}
	_, err := g.end(req.Validity, now)
	return err
}

// sameRequest finds a request that waits for the same as rec does: a vendor that did
// not see the answer asks again. It refuses when too many wait.
func sameRequest(r store.Reader, rec store.CertificateRequest, now time.Time) (store.CertificateRequest, error) {
	waiting := 0
	for q, err := range store.CertificateRequests.By(r, "vendor", rec.Vendor) {
		if err != nil {
			return store.CertificateRequest{}, err
		}
		if RequestState(q, now) != store.RequestPending {
			continue
		}
		waiting++
		if q.SPKISHA256 == rec.SPKISHA256 && slices.Equal(q.Claims, rec.Claims) && q.Profile == rec.Profile && q.Validity == rec.Validity &&
			q.Replaces == rec.Replaces && q.Rekey == rec.Rekey && sameAttestation(q.Attestation, rec.Attestation) {
			return q, nil
		}
	}
	if waiting >= maxPending {
		return store.CertificateRequest{}, refuse(CodeTooManyRequests, "wait for an officer, or have them denied", "%d requests of %s wait already", waiting, rec.Vendor)
	}
	return store.CertificateRequest{}, nil
}

func sameAttestation(a, b *store.KeyAttestation) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Format == b.Format && string(a.Data) == string(b.Data)
}

func requestClaims(claims []ext.Claim) []store.RequestClaim {
	var out []store.RequestClaim
	for _, c := range claims {
		out = append(out, store.RequestClaim{Framework: c.Framework, Track: c.Track, Level: c.Level, LevelID: c.LevelID})
	}
	return out
}

// Approve is an officer's consent to a request: the vendor may collect the certificate
// within collectTime. waiver is why a key that the tier wants in hardware need not be
// shown to be there; it is demanded when there is no attestation, and refused when
// there is nothing to waive. Approving again in the same words changes nothing. The
// error is a *Refusal, or an *audit.Refusal about who decides.
func (c *CA) Approve(ctx context.Context, id, officer, note, waiver string) (store.CertificateRequest, error) {
	rec, err := c.decide(ctx, id, officer, "approve.request", func(rec *store.CertificateRequest, now time.Time) error {
		if err := checkNote(note, false); err != nil {
			return err
		}
		if err := checkNote(waiver, false); err != nil {
			return err
		}
		if rec.State == store.RequestApproved && rec.DecidedBy == officer && rec.Note == note && rec.Waiver == waiver {
			return errSettled
		}
		if rec.State != store.RequestPending {
			return refuse(CodeRequestState, "", "request %s is %s, want pending", rec.ID, rec.State)
		}
		switch missing := c.requires.of(rec.Tier).NeedsHardwareKey() && rec.Attestation == nil; {
		case missing && waiver == "":
			return refuse(CodeHardwareKeyRequired, "say why with --waive-hardware, or have the vendor ask again with an attestation",
				"tier %s wants the key in hardware, and the request has no attestation", rec.Tier)
		case !missing && waiver != "":
			return refuse(CodeBadRequest, "leave it out", "there is nothing to waive")
		}
		rec.State, rec.Note, rec.Waiver, rec.ExpiresAt = store.RequestApproved, note, waiver, now.Add(collectTime)
		return nil
	})
	if err != nil {
		return store.CertificateRequest{}, fmt.Errorf("approve request: %w", err)
	}
	return rec, nil
}

// Deny is an officer's refusal of a request that waits, or that was approved and has
// not been used. The vendor reads the reason. Denying again in the same words changes
// nothing. Errors as for Approve.
func (c *CA) Deny(ctx context.Context, id, officer, reason string) (store.CertificateRequest, error) {
	rec, err := c.decide(ctx, id, officer, "deny.request", func(rec *store.CertificateRequest, _ time.Time) error {
		if err := checkNote(reason, true); err != nil {
			return err
		}
		if rec.State == store.RequestDenied && rec.DecidedBy == officer && rec.Note == reason {
			return errSettled
		}
		if rec.State != store.RequestPending && rec.State != store.RequestApproved {
			return refuse(CodeRequestState, "", "request %s is %s, want pending or approved", rec.ID, rec.State)
		}
		rec.State, rec.Note = store.RequestDenied, reason
		return nil
	})
	if err != nil {
		return store.CertificateRequest{}, fmt.Errorf("deny request: %w", err)
	}
	return rec, nil
}

// errSettled ends a decision that has been taken already.
var errSettled = errors.New("decided already")

func (c *CA) decide(ctx context.Context, id, officer, action string, change func(*store.CertificateRequest, time.Time) error) (store.CertificateRequest, error) {
	now := c.now().UTC()
	var rec store.CertificateRequest
	err := c.store.Update(ctx, func(tx store.Tx) error {
		var err error
		if rec, err = certificateRequest(tx, id); err != nil {
			return err
		}
		if err := audit.CheckOfficer(tx, officer, rec.Vendor); err != nil {
			return err
		}
		if rec.State = RequestState(rec, now); rec.State == store.RequestExpired {
			return refuse(CodeApprovalExpired, "the vendor asks again", "request %s ended at %s", rec.ID, rec.ExpiresAt.UTC().Format(time.RFC3339))
		}
		if err := change(&rec, now); errors.Is(err, errSettled) {
			return nil
		} else if err != nil {
			return err
		}
		rec.DecidedAt, rec.DecidedBy = now, officer
		if err := store.CertificateRequests.Put(tx, rec); err != nil {
			return err
		}
		if err := tellRequest(tx, rec, now); err != nil {
			return err
		}
		detail := map[string]string{"vendor": rec.Vendor, "tier": rec.Tier, "note": rec.Note}
		if rec.Waiver != "" {
			detail["waiver"] = rec.Waiver
		}
		return store.Events.Insert(tx, store.NewEvent(now, officer, action, rec.ID, detail))
	})
	return rec, err
}

// checkNote bounds an officer's words.
func checkNote(text string, required bool) error {
	switch {
	case required && text == "":
		return refuse(CodeBadRequest, "", "a reason is wanted")
	case len(text) > maxNote:
		return refuse(CodeBadRequest, "", "a text of %d bytes, at most %d", len(text), maxNote)
	case strings.TrimSpace(text) != text || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' }):
		return refuse(CodeBadRequest, "", "the text begins or ends with blanks, or has control characters")
	}
	return nil
}

// tellRequest queues the notice request.<state>.
func tellRequest(tx store.Tx, rec store.CertificateRequest, now time.Time) error {
	claims := make([]string, len(rec.Claims))
	for i, c := range rec.Claims {
		claims[i] = c.LevelID
	}
	data := map[string]any{
		"request": rec.ID, "vendor": rec.Vendor, "claims": strings.Join(claims, " "), "requested_by": rec.By,
		"expires_at": rec.ExpiresAt.UTC().Format(time.RFC3339),
	}
	if rec.State != store.RequestPending {
		data["officer"], data["note"] = rec.DecidedBy, rec.Note
	}
	body, err := json.Marshal(data)
	if err != nil {
		return err
	}
	kind := "request." + rec.State
	_, err = notify.Put(tx, store.Notice{ID: strings.Join([]string{kind, rec.ID, store.TimeKey(now)}, "/"), Type: kind, At: now, Body: body})
	return err
}
