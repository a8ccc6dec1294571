package monitor

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// checkpoint signs a tree of n entries whose root is n times the byte n.
func checkpoint(t testing.TB, seed, n byte) []byte {
	t.Helper()
	s, _ := keys(t, seed)
	root := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{n}, 32))
	raw, err := note.Sign(&note.Note{Text: origin + "\n" + strconv.Itoa(int(n)) + "\n" + root + "\n"}, s)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func verifierOf(t testing.TB, seed byte) note.Verifier {
	t.Helper()
	_, vkey := keys(t, seed)
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestStateRefuses(t *testing.T) {
	good := string(checkpoint(t, 1, 9))
	for name, content := range map[string]string{
		"empty":        "",
		"cut":          good[:len(good)-1],
		"other-size":   strings.Replace(good, "\n9\n", "\n8\n", 1),
		"leading-zero": strings.Replace(good, "\n9\n", "\n09\n", 1),
		"other-key":    string(checkpoint(t, 2, 9)),
		"behind-it":    good + "x\n",
		"before-it":    "\n" + good,
		"crlf":         strings.ReplaceAll(good, "\n", "\r\n"),
		"huge":         good + strings.Repeat("x", 1<<20),
	} {
		path := filepath.Join(t.TempDir(), "state")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readState(path, verifierOf(t, 1)); !errors.Is(err, ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := readState(t.TempDir(), verifierOf(t, 1)); !errors.Is(err, ErrState) {
		t.Errorf("a folder: %v", err)
	}
	if err := writeState(filepath.Join(t.TempDir(), "absent", "state"), signed{}); !errors.Is(err, ErrState) {
		t.Errorf("in no folder: %v", err)
	}
}

// Whatever the file holds: it is taken only if the log signed it, and what is kept of
// it, written again, is the same file.
func FuzzParseState(f *testing.F) {
	key, path := verifierOf(f, 1), filepath.Join(f.TempDir(), "state")
	for _, n := range []byte{0, 1, 9} {
		f.Add(checkpoint(f, 1, n))
		f.Add(checkpoint(f, 2, n))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := parseState(raw, key)
		if err != nil {
			return
		}
		if s.Size != 0 && s.Size != 1 && s.Size != 9 || s.Origin != origin || !bytes.Equal(s.Hash, bytes.Repeat([]byte{byte(s.Size)}, 32)) {
			t.Fatalf("accepted what the log never signed: %+v", s)
		}
		if err := writeState(path, s); err != nil {
			t.Fatal(err)
		}
		again, err := readState(path, key)
		if err != nil || again.isFirst() || !bytes.Equal(again.raw, raw) {
			t.Fatalf("kept as %q, %v, was %q", again.raw, err, raw)
		}
	})
}

// A bundle that is taken has exactly these entries in exactly these bytes.
func FuzzParseBundle(f *testing.F) {
	f.Add([]byte("\x00\x01a\x00\x00\x00\x02bc"), uint8(3))
	f.Add([]byte("\x00\x01a"), uint8(2))
	f.Add([]byte("\x00\x05a"), uint8(1))
	f.Add([]byte{}, uint8(0))
	f.Fuzz(func(t *testing.T, raw []byte, n uint8) {
		entries, err := parseBundle(raw, int(n))
		if err != nil {
			return
		}
		var again []byte
		for _, e := range entries {
			again = append(again, byte(len(e)>>8), byte(len(e)))
			again = append(again, e...)
		}
		if len(entries) != int(n) || !bytes.Equal(again, raw) {
			t.Fatalf("%d entries written again: %q, was %q", len(entries), again, raw)
		}
	})
}
