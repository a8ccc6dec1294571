package format

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"
	"unicode/utf16"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/sassoftware/relic/v7/lib/comdoc"
	"golang.org/x/crypto/cryptobyte"
)

// msiFormat is Microsoft's installer package with an Authenticode signature in a stream.
//
// The digest that tools have always taken covers what is in the streams, and not what
// they are called nor where one ends and the next begins. A second stream repairs that:
// a digest over the names, sizes and times, which the first digest then begins with. It
// is always written here, and a signed package without it is refused.
type msiFormat struct{}

// Streams of a package that hold its signature.
const (
	msiSignature   = "\x05DigitalSignature"
	msiSignatureEx = "\x05MsiDigitalSignatureEx"
)

// msiClassID ends the class ID of a package's root; its first byte tells packages from
// transforms and patches.
const msiClassID = "\x10\x0c\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"

// msiFile is a checked package.
type msiFile struct {
	r        io.ReaderAt
	size     int64
	c        *compound
	signed   *cfEntry // the signature's stream, nil without one
	signedEx *cfEntry // the stream of the names' digest
}

func (msiFormat) toBeSigned(digest [sha256.Size]byte) (ToBeSigned, error) {
	return authenticode(ext.SPCSIPInfo(), func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) { // SpcSipInfo
			b.AddASN1Int64(1)
			b.AddASN1OctetString([]byte("\xf1\x10\x0c\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"))
			for range 5 {
				b.AddASN1Int64(0)
			}
		})
	}, digest)
}

// is: a compound file whose root has the class ID of a package, transform or patch.
func (msiFormat) is(r io.ReaderAt, size int64) bool {
	if !isCompound(r, size) {
		return false
	}
	head, err := readPart(r, 0, cfHeaderBytes, size)
	if err != nil {
		return false
	}
	shift := binary.LittleEndian.Uint16(head[30:])
	if shift != 9 && shift != 12 {
		return false
	}
	root, err := readPart(r, (int64(binary.LittleEndian.Uint32(head[48:]))+1)<<shift, cfEntryBytes, size)
	if err != nil {
		return false
	}
	e := cfEntry(root)
	id := e.classID()
	return (id[0] == 0x84 || id[0] == 0x82 || id[0] == 0x86) && string(id[1:]) == msiClassID
}

func (msiFormat) read(r io.ReaderAt, size int64) (body, error) {
	c, err := readCompound(r, size)
	if err != nil {
		return nil, err
	}
	f := &msiFile{r: r, size: size, c: c}
	entries, err := c.children(&c.entries[0], make([]bool, len(c.entries)))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		switch e.name() {
		case utf16Name(msiSignature):
			f.signed = e
		case utf16Name(msiSignatureEx):
			f.signedEx = e
		default:
			continue
		}
		if e.kind() != cfStream {
			return nil, refuse(SignatureHeader, -1, "the signature is no stream")
		}
	}
	switch {
	case f.signed == nil && f.signedEx == nil:
	case f.signed == nil || f.signedEx == nil:
		return nil, refuse(NamesUnsigned, -1, "it has one of the two streams of a signature")
	case f.signed.streamLen() == 0:
		return nil, refuse(SignatureEmpty, -1, "no bytes")
	case f.signed.streamLen() > MaxSignatureBytes:
		return nil, refuse(SignatureTooLarge, -1, "%d bytes, at most %d", f.signed.streamLen(), MaxSignatureBytes)
	case f.signedEx.streamLen() != sha256.Size:
		return nil, refuse(SignatureHeader, -1, "the names' digest has %d bytes", f.signedEx.streamLen())
	}
	return f, nil
}

// utf16Name is a name as directory entries have it.
func utf16Name(s string) string {
	var out []byte
	for _, c := range utf16.Encode([]rune(s + "\x00")) {
		out = binary.LittleEndian.AppendUint16(out, c)
	}
	return string(out)
}

// digest is the SHA-256 of the names' digest and then of all streams' content, storage
// by storage, each storage's class ID behind its streams.
func (f *msiFile) digest() ([sha256.Size]byte, error) {
	names, content := sha256.New(), sha256.New()
	if err := f.hash(names, io.Discard); err != nil {
		return [sha256.Size]byte{}, err
	}
	ex := names.Sum(nil)
	if f.signedEx != nil {
		var stands bytes.Buffer
		if err := f.c.walk().stream(&stands, f.signedEx); err != nil {
			return [sha256.Size]byte{}, err
		}
		if !bytes.Equal(stands.Bytes(), ex) {
			return [sha256.Size]byte{}, refuse(NamesUnsigned, -1, "names, sizes or times of its streams are not those that were signed")
		}
	}
	content.Write(ex)
	err := f.hash(io.Discard, content)
	return [sha256.Size]byte(content.Sum(nil)), err
}

// hash walks through the tree and writes what is under the two digests.
func (f *msiFile) hash(names, content io.Writer) error {
	c, err := f.walk(names, content)
	if err != nil || f.signed == nil || content == io.Discard {
		return err
	}
	if err := c.checkEnd(); err != nil {
		return err
	}
	return c.copied.checkBetween(c.r, c.size, marks())
}

// walk is hash without a look at what belongs to nothing, which the result tells.
func (f *msiFile) walk(names, content io.Writer) (*compound, error) {
	c := f.c.walk()
	for _, e := range []*cfEntry{f.signed, f.signedEx} {
		if e == nil {
			continue
		}
		// Read, so that no other stream can share its sectors.
		if err := c.stream(io.Discard, e); err != nil {
			return nil, err
		}
	}
	c.copied = nil // what follows is signed, those two are not
	w := msiWalk{c: c, seen: make([]bool, len(c.entries)), names: names, content: content}
	return c, w.storage(&c.entries[0], 0)
}

// checkEnd demands that a file does not go on behind the last sector that was read.
func (c *compound) checkEnd() error {
	last := len(c.used) - 1
	for last >= 0 && !c.used[last] {
		last--
	}
	if end := c.offset(uint32(last + 1)); end < c.size {
		return refuse(BytesAfterSignature, end, "%d bytes that belong to nothing", c.size-end)
	}
	return nil
}

type msiWalk struct {
	c              *compound
	seen           []bool
	names, content io.Writer
}

func (w msiWalk) storage(parent *cfEntry, depth int) error {
	if depth > maxStorageDepth {
		return refuse(TooManyMembers, -1, "storages nested deeper than %d", maxStorageDepth)
	}
	entries, err := w.c.children(parent, w.seen)
	if err != nil {
		return err
	}
	slices.SortFunc(entries, byName)
	if err := w.metadata(parent); err != nil {
		return err
	}
	for _, e := range entries {
		if depth == 0 && (e.name() == utf16Name(msiSignature) || e.name() == utf16Name(msiSignatureEx)) {
			continue
		}
		if e.kind() == cfStorage {
			err = w.storage(e, depth+1)
		} else if err = w.metadata(e); err == nil && w.content != io.Discard {
			err = w.c.stream(w.content, e)
		}
		if err != nil {
			return err
		}
	}
	_, err = w.content.Write(parent.classID())
	return err
}

// byName is the order in which Windows hashes: bytes of the names, and where one name
// begins with the other, the longer first.
func byName(a, b *cfEntry) int {
	x, y := a.name(), b.name()
	n := min(len(x), len(y))
	if d := cmp.Compare(x[:n], y[:n]); d != 0 {
		return d
	}
	return cmp.Compare(len(y), len(x))
}

// metadata writes what the names' digest has of an entry: name, class ID or size, state
// bits, times.
func (w msiWalk) metadata(e *cfEntry) error {
	var b []byte
	if e.kind() != cfRoot {
		b = append(b, e[:e.nameBytes()-2]...)
	}
	if e.kind() == cfStream {
		b = append(b, e[120:124]...)
	} else {
		b = append(b, e.classID()...)
	}
	b = append(b, e[96:100]...)
	if e.kind() != cfRoot {
		b = append(b, e[100:116]...)
	}
	_, err := w.names.Write(b)
	return err
}

func (f *msiFile) signature() ([]byte, error) {
	if f.signed == nil {
		return nil, nil
	}
	var out bytes.Buffer
	if err := f.c.walk().stream(&out, f.signed); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// write has a library put the two streams into a copy of the package.
func (f *msiFile) write(dst *os.File, signature []byte) (err error) {
	names := sha256.New()
	if err := f.hash(names, io.Discard); err != nil {
		return err
	}
	if len(f.c.mini) == 0 || len(f.c.miniFAT) == 0 {
		return refuse(BadHeader, -1, "it has no mini stream, where the names' digest belongs")
	}
	if err := copyPart(dst, f.r, 0, f.size); err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil { // the library trusts the tables it reads
			err = fmt.Errorf("write compound file: %v", r)
		}
	}()
	doc, err := comdoc.WriteFile(dst)
	if err != nil {
		return fmt.Errorf("write compound file: %w", err)
	}
	for _, s := range []struct {
		name    string
		content []byte
	}{{msiSignatureEx, names.Sum(nil)}, {msiSignature, signature}} {
		if err := doc.AddFile(s.name, s.content); err != nil {
			return fmt.Errorf("write compound file: %w", err)
		}
	}
	if err := doc.Close(); err != nil {
		return fmt.Errorf("write compound file: %w", err)
	}
	return clearFree(dst)
}

// clearFree overwrites what earlier versions of a package have left in sectors that belong to
// nothing now, such as the beginning of a cabinet: checkHidden would refuse it.
func clearFree(dst *os.File) error {
	info, err := dst.Stat()
	if err != nil {
		return err
	}
	written, err := (msiFormat{}).read(dst, info.Size())
	if err != nil {
		return fmt.Errorf("read what was written: %w", err)
	}
	all := struct{ io.Writer }{io.Discard} // is not io.Discard, for which streams are not read
	c, err := written.(*msiFile).walk(io.Discard, all)
	if err != nil {
		return fmt.Errorf("read what was written: %w", err)
	}
	zeros := make([]byte, 1<<c.shift)
	for i, used := range c.used {
		if at := c.offset(uint32(i)); !used {
			if _, err := dst.WriteAt(zeros[:min(int64(len(zeros)), c.size-at)], at); err != nil {
				return err
			}
		}
	}
	return nil
}
