package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

func (s *Server) addAuditor(ctx context.Context, in *body[api.NewAuditor]) (*body[api.Invitation], error) {
	person := store.Person{ID: in.Body.ID, Role: api.RoleAuditor, Organization: in.Body.Organization, CreatedAt: s.Now().UTC()}
	accreditations := make([]store.Accreditation, 0, len(in.Body.Accreditations))
	for _, a := range in.Body.Accreditations {
		accreditation, err := s.newAccreditation(person.ID, a)
		if err != nil {
			return nil, err
		}
		accreditations = append(accreditations, accreditation)
	}
	enrolment, invitation := s.invitation(person)
	event := s.event(ctx, "add.auditor", person.ID, map[string]string{"organization": person.Organization})
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		for _, a := range accreditations {
			if err := store.Accreditations.Insert(tx, a); err != nil {
				return accreditationExists(err, a.Framework)
			}
		}
		return insertPerson(tx, person, enrolment, event)
	})
	if err != nil {
		return nil, err
	}
	return answer(invitation), nil
}

func accreditationExists(err error, framework string) error {
	if errors.Is(err, store.ErrExists) {
		return problem(http.StatusConflict, "accreditation-exists", "framework "+framework+" is named twice", "")
	}
	return err
}

func (s *Server) newAccreditation(auditor string, a api.Accreditation) (store.Accreditation, error) {
	now := s.Now().UTC()
	from := a.From.UTC()
	if a.From.IsZero() {
		from = now
	}
	if _, known := s.Catalogue.Lookup(a.Framework); !known {
		return store.Accreditation{}, invalid("accreditations.framework", "unknown framework "+a.Framework, "'hallmark audit frameworks' lists them")
	}
	if !a.Until.After(from) || !a.Until.After(now) {
		return store.Accreditation{}, invalid("accreditations.until", "must lie after the start and in the future", "")
	}
	return store.Accreditation{Auditor: auditor, Framework: a.Framework, From: from, Until: a.Until.UTC()}, nil
}

type accreditInput struct {
	IDPath
	Body api.Accreditation
}

func (s *Server) accreditAuditor(ctx context.Context, in *accreditInput) (*body[api.Auditor], error) {
	accreditation, err := s.newAccreditation(in.ID, in.Body)
	if err != nil {
		return nil, err
	}
	event := s.event(ctx, "accredit.auditor", in.ID, map[string]string{"framework": accreditation.Framework})
	return s.changeAuditor(ctx, in.ID, event, func(tx store.Tx) error {
		return store.Accreditations.Put(tx, accreditation)
	})
}

func (s *Server) suspendAuditor(ctx context.Context, in *IDPath) (*body[api.Auditor], error) {
	now := s.Now().UTC()
	event := s.event(ctx, "suspend.auditor", in.ID, nil)
	return s.changeAuditor(ctx, in.ID, event, func(tx store.Tx) error {
		accreditations, err := accreditationsOf(tx, in.ID)
		if err != nil {
			return err
		}
		for _, a := range accreditations {
			if a.SuspendedAt.IsZero() {
				a.SuspendedAt = now
			}
			if err := store.Accreditations.Put(tx, a); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Server) changeAuditor(ctx context.Context, id string, event store.Event, change func(store.Tx) error) (*body[api.Auditor], error) {
	var auditor api.Auditor
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		person, err := store.People.Get(tx, id)
		if err != nil {
			return missing(err, "auditor", id)
		}
		if person.Role != api.RoleAuditor {
			return notFound("auditor", id)
		}
		if err := change(tx); err != nil {
			return err
		}
		if auditor, err = readAuditor(tx, person); err != nil {
			return err
		}
		return store.Events.Insert(tx, event)
	})
	if err != nil {
		return nil, err
	}
	return answer(auditor), nil
}

func (s *Server) listAuditors(ctx context.Context, in *PageQuery) (*body[api.Page[api.Auditor]], error) {
	people, err := listWhere(ctx, s.Store, func(r store.Reader) seq[store.Person] { return store.People.All(r, in.After) },
		func(p store.Person) bool { return p.Role == api.RoleAuditor },
		func(p store.Person) (string, store.Person) { return p.ID, p })
	if err != nil {
		return nil, err
	}
	page := api.Page[api.Auditor]{Items: []api.Auditor{}, Next: people.Body.Next}
	err = s.Store.View(ctx, func(r store.Reader) error {
		for _, p := range people.Body.Items {
			auditor, err := readAuditor(r, p)
			if err != nil {
				return err
			}
			page.Items = append(page.Items, auditor)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return answer(page), nil
}

func readAuditor(r store.Reader, person store.Person) (api.Auditor, error) {
	auditor := api.Auditor{Person: apiPerson(person), Accreditations: []api.Accreditation{}, Keys: []string{}}
	accreditations, err := accreditationsOf(r, person.ID)
	if err != nil {
		return api.Auditor{}, err
	}
	for _, a := range accreditations {
		auditor.Accreditations = append(auditor.Accreditations, api.Accreditation{Framework: a.Framework, From: a.From, Until: a.Until, SuspendedAt: a.SuspendedAt})
	}
	for k, err := range store.AuditorKeys.By(r, "auditor", person.ID) {
		if err != nil {
			return api.Auditor{}, err
		}
		if k.RevokedAt.IsZero() {
			auditor.Keys = append(auditor.Keys, k.SPKISHA256)
		}
	}
	return auditor, nil
}

func accreditationsOf(r store.Reader, auditor string) ([]store.Accreditation, error) {
	var found []store.Accreditation
	for a, err := range store.Accreditations.All(r, auditor+"/") {
		if err != nil {
			return nil, err
		}
		if a.Auditor != auditor {
			break
		}
		found = append(found, a)
	}
	return found, nil
}
