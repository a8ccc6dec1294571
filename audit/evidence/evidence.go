// Package evidence keeps the files that prove what an assessment says: under which
// digest does a file lie, and is it still that file?
//
// # Layout
//
// A file lies under the SHA-256 of its bytes, in lower-case hex:
//
//	DIR/sha256/9f/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//	DIR/.lock
//
// Whoever names a file names 64 hex digits, and nothing else ever becomes part of a
// path. Below DIR there are folders and regular files only: a symbolic link, or
// anything else in the place of one, is damage and is not followed. DIR itself may be
// a link.
//
// # What is durable when
//
// Put returns once the file and every name on the way to it are on disk. A crash in
// the middle leaves a file ".<digest>.<random>" beside the target, which nobody takes
// for evidence; the next Open removes it. Reading checks the digest again, so a file
// that rotted is not handed out as whole.
//
// Any number of processes may have a folder open. flock(2) on .lock keeps the one that
// opens it from taking another's unfinished file for a leftover.
package evidence

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/hallmark-pki/hallmark/durable"
)

var (
	// ErrDigest is returned for a name that is not 64 lower-case hex digits.
	ErrDigest = errors.New("not a SHA-256 in lower-case hex")
	// ErrMismatch is returned by Put for bytes that have another digest.
	ErrMismatch = errors.New("the bytes have another digest")
	// ErrTooLarge is returned by Put for more than MaxBytes.
	ErrTooLarge = errors.New("file is too large")
	// ErrNotFound is returned by Open for a digest that no file has.
	ErrNotFound = errors.New("no such evidence")
	// ErrDamaged is returned when the folder holds what Put never wrote: other bytes, a
	// symbolic link, a folder where a file belongs.
	ErrDamaged = errors.New("evidence is damaged")
)

const (
	hashDir    = "sha256"
	shardChars = 2
	hexChars   = 64
)

// Store is a folder of evidence. It is safe for concurrent use.
type Store struct {
	dir  string // DIR/sha256
	lock *os.File
	max  int64
}

// Open opens the folder, makes it if it does not exist (its parent must), and removes
// what crashes left, unless another process has it open. Close ends it.
func Open(dir string) (*Store, error) {
	s := &Store{dir: filepath.Join(dir, hashDir), max: MaxBytes}
	err := makeDir(dir)
	if err == nil {
		err = makeDir(s.dir)
	}
	if err == nil {
		err = realDir(s.dir)
	}
	if err == nil {
		s.lock, err = lockShared(filepath.Join(dir, ".lock"), s.clean)
	}
	if err != nil {
		return nil, fmt.Errorf("open evidence: %w", err)
	}
	return s, nil
}

// Close lets other processes clean up. No other call may be under way or follow.
func (s *Store) Close() error { return s.lock.Close() }

// makeDir makes a folder if it is not there, and in any case sees to it that its name
// is on disk: who made it may have died before that.
func makeDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return durable.SyncDir(filepath.Dir(dir))
}

// realDir refuses a link to a folder, and what is no folder.
func realDir(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%w: %s is no folder (%s)", ErrDamaged, filepath.Base(dir), info.Mode().Type())
	}
	return nil
}

// find returns where a digest's file is, or would be. There is a file when info is not
// nil, and it is a regular one.
func (s *Store) find(digest string) (path string, info fs.FileInfo, err error) {
	if !isHex(digest, hexChars) {
		return "", nil, fmt.Errorf("%.80q: %w", digest, ErrDigest)
	}
	shard := filepath.Join(s.dir, digest[:shardChars])
	path = filepath.Join(shard, digest)
	if err = realDir(s.dir); err == nil {
		err = realDir(shard)
	}
	if err == nil {
		info, err = os.Lstat(path)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return path, nil, nil
	case err != nil:
		return "", nil, err
	case !info.Mode().IsRegular():
		return "", nil, fmt.Errorf("%w: %s is no file (%s)", ErrDamaged, digest, info.Mode().Type())
	}
	return path, info, nil
}

// isHex reports whether s is n lower-case hex digits.
func isHex(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for i := range n {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Has reports whether there is a file with this digest. It does not read it. The error
// is ErrDigest, ErrDamaged, or one of the file system.
func (s *Store) Has(digest string) (bool, error) {
	_, info, err := s.find(digest)
	if err != nil {
		return false, fmt.Errorf("look for evidence: %w", err)
	}
	return info != nil, nil
}

// Remove removes the file with this digest, durably; one that is absent is no error.
// Several assessments may rest on one file: whether none does is for the caller to know.
func (s *Store) Remove(digest string) error {
	path, info, err := s.find(digest)
	if err == nil && info != nil {
		if err = os.Remove(path); err == nil || errors.Is(err, fs.ErrNotExist) {
			err = durable.SyncDir(filepath.Dir(path))
		}
	}
	if err != nil {
		return fmt.Errorf("remove evidence: %w", err)
	}
	return nil
}

// All yields the digests of all files, in order, without reading the files. What does
// not belong in the folder yields an error that wraps ErrDamaged, and the sequence goes
// on; after any other error it ends.
func (s *Store) All() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		shards, err := os.ReadDir(s.dir)
		if err != nil {
			yield("", fmt.Errorf("list evidence: %w", err))
			return
		}
		for _, shard := range shards {
			if !isHex(shard.Name(), shardChars) || !shard.IsDir() {
				if !yield("", foreign(shard.Name(), shard)) {
					return
				}
				continue
			}
			if !s.each(shard.Name(), yield) {
				return
			}
		}
	}
}

// each yields what is in one folder, and reports whether to go on.
func (s *Store) each(shard string, yield func(string, error) bool) bool {
	files, err := os.ReadDir(filepath.Join(s.dir, shard))
	if err != nil {
		yield("", fmt.Errorf("list evidence: %w", err))
		return false
	}
	for _, f := range files {
		name := f.Name()
		var more bool
		switch {
		case isTemporary(name):
			more = true
		case !isHex(name, hexChars) || name[:shardChars] != shard || !f.Type().IsRegular():
			more = yield("", foreign(shard+"/"+name, f))
		default:
			more = yield(name, nil)
		}
		if !more {
			return false
		}
	}
	return true
}

func foreign(name string, entry fs.DirEntry) error {
	return fmt.Errorf("list evidence: %w: %.200q does not belong here (%s)", ErrDamaged, name, entry.Type())
}
