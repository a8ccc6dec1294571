package format

import (
	"encoding/binary"
	"io"
	"slices"
)

// compound is a checked compound file, [MS-CFB]: a file system in a file, of sectors
// chained by a table, with a tree of storages and streams. Streams shorter than 4,096
// bytes stand in the mini stream, which has sectors and a table of its own.
//
// It is read here and not by a library because the libraries trust the tables: a chain
// or a tree that runs in a circle, or shares sectors, is refused before it is followed.
type compound struct {
	r       io.ReaderAt
	size    int64
	shift   uint // of the sector size
	fat     []uint32
	miniFAT []uint32
	mini    []uint32 // the mini stream's sectors
	miniLen int64
	entries []cfEntry
	used    []bool // sectors that belong to something
	minis   []bool // mini sectors that do
	copied  spans  // of the file, by stream
}

// cfEntry is a directory entry as it stands in the file.
type cfEntry [cfEntryBytes]byte

const (
	cfMagic       = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
	cfHeaderBytes = 512
	cfEntryBytes  = 128
	cfMiniShift   = 6
	cfMiniCutoff  = 4096
	cfHeaderFAT   = 109 // sectors of the table that the header itself names
	cfMaxRegular  = 0xfffffffa
	cfEndOfChain  = 0xfffffffe
	cfFree        = 0xffffffff // also: no entry
)

// Object types of directory entries.
const (
	cfEmpty   = 0
	cfStorage = 1
	cfStream  = 2
	cfRoot    = 5
)

func (e *cfEntry) nameBytes() int   { return int(binary.LittleEndian.Uint16(e[64:])) }
func (e *cfEntry) name() string     { return string(e[:e.nameBytes()]) } // UTF-16LE, with its final NUL
func (e *cfEntry) kind() byte       { return e[66] }
func (e *cfEntry) left() uint32     { return binary.LittleEndian.Uint32(e[68:]) }
func (e *cfEntry) right() uint32    { return binary.LittleEndian.Uint32(e[72:]) }
func (e *cfEntry) child() uint32    { return binary.LittleEndian.Uint32(e[76:]) }
func (e *cfEntry) classID() []byte  { return e[80:96] }
func (e *cfEntry) start() uint32    { return binary.LittleEndian.Uint32(e[116:]) }
func (e *cfEntry) streamLen() int64 { return int64(binary.LittleEndian.Uint32(e[120:])) }

func isCompound(r io.ReaderAt, size int64) bool {
	var magic [len(cfMagic)]byte
	return size >= cfHeaderBytes && readFullAt(r, magic[:], 0) == nil && string(magic[:]) == cfMagic
}

func readCompound(r io.ReaderAt, size int64) (*compound, error) {
	if size > maxCompoundBytes {
		return nil, refuse(TooLarge, -1, "%d bytes, at most %d", size, int64(maxCompoundBytes))
	}
	h, err := readPart(r, 0, cfHeaderBytes, size)
	if err != nil {
		return nil, err
	}
	word := func(at int) uint32 { return binary.LittleEndian.Uint32(h[at:]) }
	short := func(at int) uint16 { return binary.LittleEndian.Uint16(h[at:]) }
	c := &compound{r: r, size: size, shift: uint(short(30))}
	known := short(26) == 3 && c.shift == 9 || short(26) == 4 && c.shift == 12
	if string(h[:8]) != cfMagic || short(28) != 0xfffe || !known || short(32) != cfMiniShift || word(56) != cfMiniCutoff {
		return nil, refuse(BadHeader, 0, "compound file header: version %d, sectors 2^%d and 2^%d, mini streams below %d", short(26), c.shift, short(32), word(56))
	}
	c.used = make([]bool, c.sectors())
	if err := c.readFAT(h); err != nil {
		return nil, err
	}
	if err := c.readDirectory(word(48)); err != nil {
		return nil, err
	}
	return c, c.readMini(word(60), word(64))
}

// sectors is the number of sectors behind the header, which has the place of one; the
// last one may be cut short.
func (c *compound) sectors() int64 {
	n := int64(1) << c.shift
	return max(0, (c.size+n-1)/n-1)
}

func (c *compound) offset(sector uint32) int64 { return (int64(sector) + 1) << c.shift }

// take marks a sector as used, which happens once.
func (c *compound) take(sector uint32) error {
	switch {
	case int64(sector) >= c.sectors():
		return refuse(Truncated, -1, "sector %d of %d", sector, c.sectors())
	case c.used[sector]:
		return refuse(BadHeader, c.offset(sector), "sector %d is used twice", sector)
	}
	c.used[sector] = true
	return nil
}

// words reads a sector of 32-bit numbers.
func (c *compound) words(sector uint32) ([]uint32, error) {
	if err := c.take(sector); err != nil {
		return nil, err
	}
	raw, err := readPart(c.r, c.offset(sector), 1<<c.shift, c.size)
	if err != nil {
		return nil, err
	}
	out := make([]uint32, len(raw)/4)
	for i := range out {
		out[i] = binary.LittleEndian.Uint32(raw[4*i:])
	}
	return out, nil
}

// readFAT reads the sector table. The header names its first sectors, a chain of
// sectors the others.
func (c *compound) readFAT(h []byte) error {
	count := int64(binary.LittleEndian.Uint32(h[44:]))
	if count > c.sectors() {
		return refuse(Truncated, 44, "%d sectors of the sector table, %d in the file", count, c.sectors())
	}
	var places []uint32
	for i := 0; i < cfHeaderFAT; i++ {
		places = append(places, binary.LittleEndian.Uint32(h[76+4*i:]))
	}
	for next := binary.LittleEndian.Uint32(h[68:]); next <= cfMaxRegular && int64(len(places)) < count; {
		more, err := c.words(next)
		if err != nil {
			return err
		}
		last := len(more) - 1
		places, next = append(places, more[:last]...), more[last]
	}
	if int64(len(places)) < count {
		return refuse(BadHeader, 44, "%d sectors of the sector table, named are %d", count, len(places))
	}
	for _, sector := range places[:count] {
		table, err := c.words(sector)
		if err != nil {
			return err
		}
		c.fat = append(c.fat, table...)
	}
	for i := c.sectors(); i < int64(len(c.fat)); i++ {
		if c.fat[i] != cfFree {
			return refuse(Truncated, -1, "sector %d is in use, the file has %d", i, c.sectors())
		}
	}
	return nil
}

// chain returns the sectors from start on, at most as many as hold n bytes, and marks
// them. n < 0 means all of them.
func (c *compound) chain(start uint32, n int64) ([]uint32, error) {
	var out []uint32
	for at := start; at != cfEndOfChain; {
		if n >= 0 && int64(len(out))<<c.shift >= n {
			return nil, refuse(BadHeader, -1, "a chain is longer than its %d bytes", n)
		}
		if err := c.take(at); err != nil {
			return nil, err
		}
		if int64(at) >= int64(len(c.fat)) {
			return nil, refuse(BadHeader, -1, "sector %d is not in the sector table", at)
		}
		out, at = append(out, at), c.fat[at]
	}
	if n >= 0 && int64(len(out))<<c.shift < n {
		return nil, refuse(Truncated, -1, "a chain of %d sectors holds no %d bytes", len(out), n)
	}
	return out, nil
}

func (c *compound) readDirectory(start uint32) error {
	sectors, err := c.chain(start, -1)
	if err != nil {
		return err
	}
	per := (1 << c.shift) / cfEntryBytes
	if len(sectors)*per > maxCompoundEntries {
		return refuse(TooManyMembers, -1, "more than %d directory entries", maxCompoundEntries)
	}
	for _, s := range sectors {
		raw, err := readPart(c.r, c.offset(s), 1<<c.shift, c.size)
		if err != nil {
			return err
		}
		for i := range per {
			e := cfEntry(raw[i*cfEntryBytes:])
			// Version 3 has 32 bits for the size, and sometimes rubbish behind them.
			if c.shift > 9 && (e.kind() == cfStream || e.kind() == cfRoot) && binary.LittleEndian.Uint32(e[124:]) != 0 {
				return refuse(BadHeader, c.offset(s)+int64(i*cfEntryBytes), "a stream of more than 4 GiB")
			}
			c.entries = append(c.entries, e)
		}
	}
	if len(c.entries) == 0 || c.entries[0].kind() != cfRoot {
		return refuse(BadHeader, c.offset(start), "the first directory entry is not the root")
	}
	return nil
}

// readMini reads the mini stream's table and finds its sectors.
func (c *compound) readMini(start, count uint32) error {
	sectors, err := c.chain(start, -1)
	if err != nil {
		return err
	}
	if int64(len(sectors)) != int64(count) {
		return refuse(BadHeader, 60, "the mini stream's table has %d sectors, the header says %d", len(sectors), count)
	}
	for _, s := range sectors {
		raw, err := readPart(c.r, c.offset(s), 1<<c.shift, c.size)
		if err != nil {
			return err
		}
		for i := 0; i < len(raw); i += 4 {
			c.miniFAT = append(c.miniFAT, binary.LittleEndian.Uint32(raw[i:]))
		}
	}
	root := &c.entries[0]
	c.miniLen = root.streamLen()
	c.minis = make([]bool, c.miniLen>>cfMiniShift)
	if c.miniLen == 0 && root.start() == 0 {
		return nil // some writers leave the field of an empty stream at zero
	}
	// The chain may be longer than the stream: it grows by whole sectors.
	c.mini, err = c.chain(root.start(), -1)
	if err == nil && int64(len(c.mini))<<c.shift < c.miniLen {
		err = refuse(Truncated, -1, "a mini stream of %d sectors holds no %d bytes", len(c.mini), c.miniLen)
	}
	return err
}

// walk returns a compound file of which everything may be read once more.
func (c *compound) walk() *compound {
	w := *c
	w.used, w.minis = slices.Clone(c.used), slices.Clone(c.minis)
	w.copied = nil
	return &w
}

// stream copies a stream's content to w. Each can be read once in a walk, so that two
// streams cannot share a sector.
func (c *compound) stream(w io.Writer, e *cfEntry) error {
	n := e.streamLen()
	if n == 0 {
		return nil
	}
	if n < cfMiniCutoff {
		return c.miniStream(w, e.start(), n)
	}
	sectors, err := c.chain(e.start(), n)
	if err != nil {
		return err
	}
	for i := 0; i < len(sectors); {
		// Sectors in a row are copied at once.
		j := i + 1
		for j < len(sectors) && sectors[j] == sectors[j-1]+1 {
			j++
		}
		from := c.offset(sectors[i])
		length := min(int64(j-i)<<c.shift, n)
		if from+length > c.size {
			return refuse(Truncated, from, "%d bytes of a stream, file of %d", length, c.size)
		}
		if err := copyPart(w, c.r, from, from+length); err != nil {
			return err
		}
		if err := c.copied.add(from, from+length); err != nil {
			return err
		}
		i, n = j, n-length
	}
	return nil
}

func (c *compound) miniStream(w io.Writer, at uint32, n int64) error {
	for ; n > 0; n -= 1 << cfMiniShift {
		switch {
		case int64(at) >= int64(len(c.minis)) || int64(at) >= int64(len(c.miniFAT)):
			return refuse(Truncated, -1, "mini sector %d of %d", at, len(c.minis))
		case c.minis[at]:
			return refuse(BadHeader, -1, "mini sector %d is used twice", at)
		}
		c.minis[at] = true
		in := int64(at) << cfMiniShift
		from, length := c.offset(c.mini[in>>c.shift])+in&(1<<c.shift-1), min(1<<cfMiniShift, n)
		raw, err := readPart(c.r, from, length, c.size)
		if err != nil {
			return err
		}
		if err := c.copied.add(from, from+length); err != nil {
			return err
		}
		if _, err := w.Write(raw); err != nil {
			return err
		}
		at = c.miniFAT[at]
	}
	if at != cfEndOfChain {
		return refuse(BadHeader, -1, "a mini stream's chain is longer than the stream")
	}
	return nil
}
