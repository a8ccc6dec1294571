package install

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Action is what apt is about to do with a package.
type Action string

const (
	// Unpack: a file is unpacked. This is what is judged.
	Unpack Action = "unpack"
	// Configure: a package that was unpacked before, now or at another time, runs its scripts.
	Configure Action = "configure"
	// Remove: a package is removed, perhaps with its configuration.
	Remove Action = "remove"
)

// Direction is where a package's version goes.
type Direction string

const (
	Install   Direction = "install" // nothing was there before
	Upgrade   Direction = "upgrade"
	Downgrade Direction = "downgrade"
	Reinstall Direction = "reinstall" // the same version again
	Away      Direction = "remove"    // nothing is there afterwards
)

// Version is a package's version with its architecture; the zero Version stands for none.
type Version struct {
	Version      string `json:"version"`
	Architecture string `json:"architecture"`
	MultiArch    string `json:"multi_arch"` // none, same, foreign or allowed
}

// Change is one line of apt's about a package.
type Change struct {
	Package   string
	Old, New  Version
	Direction Direction
	Action    Action
	File      string // absolute, set for Unpack only
}

// Setting is one of apt's settings, both halves as apt quoted them.
type Setting struct{ Key, Value string }

// Transaction is all that apt says before it runs dpkg.
type Transaction struct {
	Settings []Setting
	Changes  []Change
}

// Unpacked returns the changes that unpack a file, in apt's order.
func (t Transaction) Unpacked() []Change {
	var out []Change
	for _, c := range t.Changes {
		if c.Action == Unpack {
			out = append(out, c)
		}
	}
	return out
}

// ProtocolError says which line of apt's could not be understood. All of the transaction
// is refused then: what is not understood might be about an unpacked file.
type ProtocolError struct {
	Line int // from 1
	Why  string
}

func (e *ProtocolError) Error() string { return fmt.Sprintf("apt's line %d: %s", e.Line, e.Why) }

const protocolVersion = "VERSION 3"

// The third kind of last field beside a path; apt says it where it has no file.
const (
	configureWord = "**CONFIGURE**"
	removeWord    = "**REMOVE**"
)

// ParseTransaction reads version 3 of the protocol of DPkg::Pre-Install-Pkgs to its end.
// Errors are a *ProtocolError or the reader's own.
func ParseTransaction(r io.Reader) (Transaction, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxTransactionBytes+1))
	if err != nil {
		return Transaction{}, fmt.Errorf("read what apt says: %w", err)
	}
	if len(raw) > maxTransactionBytes {
		return Transaction{}, &ProtocolError{1, fmt.Sprintf("more than %d bytes follow", maxTransactionBytes)}
	}
	p := parser{rest: raw}
	t, why := p.transaction()
	if why != "" {
		return Transaction{}, &ProtocolError{p.line, why}
	}
	return t, nil
}

// parser takes line after line; its methods return "" or what is wrong.
type parser struct {
	rest []byte
	line int
}

// next returns a line without its end. A last line without an end was cut off: apt ends
// every line.
func (p *parser) next() (line, why string) {
	p.line++
	raw, rest, ended := bytes.Cut(p.rest, []byte("\n"))
	if !ended {
		return "", "ends in the middle"
	}
	p.rest = rest
	return string(raw), ""
}

func (p *parser) transaction() (Transaction, string) {
	line, why := p.next()
	if why == "" && line != protocolVersion {
		why = fmt.Sprintf("%.40q instead of %q", line, protocolVersion)
	}
	if why != "" {
		return Transaction{}, why
	}
	var t Transaction
	for {
		line, why := p.next()
		if why != "" {
			return Transaction{}, why
		}
		if line == "" {
			break
		}
		s, why := parseSetting(line)
		if why != "" {
			return Transaction{}, why
		}
		if t.Settings = append(t.Settings, s); len(t.Settings) > maxSettings {
			return Transaction{}, fmt.Sprintf("more than %d settings", maxSettings)
		}
	}
	for len(p.rest) > 0 {
		line, why := p.next()
		if why != "" {
			return Transaction{}, why
		}
		c, why := parseChange(line)
		if why != "" {
			return Transaction{}, why
		}
		if t.Changes = append(t.Changes, c); len(t.Changes) > maxChanges {
			return Transaction{}, fmt.Sprintf("more than %d packages", maxChanges)
		}
	}
	return t, ""
}

// parseSetting: apt quotes everything outside of printable ASCII in both halves.
func parseSetting(line string) (Setting, string) {
	for i := 0; i < len(line); i++ {
		if line[i] <= ' ' || line[i] > '~' {
			return Setting{}, fmt.Sprintf("byte 0x%02x in a setting", line[i])
		}
	}
	key, value, ok := strings.Cut(line, "=")
	if !ok || key == "" || value == "" {
		return Setting{}, fmt.Sprintf("%.80q is not a setting", line)
	}
	return Setting{key, value}, ""
}

func parseChange(line string) (Change, string) {
	f := strings.SplitN(line, " ", 9)
	if len(f) != 9 {
		return Change{}, fmt.Sprintf("%d fields instead of 9 in %.200q", len(f), line)
	}
	c := Change{Package: f[0]}
	if !isName(c.Package) {
		return Change{}, fmt.Sprintf("%.80q is not the name of a package", c.Package)
	}
	var why string
	if c.Old, why = parseVersion(f[1:4]); why != "" {
		return Change{}, why
	}
	if c.New, why = parseVersion(f[5:8]); why != "" {
		return Change{}, why
	}
	if c.Direction, why = direction(c.Old, f[4], c.New); why != "" {
		return Change{}, why
	}
	return c, c.act(f[8])
}

// act reads the last field.
func (c *Change) act(what string) string {
	gone := c.New == Version{}
	switch {
	case what == configureWord && !gone:
		c.Action = Configure
	case what == removeWord:
		// apt names a version here that it will not install, when it removes a package to
		// make room for another version of it.
		c.Action = Remove
	case strings.HasPrefix(what, "/") && !gone:
		c.Action, c.File = Unpack, what
		return checkFileName(what)
	default:
		return fmt.Sprintf("%.80q is not a file or what is done otherwise", what)
	}
	return ""
}

// checkFileName refuses what cannot be the one file that apt means: a line break in a
// name would have ended the line.
func checkFileName(path string) string {
	if len(path) > maxPathBytes {
		return fmt.Sprintf("a path of %d bytes", len(path))
	}
	for i := 0; i < len(path); i++ {
		if path[i] < ' ' || path[i] == 0x7f {
			return fmt.Sprintf("byte 0x%02x in the path %.200q", path[i], path)
		}
	}
	return ""
}

var noVersion = []string{"-", "-", "none"}

func parseVersion(f []string) (Version, string) {
	if f[0] == noVersion[0] && f[1] == noVersion[1] && f[2] == noVersion[2] {
		return Version{}, ""
	}
	v := Version{f[0], f[1], f[2]}
	switch {
	case !isVersion(v.Version):
		return Version{}, fmt.Sprintf("%.80q is not a version", v.Version)
	case !isArchitecture(v.Architecture):
		return Version{}, fmt.Sprintf("%.80q is not an architecture", v.Architecture)
	case v.MultiArch != "none" && v.MultiArch != "same" && v.MultiArch != "foreign" && v.MultiArch != "allowed":
		return Version{}, fmt.Sprintf("%.80q is not a kind of multi-arch", v.MultiArch)
	}
	return v, ""
}

// signs are what stands between the versions, where both are there.
var signs = map[string]Direction{"<": Upgrade, "=": Reinstall, ">": Downgrade}

func direction(old Version, sign string, now Version) (Direction, string) {
	d, ok := signs[sign]
	switch {
	case !ok:
		return "", fmt.Sprintf("%.40q instead of <, = or >", sign)
	case now == Version{} && sign == ">":
		return Away, ""
	case old == Version{} && sign == "<":
		return Install, ""
	case now == Version{} || old == Version{}:
		return "", fmt.Sprintf("%q where a version is missing", sign)
	}
	return d, ""
}

// Append writes the transaction as apt does: parsing a text and appending the result
// gives the same text.
func (t Transaction) Append(b []byte) []byte {
	b = append(b, protocolVersion+"\n"...)
	for _, s := range t.Settings {
		b = fmt.Appendf(b, "%s=%s\n", s.Key, s.Value)
	}
	b = append(b, '\n')
	for _, c := range t.Changes {
		what := c.File
		switch c.Action {
		case Configure:
			what = configureWord
		case Remove:
			what = removeWord
		}
		b = fmt.Appendf(b, "%s %s %s %s %s\n", c.Package, c.Old, c.sign(), c.New, what)
	}
	return b
}

func (c Change) sign() string {
	switch c.Direction {
	case Install, Upgrade:
		return "<"
	case Reinstall:
		return "="
	default:
		return ">"
	}
}

// String is the version as apt writes it.
func (v Version) String() string {
	if (v == Version{}) {
		return strings.Join(noVersion, " ")
	}
	return v.Version + " " + v.Architecture + " " + v.MultiArch
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// made reports whether s consists of letters, digits and the bytes in also, and begins
// with one of the former.
func made(s, also string) bool {
	if s == "" || len(s) > maxFieldBytes || !isAlphanumeric(s[0]) {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !isAlphanumeric(s[i]) && strings.IndexByte(also, s[i]) < 0 {
			return false
		}
	}
	return true
}

// What dpkg takes, deb-control(5); Debian's own rules are tighter.
func isName(s string) bool         { return made(s, "-+._") }
func isVersion(s string) bool      { return made(s, "-+._~:") }
func isArchitecture(s string) bool { return made(s, "-") }
