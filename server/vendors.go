package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

func (s *Server) addVendor(ctx context.Context, in *body[api.NewVendor]) (*body[api.VendorInvitation], error) {
	if err := checkVendorURI(in.Body.URI); err != nil {
		return nil, err
	}
	if err := checkOwners(in.Body.Owners); err != nil {
		return nil, err
	}
	now := s.Now().UTC()
	vendor := store.Vendor{
		ID: in.Body.ID, URI: in.Body.URI, Organization: in.Body.Organization, Country: in.Body.Country, Owners: in.Body.Owners, CreatedAt: now,
	}
	person := store.Person{ID: vendor.ID, Role: api.RoleVendor, Vendor: vendor.ID, Organization: vendor.Organization, CreatedAt: now}
	enrolment, invitation := s.invitation(person)
	event := s.event(ctx, "add.vendor", vendor.ID, map[string]string{"uri": vendor.URI})
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		for other, err := range store.Vendors.By(tx, "uri", vendor.URI) {
			if err != nil {
				return err
			}
			return problem(http.StatusConflict, "vendor-uri-taken", "vendor "+other.ID+" has this URI already", "a URI names one vendor")
		}
		if err := store.Vendors.Insert(tx, vendor); err != nil {
			if errors.Is(err, store.ErrExists) {
				return problem(http.StatusConflict, "vendor-exists", "there is a vendor "+vendor.ID+" already", "")
			}
			return err
		}
		return insertPerson(tx, person, enrolment, event)
	})
	if err != nil {
		return nil, err
	}
	return answer(api.VendorInvitation{Vendor: apiVendor(vendor), Invitation: invitation}), nil
}

// checkVendorURI: the URI goes into certificates as a URI SAN and is compared by
// bytes, so it must have one spelling.
func checkVendorURI(text string) error {
	u, err := url.Parse(text)
	ok := err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && u.Fragment == "" && u.RawQuery == "" && u.String() == text
	if !ok {
		return invalid("uri", "must be an absolute https URI without user, query and fragment", "for example https://vendor.example")
	}
	return nil
}

// checkOwners demands organisations with a name, each once.
func checkOwners(owners []string) error {
	for i, owner := range owners {
		field := fmt.Sprintf("owners[%d]", i)
		switch {
		case owner == "" || strings.TrimSpace(owner) != owner:
			return invalid(field, "is empty, or begins or ends with blanks", "the organisation's name as auditors and officers of it are registered")
		case len(owner) > maxOrganization || strings.ContainsFunc(owner, unicode.IsControl):
			return invalid(field, fmt.Sprintf("is longer than %d bytes, or has control characters", maxOrganization), "")
		case slices.Contains(owners[:i], owner):
			return invalid(field, owner+" is named twice", "")
		}
	}
	return nil
}

type ownersInput struct {
	IDPath
	Body api.Owners
}

// setOwners replaces the list. It acts on what is handed in and decided from now on:
// what has been accepted stays, and withdrawing it is an officer's decision.
func (s *Server) setOwners(ctx context.Context, in *ownersInput) (*body[api.Vendor], error) {
	if err := checkOwners(in.Body.Owners); err != nil {
		return nil, err
	}
	event := s.event(ctx, "set-owners.vendor", in.ID, map[string]string{"owners": strings.Join(in.Body.Owners, "; ")})
	return s.changeVendor(ctx, in.ID, event, func(v *store.Vendor) { v.Owners = in.Body.Owners })
}

func (s *Server) listVendors(ctx context.Context, in *PageQuery) (*body[api.Page[api.Vendor]], error) {
	return list(ctx, s.Store, func(r store.Reader) seq[store.Vendor] { return store.Vendors.All(r, in.After) },
		func(v store.Vendor) (string, api.Vendor) { return v.ID, apiVendor(v) })
}

func (s *Server) showVendor(ctx context.Context, in *IDPath) (*body[api.Vendor], error) {
	id, err := ownVendor(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	var vendor store.Vendor
	err = s.Store.View(ctx, func(r store.Reader) error {
		var err error
		vendor, err = store.Vendors.Get(r, id)
		return missing(err, "vendor", id)
	})
	if err != nil {
		return nil, err
	}
	out := apiVendor(vendor)
	if role := caller(ctx).Role; role == api.RoleOfficer || role == api.RoleVendor {
		out.LogSalt = vendor.LogSalt
	}
	return answer(out), nil
}

func (s *Server) suspendVendor(ctx context.Context, in *IDPath) (*body[api.Vendor], error) {
	return s.setSuspension(ctx, in.ID, "suspend.vendor", s.Now().UTC())
}

func (s *Server) resumeVendor(ctx context.Context, in *IDPath) (*body[api.Vendor], error) {
	return s.setSuspension(ctx, in.ID, "resume.vendor", time.Time{})
}

func (s *Server) setSuspension(ctx context.Context, id, action string, at time.Time) (*body[api.Vendor], error) {
	return s.changeVendor(ctx, id, s.event(ctx, action, id, nil), func(v *store.Vendor) { v.SuspendedAt = at })
}

func (s *Server) changeVendor(ctx context.Context, id string, event store.Event, change func(*store.Vendor)) (*body[api.Vendor], error) {
	var vendor store.Vendor
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		var err error
		if vendor, err = store.Vendors.Get(tx, id); err != nil {
			return missing(err, "vendor", id)
		}
		change(&vendor)
		if err := store.Vendors.Put(tx, vendor); err != nil {
			return err
		}
		return store.Events.Insert(tx, event)
	})
	if err != nil {
		return nil, err
	}
	return answer(apiVendor(vendor)), nil
}

func apiVendor(v store.Vendor) api.Vendor {
	return api.Vendor{ID: v.ID, URI: v.URI, Organization: v.Organization, Country: v.Country, Owners: v.Owners, CreatedAt: v.CreatedAt, SuspendedAt: v.SuspendedAt}
}
