package repository

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
)

func TestParseLines(t *testing.T) {
	e := string(envelope(t, "1", "a"))
	for name, c := range map[string]struct {
		raw  string
		want int // lines, -1 for refused
	}{
		"empty": {"", 0}, "only a line feed": {"\n", 0}, "one": {e + "\n", 1}, "unfinished": {e, 1}, "two": {e + "\n" + e + "\n", 2},
		"empty line": {e + "\n\n" + e, -1}, "empty last line": {e + "\n\n", -1}, "carriage return": {e + "\r\n", -1},
		"half": {e[:len(e)-3], -1}, "two on one line": {e + e, -1}, "array": {"[" + e + "]", -1},
		"too many": {strings.Repeat(e+"\n", MaxEnvelopes+1), -1}, "too large": {strings.Repeat(" ", MaxFile+1), -1},
	} {
		t.Run(name, func(t *testing.T) {
			lines, err := ParseLines([]byte(c.raw))
			if c.want < 0 {
				if !errors.Is(err, ErrCorrupt) {
					t.Errorf("%d lines, %v", len(lines), err)
				}
				return
			}
			if err != nil || len(lines) != c.want {
				t.Errorf("%d lines, want %d: %v", len(lines), c.want, err)
			}
		})
	}
}

func FuzzParseLines(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "lines", "*"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds in testdata/lines: %v", err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		lines, err := ParseLines(raw)
		if err != nil {
			return
		}
		if len(lines) > MaxEnvelopes {
			t.Fatal("too many lines")
		}
		joined := bytes.Join(lines, []byte("\n"))
		if !bytes.Equal(joined, bytes.TrimSuffix(raw, []byte("\n"))) {
			t.Fatalf("joined again, the lines differ:\n%q\n%q", raw, joined)
		}
		for _, l := range lines {
			if _, err := attest.ParseEnvelope(l); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzSplitLines: what ParseLines takes, SplitLines splits alike; nothing that it returns
// could not stand in one line, and nothing but line breaks is lost of a short file.
func FuzzSplitLines(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "lines", "*"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds in testdata/lines: %v", err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
		f.Add(bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n\n")))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		lines := SplitLines(raw)
		if want, err := ParseLines(raw); err == nil && (len(lines) != len(want) || !bytes.Equal(bytes.Join(lines, nil), bytes.Join(want, nil))) {
			t.Fatalf("%d lines, want %d", len(lines), len(want))
		}
		for _, l := range lines {
			if len(l) == 0 || bytes.ContainsRune(l, '\n') {
				t.Fatalf("line %q", l)
			}
			if CheckLine(l, strings.Repeat("ab", 32)) == nil && bytes.ContainsRune(l, '\r') {
				t.Fatalf("a carriage return passed: %q", l)
			}
		}
		if len(lines) > MaxEnvelopes {
			t.Fatal("too many lines")
		}
	})
}
