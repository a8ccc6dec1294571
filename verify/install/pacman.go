package install

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Pacman is where pacman keeps what it is about to install.
type Pacman struct {
	Caches []string // folders with downloaded packages
	Sync   string   // the folder of the repositories' databases
	Proc   string   // "/proc", but in tests
	Exe    string   // pacman itself
}

// Files lists the files of a transaction, from what a hook of pacman's can know. pacman
// tells a hook the names of the packages and nothing else, so it lists every file that
// pacman could have chosen: for each name the files in the cache that a repository's
// database gives for it, and all files on the command line of `pacman -U`. What pacman
// installs is one of them, or this is an error.
//
// parent is the process number of pacman. Any other program that installs with pacman's
// library is refused, and so are options that move pacman's places.
func (p Pacman) Files(names []string, parent int) ([]string, error) {
	argv, err := p.commandLine(parent)
	if err != nil {
		return nil, err
	}
	upgrade, operands, err := parsePacman(argv)
	if err != nil {
		return nil, err
	}
	known, err := readSync(os.DirFS(p.Sync), names)
	if err != nil {
		return nil, err
	}
	var out []string
	if upgrade {
		if out, err = p.operands(operands, parent); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		cached := p.cached(known[name])
		if len(cached) == 0 && !upgrade {
			return nil, fmt.Errorf("package %q: no file in %s that a repository names", name, strings.Join(p.Caches, ", "))
		}
		out = append(out, cached...)
	}
	if len(out) == 0 {
		return nil, errors.New("no file is known for any of the packages")
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// cached are the files of these names that are in a cache.
func (p Pacman) cached(names []string) []string {
	var out []string
	for _, folder := range p.Caches {
		for _, name := range names {
			path := filepath.Join(folder, name)
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				out = append(out, path) // whatever keeps it from being read will refuse it
			}
		}
	}
	return out
}

// commandLine is the one of the process parent, which must be pacman.
func (p Pacman) commandLine(parent int) ([]string, error) {
	folder := filepath.Join(p.Proc, strconv.Itoa(parent))
	exe, err := os.Readlink(filepath.Join(folder, "exe"))
	if err != nil {
		return nil, fmt.Errorf("who asks: %w", err)
	}
	if exe != p.Exe {
		return nil, fmt.Errorf("%q asks, not %s: which files it will install is not known", exe, p.Exe)
	}
	f, err := os.Open(filepath.Join(folder, "cmdline"))
	if err != nil {
		return nil, fmt.Errorf("who asks: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxCommandLine+1))
	if err != nil {
		return nil, fmt.Errorf("who asks: %w", err)
	}
	if len(raw) > maxCommandLine || len(raw) == 0 || raw[len(raw)-1] != 0 {
		return nil, fmt.Errorf("pacman's command line of %d bytes cannot be read", len(raw))
	}
	return strings.Split(string(raw[:len(raw)-1]), "\x00"), nil
}

// movers are pacman's options that make it look elsewhere than its configuration says.
var movers = []string{"root", "sysroot", "dbpath", "cachedir", "config"}

// parsePacman reads pacman's command line the way getopt_long(3) does, as far as it must:
// whether files are installed, and which. What it does not expect refuses.
func parsePacman(argv []string) (upgrade bool, operands []string, err error) {
	for i := 1; i < len(argv); i++ {
		arg := argv[i]
		long, isLong := strings.CutPrefix(arg, "--")
		switch {
		case arg == "--":
			operands = append(operands, argv[i+1:]...)
			i = len(argv)
		case arg == "-":
			return false, nil, errors.New("pacman reads its packages from its input, which nobody else can see")
		case isLong:
			name, _, _ := strings.Cut(long, "=")
			for _, m := range movers {
				if strings.HasPrefix(m, name) { // getopt takes shortened names
					return false, nil, fmt.Errorf("pacman %s: only its usual places are judged", arg)
				}
			}
			upgrade = upgrade || name == "upgrade"
		case strings.HasPrefix(arg, "-"):
			if strings.ContainsAny(arg, "br") {
				return false, nil, fmt.Errorf("pacman %s: only its usual places are judged", arg)
			}
			upgrade = upgrade || strings.Contains(arg, "U")
		default:
			operands = append(operands, arg)
		}
	}
	return upgrade, operands, nil
}

// operands are the files that `pacman -U` was told.
func (p Pacman) operands(list []string, parent int) ([]string, error) {
	var out []string
	for _, name := range list {
		switch {
		case strings.Contains(name, "://"):
			return nil, fmt.Errorf("%q: under which name pacman keeps it is not known; download it, and install the file", name)
		case !filepath.IsAbs(name):
			folder, err := p.workingFolder(parent)
			if err != nil {
				return nil, err
			}
			name = folder + "/" + name
		}
		out = append(out, name)
	}
	if len(out) == 0 {
		return nil, errors.New("pacman -U without a file")
	}
	return out, nil
}

// workingFolder is the folder in which pacman was started. While a hook runs pacman
// stands in its root folder and keeps the other one open: the only folder that it does.
func (p Pacman) workingFolder(parent int) (string, error) {
	folder := filepath.Join(p.Proc, strconv.Itoa(parent), "fd")
	entries, err := os.ReadDir(folder)
	if err != nil {
		return "", fmt.Errorf("where pacman was started: %w", err)
	}
	found := ""
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		info, err := os.Stat(path)
		if err != nil || !info.IsDir() {
			continue
		}
		if found != "" {
			return "", errors.New("where pacman was started is not known: name files with their whole path")
		}
		if found, err = os.Readlink(path); err != nil {
			return "", fmt.Errorf("where pacman was started: %w", err)
		}
	}
	if !filepath.IsAbs(found) {
		return "", errors.New("where pacman was started is not known: name files with their whole path")
	}
	return found, nil
}

// ParsePacmanTargets reads what pacman tells a hook: the name of a package on each line.
func ParsePacmanTargets(r io.Reader) ([]string, error) {
	lines := bufio.NewScanner(io.LimitReader(r, maxTransactionBytes))
	var out []string
	for lines.Scan() {
		name := lines.Text()
		if !isPacmanName(name) {
			return nil, fmt.Errorf("line %d: %.80q is no package's name", len(out)+1, name)
		}
		if len(out) == maxChanges {
			return nil, fmt.Errorf("more than %d packages", maxChanges)
		}
		out = append(out, name)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", len(out)+1, err)
	}
	if len(out) == 0 {
		return nil, errors.New("no package is named")
	}
	return out, nil
}

// isPacmanName: what makepkg lets a package be called.
func isPacmanName(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isAlphanumeric(s[i]) && (strings.IndexByte("@._+-", s[i]) < 0 || i == 0 && (s[i] == '-' || s[i] == '.')) {
			return false
		}
	}
	return s != "" && len(s) <= maxFieldBytes
}
