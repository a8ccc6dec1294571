package ca

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/durable"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/templates"
)

// VaultConfig says where the offline keys are and who is asked.
//
// The vault is a directory like a hierarchy's: vault.json, keys/, certs/ (what was
// signed here, too), crls/, and answers/<order>.json with each answer given.
type VaultConfig struct {
	Dir       string // made by the first SignOrder; its parent must exist
	Secrets   Secrets
	Keys      map[string]string    // where keys that an order has made are to live, as in InitConfig
	Catalogue *audit.Catalogue     // nil takes audit.Embedded
	Tiers     []templates.TierSpec // nil takes templates.Tiers
	Now       func() time.Time     // nil takes time.Now
	// InsteadOf is the id of an earlier order that was signed here and whose answer never
	// came into force: it was lost, or too old, and the order was cancelled. What was signed
	// for it may be signed anew. Empty: nothing may.
	InsteadOf string
	// Confirm is shown what will be signed and returns an error to refuse. Required.
	Confirm func(OrderInfo) error
}

// vaultManifest is vault.json.
type vaultManifest struct {
	Version int               `json:"version"`
	Name    string            `json:"name"` // the CA's
	Keys    map[string]string `json:"keys"` // name → place; a key that is missing is not here
	// Pinned has what the first order that was confirmed said of the CA.
	Pinned *pinned `json:"pinned,omitempty"`
}

// pinned stands in every certificate of a CA, and stays as it was.
type pinned struct {
	Organization string `json:"organization"`
	Country      string `json:"country"`
	Arc          string `json:"arc"`
	PublicURL    string `json:"public_url"`
}

func (o order) pinned() pinned { return pinned{o.Organization, o.Country, o.Arc, o.PublicURL} }

type vault struct {
	cfg  VaultConfig
	now  time.Time
	man  vaultManifest
	ring *keyring
	open map[string]crypto.Signer
}

// SignOrder signs an order offline: it makes the keys that the order calls for,
// checks every request against order, profile and this machine's own view of the
// tiers' ceilings, asks Confirm, signs and keeps a copy. The same order again gives
// the same answer. The error is a *CeremonyError where the order is to blame, and
// then nothing was signed.
func SignOrder(ctx context.Context, cfg VaultConfig, rawOrder []byte) (answer []byte, err error) {
	o, err := parseOrder(rawOrder)
	if err != nil {
		return nil, err
	}
	v, err := openVault(cfg, o.Name)
	if err != nil {
		return nil, fmt.Errorf("sign order: %w", err)
	}
	defer func() { err = errors.Join(err, v.ring.Close()) }()
	kept := filepath.Join(cfg.Dir, "answers", o.ID+".json")
	if raw, err := readFile(kept, maxOrderBytes); err == nil {
		given, err := parseAnswer(raw)
		if err != nil || given.OrderSHA256 != digestHex(rawOrder) {
			return nil, ceremonyRefuses(CeremonyStale, "another order with the id %s was signed here", o.ID)
		}
		return raw, v.keep(given) // in case the first time was cut off
	}
	if pin := v.man.Pinned; pin != nil && *pin != o.pinned() {
		return nil, ceremonyRefuses(CeremonyMissing, "this vault is of a CA with %+q, the order is of one with %+q", *pin, o.pinned())
	}
	a, err := v.signatory(o)
	if err != nil {
		return nil, err
	}
	if err := v.callOff(a, o); err != nil {
		return nil, err
	}
	if err := v.judge(a, o); err != nil {
		return nil, err
	}
	info := o.info(digestHex(rawOrder))
	info.InsteadOf = cfg.InsteadOf
	if err := cfg.Confirm(info); err != nil {
		return nil, err
	}
	if err := v.makeKeys(ctx, o, a.certs); err != nil {
		return nil, fmt.Errorf("sign order: %w", err)
	}
	signed, err := a.sign(ctx, o, digestHex(rawOrder))
	if err != nil {
		return nil, err
	}
	if answer, err = signed.marshal(); err != nil {
		return nil, err
	}
	// The answer before the certificates: without it they would stand in the way of doing it again.
	if err := durable.WriteFile(kept, answer, 0o644); err != nil {
		return nil, fmt.Errorf("sign order: %w", err)
	}
	return answer, v.keep(signed)
}

// openVault reads the vault, or makes an empty one.
func openVault(cfg VaultConfig, name string) (*vault, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	v := &vault{cfg: cfg, now: cfg.Now().UTC().Truncate(time.Second), open: map[string]crypto.Signer{}, ring: newKeyring(cfg.Dir, cfg.Secrets)}
	if len(cfg.Secrets.Passphrase) == 0 {
		return nil, ErrNoPassphrase
	}
	if err := durable.Mkdir(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	for _, sub := range []string{"keys", "certs", "crls", "answers"} {
		if err := durable.Mkdir(filepath.Join(cfg.Dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	raw, err := readFile(filepath.Join(cfg.Dir, "vault.json"), maxFileBytes)
	if errors.Is(err, fs.ErrNotExist) {
		v.man = vaultManifest{Version: 1, Name: name, Keys: map[string]string{}}
		return v, v.saveManifest()
	}
	if err != nil {
		return nil, err
	}
	if err := decodeStrictly(raw, maxFileBytes, &v.man); err != nil {
		return nil, fmt.Errorf("vault.json: %w", err)
	}
	if v.man.Version != 1 || v.man.Name != name || v.man.Keys == nil {
		return nil, ceremonyRefuses(CeremonyMissing, "this vault is of %q (version %d), the order is of %q", v.man.Name, v.man.Version, name)
	}
	return v, nil
}

func (v *vault) saveManifest() error {
	text, err := marshalIndented(v.man)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(v.cfg.Dir, "vault.json"), text, 0o600)
}

// signatory is the vault's view of the hierarchy.
func (v *vault) signatory(o order) (*signatory, error) {
	certs, err := readAllCertificates(v.cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("sign order: %w", err)
	}
	l, err := newLinter()
	if err != nil {
		return nil, fmt.Errorf("sign order: %w", err)
	}
	if v.cfg.Catalogue == nil {
		if v.cfg.Catalogue, err = audit.Embedded(); err != nil {
			return nil, fmt.Errorf("sign order: %w", err)
		}
	}
	if v.cfg.Tiers == nil {
		if v.cfg.Tiers, err = templates.Tiers(); err != nil {
			return nil, fmt.Errorf("sign order: %w", err)
		}
	}
	arc, err := ext.ParseArc(o.Arc)
	if err != nil {
		return nil, err
	}
	l.publicURL = o.PublicURL
	a := &signatory{linter: l, now: v.now, certs: certs, key: v.key}
	return a, a.setCeilings(v.cfg.Catalogue, arc, v.cfg.Tiers)
}

// judge looks at all that is ordered before a key is made or anything is signed.
func (v *vault) judge(a *signatory, o order) error {
	if err := a.judge(o); err != nil {
		return err
	}
	for _, c := range o.Certificates {
		if _, have := a.certs[c.Name]; have {
			return v.signedBefore(c.Name)
		}
		if len(c.Request) > 0 {
			if _, err := o.openRequest(c); err != nil {
				return err
			}
		}
	}
	return v.numberLists(a, o)
}

// makeKeys makes the keys of new CAs that are to be held here.
func (v *vault) makeKeys(ctx context.Context, o order, certs map[string]*x509.Certificate) error {
	var names []string
	for _, c := range o.Certificates {
		if len(c.Request) == 0 && c.key() == c.Name && certs[c.Name] == nil && v.man.Keys[c.Name] == "" {
			names = append(names, c.Name)
		}
	}
	pin := o.pinned()
	v.man.Pinned = &pin
	places, err := expandPlaces(v.cfg.Keys, nil, names)
	if err != nil {
		return err
	}
	for _, name := range names {
		if places[name] == "" {
			places[name] = filePlace(name)
		}
	}
	made, err := v.ring.make(ctx, places)
	if err != nil {
		return err
	}
	for name, key := range made {
		v.open[name], v.man.Keys[name] = key, places[name]
		if !strings.HasPrefix(places[name], placeFile) {
			continue
		}
		text, err := v.cfg.Secrets.encrypt.key(key, v.cfg.Secrets.Passphrase)
		if err != nil {
			return fmt.Errorf("key %s: %w", name, err)
		}
		if err := durable.WriteFile(filepath.Join(v.cfg.Dir, strings.TrimPrefix(places[name], placeFile)), text, 0o600); err != nil {
			return err
		}
	}
	return v.saveManifest()
}

func (v *vault) key(ctx context.Context, name string) (crypto.Signer, error) {
	if key := v.open[name]; key != nil {
		return key, nil
	}
	place := v.man.Keys[name]
	if place == "" {
		return nil, ceremonyRefuses(CeremonyMissing, "key %s is not in this vault", name)
	}
	key, err := v.ring.signer(ctx, name, place)
	if err != nil {
		return nil, err
	}
	v.open[name] = key
	return key, nil
}

// keep writes down what was signed: later orders are held against it.
func (v *vault) keep(signed orderAnswer) error {
	for name, der := range signed.Certificates {
		if err := durable.WriteFile(certPath(v.cfg.Dir, name), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
			return fmt.Errorf("keep what was signed: %w", err)
		}
	}
	for name, der := range signed.Lists {
		if err := durable.WriteFile(crlPath(v.cfg.Dir, name), der, 0o644); err != nil {
			return fmt.Errorf("keep what was signed: %w", err)
		}
	}
	return nil
}
