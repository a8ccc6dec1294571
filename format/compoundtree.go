package format

import (
	"cmp"
	"encoding/binary"
	"unicode"
)

// node is an entry that a storage's tree leads to, and those that it must stand between.
type node struct {
	entry         uint32
	before, after *cfEntry // nil: there is none
}

// children returns the entries of a storage, in no order. seen are the entries that belong
// to a tree already.
//
// The tree must be in order, [MS-CFB] §2.6.4: who looks for one name goes down one branch,
// and does not see what we see in the other. Nothing signs the branches.
func (c *compound) children(parent *cfEntry, seen []bool) ([]*cfEntry, error) {
	var out []*cfEntry
	stack := []node{{entry: parent.child()}}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if n.entry == cfFree {
			continue
		}
		if int64(n.entry) >= int64(len(c.entries)) || seen[n.entry] {
			return nil, refuse(BadHeader, -1, "directory entry %d: absent, or in the tree twice", n.entry)
		}
		seen[n.entry] = true
		e := &c.entries[n.entry]
		switch {
		case !e.hasName():
			return nil, refuse(BadHeader, -1, "directory entry %d: its name is malformed", n.entry)
		case n.before != nil && n.before.compare(e) >= 0 || n.after != nil && e.compare(n.after) >= 0:
			return nil, refuse(BadHeader, -1, "directory entry %d: its name is another's, or not in its place", n.entry)
		case e.kind() != cfStream && e.kind() != cfStorage:
			return nil, refuse(BadHeader, -1, "directory entry %d: object of type %d", n.entry, e.kind())
		}
		out, stack = append(out, e), append(stack, node{e.left(), n.before, e}, node{e.right(), e, n.after})
	}
	return out, nil
}

// hasName reports whether an entry has a name of 1 to 31 characters that ends in its only
// NUL: some readers stop at the first.
func (e *cfEntry) hasName() bool {
	n := e.nameBytes()
	if n < 4 || n > 64 || n%2 != 0 {
		return false
	}
	for i := 0; i < n; i += 2 {
		if isNUL := e[i] == 0 && e[i+1] == 0; isNUL != (i == n-2) {
			return false
		}
	}
	return true
}

// compare puts names in the order of a tree: the shorter first, then by capital letters.
func (e *cfEntry) compare(other *cfEntry) int {
	if d := cmp.Compare(e.nameBytes(), other.nameBytes()); d != 0 {
		return d
	}
	for i := 0; i < e.nameBytes(); i += 2 {
		a, b := rune(binary.LittleEndian.Uint16(e[i:])), rune(binary.LittleEndian.Uint16(other[i:]))
		if d := cmp.Compare(unicode.ToUpper(a), unicode.ToUpper(b)); d != 0 {
			return d
		}
	}
	return 0
}
