package server

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/sign/workload"
	"github.com/hallmark-pki/hallmark/store"
)

// identifyMachine finds the build system whose token stands in an Authorization header
// (RFC 6750 §2.1).
func (s *Server) identifyMachine(ctx context.Context, header string) (store.Person, error) {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || s.Machines == nil {
		return store.Person{}, problem(http.StatusUnauthorized, "no-token", "a token is wanted: Authorization: Bearer", "")
	}
	person, err := s.Machines.Identify(ctx, strings.TrimSpace(token))
	var refused *workload.Refusal
	if errors.As(err, &refused) {
		s.Log.InfoContext(ctx, "token refused", "reason", string(refused.Reason), "detail", refused.Detail)
		if refused.Reason == workload.Unavailable {
			return store.Person{}, problem(http.StatusServiceUnavailable, string(refused.Reason), refused.Detail, "try again in a minute")
		}
		return store.Person{}, problem(http.StatusUnauthorized, string(refused.Reason), refused.Detail, "'hallmark ci list' shows how tokens must look")
	}
	return person, err
}

// maxMachines bounds a vendor's build systems, and with them what one token is compared
// with. A guess.
const maxMachines = 200

// machineAudience is the audience of a vendor's tokens: it names this CA and the vendor,
// so that a token for one vendor is of no use for another.
func (s *Server) machineAudience(vendor string) (string, error) {
	return url.JoinPath(s.APIURL, "ci", vendor)
}

type machineInput struct {
	IDPath
	Body api.NewMachine
}

// addMachine registers a build system. What it may sign is bounded by its products, and by
// the products' policies, which name it as a signer or not.
func (s *Server) addMachine(ctx context.Context, in *machineInput) (*body[api.Machine], error) {
	vendor, err := ownVendor(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	m, err := s.newMachine(ctx, vendor, in.Body)
	if err != nil {
		return nil, err
	}
	person := store.Person{ID: m.Person, Role: api.RoleMachine, Vendor: vendor, CreatedAt: m.AddedAt}
	enrolment, invitation := s.invitation(person)
	event := s.event(ctx, "add.machine", m.Person, map[string]string{"vendor": vendor, "issuer": m.Issuer, "subject": m.Subject, "products": strings.Join(m.Products, ", ")})
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		v, err := store.Vendors.Get(tx, vendor)
		if err != nil {
			return missing(err, "vendor", vendor)
		}
		if n, err := store.Machines.Count(tx, "vendor", vendor); err != nil {
			return err
		} else if n >= maxMachines {
			return problem(http.StatusConflict, "too-many-machines", "this vendor has as many build systems as there can be", "")
		}
		if err := looksLikeAnother(tx, m); err != nil {
			return err
		}
		person := person
		person.Organization = v.Organization
		if err := store.People.Insert(tx, person); err != nil {
			if errors.Is(err, store.ErrExists) {
				return problem(http.StatusConflict, "person-exists", "there is a person or machine "+person.ID+" already", "choose another name")
			}
			return err
		}
		if m.Issuer == "" {
			if err := store.Enrolments.Insert(tx, enrolment); err != nil {
				return err
			}
		}
		if err := store.Machines.Insert(tx, m); err != nil {
			return err
		}
		return store.Events.Insert(tx, event)
	})
	if err != nil {
		return nil, err
	}
	out := apiMachine(m)
	if m.Issuer == "" {
		out.Invitation = &invitation
	}
	return answer(out), nil
}

// newMachine checks what was asked for.
func (s *Server) newMachine(ctx context.Context, vendor string, in api.NewMachine) (store.Machine, error) {
	if err := checkName(in.ID); err != nil {
		return store.Machine{}, err
	}
	m := store.Machine{
		Person: in.ID, Vendor: vendor, Products: in.Products, Issuer: in.Issuer, Audience: in.Audience, Subject: in.Subject, Claims: in.Claims,
		AddedAt: s.Now().UTC(), AddedBy: caller(ctx).ID,
	}
	for i, p := range m.Products {
		if p == "" || len(p) > 200 || slices.Contains(m.Products[:i], p) {
			return m, invalid("products", "each is a product's name, once", "")
		}
	}
	if m.Issuer == "" {
		if m.Audience != "" || m.Subject != "" || len(m.Claims) > 0 {
			return m, invalid("issuer", "is missing: audience, subject and claims are of tokens", "")
		}
		return m, nil
	}
	usual, err := s.machineAudience(vendor)
	if err != nil {
		return m, err
	}
	if m.Audience == "" {
		m.Audience = usual
	}
	if m.Audience != usual && caller(ctx).Role != api.RoleOfficer {
		return m, invalid("audience", "must be "+usual, "an officer may register another, for an issuer that cannot name this one")
	}
	var refused *workload.Refusal
	if err := workload.Check(m); errors.As(err, &refused) {
		return m, invalid("issuer", refused.Detail, "")
	} else if err != nil {
		return m, err
	}
	return m, nil
}

// looksLikeAnother refuses a machine whose tokens could not be told from another's.
func looksLikeAnother(r store.Reader, m store.Machine) error {
	if m.Issuer == "" {
		return nil
	}
	for other, err := range store.Machines.By(r, "token", store.MachineKey(m.Issuer, m.Audience)) {
		if err != nil {
			return err
		}
		if m.Subject != "" && m.Subject == other.Subject && len(m.Claims) == 0 && len(other.Claims) == 0 {
			return problem(http.StatusConflict, "machine-exists", "tokens of this issuer, audience and subject are another machine's", "")
		}
	}
	return nil
}

func (s *Server) listMachines(ctx context.Context, in *vendorPage) (*body[api.Page[api.Machine]], error) {
	vendor, err := ownVendor(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return list(ctx, s.Store, func(r store.Reader) seq[store.Machine] { return store.Machines.ByAfter(r, "vendor", vendor, in.After) },
		func(m store.Machine) (string, api.Machine) { return m.Person, apiMachine(m) })
}

// removeMachine acts from the next request on, whatever tokens are about. The name stays
// taken: policies may name it.
func (s *Server) removeMachine(ctx context.Context, in *PartPath) (*body[api.Machine], error) {
	vendor, err := ownVendor(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	var out api.Machine
	now := s.Now().UTC()
	event := s.event(ctx, "remove.machine", in.Part, map[string]string{"vendor": vendor})
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		m, err := store.Machines.Get(tx, in.Part)
		if err == nil && m.Vendor != vendor {
			err = store.ErrNotFound
		}
		if err != nil {
			return missing(err, "machine", in.Part)
		}
		person, err := store.People.Get(tx, m.Person)
		if err != nil {
			return err
		}
		if person.DisabledAt.IsZero() {
			person.DisabledAt = now
		}
		out = apiMachine(m)
		if err := errors.Join(store.People.Put(tx, person), store.Machines.Delete(tx, m.Person)); err != nil {
			return err
		}
		return store.Events.Insert(tx, event)
	})
	if err != nil {
		return nil, err
	}
	return answer(out), nil
}

func apiMachine(m store.Machine) api.Machine {
	kind := "oidc"
	if m.Issuer == "" {
		kind = "mtls"
	}
	return api.Machine{
		ID: m.Person, Vendor: m.Vendor, Products: m.Products, Kind: kind, Issuer: m.Issuer, Subject: m.Subject, Audience: m.Audience, Claims: m.Claims,
		AddedAt: m.AddedAt, AddedBy: m.AddedBy,
	}
}
