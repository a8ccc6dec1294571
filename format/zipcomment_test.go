package format

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"testing"
)

// otherDirectory is a local entry, a directory with it, and the records by which readers of
// archives of more than 4 GiB find that, for a place in a file.
func otherDirectory(t *testing.T, at int) []byte {
	t.Helper()
	inner := zipped(t)
	end := inner[len(inner)-zipEndBytes:]
	length, offset := binary.LittleEndian.Uint32(end[12:]), binary.LittleEndian.Uint32(end[16:])
	out := inner[:len(inner)-zipEndBytes]
	binary.LittleEndian.PutUint32(out[offset+42:], uint32(at))
	record := at + len(out)
	out = binary.LittleEndian.AppendUint64(append(out, "PK\x06\x06"...), 44)
	out = append(out, 45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	for _, n := range []uint64{1, 1, uint64(length), uint64(at) + uint64(offset)} {
		out = binary.LittleEndian.AppendUint64(out, n)
	}
	out = binary.LittleEndian.AppendUint64(append(out, "PK\x06\x07\x00\x00\x00\x00"...), uint64(record))
	return append(out, 1, 0, 0, 0)
}

// commented puts a comment to the last entry of an archive's directory.
func commented(b []byte, comment []byte) []byte {
	end := len(b) - zipEndBytes
	last := bytes.LastIndex(b, []byte(zipCentral))
	out := append(bytes.Clone(b[:end]), comment...)
	binary.LittleEndian.PutUint16(out[last+32:], uint16(len(comment)))
	tail := bytes.Clone(b[end:])
	binary.LittleEndian.PutUint32(tail[12:], binary.LittleEndian.Uint32(tail[12:])+uint32(len(comment)))
	return append(out, tail...)
}

// TestComments: nothing signs an entry's comment, and behind the last one readers look for
// the directory of an archive of more than 4 GiB. Python takes that before any other.
func TestComments(t *testing.T) {
	signed := signedSample(t, jarFormat{}, plainJAR(t))
	checkDamages(t, jarFormat{}, signed, []damage{
		{"a comment", UnsignedEntry, func(b []byte) []byte { return commented(b, []byte("hello")) }},
		{"another directory", BadHeader, func(b []byte) []byte { return commented(b, otherDirectory(t, len(b)-zipEndBytes)) }},
		{"another directory in an extra field", BadHeader, func(b []byte) []byte {
			end, last := len(b)-zipEndBytes, bytes.LastIndex(b, []byte(zipCentral))
			field := []byte{0xfe, 0xca, 0, 0}
			other := otherDirectory(t, end+len(field))
			binary.LittleEndian.PutUint16(field[2:], uint16(len(other)))
			out := commented(b, append(field, other...))
			copy(out[last+30:], out[last+32:last+34])
			return put16(last+32, 0)(out)
		}},
		{"another file in an extra field", UnsignedEntry, func(b []byte) []byte {
			last := bytes.LastIndex(b, []byte(zipCentral))
			out := commented(b, []byte("\xfe\xca\x07\x00Rar!\x1a\x07\x00"))
			copy(out[last+30:], out[last+32:last+34])
			return put16(last+32, 0)(out)
		}},
	})
}

func plainJAR(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, e := range [][2]string{{manifestName, "Manifest-Version: 1.0\r\n\r\n"}, {"a.txt", "content"}} {
		f, err := w.Create(e[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(e[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestCommentsAreLeftOut: an archive with comments can be signed, and has none then.
func TestCommentsAreLeftOut(t *testing.T) {
	signed := signedSample(t, jarFormat{}, commented(plainJAR(t), []byte("hello")))
	checkDamages(t, jarFormat{}, signed, nil)
	if bytes.Contains(signed, []byte("hello")) {
		t.Error("the comment stayed")
	}
}

// TestLocalSizes: an entry whose sizes stand behind it may have them in front as well, but
// no others: some readers from the front go by them.
func TestLocalSizes(t *testing.T) {
	signed := signedSample(t, jarFormat{}, plainJAR(t))
	name := bytes.LastIndex(signed, []byte(zipLocal)) + zipLocalBytes
	size := binary.LittleEndian.Uint32(signed[bytes.LastIndex(signed, []byte(zipDescriptor))+8:])
	checkDamages(t, jarFormat{}, put32(name-12, size)(bytes.Clone(signed)), nil)
	checkDamages(t, jarFormat{}, signed, []damage{
		{"packed size", BadHeader, put32(name-12, size-1)},
		{"size", BadHeader, put32(name-8, 1)},
		{"checksum", BadHeader, put32(name-16, 1)},
	})
}

// TestEntryThatIsNoFile: nothing signs what kind of file an entry is said to be. Of a link
// the content is where it leads.
func TestEntryThatIsNoFile(t *testing.T) {
	signed := signedSample(t, jarFormat{}, plainJAR(t))
	last := bytes.LastIndex(signed, []byte(zipCentral))
	unix := func(mode uint32) func([]byte) []byte {
		return func(b []byte) []byte { return put32(last+38, mode<<16)(put16(last+4, 3<<8|20)(b)) }
	}
	checkDamages(t, jarFormat{}, unix(0o100644)(bytes.Clone(signed)), nil)
	checkDamages(t, jarFormat{}, signed, []damage{
		{"link", BadHeader, unix(0o120777)},
		{"folder", BadHeader, unix(0o040755)},
		{"folder of DOS", BadHeader, put32(last+38, 0x10)},
		{"device", BadHeader, unix(0o020666)},
	})
}

// TestFolderElsewhere: folders are not signed, so that anybody can add some; where one leads
// out of the place that an archive is unpacked to, it is made there.
func TestFolderElsewhere(t *testing.T) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range []string{manifestName, "aa/x/"} {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if name == manifestName {
			if _, err := f.Write([]byte("Manifest-Version: 1.0\r\n\r\n")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	signed := signedSample(t, jarFormat{}, out.Bytes())
	named := func(name string) func([]byte) []byte {
		return func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("aa/x/"), []byte(name)) }
	}
	checkDamages(t, jarFormat{}, named("bb/x/")(bytes.Clone(signed)), nil)
	checkDamages(t, jarFormat{}, signed, []damage{
		{"above", UnsignedEntry, named("../x/")}, {"absolute", UnsignedEntry, named("/a/x/")}, {"backslashes", UnsignedEntry, named("..\\x/")},
	})
}
