package format

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
	"os"

	"github.com/hallmark-pki/hallmark/ext"
	"golang.org/x/crypto/cryptobyte"
)

// peFormat is Microsoft's PE/COFF with an Authenticode signature in its certificate table.
type peFormat struct{}

// Offsets in a PE file: Microsoft's "PE Format", sections "MS-DOS Stub", "COFF File
// Header" and "Optional Header".
const (
	peDOSBytes     = 64   // the DOS header, whose last field says where the PE header is
	peHeaderAt     = 0x3c // in the DOS header
	peCOFFBytes    = 24   // "PE\0\0" and the COFF header
	peSectionBytes = 40   // one row of the section table
	peChecksumAt   = 64   // in the optional header
	pe32Magic      = 0x10b
	pe32PlusMagic  = 0x20b
	peCertificates = 4 // the certificate table's data directory
	peCertHeader   = 8 // WIN_CERTIFICATE without its content
	peRevision     = 0x0200
	pePKCS7        = 0x0002
)

// peFile is a checked PE file.
type peFile struct {
	r         io.ReaderAt
	size      int64
	checksum  int64 // offset of the checksum
	directory int64 // offset of the certificate table's data directory
	end       int64 // of what is signed: where the certificate table begins, or the file's end
	field     int64 // size of the certificate table's content, 0 without one
}

func (peFormat) toBeSigned(digest [sha256.Size]byte) (ToBeSigned, error) {
	return authenticode(ext.SPCPEImageData(), func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) { // SpcPeImageData
			b.AddASN1BitString(nil)
			b.AddASN1(contextTag(0).Constructed(), obsoleteLink)
		})
	}, digest)
}

// is: "MZ", and "PE\0\0" where the DOS header points. Programs for DOS alone are none.
func (peFormat) is(r io.ReaderAt, size int64) bool {
	var dos [peDOSBytes]byte
	if size < peDOSBytes || readFullAt(r, dos[:], 0) != nil || string(dos[:2]) != "MZ" {
		return false
	}
	at := int64(binary.LittleEndian.Uint32(dos[peHeaderAt:]))
	var magic [4]byte
	return at+int64(len(magic)) <= size && readFullAt(r, magic[:], at) == nil && string(magic[:]) == "PE\x00\x00"
}

func (peFormat) read(r io.ReaderAt, size int64) (body, error) {
	if size > maxPEBytes {
		return nil, refuse(TooLarge, -1, "%d bytes, at most %d", size, int64(maxPEBytes))
	}
	var dos [peDOSBytes]byte
	if err := readFullAt(r, dos[:], 0); err != nil {
		return nil, err
	}
	at := int64(binary.LittleEndian.Uint32(dos[peHeaderAt:]))
	if at < peDOSBytes {
		return nil, refuse(BadHeader, peHeaderAt, "the PE header begins at byte %d, inside the DOS header", at)
	}
	coff, err := readPart(r, at, peCOFFBytes, size)
	if err != nil {
		return nil, err
	}
	optionalSize := int64(binary.LittleEndian.Uint16(coff[20:]))
	optional, err := readPart(r, at+peCOFFBytes, optionalSize, size)
	if err != nil {
		return nil, err
	}
	f := &peFile{r: r, size: size, checksum: at + peCOFFBytes + peChecksumAt, end: size}
	directories, err := peDirectories(optional, at+peCOFFBytes)
	if err != nil {
		return nil, err
	}
	f.directory = at + peCOFFBytes + int64(directories) + peCertificates*8
	entry := optional[directories+peCertificates*8:]
	start, length := int64(binary.LittleEndian.Uint32(entry)), int64(binary.LittleEndian.Uint32(entry[4:]))
	sections := int64(binary.LittleEndian.Uint16(coff[6:]))
	table, err := readPart(r, at+peCOFFBytes+optionalSize, sections*peSectionBytes, size)
	if err != nil {
		return nil, err
	}
	if start != 0 || length != 0 {
		if err := f.readCertificates(start, length); err != nil {
			return nil, err
		}
	}
	if f.end < at+peCOFFBytes+optionalSize+int64(len(table)) {
		return nil, refuse(BadHeader, f.directory, "the certificate table begins at byte %d, inside the headers", f.end)
	}
	return f, f.checkSections(table, at+peCOFFBytes+optionalSize)
}

// peDirectories returns where the data directories begin in an optional header, which
// must have room for that of the certificate table.
func peDirectories(optional []byte, at int64) (int, error) {
	const shortest = 2
	if len(optional) < shortest {
		return 0, refuse(BadHeader, at, "optional header of %d bytes", len(optional))
	}
	directories := 0
	switch magic := binary.LittleEndian.Uint16(optional); magic {
	case pe32Magic:
		directories = 96
	case pe32PlusMagic:
		directories = 112
	default:
		return 0, refuse(BadHeader, at, "optional header of kind 0x%x", magic)
	}
	if len(optional) < directories+(peCertificates+1)*8 {
		return 0, refuse(BadHeader, at, "optional header of %d bytes leaves no room for a signature", len(optional))
	}
	if n := binary.LittleEndian.Uint32(optional[directories-4:]); n <= peCertificates {
		return 0, refuse(BadHeader, at, "%d data directories leave no room for a signature", n)
	}
	return directories, nil
}

// readCertificates checks that the certificate table holds one signature, and that it
// ends the file.
func (f *peFile) readCertificates(start, length int64) error {
	switch {
	case start == 0 || length < peCertHeader:
		return refuse(BadHeader, f.directory, "certificate table of %d bytes at byte %d", length, start)
	case start > f.size || length > f.size-start:
		return refuse(Truncated, f.directory, "certificate table of %d bytes at byte %d, file of %d", length, start, f.size)
	case start%8 != 0:
		return refuse(SignatureHeader, f.directory, "certificate table at byte %d, which is no multiple of 8", start)
	case start+length != f.size:
		return refuse(BytesAfterSignature, start+length, "%d bytes", f.size-start-length)
	case length > MaxSignatureBytes+peCertHeader+8:
		return refuse(SignatureTooLarge, start, "%d bytes, at most %d", length, MaxSignatureBytes)
	}
	var head [peCertHeader]byte
	if err := readFullAt(f.r, head[:], start); err != nil {
		return err
	}
	n := int64(binary.LittleEndian.Uint32(head[:]))
	revision, kind := binary.LittleEndian.Uint16(head[4:]), binary.LittleEndian.Uint16(head[6:])
	switch {
	case n < peCertHeader || revision != peRevision || kind != pePKCS7:
		return refuse(SignatureHeader, start, "%x", head)
	case n == peCertHeader:
		return refuse(SignatureEmpty, start, "no bytes")
	case (n+7)/8*8 > length:
		return refuse(Truncated, start, "certificate of %d bytes, table of %d", n, length)
	case (n+7)/8*8 < length:
		return refuse(TwoSignatures, start+(n+7)/8*8, "the certificate table goes on for %d bytes", length-(n+7)/8*8)
	}
	f.end, f.field = start, length-peCertHeader
	return checkHidden(f.r, start, f.size, f.size)
}

// checkSections demands that what the system loads is what is signed.
func (f *peFile) checkSections(table []byte, at int64) error {
	for i := 0; i < len(table); i += peSectionBytes {
		size, start := int64(binary.LittleEndian.Uint32(table[i+16:])), int64(binary.LittleEndian.Uint32(table[i+20:]))
		if size != 0 && start+size > f.end {
			return refuse(Truncated, at+int64(i), "section %d ends at byte %d, what is signed ends at %d", i/peSectionBytes, start+size, f.end)
		}
	}
	return nil
}

// digest is the SHA-256 of the file without the three places that change when it is
// signed: checksum, the certificate table's directory, and that table. The end is
// filled with zeros to a multiple of eight bytes, as it is when a signature follows.
func (f *peFile) digest() ([sha256.Size]byte, error) {
	h := sha256.New()
	for _, part := range [][2]int64{{0, f.checksum}, {f.checksum + 4, f.directory}, {f.directory + 8, f.end}} {
		if err := copyPart(h, f.r, part[0], part[1]); err != nil {
			return [sha256.Size]byte{}, err
		}
	}
	h.Write(make([]byte, padding8(f.end)))
	return [sha256.Size]byte(h.Sum(nil)), nil
}

func padding8(n int64) int64 { return (8 - n%8) % 8 }

func (f *peFile) signature() ([]byte, error) {
	if f.field == 0 {
		return nil, nil
	}
	field := make([]byte, f.field)
	if err := readFullAt(f.r, field, f.end+peCertHeader); err != nil {
		return nil, err
	}
	return unpadded(field, f.end+peCertHeader)
}

func (f *peFile) write(dst *os.File, signature []byte) error {
	if err := copyPart(dst, f.r, 0, f.end); err != nil {
		return err
	}
	start, field := f.end+padding8(f.end), padded(signature)
	tail := make([]byte, padding8(f.end), padding8(f.end)+peCertHeader+int64(len(field)))
	tail = binary.LittleEndian.AppendUint32(tail, uint32(peCertHeader+len(field)))
	tail = binary.LittleEndian.AppendUint16(tail, peRevision)
	tail = binary.LittleEndian.AppendUint16(tail, pePKCS7)
	if _, err := dst.Write(append(tail, field...)); err != nil {
		return err
	}
	var entry []byte
	entry = binary.LittleEndian.AppendUint32(entry, uint32(start))
	entry = binary.LittleEndian.AppendUint32(entry, uint32(peCertHeader+len(field)))
	if _, err := dst.WriteAt(entry, f.directory); err != nil {
		return err
	}
	return f.writeChecksum(dst, start+peCertHeader+int64(len(field)))
}

// writeChecksum sets the image's checksum, which only drivers and some system files are
// held to: the sum of all 16-bit words with the carry added in, its own field taken for
// zero, and the file's size.
func (f *peFile) writeChecksum(dst *os.File, size int64) error {
	if _, err := dst.WriteAt(make([]byte, 4), f.checksum); err != nil {
		return err
	}
	var s wordSum
	if err := copyPart(&s, dst, 0, size); err != nil {
		return err
	}
	_, err := dst.WriteAt(binary.LittleEndian.AppendUint32(nil, s.sum+uint32(size)), f.checksum)
	return err
}

// wordSum adds up little-endian words, end-around carry. The file's size is even, but
// one write may end in the middle of a word.
type wordSum struct {
	sum uint32
	odd bool
}

func (s *wordSum) Write(b []byte) (int, error) {
	for _, c := range b {
		if s.odd {
			s.sum += uint32(c) << 8
		} else {
			s.sum += uint32(c)
		}
		s.sum = s.sum&0xffff + s.sum>>16
		s.odd = !s.odd
	}
	return len(b), nil
}
