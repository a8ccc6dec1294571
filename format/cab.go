package format

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
	"os"

	"github.com/hallmark-pki/hallmark/ext"
	"golang.org/x/crypto/cryptobyte"
)

// cabFormat is Microsoft's cabinet with an Authenticode signature behind it, to which a
// field in the area that a cabinet may reserve points.
type cabFormat struct{}

// Offsets in a cabinet's header: CFHEADER in Microsoft's "Cabinet File Format" ([MS-CAB]).
const (
	cabMagic        = "MSCF"
	cabHeaderBytes  = 36
	cabReserveBytes = 24 // sizes of the reserved areas, 4 bytes, and the signature's own area
	cabAreaBytes    = 20
	cabFolderBytes  = 8
	cabSizeAt       = 8
	cabFilesAt      = 16
	cabVersionAt    = 24
	cabFoldersAt    = 26
	cabFlagsAt      = 30
	cabNumberAt     = 34
	cabHasReserve   = 4
	cabAreaKind     = 0x00100000 // first word of the signature's area
)

// cabFile is a checked cabinet, seen as it is or will be with a signature.
type cabFile struct {
	r      io.ReaderAt
	header []byte // with the reserved area and the folders, as they stand in a signed cabinet
	rest   int64  // offset in the file of what follows the folders
	end    int64  // of what is signed, in the file
	field  int64  // size of the signature with its padding, 0 without one
}

func (cabFormat) toBeSigned(digest [sha256.Size]byte) (ToBeSigned, error) {
	return authenticode(ext.SPCCabinetData(), func(b *cryptobyte.Builder) { obsoleteLink(b) }, digest)
}

func (cabFormat) is(r io.ReaderAt, size int64) bool {
	var magic [len(cabMagic)]byte
	return size >= cabHeaderBytes && readFullAt(r, magic[:], 0) == nil && string(magic[:]) == cabMagic
}

func (cabFormat) read(r io.ReaderAt, size int64) (body, error) {
	head, err := readPart(r, 0, cabHeaderBytes, size)
	if err != nil {
		return nil, err
	}
	if err := checkCabHeader(head); err != nil {
		return nil, err
	}
	f := &cabFile{r: r, end: int64(binary.LittleEndian.Uint32(head[cabSizeAt:]))}
	if f.end > size {
		return nil, refuse(Truncated, cabSizeAt, "cabinet of %d bytes, file of %d", f.end, size)
	}
	folders := int64(binary.LittleEndian.Uint16(head[cabFoldersAt:])) * cabFolderBytes
	if binary.LittleEndian.Uint16(head[cabFlagsAt:])&cabHasReserve == 0 {
		if f.end != size {
			return nil, refuse(TrailingBytes, f.end, "%d bytes after the cabinet", size-f.end)
		}
		f.rest = cabHeaderBytes + folders
		table, err := readPart(r, cabHeaderBytes, folders, size)
		if err != nil {
			return nil, err
		}
		if f.header, err = reserve(head, table); err != nil {
			return nil, err
		}
		return f, f.checkFiles(head)
	}
	f.rest = cabHeaderBytes + cabReserveBytes + folders
	if f.header, err = readPart(r, 0, f.rest, size); err != nil {
		return nil, err
	}
	if err := f.readArea(size); err != nil {
		return nil, err
	}
	return f, f.checkFiles(head)
}

// checkCabHeader refuses what a single cabinet of today does not have. Two of these
// fields are under no signature, and must therefore have one value only.
func checkCabHeader(head []byte) error {
	switch flags := binary.LittleEndian.Uint16(head[cabFlagsAt:]); {
	case string(head[:4]) != cabMagic:
		return refuse(BadHeader, 0, "it does not begin with %q", cabMagic)
	case binary.LittleEndian.Uint32(head[4:]) != 0:
		return refuse(BadHeader, 4, "a reserved field is not zero")
	case head[cabVersionAt] != 3 || head[cabVersionAt+1] != 1:
		return refuse(BadHeader, cabVersionAt, "version %d.%d", head[cabVersionAt+1], head[cabVersionAt])
	case flags&^cabHasReserve != 0:
		return refuse(BadHeader, cabFlagsAt, "flags 0x%x: one of several cabinets", flags)
	case binary.LittleEndian.Uint16(head[cabNumberAt:]) != 0:
		return refuse(BadHeader, cabNumberAt, "its number is not zero: one of several cabinets")
	}
	return nil
}

func (f *cabFile) checkFiles(head []byte) error {
	files := int64(binary.LittleEndian.Uint32(head[cabFilesAt:]))
	if f.rest > f.end || files < f.rest || files > f.end {
		return refuse(BadHeader, cabFilesAt, "files begin at byte %d, folders end at %d, the cabinet at %d", files, f.rest, f.end)
	}
	return nil
}

// readArea checks the reserved area, of which only the last word is signed.
func (f *cabFile) readArea(size int64) error {
	sizes, area := f.header[cabHeaderBytes:cabHeaderBytes+4], f.header[cabHeaderBytes+4:]
	word := func(i int) int64 { return int64(binary.LittleEndian.Uint32(area[4*i:])) }
	if binary.LittleEndian.Uint32(sizes) != cabAreaBytes || word(0) != cabAreaKind || word(3) != 0 || word(4) != 0 {
		return refuse(SignatureHeader, cabHeaderBytes, "the reserved area is not one for a signature: %x", area[:cabAreaBytes])
	}
	at, n := word(1), word(2)
	switch {
	case at != f.end:
		return refuse(SignatureHeader, cabHeaderBytes+8, "the signature is said to be at byte %d, the cabinet ends at %d", at, f.end)
	case n == 0:
		return refuse(SignatureEmpty, at, "no bytes")
	case n > MaxSignatureBytes+8:
		return refuse(SignatureTooLarge, at, "%d bytes, at most %d", n, MaxSignatureBytes)
	case n > size-at:
		return refuse(Truncated, at, "signature of %d bytes, file of %d", n, size)
	case n < size-at:
		return refuse(BytesAfterSignature, at+n, "%d bytes", size-at-n)
	}
	f.field = n
	return checkHidden(f.r, at, size, size)
}

// reserve makes room for the signature's area: everything behind the header moves.
func reserve(head, folders []byte) ([]byte, error) {
	h := append([]byte{}, head...)
	for _, at := range []int{cabSizeAt, cabFilesAt} {
		if !move(h[at:]) {
			return nil, refuse(TooLarge, int64(at), "no room for a signature")
		}
	}
	binary.LittleEndian.PutUint16(h[cabFlagsAt:], binary.LittleEndian.Uint16(h[cabFlagsAt:])|cabHasReserve)
	for _, word := range []uint32{cabAreaBytes, cabAreaKind, binary.LittleEndian.Uint32(h[cabSizeAt:]), 0, 0, 0} {
		h = binary.LittleEndian.AppendUint32(h, word)
	}
	table := append([]byte{}, folders...)
	for at := 0; at < len(table); at += cabFolderBytes {
		if !move(table[at:]) {
			return nil, refuse(TooLarge, -1, "no room for a signature")
		}
	}
	return append(h, table...), nil
}

// move adds the area's size to an offset, unless that is too much for its field.
func move(field []byte) bool {
	n := binary.LittleEndian.Uint32(field)
	binary.LittleEndian.PutUint32(field, n+cabReserveBytes)
	return n+cabReserveBytes > n
}

// digest is the SHA-256 of the cabinet as it is when signed, without the reserved field
// after the magic, the cabinet's number, and the reserved area but for its last word.
func (f *cabFile) digest() ([sha256.Size]byte, error) {
	h := sha256.New()
	h.Write(f.header[:4])
	h.Write(f.header[cabSizeAt:cabNumberAt])
	h.Write(f.header[cabHeaderBytes+cabReserveBytes-4:])
	err := copyPart(h, f.r, f.rest, f.end)
	return [sha256.Size]byte(h.Sum(nil)), err
}

func (f *cabFile) signature() ([]byte, error) {
	if f.field == 0 {
		return nil, nil
	}
	field := make([]byte, f.field)
	if err := readFullAt(f.r, field, f.end); err != nil {
		return nil, err
	}
	return unpadded(field, f.end)
}

func (f *cabFile) write(dst *os.File, signature []byte) error {
	field := padded(signature)
	header := append([]byte{}, f.header...)
	binary.LittleEndian.PutUint32(header[cabHeaderBytes+12:], uint32(len(field)))
	if _, err := dst.Write(header); err != nil {
		return err
	}
	if err := copyPart(dst, f.r, f.rest, f.end); err != nil {
		return err
	}
	_, err := dst.Write(field)
	return err
}
