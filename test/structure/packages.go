package structure

import "strings"

// emptyNames say nothing about what is inside, so everything ends up there.
func emptyNames() []string {
	return []string{"util", "utils", "common", "helper", "helpers", "shared", "types", "core", "misc", "lib"}
}

// CheckPackages finds packages without a doc comment and names that say nothing.
func CheckPackages(packages []Package) []Problem {
	var problems []Problem
	for _, p := range packages {
		name, _ := below(p.ImportPath)
		for _, part := range strings.Split(name, "/") {
			if contains(emptyNames(), part) {
				problems = append(problems, Problem{p.ImportPath, "the name " + part + " says nothing", "put each function where its noun lives"})
			}
		}
		if len(p.GoFiles)+len(p.CgoFiles) == 0 {
			continue // only tests
		}
		if p.Doc == "" {
			problems = append(problems, Problem{p.ImportPath, "package has no doc comment", "start it from the reader's question"})
		}
	}
	return problems
}
