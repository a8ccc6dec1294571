package update

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/durable"
)

// Mirror copies what is newest in a repository into a folder, for a web server to serve
// or a stick to carry. root is the root that is trusted; nil trusts the source's own
// first one, which is for the CA's administrator alone. What does not verify is not
// copied. timestamp.json is written last, so that whoever reads the folder meanwhile
// gets the old state or the new one; files that an older state had stay, for readers who
// are under way, until they are a day old and nothing leads to them.
func Mirror(ctx context.Context, src Source, root []byte, dir string, now time.Time) (files int, err error) {
	roots, _, err := followRoots(ctx, src)
	if err != nil {
		return 0, err
	}
	if root == nil {
		root = roots[0]
	}
	got, err := follow(ctx, src, map[string][]byte{"root.json": root}, now)
	if err != nil {
		return 0, err
	}
	if _, err := checkPair(got, now); err != nil {
		return 0, err
	}
	for i, body := range roots {
		got.fetched[fmt.Sprintf("%d.root.json", i+1)] = body
	}
	if err := os.MkdirAll(filepath.Join(dir, "targets"), 0o755); err != nil {
		return 0, &Error{Disk, err}
	}
	for _, name := range inOrder(got.fetched) {
		if err := writeMirrored(filepath.Join(dir, filepath.FromSlash(name)), got.fetched[name]); err != nil {
			return 0, err
		}
	}
	return len(got.fetched), sweep(dir, got.fetched, now)
}

// inOrder sorts the files so that each comes after those it leads to.
func inOrder(files map[string][]byte) []string {
	rank := func(name string) int {
		switch {
		case strings.HasPrefix(name, "targets/"):
			return 0
		case name == "timestamp.json":
			return 3
		case strings.HasSuffix(name, ".snapshot.json"):
			return 2
		}
		return 1
	}
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return names
}

// writeMirrored leaves alone what is there already: a stick wears out.
func writeMirrored(path string, body []byte) error {
	have, err := readIfThere(path, int64(len(body)))
	if err != nil {
		return err
	}
	if bytes.Equal(have, body) {
		return nil
	}
	if err := durable.WriteFile(path, body, 0o644); err != nil {
		return &Error{Disk, err}
	}
	return nil
}

// mirrorKept is how long a file stays that nothing leads to any more.
const mirrorKept = 24 * time.Hour

// sweep removes what older states left behind. It touches nothing whose name is not that
// of a repository's file.
func sweep(dir string, keep map[string][]byte, now time.Time) error {
	for _, sub := range []string{"", "targets/"} {
		entries, err := os.ReadDir(filepath.Join(dir, filepath.FromSlash(sub)))
		if err != nil {
			return &Error{Disk, err}
		}
		for _, e := range entries {
			name := sub + e.Name()
			info, err := e.Info()
			if err != nil || !info.Mode().IsRegular() || keep[name] != nil || !fileName.MatchString(name) || now.Sub(info.ModTime()) < mirrorKept {
				continue
			}
			if err := os.Remove(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
				return &Error{Disk, err}
			}
		}
	}
	return nil
}

// Root returns the root that the machine trusts, ErrNotExist without one.
func (u Updater) Root() ([]byte, error) {
	return os.ReadFile(u.file("root.json"))
}
