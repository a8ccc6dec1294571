package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// Framework is one version of one catalogue. Treat it as read-only: its slices are
// shared by all who looked it up.
type Framework struct {
	ID      string  `yaml:"id"`
	Name    string  `yaml:"name"`
	Version string  `yaml:"version"`
	URI     string  `yaml:"uri"` // as in certificates
	Tracks  []Track `yaml:"tracks"`

	// Digest is the SHA-256 of the file the catalogue was read from.
	Digest [sha256.Size]byte `yaml:"-"`
	// YAML is that file.
	YAML []byte `yaml:"-" json:"-"`
}

// Track is one ladder of levels and what they demand. Tracks are never merged.
type Track struct {
	ID           string        `yaml:"id"`
	Name         string        `yaml:"name"`
	Levels       []Level       `yaml:"levels"` // 1..n, in order
	Requirements []Requirement `yaml:"requirements"`
}

// Level is one rung. Level 0 is not listed: it is the absence of any.
type Level struct {
	Level   int    `yaml:"level"`
	ID      string `yaml:"id"` // the framework's own token
	Name    string `yaml:"name"`
	Summary string `yaml:"summary"`
}

// Requirement is one line of a catalogue.
type Requirement struct {
	ID         string         `yaml:"id"` // unique in the file
	Title      string         `yaml:"title"`
	Group      string         `yaml:"group"` // stage or theme, for display
	Summary    string         `yaml:"summary"`
	FromLevel  int            `yaml:"from_level"` // counts here and at every higher level
	Obligation Obligation     `yaml:"obligation"`
	Evidence   []EvidenceKind `yaml:"evidence"` // kinds that could prove it, any of
	// CheckablePerBuild is true where attestations about one build can support or
	// refute it; Notes then say what to look at after "Check:".
	CheckablePerBuild bool   `yaml:"checkable_per_build"`
	Notes             string `yaml:"notes"`
	Source            string `yaml:"source"` // URL or repo@commit:path#Lline
}

// Obligation says how a requirement weighs.
type Obligation string

// The obligations.
const (
	Required        Obligation = "required"
	UnlessJustified Obligation = "unless-justified" // an accepted justification stands in for "met"
	Recommended     Obligation = "recommended"      // recorded, never blocks a level
)

// EvidenceKind is a kind of proof a requirement may ask for.
type EvidenceKind string

// evidenceKinds are the kinds a catalogue may name.
var evidenceKinds = []EvidenceKind{
	"provenance", "vsa", "signature", "code-review-attestation", "rebuild-attestation",
	"link-metadata", "sbom", "scan-report", "test-result", "vcs-settings", "review-policy",
	"builder-config", "registry-config", "dependency-config", "iam-config", "key-management",
	"audit-log", "document", "interview",
}

// DigestHex is the Digest as it stands in assessments.
func (f Framework) DigestHex() string { return hex.EncodeToString(f.Digest[:]) }

// Track returns the track with that id. An empty id means the only track there is.
func (f Framework) Track(id string) (Track, bool) {
	if id == "" && len(f.Tracks) == 1 {
		return f.Tracks[0], true
	}
	i := slices.IndexFunc(f.Tracks, func(t Track) bool { return t.ID == id })
	if i < 0 {
		return Track{}, false
	}
	return f.Tracks[i], true
}

// Ref is how an assessment names this framework and one of its tracks.
func (f Framework) Ref(track string) FrameworkRef {
	return FrameworkRef{ID: f.ID, URI: f.URI, Version: f.Version, Track: track, Digest: map[string]string{"sha256": f.DigestHex()}}
}

// Requirement returns the requirement with that id.
func (t Track) Requirement(id string) (Requirement, bool) {
	i := slices.IndexFunc(t.Requirements, func(r Requirement) bool { return r.ID == id })
	if i < 0 {
		return Requirement{}, false
	}
	return t.Requirements[i], true
}

// LevelID returns the framework's own token for a level, "" for level 0.
func (t Track) LevelID(level int) string {
	if level < 1 || level > len(t.Levels) {
		return ""
	}
	return t.Levels[level-1].ID
}

// ParseFramework reads a catalogue strictly: unknown or repeated keys, aliases, a
// second document, gaps in the levels, repeated ids and unknown words are errors
// that name the place.
func ParseFramework(raw []byte) (Framework, error) {
	var f Framework
	if err := decodeYAML(raw, maxFrameworkBytes, &f); err != nil {
		return Framework{}, fmt.Errorf("parse framework: %w", err)
	}
	f.Digest, f.YAML = sha256.Sum256(raw), bytes.Clone(raw)
	if err := f.validate(); err != nil {
		return Framework{}, fmt.Errorf("parse framework: %w", err)
	}
	return f, nil
}

func (f Framework) validate() error {
	var p problems
	p.token("id", f.ID)
	p.line("name", f.Name)
	p.line("version", f.Version)
	p.shortURL("uri", f.URI)
	p.count("tracks", len(f.Tracks), 1, maxTracks)
	tracks, requirements := unique{}, unique{}
	for i, t := range f.Tracks {
		at := fmt.Sprintf("tracks[%d]", i)
		p.token(at+".id", t.ID)
		p.line(at+".name", t.Name)
		tracks.add(&p, CodeFramework, at+".id", t.ID)
		t.validateLevels(&p, at)
		t.validateRequirements(&p, at, requirements)
		t.validateLadder(&p, at)
	}
	if len(p) > 0 {
		return p[0]
	}
	return nil
}

func (t Track) validateLevels(p *problems, at string) {
	p.count(at+".levels", len(t.Levels), 1, maxLevels)
	ids := unique{}
	for i, l := range t.Levels {
		at := fmt.Sprintf("%s.levels[%d]", at, i)
		if l.Level != i+1 {
			p.add(CodeFramework, at+".level", "is %d, want %d: levels run 1..n in order and without gaps", l.Level, i+1)
		}
		p.token(at+".id", l.ID)
		ids.add(p, CodeFramework, at+".id", l.ID)
		p.line(at+".name", l.Name)
		p.text(at+".summary", l.Summary, true)
	}
}

func (t Track) validateRequirements(p *problems, at string, ids unique) {
	p.count(at+".requirements", len(t.Requirements), 1, maxRequirements)
	for i, r := range t.Requirements {
		at := fmt.Sprintf("%s.requirements[%d]", at, i)
		p.token(at+".id", r.ID)
		ids.add(p, CodeFramework, at+".id", r.ID)
		p.line(at+".title", r.Title)
		p.line(at+".group", r.Group)
		p.text(at+".summary", r.Summary, true)
		p.text(at+".notes", r.Notes, false)
		p.line(at+".source", r.Source)
		if r.FromLevel < 1 || r.FromLevel > len(t.Levels) {
			p.add(CodeFramework, at+".from_level", "is %d, want 1..%d", r.FromLevel, len(t.Levels))
		}
		if !slices.Contains([]Obligation{Required, UnlessJustified, Recommended}, r.Obligation) {
			p.add(CodeFramework, at+".obligation", "unknown obligation %q", r.Obligation)
		}
		p.count(at+".evidence", len(r.Evidence), 1, maxEvidence)
		for j, kind := range r.Evidence {
			if !slices.Contains(evidenceKinds, kind) {
				p.add(CodeFramework, fmt.Sprintf("%s.evidence[%d]", at, j), "unknown evidence kind %q", kind)
			}
		}
	}
}

// validateLadder refuses a level that adds nothing to a lower one that demands
// something: whoever meets the lower would be computed into it, and since a level
// without requirements of its own is never certified, would end with nothing.
func (t Track) validateLadder(p *problems, at string) {
	for n := 2; n <= len(t.Levels); n++ {
		if t.Certifiable(n-1) && !t.Certifiable(n) {
			p.add(CodeFramework, fmt.Sprintf("%s.levels[%d]", at, n-1), "has no requirements of its own although level %d has", n-1)
		}
	}
}
