package server

import (
	"context"
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/rebuild"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

func noRead(store.Reader) error { return nil }

func hexDigest(d [32]byte) string { return hex.EncodeToString(d[:]) }

func (s *Server) status(ctx context.Context, _ *struct{}) (*body[api.Status], error) {
	ledgerState, err := s.ledgerState(ctx, nil)
	if err != nil {
		return nil, err
	}
	var out api.Status
	err = s.Store.View(ctx, func(r store.Reader) error {
		out = api.Status{
			Name: s.Name, Version: s.Version, Arc: s.CA.Arc().String(), Ledger: ledgerState.Body,
			Clock:      s.clockState(),
			ExpiringIn: map[string]int{}, Expiring: []api.Expiring{}, FailingProbes: []api.FailingProbe{}, CRLs: []api.CRLState{},
		}
		return s.fillStatus(r, &out)
	})
	if err != nil {
		return nil, err
	}
	return answer(out), nil
}

func (s *Server) fillStatus(r store.Reader, out *api.Status) error {
	f, err := s.count(r)
	if err != nil {
		return err
	}
	out.Vendors, out.Assessments, out.Certs = f.vendors, f.assessments, f.certificates
	out.LedgerPending, out.NoticePending, out.ProbesFailing, out.Requests = f.ledger, f.notices, len(f.probes), f.requests
	for _, days := range expiringDays {
		out.ExpiringIn[strconv.Itoa(days)] = f.expiring[days]
	}
	if out.Expiring, err = s.expiring(r); err != nil {
		return err
	}
	if out.FailingProbes, err = failingProbes(r, f.probes); err != nil {
		return err
	}
	if out.CRLs, err = crlStates(r); err != nil {
		return err
	}
	if out.Revoking, err = openRevocations(r); err != nil {
		return err
	}
	jobs, err := rebuild.Count(r, s.Now())
	out.Rebuilds = apiRebuildFigures(jobs)
	return err
}

// crlStates sums up the lists of each issuing CA.
func crlStates(r store.Reader) ([]api.CRLState, error) {
	states := []api.CRLState{}
	for crl, err := range store.CRLs.All(r, "") {
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(states, func(s api.CRLState) bool { return s.Tier == crl.Tier })
		if i < 0 {
			i = len(states)
			states = append(states, api.CRLState{Tier: crl.Tier, ThisUpdate: crl.ThisUpdate, NextUpdate: crl.NextUpdate})
			var err error
			if states[i].Unlisted, err = store.UnlistedRevocations.Count(r, "issuer", crl.Tier); err != nil {
				return nil, err
			}
		}
		s := &states[i]
		s.Shards++
		s.Number = max(s.Number, crl.Number)
		if crl.ThisUpdate.Before(s.ThisUpdate) {
			s.ThisUpdate = crl.ThisUpdate
		}
		if crl.NextUpdate.Before(s.NextUpdate) {
			s.NextUpdate = crl.NextUpdate
		}
	}
	return states, nil
}

// expiring lists what ends next.
func (s *Server) expiring(r store.Reader) ([]api.Expiring, error) {
	list := []api.Expiring{}
	now := s.Now()
	for a, err := range store.Assessments.Between(r, "until", store.TimeKey(now), "") {
		if err != nil {
			return nil, err
		}
		left := audit.DaysLeft(a, now)
		if left > expiringDays[0] || len(list) == maxListed {
			break
		}
		if now.Before(a.ValidUntil) {
			list = append(list, api.Expiring{Assessment: s.apiAssessment(a), DaysLeft: left, Within: threshold(left)})
		}
	}
	return list, nil
}

// threshold is the nearest of expiringDays that has been reached.
func threshold(left int) int {
	within := expiringDays[0]
	for _, days := range expiringDays {
		if left <= days {
			within = days
		}
	}
	return within
}

// failingProbes lists those that fail, the longest first.
func failingProbes(r store.Reader, probes []store.ProbeState) ([]api.FailingProbe, error) {
	slices.SortStableFunc(probes, func(a, b store.ProbeState) int { return a.FailingSince.Compare(b.FailingSince) })
	list := []api.FailingProbe{}
	for _, p := range probes[:min(len(probes), maxListed)] {
		a, err := store.Assessments.Get(r, p.Assessment)
		if err != nil {
			return nil, err
		}
		list = append(list, api.FailingProbe{Assessment: p.Assessment, Vendor: a.Vendor, Probe: p.Probe, Since: p.FailingSince, Detail: p.Detail})
	}
	return list, nil
}

func (s *Server) listFrameworks(_ context.Context, _ *struct{}) (*body[[]api.Framework], error) {
	out := []api.Framework{}
	for _, f := range s.Catalogue.All() {
		item := api.Framework{ID: f.ID, Name: f.Name, Version: f.Version, URI: f.URI, SHA256: hexDigest(f.Digest)}
		for _, t := range f.Tracks {
			track := api.FrameworkTrack{ID: t.ID, Name: t.Name, Requirements: len(t.Requirements)}
			for _, l := range t.Levels {
				track.Levels = append(track.Levels, api.FrameworkLevel{Level: l.Level, ID: l.ID, Name: l.Name, Summary: l.Summary})
			}
			item.Tracks = append(item.Tracks, track)
		}
		out = append(out, item)
	}
	return answer(out), nil
}

func (s *Server) listEvents(ctx context.Context, in *PageQuery) (*body[api.Page[api.Event]], error) {
	return list(ctx, s.Store, func(r store.Reader) seq[store.Event] { return store.Events.All(r, in.After) },
		func(e store.Event) (string, api.Event) {
			return e.ID, api.Event{ID: e.ID, At: e.At, Who: e.Who, Action: e.Action, Object: e.Object, Detail: e.Detail}
		})
}
