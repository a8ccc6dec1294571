package confirm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// Store is the part of a store driver used here.
type Store interface {
	View(ctx context.Context, fn func(store.Reader) error) error
	Update(ctx context.Context, fn func(store.Tx) error) error
}

// Judge holds a signature against the evidence of today.
type Judge interface {
	// Judge says how it stands. An error means that nobody could say.
	Judge(ctx context.Context, signature store.Signature) (Judgement, error)
	// Holds returns an error when the signature could not be made today, whatever the
	// evidence says: for the transaction that confirms it.
	Holds(r store.Reader, signature store.Signature) error
	// FailedSummary is what is filed about a build that was not borne out, a DSSE envelope.
	FailedSummary(ctx context.Context, signature store.Signature, evidence []string) ([]byte, error)
}

// Judgement is how a signature stands.
type Judgement struct {
	Granted      bool   // all that the gate asks for is there
	Contradicted bool   // a rebuilder of the scope says that the build is another one
	Detail       string // what is missing or contradicts, for people
	Verdicts     []store.IncidentVerdict
	Evidence     []string // SHA-256 of envelopes: relied on, or else those that contradict
	Summary      []byte   // when Granted, what is to be filed, a DSSE envelope
}

// Certificates revokes; the CA does.
type Certificates interface {
	RevokeIn(tx store.Tx, serial string, rev store.Revocation) error
	// PublishRevoked brings revocations on record to those who ask.
	PublishRevoked(ctx context.Context, serials ...string) error
	// TrustedTime is a time that did not jump.
	TrustedTime(ctx context.Context) (time.Time, error)
}

// Repository files envelopes for a vendor. Filing one again changes nothing.
type Repository interface {
	Put(ctx context.Context, vendor string, envelope []byte) ([]string, error)
}

// Storm is the storm brake: after Revocations of one vendor's signatures that happened by
// themselves within Within, its next ones wait for an officer, for Wait at most; after All
// of whomever, everybody's next ones do. What has waited counts for no brake any more.
type Storm struct {
	Revocations int // of one vendor
	All         int // of all vendors; 0: StormOfAll times Revocations
	Within      time.Duration
	Wait        time.Duration
}

// DefaultStorm returns the brake unless the operator says otherwise.
func DefaultStorm() Storm {
	return Storm{Revocations: DefaultStormRevocations, Within: DefaultStormWithin, Wait: DefaultStormWait}
}

// ofAll is All, or what it is where nobody says.
func (s Storm) ofAll() int {
	if s.All == 0 {
		return StormOfAll * s.Revocations
	}
	return s.All
}

func (s Storm) check() error {
	switch {
	case s.Revocations < 1 || s.Revocations > MaxStormRevocations:
		return fmt.Errorf("storm: %d revocations, want 1 to %d", s.Revocations, MaxStormRevocations)
	case s.ofAll() < s.Revocations || s.All > StormOfAll*MaxStormRevocations:
		return fmt.Errorf("storm: %d revocations of all vendors, want %d, which are one's, to %d", s.All, s.Revocations, StormOfAll*MaxStormRevocations)
	case s.Within < time.Second:
		return fmt.Errorf("storm: within %s, want a second or more", s.Within)
	case s.Wait < time.Second || s.Wait > MaxStormWait:
		return fmt.Errorf("storm: wait %s, want 1s to %s", s.Wait, MaxStormWait)
	}
	return nil
}

// Config is what a Reconciler is made of. All fields but DryRun, Changed and Log are
// required.
type Config struct {
	Store        Store
	Judge        Judge
	Certificates Certificates
	Repository   Repository
	Storm        Storm
	// DryRun: incidents are opened and told of, and nothing is revoked.
	DryRun bool
	Now    func() time.Time
	// Changed is called after each change on record, for those who deliver notices and
	// log entries; nil: nothing.
	Changed func()
	Log     *slog.Logger
}

// Reconciler settles provisional signatures. It is safe for concurrent use.
type Reconciler struct {
	c Config

	settling sync.Mutex // one pass at a time: two would only do the same twice

	mu          sync.Mutex
	poked       map[string]bool // "<vendor>/<sha256>"
	all         bool            // too many: look at all
	unpublished []string        // serials of certificates whose revocation may not be out

	wake chan struct{}
}

// New checks the configuration.
func New(c Config) (*Reconciler, error) {
	if c.Store == nil || c.Judge == nil || c.Certificates == nil || c.Repository == nil || c.Now == nil {
		return nil, errors.New("confirm: store, judge, certificates, repository and clock are required")
	}
	if err := c.Storm.check(); err != nil {
		return nil, fmt.Errorf("confirm: %w", err)
	}
	if c.Changed == nil {
		c.Changed = func() {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Reconciler{c: c, poked: map[string]bool{}, wake: make(chan struct{}, 1)}, nil
}

// Poke says that something was filed about an artifact. It never blocks.
func (r *Reconciler) Poke(vendor, sha256 string) {
	r.mu.Lock()
	if len(r.poked) >= maxPoked {
		r.all = true
	} else {
		r.poked[vendor+"/"+sha256] = true
	}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default: // awake already
	}
}

// Run settles until ctx ends: what is due every interval, what something was filed about
// at once, and everything now and then. failed is told of what went wrong; it is tried
// again.
func (r *Reconciler) Run(ctx context.Context, interval time.Duration, failed func(error)) {
	tick, sweep := time.NewTicker(interval), time.NewTicker(sweepInterval)
	defer tick.Stop()
	defer sweep.Stop()
	work := r.Sweep
	for {
		if err := work(ctx); err != nil && ctx.Err() == nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-sweep.C:
			work = r.Sweep
		case <-tick.C:
			work = r.Tick
		case <-r.wake:
			work = r.settlePoked
		}
	}
}

// Sweep finishes what was left half done and judges every open signature, those that are
// due first. At the start it comes before anything else.
func (r *Reconciler) Sweep(ctx context.Context) error {
	return r.pass(ctx, func(rd store.Reader) ([]string, error) { return due(rd, "") })
}

// Tick finishes what was left half done, settles the signatures whose time is over and
// tries again what failed when something was filed.
func (r *Reconciler) Tick(ctx context.Context) error {
	// An index key has whole seconds: one more, so that what is due now is among them.
	to := store.TimeKey(r.c.Now().Add(time.Second))
	return errors.Join(
		r.pass(ctx, func(rd store.Reader) ([]string, error) { return r.dueAndWaiting(rd, to) }),
		r.settlePoked(ctx),
	)
}

// settlePoked judges the signatures about which something was filed.
func (r *Reconciler) settlePoked(ctx context.Context) error {
	r.mu.Lock()
	poked, all := r.poked, r.all
	r.poked, r.all = map[string]bool{}, false
	r.mu.Unlock()
	if !all && len(poked) == 0 {
		return nil
	}
	var err error
	if all {
		err = r.Sweep(ctx)
	} else {
		err = r.settleAbout(ctx, poked)
	}
	if err != nil { // what was filed is not announced twice
		r.mu.Lock()
		r.all = r.all || all
		maps.Copy(r.poked, poked)
		r.mu.Unlock()
	}
	return err
}

// settleAbout judges the provisional signatures over artifacts.
func (r *Reconciler) settleAbout(ctx context.Context, artifacts map[string]bool) error {
	return r.pass(ctx, func(rd store.Reader) (ids []string, err error) {
		for artifact := range artifacts {
			for signature, err := range store.Signatures.By(rd, "artifact", artifact) {
				if err != nil {
					return nil, err
				}
				if signature.Mode == store.SignatureModeProvisional {
					ids = append(ids, signature.ID)
				}
			}
		}
		return ids, nil
	})
}

// pass settles signatures, each by itself: one that fails does not stop the others.
func (r *Reconciler) pass(ctx context.Context, list func(store.Reader) ([]string, error)) error {
	r.settling.Lock()
	defer r.settling.Unlock()
	errs := []error{r.finish(ctx)}
	var ids []string
	errs = append(errs, r.c.Store.View(ctx, func(rd store.Reader) (err error) {
		ids, err = list(rd)
		return err
	}))
	for _, id := range ids {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.settle(ctx, id); err != nil {
			errs = append(errs, fmt.Errorf("settle signature %s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

// due lists the open signatures that are due before to, the first first; "" is no bound.
func due(r store.Reader, to string) (ids []string, err error) {
	for e, err := range store.Signatures.Entries(r, "due", "", to) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, e.Key)
	}
	return ids, nil
}

// dueAndWaiting is due without those that a dry run has dealt with: they stay due for ever.
func (r *Reconciler) dueAndWaiting(rd store.Reader, to string) (ids []string, err error) {
	for signature, err := range store.Signatures.Between(rd, "due", "", to) {
		if err != nil {
			return nil, err
		}
		if r.c.DryRun && signature.Incident != "" {
			incident, err := store.Incidents.Get(rd, signature.Incident)
			if err != nil {
				return nil, err
			}
			if incident.State == store.IncidentDryRun {
				continue
			}
		}
		if ids = append(ids, signature.ID); len(ids) == maxSettled {
			break
		}
	}
	return ids, nil
}
