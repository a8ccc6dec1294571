package server

import (
	"context"
	"net/http"
	"slices"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

func (s *Server) addAuditor(ctx context.Context, in *body[api.NewAuditor]) (*body[api.Invitation], error) {
	person := store.Person{
		ID: in.Body.ID, Role: api.RoleAuditor, Organization: in.Body.Organization, CreatedAt: s.Now().UTC(), LogSalt: audit.NewLogSalt(),
	}
	accreditations := make([]store.Accreditation, 0, len(in.Body.Accreditations))
	for _, a := range in.Body.Accreditations {
		accreditation, err := s.newAccreditation(person.ID, a)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(accreditations, func(o store.Accreditation) bool { return o.Framework == accreditation.Framework }) {
			return nil, problem(http.StatusConflict, "accreditation-exists", "framework "+accreditation.Framework+" is named twice", "")
		}
		accreditations = append(accreditations, accreditation)
	}
	enrolment, invitation := s.invitation(person)
	event := s.event(ctx, "add.auditor", person.ID, map[string]string{"organization": person.Organization})
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		if err := insertPerson(tx, person, enrolment, event); err != nil {
			return err
		}
		for _, a := range accreditations {
			if err := s.Register.Accredit(tx, person, a); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.flush(ctx)
	return answer(invitation), nil
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
	var auditor api.Auditor
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		person, err := getAuditor(tx, in.ID)
		if err != nil {
			return err
		}
		if !person.DisabledAt.IsZero() {
			return problem(http.StatusConflict, "person-disabled", "this account is disabled", "an auditor whose word was taken back is not accredited again")
		}
		if err := s.Register.Accredit(tx, person, accreditation); err != nil {
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
	s.flush(ctx)
	return answer(auditor), nil
}

func (s *Server) suspendAuditor(ctx context.Context, in *IDPath) (*body[api.Auditor], error) {
	if err := s.Register.SuspendAuditor(ctx, in.ID, caller(ctx).ID); err != nil {
		return nil, err
	}
	var auditor api.Auditor
	err := s.Store.View(ctx, func(r store.Reader) error {
		person, err := getAuditor(r, in.ID)
		if err != nil {
			return err
		}
		auditor, err = readAuditor(r, person)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer(auditor), nil
}

func getAuditor(r store.Reader, id string) (store.Person, error) {
	person, err := store.People.Get(r, id)
	if err == nil && person.Role != api.RoleAuditor {
		return store.Person{}, notFound("auditor", id)
	}
	return person, missing(err, "auditor", id)
}

// showAuditor tells all about one auditor. The salt opens what the log says about
// them, so it is for officers, who have to be able to show it, and for themselves.
func (s *Server) showAuditor(ctx context.Context, in *IDPath) (*body[api.AuditorDetail], error) {
	p := caller(ctx)
	if p.Role == api.RoleAuditor && p.ID != in.ID {
		return nil, notFound("auditor", in.ID)
	}
	out := api.AuditorDetail{AllKeys: []api.AuditorKey{}}
	err := s.Store.View(ctx, func(r store.Reader) error {
		person, err := getAuditor(r, in.ID)
		if err != nil {
			return err
		}
		out.Pseudonym = audit.Pseudonym(person)
		if p.Role == api.RoleOfficer || p.ID == in.ID {
			out.LogSalt = person.LogSalt
		}
		if out.Auditor, err = readAuditor(r, person); err != nil {
			return err
		}
		out.AllKeys, err = allKeys(r, in.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	record, err := s.Register.TrackRecord(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out.Record = apiRecord(record)
	return answer(out), nil
}

func allKeys(r store.Reader, auditor string) ([]api.AuditorKey, error) {
	keys := []api.AuditorKey{}
	for k, err := range store.AuditorKeys.By(r, "auditor", auditor) {
		if err != nil {
			return nil, err
		}
		keys = append(keys, api.AuditorKey{SHA256: k.SPKISHA256, AddedAt: k.AddedAt, RevokedAt: k.RevokedAt})
	}
	return keys, nil
}

func apiRecord(r audit.Record) api.TrackRecord {
	return api.TrackRecord{
		Vendors: r.Vendors, Assessments: r.ByState, Lowered: r.Lowered, Withdrawn: r.Withdrawn, InReview: r.InReview,
		Revoked: r.Revoked, First: r.First, Last: r.Last,
	}
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
		page.Items = []api.Auditor{}
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
	for a, err := range store.Accreditations.All(r, person.ID+"/") {
		if err != nil {
			return api.Auditor{}, err
		}
		if a.Auditor != person.ID {
			break
		}
		auditor.Accreditations = append(auditor.Accreditations, api.Accreditation{Framework: a.Framework, From: a.From, Until: a.Until, SuspendedAt: a.SuspendedAt})
	}
	keys, err := allKeys(r, person.ID)
	for _, k := range keys {
		if k.RevokedAt.IsZero() {
			auditor.Keys = append(auditor.Keys, k.SHA256)
		}
	}
	return auditor, err
}
