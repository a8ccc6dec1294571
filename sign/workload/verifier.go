package workload

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/store"
)

// roleMachine is store.Person.Role of a build system, as package server has it.
const roleMachine = "ci"

// Store is the part of a store driver used here.
type Store interface {
	View(ctx context.Context, fn func(store.Reader) error) error
}

// Config is what a Verifier needs.
type Config struct {
	Store    Store
	Outbound outbound.Policy // how issuers are reached; its bounds on size are ours
	Now      func() time.Time
	Log      *slog.Logger // nil discards
}

// Verifier knows machines by their tokens. It is safe for concurrent use.
type Verifier struct {
	c       Config
	issuers sync.Map // URL → *issuer; only those that a machine on record names

	mu   sync.Mutex
	used map[string]uses // by vendor: one vendor's tokens must not turn another's away
}

// uses are how often a vendor's tokens were taken, by the SHA-256 of issuer and jti.
type uses map[[sha256.Size]byte]use

// use is how often a token was taken.
type use struct {
	n     int
	until time.Time // it is too old then
}

// New checks the configuration.
func New(c Config) (*Verifier, error) {
	if c.Store == nil || c.Now == nil {
		return nil, errors.New("workload tokens: store and clock are required")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Verifier{c: c, used: map[string]uses{}}, nil
}

// Identify returns the person of role "ci" whose token this is. The error is a *Refusal
// where the token, or its issuer, is to blame.
func (v *Verifier) Identify(ctx context.Context, token string) (store.Person, error) {
	c, err := parse(token)
	if err != nil {
		return store.Person{}, err
	}
	machine, person, err := v.machine(ctx, c)
	if err != nil {
		return store.Person{}, err
	}
	if err := v.verify(ctx, machine, token); err != nil {
		return store.Person{}, err
	}
	now := v.c.Now()
	if c.issuedAt.IsZero() || now.Sub(c.issuedAt) > maxAge || c.issuedAt.Sub(now) > leeway {
		return store.Person{}, refuse(TooOld, "issued at %s; a token is taken for %s", c.issuedAt.UTC().Format(time.RFC3339), maxAge)
	}
	return person, v.count(c, machine.Vendor, now)
}

// machine finds the one machine on record that a token fits.
func (v *Verifier) machine(ctx context.Context, c claims) (m store.Machine, p store.Person, err error) {
	err = v.c.Store.View(ctx, func(r store.Reader) error {
		found := 0
		for _, audience := range c.audiences {
			seen := 0
			for candidate, err := range store.Machines.By(r, "token", store.MachineKey(c.issuer, audience)) {
				if err != nil {
					return err
				}
				if seen++; seen > maxCandidates {
					return refuse(Unknown, "more than %d machines have this issuer and audience", maxCandidates)
				}
				if fits(candidate, c) && (found == 0 || candidate.Person != m.Person) {
					m = candidate
					found++
				}
			}
		}
		switch found {
		case 0:
			return refuse(Unknown, "no machine on record has this issuer, audience, subject and claims")
		case 1:
		default:
			return refuse(Unknown, "%d machines on record look like this: make them differ", found)
		}
		var err error
		if p, err = store.People.Get(r, m.Person); err != nil {
			return err
		}
		if p.Role != roleMachine || p.Vendor != m.Vendor || !p.DisabledAt.IsZero() {
			return refuse(Disabled, "machine %s is disabled", p.ID)
		}
		return nil
	})
	return m, p, err
}

// verify checks the signature with the keys at hand, and once more with newer ones if
// there may be some.
func (v *Verifier) verify(ctx context.Context, m store.Machine, token string) error {
	known, _ := v.issuers.LoadOrStore(m.Issuer, &issuer{url: m.Issuer})
	i := known.(*issuer)
	keys, made, err := i.get(ctx, v, keysAge)
	if err != nil {
		return err
	}
	conf := &oidc.Config{ClientID: m.Audience, SupportedSigningAlgs: algorithms(), Now: v.c.Now}
	_, err = oidc.NewVerifier(m.Issuer, &oidc.StaticKeySet{PublicKeys: keys}, conf).Verify(ctx, token)
	if err == nil {
		return nil
	}
	var expired *oidc.TokenExpiredError
	if errors.As(err, &expired) {
		return refuse(Unverified, "%v", err)
	}
	newer, again, fetchErr := i.get(ctx, v, keysPause)
	if fetchErr == nil && again.After(made) {
		_, err = oidc.NewVerifier(m.Issuer, &oidc.StaticKeySet{PublicKeys: newer}, conf).Verify(ctx, token)
	}
	if err != nil {
		return refuse(Unverified, "%v", err)
	}
	return nil
}

// count bounds how often one token is taken, so that one that leaked from a build's log
// is not a key. Only a token with a jti can be told from others.
func (v *Verifier) count(c claims, vendor string, now time.Time) error {
	if c.id == "" {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	used := v.used[vendor]
	if used == nil {
		used = uses{}
		v.used[vendor] = used
	}
	key := sha256.Sum256([]byte(c.issuer + " " + c.id)) // an issuer has no blank
	u, known := used[key]
	if !known && len(used) >= maxUsed {
		for k, old := range used {
			if now.After(old.until) {
				delete(used, k)
			}
		}
		if len(used) >= maxUsed {
			return refuse(UsedUp, "more tokens in an hour than are remembered")
		}
	}
	if u.n >= maxUses {
		return refuse(UsedUp, "this token was taken %d times", u.n)
	}
	used[key] = use{u.n + 1, c.issuedAt.Add(maxAge + leeway)}
	return nil
}
