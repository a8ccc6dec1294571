package verify

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// errVersion is returned for a bundle of a version this release cannot read.
var errVersion = errors.New("unknown version")

// readObject reads one flat JSON object: nothing after it, no name outside of
// known (letter case counts, which encoding/json alone would not see), none twice.
func readObject(raw []byte, maxBytes int, known ...string) (map[string]json.RawMessage, error) {
	if len(raw) > maxBytes {
		return nil, fmt.Errorf("%d bytes, at most %d", len(raw), maxBytes)
	}
	if !utf8.Valid(raw) {
		return nil, errors.New("invalid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	fields := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("not JSON: %w", err)
		}
		name, _ := t.(string)
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("unknown field %.64q", name)
		}
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("field %q appears twice", name)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("field %q: not JSON: %w", name, err)
		}
		fields[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("data after the JSON object")
	}
	return fields, nil
}

// version checks the field "version", the same way for every bundle.
func version(fields map[string]json.RawMessage, want int) error {
	if string(fields["version"]) != strconv.Itoa(want) {
		return fmt.Errorf("version %.16q, this release reads %d: %w", fields["version"], want, errVersion)
	}
	return nil
}

// field reads one value; absent and null give the zero value.
func field[T any](fields map[string]json.RawMessage, name string) (T, error) {
	var v T
	raw, ok := fields[name]
	if !ok {
		return v, nil
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, fmt.Errorf("field %q: %w", name, err)
	}
	return v, nil
}

// timeField reads an RFC 3339 time in UTC to the second, so that one time has one spelling.
func timeField(fields map[string]json.RawMessage, name string) (time.Time, error) {
	s, err := field[string](fields, name)
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse("2006-01-02T15:04:05Z", s)
	if err != nil {
		return time.Time{}, fmt.Errorf("field %q: want a time like 2026-01-02T15:04:05Z", name)
	}
	return t, nil
}

// blobs reads a list of base64 strings, each of 1 to maxBytes bytes, none twice.
func blobs(fields map[string]json.RawMessage, name string, maxItems, maxBytes int) ([][]byte, error) {
	texts, err := field[[]string](fields, name)
	if err != nil {
		return nil, err
	}
	if len(texts) > maxItems {
		return nil, fmt.Errorf("field %q: %d items, at most %d", name, len(texts), maxItems)
	}
	seen := make(map[string]bool, len(texts))
	out := make([][]byte, 0, len(texts))
	for i, s := range texts {
		b, err := base64.StdEncoding.Strict().DecodeString(s)
		switch {
		case err != nil || strings.ContainsAny(s, "\r\n"):
			return nil, fmt.Errorf("field %q, item %d: not base64", name, i)
		case len(b) == 0 || len(b) > maxBytes:
			return nil, fmt.Errorf("field %q, item %d: %d bytes, want 1 to %d", name, i, len(b), maxBytes)
		case seen[s]:
			return nil, fmt.Errorf("field %q, item %d: appears twice", name, i)
		}
		seen[s] = true
		out = append(out, b)
	}
	return out, nil
}

func encodeBlobs(list [][]byte) []string {
	out := make([]string, 0, len(list))
	for _, b := range list {
		out = append(out, base64.StdEncoding.EncodeToString(b))
	}
	return out
}
