//go:build linux && (amd64 || arm64)

// Package nosync makes fsync fail: does a function that promises that something is on
// disk sync it at all, files and folders, and does it say so when that fails?
package nosync

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"
)

// From linux/prctl.h, linux/seccomp.h and linux/filter.h.
const (
	prSetSeccomp      = 22
	prSetNoNewPrivs   = 38
	seccompModeFilter = 2
	seccompRetErrno   = 0x00050000
	seccompRetAllow   = 0x7fff0000
)

// Run is RunWithout fsync(2).
func Run(fn func() error) error { return RunWithout(syscall.SYS_FSYNC, fn) }

// RunWithout runs fn on a thread of its own where a system call fails with EIO, and returns
// its error. Other threads, of goroutines that fn starts too, go on as usual.
func RunWithout(call uint32, fn func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := fail(call); err != nil {
			result <- fmt.Errorf("set up the filter: %w", err)
			return
		}
		result <- fn()
	}()
	return <-result
}

// fail makes a system call fail on the calling thread for as long as that lives.
func fail(call uint32) error {
	filter := []syscall.SockFilter{
		{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS}, // the number of the call
		{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, K: call, Jf: 1},
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
