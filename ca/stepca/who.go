package stepca

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/store"
	casapi "github.com/smallstep/certificates/cas/apiv1"
)

// asker is for whom a certificate is asked.
type asker struct {
	vendor string
	by     string // for the record
	way    string // for the record
}

// asker finds out who asks, from what the provisioner authenticated and our template
// handed on, and what stands on record about them now. It is asked for every
// certificate, so that a person disabled, a key removed or a certificate revoked
// counts from the next request on. Whether the vendor is suspended, the gate asks.
func (s *certificateService) asker(ctx context.Context, req *casapi.CreateCertificateRequest) (asker, error) {
	subject := req.Template.Subject
	var find func(store.Reader) (asker, error)
	switch req.Provisioner.Type {
	case "X5C":
		cert, err := clientCertificate(subject.CommonName)
		if err != nil {
			return asker{}, err
		}
		find = func(r store.Reader) (asker, error) { return vendorPerson(r, cert) }
	case "JWK":
		find = func(r store.Reader) (asker, error) { return known(r, subject.CommonName, store.IdentityJWK) }
	case "OIDC":
		if len(subject.Organization) != 1 || len(subject.OrganizationalUnit) != 1 || !plain(subject.OrganizationalUnit[0]) {
			return asker{}, refuse(ca.CodeProvisioner, "", "the token has no issuer or subject that can be on record")
		}
		id := oidcID(subject.Organization[0], subject.OrganizationalUnit[0])
		find = func(r store.Reader) (asker, error) { return known(r, id, store.IdentityOIDC) }
	case "ACME":
		find = func(r store.Reader) (asker, error) {
			key, err := boundKey(r, subject.CommonName)
			return asker{vendor: key.Vendor, by: "acme-" + key.ID, way: wayACME}, err
		}
	default:
		return asker{}, refuse(ca.CodeProvisioner, "", "the request did not come through a provisioner of this CA")
	}
	var who asker
	err := s.store.View(ctx, func(r store.Reader) (err error) { who, err = find(r); return err })
	return who, err
}

// known is who has an identity on record.
func known(r store.Reader, id, kind string) (asker, error) {
	rec, err := identity(r, id)
	if err != nil {
		return asker{}, err
	}
	if rec.Kind != kind {
		return asker{}, refuse(ca.CodeProvisioner, "", "the identity %s is of kind %s", id, rec.Kind)
	}
	return asker{vendor: rec.Vendor, by: rec.ID, way: wayStep}, nil
}

// clientCertificate returns the client certificate that a token was signed with, as our
// template passed it on.
func clientCertificate(text string) (*x509.Certificate, error) {
	der, err := base64.StdEncoding.DecodeString(text)
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
func vendorPerson(r store.Reader, cert *x509.Certificate) (asker, error) {
	serial := ca.SerialKey(cert.SerialNumber)
	rec, err := store.ClientCertificates.Get(r, serial)
	if errors.Is(err, store.ErrNotFound) || err == nil && (!rec.RevokedAt.IsZero() || string(rec.DER) != string(cert.Raw)) {
		return asker{}, refuse(ca.CodeProvisioner, "enrol again", "client certificate %s is revoked or not on record", serial)
	}
	if err != nil {
		return asker{}, err
	}
	person, err := activePerson(r, rec.Person)
	if err != nil {
		return asker{}, err
	}
	vendor, err := store.Vendors.Get(r, person.Vendor)
	if errors.Is(err, store.ErrNotFound) || err == nil && vendor.URI != cert.URIs[0].String() {
		return asker{}, refuse(ca.CodeUnknownVendor, "enrol again", "the client certificate names a vendor that is not %s", person.Vendor)
	}
	return asker{vendor: person.Vendor, by: person.ID, way: wayStep}, err
}

// activePerson returns a person who may ask for a vendor's certificates.
func activePerson(r store.Reader, id string) (store.Person, error) {
	person, err := store.People.Get(r, id)
	if err != nil {
		return person, err
	}
	if person.Role != "vendor" || person.Vendor == "" || !person.DisabledAt.IsZero() {
		return person, refuse(ca.CodeProvisioner, "", "%s may not ask for certificates", person.ID)
	}
	return person, nil
}

// boundKey returns the key that bound an ACME account to a vendor, if it still does.
func boundKey(r store.Reader, account string) (store.ACMEKey, error) {
	for key, err := range store.ACMEKeys.By(r, "account", account) {
		if err != nil {
			return key, err
		}
		return key, standing(r, key)
	}
	return store.ACMEKey{}, refuse(ca.CodeProvisioner, "make a new account with a key from 'hallmark acme key'", "no vendor stands behind the ACME account")
}

// standing refuses a key on whose word nobody may act any more.
func standing(r store.Reader, key store.ACMEKey) error {
	if key.Person == "" {
		return nil
	}
	person, err := activePerson(r, key.Person)
	if err == nil && person.Vendor != key.Vendor {
		err = refuse(ca.CodeProvisioner, "", "%s is not of vendor %s", person.ID, key.Vendor)
	}
	return err
}

// usable refuses a key that no account may be bound with now.
func usable(r store.Reader, key store.ACMEKey, now time.Time) error {
	if key.Account != "" {
		return refuse(ca.CodeProvisioner, "ask for another", "the key %s has bound an account already", key.ID)
	}
	if !now.Before(key.ExpiresAt) {
		return refuse(ca.CodeProvisioner, "ask for a new one", "the key %s has expired", key.ID)
	}
	vendor, err := store.Vendors.Get(r, key.Vendor)
	if err == nil && !vendor.SuspendedAt.IsZero() {
		err = refuse(ca.CodeVendorSuspended, "", "vendor %s is suspended", key.Vendor)
	}
	if err != nil {
		return err
	}
	return standing(r, key)
}
