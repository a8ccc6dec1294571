package server

import (
	"slices"
	"strings"

	"github.com/hallmark-pki/hallmark/server/api"
)

// plainFormats are those that the schema lists.
var plainFormats = []string{"detached", "deb", "pe", "msi", "cab", "jar", "oci"}

// parsePlainSignature reads one JSON object whose members are strings of printable ASCII
// without escapes, and true or false, each once, without white space. ok is false for all
// else, for members that are rare, and for values that the schema refuses.
func parsePlainSignature(raw []byte) (in api.NewSignature, ok bool) {
	rest, ok := strings.CutPrefix(string(raw), "{")
	if !ok {
		return in, false
	}
	var seen []string
	for {
		var name string
		if name, rest, ok = cutPlainText(rest); !ok || slices.Contains(seen, name) || !strings.HasPrefix(rest, ":") {
			return in, false
		}
		seen = append(seen, name)
		rest = rest[1:]
		if to := plainFlag(&in, name); to != nil {
			*to, rest, ok = cutPlainFlag(rest)
		} else {
			var value string
			value, rest, ok = cutPlainText(rest)
			ok = ok && setPlain(&in, name, value)
		}
		if !ok {
			return in, false
		}
		if rest == "}" {
			return in, in.SHA256 != "" && in.Format != "" && in.Product != ""
		}
		if rest, ok = strings.CutPrefix(rest, ","); !ok {
			return in, false
		}
	}
}

func plainFlag(in *api.NewSignature, name string) *bool {
	switch name {
	case "explain":
		return &in.Explain
	case "per_build":
		return &in.PerBuild
	}
	return nil
}

func cutPlainFlag(s string) (value bool, rest string, ok bool) {
	if rest, ok := strings.CutPrefix(s, "true"); ok {
		return true, rest, true
	}
	rest, ok = strings.CutPrefix(s, "false")
	return false, rest, ok
}

// cutPlainText cuts a string off, with its quotes.
func cutPlainText(s string) (text, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", s, false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return s[1:i], s[i+1:], true
		case c < ' ' || c > '~' || c == '\\':
			return "", s, false
		}
	}
	return "", s, false
}

// setPlain sets a member, if its value is one that the schema takes.
func setPlain(in *api.NewSignature, name, value string) bool {
	switch name {
	case "sha256":
		in.SHA256 = value
		return isHex(value, 64)
	case "format":
		in.Format = value
		return slices.Contains(plainFormats, value)
	case "product":
		in.Product = value
		return value != "" && len(value) <= maxPlainProduct
	case "certificate":
		in.Certificate = value
		return len(value) >= 2 && len(value) <= 40 && isHex(value, len(value))
	case "mode":
		in.Mode = value
		return value == "strict" || value == "provisional"
	case "commit":
		in.Commit = value
		return isHex(value, 40) || isHex(value, 64)
	case "signed":
		in.Signed = value
		return isHex(value, 64)
	}
	return false
}

func isHex(s string, n int) bool { return len(s) == n && strings.Trim(s, "0123456789abcdef") == "" }
