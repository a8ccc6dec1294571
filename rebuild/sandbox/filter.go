package sandbox

import (
	"encoding/binary"
	"runtime"

	"golang.org/x/sys/unix"
)

// auditArch are the architectures that the filter is written for, as the kernel names
// them (linux/audit.h).
func auditArch() (uint32, bool) {
	switch runtime.GOARCH {
	case "amd64":
		return unix.AUDIT_ARCH_X86_64, true
	case "arm64":
		return unix.AUDIT_ARCH_AARCH64, true
	}
	return 0, false
}

// denied are the system calls that builds and tests have no use for and that holes of
// the kernel were reached through. clone is not among them, since its flags are in a
// register that a filter could read, but --disable-userns closes the same door.
func denied() []uint32 {
	return []uint32{
		unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL, unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD,
		unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_REBOOT,
		unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_OPEN_BY_HANDLE_AT,
		unix.SYS_FSOPEN, unix.SYS_FSMOUNT, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_MOUNT_SETATTR,
		unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT, unix.SYS_QUOTACTL, unix.SYS_SYSLOG,
		unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_ADJTIMEX, unix.SYS_CLOCK_ADJTIME,
		unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_KCMP,
		unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	}
}

// Offsets in struct seccomp_data (linux/seccomp.h).
const (
	offsetNumber = 0
	offsetArch   = 4
	x32Bit       = 0x40000000 // system calls of the x32 ABI, which would get around the list
)

// filter is the program for seccomp, as bwrap reads it: struct sock_filter, one after
// the other, in the machine's byte order. Refused calls fail with EPERM, those of
// another architecture end the process. Nil where the machine has no filter here.
func filter() []byte {
	arch, ok := auditArch()
	if !ok {
		return nil
	}
	list := denied()
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	jump := func(op uint16, k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, Jt: yes, Jf: no, K: k}
	}
	give := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	eperm := uint32(unix.SECCOMP_RET_ERRNO) | uint32(unix.EPERM)
	program := []unix.SockFilter{
		load(offsetArch), jump(unix.BPF_JEQ, arch, 1, 0), give(unix.SECCOMP_RET_KILL_PROCESS),
		load(offsetNumber),
	}
	if runtime.GOARCH == "amd64" {
		program = append(program, jump(unix.BPF_JGE, x32Bit, 0, 1), give(eperm))
	}
	for i, number := range list {
		program = append(program, jump(unix.BPF_JEQ, number, uint8(len(list)-i), 0))
	}
	program = append(program, give(unix.SECCOMP_RET_ALLOW), give(eperm))
	var out []byte
	for _, p := range program {
		out = binary.NativeEndian.AppendUint16(out, p.Code)
		out = append(out, p.Jt, p.Jf)
		out = binary.NativeEndian.AppendUint32(out, p.K)
	}
	return out
}
