package oci_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/format/oci"
	"github.com/hallmark-pki/hallmark/test/pki"
)

// TestDockersOwnList: "docker save" writes an image layout with a second list of what is in
// it, manifest.json, and "docker load" goes by that one alone. It must not lead elsewhere.
func TestDockersOwnList(t *testing.T) {
	item := func(m map[string]any) string {
		path := func(v any) string { return "blobs/sha256/" + v.(oci.Descriptor).Hex() }
		var layers []string
		for _, l := range m["layers"].([]any) {
			layers = append(layers, fmt.Sprintf("%q", path(l)))
		}
		return fmt.Sprintf(`{"Config":%q,"RepoTags":["example.com/a:v1"],"Layers":[%s]}`, path(m["config"]), strings.Join(layers, ","))
	}
	for name, c := range map[string]struct {
		files func(good, evil string) map[string]string
		want  oci.Reason
	}{
		"none": {func(good, evil string) map[string]string { return nil }, ""},
		"as docker saves it": {func(good, evil string) map[string]string {
			return map[string]string{"manifest.json": "[" + good + "]", "repositories": "{}"}
		}, ""},
		"another image": {func(good, evil string) map[string]string { return map[string]string{"manifest.json": "[" + evil + "]"} }, oci.BadManifest},
		"a second image": {func(good, evil string) map[string]string {
			return map[string]string{"manifest.json": "[" + good + "," + evil + "]"}
		}, oci.BadManifest},
		"in capitals": {func(good, evil string) map[string]string {
			return map[string]string{"manifest.json": "[" + strings.Replace(good, `"Config"`, `"config":"evil","Config"`, 1) + "]"}
		}, oci.BadManifest},
		"a parent": {func(good, evil string) map[string]string {
			return map[string]string{"manifest.json": "[" + strings.Replace(good, `{`, `{"Parent":"sha256:0","config":"",`, 1) + "]"}
		}, oci.BadManifest},
		"not JSON": {func(good, evil string) map[string]string { return map[string]string{"manifest.json": "{"} }, oci.BadManifest},
		"a tail": {func(good, evil string) map[string]string {
			return map[string]string{"manifest.json": "[" + good + "][]"}
		}, oci.BadManifest},
		"an older list": {func(good, evil string) map[string]string { return map[string]string{"repositories": "{}"} }, oci.BadManifest},
		"files of their own": {func(good, evil string) map[string]string {
			return map[string]string{"manifest.json": `[{"Config":"a.json","Layers":[]}]`}
		}, oci.BadManifest},
	} {
		l := pki.NewLayout(t, t.TempDir())
		good := l.Manifest(t, "a layer", "another")
		d := l.JSON(t, oci.MediaTypeManifest, good)
		for _, whole := range []oci.Descriptor{d, l.JSON(t, oci.MediaTypeIndex, map[string]any{"schemaVersion": 2, "manifests": []any{d}})} {
			for file, content := range c.files(item(good), item(l.Manifest(t, "evil"))) {
				l.File(t, file, []byte(content))
			}
			err := open(t, l.Dir).Check(t.Context(), whole)
			if c.want == "" && err == nil {
				continue
			}
			wantReason(t, name, err, c.want)
		}
	}
}
