package server

import (
	"context"
	"net/http"

	"github.com/hallmark-pki/hallmark/format/oci"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/sign/gate"
	"github.com/hallmark-pki/hallmark/store"
)

// sign signs a digest, or with explain only says what the gate finds. A refusal
// in explain mode is an answer, not an error: the caller asked for it.
func (s *Server) sign(ctx context.Context, in *body[api.NewSignature]) (*body[api.Signature], error) {
	digest, err := parseDigest(in.Body.SHA256)
	if err != nil {
		return nil, err
	}
	request := sign.Request{
		Vendor: caller(ctx).Vendor, By: caller(ctx).ID, Digest: digest,
		Format: in.Body.Format, Product: in.Body.Product, Certificate: in.Body.Certificate,
		PerBuild: in.Body.PerBuild, Mode: sign.Mode(in.Body.Mode), Claims: wantedClaims(in.Body.Claims), Commit: in.Body.Commit,
		MediaType: in.Body.MediaType, Size: in.Body.Size,
	}
	if in.Body.Signed != "" {
		if request.Signed, err = parseDigest(in.Body.Signed); err != nil {
			return nil, err
		}
	}
	return s.signRequest(ctx, request, in.Body.Explain)
}

// signRequest signs or explains, however the digests came here.
func (s *Server) signRequest(ctx context.Context, request sign.Request, explain bool) (*body[api.Signature], error) {
	if explain {
		return s.explain(ctx, request)
	}
	result, err := s.Signing.Sign(ctx, request)
	if err != nil {
		s.metrics.refused.WithLabelValues("sign").Inc()
		return nil, s.askRebuilders(ctx, request, err)
	}
	s.metrics.signed.Inc()
	s.publish(ctx, request.Vendor, result)
	if request.PerBuild || request.Mode == sign.Provisional {
		s.metrics.issued.Inc()
	}
	signature := api.Signature{
		CMS: result.CMS, Serial: result.Serial, SHA256: result.Decision.Digest, At: result.At, Allowed: true, Rules: apiRules(result.Decision),
		ID: result.ID, State: result.State, ConfirmBy: result.ConfirmBy,
	}
	if request.Format == string(oci.Kind) {
		signature.CMS, signature.JWS = nil, result.CMS
	}
	return answer(signature), nil
}

func (s *Server) explain(ctx context.Context, request sign.Request) (*body[api.Signature], error) {
	decision, err := s.Signing.Explain(ctx, request)
	if err != nil {
		return nil, err
	}
	return answer(api.Signature{Allowed: request.Allows(decision), SHA256: decision.Digest, Rules: apiRules(decision)}), nil
}

func apiRules(d gate.Decision) []api.Rule {
	rules := []api.Rule{}
	for _, v := range d.Verdicts {
		rules = append(rules, api.Rule{
			Rule: v.Rule, Assessment: v.Assessment, Outcome: string(v.Outcome),
			Detail: v.Detail, Evidence: v.Evidence, Satisfy: v.Satisfy,
			Further: v.Further, Requirements: v.Requirements, Level: v.Level, Basic: v.Basic,
		})
	}
	return rules
}

func signProblem(refusal *sign.Refusal) *api.Problem {
	status := http.StatusForbidden
	if refusal.Code == sign.CodeRequest || refusal.Code == sign.CodePolicy {
		status = http.StatusUnprocessableEntity
	}
	p := problem(status, string(refusal.Code), refusal.Detail, refusal.Hint)
	p.Field = refusal.Field
	if refusal.Decision != nil {
		p.Rules = apiRules(*refusal.Decision)
	}
	return p
}

type signaturesInput struct {
	PageQuery
	Vendor string `query:"vendor" maxLength:"63"`
	State  string `query:"state" enum:"provisional,held,confirmed,revoked"`
}

func (s *Server) listSignatures(ctx context.Context, in *signaturesInput) (*body[api.Page[api.SignatureRecord]], error) {
	vendor, err := ownVendor(ctx, in.Vendor)
	if err != nil {
		return nil, err
	}
	records := func(r store.Reader) seq[store.Signature] {
		switch {
		case vendor != "" && in.State != "":
			return store.Signatures.ByAfter(r, "vendor_state", vendor+"/"+in.State, in.After)
		case vendor != "":
			return store.Signatures.ByAfter(r, "vendor", vendor, in.After)
		case in.State != "":
			return store.Signatures.ByAfter(r, "state", in.State, in.After)
		}
		return store.Signatures.All(r, in.After)
	}
	return list(ctx, s.Store, records, func(sig store.Signature) (string, api.SignatureRecord) { return sig.ID, apiSignature(sig) })
}
