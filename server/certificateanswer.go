package server

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
	"github.com/hallmark-pki/hallmark/server/api"
)

// certificateAnswer is a certificate, or a request and 202.
type certificateAnswer struct {
	Status int
	Body   api.CertificateAnswer
}

// asDER documents that a certificate can be answered as it is. Its schema is that of the
// type named.
func asDER(schema string, r Route) Route {
	shape := r.shape
	r.shape = func(op *huma.Operation) {
		if shape != nil {
			shape(op)
		}
		if op.Responses == nil {
			op.Responses = map[string]*huma.Response{}
		}
		op.Responses["200"] = &huma.Response{
			Description: "The certificate. As " + api.TypeCertificate + ", where Accept names that, it is the body, DER, and nothing is beside it",
			Content: map[string]*huma.MediaType{
				"application/json":  {Schema: &huma.Schema{Ref: "#/components/schemas/" + schema}},
				api.TypeCertificate: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
			},
		}
	}
	return r
}

// certificateStream has a handler's certificate written as asDER says.
func certificateStream[I any](s *Server, h handler[I, certificateAnswer]) handler[I, huma.StreamResponse] {
	return func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		out, err := h(ctx, in)
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(ctx huma.Context) { s.writeCertificate(ctx, out) }}, nil
	}
}

// writeCertificate answers with the certificate as it is, or with JSON.
func (s *Server) writeCertificate(ctx huma.Context, out *certificateAnswer) {
	if c := out.Body.Certificate; c != nil && api.Wants(ctx.Header("Accept"), api.TypeCertificate) {
		writeWhole(ctx, out.Status, api.TypeCertificate, c.DER)
		return
	}
	s.writeJSON(ctx, out.Status, out.Body)
}
