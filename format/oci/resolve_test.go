package oci_test

import (
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/format/oci"
	"github.com/hallmark-pki/hallmark/test/pki"
)

// TestTwoImagesMeant: index.json, which nobody signs, has a second image, and other tools
// would take that one, or both, by the name by which one was judged.
func TestTwoImagesMeant(t *testing.T) {
	for name, c := range map[string]struct {
		tag string
		put func(l *pki.Layout, good oci.Descriptor)
	}{
		"one that says it refers to the other": {"", func(l *pki.Layout, good oci.Descriptor) {
			m := l.Manifest(t, "evil")
			m["subject"] = good
			l.Tag(t, l.JSON(t, oci.MediaTypeManifest, m), "latest")
		}},
		"one tagged as if it were a list":  {"", func(l *pki.Layout, good oci.Descriptor) { l.Tag(t, l.Image(t, "evil"), "sha256-latest") }},
		"containerd's name for it":         {"v1", func(l *pki.Layout, good oci.Descriptor) { annotate(t, l, "io.containerd.image.name") }},
		"a whole name in place of the tag": {"v1", func(l *pki.Layout, good oci.Descriptor) { annotate(t, l, "org.opencontainers.image.ref.name") }},
	} {
		l := pki.NewLayout(t, t.TempDir())
		good := l.Image(t, "a layer")
		l.Tag(t, good, "v1")
		if got, err := open(t, l.Dir).Resolve(oci.Reference{Dir: l.Dir, Tag: c.tag}); err != nil || got != good {
			t.Fatal(err)
		}
		c.put(l, good)
		_, err := open(t, l.Dir).Resolve(oci.Reference{Dir: l.Dir, Tag: c.tag})
		wantReason(t, name, err, oci.Ambiguous)
	}
}

// annotate adds an image that an annotation calls example.com/a:v1.
func annotate(t *testing.T, l *pki.Layout, key string) {
	t.Helper()
	d := l.Image(t, "evil")
	l.Entries = append(l.Entries, map[string]any{"mediaType": d.MediaType, "digest": d.Digest, "size": d.Size,
		"annotations": map[string]string{key: "example.com/a:v1"}})
	l.Save(t)
}

// TestReferrersAreNotMeant: what other tools put beside an image is none.
func TestReferrersAreNotMeant(t *testing.T) {
	l := pki.NewLayout(t, t.TempDir())
	good := l.Image(t, "a layer")
	l.Tag(t, good, "v1")
	m := l.Manifest(t, "a list of materials")
	m["subject"] = good
	d := l.JSON(t, oci.MediaTypeManifest, m)
	l.Tag(t, d, "")
	for _, suffix := range []string{"", ".sig", ".att"} {
		l.Tag(t, d, "sha256-"+good.Hex()+suffix)
	}
	l.Tag(t, l.JSON(t, oci.MediaTypeIndex, map[string]any{"schemaVersion": 2, "manifests": []any{d}}), "sha256-"+strings.Repeat("0", 64))
	if got, err := open(t, l.Dir).Resolve(oci.Reference{Dir: l.Dir}); err != nil || got != good {
		t.Error(err)
	}
}
