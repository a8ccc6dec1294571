package format

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	arMagic      = "!<arch>\n"
	headerBytes  = 60
	headerEnd    = "`\n"
	firstMember  = "debian-binary"
	memberName   = "_hallmark.p7s"
	memberPrefix = "_hallmark.p7s   0           0     0     100644  "
)

// The header's fields, ar(5): name, then mtime, uid, gid in decimal, mode in
// octal, size in decimal; all left-justified and padded with spaces.
const (
	nameEnd  = 16
	mtimeEnd = 28
	uidEnd   = 34
	gidEnd   = 40
	modeEnd  = 48
	sizeEnd  = 58
)

// member is one ar member.
type member struct {
	name   string // without padding and without GNU ar's closing slash
	offset int64  // of the header
	size   int64  // of the body
	header [headerBytes]byte
}

func (m member) body() int64 { return m.offset + headerBytes }

// end is where the next header stands: member bodies are padded to an even size.
func (m member) end() int64 { return m.body() + m.size + m.size%2 }

// isDeb reports whether a file that begins with head is a Debian package.
func isDeb(head []byte) bool {
	if len(head) < len(arMagic)+headerBytes || string(head[:len(arMagic)]) != arMagic {
		return false
	}
	return trimName(head[len(arMagic):len(arMagic)+nameEnd]) == firstMember
}

// trimName undoes the padding the way dpkg does, so that both mean the same member.
func trimName(field []byte) string {
	return strings.TrimSuffix(strings.TrimRight(string(field), " "), "/")
}

// readMember reads the member whose header stands at offset of a file of size
// bytes, and checks that header, body and padding lie inside it.
func readMember(r io.ReaderAt, offset, size int64) (member, error) {
	m := member{offset: offset}
	if err := readFullAt(r, m.header[:], offset); err != nil {
		return member{}, err
	}
	if err := checkHeader(m.header[:], offset); err != nil {
		return member{}, err
	}
	m.name = trimName(m.header[:nameEnd])
	n, err := strconv.ParseInt(strings.TrimRight(string(m.header[modeEnd:sizeEnd]), " "), 10, 64)
	if err != nil {
		return member{}, refuse(BadHeader, offset, "size %q", m.header[modeEnd:sizeEnd])
	}
	m.size = n
	if m.body()+m.size > size {
		return member{}, refuse(Truncated, offset, "member %q of %d bytes, file of %d", m.name, m.size, size)
	}
	if m.size%2 == 1 {
		return m, checkPadding(r, m, size)
	}
	return m, nil
}

func checkPadding(r io.ReaderAt, m member, size int64) error {
	if m.end() > size {
		return refuse(BadPadding, m.end()-1, "member %q of odd size ends the file unpadded", m.name)
	}
	var pad [1]byte
	if err := readFullAt(r, pad[:], m.end()-1); err != nil {
		return err
	}
	if pad[0] != '\n' {
		return refuse(BadPadding, m.end()-1, "byte 0x%02x after member %q", pad[0], m.name)
	}
	return nil
}

func checkHeader(h []byte, offset int64) error {
	if string(h[sizeEnd:]) != headerEnd {
		return refuse(BadHeader, offset, "no end mark")
	}
	name := bytes.TrimRight(h[:nameEnd], " ")
	// "/" and "#1/" begin the long-name schemes of GNU and BSD ar, which deb(5) does not have.
	if len(name) == 0 || name[0] == '/' || bytes.HasPrefix(name, []byte("#1/")) {
		return refuse(BadHeader, offset, "name %q", h[:nameEnd])
	}
	for _, c := range name {
		if c < 0x20 || c > 0x7e {
			return refuse(BadHeader, offset, "name %q", h[:nameEnd])
		}
	}
	for _, f := range []struct {
		name       string
		from, to   int
		max        byte
		allowBlank bool // dpkg never reads these, and packages with blank ones exist
	}{
		{"mtime", nameEnd, mtimeEnd, '9', true},
		{"uid", mtimeEnd, uidEnd, '9', true},
		{"gid", uidEnd, gidEnd, '9', true},
		{"mode", gidEnd, modeEnd, '7', true},
		{"size", modeEnd, sizeEnd, '9', false},
	} {
		digits := bytes.TrimRight(h[f.from:f.to], " ")
		if len(digits) == 0 && !f.allowBlank {
			return refuse(BadHeader, offset, "%s is blank", f.name)
		}
		for _, c := range digits {
			if c < '0' || c > f.max {
				return refuse(BadHeader, offset, "%s %q", f.name, h[f.from:f.to])
			}
		}
	}
	return nil
}

// signatureHeader is the only header a signature of n bytes may have.
func signatureHeader(n int) []byte {
	return fmt.Appendf(nil, "%s%-10d%s", memberPrefix, n, headerEnd)
}

// appendMember appends the signature's member to b: header, body, padding.
func appendMember(b, signature []byte) []byte {
	b = append(b, signatureHeader(len(signature))...)
	b = append(b, signature...)
	if len(signature)%2 == 1 {
		b = append(b, '\n')
	}
	return b
}

func readFullAt(r io.ReaderAt, b []byte, offset int64) error {
	n, err := r.ReadAt(b, offset)
	if n == len(b) {
		return nil
	}
	if err == io.EOF {
		return refuse(Changed, offset, "file became shorter while being read")
	}
	return err
}
