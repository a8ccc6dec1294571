package ca

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/durable"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/templates"
)

// ErrOrderPending is returned where an order waits for its answer: one at a time.
var ErrOrderPending = errors.New("an order waits in ceremony/ for its answer: import that, or cancel it")

// SiteConfig says which hierarchy to change, and with what.
type SiteConfig struct {
	Dir       string // made by Init
	Secrets   Secrets
	Catalogue *audit.Catalogue     // what new tiers may certify; nil takes audit.Embedded
	Tiers     []templates.TierSpec // nil takes templates.Tiers
	Keys      map[string]string    // where new keys are made, as in InitConfig, by their own names
	Now       func() time.Time     // nil takes time.Now
}

// Site is a hierarchy's directory while its CAs change: new generations, new roots,
// lists of the offline CAs. A server that runs on the directory goes on with what it
// has read and takes the change up when it starts again. One process at a time changes
// something (ErrSiteBusy), and only what it has read (ErrSiteChanged).
//
// Every change writes new files first and hierarchy.json last, so that a crash leaves
// the old hierarchy or the new one, and beside it files that nothing names.
type Site struct {
	cfg      SiteConfig
	manifest manifest
	certs    map[string]*x509.Certificate
	ring     *keyring
	linter   *linter
	now      time.Time
	write    writeFunc
}

// Change is what became of a change.
type Change struct {
	// Pending: the order lies in Order and waits for its answer. Otherwise the change is done.
	Pending     bool     `json:"pending"`
	Order       string   `json:"order,omitempty"` // path
	OrderSHA256 string   `json:"order_sha256,omitempty"`
	Made        []string `json:"made"` // names of certificates and lists
}

// OpenSite reads a hierarchy for a change. Close it.
func OpenSite(cfg SiteConfig) (*Site, error) {
	s := &Site{cfg: cfg, write: durable.WriteFile, certs: map[string]*x509.Certificate{}}
	var err error
	if s.cfg.Now == nil {
		s.cfg.Now = time.Now
	}
	if s.cfg.Catalogue == nil {
		if s.cfg.Catalogue, err = audit.Embedded(); err != nil {
			return nil, fmt.Errorf("open site: %w", err)
		}
	}
	if s.cfg.Tiers == nil {
		if s.cfg.Tiers, err = templates.Tiers(); err != nil {
			return nil, fmt.Errorf("open site: %w", err)
		}
	}
	s.now = s.cfg.Now().UTC().Truncate(time.Second)
	if s.manifest, err = readManifest(cfg.Dir); err != nil {
		return nil, fmt.Errorf("open site: %w", err)
	}
	for _, name := range s.manifest.certificateNames() {
		cert, err := readCertificate(certPath(cfg.Dir, name))
		if errors.Is(err, fs.ErrNotExist) && orderPending(cfg.Dir) {
			continue // what the ceremony is for
		}
		if err != nil {
			return nil, fmt.Errorf("open site: %w", err)
		}
		s.certs[name] = cert
	}
	if s.linter, err = newLinter(); err != nil {
		return nil, fmt.Errorf("open site: %w", err)
	}
	s.linter.publicURL = s.manifest.PublicURL
	s.ring = newKeyring(cfg.Dir, cfg.Secrets)
	return s, nil
}

// Close gives back what keys on tokens hold.
func (s *Site) Close() error { return s.ring.Close() }

// newOrder begins an order in this CA's name.
func (s *Site) newOrder(purpose string) order {
	o := newOrder(purpose, s.now)
	o.Name, o.Arc, o.PublicURL = s.manifest.Name, s.manifest.Arc, s.manifest.PublicURL
	subject := s.certs[nameOperator].Subject // made by Init with the rest, and never offline
	o.Organization, o.Country = first(subject.Organization), first(subject.Country)
	return o
}

// signatory is what is at hand of those who sign orders. made holds keys that are new.
func (s *Site) signatory(next manifest, made map[string]crypto.Signer) (*signatory, error) {
	certs := map[string]*x509.Certificate{}
	for name, c := range s.certs {
		certs[name] = c
	}
	opened := map[string]crypto.Signer{}
	arc, err := ext.ParseArc(next.Arc)
	if err != nil {
		return nil, err
	}
	a := &signatory{linter: s.linter, now: s.now, certs: certs, key: func(ctx context.Context, name string) (crypto.Signer, error) {
		if key := made[name]; key != nil {
			return key, nil
		}
		if opened[name] == nil {
			key, err := s.ring.signer(ctx, name, next.place(name))
			if err != nil {
				return nil, err
			}
			opened[name] = key
		}
		return opened[name], nil
	}}
	return a, a.setCeilings(s.cfg.Catalogue, arc, s.cfg.Tiers)
}

// fulfil signs an order at once when every key that signs is at hand, and otherwise
// leaves it for a ceremony. next is hierarchy.json afterwards.
func (s *Site) fulfil(ctx context.Context, o order, next manifest, made map[string]crypto.Signer) (Change, error) {
	if orderPending(s.cfg.Dir) {
		return Change{}, ErrOrderPending
	}
	raw, err := o.marshal()
	if err != nil {
		return Change{}, err
	}
	if _, err := parseOrder(raw); err != nil {
		return Change{}, err
	}
	if needsOffline(o, next) {
		if err := writeOrder(s.write, s.cfg.Dir, o, next); err != nil {
			return Change{}, err
		}
		return Change{Pending: true, Order: orderPath(s.cfg.Dir), OrderSHA256: digestHex(raw), Made: o.names()}, nil
	}
	a, err := s.signatory(next, made)
	if err != nil {
		return Change{}, err
	}
	signed, err := a.sign(ctx, o, digestHex(raw))
	if err != nil {
		return Change{}, err
	}
	return s.install(ctx, o, digestHex(raw), signed, next)
}

func needsOffline(o order, next manifest) bool {
	for _, c := range o.Certificates {
		if next.place(c.Issuer) == placeOffline {
			return true
		}
	}
	for _, l := range o.Lists {
		if next.place(l.Issuer) == placeOffline {
			return true
		}
	}
	return false
}

func (o order) names() []string {
	names := []string{}
	for _, c := range o.Certificates {
		names = append(names, c.Name)
	}
	for _, l := range o.Lists {
		names = append(names, l.Issuer+".crl")
	}
	return names
}

// install checks an answer, puts the hierarchy that will be together in memory, with
// its keys, and only then writes.
func (s *Site) install(ctx context.Context, o order, sum string, signed orderAnswer, next manifest) (Change, error) {
	found, err := checker{order: o, sum: sum, known: s.certs, linter: s.linter, now: s.now}.check(signed)
	if err != nil {
		return Change{}, err
	}
	certs, crls := map[string]*x509.Certificate{}, map[string][]byte{}
	for _, name := range next.certificateNames() {
		if certs[name] = pick(name, found, s.certs); certs[name] == nil {
			if certs[name], err = readCertificate(certPath(s.cfg.Dir, name)); err != nil { // a new twin
				return Change{}, err
			}
		}
	}
	signers, err := s.ring.readKeys(ctx, next)
	if err != nil {
		return Change{}, err
	}
	if _, err := newHierarchy(next, certs, signers, crls, s.ring); err != nil {
		return Change{}, err
	}
	for name, der := range signed.Lists {
		if err := s.write(crlPath(s.cfg.Dir, name), der, 0o644); err != nil {
			return Change{}, err
		}
	}
	for name, cert := range found {
		if err := s.write(certPath(s.cfg.Dir, name), pemCertificate(cert), 0o644); err != nil {
			return Change{}, err
		}
	}
	if err := s.commit(next); err != nil {
		return Change{}, err
	}
	s.manifest, s.certs = next, certs
	return Change{Made: o.names()}, nil
}

// commit replaces hierarchy.json: from here on the change counts.
func (s *Site) commit(next manifest) error {
	text, err := next.marshal()
	if err != nil {
		return err
	}
	return s.write(filepath.Join(s.cfg.Dir, manifestFile), text, 0o644)
}

// newKey makes the key of a new CA: where SiteConfig.Keys says, or else as the key
// that it follows is kept, if that is a file. together names the keys that are made with it.
func (s *Site) newKey(ctx context.Context, name, follows string, next *manifest, together ...string) (crypto.Signer, error) {
	places, err := expandPlaces(s.cfg.Keys, nil, append([]string{name}, together...))
	if err != nil {
		return nil, err
	}
	before, asked := next.place(follows), s.cfg.Keys[name] != ""
	switch {
	case asked && before == placeOffline:
		return nil, fmt.Errorf("key %s is offline: key %s is made in the ceremony, and 'hallmark ceremony sign --key' places it", follows, name)
	case !asked && before == placeOffline:
		next.setPlace(name, placeOffline)
		return nil, nil // made in the ceremony
	case !asked && !strings.HasPrefix(before, placeFile):
		return nil, fmt.Errorf("key %s is not in a file: say where key %s is to live, or file:keys/%s.pem", follows, name, name)
	case places[name] != "":
		next.setPlace(name, places[name])
	}
	places = map[string]string{name: next.place(name)}
	made, err := s.ring.make(ctx, places)
	if err != nil {
		return nil, err
	}
	key := made[name]
	if places[name] != filePlace(name) {
		next.setPlace(name, places[name])
	}
	if !strings.HasPrefix(next.place(name), placeFile) {
		return key, nil
	}
	text, err := s.cfg.Secrets.encrypt.key(key, s.cfg.Secrets.Passphrase)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", name, err)
	}
	file := filepath.Join(s.cfg.Dir, strings.TrimPrefix(next.place(name), placeFile))
	return key, s.write(file, text, 0o600)
}

// CancelOrder takes back an order that waits. Keys that were made for it stay, and are
// of no use.
func CancelOrder(dir string) (err error) {
	m, err := readManifest(dir)
	if err != nil {
		return fmt.Errorf("cancel order: %w", err)
	}
	unlock, err := lockSite(dir)
	if err != nil {
		return fmt.Errorf("cancel order: %w", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if _, err := readCertificate(certPath(dir, m.newestRoot())); err != nil {
		return errors.New("cancel order: without its first ceremony this CA is none; make a new one instead")
	}
	if err := removeOrder(dir); err != nil {
		return fmt.Errorf("cancel order: %w", err)
	}
	return nil
}

// removeOrder ends a ceremony: order.json goes first, as it says that there is one.
func removeOrder(dir string) error {
	if err := os.Remove(orderPath(dir)); err != nil {
		return err
	}
	if err := durable.SyncDir(filepath.Join(dir, ceremonyDir)); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(dir, ceremonyDir))
}
