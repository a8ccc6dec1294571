package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hallmark-pki/hallmark/distribution"
	"github.com/hallmark-pki/hallmark/doctor"
	"github.com/hallmark-pki/hallmark/store"
)

// expiries lists what of a CA ends, and the command that renews it.
func (in *instance) expiries(ctx context.Context) ([]doctor.Expiry, error) {
	var out []doctor.Expiry
	for _, k := range in.hierarchy.Keys() {
		if k.NotAfter.IsZero() || in.hierarchy.Superseded(k.Name) {
			continue
		}
		x := doctor.Expiry{About: "certificate " + k.Name, Kind: doctor.EndsAuthority, NotAfter: k.NotAfter}
		switch {
		case isGeneration(k.Name, "tsa"):
			x.Kind, x.Renew = doctor.EndsStamps, "hallmark rollover tsa"
		case isGeneration(k.Name, "timestamping"):
			x.Renew = "hallmark rollover timestamping"
		case isGeneration(k.Name, "root"):
			x.Renew = "hallmark rollover root"
		case k.Name == "operator":
			x.Renew = "it has no rollover: plan for a new instance, where everybody enrols again"
		default:
			for _, tier := range in.ca.Tiers() {
				if isGeneration(k.Name, tier) {
					x.Renew = "hallmark rollover tier " + tier + " (its OCSP responders end with it)"
				}
			}
		}
		out = append(out, x)
	}
	lists, err := in.hierarchy.ListEnds()
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		out = append(out, doctor.Expiry{About: "revocation list of " + name, Kind: doctor.EndsList, NotAfter: lists[name], Renew: "hallmark ceremony lists"})
	}
	updates, err := in.updateEnds(ctx)
	return append(out, updates...), err
}

// isGeneration tells standard and standard-2 from other names.
func isGeneration(name, of string) bool {
	rest, ok := strings.CutPrefix(name, of)
	n, err := strconv.Atoi(strings.TrimPrefix(rest, "-"))
	return ok && (rest == "" || rest[0] == '-' && err == nil && n > 1)
}

// updateEnds lists when the update repository's metadata end.
func (in *instance) updateEnds(ctx context.Context) ([]doctor.Expiry, error) {
	var out []doctor.Expiry
	err := in.store.View(ctx, func(r store.Reader) error {
		ends, err := distribution.Ends(func(name string) ([]byte, error) {
			f, err := store.RepositoryFiles.Get(r, name)
			if errors.Is(err, store.ErrNotFound) {
				return nil, nil
			}
			return f.Body, err
		})
		if err != nil {
			return err
		}
		for _, role := range slices.Sorted(maps.Keys(ends)) {
			x := doctor.Expiry{About: "update repository: " + role, Kind: doctor.EndsDaily, NotAfter: ends[role], Renew: "start the server: it makes it anew"}
			switch role {
			case "root":
				x.Kind, x.Renew = doctor.EndsRoot, "start the server; where operators hold the key: hallmark trust root next, sign, import"
			case "targets":
				x.Kind, x.Renew = doctor.EndsTargets, "start the server; where operators hold the key, give it back with hallmark trust root next --targets"
			}
			out = append(out, x)
		}
		return nil
	})
	return out, err
}
