package repository

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const (
	scratch  = ".new"  // folder of files not yet renamed into place
	lockFile = ".lock" // held by the writer
)

// files is what replace does to the disk, so that a test can fail each step.
type files interface {
	writeSync(path string, data []byte) error
	rename(from, to string) error
	mkdir(path string) error // one level; an existing one is fine
	syncDir(path string) error
}

// replace puts data under path, which is four levels below the repository. The
// order is what makes it survive a power cut: the bytes are on disk before the
// name points to them, and the name is on disk before we return. New folders are
// entries in their parents and need the same.
func (r *Repository) replace(path string, data []byte) error {
	if err := r.mkdirs(filepath.Dir(path)); err != nil {
		return err
	}
	tmp := filepath.Join(r.dir, scratch, filepath.Base(path))
	if err := r.files.writeSync(tmp, data); err != nil {
		return err
	}
	if err := r.files.rename(tmp, path); err != nil {
		return err
	}
	return r.files.syncDir(filepath.Dir(path))
}

// mkdirs makes the folders from the repository down to dir. Parents are synced even
// when the folder is there: a writer that died may have made it and not got so far.
func (r *Repository) mkdirs(dir string) error {
	if dir == r.dir {
		return nil
	}
	parent := filepath.Dir(dir)
	if err := r.mkdirs(parent); err != nil {
		return err
	}
	if err := r.files.mkdir(dir); err != nil {
		return err
	}
	return r.files.syncDir(parent)
}

// lock waits until no other process writes. The kernel drops the lock with the
// process, so none is left behind.
func (r *Repository) lock() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(r.dir, lockFile), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return func() { f.Close() }, nil
}

type osFiles struct{}

func (osFiles) writeSync(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (osFiles) rename(from, to string) error { return os.Rename(from, to) }

func (osFiles) mkdir(path string) error {
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (osFiles) syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
