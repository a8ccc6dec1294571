package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/hallmark-pki/hallmark/test/nosync"
)

func TestMkdir(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "a", "b/c/d", "b/c/d", "b/c/e"} {
		if err := MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.IsDir() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Mkdir(filepath.Join(dir, "absent", "f"), 0o700); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("under nothing: %v", err)
	}
	if err := MkdirAll("", 0o700); err == nil {
		t.Error("made a folder without a name")
	}
}

// TestSyncs: what cannot be synced is not said to be durable, also what was there before.
func TestSyncs(t *testing.T) {
	dir := t.TempDir()
	for name, do := range map[string]func() error{
		"Mkdir":     func() error { return Mkdir(filepath.Join(dir, "a"), 0o700) },
		"MkdirAll":  func() error { return MkdirAll(filepath.Join(dir, "b", "c"), 0o700) },
		"WriteFile": func() error { return WriteFile(filepath.Join(dir, "f"), nil, 0o600) },
		"SyncDir":   func() error { return SyncDir(dir) },
	} {
		for range 2 {
			if err := nosync.Run(do); !errors.Is(err, syscall.EIO) {
				t.Errorf("%s: %v, want EIO", name, err)
			}
		}
		if err := do(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
