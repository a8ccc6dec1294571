package structure

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// wantProblems fails unless there is exactly one problem for each text, in order.
func wantProblems(t *testing.T, got []Problem, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d problems, want %d: %v", len(got), len(want), got)
	}
	for i, p := range got {
		if !strings.Contains(p.String(), want[i]) {
			t.Errorf("problem %d is %q, want it to say %q", i, p, want[i])
		}
	}
}

// pkg makes a package of the module that imports others of it.
func pkg(name string, imports ...string) Package {
	p := Package{ImportPath: Module + "/" + name, Name: name, Doc: "Package x is.", GoFiles: []string{"x.go"}}
	for _, i := range imports {
		p.Imports = append(p.Imports, Module+"/"+i)
	}
	return p
}

func TestCheckImports(t *testing.T) {
	rows := []Row{
		{Package: "ext", Layer: layerLeaf},
		{Package: "store", Layer: layerLeaf},
		{Package: "store/bolt", Layer: layerLeaf, Beside: []string{"store"}},
		{Package: "store/storetest", Layer: layerLeaf, Beside: []string{"store"}, TestOnly: true},
		{Package: "verify", Layer: layerEvidence},
		{Package: "ca", Layer: layerIssue},
		{Package: "test/bench", Layer: layerTest},
	}
	cases := []struct {
		name     string
		packages []Package
		want     []string
	}{
		{"down, beside by name, and from a test", []Package{pkg("ca", "ext", "store/bolt"), pkg("store/bolt", "store"), pkg("test/bench", "ca", "store/storetest")}, nil},
		{"others' packages are not judged", []Package{{ImportPath: Module + "/ext", Imports: []string{"fmt", "example.com/x"}}}, nil},
		{"up", []Package{pkg("verify", "ca")}, []string{"imports ca, which stands above it"}},
		{"a leaf imports ours", []Package{pkg("ext", "store")}, []string{"imports store, which stands beside it"}},
		{"the CA into a leaf", []Package{pkg("store", "ca")}, []string{"imports ca, which stands above it"}},
		{"the product imports what is for tests", []Package{pkg("ca", "store/storetest")}, []string{"store/storetest, which is for tests"}},
		{"no row", []Package{pkg("newcomer", "ext")}, []string{"newcomer: package has no row"}},
		{"code in the root", []Package{{ImportPath: Module}}, []string{"module's root"}},
		{"a package that go list cannot read", []Package{{ImportPath: Module + "/ext", Error: &struct{ Err string }{"no such file"}}}, []string{"no such file"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wantProblems(t, CheckImports(c.packages, rows), c.want...)
		})
	}
}

func TestCheckBans(t *testing.T) {
	linking := func(name string, deps ...string) []Package {
		p := pkg(name)
		p.Deps = deps
		return []Package{p}
	}
	ban := func(name string, links ...string) []Ban { return []Ban{{name, links, "because"}} }
	cases := []struct {
		name     string
		packages []Package
		bans     []Ban
		want     []string
	}{
		{"nothing banned", linking("verify", "fmt", Module+"/ext"), ban("verify", "net/http", Module+"/store"), nil},
		{"the package itself", linking("verify", "net/http"), ban("verify", "net/http"), []string{"links net/http (because)"}},
		{"one below it", linking("verify", Module+"/store/bolt"), ban("verify", Module+"/store"), []string{"links " + Module + "/store/bolt"}},
		{"a longer name is another package", linking("verify", Module+"/storeroom"), ban("verify", Module+"/store"), nil},
		{"what a row allows the verifier", linking("verify", Module+"/ledger/receipt"), ban("verify", Module+"/ledger"), nil},
		{"what no row allows", linking("verify", Module+"/ledger"), ban("verify", Module+"/ledger"), []string{"links " + Module + "/ledger"}},
		{"a ban on nobody", linking("verify"), ban("gone", "fmt"), []string{"not there"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wantProblems(t, CheckBans(c.packages, Layers(), c.bans), c.want...)
		})
	}
}

// TestLayersPointDown holds the table itself to the rule that it states.
func TestLayersPointDown(t *testing.T) {
	layer := make(map[string]int)
	for _, r := range Layers() {
		if _, twice := layer[r.Package]; twice {
			t.Errorf("%s has two rows", r.Package)
		}
		layer[r.Package] = r.Layer
	}
	for _, r := range Layers() {
		for _, b := range r.Beside {
			if l, ok := layer[b]; !ok || l != r.Layer {
				t.Errorf("%s names %s beside it, which is not in its layer", r.Package, b)
			}
		}
	}
}

// TestList reads a real module that breaks the rules, through the go command.
func TestList(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":         "module " + Module + "\n\ngo 1.26.0\n",
		"ext/ext.go":     "package ext\n\nimport _ \"" + Module + "/store\"\n",
		"store/store.go": "// Package store keeps.\npackage store\n\nimport _ \"container/ring\"\n",
		"ext/x_test.go":  "package ext\n\nimport _ \"" + Module + "/ca\"\n",
		"ca/ca.go":       "// Package ca issues.\npackage ca\n\nimport _ \"" + Module + "/ext\"\n",
	} {
		writeFile(t, filepath.Join(dir, name), text)
	}
	packages, err := List(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	wantProblems(t, CheckImports(packages, Layers()), "imports store, which stands beside it")
	wantProblems(t, CheckBans(packages, Layers(), []Ban{{"ca", []string{"container/ring"}, "far down"}}), "links container/ring")
	wantProblems(t, CheckPackages(packages), "no doc comment")
	empty := t.TempDir()
	writeFile(t, filepath.Join(empty, "go.mod"), "module "+Module+"\n")
	if _, err := List(t.Context(), empty); !errors.Is(err, errNothing) {
		t.Errorf("a module without packages gave %v", err)
	}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestCheckPackages(t *testing.T) {
	silent := pkg("ext")
	silent.Doc = ""
	onlyTests := Package{ImportPath: Module + "/test/e2e"}
	wantProblems(t, CheckPackages([]Package{pkg("ext"), onlyTests}))
	wantProblems(t, CheckPackages([]Package{silent}), "no doc comment")
	for _, name := range emptyNames() {
		wantProblems(t, CheckPackages([]Package{pkg("ca/" + name)}), "says nothing")
	}
}
