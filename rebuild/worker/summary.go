package worker

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// summarize is our own short answer to how two files differ: sizes, the first byte, and
// what is in archives. It looks at the first maxCompared bytes.
func summarize(a, b string) (string, error) {
	first, err := os.Open(a)
	if err != nil {
		return "", err
	}
	defer first.Close()
	second, err := os.Open(b)
	if err != nil {
		return "", err
	}
	defer second.Close()
	var out strings.Builder
	d, err := compareBytes(first, second)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&out, "  sizes %d and %d, %d bytes differ, the first at offset %d%s\n", d.sizes[0], d.sizes[1], d.count, d.first, section(first, d.first))
	fmt.Fprintf(&out, "  - %s\n  + %s\n", window(first, d.first), window(second, d.first))
	one, kind := members(first)
	two, other := members(second)
	switch {
	case kind != other:
		fmt.Fprintf(&out, "  one is %s, the other %s\n", orFile(kind), orFile(other))
	case kind != "":
		fmt.Fprintf(&out, "  %s:\n", kind)
		compareMembers(&out, one, two)
	default:
		compareLines(&out, first, second)
	}
	return out.String(), nil
}

func orFile(kind string) string {
	if kind == "" {
		return "no archive"
	}
	return "an archive (" + kind + ")"
}

// difference is that of two byte sequences.
type difference struct {
	sizes        [2]int64
	first, count int64
}

func compareBytes(a, b *os.File) (difference, error) {
	d := difference{first: -1}
	for i, f := range []*os.File{a, b} {
		info, err := f.Stat()
		if err != nil {
			return d, err
		}
		d.sizes[i] = info.Size()
	}
	one, two := bufio.NewReader(io.NewSectionReader(a, 0, maxCompared)), bufio.NewReader(io.NewSectionReader(b, 0, maxCompared))
	for at := int64(0); ; at++ {
		x, err1 := one.ReadByte()
		y, err2 := two.ReadByte()
		if err1 != nil || err2 != nil {
			if d.first < 0 {
				d.first = at // one is the beginning of the other
			}
			d.count += max(d.sizes[0], d.sizes[1]) - min(d.sizes[0], d.sizes[1])
			return d, nil
		}
		if x != y {
			if d.count++; d.first < 0 {
				d.first = at
			}
		}
	}
}

// window shows the bytes around an offset.
func window(f *os.File, at int64) string {
	const before, length = 16, 48
	buf := make([]byte, length)
	n, _ := f.ReadAt(buf, max(0, at-before))
	return fmt.Sprintf("%q", buf[:n])
}

// section names the section of an ELF file that an offset is in.
func section(f *os.File, at int64) string {
	e, err := elf.NewFile(f)
	if err != nil {
		return ""
	}
	for _, s := range e.Sections {
		if s.Type != elf.SHT_NOBITS && s.Type != elf.SHT_NULL && uint64(at) >= s.Offset && uint64(at)-s.Offset < s.FileSize {
			return fmt.Sprintf(" in section %.40q", s.Name)
		}
	}
	return ""
}

// part is a member of an archive.
type part struct {
	name, rest string // rest: mode, owner, time
	sum        [sha256.Size]byte
	size       int64
}

// members lists an archive; kind is empty when it is none that we know.
func members(f *os.File) (list []part, kind string) {
	head := make([]byte, 512)
	n, _ := f.ReadAt(head, 0)
	head = head[:n]
	all := io.NewSectionReader(f, 0, maxCompared)
	switch {
	case bytes.HasPrefix(head, []byte(arMagic)):
		return arMembers(all), "ar"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return zipMembers(f), "zip"
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		z, err := gzip.NewReader(all)
		if err != nil {
			return nil, ""
		}
		if list := tarMembers(io.LimitReader(z, maxCompared)); len(list) > 0 {
			return list, "tar in gzip"
		}
		return nil, ""
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return tarMembers(all), "tar"
	}
	return nil, ""
}

const arMagic = "!<arch>\n"

// arMembers reads ar(5) headers: name, time, owner, group, mode, size, end.
func arMembers(r io.Reader) []part {
	in := bufio.NewReader(r)
	_, _ = in.Discard(len(arMagic))
	var out []part
	for header := make([]byte, 60); len(out) < maxMembers; {
		if _, err := io.ReadFull(in, header); err != nil {
			return out
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(header[48:58])), 10, 64)
		if err != nil || size < 0 {
			return out
		}
		p := part{name: strings.TrimSpace(string(header[:16])), rest: strings.Join(strings.Fields(string(header[16:48])), " "), size: size}
		hash := sha256.New()
		if _, err := io.CopyN(hash, in, size); err != nil {
			return out
		}
		hash.Sum(p.sum[:0])
		out = append(out, p)
		_, _ = in.Discard(int(size % 2))
	}
	return out
}

func tarMembers(r io.Reader) []part {
	archive := tar.NewReader(r)
	var out []part
	left := int64(maxCompared) // a sparse file has as many bytes as it says
	for len(out) < maxMembers && left > 0 {
		h, err := archive.Next()
		if err != nil {
			return out
		}
		p := part{name: h.Name, size: h.Size, rest: fmt.Sprintf("%o %s:%s %s %s", h.Mode, h.Uname, h.Gname, h.ModTime.UTC().Format("2006-01-02T15:04:05Z"), h.Linkname)}
		hash := sha256.New()
		n, err := io.Copy(hash, io.LimitReader(archive, left))
		if err != nil {
			return out
		}
		left -= n
		hash.Sum(p.sum[:0])
		out = append(out, p)
	}
	return out
}

func zipMembers(f *os.File) []part {
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	archive, err := zip.NewReader(f, info.Size())
	if err != nil {
		return nil
	}
	var out []part
	left := int64(maxCompared)
	for _, z := range archive.File {
		if len(out) == maxMembers || left <= 0 {
			break
		}
		p := part{name: z.Name, size: int64(z.UncompressedSize64), rest: fmt.Sprintf("%s %s", z.Mode(), z.Modified.UTC().Format("2006-01-02T15:04:05Z"))}
		if body, err := z.Open(); err == nil {
			hash := sha256.New()
			n, _ := io.Copy(hash, io.LimitReader(body, left))
			left -= n
			hash.Sum(p.sum[:0])
			body.Close()
		}
		out = append(out, p)
	}
	return out
}

// compareMembers says which members differ, and whether only their order does.
func compareMembers(out *strings.Builder, a, b []part) {
	names := func(list []part) []string {
		var out []string
		for _, p := range list {
			out = append(out, p.name)
		}
		return out
	}
	before := out.Len()
	shown := 0
	say := func(format string, args ...any) {
		if shown++; shown <= maxShown {
			fmt.Fprintf(out, "    "+format+"\n", args...)
		}
	}
	other := map[string]part{}
	for _, p := range b {
		other[p.name] = p
	}
	for _, p := range a {
		q, ok := other[p.name]
		switch {
		case !ok:
			say("- %.200s (%d bytes) is in the first only", p.name, p.size)
		case p.sum != q.sum:
			say("! %.200s: content differs (%d and %d bytes)", p.name, p.size, q.size)
		case p.rest != q.rest:
			say("! %.200s: %s, and %s", p.name, p.rest, q.rest)
		}
		delete(other, p.name)
	}
	for _, p := range b {
		if _, ok := other[p.name]; ok {
			say("+ %.200s (%d bytes) is in the second only", p.name, p.size)
		}
	}
	if shown > maxShown {
		fmt.Fprintf(out, "    … and %d more\n", shown-maxShown)
	}
	switch {
	case out.Len() > before:
	case !slices.Equal(names(a), names(b)):
		out.WriteString("    the same members in another order\n")
	default:
		out.WriteString("    the same members: the container differs (compression, padding, headers)\n")
	}
}

// compareLines shows the first lines in which two texts differ.
func compareLines(out *strings.Builder, a, b *os.File) {
	const most = 1 << 20
	one, err1 := io.ReadAll(io.NewSectionReader(a, 0, most))
	two, err2 := io.ReadAll(io.NewSectionReader(b, 0, most))
	if errors.Join(err1, err2) != nil || !utf8.Valid(one) || !utf8.Valid(two) || bytes.IndexByte(one, 0) >= 0 || bytes.IndexByte(two, 0) >= 0 {
		return
	}
	x, y := strings.Split(string(one), "\n"), strings.Split(string(two), "\n")
	shown := 0
	for i := range max(len(x), len(y)) {
		var left, right string
		if i < len(x) {
			left = x[i]
		}
		if i < len(y) {
			right = y[i]
		}
		if left == right {
			continue
		}
		if shown++; shown > maxShown {
			out.WriteString("    …\n")
			return
		}
		fmt.Fprintf(out, "    line %d\n    - %.400s\n    + %.400s\n", i+1, left, right)
	}
}
