package structure

import (
	"fmt"
	"io/fs"
	"regexp"
)

var (
	// namedTest is a test that a document points to, in a span of code.
	namedTest = regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9_]*)`")
	// definedTest is one that exists.
	definedTest = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z][A-Za-z0-9_]*)\(`)
)

// CheckNamedTests finds tests that a document names as its proof and that do not exist
// (any more): a threat model is worth as much as what it points to.
func CheckNamedTests(tree fs.FS) ([]Problem, error) {
	defined := make(map[string]bool)
	if err := eachMatch(tree, "_test.go", definedTest, func(_, name string) { defined[name] = true }); err != nil {
		return nil, err
	}
	var problems []Problem
	err := eachMatch(tree, ".md", namedTest, func(where, name string) {
		if !defined[name] {
			problems = append(problems, Problem{where, "names " + name + ", and there is no such test", ""})
		}
	})
	return problems, err
}

func eachMatch(tree fs.FS, suffix string, re *regexp.Regexp, found func(where, name string)) error {
	names, err := files(tree, false, suffix)
	if err != nil {
		return err
	}
	for _, name := range names {
		raw, err := fs.ReadFile(tree, name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		text := string(raw)
		for _, m := range re.FindAllStringSubmatchIndex(text, -1) {
			found(at(name, text, m[0]), text[m[2]:m[3]])
		}
	}
	return nil
}
