package ca

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hallmark-pki/hallmark/keys"
)

// Where a key lives, as hierarchy.json and InitConfig.Keys say it:
//
//	file:keys/<name>.pem   an encrypted file in the hierarchy's directory; the default
//	pkcs11:…               a token, and whatever else package keys opens and can make keys on
//	offline                not on this machine: roots and the timestamping CA only
const (
	placeOffline = "offline"
	placeFile    = "file:"
)

// placeName stands for the key's name in the URIs of InitConfig.Keys.
const placeName = "{name}"

func filePlace(name string) string { return placeFile + "keys/" + name + ".pem" }

// checkPlace is for a place that is written down.
func checkPlace(name, place string) error {
	file, isFile := strings.CutPrefix(place, placeFile)
	switch {
	case place == placeOffline:
		if !mayBeOffline(name) {
			return fmt.Errorf("key %s cannot be offline: it is needed to serve", name)
		}
	case isFile:
		if !filepath.IsLocal(file) {
			return fmt.Errorf("key %s: %q is not inside the hierarchy's directory", name, place)
		}
	case name == nameLedger:
		return fmt.Errorf("key %s: the log's key is Ed25519, which tokens do not sign with here: it is a file", name)
	case keys.IsFile(place):
		return fmt.Errorf("key %s: %s is no place for a key of the CA", name, keys.Redact(place))
	}
	return nil
}

// mayBeOffline: what has issued all that it is to issue.
func mayBeOffline(name string) bool {
	return name == nameTimestamping || strings.HasPrefix(name, nameTimestamping+"-") || name == nameRoot || strings.HasPrefix(name, nameRoot+"-")
}

// Secrets open the hierarchy's keys.
type Secrets struct {
	// Passphrase of the files. Required: at least the log's key is one.
	Passphrase []byte
	// PIN is asked, once for each token, where a key's URI names no pin-source; nil:
	// such a key does not open.
	PIN func(token string) ([]byte, error)
	// PINWritten is keys.Options.PINWritten.
	PINWritten bool

	encrypt encrypter
}

// keyring opens keys where they live, and closes what it opened.
type keyring struct {
	dir     string
	secrets Secrets
	pins    map[string][]byte // by token, so that a person is asked once
	mu      sync.Mutex
	open    []keys.Key // under mu
}

func newKeyring(dir string, s Secrets) *keyring {
	return &keyring{dir: dir, secrets: s, pins: map[string][]byte{}}
}

func (k *keyring) options() keys.Options {
	if k.secrets.PIN == nil {
		return keys.Options{}
	}
	return keys.Options{PINWritten: k.secrets.PINWritten, PIN: func(token string) ([]byte, error) {
		if pin, ok := k.pins[token]; ok {
			return append([]byte(nil), pin...), nil
		}
		pin, err := k.secrets.PIN(token)
		if err != nil {
			return nil, err
		}
		k.pins[token] = append([]byte(nil), pin...)
		return pin, nil
	}}
}

// file opens a key in a file. Safe for concurrent use.
func (k *keyring) file(place string) (crypto.Signer, error) {
	name := strings.TrimPrefix(place, placeFile)
	raw, err := readFile(filepath.Join(k.dir, filepath.FromSlash(name)), maxFileBytes)
	if err != nil {
		return nil, err
	}
	signer, err := decryptKey(raw, k.secrets.Passphrase)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return signer, nil
}

// token opens a key that is not in a file. Not safe for concurrent use.
func (k *keyring) token(ctx context.Context, uri string) (crypto.Signer, error) {
	key, err := keys.Open(ctx, uri, k.options())
	if err != nil {
		return nil, err
	}
	k.keep(key)
	return key, nil
}

// keep has a key closed with the others. Safe for concurrent use.
func (k *keyring) keep(key keys.Key) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.open = append(k.open, key)
}

// signer opens a key wherever it is.
func (k *keyring) signer(ctx context.Context, name, place string) (crypto.Signer, error) {
	switch {
	case place == placeOffline:
		return nil, fmt.Errorf("key %s: %w", name, ErrOffline)
	case strings.HasPrefix(place, placeFile):
		return k.file(place)
	}
	return k.token(ctx, place)
}

// make makes keys where they are to live, by name → place, and changes a place to what
// finds the key made there. A key that is to be in a file is in memory yet: write it
// with encryptKey.
func (k *keyring) make(ctx context.Context, places map[string]string) (map[string]crypto.Signer, error) {
	made := map[string]crypto.Signer{}
	for _, name := range slices.Sorted(maps.Keys(places)) {
		var err error
		switch place := places[name]; {
		case name == nameLedger:
			_, made[name], err = ed25519.GenerateKey(rand.Reader)
		case strings.HasPrefix(place, placeFile):
			made[name], err = newP256()
		default:
			if places[name], err = generateOnToken(ctx, place, k.options()); err == nil {
				made[name], err = k.token(ctx, places[name])
			}
		}
		if err != nil {
			return nil, fmt.Errorf("make key %s: %w", name, err)
		}
	}
	return made, nil
}

func (k *keyring) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var errs []error
	for _, key := range k.open {
		errs = append(errs, key.Close())
	}
	k.open = nil
	for _, pin := range k.pins {
		clear(pin)
	}
	return errors.Join(errs...)
}

// ErrOffline is returned where a key is asked for that is not on this machine.
var ErrOffline = errors.New("the key is offline: 'hallmark ceremony' brings to it what it has to sign")

// expandPlaces turns InitConfig.Keys into one place for each name of a key that is
// not to be in the usual file. A key's own entry counts before that of its group.
func expandPlaces(wanted map[string]string, tiers, others []string) (map[string]string, error) {
	out := map[string]string{}
	used := map[string]bool{}
	pick := func(name string, groups ...string) error {
		for _, from := range append([]string{name}, groups...) {
			uri, ok := wanted[from]
			if !ok {
				continue
			}
			used[from] = true
			place := strings.ReplaceAll(uri, placeName, name)
			if place == placeOffline {
				return fmt.Errorf("key %s: offline keys are made in a ceremony", name)
			}
			if err := checkPlace(name, place); err != nil {
				return err
			}
			if place != filePlace(name) {
				out[name] = place
			}
			return nil
		}
		return nil
	}
	for _, name := range tiers {
		if err := pick(name, KeysOfTiers); err != nil {
			return nil, err
		}
	}
	for _, name := range others {
		if err := pick(name); err != nil {
			return nil, err
		}
	}
	for name := range wanted {
		if !used[name] {
			return nil, fmt.Errorf("there is no key %q to place: %s or %s", name, strings.Join(append(tiers, others...), ", "), KeysOfTiers)
		}
	}
	places := map[string]string{}
	for name, place := range out {
		if other, taken := places[place]; taken {
			return nil, fmt.Errorf("keys %s and %s would be one: put %s into the URI", other, name, placeName)
		}
		places[place] = name
	}
	return out, nil
}

// KeysOfTiers stands for all tiers in InitConfig.Keys.
const KeysOfTiers = "tiers"

// KeyInfo says where a key of the CA lives and until when its certificate holds.
type KeyInfo struct {
	Name     string    `json:"name"`
	Place    string    `json:"place"`              // file:…, a key's URI without a PIN, or "offline"
	NotAfter time.Time `json:"not_after,omitzero"` // zero: the key has no certificate
}

// Keys lists the CA's keys by name.
func (h *Hierarchy) Keys() []KeyInfo {
	m := h.manifest
	ends := map[string]time.Time{nameOperator: h.operator.NotAfter, nameVSA: {}, nameLedger: {}, m.newest(nameDistribution): {}, m.newest(nameTSA): h.tsa.NotAfter}
	for _, name := range m.generations(nameTimestamping) {
		ends[name] = h.stamps[name].NotAfter
	}
	for _, name := range m.generations(nameStatus) {
		if h.keys[name] != nil {
			ends[name] = time.Time{}
		}
	}
	for _, r := range h.roots {
		ends[r.name] = r.cert.NotAfter
	}
	for _, t := range h.tiers {
		ends[t.name] = t.cert.NotAfter
	}
	var list []KeyInfo
	for _, name := range slices.Sorted(maps.Keys(ends)) {
		place := h.manifest.place(name)
		if !strings.HasPrefix(place, placeFile) && place != placeOffline {
			place = keys.Redact(place)
		}
		list = append(list, KeyInfo{name, place, ends[name]})
	}
	return list
}
