package oci_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/hallmark-pki/hallmark/format/oci"
	"github.com/hallmark-pki/hallmark/test/pki"
)

// TestOtherSpelling: encoding/json, with which most tools for images are made, takes a name
// in whatever letters for the one that is meant, also in such as stand in no alphabet. By
// index.json, which nobody signs, they would run another image than the one that is judged.
func TestOtherSpelling(t *testing.T) {
	entry := func(d oci.Descriptor, annotations, tag string) string {
		return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d,%q:{"org.opencontainers.image.ref.name":%q}}`, d.MediaType, d.Digest, d.Size, annotations, tag)
	}
	for name, index := range map[string]func(good, evil oci.Descriptor) string{
		"a long s": func(good, evil oci.Descriptor) string {
			return `"manifests":[` + entry(good, "annotations", "v1") + `],"manifest\u017f":[` + entry(evil, "annotations", "v1") + `]`
		},
		"capitals": func(good, evil oci.Descriptor) string {
			return `"manifests":[` + entry(good, "annotations", "v1") + `,` + entry(evil, "Annotations", "v1") + `]`
		},
	} {
		l := pki.NewLayout(t, t.TempDir())
		good, evil := l.Image(t, "a layer"), l.Image(t, "evil")
		raw := []byte(`{"schemaVersion":2,` + index(good, evil) + `}`)
		l.File(t, "index.json", raw)
		var other struct {
			Manifests []struct {
				Digest      string            `json:"digest"`
				Annotations map[string]string `json:"annotations"`
			} `json:"manifests"`
		}
		must(t, json.Unmarshal(raw, &other))
		if last := other.Manifests[len(other.Manifests)-1]; last.Digest != evil.Digest || last.Annotations["org.opencontainers.image.ref.name"] != "v1" {
			t.Fatalf("%s: others read %+v", name, other)
		}
		_, err := open(t, l.Dir).Resolve(oci.Reference{Dir: l.Dir, Tag: "v1"})
		wantReason(t, name, err, oci.BadManifest)
	}
	l := pki.NewLayout(t, t.TempDir())
	m := l.Manifest(t, "a layer")
	m["annotations"] = map[string]string{"Size": "small", "Config": "none"} // names of the vendor's own
	l.Tag(t, l.JSON(t, oci.MediaTypeManifest, m), "v1")
	if _, err := open(t, l.Dir).Resolve(oci.Reference{Dir: l.Dir, Tag: "v1"}); err != nil {
		t.Error(err)
	}
}
