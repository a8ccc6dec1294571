package format

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// parseControl reads the three fields that tell a package from others, deb-control(5).
// It is as strict as the archive and stricter than dpkg, which takes a name in capitals
// and installs it in small letters: whoever decides by a name must get the one that
// will be installed.
func parseControl(raw []byte) (Package, error) {
	if bytes.IndexByte(raw, 0) >= 0 {
		return Package{}, errors.New("a NUL in \"control\"")
	}
	fields, last := map[string]string{}, ""
	text := strings.TrimRight(string(raw), "\n")
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			if i == 0 || strings.TrimSpace(line) == "" {
				return Package{}, fmt.Errorf("line %d continues nothing", i+1)
			}
			// dpkg takes the lines together, and then for no name.
			if last == "package" || last == "version" || last == "architecture" {
				return Package{}, fmt.Errorf("field %q has several lines", last)
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t\r") {
			return Package{}, fmt.Errorf("line %d is no field", i+1)
		}
		name = strings.ToLower(name)
		if _, twice := fields[name]; twice {
			return Package{}, fmt.Errorf("field %.32q appears twice", name)
		}
		fields[name], last = strings.Trim(value, " \t"), name
	}
	p := Package{Name: fields["package"], Version: fields["version"], Architecture: fields["architecture"]}
	switch {
	case !IsPackageName(p.Name):
		return Package{}, fmt.Errorf("package name %.80q: want small letters, digits, plus, minus and dot", p.Name)
	case !made(p.Version, 1, maxVersion, ".+-~:ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
		return Package{}, fmt.Errorf("version %.80q", p.Version)
	case !made(p.Architecture, 1, maxPackageName, "-"):
		return Package{}, fmt.Errorf("architecture %.80q", p.Architecture)
	}
	return p, nil
}

// IsPackageName reports whether a text is a name that a Debian package can have,
// Debian Policy §5.6.7: at least two small ASCII letters, digits and + - ., the first a
// letter or digit.
func IsPackageName(s string) bool { return made(s, 2, maxPackageName, "+-.") }

// made reports whether s consists of min to max small letters, digits and characters of
// more, beginning with none of "+-.~:".
func made(s string, min, max int, more string) bool {
	if len(s) < min || len(s) > max || strings.IndexByte("+-.~:", s[0]) >= 0 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte(more, c) < 0 {
			return false
		}
	}
	return true
}
