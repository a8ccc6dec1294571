package worker

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
)

func summaryOf(t testing.TB, a, b []byte) string {
	t.Helper()
	dir := t.TempDir()
	one, two := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for name, content := range map[string][]byte{one: a, two: b} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := summarize(one, two)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func ar(members ...string) []byte {
	out := []byte(arMagic)
	for i := 0; i < len(members); i += 3 {
		h := []byte(strings.Repeat(" ", 58) + "`\n")
		copy(h, members[i])
		copy(h[16:], members[i+1])
		copy(h[40:], "100644")
		copy(h[48:], itoa(len(members[i+2])))
		out = append(append(out, h...), members[i+2]...)
		if len(members[i+2])%2 == 1 {
			out = append(out, '\n')
		}
	}
	return out
}

func itoa(n int) string { return strconv.Itoa(n) }

func tarOf(t testing.TB, stamp int64, names ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: 1, ModTime: time.Unix(stamp, 0), Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func gzipOf(t testing.TB, raw []byte, level int) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func zipOf(t testing.TB, content string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	f, err := w.Create("inside")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestSummary(t *testing.T) {
	for name, c := range map[string]struct {
		a, b []byte
		want []string
	}{
		"bytes":       {[]byte("same\x00A"), []byte("same\x00B"), []string{"sizes 6 and 6, 1 bytes differ, the first at offset 5", `- "same\x00A"`}},
		"longer":      {[]byte("\x00a"), []byte("\x00ab"), []string{"sizes 2 and 3, 1 bytes differ, the first at offset 2"}},
		"lines":       {[]byte("a\nb\n"), []byte("a\nc\n"), []string{"line 2\n    - b\n    + c\n"}},
		"ar content":  {ar("a", "0", "x", "b", "0", "y"), ar("a", "0", "x", "b", "0", "z"), []string{"ar:\n    ! b: content differs (1 and 1 bytes)\n"}},
		"ar time":     {ar("a", "17", "x"), ar("a", "18", "x"), []string{"! a: 17 100644, and 18 100644"}},
		"ar member":   {ar("a", "0", "x", "b", "0", "y"), ar("a", "0", "x"), []string{"- b (1 bytes) is in the first only"}},
		"tar time":    {tarOf(t, 0, "a"), tarOf(t, 1, "a"), []string{"tar:\n    ! a: 644 : 1970-01-01T00:00:00Z , and 644 : 1970-01-01T00:00:01Z"}},
		"tar order":   {tarOf(t, 0, "a", "b"), tarOf(t, 0, "b", "a"), []string{"the same members in another order"}},
		"compression": {gzipOf(t, tarOf(t, 0, "a"), 1), gzipOf(t, tarOf(t, 0, "a"), 9), []string{"tar in gzip:\n    the same members: the container differs"}},
		"zip":         {zipOf(t, "one"), zipOf(t, "two"), []string{"zip:\n    ! inside: content differs (3 and 3 bytes)"}},
		"two kinds":   {zipOf(t, "one"), []byte("text\n"), []string{"one is an archive (zip), the other no archive"}},
	} {
		got := summaryOf(t, c.a, c.b)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", name, want, got)
			}
		}
	}
}

// FuzzSummarize: whatever two files are, there is a summary of a bounded size that may be
// shown, and it says the same of them in the other order.
func FuzzSummarize(f *testing.F) {
	f.Add([]byte("a\n"), []byte("b\n"))
	f.Add(ar("a", "0", "x"), ar("a", "0", "y"))
	f.Add(tarOf(f, 0, "a"), gzipOf(f, tarOf(f, 0, "b"), 6))
	f.Add(zipOf(f, "one"), zipOf(f, "two"))
	f.Add([]byte("\x7fELF\x02\x01\x01"), []byte(""))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		text := attest.ClipDiff(summaryOf(t, a, b))
		if len(text) > attest.MaxRebuildDiff || !strings.HasPrefix(text, "  sizes ") {
			t.Fatalf("%q", text)
		}
		var one, two [4]int64
		const form = "  sizes %d and %d, %d bytes differ, the first at offset %d"
		_, err1 := fmt.Sscanf(text, form, &one[0], &one[1], &one[2], &one[3])
		_, err2 := fmt.Sscanf(summaryOf(t, b, a), form, &two[1], &two[0], &two[2], &two[3])
		if err1 != nil || err2 != nil || one != two || one[0] != int64(len(a)) || one[1] != int64(len(b)) || bytes.Equal(a, b) != (one[2] == 0) {
			t.Fatalf("%v %v", one, two)
		}
	})
}
