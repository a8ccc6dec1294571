package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/hallmark-pki/hallmark/rebuild/worker"
	"golang.org/x/sys/unix"
)

func (p *project) job(artifact []byte) worker.Job {
	sum := sha256.Sum256(artifact)
	return worker.Job{Product: "hallmark-verify", SHA256: hex.EncodeToString(sum[:]), SourceURI: "git+" + source, Commit: p.commit, Recipe: p.document}
}

// command runs a shell line in the checked out tree, as a vendor's server does: with its
// modules there, and with a compiler cache of its own that begins empty.
func (p *project) command(ctx context.Context, cache, line string) error {
	return pinned(0, func() error {
		cmd := exec.CommandContext(ctx, "sh", "-c", line)
		cmd.Dir = filepath.Join(p.folder, "tree")
		// The shell's children too: go is one, and has compilers of its own.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "PROGRAM="+p.program, "GOFLAGS=", "GOPROXY=off", "GOTOOLCHAIN=local", "GOCACHE="+filepath.Join(p.folder, "cache-"+cache), "CI=", "HALLMARK_CORPORA=")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", line, err, out)
		}
		return nil
	})
}

// pinned does work whose processes run on one CPU: what a process starts has its CPUs.
func pinned(cpu int, do func() error) error {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return err
	}
	number := -1
	for i, left := 0, cpu; i < len(all)*64 && number < 0; i++ {
		if all.IsSet(i) {
			if left == 0 {
				number = i
			}
			left--
		}
	}
	if number < 0 {
		return fmt.Errorf("there is no CPU %d", cpu)
	}
	var one unix.CPUSet
	one.Set(number)
	if err := pinThreads(&one); err != nil {
		return err
	}
	defer func() { _ = pinThreads(&all) }()
	return do()
}

// pinThreads moves every thread of this process: any of them may start the next command.
func pinThreads(set *unix.CPUSet) error {
	runtime.GC() // what the runtime would start for it is there then
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range threads {
		var id int
		if _, err := fmt.Sscan(t.Name(), &id); err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, set); err != nil && err != syscall.ESRCH {
			return err
		}
	}
	return nil
}

// measured says what a step took, and what the processes of it took of the CPU.
func measured(step string, do func() error) (spent, error) {
	before, start := childTime(), time.Now()
	if err := do(); err != nil {
		return spent{}, fmt.Errorf("%s: %w", step, err)
	}
	took := spent{Step: step, Wall: time.Since(start).Seconds(), CPU: (childTime() - before).Seconds()}
	fmt.Fprintf(os.Stderr, "  %s: %.1f s, %.1f s CPU\n", step, took.Wall, took.CPU)
	return took, nil
}

func childTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
