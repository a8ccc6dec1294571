package server

import (
	"context"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// DigestPath is the path of an assessment.
type DigestPath struct {
	ID string `path:"id" pattern:"^[0-9a-f]{64}$"`
}

func (s *Server) submitAssessment(ctx context.Context, in *body[api.NewAssessment]) (*body[api.Assessment], error) {
	rec, err := s.Register.Submit(ctx, in.Body.Envelope, caller(ctx).ID)
	if err != nil {
		return nil, err
	}
	return answer(s.apiAssessment(rec)), nil
}

type assessmentsInput struct {
	PageQuery
	Vendor string `query:"vendor" maxLength:"63"`
	State  string `query:"state" enum:"submitted,accepting,in-force,in-review,superseded,lowered,expired,withdrawn,rejected"`
}

func (s *Server) listAssessments(ctx context.Context, in *assessmentsInput) (*body[api.Page[api.Assessment]], error) {
	vendor, err := ownVendor(ctx, in.Vendor)
	if err != nil {
		return nil, err
	}
	records := func(r store.Reader) seq[store.Assessment] {
		switch p := caller(ctx); {
		case p.Role == api.RoleAuditor:
			return store.Assessments.ByAfter(r, "auditor", p.ID, in.After)
		case vendor != "":
			return store.Assessments.ByAfter(r, "vendor", vendor, in.After)
		case in.State != "" && in.State != store.AssessmentExpired: // of those, some are not on record as expired yet
			return store.Assessments.ByAfter(r, "state", in.State, in.After)
		}
		return store.Assessments.All(r, in.After)
	}
	keep := func(a store.Assessment) bool {
		return (vendor == "" || a.Vendor == vendor) && (in.State == "" || s.assessmentState(a) == in.State)
	}
	return listWhere(ctx, s.Store, records, keep, func(a store.Assessment) (string, api.Assessment) { return a.ID, s.apiAssessment(a) })
}

func (s *Server) showAssessment(ctx context.Context, in *DigestPath) (*body[api.Assessment], error) {
	rec, err := s.visibleAssessment(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := s.apiAssessment(rec)
	out.Envelope, out.Receipt, out.LogSalt = rec.Envelope, rec.Receipt, rec.LogSalt
	if out.AuditorKeys, err = s.auditorKeys(ctx, rec); err != nil {
		return nil, err
	}
	return answer(out), nil
}

// visibleAssessment reads a record that the caller may see.
func (s *Server) visibleAssessment(ctx context.Context, id string) (store.Assessment, error) {
	var rec store.Assessment
	err := s.Store.View(ctx, func(r store.Reader) error {
		var err error
		rec, err = store.Assessments.Get(r, id)
		return missing(err, "assessment", id)
	})
	if err != nil {
		return rec, err
	}
	p := caller(ctx)
	if (p.Role == api.RoleAuditor && !isAuditorOf(p, rec)) || (p.Role == api.RoleVendor && rec.Vendor != p.Vendor) {
		return store.Assessment{}, notFound("assessment", id)
	}
	return rec, nil
}

// isAuditorOf reports whether somebody has signed an assessment as an auditor.
func isAuditorOf(p store.Person, rec store.Assessment) bool {
	return rec.Auditor == p.ID || rec.SecondAuditor == p.ID
}

type acceptInput struct {
	DigestPath
	Body api.Acceptance
}

func (s *Server) acceptAssessment(ctx context.Context, in *acceptInput) (*body[api.Assessment], error) {
	if _, err := s.visibleAssessment(ctx, in.ID); err != nil {
		return nil, err
	}
	rec, err := s.Register.Accept(ctx, in.ID, caller(ctx).ID, in.Body.Envelope)
	if err != nil {
		return nil, err
	}
	return answer(s.apiAssessment(rec)), nil
}

type endingInput struct {
	DigestPath
	Body api.Ending
}

func (s *Server) rejectAssessment(ctx context.Context, in *endingInput) (*body[api.Assessment], error) {
	if _, err := s.visibleAssessment(ctx, in.ID); err != nil {
		return nil, err
	}
	rec, err := s.Register.Reject(ctx, in.ID, caller(ctx).ID, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return answer(s.apiAssessment(rec)), nil
}

func (s *Server) withdrawAssessment(ctx context.Context, in *endingInput) (*body[api.Plan], error) {
	if _, err := s.visibleAssessment(ctx, in.ID); err != nil {
		return nil, err
	}
	plan, err := s.Register.Withdraw(ctx, audit.WithdrawRequest{
		ID: in.ID, By: caller(ctx).ID, Reason: in.Body.Reason, Since: in.Body.Since, DryRun: in.Body.DryRun,
	})
	if err != nil {
		return nil, err
	}
	return answer(s.apiPlan(plan, in.Body.DryRun)), nil
}

// planAcceptance is the dry run of accept: a new assessment of a track supersedes
// the one in force, and what the new one does not support is revoked.
func (s *Server) planAcceptance(ctx context.Context, in *DigestPath) (*body[api.Plan], error) {
	if _, err := s.visibleAssessment(ctx, in.ID); err != nil {
		return nil, err
	}
	plan, err := s.Register.PlanAccept(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(s.apiPlan(plan, true)), nil
}

func (s *Server) apiPlan(plan audit.Plan, dryRun bool) api.Plan {
	out := api.Plan{Assessment: s.apiAssessment(plan.Assessment), DryRun: dryRun, Certificates: []api.PlannedRevocation{}, Total: len(plan.Certificates), Job: plan.Job}
	for _, c := range plan.Certificates[:min(len(plan.Certificates), maxPlanned)] {
		out.Certificates = append(out.Certificates, api.PlannedRevocation{
			Serial: c.Serial, Vendor: c.Vendor, Tier: c.Tier, Reason: reasonName(c.Revocation.Reason),
			RevocationDate: c.Revocation.RevocationDate, InvalidityDate: c.Revocation.InvalidityDate,
		})
	}
	return out
}

// assessmentState adds the one state that time brings about by itself, from the moment
// on, whenever the record follows.
func (s *Server) assessmentState(a store.Assessment) string {
	if (a.State == store.AssessmentInForce || a.State == store.AssessmentInReview) && !s.Now().Before(a.ValidUntil) {
		return store.AssessmentExpired
	}
	return a.State
}

func (s *Server) apiAssessment(a store.Assessment) api.Assessment {
	return api.Assessment{
		ID: a.ID, State: s.assessmentState(a), Vendor: a.Vendor, Framework: a.Framework, CatalogueSHA256: a.CatalogueSHA256,
		Track: a.Track, Level: a.Level, LevelID: a.LevelID, Auditor: a.Auditor, SecondAuditor: a.SecondAuditor, Probes: a.Probes,
		AssessedAt: a.AssessedAt, ValidUntil: a.ValidUntil, SubmittedAt: a.SubmittedAt,
		AcceptedAt: a.AcceptedAt, AcceptedBy: a.AcceptedBy, LogOrigin: a.LogOrigin, LogIndex: a.LogIndex,
		ReopenedAt: a.ReopenedAt, ReopenedReason: a.ReopenedReason,
		UpheldAt: a.UpheldAt, UpheldBy: a.UpheldBy, UpheldReason: a.UpheldReason,
		EndedAt: a.EndedAt, EndedBy: a.EndedBy, EndedReason: a.EndedReason, IneffectiveAt: a.IneffectiveAt,
	}
}
