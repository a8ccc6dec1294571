package format

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"encoding/binary"
	"io"
)

const zipDescriptor = "PK\x07\x08"

// checkDescriptor holds the data descriptor, APPNOTE.TXT §4.3.9, that stands between two
// offsets against the central directory. With or without its magic: both are in use, and
// which one, only the next header's place tells.
func (a *archive) checkDescriptor(r io.ReaderAt, f *zip.File, from, to int64) error {
	gap := to - from
	if gap != zipDescriptorSize && gap != zipDescriptorSize+int64(len(zipDescriptor)) {
		return refuse(TrailingBytes, from, "ZIP: %d bytes behind %.64q, where its sizes should stand", gap, f.Name)
	}
	b, err := readPart(r, from, gap, a.zipped)
	if err != nil {
		return err
	}
	magic, sizes := b[:gap-zipDescriptorSize], b[gap-zipDescriptorSize:]
	same := (len(magic) == 0 || string(magic) == zipDescriptor) &&
		binary.LittleEndian.Uint32(sizes) == f.CRC32 &&
		uint64(binary.LittleEndian.Uint32(sizes[4:])) == f.CompressedSize64 && uint64(binary.LittleEndian.Uint32(sizes[8:])) == f.UncompressedSize64
	if !same {
		return refuse(BadHeader, from, "ZIP: the sizes behind %.64q differ from the central directory", f.Name)
	}
	return nil
}

// zipUnicodePath is the extra field, APPNOTE.TXT §4.6.9, with a name that Info-ZIP and
// others take instead of the entry's own. Java does not know it, and nothing signs it.
const zipUnicodePath = 0x7075

// hasOtherName looks for one in an entry's extra fields.
func hasOtherName(extra []byte, name string) bool {
	const head, before = 4, 5 // of each field; of this one, a version and a checksum
	for len(extra) >= head {
		id, n := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if extra = extra[head:]; n > len(extra) {
			return false
		}
		if id == zipUnicodePath && (n < before || string(extra[before:n]) != name) {
			return true
		}
		extra = extra[n:]
	}
	return false
}

// inflateAll unpacks an entry and demands that its compressed data ends where the
// directory says. A reader from the front looks for the next entry where the data ends
// by itself: in what is left over, entries could hide that no reader from the back sees.
func inflateAll(packed io.Reader) io.ReadCloser {
	in := bufio.NewReader(packed) // a ByteReader, of which flate takes no byte too many
	return &inflater{in, flate.NewReader(in)}
}

type inflater struct {
	packed *bufio.Reader
	io.ReadCloser
}

// Read implements io.Reader.
func (i *inflater) Read(b []byte) (int, error) {
	n, err := i.ReadCloser.Read(b)
	if err == io.EOF {
		if _, more := i.packed.ReadByte(); more != io.EOF {
			return n, refuse(BadHeader, -1, "ZIP: compressed data goes on behind its end")
		}
	}
	return n, err
}

// checkFolder demands of a folder that nothing stands in its place, also if somebody
// compressed that: the library does not read folders.
func checkFolder(f *zip.File) error {
	if f.CompressedSize64 == 0 {
		return nil
	}
	packed, err := f.OpenRaw()
	if err != nil {
		return entryError(f, err)
	}
	n, err := io.Copy(io.Discard, inflateAll(packed))
	if err == nil && n > 0 {
		err = refuse(UnsignedEntry, -1, "folder %.64q has content", f.Name)
	}
	if err != nil {
		return entryError(f, err)
	}
	return nil
}
