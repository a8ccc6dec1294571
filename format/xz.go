package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// xzReader unpacks an .xz file of one stream with one block, which is what there is for a
// few kilobytes. The library's own reader takes whatever dictionary the file asks for, up
// to 4 GiB, and allocates it at once; so the container is read here. Its checksums are
// not looked at: the bytes are under a signature, or nobody relies on them.
type xzReader struct {
	raw  *bytes.Reader
	body io.Reader
}

const (
	xzMagic      = "\xfd7zXZ\x00"
	xzHeaderSize = 12
	xzLZMA2      = 0x21
)

func newXZ(raw []byte) (io.Reader, error) {
	if len(raw) < 2*xzHeaderSize || string(raw[:len(xzMagic)]) != xzMagic {
		return nil, errors.New("xz: not an xz file")
	}
	size := (int(raw[xzHeaderSize]) + 1) * 4
	if raw[xzHeaderSize] == 0 || xzHeaderSize+size > len(raw)-xzHeaderSize {
		return nil, errors.New("xz: no block")
	}
	dictionary, err := xzDictionary(raw[xzHeaderSize+1 : xzHeaderSize+size-4])
	if err != nil {
		return nil, err
	}
	unpacked, err := xzUnpacked(raw)
	if err != nil {
		return nil, err
	}
	// xz -9 asks for 64 MiB for a few kilobytes; to make room for that takes ten milliseconds.
	dictionary = max(min(dictionary, unpacked), lzma.MinDictCap)
	r := &xzReader{raw: bytes.NewReader(raw)}
	if _, err := r.raw.Seek(int64(xzHeaderSize+size), io.SeekStart); err != nil {
		return nil, err
	}
	body, err := lzma.Reader2Config{DictCap: dictionary}.NewReader2(r.raw)
	if err != nil {
		return nil, fmt.Errorf("xz: %w", err)
	}
	r.body = body
	return r, nil
}

// xzDictionary reads a block header behind its size, The .xz File Format 1.0.4 §3.1: one
// filter, LZMA2, with its dictionary.
func xzDictionary(header []byte) (int, error) {
	const hasCompressed, hasUncompressed = 0x40, 0x80
	bad := errors.New("xz: block header outside of the profile")
	if len(header) == 0 || header[0]&^(hasCompressed|hasUncompressed) != 0 {
		return 0, bad
	}
	flags, rest := header[0], header[1:]
	for _, flag := range []byte{hasCompressed, hasUncompressed} {
		if flags&flag != 0 {
			_, n := binary.Uvarint(rest)
			if n <= 0 {
				return 0, bad
			}
			rest = rest[n:]
		}
	}
	if len(rest) < 3 || rest[0] != xzLZMA2 || rest[1] != 1 {
		return 0, bad
	}
	size, err := lzma.DecodeDictCap(rest[2])
	if err != nil {
		return 0, fmt.Errorf("xz: %w", err)
	}
	if size > maxDictionary {
		return 0, fmt.Errorf("xz: dictionary of %d bytes, at most %d", size, maxDictionary)
	}
	return int(size), nil
}

// xzUnpacked reads from the index to how much the only block unpacks, §4. Should that not be
// so, unpacking fails: what is further back than it says cannot be copied.
func xzUnpacked(raw []byte) (int, error) {
	bad := errors.New("xz: index outside of the profile")
	footer := raw[len(raw)-xzHeaderSize:]
	index := (int64(binary.LittleEndian.Uint32(footer[4:])) + 1) * 4
	if index > int64(len(raw)-2*xzHeaderSize) {
		return 0, bad
	}
	rest := raw[int64(len(raw)-xzHeaderSize)-index : len(raw)-xzHeaderSize]
	if len(rest) < 2 || rest[0] != 0 || rest[1] != 1 { // the index's mark, and one record
		return 0, bad
	}
	_, n := binary.Uvarint(rest[2:]) // the block's size
	if n <= 0 {
		return 0, bad
	}
	size, m := binary.Uvarint(rest[2+n:])
	if m <= 0 || size > maxControlTar {
		return 0, fmt.Errorf("xz: unpacks to more than %d bytes, or does not say to how many", maxControlTar)
	}
	return int(size), nil
}

func (r *xzReader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if errors.Is(err, io.EOF) {
		if end := r.checkEnd(); end != nil {
			return n, end
		}
	}
	return n, err
}

// checkEnd demands that nothing but the block's check, the index and the footer follows:
// in a second block or stream would stand what dpkg reads and we do not.
func (r *xzReader) checkEnd() error {
	all := r.raw.Size()
	at := all - int64(r.raw.Len())
	at += (4 - at%4) % 4 // blocks begin and end at multiples of four
	var flags, footer [xzHeaderSize]byte
	if _, err := r.raw.ReadAt(flags[:], 0); err != nil {
		return err
	}
	if _, err := r.raw.ReadAt(footer[:], all-xzHeaderSize); err != nil {
		return err
	}
	checkSizes := map[byte]int64{0: 0, 1: 4, 4: 8, 10: 32}
	check, known := checkSizes[flags[7]]
	index := (int64(binary.LittleEndian.Uint32(footer[4:])) + 1) * 4
	if !known || at+check+index+xzHeaderSize != all || string(footer[10:]) != "YZ" {
		return errors.New("xz: something follows the first block")
	}
	return nil
}
