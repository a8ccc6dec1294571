package audit

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
)

// draftVersion is the version of the draft format.
const draftVersion = 1

// Draft is an assessment being written, as YAML that people edit. NewDraft writes
// one with every requirement in it and says in comments what to fill in. Files it
// names lie in the folder of the draft, or below, and are read by Resolve.
type Draft struct {
	Version   int    `yaml:"version"` // 1
	Framework string `yaml:"framework"`
	Track     string `yaml:"track"`
	// Catalogue is the SHA-256 of the catalogue the draft was written from. Empty: take
	// the catalogue there is.
	Catalogue string `yaml:"catalogue"`

	// Include names a visit file with what several drafts have in common. Each of its
	// keys stands there or here, not in both.
	Include string `yaml:"include"`
	Visit   `yaml:",inline"`

	Probes   []DraftProbe   `yaml:"probes"`
	Findings []DraftFinding `yaml:"findings"`

	resolved bool            // the files it names have been looked for
	unread   []Problem       // those that could not be read
	written  []DraftFinding  // the findings before that, as they stand in the file
	shared   map[string]bool // keys, and evidence.NAME, that come from the visit file
}

// Visit is what the drafts of one visit have in common. It stands in a draft, or, for
// several frameworks at once, in a file of its own, with a version, that they include.
type Visit struct {
	Vendor  Party `yaml:"vendor"`
	Auditor Party `yaml:"auditor"`
	// SecondAuditor signs as well; nil where nobody does.
	SecondAuditor *Party `yaml:"second_auditor"`

	AssessedAt string `yaml:"assessed_at"` // 2026-05-04 or RFC 3339; empty: when it is signed
	ValidUntil string `yaml:"valid_until"` // likewise; or else
	ValidDays  int    `yaml:"valid_days"`  // so many days from assessed_at

	Scope DraftScope `yaml:"scope"`
	// Evidence that findings refer to by its name here.
	Evidence map[string]DraftEvidence `yaml:"evidence"`
}

// DraftScope is a Scope whose keys may lie in files.
type DraftScope struct {
	Products     []Product        `yaml:"products"`
	Sources      []Source         `yaml:"sources"`
	Builders     []DraftBuilder   `yaml:"builders"`
	Rebuilders   []DraftRebuilder `yaml:"rebuilders"`
	Attestors    []DraftAttestor  `yaml:"attestors"`
	Committers   []DraftCommitter `yaml:"committers"`
	Origins      []string         `yaml:"origins"`
	Repositories []string         `yaml:"repositories"`
	Exclusions   []string         `yaml:"exclusions"`
	Recipes      []DraftRecipe    `yaml:"recipes"`
	Layouts      []string         `yaml:"layouts"`
}

// DraftBuilder is a Builder whose keys and roots may lie in files.
type DraftBuilder struct {
	Builder    `yaml:",inline"` // its Identities are not used
	KeyFiles   []string         `yaml:"key_files"` // PEM "PUBLIC KEY", one each
	Identities []DraftIdentity  `yaml:"identities"`
}

// DraftIdentity is an Identity whose root may lie in a file.
type DraftIdentity struct {
	Identity `yaml:",inline"`
	RootFile string `yaml:"root_file"` // PEM "CERTIFICATE", one
	// TimestampRootFile likewise.
	TimestampRootFile string `yaml:"timestamp_root_file"`
}

// DraftProbe is a Probe whose parameters may lie in files.
type DraftProbe struct {
	Probe     `yaml:",inline"`
	WithFiles map[string]string `yaml:"with_files"` // parameter to file
}

// DraftRebuilder is a Rebuilder whose keys may lie in files.
type DraftRebuilder struct {
	Rebuilder `yaml:",inline"`
	KeyFiles  []string `yaml:"key_files"`
}

// DraftFinding is a Finding, or the place for one: an empty status means that the
// requirement has not been answered yet.
type DraftFinding struct {
	Requirement   string          `yaml:"requirement"`
	Status        Status          `yaml:"status"`
	Evidence      []DraftEvidence `yaml:"evidence"`
	Justification string          `yaml:"justification"`
	Note          string          `yaml:"note"`
}

// DraftEvidence is a file, a URL, or both when the file is a copy of what the URL
// showed. Of a file only the digest goes into the assessment. Or it is only the name of
// a piece of evidence under the draft's or the visit's evidence key.
type DraftEvidence struct {
	Ref    string `yaml:"ref"`
	File   string `yaml:"file"`
	URI    string `yaml:"uri"`
	SHA256 string `yaml:"sha256"` // of the file, or of what is at the URL; 64 hex digits
	Name   string `yaml:"name"`   // empty: the file's name

	MediaType string `yaml:"media_type"`
}

// ParseDraft reads a draft strictly: unknown or repeated keys, aliases, and another
// version are errors. What is in it is for Check to judge.
func ParseDraft(raw []byte) (Draft, error) {
	var d Draft
	if err := decodeYAML(raw, maxDraftBytes, &d); err != nil {
		return Draft{}, fmt.Errorf("parse draft: %w", refuse(CodeFormat, "", "%v", err))
	}
	if d.Version != draftVersion {
		return Draft{}, fmt.Errorf("parse draft: %w", refuse(CodeFormat, "version", "is %d, this program knows %d", d.Version, draftVersion))
	}
	return d, nil
}

// Check says what the draft amounts to so far and what is wrong with it. Requirements
// that are not answered yet are gaps in the Result, not problems. Fields are named as
// in the draft. A draft that names files must have been through Resolve. Dates are not
// held against the clock: Assessment does that.
func (d Draft) Check(cat *Catalogue) (Result, []Problem) {
	if !d.resolved && d.namesOthers() {
		return Result{}, []Problem{{Code: CodeFormat, Detail: "the files that the draft names have not been read"}}
	}
	result, p := d.check(cat)
	p = append(d.unread[:len(d.unread):len(d.unread)], slices.DeleteFunc(p, d.explained)...)
	for i := range p {
		if p[i].Hint == "" && d.fromVisit(p[i].Field) {
			p[i].Hint = "it stands in " + d.Include
		}
	}
	return result, p
}

// explained reports whether a problem merely follows from a file that could not be
// read, which is reported already.
func (d Draft) explained(p Problem) bool {
	return slices.ContainsFunc(d.unread, func(u Problem) bool {
		wanted := fileKeys.Replace(u.Field)
		return u.Field == "include" && isVisitKey(p.Field) || isVisitKey(u.Field) && topKey(p.Field) == u.Field || wanted == p.Field ||
			strings.HasPrefix(wanted, p.Field+".") || strings.HasPrefix(wanted, p.Field+"[")
	})
}

// fileKeys leads from the key for a file to the key for what should be in it.
var fileKeys = strings.NewReplacer(".key_files[", ".keys[", ".timestamp_root_file", ".timestamp_root", ".root_file", ".root", ".with_files.", ".with.")

func (d Draft) check(cat *Catalogue) (Result, []Problem) {
	var p problems
	track, ok := d.checkFramework(&p, cat)
	d.checkPeriod(&p)
	a := d.convert(Framework{}, track, time.Time{}, time.Time{})
	a.validateParties(&p)
	a.validateSecondAuditor(&p, "second_auditor")
	a.Scope.validate(&p, "scope", d.Vendor.Organization)
	d.checkEvidence(&p)
	if !ok {
		return Result{}, p
	}
	d.checkFindings(&p, track)
	watched := watched{track: track, answers: a.answers()}
	watched.validate(&p, "probes", a.Probes)
	result := track.Compute(a.Findings)
	p.checkSecondAuditor("second_auditor", track, result.Level, d.SecondAuditor)
	return result, p
}

// checkEvidence checks what findings may refer to, whether they do or not.
func (d Draft) checkEvidence(p *problems) {
	if len(d.Evidence) > maxSharedEvidence {
		p.add(CodeEvidence, "evidence", "has %d entries, at most %d", len(d.Evidence), maxSharedEvidence)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(d.Evidence)) {
		at := "evidence." + clip(name)
		e := d.Evidence[name]
		if len(name) > maxToken || !tokenSyntax.MatchString(name) {
			p.add(CodeEvidence, at, "%q is not a name: up to %d letters, digits, '.', '_' and '-'", clip(name), maxToken)
		}
		if e.Ref != "" {
			p.add(CodeEvidence, at+".ref", "a shared piece of evidence stands for itself")
			continue
		}
		validateEvidence(p, at, e.descriptor())
	}
}

func (d Draft) checkFramework(p *problems, cat *Catalogue) (Track, bool) {
	f, ok := cat.Lookup(d.Framework)
	if !ok {
		p.add(CodeFramework, "framework", "unknown framework %q", clip(d.Framework))
		return Track{}, false
	}
	if d.Catalogue != "" && d.Catalogue != f.DigestHex() {
		p.add(CodeCatalogue, "catalogue", "the catalogue of %s has SHA-256 %s", f.ID, f.DigestHex())
		p.hint("the draft was written from another edition: start a new one, or remove this line after comparing the two")
	}
	track, ok := f.Track(d.Track)
	if !ok {
		p.add(CodeFramework, "track", "%s has no track %q", f.ID, clip(d.Track))
	}
	return track, ok
}

// checkFindings reports problems at the places in the draft, where unanswered
// requirements take one too.
func (d Draft) checkFindings(p *problems, track Track) {
	seen := unique{}
	for i, f := range d.Findings {
		at := fmt.Sprintf("findings[%d]", i)
		r, ok := track.Requirement(f.Requirement)
		if !ok {
			p.add(CodeFinding, at+".requirement", "track %s has no requirement %q", track.ID, clip(f.Requirement))
			continue
		}
		seen.add(p, CodeFinding, at+".requirement", f.Requirement)
		if f.Status != "" {
			var found problems
			f.finding().validate(&found, at, r)
			*p = append(*p, slices.DeleteFunc(found, func(p Problem) bool { return f.isShared(at, p) })...)
		}
	}
}

// isShared reports whether a problem is with evidence that is only referred to, and
// reported where it stands.
func (f DraftFinding) isShared(at string, p Problem) bool {
	for i, e := range f.Evidence {
		field := fmt.Sprintf("%s.evidence[%d]", at, i)
		if e.Ref != "" && (p.Field == field || strings.HasPrefix(p.Field, field+".")) {
			return true
		}
	}
	return false
}

// Assessment makes the assessment that is to be signed, with the level its findings
// reach, or a *Refusal with everything that is wrong.
func (d Draft) Assessment(cat *Catalogue, now time.Time) (Assessment, error) {
	_, p := d.Check(cat)
	if len(p) > 0 {
		return Assessment{}, fmt.Errorf("assessment from draft: %w", refuseAll(p))
	}
	f, _ := cat.Lookup(d.Framework)
	track, _ := f.Track(d.Track)
	from, until, _ := d.period(now)
	a := d.convert(f, track, from, until)
	result := track.Compute(a.Findings)
	a.Level, a.LevelID = result.Level, result.LevelID
	if p := a.Validate(cat, now); len(p) > 0 {
		return Assessment{}, fmt.Errorf("assessment from draft: %w", refuseAll(p))
	}
	return a, nil
}

// convert carries the draft's content over, unanswered requirements left out.
func (d Draft) convert(f Framework, track Track, from, until time.Time) Assessment {
	a := Assessment{
		Framework: f.Ref(track.ID), Vendor: d.Vendor, Auditor: d.Auditor, SecondAuditor: d.SecondAuditor,
		AssessedAt: from, ValidUntil: until, Scope: d.Scope.scope(), Findings: []Finding{},
	}
	for _, p := range d.Probes {
		a.Probes = append(a.Probes, p.Probe)
	}
	for _, finding := range d.Findings {
		if finding.Status != "" {
			a.Findings = append(a.Findings, finding.finding())
		}
	}
	return a
}

func (s DraftScope) scope() Scope {
	out := Scope{Products: s.Products, Sources: s.Sources, Origins: s.Origins, Layouts: s.Layouts, Repositories: s.Repositories, Exclusions: s.Exclusions}
	for _, b := range s.Builders {
		b.Builder.Identities = nil
		for _, identity := range b.Identities {
			b.Builder.Identities = append(b.Builder.Identities, identity.Identity)
		}
		out.Builders = append(out.Builders, b.Builder)
	}
	for _, r := range s.Rebuilders {
		out.Rebuilders = append(out.Rebuilders, r.Rebuilder)
	}
	for _, a := range s.Attestors {
		out.Attestors = append(out.Attestors, a.Attestor)
	}
	for _, c := range s.Committers {
		out.Committers = append(out.Committers, c.Committer)
	}
	for _, r := range s.Recipes {
		out.Recipes = append(out.Recipes, r.Recipe)
	}
	return out
}

func (f DraftFinding) finding() Finding {
	out := Finding{Requirement: f.Requirement, Status: f.Status, Justification: f.Justification, Note: f.Note}
	for _, e := range f.Evidence {
		out.Evidence = append(out.Evidence, e.descriptor())
	}
	return out
}

func (e DraftEvidence) descriptor() attest.ResourceDescriptor {
	d := attest.ResourceDescriptor{Name: e.Name, URI: e.URI, MediaType: e.MediaType}
	if d.Name == "" {
		d.Name = e.File
	}
	if e.SHA256 != "" {
		d.Digest = map[string]string{"sha256": e.SHA256}
	}
	return d
}

// period reads the dates. An empty assessed_at is now.
func (d Draft) period(now time.Time) (from, until time.Time, p []Problem) {
	var problems problems
	from, until = now.UTC().Truncate(time.Second), time.Time{}
	if d.AssessedAt != "" {
		from = problems.date("assessed_at", d.AssessedAt)
	}
	switch {
	case d.ValidUntil != "" && d.ValidDays != 0:
		problems.add(CodePeriod, "valid_until", "give valid_until or valid_days, not both")
	case d.ValidUntil != "":
		until = problems.date("valid_until", d.ValidUntil)
	case d.ValidDays != 0:
		until = from.AddDate(0, 0, d.ValidDays)
	default:
		problems.add(CodeMissing, "valid_until", "is required, or valid_days")
	}
	return from, until, problems
}

func (d Draft) checkPeriod(p *problems) {
	days := int(MaxValidity / (24 * time.Hour))
	if d.ValidDays < 0 || d.ValidDays > days {
		p.add(CodePeriod, "valid_days", "is %d, want 1..%d", d.ValidDays, days)
		return
	}
	from, until, wrong := d.period(time.Time{})
	*p = append(*p, wrong...)
	if len(wrong) > 0 || d.AssessedAt == "" {
		return
	}
	switch {
	case !until.After(from):
		p.add(CodePeriod, "valid_until", "is not after assessed_at")
	case until.After(from.Add(MaxValidity)):
		p.add(CodePeriod, "valid_until", "is more than %d days after assessed_at", days)
	}
}

// date reads a day, meaning its beginning in UTC, or an instant.
func (p *problems) date(field, s string) time.Time {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC().Truncate(time.Second)
		}
	}
	p.add(CodeValue, field, "%q is neither a date (2026-05-04) nor a time (2026-05-04T09:30:00Z)", clip(s))
	return time.Time{}
}
