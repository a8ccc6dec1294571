package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/hallmark-pki/hallmark/format/oci"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/sign/gate"
	"github.com/hallmark-pki/hallmark/store"
)

// asCMS documents that a signature can be answered as it is, and has plain requests read
// without the schema.
func (s *Server) asCMS(r Route) Route {
	r.shape = func(op *huma.Operation) {
		op.Middlewares = append(op.Middlewares, plainly(s, maxPlainSignature, parsePlainSignature, s.signDigest, s.writeSignature))
		op.Responses = map[string]*huma.Response{"200": {
			Description: "The signature. As " + api.TypeCMS + ", where Accept names that and the format's signature is CMS, it is the body, and the rest is in headers: Hallmark-Serial, -Sha256, -At, -Id, -State, -Confirm-By",
			Content: map[string]*huma.MediaType{
				"application/json": {Schema: &huma.Schema{Ref: "#/components/schemas/Signature"}},
				api.TypeCMS:        {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
			},
		}}
		op.Errors = []int{http.StatusForbidden, http.StatusUnprocessableEntity}
	}
	return r
}

// sign signs a digest, or with explain only says what the gate finds. A refusal
// in explain mode is an answer, not an error: the caller asked for it.
func (s *Server) sign(ctx context.Context, in *body[api.NewSignature]) (*huma.StreamResponse, error) {
	out, err := s.signDigest(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) { s.writeSignature(ctx, out) }}, nil
}

// signed is an answer whose rules are listed when somebody is to see them.
type signed struct {
	api.Signature
	decision gate.Decision
}

func (s signed) answer() api.Signature {
	s.Rules = apiRules(s.decision)
	return s.Signature
}

// writeSignature answers with the signature as it is, or with JSON.
func (s *Server) writeSignature(ctx huma.Context, out signed) {
	if len(out.CMS) > 0 && api.Wants(ctx.Header("Accept"), api.TypeCMS) {
		out.Headers(ctx.SetHeader)
		writeWhole(ctx, http.StatusOK, api.TypeCMS, out.CMS)
		return
	}
	s.writeJSON(ctx, http.StatusOK, out.answer())
}

func (s *Server) signDigest(ctx context.Context, in api.NewSignature) (signed, error) {
	digest, err := parseDigest(in.SHA256)
	if err != nil {
		return signed{}, err
	}
	request := sign.Request{
		Vendor: caller(ctx).Vendor, By: caller(ctx).ID, Digest: digest,
		Format: in.Format, Product: in.Product, Certificate: in.Certificate,
		PerBuild: in.PerBuild, Mode: sign.Mode(in.Mode), Claims: wantedClaims(in.Claims), Commit: in.Commit,
		MediaType: in.MediaType, Size: in.Size,
	}
	if in.Signed != "" {
		if request.Signed, err = parseDigest(in.Signed); err != nil {
			return signed{}, err
		}
	}
	return s.signRequest(ctx, request, in.Explain)
}

// signRequest signs or explains, however the digests came here.
func (s *Server) signRequest(ctx context.Context, request sign.Request, explain bool) (signed, error) {
	if explain {
		return s.explain(ctx, request)
	}
	result, err := s.Signing.Sign(ctx, request)
	if err != nil {
		s.metrics.refused.WithLabelValues("sign").Inc()
		return signed{}, s.askRebuilders(ctx, request, err)
	}
	s.metrics.signed.Inc()
	s.publish(ctx, request.Vendor, result)
	if request.PerBuild || request.Mode == sign.Provisional {
		s.metrics.issued.Inc()
	}
	signature := api.Signature{
		CMS: result.CMS, Serial: result.Serial, SHA256: result.Decision.Digest, At: result.At, Allowed: true,
		ID: result.ID, State: result.State, ConfirmBy: result.ConfirmBy,
	}
	if request.Format == string(oci.Kind) {
		signature.CMS, signature.JWS = nil, result.CMS
	}
	return signed{signature, result.Decision}, nil
}

func (s *Server) explain(ctx context.Context, request sign.Request) (signed, error) {
	decision, err := s.Signing.Explain(ctx, request)
	if err != nil {
		return signed{}, err
	}
	return signed{api.Signature{Allowed: request.Allows(decision), SHA256: decision.Digest}, decision}, nil
}

func apiRules(d gate.Decision) []api.Rule {
	rules := []api.Rule{}
	for _, v := range d.Verdicts {
		var inputs []api.RuleInput
		for _, in := range v.Inputs {
			inputs = append(inputs, api.RuleInput(in))
		}
		rules = append(rules, api.Rule{
			Rule: v.Rule, Assessment: v.Assessment, Outcome: string(v.Outcome),
			Detail: v.Detail, Evidence: v.Evidence, Satisfy: v.Satisfy,
			Further: v.Further, Inputs: inputs, Requirements: v.Requirements, Level: v.Level, Basic: v.Basic,
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
