package format

import (
	"fmt"
	"io"
)

// Members returns the names of the ar members of the Debian package at path, in their
// order. It reads headers alone. For a file that Open does not call Deb it returns an
// *Error with UnknownFormat: dpkg also unpacks packages in the format from before 1995,
// which nothing here signs.
func Members(path string) ([]string, error) {
	f, info, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := readNames(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return names, nil
}

func readNames(r io.ReaderAt, size int64) ([]string, error) {
	head := make([]byte, len(arMagic)+headerBytes)
	if size < int64(len(head)) {
		return nil, refuse(UnknownFormat, 0, "not a Debian package")
	}
	if err := readFullAt(r, head, 0); err != nil {
		return nil, err
	}
	if !isDeb(head) {
		return nil, refuse(UnknownFormat, 0, "not a Debian package")
	}
	var names []string
	for at := int64(len(arMagic)); at < size; {
		if len(names) == maxMembers {
			return nil, refuse(TooManyMembers, at, "more than %d", maxMembers)
		}
		if size-at < headerBytes {
			return nil, refuse(TrailingBytes, at, "%d bytes after the last member", size-at)
		}
		m, err := readMember(r, at, size)
		if err != nil {
			return nil, err
		}
		names = append(names, m.name)
		at = m.end()
	}
	return names, nil
}
