package server

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"

	"github.com/hallmark-pki/hallmark/ca/stepca"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// waysInRoutes are about who may ask for a vendor's certificates beside its people.
func (s *Server) waysInRoutes() []Route {
	officersAndVendors := []string{api.RoleOfficer, api.RoleVendor}
	return []Route{
		post("/v1/vendors/{id}/identities", "add-identity", "Register a key or an OpenID Connect subject that may ask for a vendor's certificates", officers, s.addIdentity),
		get("/v1/vendors/{id}/identities", "list-identities", "Keys and subjects that may ask for a vendor's certificates", certificateReaders, s.listIdentities),
		post("/v1/vendors/{id}/identities/{part}/remove", "remove-identity", "Remove an identity: it counts from the next request on", officersAndVendors, s.removeIdentity),

		post("/v1/vendors/{id}/acme-keys", "add-acme-key", "Make a key that binds one ACME account to a vendor", officersAndVendors, s.addACMEKey),
		get("/v1/vendors/{id}/acme-keys", "list-acme-keys", "A vendor's keys for ACME accounts", certificateReaders, s.listACMEKeys),
		post("/v1/vendors/{id}/acme-keys/{part}/remove", "remove-acme-key", "Remove a key, and with it the account that it has bound", officersAndVendors, s.removeACMEKey),
	}
}

// PartPath is the path of something that belongs to a vendor.
type PartPath struct {
	IDPath
	Part string `path:"part" pattern:"^[A-Za-z0-9_-]{1,128}$"`
}

type identityInput struct {
	IDPath
	Body api.NewIdentity
}

func (s *Server) addIdentity(ctx context.Context, in *identityInput) (*body[api.Identity], error) {
	var rec store.VendorIdentity
	var err error
	switch byKey, bySubject := len(in.Body.JWK) > 0, in.Body.Issuer != "" || in.Body.Subject != ""; {
	case byKey == bySubject:
		return nil, invalid("jwk", "want either a key, or an issuer with a subject", "")
	case byKey:
		rec, err = stepca.ParseJWK(in.Body.JWK)
	default:
		rec, err = stepca.OIDCIdentity(in.Body.Issuer, in.Body.Subject)
	}
	if err != nil {
		return nil, err
	}
	rec.Vendor, rec.AddedAt, rec.AddedBy = in.ID, s.Now().UTC(), caller(ctx).ID
	event := s.event(ctx, "add.identity", rec.ID, map[string]string{"vendor": rec.Vendor, "issuer": rec.Issuer, "subject": rec.Subject})
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := store.Vendors.Get(tx, rec.Vendor); err != nil {
			return missing(err, "vendor", rec.Vendor)
		}
		if err := store.VendorIdentities.Insert(tx, rec); err != nil {
			if errors.Is(err, store.ErrExists) {
				return problem(http.StatusConflict, "identity-exists", "this identity is on record already", "an identity is one vendor's; remove it there first")
			}
			return err
		}
		return store.Events.Insert(tx, event)
	})
	if err != nil {
		return nil, err
	}
	return answer(apiIdentity(rec)), nil
}

type vendorPage struct {
	IDPath
	PageQuery
}

func (s *Server) listIdentities(ctx context.Context, in *vendorPage) (*body[api.Page[api.Identity]], error) {
	vendor, err := ownVendor(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return list(ctx, s.Store, func(r store.Reader) seq[store.VendorIdentity] {
		return store.VendorIdentities.ByAfter(r, "vendor", vendor, in.After)
	}, func(rec store.VendorIdentity) (string, api.Identity) { return rec.ID, apiIdentity(rec) })
}

// removeIdentity is open to the vendor too: who has lost a key should not have to find
// an officer first.
func (s *Server) removeIdentity(ctx context.Context, in *PartPath) (*body[api.Identity], error) {
	vendor, err := ownVendor(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	var rec store.VendorIdentity
	event := s.event(ctx, "remove.identity", in.Part, map[string]string{"vendor": vendor})
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if rec, err = store.VendorIdentities.Get(tx, in.Part); err != nil {
			return missing(err, "identity", in.Part)
		}
		if rec.Vendor != vendor {
			return notFound("identity", in.Part)
		}
		if err := store.VendorIdentities.Delete(tx, rec.ID); err != nil {
			return err
		}
		return store.Events.Insert(tx, event)
	})
	if err != nil {
		return nil, err
	}
	return answer(apiIdentity(rec)), nil
}

func apiIdentity(rec store.VendorIdentity) api.Identity {
	return api.Identity{ID: rec.ID, Vendor: rec.Vendor, Kind: rec.Kind, Issuer: rec.Issuer, Subject: rec.Subject, AddedAt: rec.AddedAt, AddedBy: rec.AddedBy}
}

// maxACMEKeys bounds a vendor's keys for ACME accounts, one for each. A guess: an account
// serves all devices of one machine.
const maxACMEKeys = 1000

// addACMEKey by a person of the vendor: the account acts as long as that person may. By
// an officer: until the key is removed.
func (s *Server) addACMEKey(ctx context.Context, in *IDPath) (*body[api.ACMEKey], error) {
	vendor, err := ownVendor(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if s.ACMEDirectory == "" {
		return nil, problem(http.StatusConflict, "acme-off", "this CA offers no ACME", "the administrator configures attestation roots: 'acme' in config.yaml")
	}
	who := caller(ctx)
	person := ""
	if who.Role == api.RoleVendor {
		person = who.ID
	}
	key := stepca.NewACMEKey(vendor, person, who.ID, s.Now())
	event := s.event(ctx, "add.acme-key", key.ID, map[string]string{"vendor": vendor})
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := store.Vendors.Get(tx, vendor); err != nil {
			return missing(err, "vendor", vendor)
		}
		if n, err := store.ACMEKeys.Count(tx, "vendor", vendor); err != nil {
			return err
		} else if n >= maxACMEKeys {
			return problem(http.StatusConflict, "too-many-acme-keys", "this vendor has as many keys for ACME accounts as there can be", "'hallmark acme remove' takes one away")
		}
		if err := store.ACMEKeys.Insert(tx, key); err != nil {
			return err
		}
		return store.Events.Insert(tx, event)
	})
	if err != nil {
		return nil, err
	}
	out := s.apiACMEKey(key)
	out.Secret = base64.RawURLEncoding.EncodeToString(key.Secret)
	return answer(out), nil
}

func (s *Server) listACMEKeys(ctx context.Context, in *vendorPage) (*body[api.Page[api.ACMEKey]], error) {
	vendor, err := ownVendor(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return list(ctx, s.Store, func(r store.Reader) seq[store.ACMEKey] {
		return store.ACMEKeys.ByAfter(r, "vendor", vendor, in.After)
	}, func(key store.ACMEKey) (string, api.ACMEKey) { return key.ID, s.apiACMEKey(key) })
}

func (s *Server) removeACMEKey(ctx context.Context, in *PartPath) (*body[api.ACMEKey], error) {
	vendor, err := ownVendor(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	var key store.ACMEKey
	event := s.event(ctx, "remove.acme-key", in.Part, map[string]string{"vendor": vendor})
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if key, err = store.ACMEKeys.Get(tx, in.Part); err != nil {
			return missing(err, "ACME key", in.Part)
		}
		if key.Vendor != vendor {
			return notFound("ACME key", in.Part)
		}
		if err := store.ACMEKeys.Delete(tx, key.ID); err != nil {
			return err
		}
		return store.Events.Insert(tx, event)
	})
	if err != nil {
		return nil, err
	}
	return answer(s.apiACMEKey(key)), nil
}

// apiACMEKey leaves the secret out.
func (s *Server) apiACMEKey(key store.ACMEKey) api.ACMEKey {
	return api.ACMEKey{
		ID: key.ID, Vendor: key.Vendor, Directory: s.ACMEDirectory, CreatedAt: key.CreatedAt, CreatedBy: key.CreatedBy,
		ExpiresAt: key.ExpiresAt, Account: key.Account, BoundAt: key.BoundAt,
	}
}
