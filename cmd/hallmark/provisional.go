package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/rebuild"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/sign/confirm"
	"github.com/hallmark-pki/hallmark/store"
)

// settleInterval is how soon after its deadline a provisional signature is revoked, at most.
const settleInterval = 5 * time.Second

// provisionalConfig says how signatures are made before all evidence is there.
type provisionalConfig struct {
	// Within is how long one may stay unconfirmed, e.g. 12h; default 24h, at most 168h.
	// "off": there are no provisional signatures.
	Within string `yaml:"confirm_within,omitempty"`
	// Tiers has other times for certificates of some tiers.
	Tiers map[string]string `yaml:"tiers,omitempty"`
	// Automatic is "on", the default, or "dry-run": say what would be revoked, and revoke nothing.
	Automatic string `yaml:"automatic_revocation,omitempty"`
	// Storm is when revocations wait for an officer.
	Storm stormConfig `yaml:"storm,omitempty"`
}

// stormConfig: after so many revocations without a human within a time the next ones wait
// for an officer, for a while: those of a vendor after so many of its own, and everybody's
// after so many of all.
type stormConfig struct {
	Revocations int    `yaml:"revocations,omitempty"` // of one vendor's signatures, default 10
	All         int    `yaml:"all,omitempty"`         // of all vendors', not below revocations; default five times that
	Within      string `yaml:"within,omitempty"`      // default 1h
	Wait        string `yaml:"wait,omitempty"`        // default 24h, at most 72h
}

// off says that there are no provisional signatures.
func (c provisionalConfig) off() bool { return c.Within == "off" }

// within reads how long signatures may stay unconfirmed, by tier.
func (c provisionalConfig) within() (func(tier string) time.Duration, error) {
	read := func(key, text string) (time.Duration, error) {
		d, err := duration(text, confirm.DefaultWithin)
		if err != nil || d < confirm.MinWithin || d > confirm.MaxWithin {
			return 0, fmt.Errorf("provisional: %s: %q: want %s to %s, like 12h", key, text, confirm.MinWithin, confirm.MaxWithin)
		}
		return d, nil
	}
	most := confirm.DefaultWithin
	if !c.off() {
		var err error
		if most, err = read("confirm_within", c.Within); err != nil {
			return nil, err
		}
	}
	tiers := map[string]time.Duration{}
	for tier, text := range c.Tiers {
		d, err := read("tiers: "+tier, text)
		if err != nil {
			return nil, err
		}
		tiers[tier] = d
	}
	return func(tier string) time.Duration {
		if d, ok := tiers[tier]; ok {
			return d
		}
		return most
	}, nil
}

func (c provisionalConfig) dryRun() (bool, error) {
	switch c.Automatic {
	case "", "on":
		return false, nil
	case "dry-run":
		return true, nil
	}
	return false, fmt.Errorf("provisional: automatic_revocation: %q: want on or dry-run", c.Automatic)
}

func (c stormConfig) storm() (confirm.Storm, error) {
	s := confirm.DefaultStorm()
	if c.Revocations != 0 {
		s.Revocations = c.Revocations
	}
	s.All = c.All
	var err error
	if s.Within, err = duration(c.Within, s.Within); err != nil {
		return s, fmt.Errorf("provisional: storm: within: %w", err)
	}
	if s.Wait, err = duration(c.Wait, s.Wait); err != nil {
		return s, fmt.Errorf("provisional: storm: wait: %w", err)
	}
	return s, nil
}

func duration(text string, otherwise time.Duration) (time.Duration, error) {
	if text == "" {
		return otherwise, nil
	}
	return time.ParseDuration(text)
}

// provisional is what the signing service needs for provisional signatures; nil: there
// are none.
func (in *instance) provisional() (*sign.ProvisionalConfig, error) {
	within, err := in.config.Provisional.within()
	if err != nil || in.config.Provisional.off() {
		return nil, err
	}
	return &sign.ProvisionalConfig{Within: within, Ask: in.askRebuilders, Asked: func() { in.rebuilds.Poke() }}, nil
}

// askRebuilders has a build repeated, in the transaction that puts its signature on record.
// Where no rebuilder can be asked the evidence must come from elsewhere, in time.
func (in *instance) askRebuilders(ctx context.Context, tx store.Tx, signature store.Signature, evidence [][]byte) error {
	_, err := in.rebuilds.Enqueue(ctx, tx, rebuild.Request{
		Vendor: signature.Vendor, Product: signature.Product, SHA256: signature.Digest, Evidence: evidence, By: signature.By,
	})
	var refusal *rebuild.Refusal
	if errors.As(err, &refusal) {
		in.log.InfoContext(ctx, "no rebuilder was asked", "signature", signature.ID, "why", refusal.Detail)
		return nil
	}
	return err
}

// reconciler makes what settles provisional signatures.
func (in *instance) reconciler(signing *sign.Service, attestations *repository.Repository) (*confirm.Reconciler, error) {
	storm, err := in.config.Provisional.Storm.storm()
	if err != nil {
		return nil, err
	}
	dryRun, err := in.config.Provisional.dryRun()
	if err != nil {
		return nil, err
	}
	return confirm.New(confirm.Config{
		Store: in.store, Judge: confirm.Gate{Service: signing}, Certificates: in.ca, Repository: attestations, Storm: storm, DryRun: dryRun,
		Now: time.Now, Changed: func() { in.queue.Poke(); in.sender.Poke() }, Log: in.log,
	})
}

// settleFirst settles what came due while the server was down, before anybody is answered.
// What fails is tried again soon.
func (in *instance) settleFirst(ctx context.Context) {
	if err := in.confirm.Sweep(ctx); err != nil && ctx.Err() == nil {
		in.log.ErrorContext(ctx, "settle provisional signatures", "error", err)
	}
}

// keepSettling confirms or revokes provisional signatures.
func (in *instance) keepSettling(ctx context.Context) {
	in.confirm.Run(ctx, settleInterval, func(err error) { in.log.ErrorContext(ctx, "settle provisional signatures", "error", err) })
}
