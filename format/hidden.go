package format

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"io"
	"slices"
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

// checkHidden refuses a file of size bytes in which, from one offset to another, another
// program would find another file. Most signatures are at a file's end, and have room that
// nobody signed: certificates that nothing leads to, what is stapled, a timestamp's own
// certificates. A signed package with an archive there would be another file as soon as it
// is called file.jar.
func checkHidden(r io.ReaderAt, from, to, size int64) error {
	return checkMarks(r, from, to, size, marks())
}

func checkMarks(r io.ReaderAt, from, to, size int64, marks []mark) error {
	const more = cabHeaderBytes // of what begins at the end
	for ; from < to; from += hiddenStep {
		end := min(from+hiddenStep, to)
		b, err := readPart(r, from, min(end+more, size)-from, size)
		if err != nil {
			return err
		}
		for _, m := range marks {
			if i := m.find(r, b, from, size); i >= 0 && from+int64(i) < end {
				return refuse(UnsignedEntry, from+int64(i), "another file, %q, in what nobody signed", m.magic)
			}
		}
	}
	return nil
}

// find returns where in b, which stands at an offset of the file, a mark is first, or -1.
func (m mark) find(r io.ReaderAt, b []byte, from, size int64) int {
	for at := 0; ; at += len(m.magic) {
		i := bytes.Index(b[at:], []byte(m.magic))
		if i < 0 {
			return -1
		}
		if at += i; m.is == nil || m.is(r, from+int64(at), b[at:], size) {
			return at
		}
	}
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

// begins reports whether something stands at an offset.
func begins(r io.ReaderAt, at int64, magic string) bool {
	b := make([]byte, len(magic))
	return at >= 0 && readFullAt(r, b, at) == nil && string(b) == magic
}

// spans are the parts of a file that are signed, where they are many.
type spans [][2]int64

// add takes one in; those that stand in a row become one.
func (s *spans) add(from, to int64) error {
	if n := len(*s); n > 0 && (*s)[n-1][1] == from {
		(*s)[n-1][1] = to
		return nil
	}
	if len(*s) == maxSpans {
		return refuse(TooManyMembers, from, "streams in more than %d pieces", maxSpans)
	}
	*s = append(*s, [2]int64{from, to})
	return nil
}

// checkBetween is checkHidden for what they leave of a file.
func (s spans) checkBetween(r io.ReaderAt, size int64, marks []mark) error {
	slices.SortFunc(s, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	at := int64(0)
	for _, p := range append(s, [2]int64{size, size}) {
		if err := checkMarks(r, at, p[0], size, marks); err != nil {
			return err
		}
		at = p[1]
	}
	return nil
}
