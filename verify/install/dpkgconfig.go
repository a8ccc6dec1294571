package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// noDebsig is the option with which dpkg asks nobody. There is none with which it asks
// again, so that a file of ours in dpkg.cfg.d could not help: lib/dpkg/options.c.
const noDebsig = "no-debsig"

// silenced stands before a line of dpkg's configuration that we commented out.
const silenced = "#hallmark-verify# "

// change is what is done to one line, and how that is called.
type change struct {
	name string
	line func(string) string
}

var (
	silence = change{"comment out", func(line string) string {
		if strings.TrimRight(line, " \t\r\n\v\f") == noDebsig {
			return silenced + line
		}
		return line
	}}
	restore = change{"bring back", func(line string) string { return strings.TrimPrefix(line, silenced) }}
)

// configFiles are the files that dpkg reads its options from; those that are not there
// are among them. The last is root's own.
func (s System) configFiles() ([]string, error) {
	files := []string{"/etc/dpkg/dpkg.cfg", "/root/.dpkg.cfg"}
	folder, err := s.path("/etc/dpkg/dpkg.cfg.d/.")
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(entries) > maxConfigFiles {
		return nil, fmt.Errorf("%s: more than %d files", folder, maxConfigFiles)
	}
	for _, e := range entries {
		// dpkg passes over the others: valid_config_filename.
		if made("x"+e.Name(), "_-") {
			files = append(files, filepath.Join("/etc/dpkg/dpkg.cfg.d", e.Name()))
		}
	}
	return files, nil
}

// configSteps are the lines to be changed, one step for each file.
func (s System) configSteps(c change) ([]Step, error) {
	files, err := s.configFiles()
	if err != nil {
		return nil, err
	}
	var steps []Step
	for _, name := range files {
		raw, _, err := s.read(name)
		if err != nil {
			return nil, err
		}
		lines := strings.SplitAfter(string(raw), "\n")
		var numbers []string
		for i, line := range lines {
			if changed := c.line(line); changed != line {
				lines[i] = changed
				numbers = append(numbers, fmt.Sprint(i+1))
			}
		}
		if numbers == nil {
			continue
		}
		steps = append(steps, Step{
			fmt.Sprintf("%s %s in %s, line %s", c.name, noDebsig, name, strings.Join(numbers, ", ")),
			func(context.Context) error { return s.write(name, []byte(strings.Join(lines, "")), 0o644) },
		})
	}
	return steps, nil
}

// configProblems are the lines that keep dpkg from asking, or from listening.
func (s System) configProblems() ([]string, error) {
	files, err := s.configFiles()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, name := range files {
		raw, _, err := s.read(name)
		if err != nil {
			return nil, err
		}
		for i, line := range strings.Split(string(raw), "\n") {
			switch line = strings.TrimRight(line, " \t\r\v\f"); {
			case line == noDebsig:
				out = append(out, fmt.Sprintf("%s, line %d: %s: dpkg asks nobody", name, i+1, noDebsig))
			case forces(line):
				out = append(out, fmt.Sprintf("%s, line %d: %.80s: dpkg unpacks what was refused", name, i+1, line))
			}
		}
	}
	return out, nil
}

// forces reports whether an option makes dpkg go on after a refusal: force-bad-verify,
// force-all, or force with a list that has one of the two.
func forces(line string) bool {
	rest, ok := strings.CutPrefix(line, "force")
	if !ok || rest == "" || !strings.ContainsAny(rest[:1], "-= \t") {
		return false
	}
	for _, what := range strings.FieldsFunc(rest[1:], func(r rune) bool { return strings.ContainsRune(`,= "'`+"\t", r) }) {
		if what == "bad-verify" || what == "all" {
			return true
		}
	}
	return false
}
