package stepca

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/store"
	casapi "github.com/smallstep/certificates/cas/apiv1"
	"github.com/smallstep/certificates/errs"
)

// casTimeout bounds a request that comes from smallstep's Authority, whose
// interface hands no context on.
const casTimeout = 30 * time.Second

// wayStep is what intents and records say about this way in.
const wayStep = "step"

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

// CreateCertificate asks the gate for everything in force of the vendor whose
// client certificate signed the token. Subject, names, extensions and key usages of
// template and CSR are ignored; of the CSR only the key is used, after its proof of
// possession.
func (s *certificateService) CreateCertificate(req *casapi.CreateCertificateRequest) (*casapi.CreateCertificateResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), casTimeout)
	defer cancel()
	issued, err := s.create(ctx, req)
	if r := ca.IsRefusal(err); r != nil {
		return nil, errs.ForbiddenErr(r, "%s", r.Error())
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
	client, err := s.client(req)
	if err != nil {
		return ca.Issued{}, err
	}
	person, err := s.vendorPerson(ctx, client)
	if err != nil {
		return ca.Issued{}, err
	}
	validity := min(req.Lifetime, ca.MaxValidity)
	if validity < minValidity {
		return ca.Issued{}, refuse(ca.CodeValidity, "", "a validity of %s is shorter than %s", validity, minValidity)
	}
	return s.ca.Issue(ctx, ca.Request{Vendor: person.Vendor, PublicKey: pub, Validity: validity, By: person.ID, Way: wayStep})
}

// client returns the client certificate that the token was signed with, as our
// template passed it on.
func (s *certificateService) client(req *casapi.CreateCertificateRequest) (*x509.Certificate, error) {
	untrusted := refuse(ca.CodeProvisioner, "use the provisioner "+x5cName, "the request did not come through the provisioner %s", x5cName)
	if req.Provisioner == nil || req.Provisioner.Name != x5cName || req.Provisioner.Type != "X5C" || req.Template == nil {
		return nil, untrusted
	}
	if s.marker == "" || subtle.ConstantTimeCompare([]byte(req.Template.Subject.SerialNumber), []byte(s.marker)) != 1 {
		return nil, untrusted
	}
	der, err := base64.StdEncoding.DecodeString(req.Template.Subject.CommonName)
	if err != nil {
		return nil, fmt.Errorf("client certificate in template: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("client certificate in template: %w", err)
	}
	if len(cert.URIs) != 1 {
		return nil, refuse(ca.CodeProvisioner, "use a client certificate of a person in role vendor", "the client certificate names no vendor")
	}
	return cert, nil
}

// vendorPerson returns the vendor's person who holds a client certificate that is
// on record and not revoked. smallstep verifies its chain only.
func (s *certificateService) vendorPerson(ctx context.Context, cert *x509.Certificate) (person store.Person, err error) {
	serial := ca.SerialKey(cert.SerialNumber)
	err = s.store.View(ctx, func(r store.Reader) error {
		rec, err := store.ClientCertificates.Get(r, serial)
		if errors.Is(err, store.ErrNotFound) || err == nil && (!rec.RevokedAt.IsZero() || string(rec.DER) != string(cert.Raw)) {
			return refuse(ca.CodeProvisioner, "enrol again", "client certificate %s is revoked or not on record", serial)
		}
		if err != nil {
			return err
		}
		if person, err = store.People.Get(r, rec.Person); err != nil {
			return err
		}
		if person.Role != "vendor" || person.Vendor == "" || !person.DisabledAt.IsZero() {
			return refuse(ca.CodeProvisioner, "", "%s may not ask for certificates", person.ID)
		}
		vendor, err := store.Vendors.Get(r, person.Vendor)
		if errors.Is(err, store.ErrNotFound) || err == nil && vendor.URI != cert.URIs[0].String() {
			return refuse(ca.CodeUnknownVendor, "enrol again", "the client certificate names a vendor that is not %s", person.Vendor)
		}
		return err
	})
	return person, err
}

// RenewCertificate refuses: a renewal by the old certificate alone would not ask
// whether the assessments still stand.
func (s *certificateService) RenewCertificate(*casapi.RenewCertificateRequest) (*casapi.RenewCertificateResponse, error) {
	err := refuse(ca.CodeRenewal, "ask for a new certificate", "certificates are not renewed, so that everything is checked again")
	return nil, errs.ForbiddenErr(err, "%s", err.Error())
}

// RevokeCertificate revokes by serial number, decimal as smallstep writes it. It
// answers for nobody's right to do so: NewStepAuthority mounts no route to it.
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
