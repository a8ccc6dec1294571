package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Hook is whether one package manager asks us.
type Hook struct {
	Installed bool `json:"installed"`
	// Effective: it is installed and nothing known keeps it from being asked or heard.
	Effective bool `json:"effective"`
	// Problems is why not, for people. One can be there although nothing is installed:
	// what an interrupted run left.
	Problems []string `json:"problems,omitempty"`
}

// Status is which package managers ask us.
type Status struct {
	Dpkg Hook `json:"dpkg"`
	Apt  Hook `json:"apt"`
	// Problems are of what both judge by.
	Problems []string `json:"problems,omitempty"`
}

// Effective: both ask, and nothing is wrong with what they judge by.
func (s Status) Effective() bool {
	return s.Dpkg.Effective && s.Apt.Effective && len(s.Problems) == 0
}

// Files are what verdicts are made from; where they are is the command's to know.
type Files struct{ Policy, Trust, Status string }

// Status looks at the files of the system; on the machine itself it also asks apt what it
// makes of its configuration. It changes nothing.
func (s System) Status(ctx context.Context, f Files) (Status, error) {
	var out Status
	var err error
	if out.Dpkg, err = s.dpkgStatus(ctx); err != nil {
		return Status{}, err
	}
	raw, found, err := s.read(aptConfig)
	if err != nil {
		return Status{}, err
	}
	if found {
		out.Apt.Installed = true
		if out.Apt.Problems, err = s.aptProblems(ctx, raw); err != nil {
			return Status{}, err
		}
	}
	for _, h := range []*Hook{&out.Dpkg, &out.Apt} {
		h.Effective = h.Installed && len(h.Problems) == 0
	}
	out.Problems, err = s.fileProblems(f)
	return out, err
}

// fileProblems: without trust bundle nothing is let in; and who can write to one of them
// decides what is.
func (s System) fileProblems(f Files) ([]string, error) {
	var out []string
	for _, file := range []struct{ name, without string }{
		{f.Policy, "the built-in policy is used, which asks for some level"},
		{f.Trust, "everything is refused"},
		{f.Status, "what was revoked is not known"},
	} {
		path, err := s.path(file.name)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			out = append(out, fmt.Sprintf("no %s: %s", file.name, file.without))
		} else if s.Root == "/" {
			if err := CheckPath(path, Owners()); err != nil {
				out = append(out, err.Error())
			}
		}
	}
	return out, nil
}

func (s System) dpkgStatus(ctx context.Context) (Hook, error) {
	target, err := s.diversion(ctx)
	var p *Problem
	if errors.As(err, &p) {
		return Hook{Problems: []string{p.Error()}}, nil
	}
	if err != nil {
		return Hook{}, err
	}
	there, _, err := s.head(debsigVerify)
	if err != nil {
		return Hook{}, err
	}
	h := Hook{Installed: target != "" && isOurs(there)}
	switch {
	case h.Installed:
		if h.Problems, err = s.scriptProblems(there); err != nil {
			return Hook{}, err
		}
		lines, err := s.configProblems()
		if err != nil {
			return Hook{}, err
		}
		h.Problems = append(h.Problems, lines...)
	case target != "":
		h.Problems = append(h.Problems, debsigVerify+" is diverted, and nothing of ours is in its place: run install dpkg, or uninstall dpkg")
	case isOurs(there):
		h.Problems = append(h.Problems, debsigVerify+" is ours, but not diverted: run uninstall dpkg")
	}
	return h, nil
}

// scriptProblems: what stands before our script in PATH, and behind it.
func (s System) scriptProblems(script []byte) ([]string, error) {
	var out []string
	program := ""
	for line := range strings.Lines(string(script)) {
		if rest, ok := strings.CutPrefix(line, "exec "); ok {
			program, _, _ = strings.Cut(rest, " ")
		}
	}
	if string(script) != string(dpkgScript(program, RefuseOpenPGP)) && string(script) != string(dpkgScript(program, DebsigVerify)) {
		out = append(out, debsigVerify+" is not as this release writes it: run install dpkg again")
	}
	if err := (System{Root: s.Root, Program: program}).checkProgram(); err != nil {
		out = append(out, err.Error())
	}
	path, err := s.path(debsigVerify)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o111 == 0 {
		out = append(out, debsigVerify+" cannot be run: dpkg then checks nothing")
	}
	// dpkg takes the first in PATH; these come before /usr/bin in root's usual one.
	for _, folder := range []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin"} {
		other, err := s.path(folder + "/debsig-verify")
		if err != nil {
			return nil, err
		}
		if found, err := os.Stat(other); err == nil && !os.SameFile(info, found) {
			out = append(out, other+" comes first in PATH: dpkg asks that instead")
		}
	}
	return out, nil
}
