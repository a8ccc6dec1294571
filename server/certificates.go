package server

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

func (s *Server) requestCertificate(ctx context.Context, in *body[api.NewCertificate]) (*certificateAnswer, error) {
	return s.certify(ctx, in.Body)
}

func (s *Server) certify(ctx context.Context, in api.NewCertificate) (*certificateAnswer, error) {
	vendor := caller(ctx).Vendor
	wanted := wantedClaims(in.Claims)
	request := ca.Request{
		Vendor: vendor, Claims: wanted, By: caller(ctx).ID, Way: "api", Profile: in.Profile,
		Validity: time.Duration(in.ValidityDays) * 24 * time.Hour,
	}
	var err error
	if request.Attestation, err = s.keyAttestation(ctx, in.Attestation, in.CSR); err != nil {
		return nil, err
	}
	if request.PublicKey, request.SigningKey, err = s.certificateKey(ctx, vendor, wanted, in.CSR); err != nil {
		return nil, err
	}
	return s.issue(ctx, request)
}

// wantedClaims are claims as the gate takes them; none stays nil.
func wantedClaims(claims []api.Claim) (wanted []ca.Wanted) {
	for _, c := range claims {
		wanted = append(wanted, ca.Wanted{Framework: c.Framework, Track: c.Track, Level: c.Level})
	}
	return wanted
}

// certificateKey takes the vendor's key from its request, or has the service make
// one. A service key is stored, encrypted, before a certificate names it.
func (s *Server) certificateKey(ctx context.Context, vendor string, wanted []ca.Wanted, csr []byte) (crypto.PublicKey, string, error) {
	if len(csr) > 0 {
		pub, err := ca.CheckCSR(csr)
		if err != nil {
			return nil, "", invalid("csr", err.Error(), "ECDSA P-256 or P-384, or RSA of at least 3072 bits, signed with its own key")
		}
		return pub, "", nil
	}
	if err := s.CA.MayIssue(ctx, vendor, wanted); err != nil { // no keys for vendors who would be refused
		return nil, "", err
	}
	key, err := s.CA.NewSigningKey(ctx, vendor)
	if err != nil {
		return nil, "", err
	}
	signer, err := s.CA.Signer(ctx, key.ID)
	if err != nil {
		return nil, "", err
	}
	return signer.Public(), key.ID, nil
}

type certificatesInput struct {
	PageQuery
	Vendor        string    `query:"vendor" maxLength:"63"`
	State         string    `query:"state" enum:"valid,expired,revoked"`
	ExpiresBefore time.Time `query:"expires_before" doc:"valid certificates that end before this time"`
	Builds        bool      `query:"builds" doc:"those for single builds, which the list leaves out otherwise; summed up at /v1/certificate-groups"`
	Group         string    `query:"group" maxLength:"128" doc:"those of one group of single builds"`
	Build         string    `query:"build" pattern:"^sha256:[0-9a-f]{64}$" doc:"those for one artifact"`
}

func (s *Server) listCertificates(ctx context.Context, in *certificatesInput) (*body[api.Page[api.Certificate]], error) {
	vendor, err := ownVendor(ctx, in.Vendor)
	if err != nil {
		return nil, err
	}
	keep := func(c store.Certificate) bool {
		if vendor != "" && c.Vendor != vendor {
			return false // of a group or a build that a vendor asked for
		}
		expiring := in.ExpiresBefore.IsZero() || (s.certificateState(c) == "valid" && c.NotAfter.Before(in.ExpiresBefore))
		return expiring && (in.State == "" || s.certificateState(c) == in.State)
	}
	recs, err := listWhere(ctx, s.Store, in.records(vendor), keep, func(c store.Certificate) (string, store.Certificate) { return in.cursor(vendor, c), c })
	if err != nil {
		return nil, err
	}
	page := api.Page[api.Certificate]{Items: []api.Certificate{}, Next: recs.Body.Next}
	for _, rec := range recs.Body.Items {
		item, err := s.apiCertificate(rec)
		if err != nil {
			return nil, err
		}
		page.Items = append(page.Items, item)
	}
	return answer(page), nil
}

// SerialPath is the path of a certificate.
type SerialPath struct {
	Serial string `path:"serial" pattern:"^[0-9a-f]{2,40}$"`
}

func (s *Server) showCertificate(ctx context.Context, in *SerialPath) (*certificateAnswer, error) {
	rec, err := s.visibleCertificate(ctx, in.Serial)
	if err != nil {
		return nil, err
	}
	out, err := s.apiCertificate(rec)
	if err != nil {
		return nil, err
	}
	issuer, err := s.CA.Certificate(rec.IssuingCA())
	if err != nil {
		return nil, err
	}
	out.Chain = [][]byte{issuer.Raw}
	for _, c := range s.CA.Cross(rec.IssuingCA()) {
		out.Chain = append(out.Chain, c.Raw)
	}
	return &certificateAnswer{http.StatusOK, api.CertificateAnswer{Certificate: &out}}, nil
}

func (s *Server) visibleCertificate(ctx context.Context, serial string) (store.Certificate, error) {
	return s.visible(ctx, serial, store.Certificates.Get)
}

func (s *Server) visible(ctx context.Context, serial string, get func(store.Reader, string) (store.Certificate, error)) (store.Certificate, error) {
	var rec store.Certificate
	err := s.Store.View(ctx, func(r store.Reader) error {
		var err error
		rec, err = get(r, serial)
		return missing(err, "certificate", serial)
	})
	if err != nil {
		return rec, err
	}
	if p := caller(ctx); p.Role == api.RoleVendor && rec.Vendor != p.Vendor {
		return store.Certificate{}, notFound("certificate", serial)
	}
	return rec, nil
}

type revokeInput struct {
	SerialPath
	Body api.NewRevocation
}

func (s *Server) revokeCertificate(ctx context.Context, in *revokeInput) (*body[api.Plan], error) {
	// Also what was announced and never recorded: it may have been signed.
	rec, err := s.visible(ctx, in.Serial, ca.Revocable)
	if err != nil {
		return nil, err
	}
	revocation, err := s.newRevocation(ctx, rec, in.Body)
	if err != nil {
		return nil, err
	}
	covered := []store.Certificate{rec}
	if revocation.Reason == ca.ReasonKeyCompromise { // what cannot be trusted is the key
		same, _, err := s.CA.SameKey(ctx, rec)
		if err != nil {
			return nil, err
		}
		covered = append(covered, slices.DeleteFunc(same, func(c store.Certificate) bool { return c.Revocation != nil })...)
	}
	plan := api.Plan{DryRun: in.Body.DryRun, Certificates: []api.PlannedRevocation{}, Total: len(covered)}
	for _, c := range covered {
		plan.Certificates = append(plan.Certificates, plannedFor(c, revocation))
	}
	switch {
	case in.Body.DryRun:
	case revocation.Reason == ca.ReasonKeyCompromise:
		_, err = s.CA.RevokeKey(ctx, rec.Serial, revocation)
	default:
		err = s.CA.Revoke(ctx, rec.Serial, revocation)
	}
	if err != nil {
		return nil, err
	}
	return answer(plan), nil
}

// newRevocation dates a revocation. With an invalidity date in the past the
// revocation date goes back with it, which is how code signing verifiers tell
// signatures made before a compromise from those made after (CSBR 4.9.1).
func (s *Server) newRevocation(ctx context.Context, rec store.Certificate, in api.NewRevocation) (store.Revocation, error) {
	reason, err := reasonCode(in.Reason)
	if err != nil {
		return store.Revocation{}, err
	}
	now := s.Now().UTC().Truncate(time.Second)
	revocation := store.Revocation{At: now, RevocationDate: now, Reason: reason, Note: in.Note, By: caller(ctx).ID}
	if !in.InvalidityDate.IsZero() {
		since := in.InvalidityDate.UTC().Truncate(time.Second)
		if since.After(now) {
			return store.Revocation{}, invalid("invalidity_date", "lies in the future", "leave it out for 'from now on'")
		}
		if since.Before(rec.NotBefore) && !rec.NotBefore.After(now) { // a clock that stood ahead dated it
			since = rec.NotBefore
		}
		revocation.InvalidityDate, revocation.RevocationDate = since, since
	}
	return revocation, nil
}

func (s *Server) certificateState(c store.Certificate) string {
	switch {
	case c.Revocation != nil:
		return "revoked"
	case s.Now().After(c.NotAfter):
		return "expired"
	}
	return "valid"
}

func (s *Server) apiCertificate(c store.Certificate) (api.Certificate, error) {
	cert, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return api.Certificate{}, fmt.Errorf("certificate %s on record: %w", c.Serial, err)
	}
	mark, err := s.CA.Arc().ReadMark(cert)
	if err != nil {
		return api.Certificate{}, fmt.Errorf("certificate %s on record: %w", c.Serial, err)
	}
	return s.certificateOf(c, mark.Assurance.Claims), nil
}

// certificateOf is a certificate on record whose mark makes these claims.
func (s *Server) certificateOf(c store.Certificate, claims []ext.Claim) api.Certificate {
	out := api.Certificate{
		Serial: c.Serial, Vendor: c.Vendor, Tier: c.Tier, State: s.certificateState(c), Claims: []api.Claim{},
		NotBefore: c.NotBefore, NotAfter: c.NotAfter, KeyHeldBy: "vendor", DER: c.DER,
		Profile: c.Profile, RequestID: c.Request, Replaces: c.Replaces,
	}
	switch {
	case c.SigningKey != "":
		out.KeyHeldBy = "service"
	case c.Build != "":
		out.KeyHeldBy, out.Build = "nobody", c.Build
	}
	for _, claim := range claims {
		out.Claims = append(out.Claims, api.Claim{Framework: claim.Framework, Track: claim.Track, Level: claim.Level, LevelID: claim.LevelID})
	}
	if r := c.Revocation; r != nil {
		out.Revocation = &api.Revocation{Reason: reasonName(r.Reason), RevocationDate: r.RevocationDate, InvalidityDate: r.InvalidityDate, Note: r.Note, By: r.By}
	}
	return out
}

// reasons are the CRLReason codes of RFC 5280 §5.3.1 that hallmark uses, by name.
var reasons = map[string]int{
	"unspecified": 0, "keyCompromise": 1, "cACompromise": 2, "affiliationChanged": 3, "superseded": 4,
	"cessationOfOperation": 5, "privilegeWithdrawn": 9,
}

func reasonCode(name string) (int, error) {
	code, ok := reasons[name]
	if !ok {
		return 0, invalid("reason", "unknown revocation reason "+name, "")
	}
	return code, nil
}

func reasonName(code int) string {
	for name, c := range reasons {
		if c == code {
			return name
		}
	}
	return fmt.Sprintf("reason %d", code)
}
