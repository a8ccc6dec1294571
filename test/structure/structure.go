// Package structure answers: does the tree still have the shape that its documents
// say it has?
//
// Each check is a function from a tree (an fs.FS, or the packages that `go list`
// names) to the problems found in it, so that each can be shown to fail on a small
// broken tree before it is trusted with the real one. They are run by the tests of
// this package, which `make check` and `make test` both run.
//
//   - imports.go: imports point down; what installers run links no server code
//   - packages.go: each package has a doc comment and a name that says something
//   - links.go: links in Markdown lead somewhere
//   - references.go: citations have one form and name a document that is listed
//   - dependencies.go: each direct dependency has a reason
//   - leftovers.go: no marks of unfinished work, no tests that skip themselves
//   - oids.go: object identifiers stand in one file
//   - seeds.go: each fuzz target has seeds
//   - parsers.go: each parser of what an installer runs has a fuzz target
//   - tests.go: tests that a document names exist
package structure

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"
)

// Module is the path of the module that is checked.
const Module = "github.com/hallmark-pki/hallmark"

// Problem is one place where the tree breaks a rule.
type Problem struct {
	Where string // file:line, or the import path of a package
	What  string
	Hint  string // what would mend it; may be empty
}

func (p Problem) String() string {
	s := p.Where + ": " + p.What
	if p.Hint != "" {
		s += " (" + p.Hint + ")"
	}
	return s
}

// errNothing is why a check that saw nothing to check fails: it would pass for ever.
var errNothing = errors.New("nothing to check was found")

// files lists the files of tree whose name ends in one of the suffixes, in order.
// Folders that are not the project's own text are left out: those that begin with a
// dot (except .ci), what the build makes, and the data of tests unless asked for.
func files(tree fs.FS, testdata bool, suffixes ...string) ([]string, error) {
	var found []string
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipFolder(name, testdata)
		}
		for _, s := range suffixes {
			if strings.HasSuffix(name, s) {
				found = append(found, name)
				break
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("walk the tree: %w", err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("files ending in %s: %w", strings.Join(suffixes, ", "), errNothing)
	}
	sort.Strings(found)
	return found, nil
}

func skipFolder(name string, testdata bool) error {
	base := path.Base(name)
	hidden := strings.HasPrefix(base, ".") && name != "." && name != ".ci"
	built := name == "bin" || name == "demo-out"
	if hidden || built || base == "testdata" && !testdata {
		return fs.SkipDir
	}
	return nil
}

// at names a place by file and line, counted from the byte offset into text.
func at(name, text string, offset int) string {
	return fmt.Sprintf("%s:%d", name, 1+strings.Count(text[:offset], "\n"))
}
