package structure

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strings"
)

// CheckSeeds finds fuzz targets that start from nothing: no f.Add of their own, no
// function handed the *testing.F to add them, and no testdata/fuzz folder.
func CheckSeeds(tree fs.FS) ([]Problem, error) {
	names, err := files(tree, false, "_test.go")
	if err != nil {
		return nil, err
	}
	var problems []Problem
	for _, name := range names {
		raw, err := fs.ReadFile(tree, name)
		if err != nil {
			return nil, err
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, name, raw, 0)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", name, err)
		}
		for _, decl := range parsed.Decls {
			target, ok := decl.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(target.Name.Name, "Fuzz") || len(target.Type.Params.List) != 1 {
				continue
			}
			if kept, _ := fs.ReadDir(tree, path.Join(path.Dir(name), "testdata/fuzz", target.Name.Name)); len(kept) == 0 && !addsSeeds(target) {
				problems = append(problems, Problem{at(name, string(raw), set.Position(target.Pos()).Offset),
					target.Name.Name + " has no seeds", "f.Add some, of both good and bad input"})
			}
		}
	}
	return problems, nil
}

func addsSeeds(target *ast.FuncDecl) bool {
	names := target.Type.Params.List[0].Names
	if len(names) != 1 {
		return false
	}
	f, found := names[0].Name, false
	ast.Inspect(target.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if s, ok := call.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Add" && isNamed(s.X, f) {
			found = true
		}
		for _, arg := range call.Args {
			found = found || isNamed(arg, f)
		}
		return true
	})
	return found
}

func isNamed(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}
