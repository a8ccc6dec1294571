package templates

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"go.yaml.in/yaml/v3"
)

const (
	// maxValidityBytes bounds validity.yaml: ours has 1 KB.
	maxValidityBytes = 16 << 10
	// maxValidities bounds the profiles on offer; a guess.
	maxValidities = 16
	// validityVersion is the only layout of validity.yaml there has been.
	validityVersion = 1
	// MaxDays is the longest a code-signing certificate may last: CABF Code Signing BR
	// section 6.3.2 (ballot CSC-31).
	MaxDays = 460
)

// Validity is a profile that a vendor may choose: what the certificate looks like and
// how long it may last.
type Validity struct {
	Name     string `yaml:"name"` // lower-case slug
	Template Name   `yaml:"template"`
	MaxDays  int    `yaml:"max_days"` // 1 to MaxDays
}

// Max is the longest that notAfter may lie after notBefore. The period counts both its
// first and its last second (RFC 5280 §4.1.2.5), hence one less.
func (v Validity) Max() time.Duration { return time.Duration(v.MaxDays)*24*time.Hour - time.Second }

// Validities returns the embedded profiles, the default first.
func Validities() ([]Validity, error) {
	raw, err := FS.ReadFile("validity.yaml")
	if err != nil {
		return nil, fmt.Errorf("read validity profiles: %w", err)
	}
	return ParseValidities(raw)
}

// ParseValidities reads a file of profiles strictly: unknown keys, a second document,
// repeated names, and templates that are no leaf's are errors.
func ParseValidities(raw []byte) ([]Validity, error) {
	if len(raw) > maxValidityBytes {
		return nil, fmt.Errorf("parse validity profiles: %d bytes, at most %d", len(raw), maxValidityBytes)
	}
	var f struct {
		Version  int        `yaml:"version"`
		Profiles []Validity `yaml:"profiles"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil {
		return nil, fmt.Errorf("parse validity profiles: %w", err)
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("parse validity profiles: more than one document")
	}
	if f.Version != validityVersion {
		return nil, fmt.Errorf("parse validity profiles: version %d, this program knows %d", f.Version, validityVersion)
	}
	if n := len(f.Profiles); n == 0 || n > maxValidities {
		return nil, fmt.Errorf("parse validity profiles: %d profiles, want 1 to %d", n, maxValidities)
	}
	seen := map[string]bool{}
	for _, v := range f.Profiles {
		switch {
		case !tierName.MatchString(v.Name):
			return nil, fmt.Errorf("parse validity profiles: name %q is not a slug of at most 32 characters", v.Name)
		case seen[v.Name]:
			return nil, fmt.Errorf("parse validity profiles: %q occurs twice", v.Name)
		case v.Template != CodeSigning:
			return nil, fmt.Errorf("parse validity profiles: %q is made of %q, which is not a vendor's certificate", v.Name, v.Template)
		case v.MaxDays < 1 || v.MaxDays > MaxDays:
			return nil, fmt.Errorf("parse validity profiles: %q lasts %d days, want 1 to %d", v.Name, v.MaxDays, MaxDays)
		}
		seen[v.Name] = true
	}
	return f.Profiles, nil
}
