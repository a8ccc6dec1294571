// Package buildinfo answers: on what, and with what, was this Debian package built?
//
// A .buildinfo file (deb-buildinfo(5)) is written by dpkg-buildpackage: the digests of
// the packages that came out, the versions of all that was installed, the path, and the
// environment. Who builds again compares its own machine with it first: another compiler
// is the usual reason for another package.
//
// The format is deb822(5): fields with continuation lines, in one paragraph, maybe
// inside an OpenPGP cleartext signature (RFC 4880 §7). The signature is NOT verified: it
// is taken off. What Parse returns is a claim, good for choosing what to look at, and no
// proof of anything. Functions are safe for concurrent use.
package buildinfo

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds: the largest .buildinfo files in Debian's archive have some 3,000 packages and
// 400 KB.
const (
	MaxBytes  = 4 << 20
	maxFields = 64
	maxLines  = 65536 // of all fields together
)

// Unverified is what a file says.
type Unverified struct {
	Source       string
	Version      string
	Architecture []string
	BuildPath    string // empty where it was not recorded
	Files        []File
	Installed    []Package
	Environment  []Variable
}

// File is a package that came out.
type File struct {
	Name   string
	Size   int64
	SHA256 string
}

// Package was installed at the time.
type Package struct{ Name, Version string }

// Variable is one of the environment.
type Variable struct{ Name, Value string }

// ErrFormat is every error of this package.
var ErrFormat = errors.New("not a .buildinfo file")

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}

// Parse reads a file. Fields that it does not know are passed over; one that is there
// twice is refused.
func Parse(raw []byte) (Unverified, error) {
	if len(raw) > MaxBytes {
		return Unverified{}, bad("%d bytes, at most %d", len(raw), MaxBytes)
	}
	if !utf8.Valid(raw) || strings.ContainsAny(string(raw), "\x00\r") {
		return Unverified{}, bad("not plain UTF-8 lines")
	}
	text, err := unsigned(string(raw))
	if err != nil {
		return Unverified{}, err
	}
	fields, err := paragraph(text)
	if err != nil {
		return Unverified{}, err
	}
	for _, name := range []string{"Format", "Source", "Version", "Architecture", "Build-Path"} {
		if strings.Contains(fields[name], "\n") {
			return Unverified{}, bad("field %s has several lines", name)
		}
	}
	u := Unverified{Architecture: strings.Fields(fields["Architecture"]), BuildPath: fields["Build-Path"], Version: fields["Version"]}
	if f := fields["Format"]; f != "1.0" && f != "0.1" && f != "0.2" {
		return Unverified{}, bad("format %.40q", f)
	}
	// "Source: name (version)" where a binary-only upload has another version.
	u.Source, _, _ = strings.Cut(fields["Source"], " ")
	if u.Source == "" || u.Version == "" || len(u.Architecture) == 0 {
		return Unverified{}, bad("source, version or architecture is missing")
	}
	if u.Files, err = files(fields["Checksums-Sha256"]); err != nil {
		return Unverified{}, err
	}
	if u.Installed, err = packages(fields["Installed-Build-Depends"]); err != nil {
		return Unverified{}, err
	}
	if u.Environment, err = variables(fields["Environment"]); err != nil {
		return Unverified{}, err
	}
	return u, nil
}

// unsigned takes a cleartext signature off.
func unsigned(text string) (string, error) {
	const begin, end = "-----BEGIN PGP SIGNED MESSAGE-----\n", "\n-----BEGIN PGP SIGNATURE-----\n"
	rest, ok := strings.CutPrefix(text, begin)
	if !ok {
		return text, nil
	}
	_, rest, ok = strings.Cut(rest, "\n\n") // behind the armour's headers
	if !ok {
		return "", bad("a signed message without text")
	}
	rest, _, ok = strings.Cut(rest, end)
	if !ok {
		return "", bad("a signed message without signature")
	}
	lines := strings.Split(rest, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "- ") // dash-escaped
	}
	return strings.Join(lines, "\n"), nil
}

// paragraph reads the one paragraph there may be.
func paragraph(text string) (map[string]string, error) {
	fields := map[string]string{}
	last, lines := "", 0
	for line := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
		if lines++; lines > maxLines {
			return nil, bad("more than %d lines", maxLines)
		}
		switch {
		case strings.TrimSpace(line) == "":
			return nil, bad("line %d: more than one paragraph", lines)
		case line[0] == '#':
		case line[0] == ' ' || line[0] == '\t':
			if last == "" {
				return nil, bad("line %d continues nothing", lines)
			}
			fields[last] += "\n" + strings.TrimSpace(line)
		default:
			name, value, ok := strings.Cut(line, ":")
			if _, twice := fields[name]; !ok || name == "" || twice || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
				return nil, bad("line %d: %.80q is no field, or one that is there twice", lines, line)
			}
			if len(fields) == maxFields {
				return nil, bad("more than %d fields", maxFields)
			}
			last, fields[name] = name, strings.TrimSpace(value)
		}
	}
	return fields, nil
}

func files(text string) ([]File, error) {
	var out []File
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" {
			continue
		}
		f := strings.Fields(line)
		if len(f) != 3 {
			return nil, bad("checksum %.120q", line)
		}
		raw, err := hex.DecodeString(f[0])
		size, sizeErr := strconv.ParseInt(f[1], 10, 64)
		if err != nil || len(raw) != 32 || strings.ToLower(f[0]) != f[0] || sizeErr != nil || size < 0 || strings.Contains(f[2], "/") ||
			slices.ContainsFunc(out, func(o File) bool { return o.Name == f[2] }) {
			return nil, bad("checksum %.120q", line)
		}
		out = append(out, File{Name: f[2], Size: size, SHA256: f[0]})
	}
	return out, nil
}

// packages reads "name (= version), …", one a line.
func packages(text string) ([]Package, error) {
	var out []Package
	for item := range strings.SplitSeq(strings.ReplaceAll(text, "\n", ""), ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		name, version, ok := strings.Cut(item, " (= ")
		version, closed := strings.CutSuffix(version, ")")
		if !ok || !closed || !isToken(name) || !isToken(version) {
			return nil, bad("installed package %.120q", item)
		}
		out = append(out, Package{Name: name, Version: version})
	}
	return out, nil
}

func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("(),", r) || !unicode.IsPrint(r) })
}

// variables reads NAME="value", one a line, with a backslash before what is quoted.
func variables(text string) ([]Variable, error) {
	var out []Variable
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" {
			continue
		}
		name, quoted, ok := strings.Cut(line, "=")
		if !ok || !isToken(name) || len(quoted) < 2 || quoted[0] != '"' || quoted[len(quoted)-1] != '"' {
			return nil, bad("variable %.120q", line)
		}
		value, err := unquote(quoted[1 : len(quoted)-1])
		if err != nil {
			return nil, err
		}
		out = append(out, Variable{Name: name, Value: value})
	}
	return out, nil
}

func unquote(s string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return "", bad("a quote inside a variable's value")
		case s[i] != '\\':
			out.WriteByte(s[i])
		case i+1 == len(s):
			return "", bad("a variable's value ends in a backslash")
		default:
			i++
			out.WriteByte(s[i])
		}
	}
	return out.String(), nil
}
