package repository

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/hallmark-pki/hallmark/recent"
)

// settled is how long ago a file must have been changed to be remembered: a file system
// dates changes by a clock that ticks some hundred times a second, so a later change
// could leave the date as it is.
const settled = time.Second

// memory spares reading and parsing again a file that is still the same one: what a
// build's evidence is asked for several times, by the gate, by rebuilders, by installers.
// Put replaces files by rename, and whoever else writes changes the date; so the look at
// the file that is left finds every change.
type memory struct {
	files recent.Values[string, remembered]
}

type remembered struct {
	identity identity
	lines    [][]byte
}

// identity tells a file from what it was before.
type identity struct {
	device, inode    uint64
	size             int64
	modified, status syscall.Timespec
}

func identityOf(info os.FileInfo) (identity, bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}, false
	}
	return identity{uint64(s.Dev), s.Ino, s.Size, s.Mtim, s.Ctim}, true
}

// read is ReadFile with a memory. Its lines are shared: read them only.
func (m *memory) read(path string) ([][]byte, error) {
	if known, ok := m.files.Get(path); ok {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("read attestations: %w", err)
		}
		if now, ok := identityOf(info); ok && now == known.identity {
			return known.lines, nil
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read attestations: %w", err)
	}
	defer f.Close()
	// Looked at before it is read: a change in between is found by the next look.
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read attestations: %w", err)
	}
	lines, err := readFrom(f)
	if err != nil {
		return nil, err
	}
	if id, ok := identityOf(info); ok && id.size <= maxRemembered && time.Since(info.ModTime()) > settled {
		m.files.Put(path, remembered{id, lines})
	}
	return lines, nil
}
