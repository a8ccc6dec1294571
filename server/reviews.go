package server

import (
	"context"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/server/api"
)

type revokeAuditorInput struct {
	IDPath
	Body api.NewAuditorRevocation
}

// revokeAuditor takes an auditor's word back. The answer is what officers have to look
// at again; a dry run gives the same and changes nothing.
func (s *Server) revokeAuditor(ctx context.Context, in *revokeAuditorInput) (*body[api.AuditorRevocation], error) {
	reviews, err := s.Register.RevokeAuditor(ctx, audit.RevokeAuditorRequest{
		Auditor: in.ID, By: caller(ctx).ID, Reason: in.Body.Reason, DryRun: in.Body.DryRun,
	})
	if err != nil {
		return nil, err
	}
	return answer(api.AuditorRevocation{Auditor: in.ID, DryRun: in.Body.DryRun, Reviews: s.apiReviews(reviews)}), nil
}

func (s *Server) listReviews(ctx context.Context, _ *struct{}) (*body[[]api.Review], error) {
	reviews, err := s.Register.Reviews(ctx)
	if err != nil {
		return nil, err
	}
	return answer(s.apiReviews(reviews)), nil
}

type upholdInput struct {
	DigestPath
	Body api.Upholding
}

func (s *Server) upholdAssessment(ctx context.Context, in *upholdInput) (*body[api.Assessment], error) {
	if _, err := s.visibleAssessment(ctx, in.ID); err != nil {
		return nil, err
	}
	rec, err := s.Register.Uphold(ctx, in.ID, caller(ctx).ID, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return answer(s.apiAssessment(rec)), nil
}

func (s *Server) apiReviews(reviews []audit.Reviewed) []api.Review {
	out := []api.Review{}
	for _, r := range reviews {
		review := api.Review{Assessment: s.apiAssessment(r.Assessment), Certificates: []api.HangingCertificate{}}
		for _, c := range r.Certificates {
			review.Certificates = append(review.Certificates, api.HangingCertificate{Serial: c.Serial, Vendor: c.Vendor, Tier: c.Tier, NotAfter: c.NotAfter})
		}
		out = append(out, review)
	}
	return out
}
