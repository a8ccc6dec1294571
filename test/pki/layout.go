package pki

import (
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/hallmark-pki/hallmark/format/oci"
)

// Layout is an OCI image layout on disk that tests put things into, good or bad.
type Layout struct {
	Dir     string
	Entries []any // of index.json
}

// NewLayout makes an empty one.
func NewLayout(t testing.TB, dir string) *Layout {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	l := &Layout{Dir: dir}
	l.File(t, "oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	l.Save(t)
	return l
}

// File writes a file of the layout.
func (l *Layout) File(t testing.TB, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(l.Dir, name), content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Blob writes content under its digest.
func (l *Layout) Blob(t testing.TB, mediaType string, content []byte) oci.Descriptor {
	t.Helper()
	d := oci.NewDescriptor(mediaType, sha256.Sum256(content), int64(len(content)))
	l.File(t, "blobs/sha256/"+d.Hex(), content)
	return d
}

// JSON writes a value as a blob.
func (l *Layout) JSON(t testing.TB, mediaType string, v any) oci.Descriptor {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return l.Blob(t, mediaType, raw)
}

// Manifest is an image manifest with these layers' content, before it is written.
func (l *Layout) Manifest(t testing.TB, layers ...string) map[string]any {
	t.Helper()
	list := []any{}
	for _, content := range layers {
		list = append(list, l.Blob(t, "application/vnd.oci.image.layer.v1.tar", []byte(content)))
	}
	config := l.Blob(t, "application/vnd.oci.image.config.v1+json", []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`))
	return map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeManifest, "config": config, "layers": list}
}

// Image writes an image of one layer.
func (l *Layout) Image(t testing.TB, layer string) oci.Descriptor {
	t.Helper()
	return l.JSON(t, oci.MediaTypeManifest, l.Manifest(t, layer))
}

// Tag lists a manifest in index.json; tag "" lists it without one.
func (l *Layout) Tag(t testing.TB, d oci.Descriptor, tag string) {
	t.Helper()
	e := map[string]any{"mediaType": d.MediaType, "digest": d.Digest, "size": d.Size}
	if tag != "" {
		e["annotations"] = map[string]string{"org.opencontainers.image.ref.name": tag}
	}
	l.Entries = append(l.Entries, e)
	l.Save(t)
}

// Save writes index.json.
func (l *Layout) Save(t testing.TB) {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": oci.MediaTypeIndex, "manifests": append([]any{}, l.Entries...)})
	if err != nil {
		t.Fatal(err)
	}
	l.File(t, "index.json", raw)
}

// Attach puts a signature into the layout with the product's own code.
func (l *Layout) Attach(t testing.TB, d oci.Descriptor, envelope []byte) oci.Descriptor {
	t.Helper()
	open, err := oci.Open(l.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	m, err := open.Attach(t.Context(), d, envelope, false)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Flip changes the last byte of a blob.
func (l *Layout) Flip(t testing.TB, d oci.Descriptor) {
	t.Helper()
	name := filepath.Join(l.Dir, "blobs", "sha256", d.Hex())
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)-1] ^= 1
	if err := os.WriteFile(name, raw, 0o644); err != nil {
		t.Fatal(err)
	}
}
