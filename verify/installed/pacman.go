package installed

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

const pacmanLocal = "var/lib/pacman/local"

// pacmanPackages reads pacman's local database below a root folder: a folder for each
// package with a file desc in it.
func pacmanPackages(root fs.FS) ([]Package, error) {
	if absent(root, pacmanLocal) {
		return nil, errAbsent
	}
	entries, err := readDir(root, pacmanLocal, maxPackages)
	if err != nil {
		return nil, err
	}
	var out []Package
	for _, e := range entries {
		if !e.IsDir() {
			continue // the version of the database
		}
		name := path.Join(pacmanLocal, e.Name(), "desc")
		raw, err := readFile(root, name, maxStanza)
		if err != nil {
			return nil, err
		}
		p, err := parsePacman(string(raw))
		if err != nil {
			return nil, fmt.Errorf("%.200q: %w", name, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// parsePacman reads a desc file: a key between percent signs, its values on the lines
// below it, and an empty line.
func parsePacman(text string) (Package, error) {
	p := Package{Manager: Pacman}
	wanted := map[string]*string{"%NAME%": &p.Name, "%VERSION%": &p.Version, "%ARCH%": &p.Architecture}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		into := wanted[line]
		// A value that looks like a key is one only behind an empty line.
		if into == nil || i > 0 && lines[i-1] != "" {
			continue
		}
		if *into != "" {
			return Package{}, fmt.Errorf("%s twice", line)
		}
		if i+1 == len(lines) || lines[i+1] == "" {
			return Package{}, fmt.Errorf("%s without a value", line)
		}
		*into = lines[i+1]
	}
	if p.Name == "" {
		return Package{}, errors.New("no %NAME%")
	}
	return p, p.Check()
}
