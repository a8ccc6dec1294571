package structure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// Package is what `go list -json` says of one; tests' own imports are left out.
type Package struct {
	ImportPath string
	Name       string
	Dir        string
	Doc        string
	GoFiles    []string
	CgoFiles   []string
	Imports    []string
	Deps       []string // everything linked, however far down
	Error      *struct{ Err string }
}

// List asks the go command for the packages of the module in dir.
func List(ctx context.Context, dir string) ([]Package, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-e",
		"-json=ImportPath,Name,Dir,Doc,GoFiles,CgoFiles,Imports,Deps,Error", "./...")
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, stderr.String())
	}
	var packages []Package
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p Package
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("parse go list: %w", err)
		}
		packages = append(packages, p)
	}
	if len(packages) == 0 {
		return nil, fmt.Errorf("go list: %w", errNothing)
	}
	return packages, nil
}

// below returns the path of an import below the module, and false for others' packages.
func below(importPath string) (string, bool) {
	return strings.CutPrefix(importPath, Module+"/")
}

// CheckImports finds arrows that point up or sideways, and packages without a row.
func CheckImports(packages []Package, rows []Row) []Problem {
	byName := make(map[string]Row, len(rows))
	for _, r := range rows {
		byName[r.Package] = r
	}
	var problems []Problem
	for _, p := range packages {
		name, ours := below(p.ImportPath)
		if !ours {
			problems = append(problems, Problem{p.ImportPath, "Go code in the module's root", "put it in a package of its own"})
			continue
		}
		if p.Error != nil {
			problems = append(problems, Problem{p.ImportPath, "go list: " + p.Error.Err, ""})
		}
		from, ok := byName[name]
		if !ok {
			problems = append(problems, Problem{p.ImportPath, "package has no row in Layers", "decide where it stands: test/structure/layers.go"})
			continue
		}
		for _, imported := range p.Imports {
			problems = append(problems, checkArrow(from, imported, byName)...)
		}
	}
	return problems
}

func checkArrow(from Row, imported string, rows map[string]Row) []Problem {
	name, ours := below(imported)
	if !ours {
		return nil
	}
	where := Module + "/" + from.Package
	to, ok := rows[name]
	switch {
	case !ok:
		return nil // reported once, where it is defined
	case to.TestOnly && !from.TestOnly && from.Layer != layerTest:
		return []Problem{{where, "imports " + name + ", which is for tests", "only _test.go files may"}}
	case to.Layer > from.Layer:
		return []Problem{{where, "imports " + name + ", which stands above it", "declare an interface where it is called"}}
	case to.Layer == from.Layer && !contains(from.Beside, name):
		return []Problem{{where, "imports " + name + ", which stands beside it", "declare an interface, or name it in the row's Beside"}}
	}
	return nil
}

// CheckBans finds packages that link what they must not.
func CheckBans(packages []Package, rows []Row, bans []Ban) []Problem {
	byName := make(map[string]Package, len(packages))
	for _, p := range packages {
		byName[p.ImportPath] = p
	}
	allowed := make(map[string]bool)
	for _, r := range rows {
		if r.Package == "verify" || r.Package == "verify/policy" {
			for _, name := range r.Beside {
				allowed[Module+"/"+name] = true
			}
		}
	}
	var problems []Problem
	for _, b := range bans {
		p, ok := byName[Module+"/"+b.Package]
		if !ok {
			problems = append(problems, Problem{b.Package, "a ban names a package that is not there", "correct test/structure/layers.go"})
			continue
		}
		for _, linked := range p.Deps {
			for _, banned := range b.Links {
				if !allowed[linked] && (linked == banned || strings.HasPrefix(linked, banned+"/")) {
					problems = append(problems, Problem{p.ImportPath, "links " + linked, b.Why})
				}
			}
		}
	}
	return problems
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}
