package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/audit/probe"
)

// VisitFile is the name of the file that the drafts of one visit include.
const VisitFile = "visit.yaml"

// NewDraftOptions say what a new draft is to be about.
type NewDraftOptions struct {
	Framework Framework
	Track     string // its id; empty for the framework's only one
	Vendor    Party
	Auditor   Party
	// Last is the vendor's last assessment against this framework and track; nil when
	// there is none. Its answers become comments, its scope the draft's.
	Last *Assessment
	// Visit leaves out what NewVisit writes and includes VisitFile instead.
	Visit bool
}

// NewDraft writes a draft for people to fill in: every requirement of the track, what
// it asks for, what could prove it, and what was found last time. ParseDraft reads it
// as it stands.
func NewDraft(o NewDraftOptions) ([]byte, error) {
	t, ok := o.Framework.Track(o.Track)
	if !ok {
		return nil, fmt.Errorf("new draft: %w", refuse(CodeFramework, "track", "%s has no track %q", o.Framework.ID, clip(o.Track)))
	}
	if last := o.Last; last != nil && (last.Framework.ID != o.Framework.ID || last.Framework.Track != t.ID || last.Vendor.ID != o.Vendor.ID) {
		return nil, fmt.Errorf("new draft: %w", refuse(CodeFramework, "last", "is an assessment of %s against %s, track %s", clip(last.Vendor.ID), clip(last.Framework.ID), clip(last.Framework.Track)))
	}
	w := new(draftWriter)
	w.head(o.Framework, t, o.Visit)
	if !o.Visit {
		w.visit(NewVisitOptions{Vendor: o.Vendor, Auditor: o.Auditor, Last: o.Last}, topLevels(o.Framework, t))
	}
	w.probes(o.Last)
	w.findings(o.Framework, t, o.Last)
	if _, err := ParseDraft([]byte(w.String())); err != nil {
		return nil, fmt.Errorf("new draft: %w", err)
	}
	return []byte(w.String()), nil
}

// NewVisitOptions say what a new visit file is to be about.
type NewVisitOptions struct {
	Vendor  Party
	Auditor Party
	// Last is the vendor's last assessment, against whatever framework; nil when there
	// is none. Its scope becomes the visit's.
	Last *Assessment
}

// NewVisit writes a visit file for people to fill in: what the drafts of one visit have
// in common.
func NewVisit(o NewVisitOptions) ([]byte, error) {
	w := new(draftWriter)
	w.comment("", fmt.Sprintf("What the drafts of one visit to %s have in common: each of them includes this file. What stands here may not stand there too.", o.Vendor.Organization))
	w.line("version: %d", draftVersion)
	w.line("")
	w.visit(o, "At the highest level of a track")
	if _, err := parseVisit([]byte(w.String())); err != nil {
		return nil, fmt.Errorf("new visit: %w", err)
	}
	return []byte(w.String()), nil
}

// ReadUnverified reads the assessment in a signed envelope without looking at the
// signatures: for orientation, as NewDraft's Last. Errors are a *Refusal.
func ReadUnverified(envelope []byte) (Assessment, error) {
	statement, _, _, err := openForReport(envelope, nil)
	if err != nil {
		return Assessment{}, err
	}
	return readStatement(statement)
}

func (w *draftWriter) head(f Framework, t Track, visit bool) {
	w.comment("", fmt.Sprintf("Assessment against %s, version %s: %s.", f.Name, f.Version, t.Name))
	w.comment("", f.URI)
	w.line("#")
	w.comment("", "Fill in and look at it with 'hallmark audit check'. The level is computed from the findings; nobody types it. Files named here (keys, evidence) lie in this folder or below.")
	w.line("#")
	for _, l := range t.Levels {
		note := ""
		if !t.Certifiable(l.Level) {
			note = " (never certified: it demands nothing)"
		}
		w.comment("", fmt.Sprintf("Level %d, %s: %s%s", l.Level, l.Name, l.Summary, note))
	}
	w.line("version: %d", draftVersion)
	w.line("framework: %s", quote(f.ID))
	w.line("track: %s", quote(t.ID))
	w.comment("", "SHA-256 of the catalogue this was written from. The assessment pins it.")
	w.line("catalogue: %s", quote(f.DigestHex()))
	if visit {
		w.comment("", "Vendor, auditors, dates, scope and shared evidence stand there, for all drafts of this visit.")
		w.line("include: %s", quote(VisitFile))
	}
	w.line("")
}

// topLevels says where two auditors have to sign.
func topLevels(f Framework, t Track) string {
	top := t.Levels[len(t.Levels)-1]
	return fmt.Sprintf("At level %d, %s, the highest of %s", top.Level, top.Name, f.Name)
}

// visit writes the keys of a Visit. top says where a second auditor is needed.
func (w *draftWriter) visit(o NewVisitOptions, top string) {
	w.comment("", "Both as registered with the CA; of different organisations.")
	for _, p := range []struct {
		role string
		Party
	}{{"vendor", o.Vendor}, {"auditor", o.Auditor}} {
		w.line("%s:", p.role)
		w.line("  id: %s", quote(p.ID))
		w.line("  uri: %s", quote(p.URI))
		w.line("  organization: %s", quote(p.Organization))
	}
	w.comment("", top+", a second auditor signs as well, of a third organisation ('hallmark audit cosign'). Below it nobody has to.")
	if o.Last != nil && o.Last.SecondAuditor != nil {
		w.comment("", fmt.Sprintf("Last time: %s of %s.", plainText(o.Last.SecondAuditor.ID), plainText(o.Last.SecondAuditor.Organization)))
	}
	w.line("# second_auditor:\n#   id: bob\n#   organization: Example Reviews")
	w.line("")
	w.comment("", "When the work was done: a date or an RFC 3339 time. Empty: when it is signed.")
	w.line("assessed_at:")
	w.comment("", fmt.Sprintf("How long it holds: valid_until (a date or time) or valid_days (at most %d).", int(MaxValidity/(24*time.Hour))))
	w.line("valid_until:")
	w.line("valid_days: 365")
	w.line("")
	w.scope(o.Last)
	w.comment("", "Evidence that several findings refer to, by a name: '- ref: branch-protection'.")
	w.line("evidence: {}\n#   branch-protection:\n#     file: evidence/settings.json\n")
}

func (w *draftWriter) probes(last *Assessment) {
	w.comment("", "Checks that a machine repeats from now on: while one fails, no new certificate rests on the findings that it watches. Long parameters may lie in files (with_files: {key: builder.pub}). The kinds and their parameters:")
	for _, kind := range probe.Kinds() {
		names := make([]string, len(kind.Parameters))
		for i, p := range kind.Parameters {
			names[i] = p.Name
			if !p.Required {
				names[i] += " if wanted"
			}
		}
		w.comment("", fmt.Sprintf("- %s (%s): %s", kind.Name, strings.Join(names, ", "), kind.Summary))
	}
	w.line("probes: []\n# - id: policy-is-the-same\n#   kind: document-digest\n#   requirements: [source.version-controlled]\n#   with:\n#     url: https://example.com/policy.txt\n#     sha256: (64 hex digits)")
	if last != nil && len(last.Probes) > 0 {
		w.comment("", fmt.Sprintf("Last time, %s:", last.AssessedAt.Format(time.DateOnly)))
		for _, p := range last.Probes {
			w.comment("", fmt.Sprintf("- %s (%s) watched %s", plainText(p.ID), plainText(p.Kind), plainText(strings.Join(p.Requirements, ", "))))
		}
	}
	w.line("")
}

func (w *draftWriter) findings(f Framework, t Track, last *Assessment) {
	w.comment("", "One answer per requirement. status: met, not-met, justified (where the framework allows for it), or empty while unanswered. What is met needs evidence:")
	w.line("#   evidence:")
	w.line("#   - file: evidence/settings.json         # its digest goes into the assessment")
	w.line("#   - uri: https://example.com/settings")
	w.line("#     sha256: (64 hex digits)              # of what was seen there, if you kept it")
	w.line("#   - ref: branch-protection               # under \"evidence\" above, or in the visit file")
	w.lastEdition(f, t, last)
	w.line("findings:")
	for _, r := range t.Requirements {
		w.line("")
		w.comment("", fmt.Sprintf("%s · level %d · %s", r.Title, r.FromLevel, obligationText(r.Obligation)))
		w.comment("", r.Summary)
		w.comment("", "Evidence: "+joinKinds(r.Evidence))
		w.lastAnswer(r, last)
		w.line("- requirement: %s", quote(r.ID))
		w.line("  status:")
		w.line("  evidence: []")
		if r.Obligation == UnlessJustified {
			w.line("  justification: \"\"")
		}
		w.line("  note: \"\"")
	}
}

// lastEdition says what last time's answers are worth, and what has changed in the
// catalogue since.
func (w *draftWriter) lastEdition(f Framework, t Track, last *Assessment) {
	if last == nil {
		return
	}
	day := last.AssessedAt.Format(time.DateOnly)
	w.line("#")
	w.comment("", fmt.Sprintf("\"Last time\" is what %s of %s found on %s. It is for orientation: nothing of it counts until you have looked yourself.", plainText(last.Auditor.ID), plainText(last.Auditor.Organization), day))
	if last.Framework.Digest["sha256"] == f.DigestHex() {
		return
	}
	w.comment("", fmt.Sprintf("The catalogue is another edition than on %s (SHA-256 %s then).", day, plainText(last.Framework.Digest["sha256"])))
	answered, known := map[string]bool{}, map[string]bool{}
	for _, finding := range last.Findings {
		answered[finding.Requirement] = true
	}
	var added, gone []string
	for _, r := range t.Requirements {
		known[r.ID] = true
		if !answered[r.ID] {
			added = append(added, r.ID)
		}
	}
	for id := range answered {
		if !known[id] {
			gone = append(gone, plainText(id))
		}
	}
	slices.Sort(gone)
	if len(added) > 0 {
		w.comment("", "New, or not answered then: "+strings.Join(added, ", ")+".")
	}
	if len(gone) > 0 {
		w.comment("", "Answered then, and not asked any more: "+strings.Join(gone, ", ")+".")
	}
}

// lastAnswer writes what an earlier assessment says on a requirement.
func (w *draftWriter) lastAnswer(r Requirement, last *Assessment) {
	if last == nil {
		return
	}
	for _, f := range last.Findings {
		if f.Requirement != r.ID {
			continue
		}
		parts := []string{plainText(string(f.Status))}
		if len(f.Evidence) > 0 {
			var pieces []string
			for _, e := range f.Evidence {
				pieces = append(pieces, evidenceText(e))
			}
			parts = append(parts, "evidence: "+strings.Join(pieces, ", "))
		}
		if f.Justification != "" {
			parts = append(parts, "justification: "+plainText(f.Justification))
		}
		if f.Note != "" {
			parts = append(parts, "note: "+plainText(f.Note))
		}
		w.comment("", fmt.Sprintf("last time, %s: %s", last.AssessedAt.Format(time.DateOnly), strings.Join(parts, "; ")))
		return
	}
	w.comment("", fmt.Sprintf("last time, %s: no answer", last.AssessedAt.Format(time.DateOnly)))
}

func obligationText(o Obligation) string {
	switch o {
	case UnlessJustified:
		return "required unless justified"
	case Recommended:
		return "recommended, never blocks a level"
	}
	return "required"
}
