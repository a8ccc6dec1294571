package repository

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/hallmark-pki/hallmark/attest"
)

func bundled(raw []byte) (lines [][]byte, err error) {
	for line, err := range ReadBundle(bytes.NewReader(raw)) {
		if err != nil {
			return lines, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func TestBundle(t *testing.T) {
	var file bytes.Buffer
	b := NewBundle(&file)
	var want int
	for i := range 3 * MaxEnvelopes { // more than a file of the layout holds
		e := envelope(t, fmt.Sprint(i), fmt.Sprint("artifact ", i%70), "all")
		for range 2 {
			if err := b.Add(e, e); err != nil {
				t.Fatal(err)
			}
		}
		want++
	}
	lines, err := bundled(file.Bytes())
	if err != nil || len(lines) != want || b.Len() != want {
		t.Fatalf("%d lines of %d, want %d, %v", len(lines), b.Len(), want, err)
	}
	if lines, err := bundled(bytes.TrimSuffix(file.Bytes(), []byte("\n"))); err != nil || len(lines) != want {
		t.Errorf("without the last line feed: %d lines, %v", len(lines), err)
	}

	// read back into a folder: all that fits of one artifact, and it says where it stopped
	r := opened(t, t.TempDir())
	n, digests, err := r.Import(ctx, "acme", &file)
	if !errors.Is(err, ErrFull) || n != MaxEnvelopes || len(digests) != MaxEnvelopes+1 {
		t.Errorf("%d envelopes about %d artifacts, %v", n, len(digests), err)
	}
	small := append(append(envelope(t, "1", "a", "b"), '\n'), append(envelope(t, "2", "b"), '\n')...)
	for range 2 {
		if n, digests, err := r.Import(ctx, "acme", bytes.NewReader(small)); err != nil || n != 2 || len(digests) != 2 {
			t.Errorf("%d envelopes about %v, %v", n, digests, err)
		}
	}
	if got := get(t, r, "acme", "b"); len(got) != 2 {
		t.Errorf("%d envelopes", len(got))
	}
}

func TestBundleRefused(t *testing.T) {
	e := string(envelope(t, "1", "a"))
	for name, c := range map[string]struct {
		raw  string
		good int
		want string
	}{
		"empty line":      {e + "\n\n" + e, 1, "line 2"},
		"carriage return": {e + "\n" + e + "\r\n", 1, "line 2: carriage return"},
		"half":            {e + "\n" + e[:50], 1, "line 2"},
		"no envelope":     {"{}\n", 0, "line 1"},
		"too long":        {e + "\n" + strings.Repeat(" ", attest.MaxEnvelope+2), 1, "line 2: more than"},
	} {
		lines, err := bundled([]byte(c.raw))
		if !errors.Is(err, ErrCorrupt) || len(lines) != c.good || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d lines, %v", name, len(lines), err)
		}
	}
	broken := errors.New("broken")
	for _, err := range ReadBundle(iotest.ErrReader(broken)) {
		if !errors.Is(err, broken) {
			t.Error(err)
		}
	}
}

// FuzzReadBundle: what ParseLines takes, ReadBundle reads alike; what it reads, written
// again, is the same bytes; each line is an envelope.
func FuzzReadBundle(f *testing.F) {
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
		lines, err := bundled(raw)
		want, wantErr := ParseLines(raw)
		if wantErr == nil && len(want) > 0 && (err != nil || len(lines) != len(want)) {
			t.Fatalf("%d lines, want %d, %v", len(lines), len(want), err)
		}
		if err == nil && !bytes.Equal(bytes.Join(lines, []byte("\n")), bytes.TrimSuffix(raw, []byte("\n"))) {
			t.Fatal("joined again, the lines differ")
		}
		for _, l := range lines {
			if _, err := attest.ParseEnvelope(l); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestSigstoreBundles: a Sigstore bundle on a line is read as the envelope in it.
func TestSigstoreBundles(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "testdata", "bundles", "v03.json"))
	if err != nil {
		t.Fatal(err)
	}
	var line bytes.Buffer
	if err := json.Compact(&line, raw); err != nil {
		t.Fatal(err)
	}
	n := 0
	for envelope, err := range ReadBundle(strings.NewReader(line.String() + "\n" + line.String())) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := attest.ReadDocument(envelope); err != nil {
			t.Error(err)
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d envelopes", n)
	}
}
