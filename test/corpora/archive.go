package corpora

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// Each calls f for every file of a .tar.gz in the corpora, in its order, and fails if
// there is none.
func Each(t testing.TB, f func(name string, data []byte), elem ...string) {
	t.Helper()
	file, err := os.Open(Folder(t, elem...))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for r := tar.NewReader(z); ; n++ {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		f(h.Name, data)
	}
	if n == 0 {
		t.Fatal("nothing in", filepath.Join(elem...))
	}
}

// Seed adds every file of a .tar.gz in the corpora to a fuzz target. Without the corpora
// it adds nothing: the target has seeds of its own.
func Seed(f *testing.F, elem ...string) {
	f.Helper()
	if os.Getenv(variable) == "" {
		return
	}
	Each(f, func(_ string, data []byte) { f.Add(data) }, elem...)
}
