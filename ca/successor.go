package ca

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// successible are the keys beside those of roots and tiers that can be followed by another
// generation: tsa, tsa-2 and so on.
func successible() []string {
	return []string{nameTimestamping, nameTSA, nameStatus, nameDistribution}
}

// statusTerm says how one generation of the status key took over from the one before.
type statusTerm struct {
	// Made is when the key came into the trust bundle, From when it begins to sign.
	Made time.Time `json:"made"`
	From time.Time `json:"from"`
	// Before is the key that signed until then (SubjectPublicKeyInfo, DER), which counts
	// until Until: as long as what it has signed lasts. Both are empty where it was taken
	// out of the trust bundle at once.
	Before []byte    `json:"before,omitempty"`
	Until  time.Time `json:"until,omitzero"`
}

// newest names the newest generation of a key.
func (m manifest) newest(name string) string {
	return generationName(name, max(1, m.Successors[name]))
}

// generations names all of them, oldest first.
func (m manifest) generations(name string) []string {
	var all []string
	for n := 1; n <= max(1, m.Successors[name]); n++ {
		all = append(all, generationName(name, n))
	}
	return all
}

// offline lists the CAs whose lists are files: the roots, oldest first, and the
// timestamping CAs.
func (m manifest) offline() []string {
	return append(slices.Clone(m.roots()), m.generations(nameTimestamping)...)
}

// checkSuccessors holds for a manifest however it was made.
func (m manifest) checkSuccessors() error {
	for name, n := range m.Successors {
		if !slices.Contains(successible(), name) || n < 2 || n > maxGenerations {
			return fmt.Errorf("generation %d of key %q", n, name)
		}
	}
	if want := max(1, m.Successors[nameStatus]) - 1; len(m.StatusTerms) != want {
		return fmt.Errorf("%d terms of the status key, want %d", len(m.StatusTerms), want)
	}
	for i, t := range m.StatusTerms {
		switch {
		case t.Made.IsZero() || t.From.Before(t.Made):
			return fmt.Errorf("term %d of the status key begins before the key", i)
		case len(t.Before) == 0:
			if !t.Until.IsZero() {
				return fmt.Errorf("term %d of the status key: an end of no key", i)
			}
		case !t.Until.After(t.From):
			return fmt.Errorf("term %d of the status key: the one before ends first", i)
		default:
			if _, err := x509.ParsePKIXPublicKey(t.Before); err != nil {
				return fmt.Errorf("term %d of the status key: %w", i, err)
			}
		}
	}
	return nil
}

// statusKeys names the generations of the status key that are opened: the newest, and the
// one before as long as it counts and its file is there. Who wants to be sure that it
// signs no more removes the file once the newest signs.
func (k *keyring) statusKeys(m manifest) []string {
	newest := m.newest(nameStatus)
	n := len(m.StatusTerms)
	if n == 0 || len(m.StatusTerms[n-1].Before) == 0 {
		return []string{newest}
	}
	before := generationName(nameStatus, n)
	if file, is := strings.CutPrefix(m.place(before), placeFile); is {
		if _, err := os.Stat(filepath.Join(k.dir, file)); errors.Is(err, fs.ErrNotExist) {
			return []string{newest}
		}
	}
	return []string{before, newest}
}

// statusSigner is the key that signs status bundles now.
func (h *Hierarchy) statusSigner(now time.Time) crypto.Signer {
	m := h.manifest
	if n := len(m.StatusTerms); n > 0 && now.Before(m.StatusTerms[n-1].From) {
		if key := h.keys[generationName(nameStatus, n)]; key != nil {
			return key
		}
	}
	return h.keys[m.newest(nameStatus)]
}

// TrustKey is a key of the trust bundle with the time in which it counts; a zero time is
// no bound.
type TrustKey struct {
	Key                 crypto.PublicKey
	NotBefore, NotAfter time.Time
}

// statusKeys lists who may sign status bundles, oldest first.
func (h *Hierarchy) statusKeys() ([]TrustKey, error) {
	var out []TrustKey
	var begins time.Time
	for _, t := range h.manifest.StatusTerms {
		if len(t.Before) > 0 {
			key, err := x509.ParsePKIXPublicKey(t.Before)
			if err != nil {
				return nil, fmt.Errorf("status key of before: %w", err)
			}
			out = append(out, TrustKey{key, begins, t.Until})
		}
		begins = t.Made
	}
	key := h.keys[h.manifest.newest(nameStatus)]
	if key == nil {
		return nil, errors.New("the newest status key is not open")
	}
	return append(out, TrustKey{Key: key.Public(), NotBefore: begins}), nil
}

// cloneSuccessors copies what a change of successors writes to.
func (m *manifest) cloneSuccessors() {
	m.Successors, m.StatusTerms = maps.Clone(m.Successors), slices.Clone(m.StatusTerms)
	if m.Successors == nil {
		m.Successors = map[string]int{}
	}
}
