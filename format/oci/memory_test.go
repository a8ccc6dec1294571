package oci_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/format/oci"
	"github.com/hallmark-pki/hallmark/test/pki"
)

// TestLargeSignatures: anybody can add signatures, and they are in memory together.
func TestLargeSignatures(t *testing.T) {
	l := pki.NewLayout(t, t.TempDir())
	d := l.Image(t, "a layer")
	l.Tag(t, d, "v1")
	for i := range 10 {
		m := map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeManifest, "config": l.Blob(t, oci.MediaTypeSignature, []byte("{}")),
			"layers": []any{l.Blob(t, oci.MediaTypeEnvelope, bytes.Repeat([]byte{byte('a' + i)}, oci.MaxEnvelopeBytes))}, "subject": d}
		l.Tag(t, l.JSON(t, oci.MediaTypeManifest, m), "")
	}
	found, err := open(t, l.Dir).Signatures(d)
	must(t, err)
	total := 0
	for _, s := range found {
		total += len(s.Envelope)
	}
	if total != 4*oci.MaxEnvelopeBytes {
		t.Errorf("%d signatures of %d bytes", len(found), total)
	}
}

// TestManyMentions: one large manifest, mentioned many times in index.json, is read once.
func TestManyMentions(t *testing.T) {
	p := pki.New(t)
	for name, look := range map[string]func(l *oci.Layout, dir string, d oci.Descriptor) error{
		"as an artefact": func(l *oci.Layout, dir string, d oci.Descriptor) error {
			_, err := l.Resolve(oci.Reference{Dir: dir})
			return err
		},
		"as a list of signatures": func(l *oci.Layout, dir string, d oci.Descriptor) error {
			_, err := l.Signatures(d)
			return err
		},
	} {
		l := pki.NewLayout(t, t.TempDir())
		m := l.Manifest(t, "a layer")
		m["annotations"] = map[string]string{"a": strings.Repeat("a", 1<<20)}
		d := l.JSON(t, oci.MediaTypeManifest, m)
		l.Tag(t, d, "")
		l.Attach(t, d, p.SignOCI(t, d))
		raw, err := os.ReadFile(filepath.Join(l.Dir, "index.json"))
		must(t, err)
		var index struct{ Manifests []any }
		must(t, json.Unmarshal(raw, &index))
		entries := make([]any, 500)
		for i := range entries {
			entries[i] = index.Manifests[0]
		}
		if name == "as a list of signatures" {
			list := l.JSON(t, oci.MediaTypeIndex, map[string]any{"schemaVersion": 2, "manifests": entries})
			for i := range entries {
				entries[i] = map[string]any{"mediaType": list.MediaType, "digest": list.Digest, "size": list.Size,
					"annotations": map[string]string{"org.opencontainers.image.ref.name": "sha256-" + d.Hex()}}
			}
		}
		l.Entries = append(index.Manifests, entries...)
		l.Save(t)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		must(t, look(open(t, l.Dir), l.Dir, d))
		runtime.ReadMemStats(&after)
		if spent := after.TotalAlloc - before.TotalAlloc; spent > 64<<20 {
			t.Errorf("%s: %d MiB", name, spent>>20)
		}
	}
}
