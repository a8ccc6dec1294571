package faults

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mode is what becomes of the call that fails.
type mode string

const (
	modeLost mode = "lost" // nothing was done, and the call says EIO
	modeDone mode = "done" // it was done, and the call says EIO all the same
	modeTorn mode = "torn" // half was written, and the call says EIO; of writes only
	modeKill mode = "kill" // nothing was done, and the process is gone
)

// The calls through which bytes and names get to disk in this program.
var intercepted = map[uint32]string{
	unix.SYS_FSYNC: "fsync", unix.SYS_FDATASYNC: "fdatasync", unix.SYS_PWRITE64: "pwrite", unix.SYS_WRITE: "write",
	unix.SYS_FTRUNCATE: "ftruncate", unix.SYS_RENAMEAT: "rename", unix.SYS_LINKAT: "link", unix.SYS_UNLINKAT: "unlink",
}

// magic, as the sixth argument, lets the supervisor's own calls through. No call above
// has a sixth argument, and Go sets the ones that a call does not have to zero.
const magic = 0x6d61726b

// interceptor fails one of the process's calls. The kernel asks it about each
// (seccomp_unotify(2), no privileges needed), so that what fails is the real thing: the
// calls of bbolt, of the log's library, of our own.
type interceptor struct {
	listener int
	dir      string // calls on files elsewhere are not counted
	at       int    // which call fails, from 1
	mode     mode
	count    int
	fired    func(what string) // called before the call fails
}

// notification and response are struct seccomp_notif and seccomp_notif_resp of
// linux/seccomp.h.
type notification struct {
	id    uint64
	pid   uint32
	flags uint32
	nr    int32
	arch  uint32
	ip    uint64
	args  [6]uint64
}

type response struct {
	id    uint64
	val   int64
	err   int32
	flags uint32
}

// start installs the filter in every thread and begins to answer.
func (i *interceptor) start() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	filter := askFilter()
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
	fd, _, errno := syscall.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&program)))
	runtime.KeepAlive(filter)
	if errno != 0 {
		return fmt.Errorf("ask about system calls: %w", errno)
	}
	i.listener = int(fd)
	go i.serve()
	return nil
}

// wakeBytes is the length of what Go's runtime writes to wake a thread that polls. Were
// the supervisor's thread asked about its own, it could not answer.
const wakeBytes = 8

// askFilter lets everything pass but the calls in question, by others than us; of
// write(2) those to standard output and error pass, which tell what happened, and those
// that wake a thread.
func askFilter() []unix.SockFilter {
	const load, jumpEqual, jumpAtLeast, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	const dataNr, dataArgs = 0, 16 // offsets in struct seccomp_data; low halves of arguments come first
	others := make([]uint32, 0, len(intercepted))
	for nr := range intercepted {
		if nr != unix.SYS_WRITE {
			others = append(others, nr)
		}
	}
	n := uint8(len(others))
	filter := []unix.SockFilter{
		{Code: load, K: dataNr},
		{Code: jumpEqual, K: unix.SYS_WRITE, Jt: n + 1}, // to "which file"
	}
	for k, nr := range others {
		filter = append(filter, unix.SockFilter{Code: jumpEqual, K: nr, Jt: n - uint8(k) - 1 + 7}) // to "who"
	}
	return append(filter,
		unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: load, K: dataArgs}, // which file
		unix.SockFilter{Code: jumpAtLeast, K: 3, Jt: 1},
		unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: load, K: dataArgs + 2*8}, // how much
		unix.SockFilter{Code: jumpAtLeast, K: wakeBytes + 1, Jt: 1},
		unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: load, K: dataArgs + 5*8}, // who
		unix.SockFilter{Code: jumpEqual, K: magic, Jt: 1},
		unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_USER_NOTIF},
		unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW},
	)
}

func (i *interceptor) serve() {
	runtime.LockOSThread()
	for {
		var n notification
		_, _, errno := syscall.Syscall(unix.SYS_IOCTL, uintptr(i.listener), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n)))
		if errno == unix.EINTR || errno == unix.ENOENT { // a signal; or who asked is gone
			continue
		}
		if errno != 0 {
			panic(errno)
		}
		r := i.decide(n)
		_, _, errno = syscall.Syscall(unix.SYS_IOCTL, uintptr(i.listener), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&r)))
		if errno != 0 && !errors.Is(errno, unix.ENOENT) {
			panic(errno)
		}
	}
}

func (i *interceptor) decide(n notification) response {
	pass := response{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	what := intercepted[uint32(n.nr)]
	switch n.nr {
	case unix.SYS_RENAMEAT, unix.SYS_LINKAT, unix.SYS_UNLINKAT:
	default:
		name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", n.args[0]))
		if err != nil || !strings.HasPrefix(name, i.dir) {
			return pass
		}
		what += " " + strings.TrimPrefix(name, i.dir)
	}
	isWrite := n.nr == unix.SYS_WRITE || n.nr == unix.SYS_PWRITE64
	if i.mode == modeTorn && !isWrite {
		return pass
	}
	if i.count++; i.count != i.at {
		return pass
	}
	i.fired(what)
	switch i.mode {
	case modeKill:
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case modeTorn:
		n.args[2] /= 2
	}
	if i.mode == modeDone || i.mode == modeTorn {
		// The same process: its descriptors and addresses are ours, and who asked waits.
		_, _, _ = syscall.Syscall6(uintptr(n.nr), uintptr(n.args[0]), uintptr(n.args[1]), uintptr(n.args[2]), uintptr(n.args[3]), uintptr(n.args[4]), magic)
	}
	return response{id: n.id, err: -int32(unix.EIO)}
}
