package repository

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// aged makes a file look older than settled.
func aged(t *testing.T, path string) {
	t.Helper()
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
}

func TestMemoryFindsEveryChange(t *testing.T) {
	r := opened(t, t.TempDir())
	if _, err := r.Put(ctx, "acme", envelope(t, "1", "a")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(r.dir, "acme", "sha256", hexOf("a")[:2], hexOf("a")+".jsonl")
	get(t, r, "acme", "a")
	if r.seen.files.Len() != 0 {
		t.Error("a file that was just written is remembered")
	}
	aged(t, path)
	get(t, r, "acme", "a")
	if r.seen.files.Len() != 1 {
		t.Fatal("an old file is not remembered")
	}
	if got := get(t, r, "acme", "a"); len(got) != 1 || got[0] != string(envelope(t, "1", "a")) {
		t.Errorf("from memory: %q", got)
	}

	// written by us
	if _, err := r.Put(ctx, "acme", envelope(t, "2", "a")); err != nil {
		t.Fatal(err)
	}
	if got := get(t, r, "acme", "a"); len(got) != 2 {
		t.Errorf("%d envelopes after another was filed", len(got))
	}
	aged(t, path)
	get(t, r, "acme", "a")

	// by somebody else: in place, of the same size, dated back
	other := append(append(envelope(t, "3", "a"), '\n'), append(envelope(t, "4", "a"), '\n')...)
	if err := os.WriteFile(path, other, 0o644); err != nil {
		t.Fatal(err)
	}
	aged(t, path)
	if got := get(t, r, "acme", "a"); len(got) != 2 || got[0] != string(envelope(t, "3", "a")) {
		t.Errorf("after a change in place: %q", got)
	}

	// damaged, then gone
	if err := os.WriteFile(path, []byte("half a li"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Get(ctx, "acme", hexOf("a")); !errors.Is(err, ErrCorrupt) {
		t.Errorf("damaged: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := get(t, r, "acme", "a"); got != nil {
		t.Errorf("removed: %q", got)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestMemoryLeavesLargeFilesOut(t *testing.T) {
	r := opened(t, t.TempDir())
	for i := range 2 {
		if _, err := r.Put(ctx, "acme", envelope(t, string(make([]byte, maxRemembered))+string(rune('a'+i)), "a")); err != nil {
			t.Fatal(err)
		}
	}
	aged(t, filepath.Join(r.dir, "acme", "sha256", hexOf("a")[:2], hexOf("a")+".jsonl"))
	if got := get(t, r, "acme", "a"); len(got) != 2 || r.seen.files.Len() != 0 {
		t.Errorf("%d envelopes, %d files remembered", len(got), r.seen.files.Len())
	}
}
