package server

import (
	"context"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// massRevoke counts what a mass revocation covers, or decides it. It answers when the
// decision is durable; the certificates are revoked behind it, and the answer's id asks
// how far that is.
func (s *Server) massRevoke(ctx context.Context, in *body[api.NewMassRevocation]) (*body[api.MassRevocation], error) {
	job, err := s.newJob(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	if in.Body.DryRun {
		count, err := s.CA.CountMass(ctx, job)
		if err != nil {
			return nil, err
		}
		return answer(api.MassRevocation{
			DryRun: true, Total: count.Total, Already: count.Already, ByTier: count.ByTier, ByVendor: count.Vendors, Reason: in.Body.Reason,
		}), nil
	}
	if job, err = s.CA.StartMass(ctx, job); err != nil {
		return nil, err
	}
	return answer(apiMassRevocation(job)), nil
}

func (s *Server) newJob(ctx context.Context, in api.NewMassRevocation) (store.RevocationJob, error) {
	job := store.RevocationJob{
		Vendor: in.Vendor, SPKISHA256: in.KeySHA256, Tier: in.Tier, IssuedAfter: in.IssuedAfter, IssuedBefore: in.IssuedBefore,
	}
	if in.Assessment != "" {
		job.Assessments = []string{in.Assessment}
	}
	// Each certificate's own beginning is minded when it is revoked.
	var err error
	job.Revocation, err = s.newRevocation(ctx, store.Certificate{}, api.NewRevocation{Reason: in.Reason, InvalidityDate: in.InvalidityDate, Note: in.Note})
	return job, err
}

type jobInput struct {
	ID string `path:"id" pattern:"^[0-9]{8}T[0-9]{6}\\.[0-9]{9}Z-[0-9a-f]{16}$"`
}

func (s *Server) showMassRevocation(ctx context.Context, in *jobInput) (*body[api.MassRevocation], error) {
	job, err := s.CA.MassRevocation(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(apiMassRevocation(job)), nil
}

func apiMassRevocation(j store.RevocationJob) api.MassRevocation {
	return api.MassRevocation{
		ID: j.ID, Total: j.Total, Reason: reasonName(j.Revocation.Reason), By: j.Revocation.By, Seen: j.Seen, Revoked: j.Revoked,
		CreatedAt: j.CreatedAt, FinishedAt: j.FinishedAt,
	}
}

// openRevocations lists the mass revocations that are under way.
func openRevocations(r store.Reader) ([]api.MassRevocation, error) {
	list := []api.MassRevocation{}
	for job, err := range store.RevocationJobs.By(r, "state", store.RevocationJobOpen) {
		if err != nil {
			return nil, err
		}
		if len(list) == maxListed {
			break
		}
		list = append(list, apiMassRevocation(job))
	}
	return list, nil
}

// plannedFor is what revoking a certificate says about another of the same key.
func plannedFor(cert store.Certificate, rev store.Revocation) api.PlannedRevocation {
	from := func(t time.Time) time.Time {
		if !t.IsZero() && t.Before(cert.NotBefore) && !cert.NotBefore.After(rev.At) {
			return cert.NotBefore
		}
		return t
	}
	return api.PlannedRevocation{
		Serial: cert.Serial, Vendor: cert.Vendor, Tier: cert.Tier, Reason: reasonName(rev.Reason),
		RevocationDate: from(rev.RevocationDate), InvalidityDate: from(rev.InvalidityDate),
	}
}
