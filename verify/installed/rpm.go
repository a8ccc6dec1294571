package installed

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// rpmDatabases are the places of rpm's database, the newer one first.
var rpmDatabases = []string{"usr/lib/sysimage/rpm", "var/lib/rpm"}

// rpmProgram reads the database, whose form changes from release to release. It is not
// looked for in PATH.
const rpmProgram = "/usr/bin/rpm"

// rpmTime bounds a query; the largest machines take a second or two.
const rpmTime = 2 * time.Minute

// errNoRPM is returned where there is a database and nothing to read it with.
var errNoRPM = errors.New("there is an rpm database and no " + rpmProgram + " to read it")

// rpmPackages asks rpm for what is installed below the folder dir.
func rpmPackages(ctx context.Context, root fs.FS, dir string) ([]Package, error) {
	database := ""
	for _, d := range rpmDatabases {
		if absent(root, d) {
			continue
		}
		entries, err := fs.ReadDir(root, d)
		if err != nil {
			return nil, err
		}
		if hasDatabase(entries) {
			database = filepath.Join(dir, filepath.FromSlash(d))
			break
		}
	}
	if database == "" {
		return nil, errAbsent
	}
	out, err := query(ctx, rpmProgram, "--all", "--dbpath", database)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoRPM
	}
	if err != nil {
		return nil, err
	}
	return parseRPM(out)
}

// RPMFile asks rpm for name, version and architecture of a package in a file, which should
// have been judged before: rpm is not made for reading what is hostile.
func RPMFile(ctx context.Context, path string) (Package, error) {
	if !filepath.IsAbs(path) {
		return Package{}, fmt.Errorf("%.80q is not an absolute path", path) // or an option
	}
	out, err := query(ctx, rpmProgram, "--nosignature", "--package", path)
	if err != nil {
		return Package{}, err
	}
	list, err := parseRPM(out)
	if err != nil {
		return Package{}, err
	}
	if len(list) != 1 {
		return Package{}, fmt.Errorf("%s: %d packages", path, len(list))
	}
	return list[0], nil
}

func hasDatabase(entries []fs.DirEntry) bool {
	for _, e := range entries {
		switch e.Name() {
		case "rpmdb.sqlite", "Packages", "Packages.db":
			return true
		}
	}
	return false
}

// query runs rpm without the caller's environment, reads at most maxQuery bytes of what
// it prints, and does not wait for ever.
func query(ctx context.Context, program string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, rpmTime)
	defer cancel()
	args = append([]string{"--query", "--queryformat", `%{NAME}\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\t%{ARCH}\n`}, args...)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=/nonexistent"}
	out, complaint := &bounded{max: maxQuery}, &bounded{max: 4 << 10}
	cmd.Stdout, cmd.Stderr = out, complaint
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w: %.300q", program, strings.Join(args[3:], " "), err, complaint.kept)
	}
	return out.kept, nil
}

// bounded keeps at most max bytes of what is written to it. A bytes.Buffer is not
// embedded: its ReadFrom would be used instead of Write.
type bounded struct {
	kept []byte
	max  int
}

func (b *bounded) Write(p []byte) (int, error) {
	if len(b.kept)+len(p) > b.max {
		return 0, fmt.Errorf("more than %d bytes", b.max)
	}
	b.kept = append(b.kept, p...)
	return len(p), nil
}

// parseRPM reads lines of name, version and architecture. The keys that rpm keeps among
// its packages have no architecture and are none.
func parseRPM(raw []byte) ([]Package, error) {
	var out []Package
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for n := 1; lines.Scan(); n++ {
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) != 3 {
			return nil, fmt.Errorf("rpm: line %d: %d fields", n, len(fields))
		}
		if fields[0] == "gpg-pubkey" && fields[2] == "(none)" {
			continue
		}
		p := Package{RPM, fields[0], fields[1], fields[2]}
		if err := p.Check(); err != nil {
			return nil, fmt.Errorf("rpm: line %d: %w", n, err)
		}
		if len(out) == maxPackages {
			return nil, fmt.Errorf("rpm: more than %d packages", maxPackages)
		}
		out = append(out, p)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("rpm: %w", err)
	}
	return out, nil
}
