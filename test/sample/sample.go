// Package sample answers: is there a small file of each format at hand? It makes what the
// formats of package format take, around a text of the caller's, so that tests do without
// other projects' files.
package sample

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
)

// Program is a small Windows program, PE32 with one section. It does not run.
func Program(payload []byte) []byte {
	const align = 0x200
	b := make([]byte, align)
	word := binary.LittleEndian
	copy(b, "MZ")
	word.PutUint32(b[0x3c:], 64)
	copy(b[64:], "PE\x00\x00")
	word.PutUint16(b[68:], 0x14c) // i386
	word.PutUint16(b[70:], 1)     // sections
	word.PutUint16(b[84:], 224)   // of the optional header
	word.PutUint16(b[86:], 0x102) // executable, 32 bits
	optional := b[88:]
	word.PutUint16(optional, 0x10b)
	word.PutUint32(optional[28:], 0x400000)
	word.PutUint32(optional[32:], 0x1000)
	word.PutUint32(optional[36:], align)
	word.PutUint32(optional[56:], 0x2000)
	word.PutUint32(optional[60:], align) // of the headers
	word.PutUint16(optional[68:], 3)     // console
	word.PutUint32(optional[92:], 16)    // data directories
	section := optional[224:]
	size := (len(payload) + align) / align * align
	copy(section, ".text")
	word.PutUint32(section[8:], uint32(size))
	word.PutUint32(section[12:], 0x1000)
	word.PutUint32(section[16:], uint32(size))
	word.PutUint32(section[20:], align)
	return append(append(b, payload...), make([]byte, size-len(payload))...)
}

// Cabinet is a small cabinet of one file that is not compressed.
func Cabinet(payload []byte) []byte {
	word := binary.LittleEndian
	files := make([]byte, 16)
	word.PutUint32(files, uint32(len(payload)))
	files = append(files, "hello.txt\x00"...)
	data := make([]byte, 8)
	word.PutUint16(data[4:], uint16(len(payload)))
	word.PutUint16(data[6:], uint16(len(payload)))
	b := make([]byte, 44)
	copy(b, "MSCF")
	word.PutUint32(b[8:], uint32(len(b)+len(files)+len(data)+len(payload)))
	word.PutUint32(b[16:], uint32(len(b)))
	b[24], b[25] = 3, 1
	word.PutUint16(b[26:], 1)
	word.PutUint16(b[28:], 1)
	word.PutUint32(b[36:], uint32(len(b)+len(files)))
	word.PutUint16(b[40:], 1)
	return append(append(append(b, files...), data...), payload...)
}

// Archive is a small Java archive of one file.
func Archive(payload []byte) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, e := range []struct {
		name    string
		content []byte
	}{{"META-INF/MANIFEST.MF", []byte("Manifest-Version: 1.0\r\n\r\n")}, {"hello.txt", payload}} {
		f, err := w.Create(e.name)
		if err == nil {
			_, err = f.Write(e.content)
		}
		if err != nil {
			panic(err) // memory does not fail
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// Installer is a small Windows installer package: a compound file, [MS-CFB] version 3,
// with the class ID of such packages and one stream of at most 64 bytes, which is in the
// mini stream.
func Installer(payload []byte) []byte {
	const sector, mini, none, end = 512, 64, 0xffffffff, 0xfffffffe
	b := make([]byte, 5*sector) // header, allocation table, directory, mini table, mini stream
	word := binary.LittleEndian
	copy(b, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
	for at, v := range map[int]uint16{24: 0x3e, 26: 3, 28: 0xfffe, 30: 9, 32: 6} {
		word.PutUint16(b[at:], v)
	}
	for at, v := range map[int]uint32{44: 1, 48: 1, 56: 4096, 60: 2, 64: 1, 68: end} {
		word.PutUint32(b[at:], v)
	}
	for i := 1; i < 109; i++ { // the table has one sector, number 0
		word.PutUint32(b[76+4*i:], none)
	}
	table, directory, small := b[sector:], b[2*sector:], b[3*sector:]
	for i := range sector / 4 {
		word.PutUint32(table[4*i:], none)
		word.PutUint32(small[4*i:], none)
	}
	for i, next := range []uint32{0xfffffffd, end, end, end} {
		word.PutUint32(table[4*i:], next)
	}
	word.PutUint32(small, end)
	for i, name := range []string{"Root Entry", "Payload", "", ""} {
		e := directory[128*i:]
		for k, c := range name {
			word.PutUint16(e[2*k:], uint16(c))
		}
		for _, at := range []int{68, 72, 76} { // beside and below
			word.PutUint32(e[at:], none)
		}
		if name != "" {
			word.PutUint16(e[64:], uint16(2*len(name)+2))
			e[67] = 1
		}
	}
	root, entry := directory, directory[128:]
	root[66], entry[66] = 5, 2
	word.PutUint32(root[76:], 1)
	copy(root[80:], "\x84\x10\x0c\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46")
	word.PutUint32(root[116:], 3)
	word.PutUint32(root[120:], mini)
	word.PutUint32(entry[120:], uint32(min(len(payload), mini)))
	copy(b[4*sector:4*sector+mini], payload)
	return b
}
