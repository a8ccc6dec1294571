package structure

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"golang.org/x/mod/modfile"
)

// DependenciesFile gives the reason for each direct dependency.
const DependenciesFile = "docs/dependencies.md"

// dependencyRow is | `module` | what for | chosen over | licence |
var dependencyRow = regexp.MustCompile("(?m)^\\|\\s*`([^`]+)`\\s*\\|([^|]*)\\|([^|]*)\\|([^|]*)\\|\\s*$")

// minReason is the shortest text that can be a reason rather than a place holder.
const minReason = 12

// CheckDependencies finds direct dependencies without a reason, and reasons for what is
// no direct dependency.
func CheckDependencies(tree fs.FS) ([]Problem, error) {
	raw, err := fs.ReadFile(tree, "go.mod")
	if err != nil {
		return nil, err
	}
	mod, err := modfile.Parse("go.mod", raw, nil)
	if err != nil {
		return nil, fmt.Errorf("parse go.mod: %w", err)
	}
	doc, err := fs.ReadFile(tree, DependenciesFile)
	if err != nil {
		return nil, err
	}
	direct := make(map[string]bool)
	for _, r := range mod.Require {
		if !r.Indirect {
			direct[r.Mod.Path] = true
		}
	}
	problems, named := checkReasons(string(doc), direct)
	for module := range direct {
		if !named[module] {
			problems = append(problems, Problem{"go.mod", module + " has no row in " + DependenciesFile, "say what for, and over what it was chosen"})
		}
	}
	if len(direct) == 0 {
		return nil, fmt.Errorf("direct dependencies: %w", errNothing)
	}
	return problems, nil
}

func checkReasons(doc string, direct map[string]bool) ([]Problem, map[string]bool) {
	var problems []Problem
	named := make(map[string]bool)
	for _, m := range dependencyRow.FindAllStringSubmatchIndex(doc, -1) {
		cell := func(i int) string { return strings.TrimSpace(doc[m[2*i]:m[2*i+1]]) }
		where, module := at(DependenciesFile, doc, m[0]), cell(1)
		switch {
		case named[module]:
			problems = append(problems, Problem{where, module + " has two rows", ""})
		case !direct[module]:
			problems = append(problems, Problem{where, module + " is no direct dependency of go.mod", "remove the row"})
		case len(cell(2)) < minReason || len(cell(3)) < minReason:
			problems = append(problems, Problem{where, module + " lacks what it is for, or what it was chosen over", ""})
		case cell(4) == "":
			problems = append(problems, Problem{where, module + " lacks a licence", ""})
		}
		named[module] = true
	}
	return problems, named
}
