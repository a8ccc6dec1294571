package installed

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/durable"
)

// Write records an installation in the folder dir, which it makes if need be. When it
// returns nil the record is on disk; when it does not, the old one is as it was.
//
// A file that is there and cannot be read as a record is replaced: an installation must
// not fail because somebody damaged a note about an earlier one.
//
// Writers of the same package must not run at once: package managers hold a lock
// while they ask.
func Write(dir string, r Record) error {
	r.At = r.At.UTC()
	if err := r.check(); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("record of %s: %w", r.Package, err)
	}
	old, err := Read(os.DirFS(dir), r.Package)
	if err != nil {
		old = History{}
	}
	raw, err := old.with(r).Marshal()
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, r.file()), raw, 0o644)
}

// Read returns what is recorded of a package, whatever version is asked for. The error
// is fs.ErrNotExist if nothing is.
func Read(dir fs.FS, p Package) (History, error) {
	if p.Version == "" {
		p.Version = "0" // any version will do for the name's check
	}
	if err := p.Check(); err != nil {
		return History{}, err
	}
	raw, err := readFile(dir, p.file(), maxHistory)
	if err != nil {
		return History{}, err
	}
	h, err := ParseHistory(raw)
	if err != nil {
		return History{}, fmt.Errorf("%s: %w", p.file(), err)
	}
	if h.Key() != p.Key() {
		// A copy under another package's name would speak for it.
		return History{}, fmt.Errorf("%s: holds the record of %s", p.file(), h.Key())
	}
	return h, nil
}

// Records opens the folder of records of the machine whose root folder is root: dir as
// that machine has it. In a root folder other than "/" no link leads out of it. Without a
// folder nothing is recorded. Close it when done.
func Records(root, dir string) (fs.FS, func() error, error) {
	nothing := func() error { return nil }
	if filepath.Clean(root) == "/" {
		return os.DirFS(dir), nothing, nil
	}
	outer, err := os.OpenRoot(root)
	if err != nil {
		return nil, nil, err
	}
	defer outer.Close()
	inner, err := outer.OpenRoot(strings.TrimLeft(filepath.Clean(dir), "/"))
	if errors.Is(err, fs.ErrNotExist) {
		return embed.FS{}, nothing, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return inner.FS(), inner.Close, nil
}

// List returns the packages of which something is recorded, without versions, in the
// order of their file names. Files that are no records by their name, such as what a
// crash in the middle of a Write leaves, are passed over. No folder is an empty one.
func List(dir fs.FS) ([]Package, error) {
	entries, err := readDir(dir, ".", maxRecords)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	var out []Package
	for _, e := range entries {
		if p, ok := parseFileName(e.Name()); ok {
			out = append(out, p)
		}
	}
	return out, nil
}

func parseFileName(name string) (Package, bool) {
	stem, ok := strings.CutSuffix(name, ".json")
	parts := strings.Split(stem, ":")
	if !ok || len(parts) != 3 {
		return Package{}, false
	}
	p := Package{Manager: Manager(parts[0]), Name: parts[1], Version: "0", Architecture: parts[2]}
	return p.Key(), p.Check() == nil
}

// readFile reads a regular file of at most max bytes. A pipe or device in its place
// would be read for ever.
func readFile(dir fs.FS, name string, max int64) ([]byte, error) {
	f, err := openRegular(dir, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(raw)) > max {
		return nil, fmt.Errorf("%s: more than %d bytes", name, max)
	}
	return raw, nil
}

func openRegular(dir fs.FS, name string) (fs.File, error) {
	info, err := fs.Stat(dir, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", name)
	}
	return dir.Open(name)
}

// readDir lists at most max entries, sorted by name.
func readDir(dir fs.FS, name string, max int) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(dir, name)
	if err != nil {
		return nil, err
	}
	if len(entries) > max {
		return nil, fmt.Errorf("%s: %d entries, at most %d", name, len(entries), max)
	}
	return entries, nil
}
