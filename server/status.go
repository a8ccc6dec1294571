package server

import (
	"context"
	"encoding/hex"

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
	out := api.Status{
		Name: s.Name, Version: s.Version, Arc: s.CA.Arc().String(), Ledger: ledgerState.Body,
		Assessments: map[string]int{}, Certs: map[string]int{}, Expiring: []api.Assessment{}, CRLs: []api.CRLState{},
	}
	err = s.Store.View(ctx, func(r store.Reader) error { return s.count(r, &out) })
	if err != nil {
		return nil, err
	}
	return answer(out), nil
}

func (s *Server) count(r store.Reader, out *api.Status) error {
	for _, err := range store.Vendors.All(r, "") {
		if err != nil {
			return err
		}
		out.Vendors++
	}
	for a, err := range store.Assessments.All(r, "") {
		if err != nil {
			return err
		}
		out.Assessments[s.assessmentState(a)]++
		if s.isExpiring(a) {
			out.Expiring = append(out.Expiring, s.apiAssessment(a))
		}
	}
	for c, err := range store.Certificates.All(r, "") {
		if err != nil {
			return err
		}
		out.Certs[s.certificateState(c)]++
	}
	for crl, err := range store.CRLs.All(r, "") {
		if err != nil {
			return err
		}
		out.CRLs = append(out.CRLs, api.CRLState{Tier: crl.Tier, Number: crl.Number, ThisUpdate: crl.ThisUpdate, NextUpdate: crl.NextUpdate})
	}
	return nil
}

func (s *Server) ledgerState(ctx context.Context, _ *struct{}) (*body[api.LedgerState], error) {
	checkpoint, err := s.Ledger.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	size, err := s.Ledger.Size(ctx)
	if err != nil {
		return nil, err
	}
	return answer(api.LedgerState{Origin: s.Ledger.Origin(), VerifierKey: s.LedgerKey, Size: size, Checkpoint: string(checkpoint)}), nil
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
