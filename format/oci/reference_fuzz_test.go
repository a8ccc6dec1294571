package oci_test

import (
	"testing"

	"github.com/hallmark-pki/hallmark/format/oci"
)

// FuzzReference: what is read is written as it was read, and names a folder.
func FuzzReference(f *testing.F) {
	for _, s := range []string{"", "dir", "dir:v1", "a:b/c", "dir@sha256:" + zeros, "dir:@", "@sha256:" + zeros, "dir@sha256:00", ":v1", "dir:\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := oci.ParseReference(s)
		if err != nil {
			return
		}
		if r.String() != s || r.Dir == "" || r.Tag != "" && r.Digest != "" {
			t.Fatalf("%q is read as %+v", s, r)
		}
	})
}

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

// FuzzPayload: what is read can be signed, and written again reads as the same.
func FuzzPayload(f *testing.F) {
	for _, s := range []string{
		`{"targetArtifact":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:` + zeros + `","size":2}}`,
		`{"targetArtifact":{"mediaType":"a","digest":"sha256:00","size":-1}}`, `{"targetArtifact":{},"targetArtifact":{}}`, `{}`, `[]`, "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := oci.ParsePayload(raw)
		if err != nil {
			return
		}
		again, err := oci.Payload(d)
		if err != nil {
			t.Fatal(err)
		}
		if d2, err := oci.ParsePayload(again); err != nil || d2 != d {
			t.Fatalf("%+v, %v, was %+v", d2, err, d)
		}
	})
}
