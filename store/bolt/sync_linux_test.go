//go:build amd64 || arm64

package bolt

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"github.com/hallmark-pki/hallmark/store"
)

// From linux/prctl.h, linux/seccomp.h and linux/filter.h.
const (
	prSetSeccomp      = 22
	prSetNoNewPrivs   = 38
	seccompModeFilter = 2
	seccompRetErrno   = 0x00050000
	seccompRetAllow   = 0x7fff0000
)

// failCalls makes system call nr fail with EIO on the calling thread, for as long as
// the thread lives. The goroutine must be locked to it, and never unlocked.
func failCalls(nr uint32) error {
	filter := []syscall.SockFilter{
		{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS}, // the number of the call
		{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, K: nr, Jf: 1},
		{Code: syscall.BPF_RET | syscall.BPF_K, K: seccompRetErrno | uint32(syscall.EIO)},
		{Code: syscall.BPF_RET | syscall.BPF_K, K: seccompRetAllow},
	}
	program := syscall.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if _, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0); e != 0 {
		return e
	}
	if _, _, e := syscall.RawSyscall(syscall.SYS_PRCTL, prSetSeccomp, seccompModeFilter, uintptr(unsafe.Pointer(&program))); e != 0 {
		return e
	}
	return nil
}

// withoutSync runs fn on a thread of its own where system call nr fails.
func withoutSync(t *testing.T, nr uint32, fn func() error) error {
	t.Helper()
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := failCalls(nr); err != nil {
			result <- fmt.Errorf("set up the filter: %w", err)
			return
		}
		result <- fn()
	}()
	return <-result
}

// TestSyncFails: a change whose pages cannot be synced is not acknowledged and not
// seen, and the store goes on. It also shows that a change is synced at all.
func TestSyncFails(t *testing.T) {
	d := openTest(t)
	put(t, d, "k", "old")
	err := withoutSync(t, syscall.SYS_FDATASYNC, func() error {
		return d.Update(t.Context(), func(tx store.Tx) error { return tx.PutRaw("t", "k", []byte("new")) })
	})
	if !errors.Is(err, syscall.EIO) || errors.Is(err, store.ErrUncertain) {
		t.Errorf("Update = %v, want EIO", err)
	}
	if got := get(t, d, "k"); got != "old" {
		t.Errorf("k = %q, want old", got)
	}
	put(t, d, "k", "newer")
}

// TestOpenSyncs: what an earlier process may have left unsynced, be it the last change
// or the name of the file in its folder, is not shown before it is on disk.
func TestOpenSyncs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hallmark.db")
	if err := mustOpen(t, path, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	for name, nr := range map[string]uint32{"change": syscall.SYS_FDATASYNC, "folder": syscall.SYS_FSYNC} {
		err := withoutSync(t, nr, func() error {
			d, err := Open(path, Options{})
			if err == nil {
				d.Close()
			}
			return err
		})
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: Open = %v, want EIO", name, err)
		}
	}
	mustOpen(t, path, Options{})
}
