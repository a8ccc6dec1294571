package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/store"
)

// Roles of a store.Person that matter here, as package server has them.
const (
	roleOfficer = "officer"
	roleVendor  = "vendor"
	roleMachine = "ci"
)

// Store is the part of a store driver used here.
type Store interface {
	View(ctx context.Context, fn func(store.Reader) error) error
	Update(ctx context.Context, fn func(store.Tx) error) error
}

// Rules knows the language of store.SigningRule.
type Rules interface {
	// Check says what is wrong with a rule; nil when it can be evaluated.
	Check(cel string) error
}

// Config is what a Service needs.
type Config struct {
	Store Store
	// Rules checks the rules of policies; nil: a policy with rules is refused.
	Rules Rules
	// Factors are the kinds of second factor; nil: where one is wanted, nobody has it.
	Factors []SecondFactor
	Now     func() time.Time
}

// Service keeps policies and approvals, and is what package sign asks (sign.Release).
// It keeps no state of its own and is safe for concurrent use.
type Service struct {
	c        Config
	policies store.Memo[store.SigningPolicy] // what every signature asks for
	people   store.Memo[store.Person]
	machines store.Memo[store.Machine]
}

// New checks the configuration.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Now == nil {
		return nil, errors.New("signing policies: store and clock are required")
	}
	return &Service{c: c}, nil
}

func (s *Service) now() time.Time { return s.c.Now().UTC() }

func refuse(code sign.Code, hint, format string, args ...any) *sign.Refusal {
	return &sign.Refusal{Code: code, Hint: hint, Detail: fmt.Sprintf(format, args...)}
}

// policyOf returns the policy of a product; ok is false where there is none.
func policyOf(r store.Reader, vendor, product string) (p store.SigningPolicy, ok bool, err error) {
	p, err = store.SigningPolicies.Get(r, store.ProductKey(vendor, product))
	if errors.Is(err, store.ErrNotFound) {
		return store.SigningPolicy{}, false, nil
	}
	return p, err == nil, err
}

// has reports whether a policy gives somebody a role. Without any role, everybody of the
// vendor is signer and admin; approvers are always named.
func has(p store.SigningPolicy, person, role string) bool {
	if len(p.Roles) == 0 {
		return role != store.ProductApprover
	}
	return slices.Contains(p.Roles, store.ProductRole{Person: person, Role: role})
}

// active returns a person who is there and may act for the vendor; ok is false otherwise.
func active(r store.Reader, id, vendor string) (p store.Person, ok bool, err error) {
	p, err = store.People.Get(r, id)
	if errors.Is(err, store.ErrNotFound) {
		return p, false, nil
	}
	return p, err == nil && mayAct(p, vendor), err
}

func mayAct(p store.Person, vendor string) bool {
	return p.DisabledAt.IsZero() && p.Vendor == vendor && (p.Role == roleVendor || p.Role == roleMachine)
}

// enter has something about a vendor's signing logged.
func enter(tx store.Tx, kind, vendor, about string, salt []byte, text string, at time.Time) error {
	v, err := store.Vendors.Get(tx, vendor)
	if err != nil {
		return err
	}
	signer, err := sign.Pseudonym(tx, v)
	if err != nil {
		return err
	}
	return queue.Put(tx, about, receipt.Entry{Type: kind, At: at, Signer: signer, Commitment: receipt.Commit(salt, text)})
}
