package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/audit/interchange"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/rebuild"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/store"
)

func problem(status int, code, detail, hint string) *api.Problem {
	return &api.Problem{Title: http.StatusText(status), Status: status, Code: code, Detail: detail, Hint: hint}
}

func invalid(field, detail, hint string) *api.Problem {
	p := problem(http.StatusUnprocessableEntity, "invalid-field", detail, hint)
	p.Field = field
	return p
}

// notFound is also the answer for what exists but belongs to somebody else, so
// that one vendor cannot find out another's records.
func notFound(kind, id string) *api.Problem {
	return problem(http.StatusNotFound, "not-found", "no "+kind+" "+id, "")
}

// asProblem turns any error into an answer. Errors nobody classified are logged
// here and answered without detail: they may quote paths or records.
func (s *Server) asProblem(ctx context.Context, err error) *api.Problem {
	var (
		known   *api.Problem
		auditNo *audit.Refusal
		caNo    *ca.Refusal
		signNo  *sign.Refusal
		noWay   *interchange.Refusal
		noWork  *rebuild.Refusal
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &auditNo):
		p := problem(auditStatus(auditNo.Code), string(auditNo.Code), auditNo.Detail, auditNo.Hint)
		p.Field = auditNo.Field
		return p
	case errors.As(err, &caNo):
		return problem(caStatus(caNo.Code), string(caNo.Code), caNo.Detail, caNo.Hint)
	case errors.As(err, &signNo):
		return signProblem(signNo)
	case errors.As(err, &noWay):
		return exportProblem(noWay)
	case confirmRefusal(err) != nil:
		return confirmProblem(confirmRefusal(err))
	case errors.As(err, &noWork):
		return rebuildProblem(noWork)
	case errors.Is(err, store.ErrNotFound), errors.Is(err, ca.ErrUnknownIssuer):
		return problem(http.StatusNotFound, "not-found", "no such record", "")
	case errors.Is(err, store.ErrExists):
		return problem(http.StatusConflict, "exists", "there is one already", "")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return problem(http.StatusServiceUnavailable, "gave-up", "the request took too long or was given up", "try again")
	}
	s.Log.ErrorContext(ctx, "request failed", "error", err)
	return problem(http.StatusInternalServerError, "internal", "the server could not do this; its log says why", "try again, then tell the administrator")
}

func writeProblem(ctx huma.Context, p *api.Problem) {
	ctx.SetHeader("Content-Type", "application/problem+json")
	ctx.SetStatus(p.Status)
	to := json.NewEncoder(ctx.BodyWriter())
	to.SetEscapeHTML(false) // as huma writes them
	to.Encode(p)
}

// auditStatus says whose fault a refusal of the register is: the document's, the
// caller's, or the moment's.
func auditStatus(code audit.Code) int {
	switch code {
	case audit.CodeNotFound:
		return http.StatusNotFound
	case audit.CodeDuplicate, audit.CodeState, audit.CodeStale:
		return http.StatusConflict
	case audit.CodeOfficer, audit.CodeConflict, audit.CodeAuditor, audit.CodeAccreditation:
		return http.StatusForbidden
	}
	return http.StatusUnprocessableEntity
}

// caStatus does the same for the CA. What is not about the form of the request is
// a matter of not being entitled.
func caStatus(code ca.Code) int {
	switch code {
	case ca.CodeUnknownCertificate, ca.CodeUnknownRequest, ca.CodeUnknownJob:
		return http.StatusNotFound
	case ca.CodeAlreadyRevoked, ca.CodeAssessmentEnded, ca.CodeRequestState, ca.CodeApprovalPending, ca.CodeApprovalUsed, ca.CodeReplacesRevoked, ca.CodeRevokedMeanwhile:
		return http.StatusConflict
	case ca.CodeBadRequest, ca.CodeUnknownFramework, ca.CodeUnknownTrack, ca.CodeValidity, ca.CodeLint,
		ca.CodeCSRTooLarge, ca.CodeCSRMalformed, ca.CodeCSRSignature, ca.CodeKeyAlgorithm, ca.CodeKeyCurve,
		ca.CodeKeySize, ca.CodeKeyExponent, ca.CodeKeyWeakROCA, ca.CodeKeySmallFactors, ca.CodeKeyClosePrimes, ca.CodeReason, ca.CodeRevocationDate, ca.CodeSelection,
		ca.CodeUnknownProfile, ca.CodeRenewalKey, ca.CodeRekeyKey, ca.CodeAttestation, ca.CodeAttestationKey, ca.CodeAttestationChallenge:
		return http.StatusUnprocessableEntity
	}
	return http.StatusForbidden
}
