package ca

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
)

// Names of the certificates and keys that are not tiers.
const (
	nameRoot         = "root"
	nameTimestamping = "timestamping"
	nameTSA          = "tsa"
	nameOperator     = "operator"
	nameVSA          = "vsa"
	nameLedger       = "ledger"
	nameStatus       = "status"       // signs status bundles, and what changes daily in the update repository
	nameDistribution = "distribution" // root and targets of the update repository, package distribution
	twinSuffix       = "-twin"
	crossInfix       = "-by-" // standard-by-root-2: certs/standard.pem's name and key, certified by root-2
	manifestFile     = "hierarchy.json"
	manifestVersion  = 1
)

// manifest is hierarchy.json: what cannot be read off the certificates. It is
// replaced whole, and after every file that it names: it alone says what counts.
type manifest struct {
	Version   int       `json:"version"`
	Name      string    `json:"name"`
	Arc       string    `json:"arc"`
	PublicURL string    `json:"public_url"`
	Tiers     []string  `json:"tiers"` // lowest first
	CRLShards int       `json:"crl_shards"`
	CreatedAt time.Time `json:"created_at"`

	// Keys says where each key lives, by name; see keyPlace. A name that is missing: keys/<name>.pem.
	Keys map[string]string `json:"keys,omitempty"`
	// Generations has the newest generation of each tier that was rolled over.
	Generations map[string]int `json:"generations,omitempty"`
	// Roots has the roots, oldest first, also those retired; none: "root" alone.
	Roots []string `json:"roots,omitempty"`
	// Retired roots are no anchors any more.
	Retired []string `json:"retired_roots,omitempty"`
	// Added has the keys that came with a later release than the first, once they were
	// made: from then on one that is missing is lost, and not to be made again.
	Added []string `json:"added_keys,omitempty"`
	// Successors has the newest generation of the timestamping CA and of the keys tsa,
	// status and distribution, where they were rolled over.
	Successors map[string]int `json:"successors,omitempty"`
	// StatusTerms has how each generation of the status key from the second on took over.
	StatusTerms []statusTerm `json:"status_terms,omitempty"`
	// Cross has the further certificates of CAs: <name>-by-<root>.
	Cross []string `json:"cross,omitempty"`
}

// parseManifest reads hierarchy.json strictly.
func parseManifest(raw []byte) (manifest, error) {
	var m manifest
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return manifest{}, fmt.Errorf("read %s: %w", manifestFile, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return manifest{}, fmt.Errorf("read %s: text after the object", manifestFile)
	}
	if err := m.check(); err != nil {
		return manifest{}, fmt.Errorf("%s: %w", manifestFile, err)
	}
	return m, nil
}

func (m manifest) check() error {
	if m.Version != manifestVersion {
		return fmt.Errorf("it has version %d, this program knows %d", m.Version, manifestVersion)
	}
	if len(m.Tiers) == 0 {
		return errors.New("it names no tiers")
	}
	if _, err := ext.ParseArc(m.Arc); err != nil {
		return err
	}
	if err := checkShards(m.CRLShards); err != nil {
		return err
	}
	for tier, n := range m.Generations {
		if !slices.Contains(m.Tiers, tier) || n < 2 || n > maxGenerations {
			return fmt.Errorf("generation %d of tier %q", n, tier)
		}
	}
	if err := m.checkSuccessors(); err != nil {
		return err
	}
	names := append([]string{nameOperator, nameVSA, nameLedger}, m.roots()...)
	for _, name := range successible() {
		names = append(names, m.generations(name)...)
	}
	for _, id := range m.issuers() {
		names = append(names, id.name)
	}
	seen := map[string]bool{}
	for _, name := range names {
		if name != filepath.Base(name) || strings.HasPrefix(name, ".") || seen[name] {
			return fmt.Errorf("name %q is bad or taken twice", name)
		}
		seen[name] = true
	}
	for _, name := range m.Retired {
		if !slices.Contains(m.roots(), name) || name == m.newestRoot() {
			return fmt.Errorf("retired root %q is none, or the newest", name)
		}
	}
	for _, name := range m.Cross {
		of, by, ok := strings.Cut(name, crossInfix)
		if !ok || !seen[of] || !slices.Contains(m.roots(), by) {
			return fmt.Errorf("cross-certificate %q is of nothing here", name)
		}
	}
	for _, name := range m.Added {
		if !slices.Contains(addedKeys(), name) {
			return fmt.Errorf("added key %q is none that a release has added", name)
		}
	}
	for name, place := range m.Keys {
		if !seen[name] {
			return fmt.Errorf("place of a key %q that there is not", name)
		}
		if err := checkPlace(name, place); err != nil {
			return err
		}
	}
	return nil
}

// place says where a key lives.
func (m manifest) place(name string) string {
	if place := m.Keys[name]; place != "" {
		return place
	}
	return filePlace(name)
}

// roots returns the names of the roots, oldest first.
func (m manifest) roots() []string {
	if len(m.Roots) == 0 {
		return []string{nameRoot}
	}
	return m.Roots
}

func (m manifest) newestRoot() string { return m.roots()[len(m.roots())-1] }

// issuerID names an issuing CA: one generation of a tier.
type issuerID struct {
	name    string // the tier's for the first generation, then <tier>-2 and so on
	tier    string
	current bool // the newest generation, the only one that issues
}

// issuers returns every issuing CA, lowest tier first, oldest generation first.
func (m manifest) issuers() []issuerID {
	var all []issuerID
	for _, tier := range m.Tiers {
		last := max(1, m.Generations[tier])
		for n := 1; n <= last; n++ {
			all = append(all, issuerID{generationName(tier, n), tier, n == last})
		}
	}
	return all
}

// generationName names the n-th generation of a tier or of the root.
func generationName(name string, n int) string {
	if n == 1 {
		return name
	}
	return name + "-" + strconv.Itoa(n)
}

// marshal writes hierarchy.json.
func (m manifest) marshal() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestFile, err)
	}
	return marshalIndented(m)
}
