package format

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"path/filepath"
	"slices"
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

// withFreeSector moves the first sector of a stream to the end of a package, and returns
// where it was: it belongs to nothing now.
func withFreeSector(t *testing.T, b []byte) (moved []byte, from, to int) {
	t.Helper()
	c, err := readCompound(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(c.entries, func(e cfEntry) bool { return e.kind() == cfStream && e.streamLen() >= cfMiniCutoff })
	if i < 0 {
		t.Fatal("no stream with sectors of its own")
	}
	e, last := &c.entries[i], uint32(len(b)>>c.shift-1)
	from, to = int(c.offset(e.start())), int(c.offset(e.start()+1))
	b = append(bytes.Clone(b), b[from:to]...)
	table := int(c.offset(binary.LittleEndian.Uint32(b[76:])))
	put32(table+4*int(last), c.fat[e.start()])(b)
	put32(table+4*int(e.start()), cfFree)(b)
	put32(bytes.Index(b, e[:])+116, last)(b)
	clear(b[from:to])
	return b, from, to
}

// TestHiddenInFreeSector: what nobody signed is looked through wherever it stands; what an
// earlier version of a package has left there is cleared when the package is signed.
func TestHiddenInFreeSector(t *testing.T) {
	const thing = "Rar!\x1a\x07"
	good := read(t, filepath.Join(corpora.Folder(t, "authenticode"), "relic", "dummy.msi"))
	signed, from, _ := withFreeSector(t, signedSample(t, msiFormat{}, good))
	checkDamages(t, msiFormat{}, signed, []damage{{"in a sector that belongs to nothing", UnsignedEntry, func(b []byte) []byte {
		copy(b[from+100:], thing)
		return b
	}}})
	old, from, to := withFreeSector(t, good)
	copy(old[from:to], thing)
	signed = signedSample(t, msiFormat{}, old)
	if bytes.Contains(signed, []byte(thing)) {
		t.Error("what was left over stayed")
	}
	checkDamages(t, msiFormat{}, signed, nil)
}
