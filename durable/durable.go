// Package durable writes files that are there after a power cut: when it returns,
// is the file on disk, with its name?
//
// A file gets its content under another name in the same folder, is synced, renamed,
// and the folder is synced. So a reader, and whoever looks after a crash, sees the
// old file or the new one, whole; and the name cannot point at nothing, which is
// what a rename before the sync can leave (FiloSottile/sunlight:internal/durable).
//
// A crash in the middle may leave the temporary file: ".<name>.*" beside the target.
package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile makes or replaces the file name, with these permissions whatever the
// umask is. On error the old file is as it was, unless what failed was the last step, the
// syncing of the folder: then the new one may be there, and may not last.
func WriteFile(name string, data []byte, perm fs.FileMode) error {
	return Write(name, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Write is WriteFile for content that is produced on the way. An error of write is
// returned as it is, and the old file is as it was. Otherwise errors are those of WriteFile.
func Write(name string, perm fs.FileMode, write func(io.Writer) error) error {
	return Edit(name, perm, func(f *os.File) error { return write(f) })
}

// Edit is Write for content that is not produced from front to back, or is to be read
// before it counts. The file is empty at first.
func Edit(name string, perm fs.FileMode, write func(*os.File) error) (err error) {
	dir := filepath.Dir(name)
	f, err := os.CreateTemp(dir, "."+filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(perm), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return SyncDir(dir)
}

// Mkdir makes a folder, or takes the one that is there, and makes its name durable: also
// where whoever made it may have ended before that. What lies in a folder is lost with
// its name.
func Mkdir(name string, perm fs.FileMode) error {
	if err := os.Mkdir(name, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDir(filepath.Dir(name))
}

// MkdirAll is Mkdir for a folder and those above it that are not there.
func MkdirAll(name string, perm fs.FileMode) error {
	if _, err := os.Stat(filepath.Dir(name)); errors.Is(err, fs.ErrNotExist) {
		if err := MkdirAll(filepath.Dir(name), perm); err != nil {
			return err
		}
	}
	return Mkdir(name, perm)
}

// SyncDir makes the names in a folder durable: those of files made, renamed or
// removed in it.
func SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("sync %s: %w", name, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", name, err)
	}
	return nil
}
