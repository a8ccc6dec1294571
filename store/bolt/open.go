package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/hallmark-pki/hallmark/store"
)

var (
	// ErrLocked is returned by Open while another process, or another Open in this
	// one, has the store.
	ErrLocked = errors.New("store is in use by another process: only one can open it, reading included; use the running server's API, or stop it first")
	// ErrReadOnly is returned by Update on a store that was opened read-only.
	ErrReadOnly = errors.New("store was opened read-only")
	// ErrNotAStore is returned by Open for a file that is something else, or empty.
	ErrNotAStore = errors.New("not a hallmark store")
)

// Options say how to open a store. The zero value opens it for writing, makes it if
// there is none, and waits a second for the lock.
type Options struct {
	// Timeout is how long to wait for another process to let go of the store; 0 means
	// one second, a negative value not at all.
	Timeout time.Duration
	// ReadOnly opens without writing anything; Update returns ErrReadOnly. Several
	// processes may read at once, but none while one writes.
	ReadOnly bool
	// MustExist makes a missing file an error that wraps fs.ErrNotExist, so that a
	// mistyped path does not become a new, empty CA. ReadOnly implies it.
	MustExist bool
}

// Open opens the store in the file at path. A new one is made with mode 0600 and is
// on disk, its name in the folder included, when Open returns.
//
// Errors: ErrLocked, ErrNotAStore, store.ErrVersion for a file of a later release,
// store.ErrDamaged, fs.ErrNotExist.
func Open(path string, o Options) (*DB, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && !o.ReadOnly && !o.MustExist {
		err = create(path)
	}
	if err == nil && !o.ReadOnly {
		// Also for a store that was there: who made it may have died before it got here.
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	d, err := open(path, o)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	return d, nil
}

// open believes nothing about the file. bbolt believes what it reads: a file cut
// short makes it panic, or fault on memory behind the end of the file. Here both
// become errors. The lock is given back by hand then, because bbolt keeps the file
// mapped, and that keeps the lock even when the file is closed.
func open(path string, o Options) (d *DB, err error) {
	var file *os.File
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			d, err = nil, fmt.Errorf("%w: %v; restore a backup", store.ErrDamaged, p)
			err = errors.Join(err, syscall.Flock(int(file.Fd()), syscall.LOCK_UN), file.Close())
		}
	}()
	b, err := openFile(path, o, &file)
	if err != nil {
		return nil, err
	}
	d = &DB{bolt: b, readOnly: o.ReadOnly, commit: (*bbolt.Tx).Commit}
	err = checkLength(b, file)
	if err == nil {
		err = d.admit()
	}
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return d, nil
}

// admit refuses a file that is not ours or not whole, and makes durable what it holds.
func (d *DB) admit() error {
	tx, err := d.bolt.Begin(!d.readOnly)
	if err != nil {
		return err
	}
	if err := checkFile(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if d.readOnly {
		return tx.Rollback()
	}
	// The last process may have died after it wrote the root page and before it synced
	// it. This commit changes nothing, but it syncs.
	return tx.Commit()
}

func checkFile(tx *bbolt.Tx) error {
	b := tx.Bucket([]byte(store.FormatTable))
	if b == nil {
		return ErrNotAStore
	}
	raw := b.Get([]byte(store.FormatKey))
	if raw == nil {
		return ErrNotAStore
	}
	return store.CheckFormat(raw)
}

// openFile opens the database, and leaves its file in file.
func openFile(path string, o Options, file **os.File) (*bbolt.DB, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 {
		// bbolt would take it for a new database, and a CA would start without its records.
		return nil, fmt.Errorf("%w: the file is empty; restore a backup, or remove it to start anew", ErrNotAStore)
	}
	b, err := bbolt.Open(path, fileMode, &bbolt.Options{
		Timeout:         o.timeout(),
		ReadOnly:        o.ReadOnly,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: mapSize(info.Size()),
		NoStatistics:    true, // nobody reads them, and they are a lock per transaction
		OpenFile: func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
			f, err = os.OpenFile(name, flag&^os.O_CREATE, mode)
			*file = f
			return f, err
		},
	})
	return b, explain(err)
}

// checkLength refuses a file that is shorter than its root page says.
func checkLength(b *bbolt.DB, file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return b.View(func(tx *bbolt.Tx) error {
		if info.Size() < tx.Size() {
			return fmt.Errorf("%w: the file has %d bytes of %d; restore a backup", store.ErrDamaged, info.Size(), tx.Size())
		}
		return nil
	})
}

func explain(err error) error {
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return ErrLocked
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, berrors.ErrChecksum):
		return fmt.Errorf("%w: %w", ErrNotAStore, err)
	}
	return err
}

func (o Options) timeout() time.Duration {
	if o.Timeout == 0 {
		return defaultLockTimeout
	}
	return max(o.Timeout, time.Nanosecond) // to bbolt, 0 means for ever
}

func mapSize(fileSize int64) int { return int(max(minMap, growthRoom*fileSize)) }

// create makes a new store beside path and then links it there, so that a crash
// leaves a whole store at path or none, and of two processes that do this at once
// both end up opening the same file.
func create(path string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	if err := errors.Join(f.Close(), write(f.Name())); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// write makes an empty store in the empty file at path.
func write(path string) error {
	b, err := bbolt.Open(path, fileMode, &bbolt.Options{Timeout: time.Nanosecond, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return err
	}
	err = b.Update(func(tx *bbolt.Tx) error {
		meta, err := tx.CreateBucket([]byte(store.FormatTable))
		if err != nil {
			return err
		}
		return meta.Put([]byte(store.FormatKey), store.MarshalFormat())
	})
	return errors.Join(err, b.Close())
}

// syncDir makes the names in a folder durable. fsync of the file does not.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
