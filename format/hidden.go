package format

import (
	"bytes"
	"encoding/binary"
	"io"
)

// checkHidden refuses a file in which, between an offset and its end, a ZIP reader would
// find an archive. Such readers begin at a file's end, where most signatures are, and a signature
// has room that nobody signed: certificates that nothing leads to, what is stapled, a
// timestamp's own certificates. A signed package with an archive there would be another
// file as soon as it is called file.jar. isSigned tells which offsets are to be left out:
// what the signer packed is the signer's.
//
// Four bytes are there by chance in one of some hundred thousand signatures; so where the
// record says that the archive's directory is, there must be one.
func checkHidden(r io.ReaderAt, from, to int64, isSigned func(at int64) bool) error {
	from = max(from, to-zipEndBytes-zipMaxComment) // further from the end nobody looks
	b, err := readPart(r, from, to-from, to)
	if err != nil {
		return err
	}
	for next := 0; ; {
		i := bytes.Index(b[next:], []byte(zipEnd))
		if i < 0 || len(b)-next-i < zipEndBytes {
			return nil
		}
		i, next = next+i, next+i+len(zipEnd)
		at := from + int64(i)
		length, offset := int64(binary.LittleEndian.Uint32(b[i+12:])), int64(binary.LittleEndian.Uint32(b[i+16:]))
		// Readers go by the directory's length, by its offset, or by what stands before the
		// record, which is for archives of more than 4 GiB and has its own length and offset.
		isArchive := begins(r, at-length, zipCentral) || begins(r, offset, zipCentral) || begins(r, at-zip64Locator, zip64LocatorMagic)
		if isArchive && !isSigned(at) {
			return refuse(UnsignedEntry, at, "an archive in what nobody signed")
		}
	}
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
