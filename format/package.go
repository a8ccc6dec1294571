package format

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Package is what a package says about itself.
type Package struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	Architecture string `json:"architecture"`
}

// Package reads what a Debian package says about itself, from the very bytes whose
// digest is Digests(): its control member is kept while they are hashed. It is zero for
// every other kind of file. A package that dpkg would read otherwise than we do, or not
// at all, gives an *Error with reason BadControl.
func (f *File) Package() (Package, error) {
	if f.Kind != Deb {
		return Package{}, nil
	}
	p, err := f.readPackage()
	if err != nil {
		return Package{}, fmt.Errorf("package %s: %w", f.Path, err)
	}
	return p, nil
}

func (f *File) readPackage() (Package, error) {
	m, err := findControl(f.f, f.layout.signed)
	if err != nil {
		return Package{}, err
	}
	w := &window{from: m.body(), to: m.body() + m.size}
	digest, err := f.copySigned(w)
	if err != nil {
		return Package{}, err
	}
	if f.digests == nil {
		f.digests = &Digests{digest, digest}
	} else if f.digests.SHA256 != digest {
		return Package{}, refuse(Changed, -1, "file changed while being read")
	}
	if int64(w.kept.Len()) != m.size {
		return Package{}, refuse(Changed, m.offset, "the control member became shorter")
	}
	control, err := readControl(m.name, w.kept.Bytes())
	if err != nil {
		return Package{}, refuse(BadControl, m.offset, "%v", err)
	}
	p, err := parseControl(control)
	if err != nil {
		return Package{}, refuse(BadControl, m.offset, "%v", err)
	}
	return p, nil
}

// window keeps the bytes from one offset to another of what is written to it.
type window struct {
	at, from, to int64
	kept         bytes.Buffer
}

func (w *window) Write(p []byte) (int, error) {
	begin, end := max(w.from-w.at, 0), min(w.to-w.at, int64(len(p)))
	if begin < end {
		w.kept.Write(p[begin:end])
	}
	w.at += int64(len(p))
	return len(p), nil
}

// findControl finds the control member as dpkg does, deb(5): the first one after
// debian-binary whose name does not begin with an underscore. There is only one of that
// name.
func findControl(r io.ReaderAt, size int64) (member, error) {
	var found member
	for at, n := int64(len(arMagic)), 0; at < size; n++ {
		if n == maxMembers {
			return member{}, refuse(TooManyMembers, at, "more than %d", maxMembers)
		}
		m, err := readMember(r, at, size)
		if err != nil {
			return member{}, err
		}
		at = m.end()
		isControl := strings.HasPrefix(m.name, "control.tar")
		switch {
		case n == 0 || strings.HasPrefix(m.name, "_"):
		case found.name == "" && !isControl:
			return member{}, refuse(BadControl, m.offset, "member %q where the control member should be", m.name)
		case found.name == "":
			found = m
		case isControl:
			return member{}, refuse(BadControl, m.offset, "a second control member, %q", m.name)
		}
	}
	switch {
	case found.name == "":
		return member{}, refuse(BadControl, -1, "no control member")
	case found.size > maxControlMember:
		return member{}, refuse(BadControl, found.offset, "control member of %d bytes, at most %d", found.size, maxControlMember)
	}
	return found, nil
}

// readControl unpacks the file "control". Every entry is looked at: of two with that
// name the last one would be what dpkg gets, and one that dpkg's tar might call so is
// refused by checkControlEntry.
func readControl(name string, raw []byte) ([]byte, error) {
	r, err := unpack(name, raw)
	if err != nil {
		return nil, err
	}
	limited := &io.LimitedReader{R: r, N: maxControlTar}
	t := tar.NewReader(limited)
	var control []byte
	for {
		h, err := t.Next()
		if limited.N <= 0 {
			return nil, fmt.Errorf("unpacks to more than %d bytes", maxControlTar)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := checkControlEntry(h); err != nil {
			return nil, err
		}
		if path.Clean("/"+h.Name) != "/control" {
			continue
		}
		switch {
		case control != nil:
			return nil, errors.New("two files \"control\"")
		case h.Typeflag != tar.TypeReg:
			return nil, errors.New("\"control\" is no regular file")
		case h.Size == 0 || h.Size > maxControlFile:
			return nil, fmt.Errorf("\"control\" has %d bytes, want 1 to %d", h.Size, maxControlFile)
		}
		if control, err = io.ReadAll(t); err != nil {
			return nil, err
		}
	}
	// To the end, where checksums stand and further streams would begin.
	if _, err := io.Copy(io.Discard, limited); err != nil {
		return nil, err
	}
	switch {
	case limited.N <= 0:
		return nil, fmt.Errorf("unpacks to more than %d bytes", maxControlTar)
	case control == nil:
		return nil, errors.New("no file \"control\"")
	}
	return control, nil
}

// unpack returns the archive in a control member: the compressions that dpkg reads.
func unpack(name string, raw []byte) (io.Reader, error) {
	switch name {
	case "control.tar":
		return bytes.NewReader(raw), nil
	case "control.tar.gz":
		return gzip.NewReader(bytes.NewReader(raw))
	case "control.tar.xz":
		return newXZ(raw)
	case "control.tar.zst":
		d, err := zstd.NewReader(bytes.NewReader(raw), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxDictionary), zstd.WithDecoderMaxMemory(maxControlTar))
		if err != nil {
			return nil, err
		}
		return d, nil
	}
	return nil, fmt.Errorf("member %.32q: compression unknown", name)
}
