package install

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/hallmark-pki/hallmark/verify"
)

// Owners are the user numbers that may be able to change a file on the way between the
// verdict and the unpacking, because they could do so to the machine as well: root, and
// whoever runs this program.
func Owners() []uint32 {
	owners := []uint32{0}
	if me := uint32(os.Geteuid()); me != 0 {
		owners = append(owners, me)
	}
	return owners
}

// CheckPath makes sure that nobody but the owners can change what a path means or what is
// in its file: every folder, link and the file itself belongs to an owner, and none is
// writable by group or others. A folder that is, but has its sticky bit set (like /tmp),
// will do as long as what is looked up in it belongs to an owner. The error is a
// verify.Reason: FileReplaceable, or FileUnreadable if the file is not there or no file.
//
// Access control lists need no look of their own: the rights they give to others are
// limited by what stat(2) shows as those of the group (acl(5)). What this cannot see is a
// writer from before, who opened the file while it was still his.
func CheckPath(path string, owners []uint32) error {
	if !filepath.IsAbs(path) {
		here, err := os.Getwd()
		if err != nil {
			return unreadable("%v", err)
		}
		path = here + "/" + path // not cleaned: "link/.." is not where the link stands
	}
	w := walk{owners: owners}
	info, err := w.resolve(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return unreadable("%s is not a regular file", path)
	}
	return nil
}

// walk follows a path the way the kernel does, looking at each step.
type walk struct {
	owners []uint32
	links  int
	at     string      // where it stands
	folder fs.FileInfo // of at
}

func (w *walk) resolve(path string) (fs.FileInfo, error) {
	if err := w.restart(); err != nil {
		return nil, err
	}
	last, todo := w.folder, parts(path)
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		next := filepath.Join(w.at, name) // ".." is resolved here: w.at has no links in it
		info, err := w.look(next, name == "..")
		if err != nil {
			return nil, err
		}
		last = info
		if info.Mode()&fs.ModeSymlink == 0 {
			w.at, w.folder = next, info
			continue
		}
		if w.links++; w.links > maxLinks {
			return nil, unreadable("%s: more than %d symbolic links", path, maxLinks)
		}
		target, err := os.Readlink(next)
		if err != nil {
			return nil, unreadable("%v", err)
		}
		if filepath.IsAbs(target) {
			if err := w.restart(); err != nil {
				return nil, err
			}
		}
		todo = slices.Concat(parts(target), todo)
		last = w.folder
	}
	return last, nil
}

func (w *walk) restart() error {
	info, err := w.look("/", true)
	w.at, w.folder = "/", info
	return err
}

// look checks one entry of the folder that the walk stands in.
func (w *walk) look(path string, upwards bool) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, unreadable("%v", err)
	}
	owner, ok := ownerOf(info)
	if !ok {
		return nil, unreadable("%s: no owner is known", path)
	}
	switch {
	case !slices.Contains(w.owners, owner):
		return nil, replaceable("%s belongs to user %d", path, owner)
	case !upwards && !w.folder.IsDir():
		return nil, unreadable("%s is not a folder", w.at)
	case info.Mode()&fs.ModeSymlink != 0:
		return info, nil // a link's own mode means nothing
	case info.Mode().Perm()&0o022 != 0 && (!info.IsDir() || info.Mode()&fs.ModeSticky == 0):
		return nil, replaceable("%s is writable by others than its owner (mode %04o)", path, info.Mode().Perm())
	}
	return info, nil
}

func parts(path string) []string {
	var out []string
	for _, p := range strings.Split(path, "/") {
		if p != "" && p != "." {
			out = append(out, p)
		}
	}
	return out
}

func ownerOf(info fs.FileInfo) (uint32, bool) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Uid, true
	}
	return 0, false
}

func replaceable(format string, args ...any) error {
	return verify.Reason{Code: verify.FileReplaceable, Detail: fmt.Sprintf(format, args...)}
}

func unreadable(format string, args ...any) error {
	return verify.Reason{Code: verify.FileUnreadable, Detail: fmt.Sprintf(format, args...)}
}
