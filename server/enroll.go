package server

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net/http"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// enroll trades a token for a client certificate. The token is used up in the
// same transaction that records the certificate, so a second use is refused even
// when both come at once.
func (s *Server) enroll(ctx context.Context, in *body[api.EnrollRequest]) (*body[api.EnrollResponse], error) {
	clientKey, err := ca.CheckCSR(in.Body.CSR)
	if err != nil {
		return nil, invalid("csr", err.Error(), "make it with 'hallmark enroll'")
	}
	var signing *store.AuditorKey
	if len(in.Body.SigningCSR) > 0 {
		if signing, err = s.signingKey(in.Body.SigningCSR); err != nil {
			return nil, err
		}
	}
	// The person must be known before a certificate can name them; the second
	// look, inside the transaction, is the one that counts.
	person, err := s.invited(ctx, in.Body.Token)
	if err != nil {
		return nil, err
	}
	cert, err := s.Operator.IssueClient(ctx, clientKey, person, clientValidity)
	if err != nil {
		return nil, err
	}
	if err := s.recordEnrolment(ctx, in.Body.Token, person, cert, signing); err != nil {
		return nil, err
	}
	return answer(api.EnrollResponse{Person: apiPerson(person), Certificate: cert.Raw, CA: s.Operator.OperatorRoot().Raw}), nil
}

func (s *Server) signingKey(csr []byte) (*store.AuditorKey, error) {
	pub, err := ca.CheckCSR(csr)
	if err != nil {
		return nil, invalid("signing_csr", err.Error(), "make it with 'hallmark enroll'")
	}
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, invalid("signing_csr", err.Error(), "")
	}
	sum := sha256.Sum256(der)
	return &store.AuditorKey{SPKISHA256: hex.EncodeToString(sum[:]), PublicKey: der, AddedAt: s.Now().UTC()}, nil
}

func (s *Server) invited(ctx context.Context, secret string) (store.Person, error) {
	var person store.Person
	err := s.Store.View(ctx, func(r store.Reader) error {
		enrolment, err := s.openEnrolment(r, secret)
		if err != nil {
			return err
		}
		person, err = store.People.Get(r, enrolment.Person)
		return err
	})
	if err == nil {
		err = mayEnrol(person)
	}
	return person, err
}

func mayEnrol(person store.Person) error {
	if !person.DisabledAt.IsZero() {
		return problem(http.StatusForbidden, "person-disabled", "this account is disabled", "ask an officer")
	}
	return nil
}

func (s *Server) openEnrolment(r store.Reader, secret string) (store.Enrolment, error) {
	enrolment, err := store.Enrolments.Get(r, secretDigest(secret))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return enrolment, problem(http.StatusForbidden, "unknown-token", "this enrolment token is not known here", "copy it again, whole, or ask an officer for a new one")
	case err != nil:
		return enrolment, err
	case !enrolment.UsedAt.IsZero():
		return enrolment, problem(http.StatusForbidden, "token-used", "this enrolment token has been used", "ask an officer for a new one; if it was not you who used it, tell them")
	case !s.Now().Before(enrolment.ExpiresAt):
		return enrolment, problem(http.StatusForbidden, "token-expired", "this enrolment token has expired", "ask an officer for a new one")
	}
	return enrolment, checkConsent(r, enrolment, s.Now())
}

func (s *Server) recordEnrolment(ctx context.Context, secret string, person store.Person, cert *x509.Certificate, signing *store.AuditorKey) error {
	if (signing != nil) != (person.Role == api.RoleAuditor) {
		return invalid("signing_csr", "goes with role auditor, and only with it", "")
	}
	now := s.Now().UTC()
	serial := ca.SerialKey(cert.SerialNumber)
	event := store.NewEvent(now, person.ID, "enroll.person", person.ID, map[string]string{"client_certificate": serial})
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		enrolment, err := s.openEnrolment(tx, secret)
		if err != nil {
			return err
		}
		person, err := store.People.Get(tx, person.ID)
		if err != nil {
			return err
		}
		if err := mayEnrol(person); err != nil {
			return err
		}
		enrolment.UsedAt = now
		if err := store.Enrolments.Put(tx, enrolment); err != nil {
			return err
		}
		if signing != nil {
			key := *signing
			key.Auditor = person.ID
			if err := s.Register.RegisterKey(tx, person, key); err != nil {
				if errors.Is(err, store.ErrExists) {
					return invalid("signing_csr", "this key is registered already", "make a new one")
				}
				return err
			}
		}
		record := store.ClientCertificate{Serial: serial, Person: person.ID, DER: cert.Raw, NotAfter: cert.NotAfter.UTC()}
		if err := store.ClientCertificates.Insert(tx, record); err != nil {
			return err
		}
		if person.Role == api.RoleOfficer {
			if err := logOfficer(tx, enrolment, cert.Raw, now); err != nil {
				return err
			}
		}
		return store.Events.Insert(tx, event)
	})
	if err == nil && (signing != nil || person.Role == api.RoleOfficer) {
		s.flush(ctx)
	}
	return err
}
