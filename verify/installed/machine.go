package installed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Root opens the folder that a machine's files are below. In one that is not "/"
// symbolic links that lead out of it are not followed: it may be an image that somebody
// else built. Close it when done.
func Root(dir string) (fs.FS, func() error, error) {
	if filepath.Clean(dir) == "/" {
		// Links to absolute places are common on a machine, and its own.
		return os.DirFS("/"), func() error { return nil }, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	return root.FS(), root.Close, nil
}

// ErrNoManager is returned where no package manager has a list.
var ErrNoManager = errors.New("no dpkg, pacman or rpm keeps a list of packages here")

// errAbsent is the result for a package manager that is not there. A file that is
// missing further down is an error of another kind: then the list is not whole.
var errAbsent = errors.New("not there")

// absent reports that nothing has this name: a link that leads nowhere has it.
func absent(root fs.FS, name string) bool {
	_, err := fs.Lstat(root, name)
	return errors.Is(err, fs.ErrNotExist)
}

// Packages lists what is installed on the machine whose root folder is dir, sorted by
// name. Nothing is left out: if one of the lists cannot be read as a whole that is the
// result. Only rpm's list needs a program, rpm.
func Packages(ctx context.Context, dir string) ([]Package, error) {
	root, done, err := Root(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	var out []Package
	found := false
	for _, read := range []func() ([]Package, error){
		func() ([]Package, error) { return dpkgPackages(root) },
		func() ([]Package, error) { return pacmanPackages(root) },
		func() ([]Package, error) { return rpmPackages(ctx, root, dir) },
	} {
		list, err := read()
		if err == errAbsent {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("installed packages: %w", err)
		}
		found = true
		out = append(out, list...)
	}
	if !found {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoManager)
	}
	return sorted(out)
}

// Compare orders packages by manager, name, architecture and, letter by letter, version.
func Compare(a, b Package) int {
	return cmp.Or(cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Architecture, b.Architecture), cmp.Compare(a.Version, b.Version))
}

// sorted sorts packages. Of dpkg and pacman one version of a package can be there; rpm
// takes several, of kernels for one.
func sorted(list []Package) ([]Package, error) {
	if len(list) > maxPackages {
		return nil, fmt.Errorf("more than %d packages", maxPackages)
	}
	slices.SortFunc(list, Compare)
	for i := 1; i < len(list); i++ {
		if list[i] == list[i-1] || list[i].Manager != RPM && list[i].Key() == list[i-1].Key() {
			return nil, fmt.Errorf("%s is installed twice", list[i].Key())
		}
	}
	return list, nil
}
