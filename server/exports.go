package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/audit/interchange"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// Media types of exports: in-toto's for a DSSE envelope with a summary, CycloneDX's.
const (
	vsaType       = "application/vnd.in-toto.vsa+dsse"
	cycloneDXType = "application/vnd.cyclonedx+json; version=1.6"
)

// exportVSA says in SLSA's words, signed by the CA, what an assessment in force came to.
func (s *Server) exportVSA(ctx context.Context, in *DigestPath) (*fileOutput, error) {
	e, err := s.exported(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	statement, err := interchange.VSA(e.assessment, interchange.VSAOptions{VerifierID: s.APIURL, Accepted: e.accepted, Now: s.Now})
	if err != nil {
		return nil, err
	}
	envelope, err := attest.SignStatement(ctx, statement, s.CA.VSASigner())
	if err != nil {
		return nil, err
	}
	return &fileOutput{vsaType, append(envelope, '\n')}, nil
}

// exportCycloneDX writes an assessment in force, requirement by requirement, as a
// CycloneDX document.
func (s *Server) exportCycloneDX(ctx context.Context, in *DigestPath) (*fileOutput, error) {
	e, err := s.exported(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	raw, err := interchange.CycloneDX(e.assessment, e.framework, e.accepted)
	if err != nil {
		return nil, err
	}
	return &fileOutput{cycloneDXType, raw}, nil
}

// export is what goes out about an assessment, read from the signed bytes.
type export struct {
	assessment audit.Assessment
	framework  audit.Framework
	accepted   interchange.Accepted
}

// exported opens an assessment for a caller who may see it. It must be in force, by
// what certificates are held to: an export cannot be taken back.
func (s *Server) exported(ctx context.Context, id string) (export, error) {
	rec, err := s.visibleAssessment(ctx, id)
	if err != nil {
		return export{}, err
	}
	var e export
	err = s.Store.View(ctx, func(r store.Reader) error {
		standing, err := audit.InForce(r, rec.Vendor, s.Now())
		if err != nil {
			return err
		}
		i := slices.IndexFunc(standing, func(o store.Assessment) bool { return o.ID == id })
		if i < 0 {
			return problem(http.StatusConflict, string(audit.CodeState), fmt.Sprintf("assessment %s is %s, want in-force", id, s.assessmentState(rec)), "'hallmark audit export --format envelope' writes what the auditor signed, whatever became of it")
		}
		rec = standing[i]
		if e.assessment, err = audit.Open(r, rec); err != nil {
			return err
		}
		e.framework, _, err = s.Catalogue.Pinned(r, e.assessment)
		return err
	})
	e.accepted = interchange.Accepted{Assessment: rec.ID, At: rec.AcceptedAt, LogOrigin: rec.LogOrigin, LogIndex: rec.LogIndex}
	return e, err
}

// exportProblem says why there is no such export of an assessment.
func exportProblem(refusal *interchange.Refusal) *api.Problem {
	status, hint := http.StatusConflict, ""
	if refusal.Reason == interchange.NoToken {
		status, hint = http.StatusUnprocessableEntity, "--format cyclonedx takes every framework"
	}
	return problem(status, string(refusal.Reason), refusal.Detail, hint)
}
