package format

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"
)

// manifest is a JAR's manifest, or a signature file of one: Java's "JAR File
// Specification", section "Notes on Manifest and Signature Files".
type manifest struct {
	main     section
	sections []section
	byName   map[string]int
}

// section is one section: its lines as they stand, without their ends, wrapped as they
// were. Written out, every line ends in CR LF and every section in an empty line.
type section struct {
	name  string // of the entry it is about; "" for the main section
	lines []string
}

const (
	lineBytes       = 72 // the longest line, without its end
	digestAttribute = "SHA-256-Digest"
)

// parseManifest reads a manifest. Lines may end in CR LF, LF or CR.
func parseManifest(raw []byte) (*manifest, error) {
	if len(raw) > maxManifestBytes {
		return nil, refuse(TooLarge, -1, "manifest of %d bytes, at most %d", len(raw), maxManifestBytes)
	}
	if bytes.IndexByte(raw, 0) >= 0 {
		return nil, refuse(BadHeader, -1, "manifest has a NUL byte")
	}
	text := strings.ReplaceAll(string(raw), "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	m := &manifest{byName: map[string]int{}}
	for i, block := range splitSections(text) {
		s := section{lines: block}
		attributes, err := s.attributes()
		if err != nil {
			return nil, err
		}
		if i == 0 {
			if !strings.EqualFold(attributes[0][0], "Manifest-Version") && !strings.EqualFold(attributes[0][0], "Signature-Version") {
				return nil, refuse(BadHeader, -1, "manifest begins with %.64q", attributes[0][0])
			}
			m.main = s
			continue
		}
		if !strings.EqualFold(attributes[0][0], "Name") || attributes[0][1] == "" {
			return nil, refuse(BadHeader, -1, "manifest section begins with %.64q", attributes[0][0])
		}
		s.name = attributes[0][1]
		if _, twice := m.byName[s.name]; twice {
			return nil, refuse(BadHeader, -1, "manifest has two sections about %.64q", s.name)
		}
		if len(m.sections) == maxManifestSections {
			return nil, refuse(TooLarge, -1, "manifest of more than %d sections", maxManifestSections)
		}
		m.byName[s.name] = len(m.sections)
		m.sections = append(m.sections, s)
	}
	if m.main.lines == nil {
		return nil, refuse(BadHeader, -1, "manifest is empty")
	}
	return m, nil
}

// splitSections cuts a text at its empty lines.
func splitSections(text string) (sections [][]string) {
	var now []string
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case line != "":
			now = append(now, line)
		case now != nil:
			sections, now = append(sections, now), nil
		}
	}
	if now != nil {
		sections = append(sections, now)
	}
	return sections
}

// attributes returns names and values with continued lines put together.
func (s section) attributes() ([][2]string, error) {
	var out [][2]string
	var value strings.Builder // of the last one
	seen := map[string]bool{}
	for _, line := range s.lines {
		if len(line) > maxManifestLine {
			return nil, refuse(BadHeader, -1, "manifest line of %d bytes", len(line))
		}
		if rest, continued := strings.CutPrefix(line, " "); continued {
			if len(out) == 0 {
				return nil, refuse(BadHeader, -1, "manifest section begins with a continued line")
			}
			if value.WriteString(rest); value.Len() > maxEntryName {
				return nil, refuse(BadHeader, -1, "manifest value of more than %d bytes", maxEntryName)
			}
			continue
		}
		name, first, ok := strings.Cut(line, ": ")
		if !ok || !isHeaderName(name) {
			return nil, refuse(BadHeader, -1, "manifest line %.64q", line)
		}
		lower := strings.ToLower(name)
		if seen[lower] {
			return nil, refuse(BadHeader, -1, "manifest section has %.64q twice", name)
		}
		if len(out) == maxManifestAttributes {
			return nil, refuse(BadHeader, -1, "manifest section of more than %d attributes", maxManifestAttributes)
		}
		if len(out) > 0 {
			out[len(out)-1][1] = value.String()
		}
		value.Reset()
		value.WriteString(first)
		seen[lower], out = true, append(out, [2]string{name, first})
	}
	if len(out) > 0 {
		out[len(out)-1][1] = value.String()
	}
	for _, a := range out {
		if !utf8.ValidString(a[1]) { // seen only now: lines may be broken inside a character
			return nil, refuse(BadHeader, -1, "manifest: %.64q is not UTF-8", a[0])
		}
	}
	return out, nil
}

func isHeaderName(s string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return len(s) > 0 && len(s) <= 70
}

// attribute returns the value of a name, "" when there is none.
func (s section) attribute(name string) string {
	attributes, err := s.attributes()
	if err != nil {
		return ""
	}
	for _, a := range attributes {
		if strings.EqualFold(a[0], name) {
			return a[1]
		}
	}
	return ""
}

func (s section) bytes() []byte {
	return []byte(strings.Join(s.lines, "\r\n") + "\r\n\r\n")
}

func (m *manifest) bytes() []byte {
	out := m.main.bytes()
	for _, s := range m.sections {
		out = append(out, s.bytes()...)
	}
	return out
}

// state sets what the manifest says of an entry's content.
func (m *manifest) state(name, digest string) error {
	i, ok := m.byName[name]
	if !ok {
		m.byName[name] = len(m.sections)
		m.sections = append(m.sections, section{name, append(wrap("Name: "+name), digestAttribute+": "+digest)})
		return nil
	}
	switch stands := m.sections[i].attribute(digestAttribute); stands {
	case digest:
	case "":
		m.sections[i].lines = append(m.sections[i].lines, digestAttribute+": "+digest)
	default:
		return refuse(ContentMismatch, -1, "the manifest gives another %s of %.64q", digestAttribute, name)
	}
	return nil
}

// wrap breaks an attribute into lines of at most 72 bytes, between characters.
func wrap(text string) []string {
	var lines []string
	for indent := ""; text != ""; indent = " " {
		n := min(lineBytes-len(indent), len(text))
		for n < len(text) && !utf8.RuneStart(text[n]) {
			n--
		}
		lines, text = append(lines, indent+text[:n]), text[n:]
	}
	return lines
}

// signatureFile is the only signature file that a manifest has here: the digests of the
// whole manifest, of its main section and of each other section that is about content.
func (m *manifest) signatureFile() []byte {
	main := section{lines: []string{
		"Signature-Version: 1.0",
		"Created-By: hallmark",
		digestAttribute + "-Manifest: " + base64Digest(m.bytes()),
		digestAttribute + "-Manifest-Main-Attributes: " + base64Digest(m.main.bytes()),
	}}
	out := main.bytes()
	for _, s := range m.sections {
		out = append(out, section{lines: append(wrap("Name: "+s.name), digestAttribute+": "+base64Digest(s.bytes()))}.bytes()...)
	}
	return out
}

func base64Digest(b []byte) string {
	d := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(d[:])
}

// checkEntryName refuses names that a manifest cannot hold.
func checkEntryName(name string) error {
	if !utf8.ValidString(name) || strings.ContainsAny(name, "\r\n\x00") || name == "" || len(name) > maxEntryName {
		return refuse(BadHeader, -1, "entry name %s", fmt.Sprintf("%.64q", name))
	}
	return nil
}
