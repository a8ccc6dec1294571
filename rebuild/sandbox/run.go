package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Bubblewrap is the program's name.
const Bubblewrap = "bwrap"

// notFound is a shell's exit code for a command that is not there.
const notFound = 127

// nobody is who a command of root's becomes.
const nobody = 65534

// Identity is the host's uid that commands run as; for folders that they write to.
func (s Spec) Identity() int {
	if os.Geteuid() != 0 {
		return os.Geteuid()
	}
	if s.RootBecomes > 0 {
		return s.RootBecomes
	}
	return nobody
}

// Run runs the command to its end. The error is an *Error; a command that fails by
// itself is a Result with an exit code.
func Run(ctx context.Context, s Spec) (Result, error) {
	if err := s.check(); err != nil {
		return Result{}, err
	}
	r, err := s.newRun(ctx)
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	return r.run()
}

func (s Spec) check() error {
	switch {
	case len(s.Command) == 0 || s.Dir == "" || s.User < 1 || s.Hostname == "":
		return broken(nil, "a command, its folder, a host name and a user are needed")
	case s.Limits.Time <= 0 || s.Limits.Memory <= 0 || s.Limits.Disk <= 0 || s.Limits.Processes <= 0:
		return broken(nil, "every limit is needed")
	}
	return nil
}

// run is one command on its way.
type run struct {
	Spec
	ctx    context.Context
	cancel context.CancelCauseFunc
	cmd    *exec.Cmd
	pipes  []*os.File // ours
	theirs []*os.File // the child's
	output tail
	status *json.Decoder
	child  int // the first process inside, as the host numbers it
}

func (s Spec) newRun(ctx context.Context) (*run, error) {
	// The shell sets the umask: a process of ours has one for all of its threads.
	path, err := exec.LookPath(Bubblewrap)
	if err != nil {
		return nil, broken(err, "bubblewrap is not installed")
	}
	r := &run{Spec: s}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	script := fmt.Sprintf(`umask %04o; exec "$0" "$@"`, s.Umask)
	words := append([]string{"-c", script}, s.limiter()...)
	r.cmd = exec.Command("/bin/sh", append(append(words, path), s.arguments()...)...)
	r.cmd.Env = []string{"PATH=/usr/bin:/bin"}
	r.cmd.Dir = "/"
	r.cmd.Stdout, r.cmd.Stderr = &r.output, &r.output
	if s.Stdout != nil {
		r.cmd.Stdout = s.Stdout
	}
	r.cmd.WaitDelay = endWait
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if id := s.Identity(); id != os.Geteuid() {
		r.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(id), Gid: uint32(id)}
	}
	if err := r.openPipes(); err != nil {
		r.close()
		return nil, broken(err, "open pipes")
	}
	return r, nil
}

// openPipes makes what statusFD, blockFD and seccompFD are inside.
func (r *run) openPipes() error {
	statusRead, statusWrite, err := os.Pipe()
	if err != nil {
		return err
	}
	r.pipes, r.theirs = append(r.pipes, statusRead), append(r.theirs, statusWrite)
	blockRead, blockWrite, err := os.Pipe()
	if err != nil {
		return err
	}
	r.pipes, r.theirs = append(r.pipes, blockWrite), append(r.theirs, blockRead)
	filterRead, filterWrite, err := os.Pipe()
	if err != nil {
		return err
	}
	r.theirs = append(r.theirs, filterRead)
	// The program is far smaller than a pipe's buffer: this does not wait for a reader.
	_, err = filterWrite.Write(filter())
	r.cmd.ExtraFiles = r.theirs
	return errors.Join(err, filterWrite.Close())
}

func (r *run) close() {
	r.cancel(nil)
	for _, f := range append(r.pipes, r.theirs...) {
		f.Close()
	}
}

func (r *run) run() (Result, error) {
	ended := make(chan error, 1)
	started := make(chan error, 1)
	go func() {
		// The kernel's death signal follows the thread that forked, not the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := r.startPinned()
		started <- err
		if err == nil {
			ended <- r.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return Result{}, broken(err, "start %s", Bubblewrap)
	}
	for _, f := range r.theirs {
		f.Close()
	}
	if err := r.release(); err != nil {
		r.kill()
		<-ended
		return Result{}, broken(err, "%s", strings.TrimSpace(r.output.String()))
	}
	return r.wait(ended)
}

// release reads who the child is, puts the limits on it and lets it go on.
func (r *run) release() error {
	r.status = json.NewDecoder(io.LimitReader(r.pipes[0], maxStatus))
	var said status
	if err := r.status.Decode(&said); err != nil || said.Child <= 1 {
		return fmt.Errorf("%s gave no child: %w", Bubblewrap, errors.Join(err))
	}
	r.child = said.Child
	if os.Geteuid() != 0 {
		// Only now: before, it would have counted what else this user runs.
		most := uint64(r.Limits.Processes)
		if err := unix.Prlimit(r.child, unix.RLIMIT_NPROC, &unix.Rlimit{Cur: most, Max: most}, nil); err != nil {
			return fmt.Errorf("limit processes: %w", err)
		}
	}
	// The first to go when the machine's memory is out. Not every system lets us.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", r.child), []byte("1000"), 0)
	_, err := r.pipes[1].Write([]byte{1})
	return err
}

// status is what bwrap says, one object after the other: at first the child, and at the
// end the exit code, if the command was started at all.
type status struct {
	Child int  `json:"child-pid"`
	Exit  *int `json:"exit-code"`
}

// limiter is the program that sets limits which a command inherits. prlimit(1) rather
// than prlimit(2): for the latter, a root without CAP_SYS_RESOURCE, as in a container, is
// a stranger to the user that the command runs as.
func (s Spec) limiter() []string {
	words := []string{
		"prlimit", "--core=0", "--fsize=" + strconv.FormatInt(s.Limits.Disk, 10), "--nofile=" + strconv.Itoa(openFiles()),
	}
	if os.Geteuid() == 0 {
		// The user that it becomes runs next to nothing else.
		words = append(words, "--nproc="+strconv.Itoa(s.Limits.Processes))
	}
	return append(words, "--")
}

// openFiles never raises the limit: an operator may have set a lower one.
func openFiles() int {
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil || now.Max > maxOpenFiles {
		return maxOpenFiles
	}
	return int(now.Max)
}

// startPinned starts the command on the first CPUs of those that we may use. What a
// thread forks has its CPUs, so this thread takes them for a moment.
func (r *run) startPinned() error {
	if r.CPUs == 0 {
		return r.cmd.Start()
	}
	var all, few unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return fmt.Errorf("read CPUs: %w", err)
	}
	for i := 0; i < len(all)*64 && few.Count() < r.CPUs; i++ {
		if all.IsSet(i) {
			few.Set(i)
		}
	}
	if err := unix.SchedSetaffinity(0, &few); err != nil {
		return fmt.Errorf("set CPUs: %w", err)
	}
	err := r.cmd.Start()
	return errors.Join(err, unix.SchedSetaffinity(0, &all))
}

// wait looks after the command until it ends or has to.
func (r *run) wait(ended chan error) (Result, error) {
	deadline := time.NewTimer(r.Limits.Time)
	defer deadline.Stop()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		var failed *Error
		select {
		case err := <-ended:
			if over := r.look(); over != nil {
				return Result{Output: r.output.String()}, over // it was quicker than we looked
			}
			return r.result(err)
		case <-deadline.C:
			failed = &Error{Reason: Time, Detail: fmt.Sprintf("not done after %s", r.Limits.Time)}
		case <-r.ctx.Done():
			failed = &Error{Reason: Cancelled, Detail: "stopped", Err: context.Cause(r.ctx)}
		case <-tick.C:
			failed = r.look()
		}
		if failed != nil {
			r.kill()
			<-ended
			return Result{Output: r.output.String()}, failed
		}
	}
}

// kill ends the tree: with its first process goes all of the namespace.
func (r *run) kill() {
	if r.child > 1 {
		_ = unix.Kill(r.child, unix.SIGKILL)
	}
	_ = unix.Kill(-r.cmd.Process.Pid, unix.SIGKILL)
}

// result tells a command that failed from a sandbox that could not be made: both are
// exit code 1 of bwrap's.
func (r *run) result(err error) (Result, error) {
	var last status
	if e := r.status.Decode(&last); e == nil && last.Exit != nil {
		return Result{Exit: *last.Exit, Output: r.output.String()}, nil
	}
	text := r.output.String()
	if strings.HasPrefix(text, Bubblewrap+": execvp ") {
		return Result{Exit: notFound, Output: text}, nil
	}
	return Result{}, broken(err, "%s", strings.TrimSpace(text))
}
