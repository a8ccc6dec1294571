package format

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// archive is a ZIP file whose structure leaves no room for a second reading: from the
// first byte to the last it is local headers with their content in a row, the central
// directory, and its end. Java reads some archives from the front and others from the
// back; both must see the same entries.
type archive struct {
	r      io.ReaderAt
	files  []*zip.File // in the order of the central directory
	end    int64       // offset of the end of central directory record
	zipped int64       // offset of the central directory
	behind int64       // bytes after the end record's fixed part: the archive's comment
}

// ZIP's structures, PKWARE's APPNOTE.TXT §4.3.
const (
	zipLocal          = "PK\x03\x04"
	zipCentral        = "PK\x01\x02"
	zipEnd            = "PK\x05\x06"
	zipLocalBytes     = 30
	zipCentralBytes   = 46
	zipEndBytes       = 22
	zipHasDescriptor  = 1 << 3
	zipIsEncrypted    = 1 << 0
	zipMaxComment     = 1<<16 - 1
	zip64Entries      = 1<<16 - 1
	zip64Offset       = 1<<32 - 1
	zipDescriptorSize = 12 // without its optional magic
	zip64Locator      = 20 // bytes before the end record
	zip64LocatorMagic = "PK\x06\x07"
)

// readArchive checks a ZIP file of size bytes.
func readArchive(r io.ReaderAt, size int64) (*archive, error) {
	a := &archive{r: r}
	entries, err := a.readEnd(r, size)
	if err != nil {
		return nil, err
	}
	reader, err := zip.NewReader(r, size)
	if err != nil {
		var malformed *Error
		if errors.As(err, &malformed) {
			return nil, err
		}
		return nil, refuse(BadHeader, -1, "ZIP: %v", err)
	}
	reader.RegisterDecompressor(zip.Deflate, inflateAll)
	if len(reader.File) != entries {
		return nil, refuse(BadHeader, a.end, "%d entries, its end says %d", len(reader.File), entries)
	}
	a.files = reader.File
	parts, err := a.readDirectory(r)
	if err != nil {
		return nil, err
	}
	return a, a.checkRow(r, parts)
}

// readEnd finds the end of central directory record: the last one in the file, and what
// it says of itself must take it to the file's end.
func (a *archive) readEnd(r io.ReaderAt, size int64) (entries int, err error) {
	from := max(0, size-zipEndBytes-zipMaxComment)
	tail, err := readPart(r, from, size-from, size)
	if err != nil {
		return 0, err
	}
	i := bytes.LastIndex(tail, []byte(zipEnd))
	if i < 0 || len(tail)-i < zipEndBytes {
		return 0, refuse(Truncated, size, "ZIP: no end of central directory")
	}
	e := tail[i:]
	a.end, a.behind = from+int64(i), int64(len(e)-zipEndBytes)
	entries = int(binary.LittleEndian.Uint16(e[10:]))
	length, offset := int64(binary.LittleEndian.Uint32(e[12:])), int64(binary.LittleEndian.Uint32(e[16:]))
	switch {
	case int64(binary.LittleEndian.Uint16(e[20:])) != a.behind:
		return 0, refuse(BytesAfterSignature, a.end, "%d bytes after the end of the archive", a.behind)
	case binary.LittleEndian.Uint32(e[4:]) != 0 || int(binary.LittleEndian.Uint16(e[8:])) != entries:
		return 0, refuse(BadHeader, a.end, "one of several archives")
	case entries == zip64Entries || offset == zip64Offset || length == zip64Offset:
		return 0, refuse(TooLarge, a.end, "ZIP64: at most %d entries and 4 GiB are read", zip64Entries-1)
	case offset+length != a.end:
		return 0, refuse(BadHeader, a.end, "central directory of %d bytes at byte %d, its end is at %d", length, offset, a.end)
	}
	if begins(r, a.end-zip64Locator, zip64LocatorMagic) {
		// In an entry's extra field or comment. Some readers go by it before anything else.
		return 0, refuse(BadHeader, a.end-zip64Locator, "ZIP64: a second directory is named")
	}
	if length > maxZIPDirectory {
		return 0, refuse(TooLarge, offset, "central directory of %d bytes, at most %d", length, maxZIPDirectory)
	}
	a.zipped = offset
	return entries, nil
}

// zipPart is where one entry lies in the file.
type zipPart struct {
	file   *zip.File
	offset int64 // of the local header
}

// readDirectory walks the central directory and finds where each entry's local header is.
func (a *archive) readDirectory(r io.ReaderAt) ([]zipPart, error) {
	directory, err := readPart(r, a.zipped, a.end-a.zipped, a.end)
	if err != nil {
		return nil, err
	}
	var parts []zipPart
	for _, f := range a.files {
		if len(directory) < zipCentralBytes || string(directory[:4]) != zipCentral {
			return nil, refuse(BadHeader, a.zipped, "central directory")
		}
		n, m, k := int(binary.LittleEndian.Uint16(directory[28:])), int(binary.LittleEndian.Uint16(directory[30:])), int(binary.LittleEndian.Uint16(directory[32:]))
		if len(directory) < zipCentralBytes+n+m+k || string(directory[zipCentralBytes:zipCentralBytes+n]) != f.Name {
			return nil, refuse(BadHeader, a.zipped, "central directory, at %.64q", f.Name)
		}
		parts = append(parts, zipPart{f, int64(binary.LittleEndian.Uint32(directory[42:]))})
		directory = directory[zipCentralBytes+n+m+k:]
	}
	if len(directory) > 0 {
		return nil, refuse(BadHeader, a.end, "%d bytes in the central directory after its last entry", len(directory))
	}
	return parts, nil
}

// checkRow demands that the entries stand one behind the other, and that each local
// header says what the central directory says.
func (a *archive) checkRow(r io.ReaderAt, parts []zipPart) error {
	slices.SortFunc(parts, func(x, y zipPart) int { return int(x.offset - y.offset) })
	at, names := int64(0), map[string]bool{}
	for i, p := range parts {
		if p.offset != at {
			return refuse(TrailingBytes, at, "ZIP: entry %.64q begins at byte %d", p.file.Name, p.offset)
		}
		if names[p.file.Name] {
			return refuse(BadHeader, at, "ZIP: two entries are called %.64q", p.file.Name)
		}
		names[p.file.Name] = true
		end, err := a.checkLocal(r, p)
		if err != nil {
			return err
		}
		next := a.zipped
		if i+1 < len(parts) {
			next = parts[i+1].offset
		}
		if p.file.Flags&zipHasDescriptor != 0 {
			if err := a.checkDescriptor(r, p.file, end, next); err != nil {
				return err
			}
			end = next
		}
		at = end
	}
	if at != a.zipped {
		return refuse(TrailingBytes, at, "ZIP: the central directory begins at byte %d", a.zipped)
	}
	return nil
}

// checkLocal holds a local header against the central directory, and returns where the
// entry's content ends.
func (a *archive) checkLocal(r io.ReaderAt, p zipPart) (int64, error) {
	f := p.file
	head, err := readPart(r, p.offset, zipLocalBytes, a.zipped)
	if err != nil {
		return 0, err
	}
	n := int64(binary.LittleEndian.Uint16(head[26:]))
	name, err := readPart(r, p.offset+zipLocalBytes, n, a.zipped)
	if err != nil {
		return 0, err
	}
	extra, err := readPart(r, p.offset+zipLocalBytes+n, int64(binary.LittleEndian.Uint16(head[28:])), a.zipped)
	if err != nil {
		return 0, err
	}
	start := p.offset + zipLocalBytes + n + int64(len(extra))
	same := string(head[:4]) == zipLocal && string(name) == f.Name &&
		binary.LittleEndian.Uint16(head[6:]) == f.Flags && binary.LittleEndian.Uint16(head[8:]) == f.Method
	for i, want := range []uint64{uint64(f.CRC32), f.CompressedSize64, f.UncompressedSize64} {
		got := uint64(binary.LittleEndian.Uint32(head[14+4*i:]))
		same = same && (got == want || got == 0 && f.Flags&zipHasDescriptor != 0)
	}
	switch {
	case hasOtherName(f.Extra, f.Name) || hasOtherName(extra, f.Name):
		return 0, refuse(BadHeader, p.offset, "ZIP: %.64q has a second name", f.Name)
	case f.Mode()&fs.ModeType != 0 && !strings.HasSuffix(f.Name, "/"):
		return 0, refuse(BadHeader, p.offset, "ZIP: %.64q is said to be no file: %s", f.Name, f.Mode())
	case !same:
		return 0, refuse(BadHeader, p.offset, "ZIP: the local header of %.64q differs from the central directory", f.Name)
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return 0, refuse(BadHeader, p.offset, "ZIP: %.64q is compressed by method %d", f.Name, f.Method)
	case f.Flags&zipIsEncrypted != 0:
		return 0, refuse(BadHeader, p.offset, "ZIP: %.64q is encrypted", f.Name)
	case f.CompressedSize64 > uint64(a.zipped-min(start, a.zipped)):
		return 0, refuse(Truncated, p.offset, "ZIP: %.64q of %d bytes", f.Name, f.CompressedSize64)
	case f.Method == zip.Store && f.CompressedSize64 != f.UncompressedSize64:
		return 0, refuse(BadHeader, p.offset, "ZIP: %.64q has two sizes", f.Name)
	}
	return start + int64(f.CompressedSize64), nil
}
