package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// maxAsking bounds how long the real debsig-verify may take about one package: it hashes
// the file and runs gpg a few times. A guess.
const maxAsking = 2 * time.Minute

// AskDebsigVerify runs the real debsig-verify on a package; nil means that it accepts. It
// is what Gate.OpenPGP is where the machine's owner allows that.
func AskDebsigVerify(ctx context.Context, path string) error {
	program, err := realDebsigVerify()
	if err != nil {
		return err
	}
	if !filepath.IsAbs(path) {
		path = "./" + path // no name begins with "-"
	}
	ctx, cancel := context.WithTimeout(ctx, maxAsking)
	defer cancel()
	if err := exec.CommandContext(ctx, program, "-q", path).Run(); err != nil {
		return fmt.Errorf("debsig-verify says no: %w", err)
	}
	return nil
}

// realDebsigVerify is the diverted program, or the one in its own place if apt alone asks us.
func realDebsigVerify() (string, error) {
	for _, path := range []string{DivertedDebsigVerify, debsigVerify} {
		raw, found, err := System{Root: "/"}.head(path)
		if err != nil {
			return "", err
		}
		if found && !isOurs(raw) {
			return path, nil
		}
	}
	return "", errors.New("nobody can be asked: debsig-verify is not installed")
}

// BecomeDebsigVerify turns this process into the real debsig-verify, for whoever calls it
// otherwise than dpkg does. It returns only if there is none.
func BecomeDebsigVerify(args []string) error {
	program, err := realDebsigVerify()
	if err != nil {
		return err
	}
	return syscall.Exec(program, append([]string{debsigVerify}, args...), os.Environ())
}
