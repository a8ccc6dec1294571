package attest

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"
	"unicode/utf8"
)

// CheckJSON refuses what two JSON parsers could read in two ways: more than
// maxBytes, nesting deeper than maxDepth, invalid UTF-8, syntax errors, anything
// after the value, and a key twice in one object (at any depth). It says nothing
// about field names that differ in case: read objects by exact name.
func CheckJSON(raw []byte, maxBytes, maxDepth int) error {
	if len(raw) > maxBytes {
		return refuse(TooLarge, "", "%d bytes, at most %d", len(raw), maxBytes)
	}
	if !utf8.Valid(raw) {
		return refuse(Malformed, "", "invalid UTF-8")
	}
	if !json.Valid(raw) {
		return refuse(Malformed, "", "not one JSON value")
	}
	return checkKeys(raw, maxDepth)
}

// checkKeys walks the bytes of valid JSON, with the keys seen in each open object.
// json.Decoder's tokens would do as well, at a fifth of the speed.
func checkKeys(raw []byte, maxDepth int) error {
	type frame struct {
		from   int             // of this object's keys among seen; those of open objects above it stand before
		many   map[string]bool // the same, once they are many
		object bool
		isKey  bool // the next string is a key
	}
	open, seen := make([]frame, 0, 8), make([][]byte, 0, 32)
	for i := 0; i < len(raw); i++ {
		top := len(open) - 1
		switch c := raw[i]; c {
		case '{', '[':
			if len(open) == maxDepth {
				return refuse(TooLarge, "", "nested deeper than %d", maxDepth)
			}
			open = append(open, frame{from: len(seen), object: c == '{', isKey: c == '{'})
		case '}', ']':
			seen, open = seen[:open[top].from], open[:top]
		case ',':
			open[top].isKey = open[top].object
		case '"':
			end := stringEnd(raw, i)
			if top >= 0 && open[top].isKey {
				key, err := keyBytes(raw[i : end+1])
				if err != nil {
					return err
				}
				f := &open[top]
				if f.isKey = false; twice(seen[f.from:], &f.many, key) {
					return refuse(Malformed, "", "key %.64q appears twice in one object", key)
				}
				if f.many == nil {
					seen = append(seen, key)
				}
			}
			i = end
		}
	}
	return nil
}

// twice reports whether a key is among those of its object: one after the other while they
// are few, in a map once they are fewKeys.
func twice(keys [][]byte, many *map[string]bool, key []byte) bool {
	if len(keys) < fewKeys {
		return slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, key) })
	}
	if *many == nil {
		*many = map[string]bool{}
		for _, k := range keys {
			(*many)[string(k)] = true
		}
	}
	if (*many)[string(key)] {
		return true
	}
	(*many)[string(key)] = true
	return false
}

// keyBytes is unquote, without a copy where nothing is escaped.
func keyBytes(quoted []byte) ([]byte, error) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1], nil
	}
	s, err := unquote(quoted)
	return []byte(s), err
}

// stringEnd returns where the string that begins at i ends, in valid JSON.
func stringEnd(raw []byte, i int) int {
	for i++; raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i
}

func unquote(quoted []byte) (string, error) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1]), nil
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return "", &Error{Reason: Malformed, Err: err}
	}
	return s, nil
}

// fields reads JSON that CheckJSON has passed, by exact field name: encoding/json
// alone would take "Payload" for "payload". The first error sticks in err.
type fields struct {
	reason Reason // for errors in content
	err    *error
	path   string
	m      map[string]json.RawMessage
}

func readFields(reason Reason, path string, raw []byte, err *error) fields {
	f := fields{reason: reason, err: err, path: path}
	if f.m = splitObject(raw); f.m == nil {
		f.decode(path, raw, &f.m) // says what it is instead
	}
	if f.m == nil {
		f.fail(path, "not an object")
	}
	return f
}

func (f fields) fail(path, format string, args ...any) {
	if *f.err == nil {
		*f.err = refuse(f.reason, path, format, args...)
	}
}

func (f fields) at(name string) string {
	if f.path == "" {
		return name
	}
	return f.path + "." + name
}

func (f fields) decode(path string, raw []byte, v any) {
	if s, ok := v.(*string); ok {
		if plain, ok := plainString(raw); ok {
			*s = plain
			return
		}
	}
	if err := json.Unmarshal(raw, v); err != nil && *f.err == nil {
		*f.err = &Error{Reason: f.reason, Field: path, Detail: "wrong type", Err: err}
	}
}

// raw returns the value's bytes; nil when it is absent or null.
func (f fields) raw(name string) json.RawMessage {
	v, ok := f.m[name]
	if !ok || string(v) == "null" {
		return nil
	}
	return v
}

// object returns a copy of the value's bytes, which must be a JSON object; nil
// when it is absent.
func (f fields) object(name string) json.RawMessage {
	v := f.raw(name)
	if v == nil {
		return nil
	}
	if v[0] != '{' {
		f.fail(f.at(name), "not an object")
		return nil
	}
	return bytes.Clone(v)
}

func (f fields) text(name string) string { return f.textUpTo(name, maxString) }

func (f fields) textUpTo(name string, limit int) string {
	v := f.raw(name)
	if v == nil {
		return ""
	}
	var s string
	f.decode(f.at(name), v, &s)
	if len(s) > limit {
		f.fail(f.at(name), "%d bytes, at most %d", len(s), limit)
	}
	return s
}

func (f fields) required(name string) string {
	s := f.text(name)
	if s == "" {
		f.fail(f.at(name), "missing or empty")
	}
	return s
}

func (f fields) flag(name string) bool {
	var b bool
	if v := f.raw(name); v != nil {
		f.decode(f.at(name), v, &b)
	}
	return b
}

// time reads an RFC 3339 timestamp; zero when it is absent or empty.
func (f fields) time(name string) time.Time {
	s := f.text(name)
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		f.fail(f.at(name), "not an RFC 3339 time: %.64q", s)
		return time.Time{}
	}
	return t.UTC()
}

// sub returns the fields of a nested object; none when it is absent.
func (f fields) sub(name string) fields {
	v := f.raw(name)
	if v == nil {
		return fields{reason: f.reason, err: f.err, path: f.at(name)}
	}
	return readFields(f.reason, f.at(name), v, f.err)
}

func (f fields) list(name string, limit int) []json.RawMessage {
	v := f.raw(name)
	if v == nil {
		return nil
	}
	l, ok := splitArray(v)
	if !ok {
		f.decode(f.at(name), v, &l)
	}
	if len(l) > limit {
		f.fail(f.at(name), "%d items, at most %d", len(l), limit)
		return nil
	}
	return l
}

func (f fields) texts(name string, limit int) map[string]string {
	v := f.raw(name)
	if v == nil {
		return nil
	}
	members := splitObject(v)
	if members == nil {
		f.decode(f.at(name), v, &members)
	}
	m := make(map[string]string, len(members))
	for k, raw := range members {
		var s string
		f.decode(f.at(name), raw, &s)
		m[k] = s
	}
	if len(m) > limit {
		f.fail(f.at(name), "%d items, at most %d", len(m), limit)
		return nil
	}
	for k, s := range m {
		if len(k)+len(s) > maxString {
			f.fail(f.at(name), "an item is longer than %d bytes", maxString)
		}
	}
	return m
}
