package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/verify"
)

// maxFiles bounds a folder that is tried out: a mirror of a distribution has 70,000
// packages.
const maxFiles = 200_000

// Change is what another policy would do to a file.
type Change string

const (
	Same   Change = "same"   // it passes, or is refused, under both
	Breaks Change = "breaks" // it passes today and would be refused
	Passes Change = "passes" // it is refused today and would pass
)

// Trial is one file under two policies.
type Trial struct {
	File              string
	Current, Proposed verify.Verdict
	Change            Change
}

// passes reports whether a file with this verdict would be let in.
func passes(v verify.Verdict) bool { return v.Outcome == verify.Valid || v.Warn }

// Simulator judges files under two policies that differ in nothing else.
type Simulator struct {
	current, proposed *verify.Verifier
}

// NewSimulator takes the configuration with the current policy, and the proposed one.
func NewSimulator(c verify.Config, proposed verify.Policy) (*Simulator, error) {
	c.Packages = true
	current, err := verify.New(c)
	if err != nil {
		return nil, fmt.Errorf("current policy: %w", err)
	}
	c.Policy = proposed
	then, err := verify.New(c)
	if err != nil {
		return nil, fmt.Errorf("proposed policy: %w", err)
	}
	return &Simulator{current, then}, nil
}

// Try judges one file twice, and reads it once.
func (s *Simulator) Try(ctx context.Context, path string) Trial {
	r := verify.Read(path, true)
	t := Trial{File: path, Current: s.current.FileRead(ctx, r), Proposed: s.proposed.FileRead(ctx, r), Change: Same}
	switch now, then := passes(t.Current), passes(t.Proposed); {
	case now && !then:
		t.Change = Breaks
	case then && !now:
		t.Change = Passes
	}
	return t
}

// Files lists what can be judged below a folder, in the order of their names: regular
// files but for detached signatures. Symbolic links are not followed.
func Files(dir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasSuffix(path, format.Suffix) {
			return err
		}
		if out = append(out, path); len(out) > maxFiles {
			return fmt.Errorf("more than %d files", maxFiles)
		}
		return nil
	})
	if err == nil && len(out) == 0 {
		err = errors.New("no file in it")
	}
	if err != nil {
		return nil, fmt.Errorf("folder %s: %w", dir, err)
	}
	return out, nil
}

// ParseRequire reads what a command line asks for: FRAMEWORK:LEVEL or
// FRAMEWORK/TRACK:LEVEL, with one of the ids that policies know; several with a comma,
// all of which must hold.
func ParseRequire(s string) ([][]verify.Requirement, error) {
	var items []string
	for one := range strings.SplitSeq(s, ",") {
		name, level, ok := strings.Cut(one, ":")
		id, track, hasTrack := strings.Cut(name, "/")
		if _, err := strconv.Atoi(level); !ok || err != nil || id == "" || hasTrack && track == "" {
			return nil, fmt.Errorf("%.80q: want FRAMEWORK:LEVEL or FRAMEWORK/TRACK:LEVEL, like slsa-v0.1:3 or slsa-v1.2/build:3", one)
		}
		item := fmt.Sprintf("{framework: %q, level: %s", id, level)
		if hasTrack {
			item += fmt.Sprintf(", track: %q", track)
		}
		items = append(items, item+"}")
	}
	p, err := verify.ParsePolicy([]byte("version: 1\nrequire: [" + strings.Join(items, ", ") + "]\n"))
	if err != nil {
		return nil, err
	}
	return p.Require, nil
}
