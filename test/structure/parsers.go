package structure

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// fuzzedFolders are the packages that what an installer runs reads outside bytes with.
// Those below verify that read nothing from outside have no such function.
var fuzzedFolders = regexp.MustCompile(`^(verify(/.*)?|format(/oci)?|attest(/commit|/sshsig)?|ledger/receipt|ext)$`)

// parserName is what a reader of outside bytes is called.
var parserName = regexp.MustCompile(`^(Parse|Read|Open|Unmarshal|Decode|Split)([A-Z]|$)`)

// fuzzedElsewhere are readers that need no target of their own, with the reason.
func fuzzedElsewhere() map[string]string {
	return map[string]string{
		"format/oci.OpenArtifact": "opens a folder; FuzzLayout reads what is in it",
	}
}

// CheckParsers finds functions of the verifier's packages that read outside bytes and that
// no fuzz target of their package reaches: an exported function, not a method, called like
// a parser, that takes bytes, text or files.
func CheckParsers(tree fs.FS) ([]Problem, error) {
	names, err := files(tree, false, ".go")
	if err != nil {
		return nil, err
	}
	folders := map[string]*parsersOf{}
	for _, name := range names {
		folder := path.Dir(name)
		if !fuzzedFolders.MatchString(folder) {
			continue
		}
		if folders[folder] == nil {
			folders[folder] = &parsersOf{uses: map[string][]string{}}
		}
		if err := folders[folder].add(tree, name); err != nil {
			return nil, err
		}
	}
	var problems []Problem
	n := 0
	for folder, p := range folders {
		n += len(p.parsers)
		problems = append(problems, p.unfuzzed(folder)...)
	}
	if n == 0 {
		return nil, fmt.Errorf("parsers of the verifier: %w", errNothing)
	}
	slices.SortFunc(problems, func(a, b Problem) int { return strings.Compare(a.What, b.What) })
	return problems, nil
}

// parsersOf are a package's parsers and, of its tests, which name stands in which
// function or variable.
type parsersOf struct {
	parsers []found
	uses    map[string][]string
}

type found struct{ name, where string }

func (p *parsersOf) add(tree fs.FS, name string) error {
	raw, err := fs.ReadFile(tree, name)
	if err != nil {
		return err
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, raw, 0)
	if err != nil {
		return fmt.Errorf("parse %s: %w", name, err)
	}
	isTest := strings.HasSuffix(name, "_test.go")
	for _, decl := range file.Decls {
		f, isFunc := decl.(*ast.FuncDecl)
		switch {
		case isTest && isFunc:
			p.uses[f.Name.Name] = append(p.uses[f.Name.Name], namesIn(f)...)
		case isTest:
			for _, v := range namesIn(decl) {
				p.uses[v] = append(p.uses[v], namesIn(decl)...)
			}
		case isFunc && f.Recv == nil && parserName.MatchString(f.Name.Name) && takesOutside(f):
			p.parsers = append(p.parsers, found{f.Name.Name, at(name, string(raw), set.Position(f.Pos()).Offset)})
		}
	}
	return nil
}

func namesIn(n ast.Node) []string {
	var out []string
	ast.Inspect(n, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			out = append(out, id.Name)
		}
		return true
	})
	return out
}

func takesOutside(f *ast.FuncDecl) bool {
	return slices.ContainsFunc(f.Type.Params.List, func(p *ast.Field) bool {
		switch t := p.Type.(type) {
		case *ast.Ident:
			return t.Name == "string"
		case *ast.ArrayType:
			id, ok := t.Elt.(*ast.Ident)
			return ok && id.Name == "byte"
		case *ast.SelectorExpr:
			return slices.Contains([]string{"FS", "Reader", "ReaderAt"}, t.Sel.Name)
		}
		return false
	})
}

// unfuzzed follows the names from every fuzz target.
func (p *parsersOf) unfuzzed(folder string) []Problem {
	reached := map[string]bool{}
	var follow func(name string)
	follow = func(name string) {
		if reached[name] {
			return
		}
		reached[name] = true
		for _, n := range p.uses[name] {
			follow(n)
		}
	}
	for name := range p.uses {
		if strings.HasPrefix(name, "Fuzz") {
			follow(name)
		}
	}
	var out []Problem
	for _, f := range p.parsers {
		key := folder + "." + f.name
		_, excused := fuzzedElsewhere()[key]
		switch {
		case !reached[f.name] && !excused:
			out = append(out, Problem{f.where, key + " reads outside bytes and no fuzz target of its package reaches it", "add one, with seeds and a law"})
		case reached[f.name] && excused:
			out = append(out, Problem{f.where, key + " is reached by a fuzz target", "remove it from the list"})
		}
	}
	return out
}
