package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// lab is where rows work: a scratch folder, the built programs, and what several rows
// need, made when the first asks for it.
type lab struct {
	dir          string
	bin          string
	rounds       int
	entries      int // of a large log; 0: none is measured
	certificates int // of a large CA; 0: none is measured
	artifacts    int // of a large repository of evidence; 0: none is measured
	log          io.Writer

	keyring func() (string, error) // gpgv's, with one key; also makes GNUPGHOME
	hasher  func() (string, error) // a program that only hashes a file
	ca      *authority             // see the method authority
	stores  int                    // references made, for the names of their files
	closers []func() error
}

func newLab(bin string, rounds int, log io.Writer) (*lab, error) {
	dir, err := os.MkdirTemp("", "hallmark-bench-")
	if err != nil {
		return nil, err
	}
	l := &lab{dir: dir, bin: bin, rounds: rounds, log: log}
	l.keyring = sync.OnceValues(l.makeKeyring)
	l.hasher = sync.OnceValues(func() (string, error) { return l.build("hashonly", hashOnly) })
	return l, nil
}

// close stops what was started, last first, and removes the scratch folder.
func (l *lab) close() error {
	var errs []error
	for i := len(l.closers) - 1; i >= 0; i-- {
		errs = append(errs, l.closers[i]())
	}
	return errors.Join(append(errs, os.RemoveAll(l.dir))...)
}

func (l *lab) path(name ...string) string { return filepath.Join(append([]string{l.dir}, name...)...) }

// randomFile writes a file that no compressor or file system can shorten.
func (l *lab) randomFile(name string, size int) (string, error) {
	content := make([]byte, size)
	rand.Read(content)
	return l.path(name), os.WriteFile(l.path(name), content, 0o644)
}

// process is a side that is a whole program, from fork to exit.
func process(name, program string, args ...string) side {
	return side{name, func(ctx context.Context) (time.Duration, error) {
		start := time.Now()
		_, err := runProgram(ctx, program, args...)
		return time.Since(start), err
	}}
}

// runProgram returns what a program printed.
func runProgram(ctx context.Context, program string, args ...string) ([]byte, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %v: %w: %s", filepath.Base(program), args, err, bytes.TrimSpace(out.Bytes()))
	}
	return out.Bytes(), nil
}

// makeKeyring makes an RSA-3072 key, gpg's default. It is the hardest peer: gpgv checks
// RSA several times as fast as it checks elliptic curves.
func (l *lab) makeKeyring() (string, error) {
	home := l.path("gnupg")
	if err := os.Mkdir(home, 0o700); err != nil {
		return "", err
	}
	const who = "bench@example.com"
	if err := l.gpg("--quick-gen-key", who, "rsa3072", "sign", "never"); err != nil {
		return "", err
	}
	l.closers = append(l.closers, func() error {
		// The agent watches its folder and ends with it; this only makes it sooner.
		return exec.Command("gpgconf", "--homedir", home, "--kill", "gpg-agent").Run()
	})
	keyring := l.path("keyring.gpg")
	return keyring, l.gpg("--output", keyring, "--export", who)
}

func (l *lab) gpg(args ...string) error {
	all := append([]string{"--homedir", l.path("gnupg"), "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)
	out, err := exec.Command("gpg", all...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("gpg %v: %w: %s", args, err, out)
	}
	return nil
}

// gpgvOf signs a file with gpg and returns the side that checks it with gpgv.
func (l *lab) gpgvOf(file string) (side, error) {
	keyring, err := l.keyring()
	if err != nil {
		return side{}, err
	}
	signature := file + ".sig"
	if err := l.gpg("--yes", "--output", signature, "--detach-sign", file); err != nil {
		return side{}, err
	}
	return process("gpgv, RSA-3072", "gpgv", "--quiet", "--keyring", keyring, signature, file), nil
}

// hashOnly is the least that any verifier written in Go has to do.
const hashOnly = `package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

func main() {
	f, err := os.Open(os.Args[1])
	if err != nil {
		panic(err)
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		panic(err)
	}
	fmt.Printf("%x\n", h.Sum(nil))
}
`

// peak runs a program and prints its peak memory in KiB. It is a program of its own
// because the kernel counts a child's memory from before its exec, when it still shared
// that of its parent: measured from here, everything would seem as large as the bench.
const peak = `package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	if err := cmd.Run(); err != nil {
		panic(err)
	}
	fmt.Println(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
}
`

// build compiles one of the programs above.
func (l *lab) build(name, code string) (string, error) {
	source, program := l.path(name+".go"), l.path(name)
	if err := os.WriteFile(source, []byte(code), 0o644); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program %s: %w: %s", name, err, out)
	}
	return program, nil
}
