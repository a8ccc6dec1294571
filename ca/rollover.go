package ca

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hallmark-pki/hallmark/templates"
)

// RolloverTier makes the next generation of a tier's issuing CA: a new key, a
// certificate under the newest root, a twin. The generation before signs revocation
// lists and OCSP responses from then on and issues nothing; what it has issued goes
// on verifying and can be revoked.
func (s *Site) RolloverTier(ctx context.Context, tier string) (Change, error) {
	change, err := s.changed(func() (Change, error) { return s.rolloverTier(ctx, tier) })
	if err != nil {
		return Change{}, fmt.Errorf("roll over tier %s: %w", tier, err)
	}
	return change, nil
}

func (s *Site) rolloverTier(ctx context.Context, tier string) (Change, error) {
	if !slices.Contains(s.manifest.Tiers, tier) {
		return Change{}, fmt.Errorf("there is no such tier: %s", strings.Join(s.manifest.Tiers, ", "))
	}
	if orderPending(s.cfg.Dir) {
		return Change{}, ErrOrderPending
	}
	next := s.manifest.clone()
	last := max(1, next.Generations[tier])
	next.Generations[tier] = last + 1
	name := generationName(tier, last+1)
	if err := next.check(); err != nil {
		return Change{}, err
	}
	key, err := s.newKey(ctx, name, generationName(tier, last), &next)
	if err != nil {
		return Change{}, err
	}
	a, err := s.signatory(next, nil)
	if err != nil {
		return Change{}, err
	}
	c := ordered{Name: name, Tier: tier, Profile: templates.Tier, Issuer: next.newestRoot()}
	if c.Policies, c.Title, err = a.expected(c); err != nil {
		return Change{}, err
	}
	o := s.newOrder(purposeTier)
	if c, err = o.addRequest(c, key); err != nil {
		return Change{}, err
	}
	o.Certificates = []ordered{c}
	if err := s.writeTwin(o, c, key); err != nil {
		return Change{}, err
	}
	return s.fulfil(ctx, o, next, nil)
}

// writeTwin makes the self-signed certificate of a new issuing CA.
func (s *Site) writeTwin(o order, c ordered, key crypto.Signer) error {
	b := builder{now: s.now, linter: s.linter, certs: map[string]*x509.Certificate{}, keys: map[string]crypto.Signer{c.Name: key}}
	v := templates.Values{CommonName: o.Name + " " + c.Title, Organization: o.Organization, Country: o.Country, Policies: c.Policies}
	twin := c.Name + twinSuffix
	if err := b.selfSigned(twin, c.Name, templates.TierTwin, v, issuerValidity); err != nil {
		return err
	}
	return s.write(certPath(s.cfg.Dir, twin), pemCertificate(b.certs[twin]), 0o644)
}

// RolloverRoot makes a new root beside the ones in force. They certify its key, and
// it certifies the issuing CAs there are and the timestamping CA: a machine that
// trusts only the old root takes what new issuing CAs certify, and one that trusts
// only the new root what the old ones do. New issuing CAs come under the new root.
func (s *Site) RolloverRoot(ctx context.Context) (Change, error) {
	change, err := s.changed(func() (Change, error) { return s.rolloverRoot(ctx) })
	if err != nil {
		return Change{}, fmt.Errorf("roll over root: %w", err)
	}
	return change, nil
}

func (s *Site) rolloverRoot(ctx context.Context) (Change, error) {
	if orderPending(s.cfg.Dir) {
		return Change{}, ErrOrderPending
	}
	next := s.manifest.clone()
	before := s.manifest.newestRoot()
	name := generationName(nameRoot, len(s.manifest.roots())+1)
	next.Roots = append(slices.Clone(s.manifest.roots()), name)
	if err := next.check(); err != nil {
		return Change{}, err
	}
	key, err := s.newKey(ctx, name, before, &next)
	if err != nil {
		return Change{}, err
	}
	o, err := s.rootOrder(ctx, name, next)
	if err != nil {
		return Change{}, err
	}
	for _, c := range o.Certificates {
		if strings.Contains(c.Name, crossInfix) {
			next.Cross = append(next.Cross, c.Name)
		}
	}
	return s.fulfil(ctx, o, next, map[string]crypto.Signer{name: key})
}

// rootOrder lists a new root's certificates: its own, those that older roots give it,
// those that it gives the CAs there are.
func (s *Site) rootOrder(ctx context.Context, name string, next manifest) (order, error) {
	a, err := s.signatory(next, nil)
	if err != nil {
		return order{}, err
	}
	o := s.newOrder(purposeRoot)
	o.Certificates = []ordered{{Name: name, Profile: templates.Root, Title: rootTitle(name), Issuer: name}}
	for _, old := range s.manifest.roots() {
		if !slices.Contains(s.manifest.Retired, old) {
			o.Certificates = append(o.Certificates, ordered{
				Name: name + crossInfix + old, Profile: templates.Cross, Title: rootTitle(name), Issuer: old, Policies: a.union(),
			})
		}
	}
	for _, id := range s.manifest.issuers() {
		c := s.cross(id.name, name, templates.Tier)
		c.Tier = id.tier
		key, err := a.key(ctx, id.name)
		if err != nil {
			return order{}, err
		}
		if c, err = o.addRequest(c, key); err != nil {
			return order{}, err
		}
		o.Certificates = append(o.Certificates, c)
	}
	for _, stamps := range s.manifest.generations(nameTimestamping) {
		o.Certificates = append(o.Certificates, s.cross(stamps, name, templates.TimestampingCA))
	}
	o.Lists = []orderedList{{Issuer: name}}
	return o, nil
}

// cross orders a certificate for a CA there is under another root.
func (s *Site) cross(of, by string, profile templates.Name) ordered {
	have := s.certs[of]
	return ordered{
		Name: of + crossInfix + by, Profile: profile, Issuer: by, Policies: policyTexts(have),
		Title: strings.TrimPrefix(have.Subject.CommonName, s.manifest.Name+" "),
	}
}

// RetireRoot takes a root out of the trust bundle and of signatures. What leads only
// to it is refused by whoever drops it. The newest root cannot be retired, nor one
// without which an issuing CA would lead nowhere.
func (s *Site) RetireRoot(ctx context.Context, name string) error {
	if err := s.locked(func() error { return s.retireRoot(name) }); err != nil {
		return fmt.Errorf("retire root %s: %w", name, err)
	}
	return nil
}

func (s *Site) retireRoot(name string) error {
	if orderPending(s.cfg.Dir) {
		return ErrOrderPending
	}
	if slices.Contains(s.manifest.Retired, name) {
		return errors.New("it is retired already")
	}
	next := s.manifest.clone()
	next.Retired = append(next.Retired, name)
	if err := next.check(); err != nil {
		return err
	}
	for _, id := range next.issuers() {
		if !s.leadsToForce(next, id.name) {
			return fmt.Errorf("issuing CA %s leads to no other root: roll it over first", id.name)
		}
	}
	if !s.leadsToForce(next, next.newest(nameTimestamping)) {
		return errors.New("timestamps lead to no other root")
	}
	if err := s.commit(next); err != nil {
		return err
	}
	s.manifest = next
	return nil
}

// leadsToForce reports whether a CA has a certificate by a root that is not retired.
func (s *Site) leadsToForce(next manifest, name string) bool {
	for _, root := range next.roots() {
		if slices.Contains(next.Retired, root) {
			continue
		}
		if s.certs[name].CheckSignatureFrom(s.certs[root]) == nil || slices.Contains(next.Cross, name+crossInfix+root) {
			return true
		}
	}
	return false
}

// clone copies what a change writes to.
func (m manifest) clone() manifest {
	m.Keys, m.Generations = maps.Clone(m.Keys), maps.Clone(m.Generations)
	if m.Generations == nil {
		m.Generations = map[string]int{}
	}
	m.cloneSuccessors()
	m.Roots, m.Retired, m.Cross = slices.Clone(m.Roots), slices.Clone(m.Retired), slices.Clone(m.Cross)
	return m
}

func (m *manifest) setPlace(name, place string) {
	if m.Keys == nil {
		m.Keys = map[string]string{}
	}
	m.Keys[name] = place
}
