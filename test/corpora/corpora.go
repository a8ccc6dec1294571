// Package corpora finds other projects' test data for our tests: where is it on this
// machine, and may a test do without it?
//
// The environment variable HALLMARK_CORPORA names a folder with one folder for each
// project. It is no part of a clone, so without the variable a test that needs it is
// skipped; with it, everything must be there.
package corpora

import (
	"os"
	"path/filepath"
	"testing"
)

const variable = "HALLMARK_CORPORA"

// Folder returns the path of a folder, or a file, of the corpora.
func Folder(t testing.TB, elem ...string) string {
	t.Helper()
	root := os.Getenv(variable)
	if root == "" {
		t.Skip("HALLMARK_CORPORA is not set: other projects' test data is not at hand")
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("HALLMARK_CORPORA is set but incomplete: %v", err)
	}
	return path
}
