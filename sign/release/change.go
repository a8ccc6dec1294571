package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/store"
)

const (
	actionProposed = "propose.signing-policy"
	actionAgreed   = "agree.signing-policy"
	actionChanged  = "change.signing-policy"
	actionRefused  = "refuse.signing-policy"
)

// Propose sets the first policy of a product, or proposes one that is to replace the
// present one. The proposal is in force at once where nobody else has to agree.
func (s *Service) Propose(ctx context.Context, person store.Person, p store.SigningPolicy) (store.PolicyChange, error) {
	now := s.now()
	p = complete(p)
	id, salt := store.NewID(now), sign.NewSalt()
	var out store.PolicyChange
	err := s.c.Store.Update(ctx, func(tx store.Tx) error {
		if err := s.check(tx, p); err != nil {
			return err
		}
		current, isPolicy, err := policyOf(tx, p.Vendor, p.Product)
		if err != nil {
			return err
		}
		if err := mayPropose(tx, current, person, p.Vendor); err != nil {
			return err
		}
		c := store.PolicyChange{
			ID: id, State: store.ChangeProposed, Vendor: p.Vendor, Product: p.Product, Policy: terms(p), SHA256: digestOf(p), Replaces: current.Version, At: now, By: person.ID,
		}
		c.Policy.LogSalt = salt
		if !isPolicy || !current.SecondFactor || person.Role == roleOfficer {
			c.Votes = []store.Vote{{By: person.ID, At: now}}
		}
		if err := store.Events.Insert(tx, changeEvent(c, now, person.ID, actionProposed)); err != nil {
			return err
		}
		if c, err = settle(tx, current, isPolicy, c, now); err != nil {
			return err
		}
		out = c
		return store.PolicyChanges.Insert(tx, c)
	})
	if err != nil {
		return store.PolicyChange{}, fmt.Errorf("propose policy: %w", err)
	}
	return out, nil
}

// mayPropose: people of the vendor who are admins of the product, and officers.
func mayPropose(r store.Reader, current store.SigningPolicy, person store.Person, vendor string) error {
	if person.Role == roleOfficer {
		_, err := store.Vendors.Get(r, vendor)
		return err
	}
	who, ok, err := active(r, person.ID, vendor)
	if err != nil {
		return err
	}
	if !ok || who.Role != roleVendor || !has(current, person.ID, store.ProductAdmin) {
		return refuse(sign.CodeRole, "", "%s is no admin of the product", person.ID)
	}
	return nil
}

// terms leaves of a policy what is agreed to.
func terms(p store.SigningPolicy) store.SigningPolicy {
	p.Version, p.ChangedAt, p.ChangedBy, p.AgreedBy, p.LogSalt, p.SHA256 = 0, time.Time{}, "", nil, nil, ""
	return p
}

// digestOf is the SHA-256 of a policy's terms in JSON.
func digestOf(p store.SigningPolicy) string {
	raw, err := json.Marshal(terms(p))
	if err != nil {
		panic("release: policy does not encode: " + err.Error()) // texts and numbers
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// PolicyChallenge is the text that a second factor signs to agree to a policy.
func PolicyChallenge(c store.PolicyChange, person string) []byte {
	return challenge("agree to a signing policy", person, "change", c.ID, "product", c.Product, "replaces", strconv.Itoa(c.Replaces), "sha256", c.SHA256)
}

// Agree adds a person's word to a proposal, and puts it in force when that was the last
// one wanting. proof is what a second factor signed, nil for none.
func (s *Service) Agree(ctx context.Context, person store.Person, id string, proof []byte) (store.PolicyChange, error) {
	now := s.now()
	return s.decide(ctx, person, id, func(tx store.Tx, current store.SigningPolicy, isPolicy bool, c *store.PolicyChange) error {
		if slices.ContainsFunc(c.Votes, func(v store.Vote) bool { return v.By == person.ID }) {
			return refuse(sign.CodePolicy, "each person counts once", "%s has agreed already", person.ID)
		}
		if len(c.Votes) >= maxVotes {
			return refuse(sign.CodePolicy, "", "%d people have agreed, which is as many as there can be", len(c.Votes))
		}
		if person.ID == c.By && isPolicy && current.Approvals > 0 && !current.RequesterMayApprove && person.Role != roleOfficer {
			return refuse(sign.CodePolicy, "ask another admin or approver", "who proposes may not agree, by the product's policy")
		}
		factor := ""
		if person.Role != roleOfficer {
			var err error
			if factor, err = s.factorOf(tx, person.ID, PolicyChallenge(*c, person.ID), proof, current.SecondFactor); err != nil {
				return err
			}
		}
		// What was true when it was proposed may be no longer: people leave.
		if err := s.check(tx, c.Policy); err != nil {
			return err
		}
		c.Votes = append(c.Votes, store.Vote{By: person.ID, At: now, Factor: factor})
		if err := store.Events.Insert(tx, changeEvent(*c, now, person.ID, actionAgreed)); err != nil {
			return err
		}
		var err error
		*c, err = settle(tx, current, isPolicy, *c, now)
		return err
	})
}

// Reject ends a proposal.
func (s *Service) Reject(ctx context.Context, person store.Person, id string) (store.PolicyChange, error) {
	now := s.now()
	return s.decide(ctx, person, id, func(tx store.Tx, _ store.SigningPolicy, _ bool, c *store.PolicyChange) error {
		c.State, c.DoneAt = store.ChangeRefused, now
		return store.Events.Insert(tx, changeEvent(*c, now, person.ID, actionRefused))
	})
}

// decide changes a proposal that is still one.
func (s *Service) decide(ctx context.Context, person store.Person, id string, change func(store.Tx, store.SigningPolicy, bool, *store.PolicyChange) error) (out store.PolicyChange, err error) {
	err = s.c.Store.Update(ctx, func(tx store.Tx) error {
		c, err := store.PolicyChanges.Get(tx, id)
		if err == nil && person.Role != roleOfficer && c.Vendor != person.Vendor {
			err = store.ErrNotFound
		}
		if err != nil {
			return err
		}
		current, isPolicy, err := policyOf(tx, c.Vendor, c.Product)
		if err != nil {
			return err
		}
		switch {
		case c.State != store.ChangeProposed:
			return refuse(sign.CodePolicy, "", "the proposal is %s", c.State)
		case current.Version != c.Replaces:
			return refuse(sign.CodePolicy, "propose it again", "the policy is another now than the one that this was to replace")
		}
		if err := mayVote(tx, current, person, c.Vendor); err != nil {
			return err
		}
		if err := change(tx, current, isPolicy, &c); err != nil {
			return err
		}
		out = c
		return store.PolicyChanges.Put(tx, c)
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("decide on policy: %w", err)
	}
	return out, err
}

// mayVote: officers, and admins and approvers of the product under its present policy.
func mayVote(r store.Reader, current store.SigningPolicy, person store.Person, vendor string) error {
	if person.Role == roleOfficer {
		return nil
	}
	who, ok, err := active(r, person.ID, vendor)
	if err != nil {
		return err
	}
	if !ok || who.Role != roleVendor || !has(current, person.ID, store.ProductAdmin) && !has(current, person.ID, store.ProductApprover) {
		return refuse(sign.CodeRole, "", "%s is neither admin nor approver of the product", person.ID)
	}
	return nil
}

// settle puts a proposal in force if enough have agreed.
func settle(tx store.Tx, current store.SigningPolicy, isPolicy bool, c store.PolicyChange, now time.Time) (store.PolicyChange, error) {
	vendor, officers, err := agreed(tx, current, c)
	if err != nil {
		return c, err
	}
	first := !isPolicy && len(vendor)+len(officers) > 0
	if !first && len(vendor) < quorum(current) && len(officers) < officersQuorum {
		return c, nil
	}
	c.State, c.DoneAt = store.ChangeInForce, now
	p := terms(c.Policy)
	p.LogSalt = c.Policy.LogSalt
	p.Version, p.ChangedAt, p.ChangedBy, p.AgreedBy, p.SHA256 = current.Version+1, now, c.By, append(vendor, officers...), c.SHA256
	if err := store.SigningPolicies.Put(tx, p); err != nil {
		return c, err
	}
	if err := store.Events.Insert(tx, changeEvent(c, now, c.By, actionChanged)); err != nil {
		return c, err
	}
	return c, enter(tx, receipt.PolicyChanged, c.Vendor, c.ID, p.LogSalt, c.SHA256, now)
}

// agreed lists whose word counts now.
func agreed(r store.Reader, current store.SigningPolicy, c store.PolicyChange) (vendor, officers []string, err error) {
	for _, v := range c.Votes {
		who, err := store.People.Get(r, v.By)
		if err != nil {
			return nil, nil, err
		}
		switch {
		case !who.DisabledAt.IsZero() || slices.Contains(vendor, v.By) || slices.Contains(officers, v.By):
		case who.Role == roleOfficer:
			officers = append(officers, v.By)
		case v.By == c.By && current.Approvals > 0 && !current.RequesterMayApprove:
		case has(current, v.By, store.ProductAdmin) || has(current, v.By, store.ProductApprover):
			ok, err := stands(r, current, v, c.Vendor)
			if err != nil {
				return nil, nil, err
			}
			if ok {
				vendor = append(vendor, v.By)
			}
		}
	}
	return vendor, officers, nil
}

func changeEvent(c store.PolicyChange, now time.Time, by, action string) store.Event {
	return store.NewEvent(now, by, action, store.ProductKey(c.Vendor, c.Product), map[string]string{
		"change": c.ID, "replaces": strconv.Itoa(c.Replaces), "sha256": c.SHA256})
}
