package release

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/attest/sshsig"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/store"
)

// SecondFactor judges one kind of what people show beside their client certificate. It
// keeps no secret: what a person holds signs a text that says what they agree to.
//
// Kinds: "ssh" (SSH). A console in a browser will bring WebAuthn, whose assertions are
// proofs in this sense as well: the challenge is the SHA-256 of the same text.
type SecondFactor interface {
	// Kind is store.Factor.Kind of what this judges.
	Kind() string
	// Parse reads a public key as a person hands it in, and returns the bytes to be kept.
	Parse(public []byte) ([]byte, error)
	// Verify says whether proof is a signature with the key that was kept over the text.
	Verify(public, text, proof []byte) error
}

const (
	actionFactorAdded     = "add.factor"
	actionFactorConfirmed = "confirm.factor"
	actionFactorRevoked   = "revoke.factor"
)

// FactorChallenge is what a new key signs, so that nobody registers somebody else's.
func FactorChallenge(person string) []byte { return challenge("register a second factor", person) }

func (s *Service) kind(name string) (SecondFactor, error) {
	for _, k := range s.c.Factors {
		if k.Kind() == name {
			return k, nil
		}
	}
	return nil, refuse(sign.CodeFactor, "", "this server knows no second factor of kind %q", name)
}

// AddFactor registers a key for a person, after a proof that they hold it. It counts when
// an officer has confirmed it: a stolen client certificate alone must not be enough to
// bring a second factor along.
func (s *Service) AddFactor(ctx context.Context, person store.Person, kind, label string, public, proof []byte) (store.Factor, error) {
	if len(public) > sshsig.MaxKeyBytes || len(proof) > sshsig.MaxSignatureBytes || label == "" || len(label) > maxLabel || !isText(label) {
		return store.Factor{}, refuse(sign.CodeRequest, "", "a key of at most %d bytes and a label of 1 to %d bytes are wanted", sshsig.MaxKeyBytes, maxLabel)
	}
	k, err := s.kind(kind)
	if err != nil {
		return store.Factor{}, err
	}
	parsed, err := k.Parse(public)
	if err != nil {
		return store.Factor{}, refuse(sign.CodeFactor, "", "key: %v", err)
	}
	if err := k.Verify(parsed, FactorChallenge(person.ID), proof); err != nil {
		return store.Factor{}, refuse(sign.CodeFactor, "", "proof that the key is yours: %v", err)
	}
	now := s.now()
	f := store.Factor{ID: factorID(parsed), Person: person.ID, Kind: kind, Label: label, PublicKey: parsed, AddedAt: now}
	err = s.c.Store.Update(ctx, func(tx store.Tx) error {
		n := 0
		for other, err := range store.Factors.By(tx, "person", person.ID) {
			if err != nil {
				return err
			}
			if other.RevokedAt.IsZero() {
				n++
			}
		}
		if n >= maxFactors {
			return refuse(sign.CodeFactor, "remove one", "%d keys are registered, at most %d", n, maxFactors)
		}
		if err := store.Factors.Insert(tx, f); err != nil {
			if errors.Is(err, store.ErrExists) { // a key is one person's, for good
				return refuse(sign.CodeFactor, "make a new one", "this key is on record already")
			}
			return err
		}
		return store.Events.Insert(tx, factorEvent(f, now, person.ID, actionFactorAdded))
	})
	if err != nil {
		return store.Factor{}, fmt.Errorf("register factor: %w", err)
	}
	return f, nil
}

// ConfirmFactor is an officer's word that a key is its person's. Nobody confirms their own.
func (s *Service) ConfirmFactor(ctx context.Context, officer store.Person, id string) (store.Factor, error) {
	return s.changeFactor(ctx, id, officer, actionFactorConfirmed, func(f *store.Factor, now time.Time) error {
		switch {
		case officer.Role != roleOfficer:
			return refuse(sign.CodeRole, "", "an officer confirms a second factor")
		case f.Person == officer.ID:
			return refuse(sign.CodeRole, "ask another officer", "nobody confirms their own second factor")
		case !f.RevokedAt.IsZero():
			return refuse(sign.CodeFactor, "", "it is revoked")
		}
		if f.ConfirmedAt.IsZero() {
			f.ConfirmedAt, f.ConfirmedBy = now, officer.ID
		}
		return nil
	})
}

// RevokeFactor takes a key out of use for good: its person may, and an officer. Votes that
// were given with it no longer count where the policy wants a factor.
func (s *Service) RevokeFactor(ctx context.Context, by store.Person, id string) (store.Factor, error) {
	return s.changeFactor(ctx, id, by, actionFactorRevoked, func(f *store.Factor, now time.Time) error {
		if f.Person != by.ID && by.Role != roleOfficer {
			return store.ErrNotFound
		}
		if f.RevokedAt.IsZero() {
			f.RevokedAt = now
		}
		return nil
	})
}

func (s *Service) changeFactor(ctx context.Context, id string, by store.Person, action string, change func(*store.Factor, time.Time) error) (out store.Factor, err error) {
	now := s.now()
	err = s.c.Store.Update(ctx, func(tx store.Tx) error {
		f, err := store.Factors.Get(tx, id)
		if err != nil {
			return err
		}
		if err := change(&f, now); err != nil {
			return err
		}
		out = f
		if err := store.Factors.Put(tx, f); err != nil {
			return err
		}
		return store.Events.Insert(tx, factorEvent(f, now, by.ID, action))
	})
	return out, err
}

func factorEvent(f store.Factor, now time.Time, by, action string) store.Event {
	return store.NewEvent(now, by, action, f.ID, map[string]string{"person": f.Person, "kind": f.Kind, "label": f.Label})
}

// factorOf finds the person's key that signed a text. Without a proof the answer is "",
// unless one is wanted.
func (s *Service) factorOf(r store.Reader, person string, text, proof []byte, wanted bool) (string, error) {
	if len(proof) == 0 {
		if !wanted {
			return "", nil
		}
		return "", refuse(sign.CodeFactor, "name its key with --factor; register one with 'hallmark factor add'", "the product's policy wants a second factor")
	}
	if len(proof) > sshsig.MaxSignatureBytes {
		return "", refuse(sign.CodeFactor, "", "the proof has %d bytes, at most %d", len(proof), sshsig.MaxSignatureBytes)
	}
	waiting := false
	for f, err := range store.Factors.By(r, "person", person) {
		if err != nil {
			return "", err
		}
		k, err := s.kind(f.Kind)
		if err != nil || !f.RevokedAt.IsZero() || k.Verify(f.PublicKey, text, proof) != nil {
			continue
		}
		if !f.ConfirmedAt.IsZero() {
			return f.ID, nil
		}
		waiting = true
	}
	if waiting {
		return "", refuse(sign.CodeFactor, "an officer confirms it: hallmark factor confirm", "no officer has confirmed this key yet")
	}
	return "", refuse(sign.CodeFactor, "'hallmark factor list' shows what is registered", "no key registered for %s has signed this", person)
}

// factorStands reports whether a vote was given with a factor that is still good.
func factorStands(r store.Reader, v store.Vote) (bool, error) {
	if v.Factor == "" {
		return false, nil
	}
	f, err := store.Factors.Get(r, v.Factor)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && f.Person == v.By && !f.ConfirmedAt.IsZero() && f.RevokedAt.IsZero(), err
}
