package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/hallmark-pki/hallmark/durable"
)

// System is the machine, or the folder with the root of another one, whose package
// manager is to ask us.
type System struct {
	Root    string // "/" or the folder
	Program string // where hallmark-verify is, seen from inside of Root
	// Run runs a command and returns its output; RunCommand, but in tests.
	Run func(ctx context.Context, name string, args ...string) ([]byte, error)
}

// Problem is why a system cannot be changed, and what to do about it.
type Problem struct {
	Err  error
	Hint string
}

func (p *Problem) Error() string { return p.Err.Error() }
func (p *Problem) Unwrap() error { return p.Err }

func problem(hint, format string, args ...any) error {
	return &Problem{fmt.Errorf(format, args...), hint}
}

// Step is one change to a system. Each can be done again after a crash.
type Step struct {
	Text string // what it does, for people
	do   func(context.Context) error
}

// Apply does the steps in their order and stops at the first that fails; said is called
// before each.
func Apply(ctx context.Context, steps []Step, said func(Step)) error {
	for _, s := range steps {
		said(s)
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.Text, err)
		}
	}
	return nil
}

// RunCommand runs a program found through PATH; its output comes back, in English, and
// what it says on stderr in the error.
func RunCommand(ctx context.Context, name string, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), nil
}

// Lock keeps dpkg and apt from running until it is released: it is the lock that they
// take first.
func (s System) Lock() (release func(), err error) {
	path, err := s.path("/var/lib/dpkg/lock-frontend")
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o640)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, problem("run it as root", "%w", err)
	case errors.Is(err, fs.ErrNotExist):
		return nil, problem("--root names the folder of a Debian system", "no dpkg under %s: %w", s.Root, err)
	case err != nil:
		return nil, err
	}
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &lock); err != nil {
		_ = f.Close()
		return nil, problem("wait until it has finished", "dpkg or apt is running: lock %s: %w", path, err)
	}
	return func() { _ = f.Close() }, nil
}

// path is where a file of the system lies. A link on the way to it that leads out of the
// root is refused: it means another file inside.
func (s System) path(name string) (string, error) {
	if s.Root == "/" {
		return name, nil
	}
	root, err := filepath.EvalSymlinks(s.Root)
	if err != nil {
		return "", err
	}
	folder := filepath.Join(root, filepath.Dir(name))
	real, err := filepath.EvalSymlinks(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return filepath.Join(root, name), nil // whoever opens it will say so
	}
	if err != nil {
		return "", err
	}
	if real != root && !strings.HasPrefix(real, root+"/") {
		return "", problem("run it inside of that root", "%s leads out of %s, to %s", folder, s.Root, real)
	}
	return filepath.Join(real, filepath.Base(name)), nil
}

// read returns a file of the system; found is false if it is not there.
func (s System) read(name string) (raw []byte, found bool, err error) {
	path, err := s.path(name)
	if err != nil {
		return nil, false, err
	}
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if !info.Mode().IsRegular() {
		return nil, true, problem("make it a plain file", "%s is not a regular file", path)
	}
	if info.Size() > maxConfigBytes {
		return nil, true, fmt.Errorf("%s: more than %d bytes", path, maxConfigBytes)
	}
	raw, err = os.ReadFile(path)
	return raw, true, err
}

// head returns how a program of the system begins: enough to see whether it is ours.
func (s System) head(name string) (raw []byte, found bool, err error) {
	path, err := s.path(name)
	if err != nil {
		return nil, false, err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	raw, err = io.ReadAll(io.LimitReader(f, maxScriptBytes))
	return raw, true, err
}

// write replaces a file of the system; a file that was there keeps its mode.
func (s System) write(name string, raw []byte, mode fs.FileMode) error {
	path, err := s.path(name)
	if err != nil {
		return err
	}
	if info, err := os.Lstat(path); err == nil {
		mode = info.Mode().Perm()
	}
	return durable.WriteFile(path, raw, mode)
}

func (s System) remove(name string) error {
	path, err := s.path(name)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

// checkProgram refuses a program that a shell or apt would read otherwise, that is not
// there, or that somebody else could replace: it is what everything hangs on.
func (s System) checkProgram() error {
	const hint = "install hallmark-verify to /usr/bin, or name its place with --program"
	if !filepath.IsAbs(s.Program) || filepath.Clean(s.Program) != s.Program || !isPlain(s.Program) {
		return problem(hint, "program %q: want an absolute path of letters, digits and ./_+-", s.Program)
	}
	path, err := s.path(s.Program)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return problem(hint, "program: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return problem(hint, "program %s: cannot be run", path)
	}
	if s.Root != "/" {
		return nil // above that root everything may be another's; inside it will be checked there
	}
	if err := CheckPath(path, Owners()); err != nil {
		return problem(hint, "program: %w", err)
	}
	return nil
}

// isPlain: no shell, no configuration file and no apt reads anything into these.
func isPlain(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isAlphanumeric(s[i]) && strings.IndexByte("./_+-", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}
