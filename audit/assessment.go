package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
)

// PredicateType marks an in-toto Statement whose predicate is an Assessment.
const PredicateType = "https://github.com/hallmark-pki/hallmark/assessment/v1"

// Assessment is what an auditor signs. The package comment shows its JSON.
type Assessment struct {
	Framework FrameworkRef `json:"framework"`
	Vendor    Party        `json:"vendor"`
	Auditor   Party        `json:"auditor"`
	// SecondAuditor signs as well, and is of another organisation: required at the
	// highest level of a track.
	SecondAuditor *Party    `json:"secondAuditor,omitempty"`
	Level         int       `json:"level"`
	LevelID       string    `json:"levelId"`
	AssessedAt    time.Time `json:"assessedAt"` // UTC, whole seconds
	ValidUntil    time.Time `json:"validUntil"` // UTC, whole seconds; not valid at this instant any more
	Scope         Scope     `json:"scope"`
	Findings      []Finding `json:"findings"`
	// Probes check now and then that findings still hold.
	Probes []Probe `json:"probes,omitempty"`
}

// Probe is a check that a machine repeats: of which findings, and how. A probe that
// fails keeps the assessment from supporting new certificates; one that passes never
// raises a level.
type Probe struct {
	ID           string            `json:"id" yaml:"id"`                     // unique in the assessment
	Kind         string            `json:"kind" yaml:"kind"`                 // as package audit/probe knows it
	Requirements []string          `json:"requirements" yaml:"requirements"` // the findings it watches
	With         map[string]string `json:"with" yaml:"with"`                 // its parameters
}

// FrameworkRef names a catalogue by its bytes, and one track of it.
type FrameworkRef struct {
	ID      string            `json:"id"`
	URI     string            `json:"uri"`
	Version string            `json:"version"`
	Track   string            `json:"track"`
	Digest  map[string]string `json:"digest"` // {"sha256": hex of the catalogue file}
}

// Party is the vendor or the auditor of an assessment.
type Party struct {
	ID           string `json:"id" yaml:"id"`             // as registered with the CA
	URI          string `json:"uri,omitempty" yaml:"uri"` // required of a vendor
	Organization string `json:"organization" yaml:"organization"`
}

// Scope is what was looked at. The signing gate holds every build against it.
type Scope struct {
	Products   []Product   `json:"products" yaml:"products"`
	Sources    []Source    `json:"sources" yaml:"sources"`
	Builders   []Builder   `json:"builders" yaml:"builders"`
	Rebuilders []Rebuilder `json:"rebuilders,omitempty" yaml:"rebuilders"`
	// Attestors are others whose statements count: reviewers, scanners, test services.
	Attestors []Attestor `json:"attestors,omitempty" yaml:"attestors"`
	// Committers are those whose signed commits count.
	Committers []Committer `json:"committers,omitempty" yaml:"committers"`
	// Origins are where dependencies may come from: https URLs, each for itself and what
	// is below it.
	Origins      []string `json:"origins,omitempty" yaml:"origins"`
	Repositories []string `json:"repositories" yaml:"repositories"` // https URLs of attestation repositories
	Exclusions   []string `json:"exclusions,omitempty" yaml:"exclusions"`
	Recipes      []Recipe `json:"recipes,omitempty" yaml:"recipes"`
	// Layouts are the in-toto layouts that were looked at, by the SHA-256 of their payload in
	// lower-case hex (attest.LayoutKeyID). A build that follows one of them adheres to policy.
	Layouts []string `json:"layouts,omitempty" yaml:"layouts"`
}

// Product is something the vendor ships.
type Product struct {
	Name string `json:"name" yaml:"name"`
}

// Source is a repository that products are built from.
type Source struct {
	URI      string   `json:"uri" yaml:"uri"`                     // https://… or git+https://…
	Branches []string `json:"branches,omitempty" yaml:"branches"` // none: any
}

// Builder is a build service whose provenance counts.
type Builder struct {
	ID         string   `json:"id" yaml:"id"` // builder.id in provenance
	BuildTypes []string `json:"buildTypes,omitempty" yaml:"build_types"`
	// Keys it signs provenance with; or Identities, when it signs with short-lived
	// certificates; or both.
	Keys       []string   `json:"keys,omitempty" yaml:"keys"`    // PEM "PUBLIC KEY" (SubjectPublicKeyInfo)
	Identities []Identity `json:"identities,omitempty" yaml:"-"` // a draft has DraftIdentity
	// Properties the auditor verified on the platform, in builds of these types; the
	// constants Property… are words for them.
	Properties []string `json:"properties,omitempty" yaml:"properties"`
	// EntryPoints are the build definitions that were looked at, as provenance names
	// them; none: any.
	EntryPoints []string `json:"entryPoints,omitempty" yaml:"entry_points"`
	// Parameters are the names of the external parameters that a build may have, beside
	// those that name source and entry point.
	Parameters []string `json:"parameters,omitempty" yaml:"parameters"`
}

// Identity is what a builder's signing certificates say, exactly.
type Identity struct {
	Issuer  string `json:"issuer" yaml:"issuer"`   // https URL of the identity provider, as the certificate names it
	Subject string `json:"subject" yaml:"subject"` // the certificate's one URI or email SAN
	Root    string `json:"root" yaml:"root"`       // PEM "CERTIFICATE" of the CA that certifies it
	// TimestampRoot is the PEM "CERTIFICATE" of the CA of the time stamping authority that
	// says when a short-lived certificate was used. Without it no such signature counts.
	TimestampRoot string `json:"timestampRoot,omitempty" yaml:"timestamp_root"`
}

// Rebuilder repeats builds and is run by somebody else than the vendor.
type Rebuilder struct {
	ID       string   `json:"id" yaml:"id"`
	Operator string   `json:"operator" yaml:"operator"` // organisation; a quorum counts these
	Keys     []string `json:"keys" yaml:"keys"`
}

// Finding is the auditor's answer to one requirement.
type Finding struct {
	Requirement   string                      `json:"requirement"`
	Status        Status                      `json:"status"`
	Evidence      []attest.ResourceDescriptor `json:"evidence,omitempty"`
	Justification string                      `json:"justification,omitempty"`
	Note          string                      `json:"note,omitempty"`
}

// Status is the answer itself.
type Status string

// The statuses. A draft also knows the empty one: not answered yet.
const (
	Met       Status = "met"
	NotMet    Status = "not-met"
	Justified Status = "justified" // not met, for a reason the framework allows for
)

// ParseAssessment reads a predicate strictly: one spelling, as the package comment
// says. The error is a *Refusal that names the field. What is returned is well
// formed, not yet valid: see Validate.
func ParseAssessment(raw []byte) (Assessment, error) {
	var a Assessment
	if err := decodeJSON(raw, maxAssessmentBytes, &a); err != nil {
		return Assessment{}, refuseAll([]Problem{*err})
	}
	for _, t := range []struct {
		field string
		at    *time.Time
	}{{"assessedAt", &a.AssessedAt}, {"validUntil", &a.ValidUntil}} {
		if _, offset := t.at.Zone(); offset != 0 || t.at.Nanosecond() != 0 {
			return Assessment{}, refuse(CodeFormat, t.field, "want UTC and whole seconds")
		}
		*t.at = t.at.UTC()
	}
	return a, nil
}

// Properties are the platform properties that every builder in scope has, sorted:
// a certificate may be used for a build of any of them.
func (a Assessment) Properties() []string {
	var common []string
	for i, b := range a.Scope.Builders {
		if i == 0 {
			common = slices.Clone(b.Properties)
		}
		common = slices.DeleteFunc(common, func(p string) bool { return !slices.Contains(b.Properties, p) })
	}
	slices.Sort(common)
	return slices.Compact(common)
}

// subject is the one subject of the statement around an assessment.
func subject(vendorURI string) attest.Subject {
	sum := sha256.Sum256([]byte(vendorURI))
	return attest.Subject{Name: vendorURI, Digest: map[string]string{"sha256": hex.EncodeToString(sum[:])}}
}

// Validate says everything that is wrong with an assessment as of now: its parties'
// form, periods, scope and findings, and whether the level in it is the one that
// its findings reach in the catalogue it names. None means valid.
func (a Assessment) Validate(cat *Catalogue, now time.Time) []Problem {
	var p problems
	a.validateParties(&p)
	a.validateSecondAuditor(&p, "secondAuditor")
	a.validatePeriod(&p, now)
	a.Scope.validate(&p, "scope", a.Vendor.Organization)
	a.validateRoots(&p)
	track, ok := a.validateFramework(&p, cat)
	if !ok {
		return p
	}
	a.validateFindings(&p, track)
	watched := watched{track: track, answers: a.answers(), final: true}
	watched.validate(&p, "probes", a.Probes)
	a.validateLevel(&p, track)
	return p
}

func (a Assessment) validateParties(p *problems) {
	p.token("vendor.id", a.Vendor.ID)
	p.shortURL("vendor.uri", a.Vendor.URI)
	p.line("vendor.organization", a.Vendor.Organization)
	p.token("auditor.id", a.Auditor.ID)
	if a.Auditor.URI != "" {
		p.httpsURL("auditor.uri", a.Auditor.URI)
	}
	p.line("auditor.organization", a.Auditor.Organization)
	if sameOrganization(a.Vendor.Organization, a.Auditor.Organization) {
		p.add(CodeConflict, "auditor.organization", "is the vendor's organisation: nobody audits themselves")
	}
}

// validateSecondAuditor checks the second auditor where there is one; at is its own
// path. Whether there has to be one is for the level to say.
func (a Assessment) validateSecondAuditor(p *problems, at string) {
	second := a.SecondAuditor
	if second == nil {
		return
	}
	p.token(at+".id", second.ID)
	if second.ID != "" && second.ID == a.Auditor.ID {
		p.add(CodeConflict, at+".id", "is the auditor: two people sign")
	}
	if second.URI != "" {
		p.httpsURL(at+".uri", second.URI)
	}
	p.line(at+".organization", second.Organization)
	switch {
	case sameOrganization(second.Organization, a.Vendor.Organization):
		p.add(CodeConflict, at+".organization", "is the vendor's organisation: nobody audits themselves")
	case sameOrganization(second.Organization, a.Auditor.Organization):
		p.add(CodeConflict, at+".organization", "is the auditor's organisation: the second auditor is of another")
	}
}

// NeedsSecondAuditor reports whether two auditors have to sign for a level: the
// highest of a track.
func (t Track) NeedsSecondAuditor(level int) bool { return level > 0 && level == len(t.Levels) }

// checkSecondAuditor refuses the highest level where nobody is named to sign second.
func (p *problems) checkSecondAuditor(field string, track Track, level int, second *Party) {
	if second == nil && track.NeedsSecondAuditor(level) {
		p.add(CodeSecondAuditor, field, "is required: level %d (%s) is the highest of track %s, and two auditors of different organisations sign for it", level, track.LevelID(level), track.ID)
	}
}

// answers are the statuses of the findings, by requirement.
func (a Assessment) answers() map[string]Status {
	out := make(map[string]Status, len(a.Findings))
	for _, f := range a.Findings {
		out[f.Requirement] = f.Status
	}
	return out
}

func (a Assessment) validatePeriod(p *problems, now time.Time) {
	from, until := a.AssessedAt, a.ValidUntil
	switch {
	case from.IsZero():
		p.add(CodeMissing, "assessedAt", "is required")
		return
	case until.IsZero():
		p.add(CodeMissing, "validUntil", "is required")
		return
	case from.After(now.Add(clockSkew)):
		p.add(CodeFuture, "assessedAt", "%s lies in the future", from.Format(time.RFC3339))
	}
	switch {
	case !until.After(from):
		p.add(CodePeriod, "validUntil", "%s is not after assessedAt %s", until.Format(time.RFC3339), from.Format(time.RFC3339))
	case until.After(from.Add(MaxValidity)):
		p.add(CodePeriod, "validUntil", "is more than %d days after assessedAt", int(MaxValidity/(24*time.Hour)))
	case !until.After(now):
		p.add(CodePeriod, "validUntil", "%s is past", until.Format(time.RFC3339))
	}
}

func (a Assessment) validateFramework(p *problems, cat *Catalogue) (Track, bool) {
	f, ok := cat.Lookup(a.Framework.ID)
	if !ok {
		p.add(CodeFramework, "framework.id", "unknown framework %q", a.Framework.ID)
		return Track{}, false
	}
	if a.Framework.URI != f.URI || a.Framework.Version != f.Version {
		p.add(CodeFramework, "framework.uri", "%q version %q is not %q version %q", a.Framework.URI, a.Framework.Version, f.URI, f.Version)
		return Track{}, false
	}
	if len(a.Framework.Digest) != 1 || a.Framework.Digest["sha256"] != f.DigestHex() {
		p.add(CodeCatalogue, "framework.digest", "this CA's catalogue %s has SHA-256 %s", f.ID, f.DigestHex())
		p.hint("assess against the catalogue that the CA publishes")
		return Track{}, false
	}
	i := slices.IndexFunc(f.Tracks, func(t Track) bool { return t.ID == a.Framework.Track })
	if i < 0 {
		p.add(CodeFramework, "framework.track", "%s has no track %q", f.ID, a.Framework.Track)
		return Track{}, false
	}
	return f.Tracks[i], true
}

func (a Assessment) validateLevel(p *problems, track Track) {
	got := track.Compute(a.Findings)
	if a.Level != got.Level || a.LevelID != got.LevelID {
		p.add(CodeLevel, "level", "the assessment says %d (%q), its findings reach %d (%q)", a.Level, a.LevelID, got.Level, got.LevelID)
		return
	}
	if !track.Certifiable(got.Level) {
		p.add(CodeNotCertifiable, "level", "level %d demands nothing and is not certified", got.Level)
	}
	p.checkSecondAuditor("secondAuditor", track, got.Level, a.SecondAuditor)
}

func (a Assessment) validateFindings(p *problems, track Track) {
	if len(a.Findings) > maxRequirements {
		p.add(CodeFinding, "findings", "more than %d", maxRequirements)
		return
	}
	seen := unique{}
	for i, f := range a.Findings {
		at := fmt.Sprintf("findings[%d]", i)
		r, ok := track.Requirement(f.Requirement)
		if !ok {
			p.add(CodeFinding, at+".requirement", "track %s has no requirement %q", track.ID, f.Requirement)
			continue
		}
		seen.add(p, CodeFinding, at+".requirement", f.Requirement)
		f.validate(p, at, r)
	}
}

func (f Finding) validate(p *problems, at string, r Requirement) {
	switch f.Status {
	case Met:
		if len(f.Evidence) == 0 {
			p.add(CodeEvidence, at+".evidence", "%s is met but nothing shows it", r.ID)
			p.hint(fmt.Sprintf("evidence of kind %s", joinKinds(r.Evidence)))
		}
	case Justified:
		if r.Obligation != UnlessJustified {
			p.add(CodeFinding, at+".status", "%s takes no justification: it is %s", r.ID, r.Obligation)
		}
		if f.Justification == "" {
			p.add(CodeEvidence, at+".justification", "%s is justified without a justification", r.ID)
		}
	case NotMet:
	default:
		p.add(CodeFinding, at+".status", "is %q, want met, not-met or justified", f.Status)
	}
	p.text(at+".justification", f.Justification, false)
	p.text(at+".note", f.Note, false)
	if len(f.Evidence) > maxEvidence {
		p.add(CodeEvidence, at+".evidence", "more than %d", maxEvidence)
		return
	}
	for j, e := range f.Evidence {
		validateEvidence(p, fmt.Sprintf("%s.evidence[%d]", at, j), e)
	}
}
