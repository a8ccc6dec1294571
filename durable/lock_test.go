package durable

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"
)

// TestTryLock: one holder at a time, and none where there is no folder.
func TestTryLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	for range 2 {
		unlock, err := TryLock(name, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := TryLock(name, 0o600); !errors.Is(err, ErrLocked) {
			t.Errorf("taken twice: %v", err)
		}
		if err := unlock(); err != nil {
			t.Error(err)
		}
	}
	if _, err := TryLock(filepath.Join(name, "x"), 0o600); err == nil || errors.Is(err, ErrLocked) || errors.Is(err, fs.ErrExist) {
		t.Errorf("below a file: %v", err)
	}
}
