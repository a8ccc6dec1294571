// Package policies answers: what could a machine demand to begin with? It holds policies
// as data: files in the form that package verify reads, each with a comment on top that
// says whom it is for.
package policies

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.yaml
var files embed.FS

const suffix = ".yaml"

// Names lists the policies, sorted.
func Names() []string {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		panic(err) // the files are part of the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), suffix))
	}
	return names
}

// Find returns the file of a policy.
func Find(name string) ([]byte, error) {
	raw, err := files.ReadFile(name + suffix)
	if err != nil {
		return nil, fmt.Errorf("no policy %.64q: want one of %s", name, strings.Join(Names(), ", "))
	}
	return raw, nil
}
