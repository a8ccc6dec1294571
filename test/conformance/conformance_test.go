package conformance

import (
	"flag"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hallmark-pki/hallmark/test/corpora"
)

var update = flag.Bool("update", false, "write docs/conformance.md anew")

// TestConformance runs every suite and holds the page against the outcome.
func TestConformance(t *testing.T) {
	root := corpora.Folder(t)
	list := suites()
	results := make([]result, len(list))
	t.Run("suites", func(t *testing.T) {
		for i, s := range list {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				rows := s.run(t, filepath.Join(root, filepath.FromSlash(s.from)))
				results[i] = weigh(t, s, rows, readGroups(t, s.name))
			})
		}
	})
	isWhole := !slices.ContainsFunc(results, func(r result) bool { return r.cases == 0 }) // -run may leave some out
	if !t.Failed() && isWhole {
		checkPage(t, page(results))
	}
}

// TestListsHaveSuites: no list of exceptions is left over.
func TestListsHaveSuites(t *testing.T) {
	known := map[string]bool{}
	for _, s := range suites() {
		known[s.name+".txt"] = true
	}
	for _, f := range files(t, "testdata", "*.txt") {
		if !known[filepath.Base(f)] {
			t.Error(f, "belongs to no suite")
		}
	}
}
