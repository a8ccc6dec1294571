package ca

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/templates"
)

// ErrOverlap is returned for an overlap of two status keys that is too short or too long.
var ErrOverlap = errors.New("overlap out of bounds")

// RolloverTSA makes the next key of the timestamping authority, certified by the newest
// timestamping CA. Tokens of the one before stay valid: they carry its certificate, and
// what counts is that it was good when they were made. Its key is not needed any more.
func (s *Site) RolloverTSA(ctx context.Context) (Change, error) {
	change, err := s.changed(func() (Change, error) { return s.succeed(ctx, purposeTSA, nameTSA) })
	if err != nil {
		return Change{}, fmt.Errorf("roll over timestamping authority: %w", err)
	}
	return change, nil
}

// RolloverTimestamping makes the next timestamping CA under the newest root, and the
// next timestamping authority under it. The CA before goes on with its revocation list,
// and the tokens made under it stay valid.
func (s *Site) RolloverTimestamping(ctx context.Context) (Change, error) {
	change, err := s.changed(func() (Change, error) { return s.succeed(ctx, purposeTimestamping, nameTimestamping, nameTSA) })
	if err != nil {
		return Change{}, fmt.Errorf("roll over timestamping CA: %w", err)
	}
	return change, nil
}

// succeed makes the next generation of CAs and authorities for timestamps, each under the
// newest of what stands above it then.
func (s *Site) succeed(ctx context.Context, purpose string, names ...string) (Change, error) {
	if orderPending(s.cfg.Dir) {
		return Change{}, ErrOrderPending
	}
	next := s.manifest.clone()
	for _, name := range names {
		next.Successors[name] = max(1, next.Successors[name]) + 1
	}
	if err := next.check(); err != nil {
		return Change{}, err
	}
	var together []string
	for _, name := range names {
		together = append(together, next.newest(name))
	}
	o, made := s.newOrder(purpose), map[string]crypto.Signer{}
	for i, name := range names {
		key, err := s.newKey(ctx, next.newest(name), s.manifest.newest(name), &next, slices.Delete(slices.Clone(together), i, i+1)...)
		if err != nil {
			return Change{}, err
		}
		made[next.newest(name)] = key
		c := ordered{Name: next.newest(name), Profile: templates.TSA, Title: stampTitle(next.newest(name)), Issuer: next.newest(nameTimestamping)}
		if name == nameTimestamping {
			c.Profile, c.Issuer = templates.TimestampingCA, next.newestRoot()
			o.Lists = append(o.Lists, orderedList{Issuer: c.Name})
		} else if c, err = o.addRequest(c, key); err != nil {
			return Change{}, err
		}
		o.Certificates = append(o.Certificates, c)
	}
	return s.fulfil(ctx, o, next, made)
}

// stampTitle is how a timestamping CA or authority is called.
func stampTitle(name string) string {
	title, of := titleTSA, nameTSA
	if strings.HasPrefix(name, nameTimestamping) {
		title, of = titleTimestamping, nameTimestamping
	}
	return strings.TrimSpace(title + " " + strings.TrimPrefix(strings.TrimPrefix(name, of), "-"))
}

// StatusChange is what became of a new status key.
type StatusChange struct {
	Change
	// From is when the new key begins to sign; until then it stands in the trust bundle
	// only. Until is when the one before counts no more, zero where it does not at once.
	From  time.Time `json:"from"`
	Until time.Time `json:"until,omitzero"`
	// PublicKey is the path of the new key's public half, PEM: for those who hold the root
	// of the update repository.
	PublicKey string `json:"public_key"`
}

// RolloverStatus makes the next key for status bundles and for what changes daily in the
// update repository. It comes into the trust bundle at once and signs when the overlap is
// over; the key before counts as long as what it has signed. compromised: the new one
// signs at once and the one before is taken out of the trust bundle; machines that have
// not updated go on with what they have until that has ended. Errors: ErrOverlap.
func (s *Site) RolloverStatus(ctx context.Context, overlap time.Duration, compromised bool) (StatusChange, error) {
	var change StatusChange
	err := s.locked(func() (err error) {
		change, err = s.rolloverStatus(ctx, overlap, compromised)
		return err
	})
	if err != nil {
		return StatusChange{}, fmt.Errorf("roll over status key: %w", err)
	}
	return change, nil
}

func (s *Site) rolloverStatus(ctx context.Context, overlap time.Duration, compromised bool) (StatusChange, error) {
	if compromised {
		overlap = 0
	} else if overlap < minStatusOverlap || overlap > maxStatusOverlap {
		return StatusChange{}, fmt.Errorf("%w: %s, want %s to %s", ErrOverlap, overlap, minStatusOverlap, maxStatusOverlap)
	}
	if orderPending(s.cfg.Dir) {
		return StatusChange{}, ErrOrderPending
	}
	terms := s.manifest.StatusTerms
	if n := len(terms); n > 0 && s.now.Before(terms[n-1].From) && !compromised {
		return StatusChange{}, fmt.Errorf("the last one begins to sign on %s only", terms[n-1].From.Format(time.RFC3339))
	}
	next := s.manifest.clone()
	next.Successors[nameStatus] = max(1, next.Successors[nameStatus]) + 1
	term := statusTerm{Made: s.now, From: s.now.Add(overlap)}
	if compromised {
		for i := range next.StatusTerms { // nothing older comes back either
			next.StatusTerms[i].Before, next.StatusTerms[i].Until = nil, time.Time{}
		}
	} else {
		before, err := s.ring.signer(ctx, s.manifest.newest(nameStatus), s.manifest.place(s.manifest.newest(nameStatus)))
		if err != nil {
			return StatusChange{}, err
		}
		if term.Before, err = x509.MarshalPKIXPublicKey(before.Public()); err != nil {
			return StatusChange{}, err
		}
		term.Until = term.From.Add(statusLife)
	}
	next.StatusTerms = append(next.StatusTerms, term)
	key, err := s.newKey(ctx, next.newest(nameStatus), s.manifest.newest(nameStatus), &next)
	if err != nil {
		return StatusChange{}, err
	}
	path, err := s.writePublic(next.newest(nameStatus), key)
	if err == nil {
		err = s.commit(next)
	}
	if err != nil {
		return StatusChange{}, err
	}
	s.manifest = next
	return StatusChange{Change{Made: []string{next.newest(nameStatus)}}, term.From, term.Until, path}, nil
}

// RolloverDistribution makes the next key of the update repository's root and targets. The
// server puts a new root in force when it starts, signed by both; where operators hold
// the root, they list the key with 'hallmark trust root next'.
func (s *Site) RolloverDistribution(ctx context.Context) (Change, error) {
	change, err := s.changed(func() (Change, error) { return s.rolloverDistribution(ctx) })
	if err != nil {
		return Change{}, fmt.Errorf("roll over distribution key: %w", err)
	}
	return change, nil
}

func (s *Site) rolloverDistribution(ctx context.Context) (Change, error) {
	if orderPending(s.cfg.Dir) {
		return Change{}, ErrOrderPending
	}
	next := s.manifest.clone()
	next.Successors[nameDistribution] = max(1, next.Successors[nameDistribution]) + 1
	if err := next.check(); err != nil {
		return Change{}, err
	}
	key, err := s.newKey(ctx, next.newest(nameDistribution), s.manifest.newest(nameDistribution), &next)
	if err == nil {
		_, err = s.writePublic(next.newest(nameDistribution), key)
	}
	if err == nil {
		err = s.commit(next)
	}
	if err != nil {
		return Change{}, err
	}
	s.manifest = next
	return Change{Made: []string{next.newest(nameDistribution)}}, nil
}

// writePublic writes the public half of a key beside the certificates.
func (s *Site) writePublic(name string, key crypto.Signer) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return "", err
	}
	path := filepath.Join(s.cfg.Dir, "certs", name+".pub")
	return path, s.write(path, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o644)
}

// HasFormerDistributionSigner reports whether the update repository's key was rolled over.
func (c *CA) HasFormerDistributionSigner() bool {
	return c.hierarchy.manifest.Successors[nameDistribution] > 1
}

// FormerDistributionSigner opens the key that signed the update repository's root before
// the newest one, for the root that hands over to it. It may be gone once that is
// published.
func (c *CA) FormerDistributionSigner(ctx context.Context) (crypto.Signer, error) {
	return c.hierarchy.later(ctx, generationName(nameDistribution, max(1, c.hierarchy.manifest.Successors[nameDistribution]-1)))
}
