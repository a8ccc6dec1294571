package format

import (
	"bytes"
	"encoding/binary"
	"io"
)

// mark is by what a program finds a file inside of another.
type mark struct {
	magic string
	is    func(r io.ReaderAt, at int64, rest []byte, size int64) bool // nil: it is long enough not to stand there by chance
}

// marks of files that programs look for: archives where they are handed one, and what
// installers and packed programs brought along where they look into themselves.
func marks() []mark {
	return []mark{
		{zipEnd, isArchiveEnd},                // Java, Python, launch4j: from the end
		{cabMagic, isCabinet},                 // cabextract: anywhere
		{"Rar!\x1a\x07", nil},                 // unrar: in the first MiB
		{"7z\xbc\xaf\x27\x1c", nil},           // 7-Zip: likewise
		{"MEI\x0c\x0b\x0a\x0b\x0e", nil},      // PyInstaller: from the end
		{"\x68\xd6\x99\x1c\x0a\x63\xc2", nil}, // Qt Installer Framework: from the end
	}
}

// checkHidden refuses a file in which, from an offset on, another program would find another
// file. Most signatures are at a file's end, and have room that nobody signed: certificates
// that nothing leads to, what is stapled, a timestamp's own certificates. A signed package
// with an archive there would be another file as soon as it is called file.jar. isSigned
// tells which offsets are to be left out: what the signer packed is the signer's.
func checkHidden(r io.ReaderAt, from, size int64, isSigned func(at int64) bool) error {
	b, err := readPart(r, from, size-from, size)
	if err != nil {
		return err
	}
	for _, m := range marks() {
		for at := 0; ; at += len(m.magic) {
			i := bytes.Index(b[at:], []byte(m.magic))
			if i < 0 {
				break
			}
			at += i
			place := from + int64(at)
			if (m.is == nil || m.is(r, place, b[at:], size)) && !isSigned(place) {
				return refuse(UnsignedEntry, place, "another file, %q, in what nobody signed", m.magic)
			}
		}
	}
	return nil
}

// isArchiveEnd reports whether a ZIP reader would take an end record for one. Four bytes are
// there by chance in one of some hundred thousand signatures; so where the record says that
// the archive's directory is, there must be one.
func isArchiveEnd(r io.ReaderAt, at int64, rest []byte, size int64) bool {
	if len(rest) < zipEndBytes || size-at > zipEndBytes+zipMaxComment {
		return false // further from the end nobody looks
	}
	length, offset := int64(binary.LittleEndian.Uint32(rest[12:])), int64(binary.LittleEndian.Uint32(rest[16:]))
	// Readers go by the directory's length, by its offset, or by what stands before the
	// record, which is for archives of more than 4 GiB and has its own length and offset.
	return begins(r, at-length, zipCentral) || begins(r, offset, zipCentral) || begins(r, at-zip64Locator, zip64LocatorMagic)
}

// isCabinet reports whether libmspack would take a place for the beginning of a cabinet.
func isCabinet(_ io.ReaderAt, at int64, rest []byte, size int64) bool {
	const slack = 32 // by which a cabinet may be longer than there is file
	if len(rest) < cabHeaderBytes {
		return false
	}
	length, files := int64(binary.LittleEndian.Uint32(rest[cabSizeAt:])), int64(binary.LittleEndian.Uint32(rest[cabFilesAt:]))
	return files < length && at+files < size+slack
}

// nowhere is for what is a signature and nothing else.
func nowhere(int64) bool { return false }

// begins reports whether something stands at an offset.
func begins(r io.ReaderAt, at int64, magic string) bool {
	b := make([]byte, len(magic))
	return at >= 0 && readFullAt(r, b, at) == nil && string(b) == magic
}

// spans are parts of a file, of which only what is behind an offset is kept.
type spans struct {
	from int64
	list [][2]int64
}

func (s *spans) add(from, to int64) {
	if to <= s.from {
		return
	}
	if n := len(s.list); n > 0 && s.list[n-1][1] == from {
		s.list[n-1][1] = to
		return
	}
	s.list = append(s.list, [2]int64{from, to})
}

func (s *spans) has(at int64) bool {
	for _, p := range s.list {
		if at >= p[0] && at < p[1] {
			return true
		}
	}
	return false
}
