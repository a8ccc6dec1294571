package format

import (
	"archive/tar"
	"fmt"
	"path"
	"strings"
)

// checkControlEntry refuses entries of a control member that dpkg may take for another
// file than we do. dpkg has GNU tar unpack it, which follows links that it has just
// unpacked, knows kinds of entries that the library does not, and takes a name from the
// other place where two are given. Packages need none of that: dpkg itself wants files
// in one folder, without folders in it.
func checkControlEntry(h *tar.Header) error {
	name := path.Clean("/" + h.Name)
	switch {
	case h.Typeflag == tar.TypeDir && name == "/" && h.Size == 0:
	case h.Typeflag != tar.TypeReg:
		return fmt.Errorf("entry %.80q of type %q: want files in one folder", h.Name, h.Typeflag)
	case name == "/" || strings.Contains(name[1:], "/"):
		return fmt.Errorf("entry %.80q is not in the archive's own folder", h.Name)
	}
	for key := range h.PAXRecords {
		if key == "path" || key == "size" || strings.HasPrefix(key, "GNU.") {
			return fmt.Errorf("entry %.80q has its %.40q in a second place", h.Name, key)
		}
	}
	return nil
}
