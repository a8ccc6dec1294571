package installed

import (
	"errors"
	"fmt"
	"strings"
)

// DefaultDir is where records are kept.
const DefaultDir = "/var/lib/hallmark/installed"

// Manager is the program that keeps the list of a machine's packages.
type Manager string

// The package managers whose packages can be recorded.
const (
	Dpkg   Manager = "dpkg"
	Pacman Manager = "pacman"
	RPM    Manager = "rpm"
)

// Package is one version of a package, as its manager names it.
type Package struct {
	Manager      Manager `json:"manager"`
	Name         string  `json:"package"`
	Version      string  `json:"version"`
	Architecture string  `json:"architecture"`
}

// String is name:architecture and, if there is one, version, as dpkg writes them.
func (p Package) String() string {
	s := p.Name + ":" + p.Architecture
	if p.Version != "" {
		s += " " + p.Version
	}
	return s
}

// ErrName is returned for a package whose name, version or architecture no package
// manager would take.
var ErrName = errors.New("not a package's name")

// Check refuses what is no package of this manager, and every name that could mean
// something to a file system or a terminal.
func (p Package) Check() error {
	if p.Manager != Dpkg && p.Manager != Pacman && p.Manager != RPM {
		return fmt.Errorf("package manager %.32q: %w", p.Manager, ErrName)
	}
	for _, f := range []struct {
		what, value, more string
		max               int
	}{
		{"name", p.Name, "+-._@~^", maxName},
		{"version", p.Version, "+-._~^:", maxVersion},
		{"architecture", p.Architecture, "-_", maxArchitecture},
	} {
		if err := checkToken(f.value, f.more, f.max); err != nil {
			return fmt.Errorf("package %.80q: %s %.80q: %w", p.Name, f.what, f.value, err)
		}
	}
	return nil
}

// checkToken takes 1 to max ASCII letters, digits and characters of more, the first of
// them a letter or digit: so no dot file, no folder, no option and no control character.
func checkToken(s, more string, max int) error {
	if s == "" || len(s) > max {
		return fmt.Errorf("%d bytes, want 1 to %d: %w", len(s), max, ErrName)
	}
	for i, c := range []byte(s) {
		alnum := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if alnum || i > 0 && strings.IndexByte(more, c) >= 0 {
			continue
		}
		return ErrName
	}
	return nil
}

// Key is a package without its version: that of which one can be installed.
func (p Package) Key() Package {
	p.Version = ""
	return p
}

// file is the name of the package's file in the folder. The colon is in neither name
// nor architecture, so that no two packages share a file.
func (p Package) file() string {
	return string(p.Manager) + ":" + p.Name + ":" + p.Architecture + ".json"
}
