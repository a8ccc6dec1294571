package evidence

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/hallmark-pki/hallmark/durable"
)

// isTemporary reports whether a name is one under which Put writes: ".<digest>.*".
func isTemporary(name string) bool {
	return len(name) > hexChars+2 && name[0] == '.' && isHex(name[1:1+hexChars], hexChars) && name[1+hexChars] == '.'
}

// clean removes what a crash in Put left. What it does not know it leaves alone.
func (s *Store) clean() error {
	shards, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, shard := range shards {
		if !isHex(shard.Name(), shardChars) || !shard.IsDir() {
			continue
		}
		dir := filepath.Join(s.dir, shard.Name())
		files, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		removed := false
		for _, f := range files {
			if !isTemporary(f.Name()) || f.IsDir() {
				continue
			}
			if err := os.Remove(filepath.Join(dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("clean up: %w", err)
			}
			removed = true
		}
		if removed {
			if err := durable.SyncDir(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// lockShared takes a shared lock on path, for as long as the file that it returns is
// open. If nobody else has one it calls alone first, under an exclusive lock.
func lockShared(path string, alone func() error) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	switch err = flock(f, syscall.LOCK_EX|syscall.LOCK_NB); {
	case err == nil:
		err = alone()
	case errors.Is(err, syscall.EWOULDBLOCK):
		err = nil
	}
	if err == nil {
		err = flock(f, syscall.LOCK_SH)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f, nil
}

func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
