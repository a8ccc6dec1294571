package format

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"path/filepath"
	"testing"
)

// descriptorOf is what follows an entry whose sizes were not known in front.
func descriptorOf(crc uint32, packed, plain int) []byte {
	b := binary.LittleEndian.AppendUint32([]byte("PK\x07\x08"), crc)
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, uint32(packed)), uint32(plain))
}

// hidden is the content of an entry, deflated, and behind it an entry that the directory
// does not have: a reader from the front finds it where the deflated data ends. Its
// content is the descriptor of the first one.
func hidden(t testing.TB, content, name string) (packed []byte) {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write([]byte(content))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	crc := crc32.ChecksumIEEE([]byte(content))
	out.Write(descriptorOf(crc, out.Len(), len(content)))
	total := out.Len() + zipLocalBytes + len(name)
	inner := descriptorOf(crc, total, len(content))
	local := append([]byte(zipLocal), 20, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	for _, n := range []int{int(crc32.ChecksumIEEE(inner)), len(inner), len(inner), len(name)} {
		local = binary.LittleEndian.AppendUint32(local, uint32(n))
	}
	out.Write(append(local, name...))
	return out.Bytes()
}

func jarWith(t testing.TB, name, content string, packed []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	m, err := w.Create(manifestName)
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Write([]byte("Manifest-Version: 1.0\n\n"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := w.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Deflate, Flags: zipHasDescriptor, CRC32: crc32.ChecksumIEEE([]byte(content)),
		CompressedSize64: uint64(len(packed)), UncompressedSize64: uint64(len(content))})
	if err != nil {
		t.Fatal(err)
	}
	_, err = raw.Write(packed)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestHiddenEntry: readers from the front and from the back must see the same entries.
func TestHiddenEntry(t *testing.T) {
	digest := func(jar []byte) error {
		path := filepath.Join(t.TempDir(), "file.jar")
		write(t, path, string(jar))
		f, err := Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.Digests()
		return err
	}
	file := hidden(t, "content", "Hidden.class")
	for name, jar := range map[string][]byte{
		"behind a file":   jarWith(t, "a.txt", "content", file),
		"behind a folder": bytes.ReplaceAll(jarWith(t, "folder_", "", hidden(t, "", "Hidden.class")), []byte("folder_"), []byte("folder/")),
	} {
		if err := digest(jar); !errors.Is(err, &Error{Reason: BadHeader}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	plain := file[:bytes.Index(file, []byte("PK\x07\x08"))]
	good := jarWith(t, "a.txt", "content", plain)
	if err := digest(good); err != nil {
		t.Error(err)
	}
	at := bytes.LastIndex(good, []byte("PK\x07\x08"))
	for i := range zipDescriptorSize + 4 {
		bad := bytes.Clone(good)
		bad[at+i]++
		if err := digest(bad); !errors.Is(err, &Error{Reason: BadHeader}) {
			t.Errorf("byte %d of a descriptor: %v", i, err)
		}
	}
}

// TestSecondName: an extra field of an entry, which no signature covers, must not name it
// another way: some tools unpack it under that name.
func TestSecondName(t *testing.T) {
	field := func(id uint16, name string) []byte {
		b := binary.LittleEndian.AppendUint16(nil, id)
		b = binary.LittleEndian.AppendUint16(b, uint16(5+len(name)))
		b = binary.LittleEndian.AppendUint32(append(b, 1), crc32.ChecksumIEEE([]byte("a.txt")))
		return append(b, name...)
	}
	other, same, unknown := field(zipUnicodePath, "../x"), field(zipUnicodePath, "a.txt"), field(0x5455, "../x")
	for _, c := range []struct {
		name           string
		local, central []byte
		good           bool
	}{
		{"of another kind", unknown, unknown, true},
		{"the same name", same, same, true},
		{"in both places", other, other, false},
		{"behind another", append(bytes.Clone(unknown), other...), append(bytes.Clone(unknown), unknown...), false},
		{"in the local header", other, unknown, false},
		{"in the directory", unknown, other, false},
	} {
		var out bytes.Buffer
		w := zip.NewWriter(&out)
		m, err := w.Create(manifestName)
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.Write([]byte("Manifest-Version: 1.0\n\n"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.CreateRaw(&zip.FileHeader{Name: "a.txt", Extra: c.local})
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		jar := out.Bytes()
		copy(jar[bytes.LastIndex(jar, c.local):], c.central)
		_, err = readArchive(bytes.NewReader(jar), int64(len(jar)))
		if (err == nil) != c.good || err != nil && !errors.Is(err, &Error{Reason: BadHeader}) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
