package ext

import (
	"fmt"
	"testing"
)

// node is a DER value taken apart, so that a test can break one thing in it and have all
// the lengths around it right again.
type node struct {
	tag  byte
	kids []*node // of a constructed value
	body []byte  // of a primitive one
	raw  []byte  // if set, stands for the whole value
}

// grow takes one value apart.
func grow(t testing.TB, der []byte) *node {
	t.Helper()
	n, rest := growOne(t, der)
	if len(rest) > 0 {
		t.Fatalf("%d bytes after the value", len(rest))
	}
	return n
}

func growOne(t testing.TB, der []byte) (*node, []byte) {
	t.Helper()
	if len(der) < 2 {
		t.Fatalf("short value % x", der)
	}
	length, head := int(der[1]), 2
	if length >= 0x80 {
		octets := length & 0x7f
		length = 0
		for _, b := range der[2 : 2+octets] {
			length = length<<8 | int(b)
		}
		head += octets
	}
	n := &node{tag: der[0]}
	content, rest := der[head:head+length], der[head+length:]
	if n.tag&0x20 == 0 {
		n.body = content
		return n, rest
	}
	for len(content) > 0 {
		var kid *node
		kid, content = growOne(t, content)
		n.kids = append(n.kids, kid)
	}
	return n, rest
}

// at walks down by position.
func (n *node) at(path ...int) *node {
	for _, i := range path {
		n = n.kids[i]
	}
	return n
}

// der prints the value.
func (n *node) der() []byte {
	if n.raw != nil {
		return n.raw
	}
	content := n.body
	for _, kid := range n.kids {
		content = append(content[:len(content):len(content)], kid.der()...)
	}
	return append(header(n.tag, len(content)), content...)
}

// header prints a tag and a DER length.
func header(tag byte, length int) []byte {
	switch {
	case length < 0x80:
		return []byte{tag, byte(length)}
	case length < 0x100:
		return []byte{tag, 0x81, byte(length)}
	case length < 0x10000:
		return []byte{tag, 0x82, byte(length >> 8), byte(length)}
	case length < 0x1000000:
		return []byte{tag, 0x83, byte(length >> 16), byte(length >> 8), byte(length)}
	}
	panic(fmt.Sprintf("length %d", length))
}

func TestTreePrintsWhatItRead(t *testing.T) {
	for _, g := range goldenValues(t) {
		sameBytes(t, grow(t, g.der).der(), g.der)
	}
}
