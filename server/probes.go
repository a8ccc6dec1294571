package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

func (s *Server) listProbes(ctx context.Context, in *DigestPath) (*body[api.Probes], error) {
	rec, err := s.visibleAssessment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.probesOf(ctx, rec)
}

// runProbes runs an assessment's probes now. Each fetches something from elsewhere, so
// an assessment has one run at a time, and what has ended has none.
func (s *Server) runProbes(ctx context.Context, in *DigestPath) (*body[api.Probes], error) {
	rec, err := s.visibleAssessment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	switch s.assessmentState(rec) {
	case store.AssessmentSubmitted, store.AssessmentAccepting, store.AssessmentInForce, store.AssessmentInReview:
	default:
		return nil, problem(http.StatusConflict, string(audit.CodeState), "assessment "+in.ID+" is "+s.assessmentState(rec)+": there is nothing left to watch", "")
	}
	if _, busy := s.probing.LoadOrStore(in.ID, true); busy {
		return nil, problem(http.StatusConflict, "probing", "the probes of this assessment are running already", "ask for their state in a moment")
	}
	defer s.probing.Delete(in.ID)
	limited, cancel := context.WithTimeout(ctx, s.probeTimeout)
	defer cancel()
	_, err = s.Register.Probe(limited, in.ID)
	unfinished := errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil
	if err != nil && !unfinished {
		return nil, err
	}
	out, err := s.probesOf(ctx, rec)
	if err != nil {
		return nil, err
	}
	out.Body.Unfinished = unfinished
	return out, nil
}

func (s *Server) probesOf(ctx context.Context, rec store.Assessment) (*body[api.Probes], error) {
	list, err := s.Register.Probes(ctx, rec.ID)
	if err != nil {
		return nil, err
	}
	out := api.Probes{Assessment: rec.ID, Probes: []api.Probe{}}
	for _, p := range list {
		out.Probes = append(out.Probes, apiProbe(p))
	}
	err = s.Store.View(ctx, func(r store.Reader) error {
		a, err := audit.Open(r, rec)
		if err != nil {
			return err
		}
		out.Blocked, err = audit.Blocked(r, rec.ID, a, s.Now())
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer(out), nil
}

func apiProbe(p audit.Probed) api.Probe {
	return api.Probe{
		ID: p.Probe.ID, Kind: p.Probe.Kind, Requirements: p.Probe.Requirements, With: p.Probe.With,
		Outcome: p.State.Outcome, Detail: p.State.Detail,
		RanAt: p.State.RanAt, PassedAt: p.State.PassedAt, FailingSince: p.State.FailingSince,
	}
}
