package structure

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// The tests in this file judge the real tree. That each check can fail is shown in
// the others.

var update = flag.Bool("update", false, "rewrite the column of uses in "+ReferencesFile)

const root = "../.."

func report(t *testing.T, problems []Problem, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
}

func packagesOf(t *testing.T) []Package {
	t.Helper()
	packages, err := List(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

func TestTreeImports(t *testing.T) {
	packages := packagesOf(t)
	report(t, CheckImports(packages, Layers()), nil)
	report(t, CheckBans(packages, Layers(), Bans()), nil)
}

func TestTreePackages(t *testing.T) { report(t, CheckPackages(packagesOf(t)), nil) }

func TestTreeLinks(t *testing.T)        { onTree(t, CheckLinks) }
func TestTreeDependencies(t *testing.T) { onTree(t, CheckDependencies) }
func TestTreeLeftovers(t *testing.T)    { onTree(t, CheckLeftovers) }
func TestTreeOIDs(t *testing.T)         { onTree(t, CheckOIDs) }
func TestTreeSeeds(t *testing.T)        { onTree(t, CheckSeeds) }
func TestTreeNamedTests(t *testing.T)   { onTree(t, CheckNamedTests) }

func TestTreeReferences(t *testing.T) {
	if *update {
		text, err := UpdateReferences(os.DirFS(root))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, ReferencesFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	onTree(t, CheckReferences)
}

func onTree(t *testing.T, check func(fs.FS) ([]Problem, error)) {
	t.Helper()
	problems, err := check(os.DirFS(root))
	report(t, problems, err)
}
