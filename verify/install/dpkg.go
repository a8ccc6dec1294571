package install

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// What dpkg runs, and where that goes when we take its place.
const (
	debsigVerify = "/usr/bin/debsig-verify"
	// DivertedDebsigVerify is the real debsig-verify while we stand in its place, whenever
	// it gets installed.
	DivertedDebsigVerify = debsigVerify + ".distrib"
)

// The values of --openpgp.
const (
	RefuseOpenPGP = "refuse"        // a package without our signature is refused
	DebsigVerify  = "debsig-verify" // the real debsig-verify judges those with an OpenPGP signature
)

// mark is the first thing in each file that we write: only such a file is removed again.
const mark = `Written by "hallmark-verify install`

// dpkgScript stands in the place of debsig-verify. It is a script, not a link to the
// program: dpkg silently checks nothing if there is no debsig-verify that can be run, as
// with a link to a program that is gone. With this, dpkg then refuses.
func dpkgScript(program, openPGP string) []byte {
	return fmt.Appendf(nil, `#!/bin/sh
# %s dpkg": before dpkg unpacks a package it asks this.
# Taken back by "hallmark-verify uninstall dpkg". The real debsig-verify, if there is one,
# is %s meanwhile.
if [ ! -x %[3]s ]; then
	echo "%[3]s is gone, and nothing else says which packages may be unpacked" >&2
	echo "hint: put it back; or remove this file and run: dpkg-divert --rename --remove %s" >&2
	exit 2
fi
exec %[3]s hook dpkg --openpgp %[5]s -- "$@"
`, mark, DivertedDebsigVerify, program, debsigVerify, openPGP)
}

// ForDpkg returns the steps after which dpkg asks us about each package; none if it does.
// openPGP is RefuseOpenPGP or DebsigVerify.
//
// dpkg looks for debsig-verify in PATH whenever it unpacks, unless the option no-debsig is
// given; Debian's /etc/dpkg/dpkg.cfg gives it, and no other option takes it back. So the
// name is diverted (dpkg-divert(1)), and the option commented out, which is the last step:
// nothing is switched on that is not whole.
func (s System) ForDpkg(ctx context.Context, openPGP string) ([]Step, error) {
	if err := s.checkProgram(); err != nil {
		return nil, err
	}
	target, err := s.diversion(ctx)
	if err != nil {
		return nil, err
	}
	there, found, err := s.head(debsigVerify)
	if err != nil {
		return nil, err
	}
	var steps []Step
	if target == "" {
		if isOurs(there) {
			return nil, problem("remove that file and try again", "%s is ours, but not diverted", debsigVerify)
		}
		steps = append(steps, s.divert())
	} else if found && !isOurs(there) {
		return nil, problem("look who wrote it; remove it, and try again", "%s is diverted, and something that is not ours is in its place", debsigVerify)
	}
	if script := dpkgScript(s.Program, openPGP); target == "" || string(there) != string(script) {
		steps = append(steps, Step{
			fmt.Sprintf("write %s, which asks %s", debsigVerify, s.Program),
			func(context.Context) error { return s.writeScript(script) },
		})
	}
	edits, err := s.configSteps(silence)
	return append(steps, edits...), err
}

func (s System) writeScript(script []byte) error {
	path, err := s.path(debsigVerify)
	if err != nil {
		return err
	}
	if err := s.write(debsigVerify, script, 0o755); err != nil {
		return err
	}
	return os.Chmod(path, 0o755)
}

// FromDpkg returns the steps that undo ForDpkg, whatever became of debsig-verify and of
// hallmark-verify in between.
func (s System) FromDpkg(ctx context.Context) ([]Step, error) {
	target, err := s.diversion(ctx)
	if err != nil {
		return nil, err
	}
	there, found, err := s.head(debsigVerify)
	if err != nil {
		return nil, err
	}
	steps, err := s.configSteps(restore)
	if err != nil {
		return nil, err
	}
	if found && isOurs(there) {
		steps = append(steps, Step{"remove " + debsigVerify, func(context.Context) error { return s.remove(debsigVerify) }})
	} else if found && target != "" {
		return nil, problem("look who wrote it; remove it, and try again", "%s is diverted, and something that is not ours is in its place", debsigVerify)
	}
	if target != "" {
		steps = append(steps, Step{"give the name " + debsigVerify + " back", func(ctx context.Context) error {
			_, err := s.Run(ctx, "dpkg-divert", "--root", s.Root, "--quiet", "--local", "--rename", "--remove", debsigVerify)
			return err
		}})
	}
	return steps, nil
}

// diversion returns where the name debsig-verify leads, "" if to itself. A diversion that
// is not ours is a Problem.
func (s System) diversion(ctx context.Context) (string, error) {
	out, err := s.Run(ctx, "dpkg-divert", "--root", s.Root, "--truename", debsigVerify)
	if err != nil {
		return "", err
	}
	switch target := strings.TrimSuffix(string(out), "\n"); target {
	case debsigVerify:
		return "", nil
	case DivertedDebsigVerify:
		return target, nil
	default:
		return "", problem("dpkg-divert --list says who did that", "%s is diverted to %s already", debsigVerify, target)
	}
}

func (s System) divert() Step {
	return Step{"divert " + debsigVerify + " to " + DivertedDebsigVerify, func(ctx context.Context) error {
		_, err := s.Run(ctx, "dpkg-divert", "--root", s.Root, "--quiet", "--local", "--rename", "--divert", DivertedDebsigVerify, "--add", debsigVerify)
		return err
	}}
}

func isOurs(raw []byte) bool { return strings.Contains(string(raw), mark) }
