package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// signOutPerson revokes all client certificates of a person, and ends the invitations that
// nobody has used: a device was lost, a token went to somebody else. The person stays who
// they are; a new invitation lets them in again. A vendor's build system is one as well.
func (s *Server) signOutPerson(ctx context.Context, in *IDPath) (*body[api.SignedOut], error) {
	if in.ID == caller(ctx).ID {
		return nil, problem(http.StatusConflict, "own-account", "you cannot sign yourself out", "ask another officer")
	}
	now := s.Now().UTC()
	var out api.SignedOut
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		person, err := store.People.Get(tx, in.ID)
		if err != nil {
			return missing(err, "person", in.ID)
		}
		out = api.SignedOut{Person: apiPerson(person)}
		if out.Certificates, err = revokeClients(tx, in.ID, now); err != nil {
			return err
		}
		if out.Invitations, err = endInvitations(tx, in.ID, now); err != nil {
			return err
		}
		return store.Events.Insert(tx, store.NewEvent(now, caller(ctx).ID, "sign-out.person", in.ID, map[string]string{
			"client_certificates": strconv.Itoa(out.Certificates), "invitations": strconv.Itoa(out.Invitations),
		}))
	})
	if err != nil {
		return nil, err
	}
	return answer(out), nil
}

// revokeClients says how many it has revoked.
func revokeClients(tx store.Tx, person string, now time.Time) (int, error) {
	var good []store.ClientCertificate
	for c, err := range store.ClientCertificates.By(tx, "person", person) {
		if err != nil {
			return 0, err
		}
		if c.RevokedAt.IsZero() {
			good = append(good, c)
		}
	}
	for _, c := range good {
		c.RevokedAt = now
		if err := store.ClientCertificates.Put(tx, c); err != nil {
			return 0, err
		}
	}
	return len(good), nil
}

// endInvitations says how many it has ended. They are few, and found by their secret, so
// there is no index of them.
func endInvitations(tx store.Tx, person string, now time.Time) (int, error) {
	var open []store.Enrolment
	for e, err := range store.Enrolments.All(tx, "") {
		if err != nil {
			return 0, err
		}
		if e.Person == person && e.UsedAt.IsZero() && now.Before(e.ExpiresAt) {
			open = append(open, e)
		}
	}
	for _, e := range open {
		e.ExpiresAt = now
		if err := store.Enrolments.Put(tx, e); err != nil {
			return 0, err
		}
	}
	return len(open), nil
}
