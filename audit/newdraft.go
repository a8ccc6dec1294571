package audit

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// draftWidth is how wide the comments of a new draft are.
const draftWidth = 98

// NewDraft writes a draft for people to fill in: every requirement of the track, what
// it asks for and what could prove it. ParseDraft reads it as it stands.
func NewDraft(f Framework, track string, vendor, auditor Party) ([]byte, error) {
	t, ok := f.Track(track)
	if !ok {
		return nil, fmt.Errorf("new draft: %w", refuse(CodeFramework, "track", "%s has no track %q", f.ID, clip(track)))
	}
	w := new(draftWriter)
	w.head(f, t)
	w.parties(vendor, auditor)
	w.scope()
	w.findings(t)
	return []byte(w.String()), nil
}

// draftWriter writes YAML with comments. Every value goes through quote.
type draftWriter struct{ strings.Builder }

func (w *draftWriter) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// comment writes text as a comment of whole words, indented.
func (w *draftWriter) comment(indent, text string) {
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		line := indent + "#"
		for word := range strings.FieldsSeq(paragraph) {
			if len(line)+1+len(word) > draftWidth && line != indent+"#" {
				w.line("%s", line)
				line = indent + "#"
			}
			line += " " + word
		}
		w.line("%s", line)
	}
}

// plainToken is text that is a string in YAML without quotes: not a number, not a
// word like "yes".
var plainToken = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*[.-][A-Za-z0-9._-]*$`)

// quote renders text as YAML; JSON's strings are YAML's double-quoted ones.
func quote(s string) string {
	if plainToken.MatchString(s) {
		return s
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(raw)
}

func (w *draftWriter) head(f Framework, t Track) {
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
	w.line("")
}

func (w *draftWriter) parties(vendor, auditor Party) {
	w.comment("", "Both as registered with the CA; of different organisations.")
	for _, p := range []struct {
		role string
		Party
	}{{"vendor", vendor}, {"auditor", auditor}} {
		w.line("%s:", p.role)
		w.line("  id: %s", quote(p.ID))
		w.line("  uri: %s", quote(p.URI))
		w.line("  organization: %s", quote(p.Organization))
	}
	w.line("")
	w.comment("", "When the work was done: a date or an RFC 3339 time. Empty: when it is signed.")
	w.line("assessed_at:")
	w.comment("", fmt.Sprintf("How long it holds: valid_until (a date or time) or valid_days (at most %d).", int(MaxValidity.Hours()/24)))
	w.line("valid_until:")
	w.line("valid_days: 365")
	w.line("")
}

// scopeDraft is the empty scope of a draft. Commented examples stand where the
// entries go.
const scopeDraft = `# What was looked at. The signing service refuses every build outside it, so name things
# exactly; patterns are not taken.
scope:
  # What the vendor ships.
  products: []
  # - name: acme-tool

  # Repositories built from. Without branches: any branch.
  sources: []
  # - uri: git+https://git.example.com/acme/tool
  #   branches: [main]

  # Build services whose provenance counts. id is builder.id in the provenance; build_types
  # restricts its buildType (none: any); each key file holds one PEM public key, keys may also
  # stand here under "keys"; properties are what you verified on the platform.
  builders: []
  # - id: https://builder.example.com/ci
  #   build_types: ["https://builder.example.com/types/make/v1"]
  #   key_files: [builder.pub]
  #   properties: [isolated, ephemeral]

  # Services that repeat builds, run by other organisations than the vendor.
  rebuilders: []
  # - id: https://rebuilder.example.org/linux
  #   operator: Example Rebuilders
  #   key_files: [rebuilder.pub]

  # https URLs under which attestations are published.
  repositories: []

  # What a reader might think is included but is not, a sentence each.
  exclusions: []

`

func (w *draftWriter) scope() { w.WriteString(scopeDraft) }

func (w *draftWriter) findings(t Track) {
	w.comment("", "One answer per requirement. status: met, not-met, justified (where the framework allows for it), or empty while unanswered. What is met needs evidence:")
	w.line("#   evidence:")
	w.line("#   - file: evidence/settings.json         # its digest goes into the assessment")
	w.line("#   - uri: https://example.com/settings")
	w.line("#     sha256: (64 hex digits)              # of what was seen there, if you kept it")
	w.line("findings:")
	for _, r := range t.Requirements {
		w.line("")
		w.comment("", fmt.Sprintf("%s · level %d · %s", r.Title, r.FromLevel, obligationText(r.Obligation)))
		w.comment("", r.Summary)
		w.comment("", "Evidence: "+joinKinds(r.Evidence))
		w.line("- requirement: %s", quote(r.ID))
		w.line("  status:")
		w.line("  evidence: []")
		if r.Obligation == UnlessJustified {
			w.line("  justification: \"\"")
		}
		w.line("  note: \"\"")
	}
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
