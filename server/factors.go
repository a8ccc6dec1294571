package server

import (
	"context"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// FactorPath is the path of a second factor.
type FactorPath struct {
	Part string `path:"part" pattern:"^[0-9a-f]{64}$"`
}

func (s *Server) addFactor(ctx context.Context, in *body[api.NewFactor]) (*body[api.Factor], error) {
	f, err := s.Release.AddFactor(ctx, caller(ctx), in.Body.Kind, in.Body.Label, in.Body.PublicKey, in.Body.Proof)
	if err != nil {
		return nil, err
	}
	return answer(apiFactor(f)), nil
}

type factorsInput struct {
	PageQuery
	Person string `query:"person" maxLength:"63" doc:"officers and readers: whose; default: everybody's"`
}

func (s *Server) listFactors(ctx context.Context, in *factorsInput) (*body[api.Page[api.Factor]], error) {
	person := in.Person
	if who := caller(ctx); who.Role == api.RoleVendor {
		if person != "" && person != who.ID {
			return nil, notFound("person", person)
		}
		person = who.ID
	}
	return list(ctx, s.Store, func(r store.Reader) seq[store.Factor] {
		if person != "" {
			return store.Factors.ByAfter(r, "person", person, in.After)
		}
		return store.Factors.All(r, in.After)
	}, func(f store.Factor) (string, api.Factor) { return f.ID, apiFactor(f) })
}

func (s *Server) confirmFactor(ctx context.Context, in *FactorPath) (*body[api.Factor], error) {
	f, err := s.Release.ConfirmFactor(ctx, caller(ctx), in.Part)
	if err != nil {
		return nil, missing(err, "factor", in.Part)
	}
	return answer(apiFactor(f)), nil
}

func (s *Server) revokeFactor(ctx context.Context, in *FactorPath) (*body[api.Factor], error) {
	f, err := s.Release.RevokeFactor(ctx, caller(ctx), in.Part)
	if err != nil {
		return nil, missing(err, "factor", in.Part)
	}
	return answer(apiFactor(f)), nil
}

func apiFactor(f store.Factor) api.Factor {
	return api.Factor{
		ID: f.ID, Person: f.Person, Kind: f.Kind, Label: f.Label, AddedAt: f.AddedAt, ConfirmedAt: f.ConfirmedAt, ConfirmedBy: f.ConfirmedBy, RevokedAt: f.RevokedAt,
	}
}
