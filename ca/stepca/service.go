package stepca

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/store"
	casapi "github.com/smallstep/certificates/cas/apiv1"
	"github.com/smallstep/certificates/errs"
	"github.com/smallstep/certificates/webhook"
)

// casTimeout bounds a request that comes from smallstep's Authority, whose
// interface hands no context on.
const casTimeout = 30 * time.Second

// What intents and records say about these ways in.
const (
	wayStep = "step" // a token: X5C, JWK or OIDC
	wayACME = "acme"
)

// certificateService is smallstep's certificate authority service on top of Issue.
// The Authority has checked the token and rendered a template; of that template it
// takes only who the client is.
//
// Authority.SignWithContext without a template option renders what the CSR asks
// for, subject names included. So every template of ours carries a marker, secret
// and drawn when the process starts; a template without it is refused, or a CSR
// could name the vendor to issue for.
type certificateService struct {
	ca     *ca.CA
	store  Store
	marker string
}

func newMarker() string {
	var b [32]byte
	rand.Read(b[:]) // never fails (crypto/rand.Read documents it)
	return hex.EncodeToString(b[:])
}

// CreateCertificate asks the gate for everything in force of the vendor whom the
// provisioner authenticated. Subject, names, extensions and key usages of
// template and CSR are ignored; of the CSR only the key is used, after its proof of
// possession.
func (s *certificateService) CreateCertificate(req *casapi.CreateCertificateRequest) (*casapi.CreateCertificateResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), casTimeout)
	defer cancel()
	issued, err := s.create(ctx, req)
	if r := ca.IsRefusal(err); r != nil {
		// smallstep's ACME answers "internal error" to all but an error of a webhook, whose
		// code and message it passes on.
		return nil, errs.ForbiddenErr(errors.Join(r, &webhook.Error{Code: string(r.Code), Message: r.Detail}), "%s", r.Error())
	}
	if err != nil {
		return nil, err
	}
	return &casapi.CreateCertificateResponse{Certificate: issued.Certificate, CertificateChain: issued.Chain}, nil
}

func (s *certificateService) create(ctx context.Context, req *casapi.CreateCertificateRequest) (ca.Issued, error) {
	if req == nil || req.CSR == nil {
		return ca.Issued{}, refuse(ca.CodeBadRequest, "", "no certificate request")
	}
	pub, err := ca.CheckCSR(req.CSR.Raw)
	if err != nil {
		return ca.Issued{}, err
	}
	if err := s.ours(req); err != nil {
		return ca.Issued{}, err
	}
	who, err := s.asker(ctx, req)
	if err != nil {
		return ca.Issued{}, err
	}
	validity := min(req.Lifetime, ca.MaxValidity)
	if validity < minValidity {
		return ca.Issued{}, refuse(ca.CodeValidity, "", "a validity of %s is shorter than %s", validity, minValidity)
	}
	return s.ca.Issue(ctx, ca.Request{Vendor: who.vendor, PublicKey: pub, Validity: validity, By: who.by, Way: who.way})
}

// ours refuses what was not rendered from a template of ours.
func (s *certificateService) ours(req *casapi.CreateCertificateRequest) error {
	if req.Provisioner == nil || req.Template == nil || s.marker == "" ||
		subtle.ConstantTimeCompare([]byte(req.Template.Subject.SerialNumber), []byte(s.marker)) != 1 {
		return refuse(ca.CodeProvisioner, "GET /1.0/provisioners lists them", "the request did not come through a provisioner of this CA")
	}
	return nil
}

// RenewCertificate refuses: a renewal by the old certificate alone would not ask
// whether the assessments still stand.
func (s *certificateService) RenewCertificate(*casapi.RenewCertificateRequest) (*casapi.RenewCertificateResponse, error) {
	err := refuse(ca.CodeRenewal, "ask for a new certificate", "certificates are not renewed, so that everything is checked again")
	return nil, errs.ForbiddenErr(err, "%s", err.Error())
}

// RevokeCertificate revokes by serial number, decimal as smallstep writes it. It
// answers for nobody's right to do so: New mounts no route to it.
func (s *certificateService) RevokeCertificate(req *casapi.RevokeCertificateRequest) (*casapi.RevokeCertificateResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), casTimeout)
	defer cancel()
	serial, ok := new(big.Int).SetString(req.SerialNumber, 10)
	if req.Certificate != nil {
		serial, ok = req.Certificate.SerialNumber, true
	}
	if !ok || serial.Sign() <= 0 {
		return nil, errs.BadRequest("no serial number to revoke")
	}
	err := s.ca.Revoke(ctx, ca.SerialKey(serial), store.Revocation{Reason: req.ReasonCode, Note: req.Reason, By: wayStep})
	if r := ca.IsRefusal(err); r != nil {
		return nil, errs.ForbiddenErr(r, "%s", r.Error())
	}
	if err != nil {
		return nil, err
	}
	return &casapi.RevokeCertificateResponse{Certificate: req.Certificate}, nil
}

func refuse(code ca.Code, hint, format string, args ...any) error {
	return &ca.Refusal{Code: code, Detail: fmt.Sprintf(format, args...), Hint: hint}
}
