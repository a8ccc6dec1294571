package release

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/store"
)

// Actions of the events written here.
const (
	actionRequested = "request.approval"
	actionApproved  = "approve.signature"
	actionDenied    = "deny.signature"
)

// Ask asks the approvers of a product to agree to exactly one signature. It returns the
// request that is there already if somebody has asked for the same and it is open.
func (s *Service) Ask(ctx context.Context, req sign.Request, note string) (store.SigningApproval, error) {
	req = req.Normal()
	if err := req.Check(); err != nil {
		return store.SigningApproval{}, err
	}
	if len(note) > maxReason || !isText(note) {
		return store.SigningApproval{}, refuse(sign.CodeRequest, "", "note: more than %d bytes, or no text", maxReason)
	}
	now := s.now()
	id := store.NewID(now)
	var out store.SigningApproval
	err := s.c.Store.Update(ctx, func(tx store.Tx) error {
		p, ok, err := policyOf(tx, req.Vendor, req.Product)
		if err != nil {
			return err
		}
		if err := s.maySign(tx, p, ok, req); err != nil {
			return err
		}
		if p.Approvals == 0 {
			return refuse(sign.CodeRequest, "sign it", "product %q wants no approvals", req.Product)
		}
		serial, err := sign.SerialFor(tx, req, now)
		if err != nil {
			return err
		}
		a := newApproval(p, req, serial, note, now)
		a.ID = id
		open, err := sweep(tx, req.Vendor, now)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(open, func(o store.SigningApproval) bool { return o.Covers == a.Covers && len(o.Uses) < uses(p, o) }); i >= 0 {
			out = open[i]
			return nil
		}
		if len(open) >= maxOpen {
			return refuse(sign.CodeApproval, "deny or use some of them", "%d requests of vendor %s are open, at most %d", len(open), req.Vendor, maxOpen)
		}
		out = a
		if err := store.SigningApprovals.Insert(tx, a); err != nil {
			return err
		}
		return store.Events.Insert(tx, approvalEvent(a, now, req.By, actionRequested))
	})
	if err != nil {
		return store.SigningApproval{}, fmt.Errorf("ask for approval: %w", err)
	}
	return out, nil
}

func newApproval(p store.SigningPolicy, req sign.Request, serial, note string, now time.Time) store.SigningApproval {
	return store.SigningApproval{
		State: store.ApprovalPending, Vendor: req.Vendor, Product: req.Product, SHA256: hex.EncodeToString(req.Digest[:]),
		Format: req.Format, Mode: modeOf(req), Certificate: serial, PerBuild: req.PerBuild, Claims: claimsOf(req), Signed: signedOf(req),
		Covers: cover(req, serial), Note: note, At: now, By: req.By, ExpiresAt: now.Add(p.ApprovalLasts), MaxUses: p.ApprovalUses, LogSalt: sign.NewSalt(),
	}
}

// sweep returns a vendor's open requests, after writing down which of them have expired.
func sweep(tx store.Tx, vendor string, now time.Time) (open []store.SigningApproval, err error) {
	var over []store.SigningApproval
	for a, err := range store.SigningApprovals.By(tx, "pending", vendor) {
		if err != nil {
			return nil, err
		}
		if now.After(a.ExpiresAt) {
			a.State = store.ApprovalExpired
			over = append(over, a)
		} else {
			open = append(open, a)
		}
	}
	for _, a := range over {
		if err := store.SigningApprovals.Put(tx, a); err != nil {
			return nil, err
		}
	}
	return open, nil
}

// StateOf is the state of an approval at a time.
func StateOf(a store.SigningApproval, now time.Time) string {
	if a.IsOpen() && now.After(a.ExpiresAt) {
		return store.ApprovalExpired
	}
	return a.State
}

// Challenge is the text that a second factor signs for a vote on an approval.
func Challenge(a store.SigningApproval, person string) []byte {
	return challenge("approve a signature", person, "request", a.ID, "product", a.Product, "sha256", a.SHA256, "covers", a.Covers)
}

// challenge is one line for each thing that is agreed to, so that who signs can read it.
// No value has a line end: all are ids, digests or checked text.
func challenge(what, person string, pairs ...string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "hallmark: %s\nby: %s\n", what, person)
	for i := 0; i+1 < len(pairs); i += 2 {
		fmt.Fprintf(&b, "%s: %s\n", pairs[i], pairs[i+1])
	}
	return []byte(b.String())
}

// Approve adds a person's word to a request; proof is what their second factor signed,
// nil for none. The error is store.ErrNotFound for a request that the person's vendor has
// not.
func (s *Service) Approve(ctx context.Context, person store.Person, id, note string, proof []byte) (store.SigningApproval, error) {
	now := s.now()
	if len(note) > maxReason || !isText(note) {
		return store.SigningApproval{}, refuse(sign.CodeRequest, "", "note: more than %d bytes, or no text", maxReason)
	}
	return s.answer(ctx, person, id, func(tx store.Tx, p store.SigningPolicy, a *store.SigningApproval) error {
		switch {
		case !has(p, person.ID, store.ProductApprover):
			return refuse(sign.CodeRole, "", "%s is no approver of product %q", person.ID, a.Product)
		case a.By == person.ID && !p.RequesterMayApprove:
			return refuse(sign.CodeApproval, "ask another approver", "who asks may not agree, by the product's policy")
		case slices.ContainsFunc(a.Votes, func(v store.Vote) bool { return v.By == person.ID }):
			return refuse(sign.CodeApproval, "each person counts once", "%s has agreed already", person.ID)
		case len(a.Votes) >= maxVotes:
			return refuse(sign.CodeApproval, "", "%d people have agreed, which is as many as there can be", len(a.Votes))
		}
		factor, err := s.factorOf(tx, person.ID, Challenge(*a, person.ID), proof, p.SecondFactor)
		if err != nil {
			return err
		}
		a.Votes = append(a.Votes, store.Vote{By: person.ID, At: now, Factor: factor, Note: note})
		n, err := countVotes(tx, p, *a)
		if err != nil {
			return err
		}
		if n >= p.Approvals {
			a.State = store.ApprovalGiven
		}
		return logVote(tx, *a, person.ID, receipt.ApprovalGiven, actionApproved, now)
	})
}

// Deny ends a request: an approver may, and who asked may take it back, also after others
// have agreed, as long as it is not used up.
func (s *Service) Deny(ctx context.Context, person store.Person, id, reason string) (store.SigningApproval, error) {
	now := s.now()
	if len(reason) > maxReason || !isText(reason) {
		return store.SigningApproval{}, refuse(sign.CodeRequest, "", "reason: more than %d bytes, or no text", maxReason)
	}
	return s.answer(ctx, person, id, func(tx store.Tx, p store.SigningPolicy, a *store.SigningApproval) error {
		if a.By != person.ID && !has(p, person.ID, store.ProductApprover) {
			return refuse(sign.CodeRole, "", "%s is no approver of product %q", person.ID, a.Product)
		}
		a.State, a.DeniedBy, a.Reason = store.ApprovalDenied, person.ID, reason
		return logVote(tx, *a, person.ID, receipt.ApprovalDenied, actionDenied, now)
	})
}

// answer changes an open request.
func (s *Service) answer(ctx context.Context, person store.Person, id string, change func(store.Tx, store.SigningPolicy, *store.SigningApproval) error) (out store.SigningApproval, err error) {
	now := s.now()
	err = s.c.Store.Update(ctx, func(tx store.Tx) error {
		a, err := store.SigningApprovals.Get(tx, id)
		if err == nil && a.Vendor != person.Vendor {
			err = store.ErrNotFound
		}
		if err != nil {
			return err
		}
		// Read again: the account may have been disabled since the request came in.
		if who, ok, err := active(tx, person.ID, a.Vendor); err != nil {
			return err
		} else if !ok || who.Role != roleVendor {
			return refuse(sign.CodeRole, "", "only people of vendor %s answer", a.Vendor)
		}
		if state := StateOf(a, now); state != store.ApprovalPending && state != store.ApprovalGiven {
			return refuse(sign.CodeApproval, "ask again with 'hallmark sign request'", "the request is %s", state)
		}
		p, ok, err := policyOf(tx, a.Vendor, a.Product)
		if err != nil {
			return err
		}
		if !ok || p.Approvals == 0 {
			return refuse(sign.CodeApproval, "sign it", "product %q wants no approvals any more", a.Product)
		}
		if err := change(tx, p, &a); err != nil {
			return err
		}
		out = a
		return store.SigningApprovals.Put(tx, a)
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("answer request: %w", err)
	}
	return out, err
}

// logVote puts a vote into the audit trail and, as a commitment, into the log.
func logVote(tx store.Tx, a store.SigningApproval, by, kind, action string, now time.Time) error {
	if err := enter(tx, kind, a.Vendor, a.ID, a.LogSalt, a.ID+" "+by+" "+a.Covers, now); err != nil {
		return err
	}
	return store.Events.Insert(tx, approvalEvent(a, now, by, action))
}

func approvalEvent(a store.SigningApproval, now time.Time, by, action string) store.Event {
	return store.NewEvent(now, by, action, a.SHA256, map[string]string{"vendor": a.Vendor, "product": a.Product, "request": a.ID, "state": a.State})
}
