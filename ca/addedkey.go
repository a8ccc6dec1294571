package ca

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/hallmark-pki/hallmark/durable"
)

// addedKeys are those that hierarchies made by the first release lack.
func addedKeys() []string { return []string{nameStatus, nameDistribution} }

// addKeys makes, in files, the keys that came with a later release, and notes that they
// were made. The files come first: hierarchy.json alone says what counts.
func (k *keyring) addKeys(m manifest) (_ manifest, err error) {
	var missing []string
	for _, name := range addedKeys() {
		if !slices.Contains(m.Added, name) {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return m, nil
	}
	// A wrong passphrase must not be found out by what was just encrypted with it.
	if _, err := k.file(m.place(nameLedger)); err != nil {
		return manifest{}, err
	}
	unlock, err := lockSite(k.dir)
	if err != nil {
		return manifest{}, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := sameManifest(k.dir, m); err != nil {
		return manifest{}, err
	}
	for _, name := range missing {
		if err := k.addKey(name); err != nil {
			return manifest{}, fmt.Errorf("make key %s, which this release needs: %w", name, err)
		}
	}
	m.Added = append(slices.Clone(m.Added), missing...)
	text, err := m.marshal()
	if err != nil {
		return manifest{}, err
	}
	return m, durable.WriteFile(filepath.Join(k.dir, manifestFile), text, 0o644)
}

// addKey makes a key unless it is there: by a process that was stopped before it could
// say so, or by another one at this moment, whose key then counts for both.
func (k *keyring) addKey(name string) error {
	file := filepath.Join(k.dir, "keys", name+".pem")
	if _, err := os.Lstat(file); err == nil {
		return nil
	}
	key, err := newP256()
	if err != nil {
		return err
	}
	text, err := k.secrets.encrypt.key(key, k.secrets.Passphrase)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(file), ".added-*")
	if err != nil {
		return err
	}
	whole := filepath.Join(tmp, name+".pem")
	err = durable.WriteFile(whole, text, 0o600)
	if err == nil {
		if err = os.Link(whole, file); errors.Is(err, fs.ErrExist) { // unlike a rename, it takes nobody's place
			err = nil
		}
	}
	if err == nil {
		err = durable.SyncDir(filepath.Dir(file))
	}
	return errors.Join(err, os.RemoveAll(tmp))
}

// later opens a key that serving does not begin with, once.
func (h *Hierarchy) later(ctx context.Context, name string) (crypto.Signer, error) {
	h.opening.Lock()
	defer h.opening.Unlock()
	for _, from := range []map[string]crypto.Signer{h.keys, h.opened} {
		if key := from[name]; key != nil {
			return key, nil
		}
	}
	key, err := h.ring.signer(ctx, name, h.manifest.place(name))
	if err != nil {
		return nil, fmt.Errorf("open key %s: %w", name, err)
	}
	if h.opened == nil {
		h.opened = map[string]crypto.Signer{}
	}
	h.opened[name] = key
	return key, nil
}
