package sandbox

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// statusFD, blockFD and seccompFD are what bwrap is given beside the three of everybody.
const (
	statusFD = 3 + iota
	blockFD
	seccompFD
)

// arguments are those of bwrap.
func (s Spec) arguments() []string {
	a := []string{
		"--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--disable-userns",
		"--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv",
		"--uid", strconv.Itoa(s.User), "--gid", strconv.Itoa(s.User), "--hostname", s.Hostname,
		"--json-status-fd", strconv.Itoa(statusFD), "--block-fd", strconv.Itoa(blockFD), "--seccomp", strconv.Itoa(seccompFD),
	}
	if !s.Network {
		a = append(a, "--unshare-net")
	}
	a = append(a, s.rootArguments()...)
	memory := strconv.FormatInt(s.Limits.Memory/memoryFolder, 10)
	a = append(a, "--proc", "/proc", "--dev", "/dev", "--size", memory, "--tmpfs", "/dev/shm", "--remount-ro", "/dev",
		"--size", memory, "--tmpfs", "/tmp")
	for _, m := range s.Mounts {
		kind := "--ro-bind"
		if m.Writable {
			kind = "--bind"
		}
		a = append(a, kind, m.Host, m.Inside)
	}
	// The root itself is memory that has no limit of its own.
	a = append(a, "--remount-ro", "/", "--chdir", s.Dir)
	for _, v := range s.Environment {
		name, value, _ := strings.Cut(v, "=")
		a = append(a, "--setenv", name, value)
	}
	return append(append(a, "--"), s.Command...)
}

func (s Spec) rootArguments() []string {
	if s.Root == "" {
		return hostArguments(s.Network)
	}
	var a []string
	entries, err := os.ReadDir(s.Root)
	if err != nil {
		return []string{"--ro-bind", s.Root, "/"} // bwrap says what is wrong with it
	}
	// Entry by entry, so that the mount points of this package need not exist in it.
	for _, e := range entries {
		from, to := filepath.Join(s.Root, e.Name()), "/"+e.Name()
		switch e.Name() {
		case "proc", "dev", "tmp", "sys", "build", "inputs":
			continue
		}
		if target, err := os.Readlink(from); err == nil {
			a = append(a, "--symlink", target, to)
			continue
		}
		a = append(a, "--ro-bind", from, to)
	}
	return a
}

// hostArguments show the host's programs, and of its configuration only what programs
// do not start without.
func hostArguments(network bool) []string {
	a := []string{"--ro-bind", "/usr", "/usr"}
	for _, name := range []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"} {
		if target, err := os.Readlink(name); err == nil {
			a = append(a, "--symlink", target, name)
		} else if _, err := os.Stat(name); err == nil {
			a = append(a, "--ro-bind", name, name)
		}
	}
	files := []string{
		"/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/debian_version", "/etc/os-release",
		"/etc/dpkg", "/var/lib/dpkg", "/etc/mime.types", "/etc/perl", "/etc/java-17-openjdk",
	}
	if network {
		files = append(files, "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl", "/etc/ca-certificates", "/etc/pki", "/etc/services")
	}
	for _, name := range files {
		a = append(a, "--ro-bind-try", name, name)
	}
	return a
}
