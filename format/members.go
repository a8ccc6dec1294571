package format

import "fmt"

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
	head := make([]byte, len(arMagic)+headerBytes)
	if info.Size() < int64(len(head)) {
		return nil, fmt.Errorf("%s: %w", path, refuse(UnknownFormat, 0, "not a Debian package"))
	}
	if err := readFullAt(f, head, 0); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !isDeb(head) {
		return nil, fmt.Errorf("%s: %w", path, refuse(UnknownFormat, 0, "not a Debian package"))
	}
	var names []string
	for at := int64(len(arMagic)); at < info.Size(); {
		if len(names) == maxMembers {
			return nil, fmt.Errorf("%s: %w", path, refuse(TooManyMembers, at, "more than %d", maxMembers))
		}
		if info.Size()-at < headerBytes {
			return nil, fmt.Errorf("%s: %w", path, refuse(TrailingBytes, at, "%d bytes after the last member", info.Size()-at))
		}
		m, err := readMember(f, at, info.Size())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		names = append(names, m.name)
		at = m.end()
	}
	return names, nil
}
