package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// look holds disk and memory against the limits.
func (r *run) look() *Error {
	var used usage
	for _, m := range r.Mounts {
		if m.Writable {
			used.add(m.Host)
		}
	}
	switch {
	case used.bytes > r.Limits.Disk:
		return &Error{Reason: Disk, Detail: fmt.Sprintf("%d bytes, at most %d", used.bytes, r.Limits.Disk)}
	case used.files > maxFiles:
		return &Error{Reason: Disk, Detail: fmt.Sprintf("more than %d files", maxFiles)}
	}
	if n := resident(r.child); n > r.Limits.Memory {
		return &Error{Reason: Memory, Detail: fmt.Sprintf("%d bytes, at most %d", n, r.Limits.Memory)}
	}
	return nil
}

// usage is what folders take of the disk.
type usage struct {
	bytes int64
	files int
}

// add counts blocks, not lengths: a sparse file takes what is in it. What cannot be read
// while it is being changed does not matter: there is a next look.
func (u *usage) add(folder string) {
	_ = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrPermission) {
				u.files++ // its content is its owner's problem, and its blocks are few
			}
			return nil
		}
		if u.files++; u.files > maxFiles {
			return fs.SkipAll
		}
		if info, err := d.Info(); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				u.bytes += st.Blocks * 512
			}
		}
		return nil
	})
}

// resident is the memory of a process and all below it, in bytes. Pages that several
// share are counted for each: too much rather than too little.
func resident(root int) int64 {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	type process struct {
		parent int
		pages  int64
	}
	all := map[int]process{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if parent, pages, ok := stat(pid); ok {
			all[pid] = process{parent, pages}
		}
	}
	var sum int64
	for pid, p := range all {
		for at, steps := pid, 0; at > 1 && steps < len(all); at, steps = all[at].parent, steps+1 {
			if at == root {
				sum += p.pages
				break
			}
		}
	}
	return sum * int64(os.Getpagesize())
}

// stat reads parent and resident pages of /proc/PID/stat (proc(5)). The name in
// parentheses may have anything in it, so fields are counted from the last one.
func stat(pid int) (parent int, pages int64, ok bool) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0, false
	}
	end := bytes.LastIndexByte(raw, ')')
	if end < 0 {
		return 0, 0, false
	}
	f := bytes.Fields(raw[end+1:])
	const parentField, residentField = 1, 21
	if len(f) <= residentField {
		return 0, 0, false
	}
	parent, err1 := strconv.Atoi(string(f[parentField]))
	pages, err2 := strconv.ParseInt(string(f[residentField]), 10, 64)
	return parent, pages, err1 == nil && err2 == nil
}
