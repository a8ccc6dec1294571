// Package child answers: how does the program that judges get something from the
// network without being able to?
//
// What judges a file links neither HTTP nor TLS. Where its owner asks for something
// from outside, it starts hallmark-fetch, which can open sockets and judges nothing.
// A process apart is also what keeps the judge quick: setting up a network stack that
// is not used takes as long as a verification.
//
// The child is found beside the program itself or in LibraryPath, never through PATH.
// It gets no environment, and of our open files its pipes alone. To Fetcher it says what it
// found in this protocol:
//
//	hallmark-fetch evidence URL
//
//	exit code 0         stdout is the body, all of it
//	          Absent    the server says that there is nothing; stdout is empty
//	          any other it failed; the first line of stderr says why
//
// All of that is outside text to the judge: bounded in size and time, and a body is
// only ever evidence that has to carry its own signatures.
package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/verify"
)

const (
	// Name is the program's.
	Name = "hallmark-fetch"
	// LibraryPath is where packages put it that keep their programs elsewhere.
	LibraryPath = "/usr/lib/hallmark/" + Name
	// Absent is the exit code for "there is nothing at that address".
	Absent = 3
)

// Errors that say what was wrong with the child, for errors.Is.
var (
	// ErrMissing: there is no such program.
	ErrMissing = errors.New(Name + " is not installed beside this program or as " + LibraryPath)
	// ErrAddress: not an address that is asked for.
	ErrAddress = errors.New("not an https address")
	// ErrTooLarge: the child wrote more than fits.
	ErrTooLarge = errors.New("answer too large")
	// ErrProtocol: the child's exit code and output do not go together.
	ErrProtocol = errors.New("broken answer")
)

// Find returns the path of the child for a program that names none: beside the
// running program, links resolved, or LibraryPath. The error is ErrMissing.
func Find() (string, error) {
	places := []string{LibraryPath}
	if own, err := os.Executable(); err == nil {
		if own, err = filepath.EvalSymlinks(own); err == nil {
			places = []string{filepath.Join(filepath.Dir(own), Name), LibraryPath}
		}
	}
	return first(places)
}

// Usable says whether there is a child: the one that is named, or else that Find finds.
// The error is ErrMissing.
func Usable(program string) error {
	_, err := choose(program)
	return err
}

func choose(program string) (string, error) {
	if program != "" {
		return first([]string{program})
	}
	return Find()
}

// first returns the first of the paths that can be run.
func first(places []string) (string, error) {
	for _, p := range places {
		info, err := os.Stat(p)
		if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return p, nil
		}
	}
	if len(places) == 1 {
		return "", fmt.Errorf("%s: %w", places[0], ErrMissing)
	}
	return "", ErrMissing
}

// Fetcher fetches evidence through a child, one process for each address. It is safe
// for concurrent use.
type Fetcher struct {
	// Program is the path of hallmark-fetch; empty means the one that Find finds.
	Program string

	timeout time.Duration // of a test; zero means the constant
}

var _ verify.Fetcher = Fetcher{}

// Fetch returns what the child found, or verify.ErrNotFound. The address comes out of
// a certificate: the child holds the rules for following it, and here it is only made
// sure that it cannot be taken for an option.
func (f Fetcher) Fetch(ctx context.Context, address string) ([]byte, error) {
	if len(address) > maxURL || !strings.HasPrefix(address, "https://") || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fmt.Errorf("fetch %.200q: %w", address, ErrAddress)
	}
	program, err := choose(f.Program)
	if err != nil {
		return nil, fmt.Errorf("fetch %.200q: %w", address, err)
	}
	body, err := f.run(ctx, program, address)
	if err != nil {
		return nil, fmt.Errorf("fetch %.200q: %w", address, err)
	}
	return body, nil
}

func (f Fetcher) run(ctx context.Context, program, address string) ([]byte, error) {
	limit := f.timeout
	if limit == 0 {
		limit = timeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	body, complaint := bounded{left: maxBody, stop: cancel}, bounded{left: maxComplaint}
	cmd := command(ctx, program, "evidence", address)
	cmd.Stdout, cmd.Stderr = &body, &complaint
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case body.over: // before the exit code: the child was killed for it
		return nil, fmt.Errorf("%s: %w", Name, ErrTooLarge)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s: %w", Name, ctx.Err())
	case err == nil:
		return body.kept, nil
	case errors.As(err, &exit) && exit.ExitCode() == Absent:
		if len(body.kept) > 0 {
			return nil, fmt.Errorf("%s: %w: nothing found, and %d bytes of it", Name, ErrProtocol, len(body.kept))
		}
		return nil, verify.ErrNotFound
	}
	line, _, _ := strings.Cut(string(complaint.kept), "\n")
	line = strings.TrimPrefix(line, Name+": ")
	line = strings.TrimPrefix(line, fmt.Sprintf("fetch %.200q: ", address)) // said already
	return nil, fmt.Errorf("%s: %w: %s", Name, err, line)
}

// command is a child with nothing of ours: no environment, no folder.
func command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Args[0] = Name
	cmd.Env = []string{} // nil would be ours
	cmd.Dir = "/"
	cmd.WaitDelay = grace
	return cmd
}

// bounded keeps so many bytes, drops the rest, and says that there was more.
type bounded struct {
	kept []byte // not an embedded bytes.Buffer: its ReadFrom would read past the bound
	left int
	over bool
	stop func() // called once there is more
}

// Write implements io.Writer. It takes what it drops too: a child that blocks on its
// pipe would not end.
func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.kept = append(b.kept, p[:n]...)
	b.left -= n
	if n < len(p) && !b.over {
		b.over = true
		if b.stop != nil {
			b.stop()
		}
	}
	return len(p), nil
}

// Pass runs a command of the child as if it had been typed: it talks to the person
// itself. The result is its exit code; the error says why there is none. A child that
// a signal ended has none.
func Pass(ctx context.Context, program string, args []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	program, err := choose(program)
	if err != nil {
		return 0, err
	}
	cmd := command(ctx, program, args...)
	cmd.Dir = "" // files are named from where the person stands
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode(), nil
	}
	return 0, fmt.Errorf("%s: %w", Name, err)
}
