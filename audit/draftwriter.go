package audit

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/hallmark-pki/hallmark/attest"
)

// draftWidth is how wide the comments of a new draft are.
const draftWidth = 98

// draftWriter writes YAML with comments. Every value goes through quote or block.
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

// quote renders text as YAML; JSON's strings are YAML's double-quoted ones. What YAML
// takes for a line break, or refuses, is escaped.
func quote(s string) string {
	if plainToken.MatchString(s) {
		return s
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	var out strings.Builder
	for _, r := range string(raw) {
		if unicode.IsPrint(r) {
			out.WriteRune(r)
		} else {
			fmt.Fprintf(&out, `\U%08X`, r)
		}
	}
	return out.String()
}

// list renders a few values on one line.
func list(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(v)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// pemText is what can stand in YAML as lines of its own.
var pemText = regexp.MustCompile(`^(?:[A-Za-z0-9+/=-][ A-Za-z0-9+/=-]*\n)+$`)

// block writes a value that is PEM, line by line; anything else as quote does.
func (w *draftWriter) block(indent, lead, text string) {
	if !pemText.MatchString(text) {
		w.line("%s%s%s", indent, lead, quote(text))
		return
	}
	w.line("%s%s|", indent, lead)
	for line := range strings.Lines(text) {
		w.line("%s  %s", indent, strings.TrimSuffix(line, "\n"))
	}
}

// scope writes the scope of a draft: empty, or that of the last assessment. Commented
// examples stand beside the entries.
func (w *draftWriter) scope(last *Assessment) {
	w.comment("", "What was looked at. The signing service refuses every build outside it, so name things exactly; patterns are not taken.")
	var s Scope
	if last != nil {
		s = last.Scope
		w.comment("", fmt.Sprintf("This is the scope of %s. EVERY LINE MUST BE LOOKED AT AGAIN before you sign: what has changed, what is gone, what is new?", last.AssessedAt.Format(time.DateOnly)))
	}
	w.line("scope:")
	w.section("What the vendor ships.", "products", len(s.Products), "- name: acme-tool")
	for _, p := range s.Products {
		w.line("  - name: %s", quote(p.Name))
	}
	w.section("Repositories built from. Without branches: any branch.", "sources", len(s.Sources), "- uri: git+https://git.example.com/acme/tool\n  branches: [main]")
	for _, source := range s.Sources {
		w.line("  - uri: %s", quote(source.URI))
		w.optional("    branches: ", source.Branches)
	}
	w.builders(s.Builders)
	w.section("Services that repeat builds, run by other organisations than the vendor.", "rebuilders", len(s.Rebuilders),
		"- id: https://rebuilder.example.org/linux\n  operator: Example Rebuilders\n  key_files: [rebuilder.pub]")
	for _, r := range s.Rebuilders {
		w.line("  - id: %s", quote(r.ID))
		w.line("    operator: %s", quote(r.Operator))
		w.keys(r.Keys)
	}
	w.attestors(s.Attestors)
	w.committers(s.Committers)
	w.section("https URLs that dependencies may come from; none: not looked at.", "origins", len(s.Origins), "- https://mirror.example.com/packages")
	for _, u := range s.Origins {
		w.line("  - %s", quote(u))
	}
	w.recipes(s.Recipes)
	w.section("In-toto layouts that builds follow, by the digest that 'hallmark attest layout FILE' prints.", "layouts", len(s.Layouts), "- 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
	for _, d := range s.Layouts {
		w.line("  - %s", quote(d))
	}
	w.section("https URLs under which attestations are published.", "repositories", len(s.Repositories), "- https://attestations.example.com/acme")
	for _, u := range s.Repositories {
		w.line("  - %s", quote(u))
	}
	w.section("What a reader might think is included but is not, a sentence each.", "exclusions", len(s.Exclusions), "- The web site is built elsewhere.")
	for _, text := range s.Exclusions {
		w.line("  - %s", quote(text))
	}
	w.line("")
}

// section begins a list of the scope: what it is for, and an example where it is empty.
func (w *draftWriter) section(what, key string, n int, example string) {
	if key != "products" {
		w.line("")
	}
	w.comment("  ", what)
	if n > 0 {
		w.line("  %s:", key)
		return
	}
	w.line("  %s: []", key)
	for line := range strings.SplitSeq(example, "\n") {
		w.line("  # %s", line)
	}
}

func (w *draftWriter) optional(lead string, values []string) {
	if len(values) > 0 {
		w.line("%s%s", lead, list(values))
	}
}

func (w *draftWriter) builders(builders []Builder) {
	w.section(`Build services whose provenance counts. id is builder.id in the provenance; build_types restricts its buildType (none: any); each key file holds one PEM public key, keys may also stand here under "keys". A builder that signs with short-lived certificates has identities instead: the issuer and the subject exactly as they stand in the certificate, and the CA that certifies them. properties are what you verified on the platform: `+strings.Join(platformProperties, ", ")+", or a word of your own; they hold for the build_types listed. entry_points are the build definitions you looked at (none: any), parameters the names of the external parameters that a build may have besides source and entry point.",
		"builders", len(builders), `- id: https://builder.example.com/ci
  build_types: ["https://builder.example.com/types/make/v1"]
  key_files: [builder.pub]
  identities:
  - issuer: https://token.builder.example.com
    subject: https://git.example.com/acme/tool/release.yml@refs/heads/main
    root_file: builder-ca.pem
  properties: [isolated, ephemeral]`)
	for _, b := range builders {
		w.line("  - id: %s", quote(b.ID))
		w.optional("    build_types: ", b.BuildTypes)
		w.keys(b.Keys)
		if len(b.Identities) > 0 {
			w.line("    identities:")
		}
		for _, identity := range b.Identities {
			w.line("    - issuer: %s", quote(identity.Issuer))
			w.line("      subject: %s", quote(identity.Subject))
			w.block("      ", "root: ", identity.Root)
			if identity.TimestampRoot != "" {
				w.block("      ", "timestamp_root: ", identity.TimestampRoot)
			}
		}
		w.optional("    properties: ", b.Properties)
		w.optional("    entry_points: ", b.EntryPoints)
		w.optional("    parameters: ", b.Parameters)
	}
}

func (w *draftWriter) attestors(attestors []Attestor) {
	w.section("Others whose statements about builds and sources count: reviewers, scanners, test services. predicates are the predicate types that each may state.",
		"attestors", len(attestors), `- id: https://scanner.example.com/
  operator: Example Scanning
  predicates: ["https://in-toto.io/attestation/vulns/v0.2"]
  key_files: [scanner.pub]`)
	for _, a := range attestors {
		w.line("  - id: %s", quote(a.ID))
		if a.Operator != "" {
			w.line("    operator: %s", quote(a.Operator))
		}
		w.optional("    predicates: ", a.Predicates)
		w.optional("    steps: ", a.Steps)
		w.keys(a.Keys)
	}
}

func (w *draftWriter) keys(keys []string) {
	if len(keys) > 0 {
		w.line("    keys:")
	}
	for _, key := range keys {
		w.block("    ", "- ", key)
	}
}

// evidenceText names a piece of evidence in a line: what it is called, where it is, and
// the beginning of its digest.
func evidenceText(e attest.ResourceDescriptor) string {
	var parts []string
	for _, s := range []string{e.Name, e.URI} {
		if s != "" {
			parts = append(parts, plainText(s))
		}
	}
	if sum := e.Digest["sha256"]; sum != "" {
		const enough = 12
		parts = append(parts, "(sha256 "+plainText(sum[:min(enough, len(sum))])+"…)")
	}
	return strings.Join(parts, " ")
}
