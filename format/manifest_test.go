package format

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// TestManifestOfManyLines: a value of as many lines as bytes is put together once, and not
// once for each line: that took minutes for a manifest of what is allowed.
func TestManifestOfManyLines(t *testing.T) {
	raw := []byte("Manifest-Version: 1.0\nX: a\n" + strings.Repeat(" a\n", maxEntryName-1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m, err := parseManifest(raw)
	runtime.ReadMemStats(&after)
	if err != nil || len(m.main.attribute("x")) != maxEntryName {
		t.Fatal(err)
	}
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 100*uint64(len(raw)) {
		t.Errorf("%d bytes for a manifest of %d", spent, len(raw))
	}
	_, err = parseManifest(append(raw, " a\n"...))
	wantReason(t, err, BadHeader)
}

func TestManifestOfManySections(t *testing.T) {
	var b strings.Builder
	b.WriteString("Manifest-Version: 1.0\n\n")
	for i := range maxManifestSections {
		fmt.Fprintf(&b, "Name: %d\n\n", i)
	}
	if _, err := parseManifest([]byte(b.String())); err != nil {
		t.Fatal(err)
	}
	_, err := parseManifest([]byte(b.String() + "Name: more\n"))
	wantReason(t, err, TooLarge)
}
