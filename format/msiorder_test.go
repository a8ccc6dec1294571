package format

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hallmark-pki/hallmark/test/corpora"
)

// TestOtherReadingOfPackages: the digest covers what is in the tree of names, in whatever
// order it stands. Who looks for a name goes by the order, and does not find what stands in
// the wrong place: with that, a table could be taken out of a signed package.
func TestOtherReadingOfPackages(t *testing.T) {
	good := read(t, filepath.Join(corpora.Folder(t, "authenticode"), "jsign", "minimal.msi"))
	signed := signedSample(t, msiFormat{}, good)
	c, err := readCompound(bytes.NewReader(signed), int64(len(signed)))
	if err != nil {
		t.Fatal(err)
	}
	entry := func(fits func(e *cfEntry) bool) int { // where in the file an entry begins
		i := slices.IndexFunc(c.entries, func(e cfEntry) bool { return fits(&e) })
		if i < 0 {
			t.Fatal("no such entry")
		}
		return bytes.Index(signed, c.entries[i][:])
	}
	inner := entry(func(e *cfEntry) bool { return e.kind() == cfStream && e.left() != cfFree && e.right() != cfFree })
	outer := entry(func(e *cfEntry) bool { return e.kind() == cfStream && e.left() != cfFree && e.right() == cfFree })
	stream := entry(func(e *cfEntry) bool { return e.kind() == cfStream && e.nameBytes() > 20 && e.streamLen() > 0 })
	free := func(b []byte, at int) { binary.LittleEndian.PutUint32(b[at:], cfFree) }
	checkDamages(t, msiFormat{}, signed, []damage{
		{"left for right", BadHeader, func(b []byte) []byte {
			left := bytes.Clone(b[inner+68 : inner+72])
			copy(b[inner+68:], b[inner+72:inner+76])
			copy(b[inner+72:], left)
			return b
		}},
		{"the other side", BadHeader, func(b []byte) []byte {
			copy(b[outer+72:], b[outer+68:outer+72])
			free(b, outer+68)
			return b
		}},
		{"a NUL in a name", BadHeader, func(b []byte) []byte { clear(b[stream+4 : stream+6]); return b }},
		{"4 GiB more", BadHeader, func(b []byte) []byte { b[stream+124] = 1; return b }},
	})
}
