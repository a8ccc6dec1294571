// Package sandbox answers: what can a stranger's build do to this machine?
//
// Run starts one command under bubblewrap (bwrap, Debian package bubblewrap) and
// returns when it and everything that it started is gone. Linux only.
//
// Enforced by the kernel:
//
//   - namespaces of its own for users, processes, mounts, IPC, host name, control
//     groups, and, unless Spec.Network says otherwise, the network: there is not even
//     another interface than a loopback of its own;
//   - no privileges: no capability, no_new_privs (a setuid file is a file like any
//     other), no user namespaces below; a filter of system calls (seccomp) that takes
//     away keyrings, kernel modules, eBPF, perf, userfaultfd, mounts, new namespaces and
//     ptrace of others, and everything of a foreign architecture;
//   - every file system read-only but the folders of Spec.Mounts that say otherwise, and
//     /tmp and /dev/shm, which are the command's own, in memory and of a size;
//   - RLIMIT_FSIZE: no file grows past Limits.Disk, sparse or not; RLIMIT_NPROC: no more
//     than Limits.Processes processes; RLIMIT_CORE: none; RLIMIT_NOFILE;
//   - the whole tree dies with its first process, which dies with the time limit, with
//     the context and with us.
//
// Enforced by looking, four times a second, and so only as exactly as that: the sum of
// what is on disk, the number of files, and the sum of the processes' memory. A command
// can go past these for a quarter of a second before it is killed. An operator who wants
// more gives the rebuilder a file system and a control group of its own
// (docs/rebuilding.md).
//
// Not enforced: the share of CPU and disk bandwidth, timing and cache side channels, and
// holes of the kernel itself. The host's /usr and parts of /etc and /var/lib/dpkg are
// readable unless another root is given.
//
// Run as root, the command runs as Spec.RootBecomes instead: the kernel counts no
// processes of root, and root's files are root's.
package sandbox
