package structure

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"regexp"
	"strings"
)

// unfinished marks work that somebody meant to come back to. The words are put
// together here so that this file does not find itself.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b`)

// corporaVariable names the folder with other projects' test data. Its absence is the
// one reason for which a test may skip itself: the corpora are not part of a clone.
const corporaVariable = "HALLMARK_CORPORA"

// CheckLeftovers finds marks of unfinished work, and tests that skip themselves for
// another reason than absent corpora.
func CheckLeftovers(tree fs.FS) ([]Problem, error) {
	names, err := files(tree, false, ".go", ".md", ".sh", ".yaml", ".yml", ".asn1", "Makefile", ".ci/run", "test/setup")
	if err != nil {
		return nil, err
	}
	var problems []Problem
	for _, name := range names {
		raw, err := fs.ReadFile(tree, name)
		if err != nil {
			return nil, err
		}
		text := string(raw)
		for _, m := range unfinished.FindAllStringIndex(text, -1) {
			problems = append(problems, Problem{at(name, text, m[0]), "unfinished: " + text[m[0]:m[1]], "finish it or open an issue"})
		}
		if !strings.HasSuffix(name, ".go") {
			continue
		}
		skips, err := findSkips(name, text)
		if err != nil {
			return nil, err
		}
		problems = append(problems, skips...)
	}
	return problems, nil
}

func findSkips(name, text string) ([]Problem, error) {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, name, text, 0)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", name, err)
	}
	var problems []Problem
	for _, decl := range parsed.Decls {
		function, ok := decl.(*ast.FuncDecl)
		if !ok || function.Body == nil {
			continue
		}
		from, to := set.Position(function.Pos()).Offset, set.Position(function.End()).Offset
		if isCorporaHelper(function.Name.Name, text[from:to]) {
			continue
		}
		ast.Inspect(function, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && isSkip(call) {
				problems = append(problems, Problem{at(name, text, set.Position(call.Pos()).Offset),
					"test skips itself", "a missing tool fails; in a fuzz target return; only the helper for " + corporaVariable + " skips"})
			}
			return true
		})
	}
	return problems, nil
}

// isCorporaHelper is true of the function that looks for the corpora.
func isCorporaHelper(name, body string) bool {
	return strings.Contains(body, corporaVariable) || strings.Contains(strings.ToLower(name), "corpora")
}

// isSkip is true of t.Skip(…), t.Skipf(…), t.SkipNow() on one of the usual names.
func isSkip(call *ast.CallExpr) bool {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	receiver, ok := selector.X.(*ast.Ident)
	if !ok || !contains([]string{"t", "tb", "b", "f"}, receiver.Name) {
		return false
	}
	return contains([]string{"Skip", "Skipf", "SkipNow"}, selector.Sel.Name)
}
