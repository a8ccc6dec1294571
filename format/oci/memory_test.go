package oci_test

import (
	"bytes"
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
