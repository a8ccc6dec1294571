package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// Role sets that routes name. A set is checked exactly: no role contains another.
var (
	officers = []string{api.RoleOfficer}
	auditors = []string{api.RoleAuditor}
	vendors  = []string{api.RoleVendor}
	readers  = []string{api.RoleOfficer, api.RoleReader}
	// everybody are the people of the CA, its vendors and auditors. A rebuilder is none of
	// them: it learns of nothing but its own work.
	everybody  = []string{api.RoleOfficer, api.RoleAuditor, api.RoleVendor, api.RoleReader}
	rebuilders = []string{api.RoleRebuilder}
	enrolled   = []string{api.RoleOfficer, api.RoleAuditor, api.RoleVendor, api.RoleReader, api.RoleRebuilder, api.RoleMachine}
	// anonymous stands for a caller without a client certificate.
	anonymous = []string{"", api.RoleOfficer, api.RoleAuditor, api.RoleVendor, api.RoleReader, api.RoleRebuilder, api.RoleMachine}
)

type personKey struct{}

// caller returns who makes the request; the zero Person is anonymous.
func caller(ctx context.Context) store.Person {
	p, _ := ctx.Value(personKey{}).(store.Person)
	return p
}

// identify finds the person behind a connection's client certificate. The TLS
// stack has verified the chain; here the record decides: revoked certificates
// and disabled people are refused.
func (s *Server) identify(ctx context.Context, state *tls.ConnectionState) (store.Person, error) {
	if state == nil || len(state.VerifiedChains) == 0 {
		return store.Person{}, nil
	}
	presented := state.VerifiedChains[0][0]
	var person store.Person
	err := s.Store.View(ctx, func(r store.Reader) error {
		cert, err := s.clients.Get(r, store.ClientCertificates, ca.SerialKey(presented.SerialNumber))
		if err != nil {
			return err
		}
		if !bytes.Equal(cert.DER, presented.Raw) { // the bytes decide, not the number
			return store.ErrNotFound
		}
		if !cert.RevokedAt.IsZero() {
			return problem(http.StatusForbidden, "certificate-revoked", "this client certificate is revoked", "ask an officer for a new invitation")
		}
		if s.Now().After(cert.NotAfter) { // TLS looked when the connection was made, which may be long ago
			return problem(http.StatusForbidden, "certificate-expired", "this client certificate has expired", "ask an officer for a new invitation")
		}
		person, err = s.people.Get(r, store.People, cert.Person)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.Person{}, problem(http.StatusForbidden, "unknown-certificate", "this client certificate is not on record", "enrol again with a new invitation")
	case err != nil:
		return store.Person{}, err
	case !person.DisabledAt.IsZero():
		return store.Person{}, problem(http.StatusForbidden, "person-disabled", "this account is disabled", "ask an officer")
	}
	return person, nil
}

// authorise lets person through when roles names theirs.
func authorise(person store.Person, roles []string) error {
	if slices.Contains(roles, person.Role) {
		return nil
	}
	if person.Role == "" {
		return problem(http.StatusUnauthorized, "no-identity", "this needs a client certificate", "run 'hallmark enroll TOKEN' with a token from an officer")
	}
	return problem(http.StatusForbidden, "wrong-role", "role "+person.Role+" may not do this", "")
}

// admit is the middleware of every API route.
func (s *Server) admit(roles []string) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		person, err := s.identify(ctx.Context(), ctx.TLS())
		if text := ctx.Header("Authorization"); err == nil && person.ID == "" && text != "" {
			person, err = s.identifyMachine(ctx.Context(), text)
		}
		if err == nil {
			err = authorise(person, roles)
		}
		if err != nil {
			p := s.asProblem(ctx.Context(), err)
			writeProblem(ctx, p)
			return
		}
		next(huma.WithValue(ctx, personKey{}, person))
	}
}

// allow is the same for a plain handler.
func (s *Server) allow(h http.Handler, roles ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		person, err := s.identify(r.Context(), r.TLS)
		if err == nil {
			err = authorise(person, roles)
		}
		if err != nil {
			p := s.asProblem(r.Context(), err)
			http.Error(w, p.Error(), p.Status)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// ownVendor narrows an access to the caller's vendor: for roles vendor and ci any other
// id is refused, for the rest it passes through.
func ownVendor(ctx context.Context, id string) (string, error) {
	p := caller(ctx)
	if p.Role != api.RoleVendor && p.Role != api.RoleMachine {
		return id, nil
	}
	if id != "" && id != p.Vendor {
		return "", notFound("vendor", id)
	}
	return p.Vendor, nil
}
