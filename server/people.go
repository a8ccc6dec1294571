package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// IDPath is the path of a person, vendor or auditor. Like the other parts of
// inputs it is exported because huma does not look into embedded structs that are not.
type IDPath struct {
	ID string `path:"id" pattern:"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"`
}

// PageQuery continues a list.
type PageQuery struct {
	After string `query:"after" maxLength:"256" doc:"cursor: 'next' of the page before"`
}

type body[T any] struct{ Body T }

func answer[T any](v T) *body[T] { return &body[T]{v} }

// Invite makes a one-time token for person. It returns the record to store and
// the token to hand over.
func Invite(person string, apiURL string, caSHA256 [32]byte, now time.Time) (store.Enrolment, api.Token) {
	secret := make([]byte, 24)
	rand.Read(secret) // never fails
	token := api.Token{Server: apiURL, CASHA256: hex.EncodeToString(caSHA256[:]), Secret: base64.RawURLEncoding.EncodeToString(secret)}
	return store.Enrolment{
		TokenSHA256: secretDigest(token.Secret),
		Person:      person,
		CreatedAt:   now.UTC(),
		ExpiresAt:   now.UTC().Add(enrolmentValidity),
	}, token
}

func secretDigest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func (s *Server) invitation(person store.Person) (store.Enrolment, api.Invitation) {
	enrolment, token := Invite(person.ID, s.APIURL, sha256.Sum256(s.Operator.OperatorRoot().Raw), s.Now())
	return enrolment, api.Invitation{Person: apiPerson(person), Token: token.String(), ExpiresAt: enrolment.ExpiresAt}
}

func (s *Server) event(ctx context.Context, action, object string, detail map[string]string) store.Event {
	return store.NewEvent(s.Now(), caller(ctx).ID, action, object, detail)
}

func (s *Server) addPerson(ctx context.Context, in *body[api.NewPerson]) (*body[api.Invitation], error) {
	if (in.Body.Role == api.RoleVendor) != (in.Body.Vendor != "") {
		return nil, invalid("vendor", "goes with role vendor, and only with it", "")
	}
	person := store.Person{ID: in.Body.ID, Role: in.Body.Role, Vendor: in.Body.Vendor, Organization: in.Body.Organization, CreatedAt: s.Now().UTC()}
	enrolment, invitation := s.invitation(person)
	event := s.event(ctx, "add.person", person.ID, map[string]string{"role": person.Role})
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		if person.Vendor != "" {
			if _, err := store.Vendors.Get(tx, person.Vendor); err != nil {
				return missing(err, "vendor", person.Vendor)
			}
		}
		if err := s.askConsent(ctx, tx, person, &enrolment, &invitation); err != nil {
			return err
		}
		return insertPerson(tx, person, enrolment, event)
	})
	if err != nil {
		return nil, err
	}
	return answer(invitation), nil
}

func insertPerson(tx store.Tx, person store.Person, enrolment store.Enrolment, event store.Event) error {
	if err := checkName(person.ID); err != nil {
		return err
	}
	if err := store.People.Insert(tx, person); err != nil {
		if errors.Is(err, store.ErrExists) {
			return problem(http.StatusConflict, "person-exists", "there is a person "+person.ID+" already", "choose another name, or invite them again")
		}
		return err
	}
	if err := store.Enrolments.Insert(tx, enrolment); err != nil {
		return err
	}
	return store.Events.Insert(tx, event)
}

func (s *Server) invitePerson(ctx context.Context, in *IDPath) (*body[api.Invitation], error) {
	var invitation api.Invitation
	event := s.event(ctx, "invite.person", in.ID, nil)
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		person, err := store.People.Get(tx, in.ID)
		if err != nil {
			return missing(err, "person", in.ID)
		}
		var enrolment store.Enrolment
		enrolment, invitation = s.invitation(person)
		if err := s.askConsent(ctx, tx, person, &enrolment, &invitation); err != nil {
			return err
		}
		if err := store.Enrolments.Insert(tx, enrolment); err != nil {
			return err
		}
		return store.Events.Insert(tx, event)
	})
	if err != nil {
		return nil, err
	}
	return answer(invitation), nil
}

func (s *Server) disablePerson(ctx context.Context, in *IDPath) (*body[api.Person], error) {
	if in.ID == caller(ctx).ID {
		return nil, problem(http.StatusConflict, "own-account", "you cannot disable yourself", "ask another officer")
	}
	var person store.Person
	event := s.event(ctx, "disable.person", in.ID, nil)
	now := s.Now().UTC()
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		var err error
		if person, err = store.People.Get(tx, in.ID); err != nil {
			return missing(err, "person", in.ID)
		}
		if person.DisabledAt.IsZero() {
			person.DisabledAt = now
		}
		if err := store.People.Put(tx, person); err != nil {
			return err
		}
		return store.Events.Insert(tx, event)
	})
	if err != nil {
		return nil, err
	}
	return answer(apiPerson(person)), nil
}

func (s *Server) listPeople(ctx context.Context, in *PageQuery) (*body[api.Page[api.Person]], error) {
	return list(ctx, s.Store, func(r store.Reader) seq[store.Person] { return store.People.All(r, in.After) },
		func(p store.Person) (string, api.Person) { return p.ID, apiPerson(p) })
}

func (s *Server) whoami(ctx context.Context, _ *struct{}) (*body[api.Person], error) {
	return answer(apiPerson(caller(ctx))), nil
}

func apiPerson(p store.Person) api.Person {
	return api.Person{ID: p.ID, Role: p.Role, Vendor: p.Vendor, Rebuilder: p.Rebuilder, Organization: p.Organization, CreatedAt: p.CreatedAt, DisabledAt: p.DisabledAt}
}

// missing turns ErrNotFound into an answer that names what is missing.
func missing(err error, kind, id string) error {
	if errors.Is(err, store.ErrNotFound) {
		return notFound(kind, id)
	}
	return err
}
