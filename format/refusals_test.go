package format

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/test/corpora"
	"github.com/hallmark-pki/hallmark/test/sample"
)

// damage takes a good file and breaks one thing.
type damage struct {
	name string
	want Reason
	do   func(b []byte) []byte
}

func put16(at int, v uint16) func([]byte) []byte {
	return func(b []byte) []byte { binary.LittleEndian.PutUint16(b[at:], v); return b }
}

func put32(at int, v uint32) func([]byte) []byte {
	return func(b []byte) []byte { binary.LittleEndian.PutUint32(b[at:], v); return b }
}

func checkDamages(t *testing.T, c container, good []byte, damages []damage) {
	t.Helper()
	judge := func(b []byte) error {
		read, err := c.read(bytes.NewReader(b), int64(len(b)))
		if err == nil {
			_, err = read.signature()
		}
		if err == nil {
			_, err = read.digest()
		}
		return err
	}
	if err := judge(good); err != nil {
		t.Fatal(err)
	}
	for _, d := range damages {
		if err := judge(d.do(bytes.Clone(good))); !errors.Is(err, &Error{Reason: d.want}) {
			t.Errorf("%s: %v, want %s", d.name, err, d.want)
		}
	}
}

func signedSample(t *testing.T, c container, b []byte) []byte {
	t.Helper()
	read, err := c.read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := embedded(t, read, []byte("\x30\x0asignature!"))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestDamagedPrograms(t *testing.T) {
	good := sample.Program([]byte("payload"))
	const optional, directory, section = 88, 88 + 128, 88 + 224
	checkDamages(t, peFormat{}, good, []damage{
		{"PE header in the DOS header", BadHeader, put32(0x3c, 8)},
		{"PE header behind the end", Truncated, put32(0x3c, 0xffff)},
		{"no optional header", BadHeader, put16(84, 0)},
		{"short optional header", BadHeader, put16(84, 100)},
		{"unknown optional header", BadHeader, put16(optional, 0x107)},
		{"few data directories", BadHeader, put32(optional+92, 4)},
		{"section behind the end", Truncated, put32(section+20, 0x10000)},
		{"more sections than there is file", Truncated, put16(70, 0xffff)},
		{"certificate table without a place", BadHeader, put32(directory+4, 16)},
		{"certificate table without a size", BadHeader, put32(directory, 8)},
		{"certificate table behind the end", Truncated, func(b []byte) []byte { return put32(directory+4, 1<<20)(put32(directory, 0x200)(b)) }},
		{"certificate table in the headers", BadHeader, func(b []byte) []byte {
			b = put32(directory+4, uint32(len(b)-128))(put32(directory, 128)(b))
			return put16(134, pePKCS7)(put16(132, peRevision)(put32(128, uint32(len(b)-128))(b)))
		}},
	})
	signed := signedSample(t, peFormat{}, good)
	at := len(good)
	checkDamages(t, peFormat{}, signed, []damage{
		{"certificate table not on eight bytes", SignatureHeader, func(b []byte) []byte {
			return put32(directory+4, uint32(len(b)-at+4))(put32(directory, uint32(at-4))(b))
		}},
		{"no certificate", SignatureEmpty, put32(at, 8)},
		{"certificate larger than its table", Truncated, put32(at, 0x1000)},
		{"revision 1", SignatureHeader, put16(at+4, 0x100)},
		{"no DER", SignatureHeader, put16(at+8, 0)},
		{"padding that is not zero", BytesAfterSignature, func(b []byte) []byte { b[len(b)-1] = 1; return b }},
		{"too large", SignatureTooLarge, func(b []byte) []byte {
			b = append(b, make([]byte, MaxSignatureBytes+8)...)
			return put32(directory+4, uint32(len(b)-at))(b)
		}},
	})
}

func TestDamagedCabinets(t *testing.T) {
	good := sample.Cabinet([]byte("payload"))
	checkDamages(t, cabFormat{}, good, []damage{
		{"other magic", BadHeader, put32(0, 0)},
		{"reserved", BadHeader, put32(4, 1)},
		{"version 1.4", BadHeader, put16(24, 0x104)},
		{"next cabinet", BadHeader, put16(30, 2)},
		{"number", BadHeader, put16(34, 1)},
		{"larger than the file", Truncated, put32(8, 1000)},
		{"smaller than the file", TrailingBytes, put32(8, 60)},
		{"files before the folders", BadHeader, put32(16, 40)},
		{"more folders than file", Truncated, put16(26, 0xffff)},
		{"somebody else's reserved area", SignatureHeader, put16(30, 4)},
		{"no room", TooLarge, put32(36, 0xfffffff0)},
	})
	signed := signedSample(t, cabFormat{}, good)
	checkDamages(t, cabFormat{}, signed, []damage{
		{"no signature", SignatureEmpty, put32(48, 0)},
		{"signature too large", SignatureTooLarge, put32(48, 2*MaxSignatureBytes)},
		{"signature behind the end", Truncated, put32(48, 1000)},
		{"signature elsewhere", SignatureHeader, put32(44, 80)},
		{"area of another size", SignatureHeader, put16(36, 24)},
		{"padding that is not zero", BytesAfterSignature, func(b []byte) []byte { b[len(b)-1] = 1; return b }},
	})
}

func TestDamagedPackages(t *testing.T) {
	good := read(t, filepath.Join(corpora.Folder(t, "authenticode"), "jsign", "minimal.msi"))
	sector := func(n uint32) int { return int(n+1) << 12 }
	word := func(at int) uint32 { return binary.LittleEndian.Uint32(good[at:]) }
	directory, table := sector(word(48)), sector(word(76))
	checkDamages(t, msiFormat{}, good, []damage{
		{"version 5", BadHeader, put16(26, 5)},
		{"sectors of another size", BadHeader, put16(30, 9)},
		{"mini sectors of another size", BadHeader, put16(32, 7)},
		{"sector table larger than the file", Truncated, put32(44, 1000)},
		{"sector table of which nothing tells where", Truncated, put32(44, 2)},
		{"directory that runs in a circle", BadHeader, func(b []byte) []byte { return put32(table+4*int(word(48)), word(48))(b) }},
		{"directory behind the end", Truncated, put32(48, 1000)},
		{"no root", BadHeader, func(b []byte) []byte { b[directory+66] = 2; return b }},
		{"tree that runs in a circle", BadHeader, func(b []byte) []byte { return put32(directory+cfEntryBytes+68, 1)(put32(directory+76, 1)(b)) }},
		{"entry that is not there", BadHeader, put32(directory+76, 1<<20)},
		{"name without an end", BadHeader, put16(directory+cfEntryBytes+64, 63)},
		{"sector in use that the file does not have", Truncated, put32(table+4*1000, 0xfffffffe)},
		{"mini stream too short", Truncated, put32(directory+120, 1<<20)},
		{"mini table of another size", BadHeader, put32(64, 2)},
	})
	signed := signedSample(t, msiFormat{}, good)
	checkDamages(t, msiFormat{}, signed, []damage{
		{"sector appended", BytesAfterSignature, func(b []byte) []byte { return append(b, make([]byte, 1<<12)...) }},
	})
	_, err := (msiFormat{}).read(bytes.NewReader(good), maxCompoundBytes+1)
	wantReason(t, err, TooLarge)
}

func TestDamagedArchives(t *testing.T) {
	good := sample.Archive([]byte("payload"))
	end := len(good) - 22
	manifest := func(text string) func([]byte) []byte {
		return func([]byte) []byte { return makeJAR(t, entryOf{manifestName, text}, entryOf{"a", "a"}) }
	}
	with := func(e ...entryOf) func([]byte) []byte {
		return func([]byte) []byte {
			return makeJAR(t, append([]entryOf{{manifestName, "Manifest-Version: 1.0\r\n"}}, e...)...)
		}
	}
	checkDamages(t, jarFormat{}, good, []damage{
		{"no end", Truncated, func(b []byte) []byte { return b[:end] }},
		{"something behind", BytesAfterSignature, func(b []byte) []byte { return append(b, 0) }},
		{"something in front", BadHeader, func(b []byte) []byte { return append([]byte("#!/bin/sh\n"), b...) }},
		{"one of several", BadHeader, put16(end+4, 1)},
		{"ZIP64", TooLarge, func(b []byte) []byte { return put16(end+10, 0xffff)(put16(end+8, 0xffff)(b)) }},
		{"fewer entries than said", BadHeader, func(b []byte) []byte { return put16(end+10, 3)(put16(end+8, 3)(b)) }},
		{"no manifest", BadHeader, func([]byte) []byte { return makeJAR(t, entryOf{"a", "a"}) }},
		{"content changed", BadHeader, func(b []byte) []byte { b[bytes.Index(b, []byte("hello.txt"))+12] ^= 1; return b }},
		{"manifest that is none", BadHeader, manifest("Name: a\r\n")},
		{"empty manifest", BadHeader, manifest("")},
		{"manifest with a line of nothing", BadHeader, manifest("Manifest-Version: 1.0\r\nx\r\n")},
		{"manifest that begins with a continued line", BadHeader, manifest(" x\r\n")},
		{"manifest with an attribute twice", BadHeader, manifest("Manifest-Version: 1.0\r\nA: 1\r\na: 2\r\n")},
		{"manifest with a section twice", BadHeader, manifest("Manifest-Version: 1.0\r\n\r\nName: a\r\n\r\nName: a\r\n")},
		{"manifest section without a name", BadHeader, manifest("Manifest-Version: 1.0\r\n\r\nX: a\r\n")},
		{"manifest with a NUL", BadHeader, manifest("Manifest-Version: 1.0\x00\r\n")},
		{"manifest that is not UTF-8", BadHeader, manifest("Manifest-Version: 1.0\r\nA: \xff\r\n")},
		{"manifest with a long line", BadHeader, manifest("Manifest-Version: 1.0\r\nA: " + strings.Repeat("x", 1000) + "\r\n")},
		{"manifest with too many attributes", BadHeader, manifest("Manifest-Version: 1.0\r\n" + strings.Repeat("A", 1) + manyAttributes())},
		{"manifest with another digest", ContentMismatch, manifest("Manifest-Version: 1.0\r\n\r\nName: a\r\nSHA-256-Digest: x\r\n")},
		{"manifest with an entry that is not there", ContentMismatch, manifest("Manifest-Version: 1.0\r\n\r\nName: b\r\nSHA-256-Digest: x\r\n")},
		{"entry twice", BadHeader, with(entryOf{"a", "a"}, entryOf{"a", "b"})},
		{"entry with a line break in its name", BadHeader, with(entryOf{"a\nb", "a"})},
		{"signed by somebody else", ForeignSignature, with(entryOf{metaInf + "OTHER.SF", "x"})},
		{"half a signature", SignatureHeader, with(entryOf{jarSigner + ".SF", "x"})},
		{"empty signature", SignatureEmpty, with(entryOf{jarSigner + ".SF", "x"}, entryOf{jarSigner + ".EC", ""})},
		{"two blocks", TwoSignatures, with(entryOf{jarSigner + ".EC", "x"}, entryOf{jarSigner + ".RSA", "x"})},
		{"signature too large", SignatureTooLarge, with(entryOf{jarSigner + ".SF", "x"}, entryOf{jarSigner + ".EC", strings.Repeat("x", MaxSignatureBytes+1)})},
	})
}

func manyAttributes() string {
	var b strings.Builder
	for i := range maxManifestAttributes {
		b.WriteString("-" + strings.Repeat("a", i%60) + "-" + string(rune('a'+i/60)) + ": x\r\nA")
	}
	return b.String() + ": x\r\n"
}

// TestChangedMeanwhile: a file that is not the one whose digest went to the service any
// more gets no signature, and stays as it is.
func TestChangedMeanwhile(t *testing.T) {
	for kind, make := range map[Kind]func([]byte) []byte{PE: sample.Program, CAB: sample.Cabinet, JAR: sample.Archive} {
		path := filepath.Join(t.TempDir(), "file")
		write(t, path, string(make([]byte("as it was built"))))
		f, err := Detect(Files(), path)
		if err != nil || f.Kind() != kind {
			t.Fatalf("%v, %v", f, err)
		}
		digests := digestsOf(t, f, path)
		changed := string(make([]byte("as it was altered")))
		write(t, path, changed)
		_, err = f.Attach(path, []byte("\x30\x03sig"), Options{Digest: digests.Signed})
		wantReason(t, err, Changed)
		left, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(left) != 1 || string(read(t, path)) != changed {
			t.Errorf("%s: left %v, %v", kind, left, err)
		}
		// And one that changes while it is open.
		file, err := f.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, changed+"more")
		_, err = file.(*File).Attach([]byte("\x30\x03sig"), Options{})
		wantReason(t, err, Changed)
		file.Close()
		if string(read(t, path)) != changed+"more" {
			t.Errorf("%s: the file was touched", kind)
		}
	}
}

// TestBadEmbedder: what an embedder wrote is read again before it counts.
func TestBadEmbedder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	good := sample.Program([]byte("payload"))
	write(t, path, string(good))
	for name, b := range map[string]body{
		"another file":      liar{writes: signedSample(t, peFormat{}, sample.Program([]byte("another")))},
		"another signature": liar{writes: signedSample(t, peFormat{}, good)},
		"no signature":      liar{writes: good},
		"rubbish":           liar{writes: []byte("MZ")},
	} {
		f := open(t, path)
		d, err := f.Digests()
		if err != nil {
			t.Fatal(err)
		}
		l := b.(liar)
		l.is = d.Signed
		f.body = l
		if _, err := f.Attach([]byte("\x30\x03sig"), Options{}); err == nil {
			t.Errorf("%s: attached", name)
		}
		if sha256.Sum256(read(t, path)) != sha256.Sum256(good) {
			t.Fatalf("%s: the file was touched", name)
		}
	}
}

// liar writes something else than it should.
type liar struct {
	is     [32]byte
	writes []byte
}

func (l liar) digest() ([32]byte, error)  { return l.is, nil }
func (l liar) signature() ([]byte, error) { return nil, nil }
func (l liar) write(dst *os.File, _ []byte) error {
	_, err := dst.Write(l.writes)
	return err
}
