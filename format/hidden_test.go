package format

import (
	"archive/zip"
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"github.com/hallmark-pki/hallmark/test/corpora"
)

func zipped(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	_, err := w.Create("Evil.class")
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestHiddenInSlack: behind the end of a stream in its last sector there is room that
// belongs to nothing.
func TestHiddenInSlack(t *testing.T) {
	good := read(t, filepath.Join(corpora.Folder(t, "authenticode"), "jsign", "minimal.msi"))
	body, err := (msiFormat{}).read(bytes.NewReader(good), int64(len(good)))
	if err != nil {
		t.Fatal(err)
	}
	// Longer than what goes into the mini stream: its last sector ends the file.
	signature := append([]byte("\x30\x82\x10\x60"), make([]byte, 0x1060)...)
	signed, err := embedded(t, body, signature)
	if err != nil {
		t.Fatal(err)
	}
	hide := func(b []byte) []byte { copy(b[len(b)-len(zipped(t)):], zipped(t)); return b }
	if _, err := zip.NewReader(bytes.NewReader(hide(bytes.Clone(signed))), int64(len(signed))); err != nil {
		t.Fatal(err)
	}
	checkDamages(t, msiFormat{}, signed, []damage{{"an archive in the slack", UnsignedEntry, hide}})
}
