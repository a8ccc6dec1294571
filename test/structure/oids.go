package structure

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strings"
)

// OIDFile is where object identifiers stand, with name and document; docs/oids.md shows
// all of them.
const OIDFile = "ext/oid.go"

// CheckOIDs finds object identifiers that are written out elsewhere in the program. What
// tests and their fixtures make up is left alone.
func CheckOIDs(tree fs.FS) ([]Problem, error) {
	names, err := files(tree, false, ".go")
	if err != nil {
		return nil, err
	}
	var problems []Problem
	for _, name := range names {
		if name == OIDFile || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "test/") || strings.Contains(name, "test/") {
			continue
		}
		raw, err := fs.ReadFile(tree, name)
		if err != nil {
			return nil, err
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, name, raw, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", name, err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if lit, ok := n.(*ast.CompositeLit); ok && isOID(lit) {
				problems = append(problems, Problem{at(name, string(raw), set.Position(lit.Pos()).Offset),
					"object identifier outside " + OIDFile, "give it a function there, with its name and document"})
			}
			return true
		})
	}
	return problems, nil
}

// isOID reports whether a literal is an ObjectIdentifier of numbers.
func isOID(lit *ast.CompositeLit) bool {
	selector, ok := lit.Type.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != "ObjectIdentifier" || len(lit.Elts) == 0 {
		return false
	}
	_, number := lit.Elts[0].(*ast.BasicLit)
	return number
}
