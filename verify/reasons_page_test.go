package verify_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/verify"
)

var update = flag.Bool("update", false, "rewrite docs/reasons.md and verify/policy/reasons.tsv")

// documented is what reason.go says about a code.
type documented struct {
	group, name string
	code        verify.Code
	means, do   string
}

// readReasons reads the comments of reason.go.
func readReasons(t *testing.T) []documented {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var out []documented
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			code, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			one := documented{group: oneLine(g.Doc.Text()), name: v.Names[0].Name, code: verify.Code(code)}
			text, isNamed := strings.CutPrefix(oneLine(v.Doc.Text()), one.name+": ")
			var hasDo bool
			one.means, one.do, hasDo = strings.Cut(text, " Do: ")
			if !isNamed || !hasDo || one.means == "" || one.do == "" {
				t.Errorf("%s: want a comment \"%s: what it means. Do: what to do.\"", one.name, one.name)
			}
			out = append(out, one)
		}
	}
	if len(out) == 0 {
		t.Fatal("no codes in reason.go")
	}
	return out
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func isNote(d documented) bool { return strings.HasPrefix(d.name, "Note") }

// TestReasonsPage holds the page for people, and what the command prints, to the comments.
func TestReasonsPage(t *testing.T) {
	var page, table strings.Builder
	page.WriteString(`# What a verdict says, and what to do

Made from verify/reason.go by ` + "`go test ./verify -run TestReasonsPage -update`" + `; change it there. ` +
		"`hallmark-verify reason CODE`" + ` prints the same.
A code is stable; the text behind it in a verdict is for people. *Not valid* says that something is known against the file, *could not
tell* that something has to be known and is not; both refuse it. Notes never change a verdict.
`)
	group := ""
	for _, d := range readReasons(t) {
		if d.group != group {
			group = d.group
			fmt.Fprintf(&page, "\n## %s\n\n| code | verdict | it means | what to do |\n|---|---|---|---|\n", strings.TrimSuffix(group, "."))
		}
		outcome := d.code.Outcome().String()
		if isNote(d) {
			outcome = "note"
		}
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", d.code, outcome, sentence(d.means), sentence(d.do))
		fmt.Fprintf(&table, "%s\t%s\t%s\n", d.code, sentence(d.means), sentence(d.do))
	}
	for name, want := range map[string]string{"../docs/reasons.md": page.String(), "policy/reasons.tsv": table.String()} {
		if *update {
			if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(name)
		if err != nil || string(got) != want {
			t.Errorf("%s is not what reason.go says (%v): go test ./verify -run TestReasonsPage -update", name, err)
		}
	}
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// TestCodesAreListed: a code that no list has would be "not valid" by accident.
func TestCodesAreListed(t *testing.T) {
	var refusals []verify.Code
	seen := map[verify.Code]bool{}
	for _, d := range readReasons(t) {
		if seen[d.code] {
			t.Errorf("%s: two constants", d.code)
		}
		seen[d.code] = true
		if !isNote(d) {
			refusals = append(refusals, d.code)
		}
	}
	listed := verify.Codes()
	slices.Sort(refusals)
	slices.Sort(listed)
	if !slices.Equal(refusals, listed) {
		t.Errorf("reason.go has %v\nCodes() has %v", refusals, listed)
	}
}

// TestEveryNoteIsTested: each note stands in a test that sees it.
func TestEveryNoteIsTested(t *testing.T) {
	var files []string
	for _, where := range []string{"*_test.go", "*/*_test.go", "../test/installer/*_test.go"} {
		found, err := filepath.Glob(where)
		if err != nil || len(found) == 0 {
			t.Fatal("no tests in", where, err)
		}
		files = append(files, found...)
	}
	var all strings.Builder
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(raw)
	}
	for _, d := range readReasons(t) {
		if isNote(d) && !strings.Contains(all.String(), "verify."+d.name) {
			t.Errorf("%s: no test sees it", d.name)
		}
	}
}
