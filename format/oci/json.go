package oci

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// object reads one JSON object: nothing after it, no name twice at any depth, whatever
// the letters, and none that means something in other letters. encoding/json takes "Layers"
// for "layers", others do not: with one spelling of each name both read the same.
func object(raw []byte) (map[string]json.RawMessage, error) { return members(raw, false) }

// members is object; isFree says that names mean something else here.
func members(raw []byte, isFree bool) (map[string]json.RawMessage, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("invalid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	if err := distinct(d, json.Delim('{'), 1, isFree); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("data after the JSON object")
	}
	var out map[string]json.RawMessage
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	return out, nil
}

// isMisspelled reports whether a name is one that means something in a layout, OCI
// image-spec 1.1, in other letters.
func isMisspelled(name string) bool {
	for _, meant := range []string{
		"imageLayoutVersion", "schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "subject",
		"annotations", "digest", "size", "urls", "data", "platform",
	} {
		if name != meant && strings.EqualFold(name, meant) {
			return true
		}
	}
	return false
}

// fold makes one text of all that encoding/json takes for the same name: beside capitals
// these are a long s and the sign for kelvin.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, name)
}

// distinct reads to the end of the object or list that has just begun. The names of
// annotations are anybody's, and spelled as anybody likes.
func distinct(d *json.Decoder, open json.Delim, depth int, isFree bool) error {
	if depth > maxJSONDepth {
		return fmt.Errorf("nested more than %d deep", maxJSONDepth)
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return fmt.Errorf("not JSON: %w", err)
		}
		free := isFree
		if open == '{' {
			name := t.(string) // a name is all that can stand here
			folded := fold(name)
			switch {
			case seen[folded]:
				return fmt.Errorf("member %.64q appears twice", name)
			case !isFree && isMisspelled(name):
				return fmt.Errorf("member %.64q is spelled in other letters than it should", name)
			}
			seen[folded], free = true, isFree || name == "annotations"
			if t, err = d.Token(); err != nil {
				return fmt.Errorf("not JSON: %w", err)
			}
		}
		if inner, ok := t.(json.Delim); ok {
			if err := distinct(d, inner, depth+1, free); err != nil {
				return err
			}
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	return nil
}

// only refuses members that are not known.
func only(fields map[string]json.RawMessage, known ...string) error {
	for name := range fields {
		if !slices.Contains(known, name) {
			return fmt.Errorf("unknown member %.64q", name)
		}
	}
	return nil
}

// member reads one value. An absent one gives the zero value; null is refused.
func member[T any](fields map[string]json.RawMessage, name string) (T, error) {
	var v T
	raw, ok := fields[name]
	if !ok {
		return v, nil
	}
	if string(raw) == "null" {
		return v, fmt.Errorf("member %q is null", name)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, fmt.Errorf("member %q: %w", name, err)
	}
	return v, nil
}

// text reads a string that must be there, of at most max bytes.
func text(fields map[string]json.RawMessage, name string, max int) (string, error) {
	s, err := member[string](fields, name)
	switch {
	case err != nil:
		return "", err
	case s == "":
		return "", fmt.Errorf("member %q is missing or empty", name)
	case len(s) > max:
		return "", fmt.Errorf("member %q has %d bytes, at most %d", name, len(s), max)
	}
	return s, nil
}

// decode reads base64 in its one form: no white space, no loose bits at the end.
func decode(enc *base64.Encoding, s string, max int) ([]byte, error) {
	b, err := enc.Strict().DecodeString(s)
	switch {
	case err != nil || strings.ContainsAny(s, "\r\n"):
		return nil, errors.New("not base64")
	case len(b) == 0 || len(b) > max:
		return nil, fmt.Errorf("%d bytes, want 1 to %d", len(b), max)
	}
	return b, nil
}
