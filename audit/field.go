package audit

import (
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ext"
	"golang.org/x/text/unicode/norm"
)

// tokenSyntax is the form of ids: safe as store key, file name and URL segment.
var tokenSyntax = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// digestAlgorithm is the form of a key of an in-toto digest set.
var digestAlgorithm = regexp.MustCompile(`^[A-Za-z0-9_]{1,32}$`)

// unique notices repeated values.
type unique map[string]bool

func (u unique) add(p *problems, code Code, field, value string) {
	if value == "" {
		return
	}
	if u[value] {
		p.add(code, field, "%q occurs twice", value)
	}
	u[value] = true
}

func (p *problems) token(field, s string) {
	switch {
	case s == "":
		p.add(CodeMissing, field, "is required")
	case len(s) > maxToken || !tokenSyntax.MatchString(s):
		p.add(CodeValue, field, "%q is not an id: up to %d letters, digits, '.', '_' and '-'", clip(s), maxToken)
	}
}

// line checks one line of text that must be there.
func (p *problems) line(field, s string) {
	switch {
	case strings.TrimSpace(s) == "":
		p.add(CodeMissing, field, "is required")
	case len(s) > maxName:
		p.add(CodeValue, field, "is %d bytes long, at most %d", len(s), maxName)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !visible(r) }):
		p.add(CodeValue, field, "%q holds characters that do not print", clip(s))
	}
}

// text checks a paragraph. Line breaks and tabs are allowed.
func (p *problems) text(field, s string, required bool) {
	switch {
	case strings.TrimSpace(s) == "":
		if required {
			p.add(CodeMissing, field, "is required")
		}
	case len(s) > maxText:
		p.add(CodeValue, field, "is %d bytes long, at most %d", len(s), maxText)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && r != '\t' && !visible(r) }):
		p.add(CodeValue, field, "%q holds characters that do not print", clip(s))
	}
}

// visible leaves out controls, invisible characters, changes of writing direction,
// and the replacement character that stands for bytes somebody could not read.
func visible(r rune) bool { return unicode.IsPrint(r) && r != utf8.RuneError }

// names checks a list of exact names, none twice; the list may be empty.
func (p *problems) names(field string, list []string) {
	p.scopeCount(field, len(list), 0)
	seen := unique{}
	for _, s := range list {
		p.line(field, s)
		p.noWildcard(field, s)
		seen.add(p, CodeScope, field, s)
	}
}

// properties checks a list of property tokens, which certificates may carry.
func (p *problems) properties(field string, list []string) {
	if len(list) > ext.MaxProperties {
		p.add(CodeScope, field, "has %d entries, a certificate holds %d", len(list), ext.MaxProperties)
	}
	seen := unique{}
	for i, s := range list {
		p.token(fmt.Sprintf("%s[%d]", field, i), s)
		seen.add(p, CodeScope, field, s)
	}
}

func (p *problems) noWildcard(field, s string) {
	if strings.ContainsRune(s, '*') {
		p.add(CodeScope, field, "%q is a pattern; a scope names things exactly", clip(s))
	}
}

// httpsURL checks an absolute https URL without user information, query, fragment
// or wildcard.
func (p *problems) httpsURL(field, s string) {
	if s == "" {
		p.add(CodeMissing, field, "is required")
		return
	}
	if strings.ContainsRune(s, '*') {
		p.noWildcard(field, s)
		return
	}
	if reason := badURL(s); reason != "" {
		p.add(CodeValue, field, "%q is not a URL this takes: %s", clip(s), reason)
	}
}

// shortURL is httpsURL for what certificates carry.
func (p *problems) shortURL(field, s string) {
	if len(s) > maxSAN {
		p.add(CodeValue, field, "is %d bytes long, at most %d", len(s), maxSAN)
		return
	}
	p.httpsURL(field, s)
}

func badURL(s string) string {
	if len(s) > maxURL {
		return "too long"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "want printable ASCII without spaces"
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "malformed"
	case u.Scheme != "https":
		return "want https"
	case u.User != nil:
		return "must not hold user information"
	case u.Hostname() == "":
		return "no host"
	case u.RawQuery != "" || u.ForceQuery:
		return "must not have a query"
	case strings.ContainsRune(s, '#'):
		return "must not have a fragment"
	case u.Host != strings.ToLower(u.Host):
		return "host must be in lower case"
	}
	return ""
}

// validateEvidence checks a descriptor: it must lead to something, by location or
// by digest.
func validateEvidence(p *problems, at string, e attest.ResourceDescriptor) {
	if e.URI == "" && len(e.Digest) == 0 {
		p.add(CodeEvidence, at, "has neither a uri nor a digest")
	}
	if len(e.Content) > 0 || len(e.Annotations) > 0 || e.DownloadLocation != "" {
		p.add(CodeEvidence, at, "holds content, annotations or downloadLocation: only name, uri, digest and mediaType are taken")
	}
	if e.Name != "" {
		p.line(at+".name", e.Name)
	}
	if e.MediaType != "" {
		p.line(at+".mediaType", e.MediaType)
	}
	if e.URI != "" {
		p.evidenceURL(at+".uri", e.URI)
	}
	for _, algorithm := range slices.Sorted(maps.Keys(e.Digest)) {
		value := e.Digest[algorithm]
		if reason := badDigest(algorithm, value); reason != "" {
			p.add(CodeEvidence, at+".digest", "%s", reason)
		}
	}
}

// evidenceURL is httpsURL that lets a query and a fragment pass: evidence is
// looked up by people, and no machine follows it.
func (p *problems) evidenceURL(field, s string) {
	base, _, _ := strings.Cut(s, "#")
	base, _, _ = strings.Cut(base, "?")
	reason := badURL(base)
	if len(s) > maxURL || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		reason = "want printable ASCII without spaces, not too long"
	}
	if reason != "" {
		p.add(CodeEvidence, field, "%q is not a URL this takes: %s", clip(s), reason)
	}
}

func badDigest(algorithm, value string) string {
	raw, err := hex.DecodeString(value)
	switch {
	case !digestAlgorithm.MatchString(algorithm):
		return "unknown form of digest algorithm"
	case err != nil || value != strings.ToLower(value) || len(raw) < 20 || len(raw) > 64:
		return algorithm + " is not a digest in lower-case hex"
	case algorithm == "sha256" && len(raw) != 32:
		return "sha256 is not 64 hex digits"
	}
	return ""
}

// count refuses a list that is too short or too long, in a catalogue.
func (p *problems) count(field string, n, least, most int) {
	if n < least || n > most {
		p.add(CodeFramework, field, "has %d entries, want %d..%d", n, least, most)
	}
}

// scopeCount does the same in a scope.
func (p *problems) scopeCount(field string, n, least int) {
	switch {
	case n < least:
		p.add(CodeScope, field, "at least %d is required", least)
	case n > maxScopeList:
		p.add(CodeScope, field, "has %d entries, at most %d", n, maxScopeList)
	}
}

// sameOrganization compares names as people do: case, spaces and punctuation carry
// no difference, so that "ACME, Ltd." is "Acme Ltd", and neither does what cannot be seen:
// which of several encodings a letter has, and characters without a shape.
func sameOrganization(a, b string) bool { return foldOrganization(a) == foldOrganization(b) }

func foldOrganization(s string) string {
	folded := strings.Map(func(r rune) rune {
		switch {
		case unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
			return -1
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			return unicode.ToLower(unicode.ToUpper(r))
		}
		return -1
	}, norm.NFKC.String(s))
	if folded == "" {
		return s
	}
	return norm.NFKC.String(folded) // what was taken out may have kept two apart
}

func joinKinds(kinds []EvidenceKind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// clip shortens a value for a message.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
