package templates

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	// maxTiersBytes bounds a tiers file: ours has 2 KB, and YAML can make much of little.
	maxTiersBytes = 64 << 10
	// maxTiers bounds the issuing CAs of one hierarchy. A guess: beyond a handful nobody can say what each means.
	maxTiers = 16
	// tiersVersion is the only layout of tiers.yaml there has been.
	tiersVersion = 1
)

// tierName is what may stand in a file name and in the path of a URL.
var tierName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// reserved are the names of the hierarchy's other keys and certificates.
var reserved = map[string]bool{"root": true, "timestamping": true, "tsa": true, "operator": true, "vsa": true, "ledger": true}

// What a tier may ask for beyond claims that assessments support.
const (
	ApprovalNone        = "none"
	ApprovalOfficer     = "officer"
	HardwareKeyNone     = "none"
	HardwareKeyRequired = "required"
)

// TierSpec says what one issuing CA may certify.
type TierSpec struct {
	Name     string `yaml:"name"`  // lower-case slug; file names and URLs are made of it
	Title    string `yaml:"title"` // follows the CA's name in the subject
	Unlisted string `yaml:"unlisted"`
	// Approval is ApprovalNone or ApprovalOfficer, HardwareKey is HardwareKeyNone or
	// HardwareKeyRequired; "" is none.
	Approval    string                    `yaml:"approval"`
	HardwareKey string                    `yaml:"hardware_key"`
	Ceilings    map[string]map[string]int `yaml:"ceilings"` // framework id → track id → highest level
}

// Ceiling returns the highest level of a track the tier may certify, 0 for none.
// top is the track's highest level; no ceiling exceeds it.
func (t TierSpec) Ceiling(framework, track string, top int) int {
	if level, ok := t.Ceilings[framework][track]; ok {
		return min(level, top)
	}
	if t.Unlisted == "all" {
		return top
	}
	return 0
}

// NeedsOfficer reports whether the tier issues only what an officer approved.
func (t TierSpec) NeedsOfficer() bool { return t.Approval == ApprovalOfficer }

// NeedsHardwareKey reports whether the tier certifies only keys that hardware keeps.
func (t TierSpec) NeedsHardwareKey() bool { return t.HardwareKey == HardwareKeyRequired }

// Tiers returns the embedded tiers, lowest first.
func Tiers() ([]TierSpec, error) {
	raw, err := FS.ReadFile("tiers.yaml")
	if err != nil {
		return nil, fmt.Errorf("read tiers: %w", err)
	}
	return ParseTiers(raw)
}

// ParseTiers reads a tiers file strictly: unknown keys, a second document,
// repeated names and ceilings that sink from one tier to the next are errors.
func ParseTiers(raw []byte) ([]TierSpec, error) {
	if len(raw) > maxTiersBytes {
		return nil, fmt.Errorf("parse tiers: %d bytes, at most %d", len(raw), maxTiersBytes)
	}
	var f struct {
		Version int        `yaml:"version"`
		Tiers   []TierSpec `yaml:"tiers"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil {
		return nil, fmt.Errorf("parse tiers: %w", err)
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("parse tiers: more than one document")
	}
	if f.Version != tiersVersion {
		return nil, fmt.Errorf("parse tiers: version %d, this program knows %d", f.Version, tiersVersion)
	}
	if n := len(f.Tiers); n == 0 || n > maxTiers {
		return nil, fmt.Errorf("parse tiers: %d tiers, want 1 to %d", n, maxTiers)
	}
	seen := map[string]bool{}
	for i, t := range f.Tiers {
		if err := t.check(); err != nil {
			return nil, fmt.Errorf("parse tiers: tier %d: %w", i+1, err)
		}
		if seen[t.Name] {
			return nil, fmt.Errorf("parse tiers: tier %q occurs twice", t.Name)
		}
		seen[t.Name] = true
		if i > 0 {
			if err := t.covers(f.Tiers[i-1]); err != nil {
				return nil, fmt.Errorf("parse tiers: tier %q: %w", t.Name, err)
			}
		}
	}
	return f.Tiers, nil
}

func (t TierSpec) check() error {
	if !tierName.MatchString(t.Name) {
		return fmt.Errorf("name %q is not a slug of at most 32 characters", t.Name)
	}
	if reserved[t.Name] || strings.HasSuffix(t.Name, "-twin") {
		return fmt.Errorf("name %q is taken by another file of the hierarchy", t.Name)
	}
	if t.Title == "" {
		return errors.New("no title")
	}
	if t.Unlisted != "all" && t.Unlisted != "none" {
		return fmt.Errorf("unlisted is %q, want all or none", t.Unlisted)
	}
	if t.Approval != "" && t.Approval != ApprovalNone && t.Approval != ApprovalOfficer {
		return fmt.Errorf("approval is %q, want none or officer", t.Approval)
	}
	if t.HardwareKey != "" && t.HardwareKey != HardwareKeyNone && t.HardwareKey != HardwareKeyRequired {
		return fmt.Errorf("hardware_key is %q, want none or required", t.HardwareKey)
	}
	for framework, tracks := range t.Ceilings {
		for track, level := range tracks {
			if level < 1 || level > maxLevel {
				return fmt.Errorf("ceiling of %s %s is %d, want 1 to %d", framework, track, level, maxLevel)
			}
		}
	}
	return nil
}

// maxLevel bounds a ceiling; no ladder we know has more than 5 rungs.
const maxLevel = 255

// covers reports an error when t may certify less than the tier below it: then
// "the lowest tier that covers" would not exist for some sets of claims.
func (t TierSpec) covers(below TierSpec) error {
	if below.Unlisted == "all" && t.Unlisted != "all" {
		return fmt.Errorf("unlisted is %q, but %q below has all", t.Unlisted, below.Name)
	}
	if below.NeedsOfficer() && !t.NeedsOfficer() || below.NeedsHardwareKey() && !t.NeedsHardwareKey() {
		return fmt.Errorf("asks for less than %q below", below.Name)
	}
	for _, named := range []TierSpec{below, t} {
		for framework, tracks := range named.Ceilings {
			for track := range tracks {
				if t.Ceiling(framework, track, maxLevel) < below.Ceiling(framework, track, maxLevel) {
					return fmt.Errorf("ceiling of %s %s lies below that of %q", framework, track, below.Name)
				}
			}
		}
	}
	return nil
}
