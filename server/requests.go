package server

import (
	"context"
	"crypto/sha256"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// requestRoutes are about certificates that an officer has to agree to, and renewals.
func (s *Server) requestRoutes() []Route {
	return []Route{
		orAccepted(post("/v1/certificates/{serial}/renew", "renew-certificate", "Request a certificate that says the same, for the same key", vendors, s.renewCertificate)),
		orAccepted(post("/v1/certificates/{serial}/rekey", "rekey-certificate", "Request a certificate that says the same, for another key", vendors, s.rekeyCertificate)),

		get("/v1/requests", "list-requests", "Requests that an officer has to agree to: a vendor's own, or all", certificateReaders, s.listRequests),
		get("/v1/requests/{id}", "show-request", "One request", certificateReaders, s.showRequest),
		post("/v1/requests/{id}/approve", "approve-request", "Agree to a request", officers, s.approveRequest),
		post("/v1/requests/{id}/deny", "deny-request", "Refuse a request, or take an approval back", officers, s.denyRequest),
		post("/v1/requests/{id}/certificate", "collect-certificate", "Issue the certificate of an approved request, or show the one that was issued", vendors, s.collectCertificate),
	}
}

// orAccepted documents the answer of a route that may put a request before the officers.
func orAccepted(r Route) Route {
	r.shape = func(op *huma.Operation) {
		op.Responses = map[string]*huma.Response{"202": {
			Description: "The tier wants an officer's approval: the body has the member request, and nothing else",
			Content:     map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Ref: "#/components/schemas/CertificateAnswer"}}},
		}}
		op.Errors = []int{http.StatusForbidden, http.StatusUnprocessableEntity}
	}
	return r
}

// issue issues, or puts the request before the officers where that is asked for.
func (s *Server) issue(ctx context.Context, request ca.Request) (*certificateAnswer, error) {
	issued, err := s.CA.Issue(ctx, request)
	if r := ca.IsRefusal(err); r != nil && r.Code == ca.CodeApprovalRequired {
		rec, err := s.CA.RequestApproval(ctx, request)
		if err != nil {
			s.metrics.refused.WithLabelValues("issue").Inc()
			return nil, err
		}
		out := s.apiRequest(rec)
		return &certificateAnswer{http.StatusAccepted, api.CertificateAnswer{Request: &out}}, nil
	}
	return s.issued(issued, err)
}

func (s *Server) issued(issued ca.Issued, err error) (*certificateAnswer, error) {
	if err != nil {
		s.metrics.refused.WithLabelValues("issue").Inc()
		return nil, err
	}
	s.metrics.issued.Inc()
	out := s.certificateOf(issued.Record, issued.Claims)
	for _, c := range issued.Chain {
		out.Chain = append(out.Chain, c.Raw)
	}
	return &certificateAnswer{http.StatusOK, api.CertificateAnswer{Certificate: &out}}, nil
}

// keyAttestation reads an attestation, which belongs to a request for certification. It
// answers that, or a client certificate of the caller's.
func (s *Server) keyAttestation(ctx context.Context, a *api.KeyAttestation, csr []byte) (*ca.Attestation, error) {
	if a == nil {
		return nil, nil
	}
	if len(csr) == 0 {
		return nil, invalid("attestation", "is about a key of your own: it goes with a csr", "")
	}
	challenge, err := ca.AttestationChallenge(csr)
	if err != nil {
		return nil, err
	}
	var challenges []string
	err = s.Store.View(ctx, func(r store.Reader) error {
		challenges = []string{challenge}
		for c, err := range store.ClientCertificates.By(r, "person", caller(ctx).ID) {
			if err != nil {
				return err
			}
			if c.RevokedAt.IsZero() {
				challenges = append(challenges, hexDigest(sha256.Sum256(c.DER)))
			}
		}
		return nil
	})
	return &ca.Attestation{Format: a.Format, Data: a.Data, Challenges: challenges}, err
}

type renewalInput struct {
	SerialPath
	Body api.NewRenewal
}

func (s *Server) renewCertificate(ctx context.Context, in *renewalInput) (*certificateAnswer, error) {
	return s.renew(ctx, in, false)
}

func (s *Server) rekeyCertificate(ctx context.Context, in *renewalInput) (*certificateAnswer, error) {
	return s.renew(ctx, in, true)
}

func (s *Server) renew(ctx context.Context, in *renewalInput, rekey bool) (*certificateAnswer, error) {
	vendor := caller(ctx).Vendor
	req, err := s.CA.Renewal(ctx, vendor, in.Serial, rekey)
	if err != nil {
		return nil, err
	}
	switch {
	case len(in.Body.CSR) > 0 || rekey:
		req.SigningKey = ""
		if req.PublicKey, req.SigningKey, err = s.certificateKey(ctx, vendor, req.Claims, in.Body.CSR); err != nil {
			return nil, err
		}
	case req.SigningKey == "":
		return nil, invalid("csr", "is missing", "a request signed with the certificate's key proves that you hold it")
	}
	if req.Attestation, err = s.keyAttestation(ctx, in.Body.Attestation, in.Body.CSR); err != nil {
		return nil, err
	}
	if in.Body.Profile != "" {
		req.Profile = in.Body.Profile
	}
	req.Validity = time.Duration(in.Body.ValidityDays) * 24 * time.Hour
	req.By, req.Way = caller(ctx).ID, "api"
	return s.issue(ctx, req)
}

// RequestPath is the path of a request for a certificate.
type RequestPath struct {
	ID string `path:"id" pattern:"^[0-9]{8}T[0-9]{6}[.][0-9]{9}Z-[0-9a-f]{16}$"`
}

type requestsInput struct {
	PageQuery
	Vendor string `query:"vendor" maxLength:"63"`
	State  string `query:"state" enum:"pending,approved,denied,issued,expired"`
}

func (s *Server) listRequests(ctx context.Context, in *requestsInput) (*body[api.Page[api.CertificateRequest]], error) {
	vendor, err := ownVendor(ctx, in.Vendor)
	if err != nil {
		return nil, err
	}
	records := func(r store.Reader) seq[store.CertificateRequest] {
		switch {
		case vendor != "":
			return store.CertificateRequests.ByAfter(r, "vendor", vendor, in.After)
		case in.State != "" && in.State != store.RequestExpired: // of those, most are not on record as expired
			return store.CertificateRequests.ByAfter(r, "state", in.State, in.After)
		}
		return store.CertificateRequests.All(r, in.After)
	}
	keep := func(q store.CertificateRequest) bool {
		return in.State == "" || ca.RequestState(q, s.Now()) == in.State
	}
	return listWhere(ctx, s.Store, records, keep, func(q store.CertificateRequest) (string, api.CertificateRequest) { return q.ID, s.apiRequest(q) })
}

func (s *Server) showRequest(ctx context.Context, in *RequestPath) (*body[api.CertificateRequest], error) {
	rec, err := s.visibleRequest(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(s.apiRequest(rec)), nil
}

func (s *Server) visibleRequest(ctx context.Context, id string) (store.CertificateRequest, error) {
	var rec store.CertificateRequest
	err := s.Store.View(ctx, func(r store.Reader) error {
		var err error
		rec, err = store.CertificateRequests.Get(r, id)
		return missing(err, "request", id)
	})
	if err != nil {
		return rec, err
	}
	if p := caller(ctx); p.Role == api.RoleVendor && rec.Vendor != p.Vendor {
		return store.CertificateRequest{}, notFound("request", id)
	}
	return rec, nil
}

type approvalInput struct {
	RequestPath
	Body api.Approval
}

func (s *Server) approveRequest(ctx context.Context, in *approvalInput) (*body[api.CertificateRequest], error) {
	rec, err := s.CA.Approve(ctx, in.ID, caller(ctx).ID, in.Body.Note, in.Body.WaiveHardware)
	if err != nil {
		return nil, err
	}
	return answer(s.apiRequest(rec)), nil
}

type denialInput struct {
	RequestPath
	Body api.Denial
}

func (s *Server) denyRequest(ctx context.Context, in *denialInput) (*body[api.CertificateRequest], error) {
	rec, err := s.CA.Deny(ctx, in.ID, caller(ctx).ID, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return answer(s.apiRequest(rec)), nil
}

func (s *Server) collectCertificate(ctx context.Context, in *RequestPath) (*certificateAnswer, error) {
	if _, err := s.visibleRequest(ctx, in.ID); err != nil {
		return nil, err
	}
	return s.issued(s.CA.Collect(ctx, in.ID, caller(ctx).Vendor, caller(ctx).ID))
}

func (s *Server) apiRequest(q store.CertificateRequest) api.CertificateRequest {
	out := api.CertificateRequest{
		ID: q.ID, State: ca.RequestState(q, s.Now()), Vendor: q.Vendor, Tier: q.Tier, Claims: []api.Claim{}, Profile: q.Profile,
		KeySHA256: q.SPKISHA256, KeyHeldBy: "vendor", Replaces: q.Replaces, At: q.At, By: q.By, ExpiresAt: q.ExpiresAt,
		Waiver: q.Waiver, DecidedAt: q.DecidedAt, DecidedBy: q.DecidedBy, Note: q.Note, Certificate: q.Certificate,
	}
	if q.SigningKey != "" {
		out.KeyHeldBy = "service"
	}
	for _, c := range q.Claims {
		out.Claims = append(out.Claims, api.Claim{Framework: c.Framework, Track: c.Track, Level: c.Level, LevelID: c.LevelID})
	}
	if a := q.Attestation; a != nil {
		out.Hardware = &api.Hardware{Format: a.Format, Device: a.Device, Details: a.Details, Root: a.Root}
	}
	return out
}
