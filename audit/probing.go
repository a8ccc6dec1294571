package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/audit/probe"
	"github.com/hallmark-pki/hallmark/store"
)

const (
	// probeFresh is how old the last run of a probe may be when a certificate is asked
	// for: an older one is repeated first.
	probeFresh = time.Hour
	// ProbeEvery is how often probes run by themselves.
	ProbeEvery = 24 * time.Hour
	// probePatience is how long a probe may go without having passed, for whatever
	// reason, before its assessment supports no new certificate: a host that is away for
	// a weekend proves nothing, one that stays away keeps anyone from knowing.
	probePatience = 72 * time.Hour
)

// Probed is how a probe of an assessment stands.
type Probed struct {
	Probe Probe
	State store.ProbeState // zero but for its key: it has never run
	Due   bool
}

// Probes lists the probes of an assessment and how they stand.
func (r *Register) Probes(ctx context.Context, id string) ([]Probed, error) {
	var list []Probed
	err := r.cfg.Store.View(ctx, func(rd store.Reader) error {
		rec, err := get(rd, id)
		if err != nil {
			return err
		}
		a, err := Open(rd, rec)
		if err != nil {
			return err
		}
		list, err = probesOf(rd, rec.ID, a, r.now(), probeFresh)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("probes: %w", err)
	}
	return list, nil
}

func probesOf(rd store.Reader, id string, a Assessment, now time.Time, fresh time.Duration) ([]Probed, error) {
	var list []Probed
	for _, p := range a.Probes {
		state, err := store.ProbeStates.Get(rd, id+"/"+p.ID)
		if errors.Is(err, store.ErrNotFound) {
			state, err = store.ProbeState{Assessment: id, Probe: p.ID}, nil
		}
		if err != nil {
			return nil, err
		}
		list = append(list, Probed{Probe: p, State: state, Due: !now.Before(state.RanAt.Add(fresh))})
	}
	return list, nil
}

// Blocked says why the probes of an assessment keep it from supporting new
// certificates now, and "" when they do not: a probe whose last clear answer was no,
// or one that has not passed for three days.
func Blocked(rd store.Reader, id string, a Assessment, now time.Time) (string, error) {
	list, err := probesOf(rd, id, a, now, probeFresh)
	if err != nil {
		return "", err
	}
	for _, p := range list {
		switch {
		case !p.State.FailingSince.IsZero():
			return fmt.Sprintf("probe %s fails since %s: %s", p.Probe.ID, p.State.FailingSince.Format(time.RFC3339), p.State.Detail), nil
		case now.Sub(p.State.PassedAt) > probePatience:
			return fmt.Sprintf("probe %s has not passed for %s: %s", p.Probe.ID, probePatience, p.State.Detail), nil
		}
	}
	return "", nil
}

// Probe runs the probes of an assessment now and returns how they stand.
func (r *Register) Probe(ctx context.Context, id string) ([]Probed, error) {
	if err := r.runProbes(ctx, id, 0); err != nil {
		return nil, err
	}
	return r.Probes(ctx, id)
}

// Refresh runs the probes of a vendor's assessments in force that have not run for an
// hour: before a certificate is issued.
func (r *Register) Refresh(ctx context.Context, vendor string) error {
	return r.refresh(ctx, probeFresh, func(rd store.Reader) ([]store.Assessment, error) { return r.opener.InForce(rd, vendor, r.now()) })
}

// ProbeAll runs every probe of an assessment in force that has not run for a day.
func (r *Register) ProbeAll(ctx context.Context) error {
	return r.refresh(ctx, ProbeEvery, func(rd store.Reader) ([]store.Assessment, error) {
		var list []store.Assessment
		for rec, err := range store.Assessments.By(rd, "state", store.AssessmentInForce) {
			if err != nil {
				return nil, err
			}
			if rec.Probes > 0 {
				list = append(list, rec)
			}
		}
		return list, nil
	})
}

func (r *Register) refresh(ctx context.Context, fresh time.Duration, which func(store.Reader) ([]store.Assessment, error)) error {
	var list []store.Assessment
	err := r.cfg.Store.View(ctx, func(rd store.Reader) error {
		var err error
		list, err = which(rd)
		return err
	})
	for _, rec := range list {
		if rec.Probes > 0 {
			err = errors.Join(err, r.runProbes(ctx, rec.ID, fresh))
		}
	}
	if err != nil {
		return fmt.Errorf("run probes: %w", err)
	}
	return nil
}

// runProbes runs those probes of an assessment that are not fresh.
func (r *Register) runProbes(ctx context.Context, id string, fresh time.Duration) error {
	if r.cfg.Prober == nil {
		return errors.New("this process runs no probes")
	}
	var rec store.Assessment
	var list []Probed
	err := r.cfg.Store.View(ctx, func(rd store.Reader) error {
		var err error
		if rec, err = get(rd, id); err != nil {
			return err
		}
		a, err := Open(rd, rec)
		if err != nil {
			return err
		}
		list, err = probesOf(rd, id, a, r.now(), fresh)
		return err
	})
	if err != nil {
		return err
	}
	for _, p := range list {
		if !p.Due {
			continue
		}
		result := r.cfg.Prober.Run(ctx, p.Probe.Kind, p.Probe.With, p.State.Seen)
		if err := ctx.Err(); err != nil { // cut short: that says nothing about the vendor
			return err
		}
		if err := r.keepResult(ctx, rec, p, result); err != nil {
			return err
		}
	}
	return nil
}

// keepResult records a run. A failure opens a finding, the next pass closes it; both
// are in the audit trail and told.
func (r *Register) keepResult(ctx context.Context, rec store.Assessment, p Probed, result probe.Result) error {
	now := r.now()
	return r.cfg.Store.Update(ctx, func(tx store.Tx) error {
		state, err := store.ProbeStates.Get(tx, rec.ID+"/"+p.Probe.ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		wasFailing := !state.FailingSince.IsZero()
		state.Assessment, state.Probe, state.Outcome, state.Detail, state.RanAt = rec.ID, p.Probe.ID, string(result.Outcome), result.Detail, now
		verb := ""
		switch result.Outcome {
		case probe.Passed:
			state.PassedAt, state.FailingSince, state.Seen = now, time.Time{}, result.Seen
			if wasFailing {
				verb = "passed"
			}
		case probe.Failed:
			if !wasFailing {
				state.FailingSince, verb = now, "failed"
			}
		}
		if err := store.ProbeStates.Put(tx, state); err != nil || verb == "" {
			return err
		}
		data := noticeOf(rec)
		data["probe"], data["kind"], data["detail"] = p.Probe.ID, p.Probe.Kind, state.Detail
		if _, err := putNotice(tx, "probe."+verb+"/"+rec.ID+"/"+p.Probe.ID+"/"+store.TimeKey(now), "probe."+verb, now, data); err != nil {
			return err
		}
		action := map[string]string{"failed": "open", "passed": "close"}[verb]
		return store.Events.Insert(tx, store.NewEvent(r.cfg.Now(), machine, action+".finding", rec.ID, map[string]string{
			"probe": p.Probe.ID, "detail": state.Detail, "vendor": rec.Vendor,
		}))
	})
}
