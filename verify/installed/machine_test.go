package installed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// machine makes a root folder of files; a content that begins with "-> " is a link.
func machine(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		write := func() error { return os.WriteFile(path, []byte(content), 0o644) }
		if to, ok := strings.CutPrefix(content, "-> "); ok {
			write = func() error { return os.Symlink(to, path) }
		}
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const status = `Package: zlib1g
Status: install ok installed
Priority: required
Architecture: amd64
Multi-Arch: same
Version: 1:1.2.13.dfsg-1
Conffiles:
 /etc/x 0123
	Package: not a field
Description: compression library

package: Hello
status: hold ok half-configured
ARCHITECTURE: i386
version:2.10-3

Package: removed
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: never
Status: unknown ok not-installed
`

func desc(name, version string) string {
	return "%NAME%\n" + name + "\n\n%VERSION%\n" + version + "\n\n%DESC%\n%NAME%\n\n%ARCH%\nany\n\n"
}

func TestPackages(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  []Package
	}{
		"dpkg": {map[string]string{"var/lib/dpkg/status": status, "var/lib/dpkg/updates/tmp.i": ""},
			[]Package{{Dpkg, "Hello", "2.10-3", "i386"}, {Dpkg, "zlib1g", "1:1.2.13.dfsg-1", "amd64"}}},
		"distroless": {map[string]string{
			"var/lib/dpkg/status.d/base": "Package: base-files\nVersion: 12\nArchitecture: all\nDescription: x\n y\n", "var/lib/dpkg/status.d/base.md5sums": "junk",
		}, []Package{{Dpkg, "base-files", "12", "all"}}},
		"pacman": {map[string]string{
			"var/lib/pacman/local/ALPM_DB_VERSION": "9\n", "var/lib/pacman/local/b-2-1/desc": desc("b", "2-1"), "var/lib/pacman/local/a-1:1-1/desc": desc("a", "1:1-1"),
		}, []Package{{Pacman, "a", "1:1-1", "any"}, {Pacman, "b", "2-1", "any"}}},
		"empty": {map[string]string{"var/lib/dpkg/status": ""}, nil},
		"link":  {map[string]string{"var/lib/dpkg/status": "-> here", "var/lib/dpkg/here": "Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n"}, []Package{{Dpkg, "a", "1", "all"}}},
	} {
		got, err := Packages(context.Background(), machine(t, c.files))
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

// TestPackagesRefused: a list of which something cannot be read is no list.
func TestPackagesRefused(t *testing.T) {
	stanza := func(edits ...string) map[string]string {
		s := "Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n"
		return map[string]string{"var/lib/dpkg/status": strings.NewReplacer(edits...).Replace(s)}
	}
	for want, files := range map[string]map[string]string{
		"keeps a list":                         {"etc/passwd": ""},
		"escapes":                              {"var/lib/dpkg/status": "-> /var/lib/dpkg/status"},
		"path escapes":                         {"var/lib/dpkg/status.d/a": "-> ../../../../../../../../etc/passwd"},
		"no such file":                         {"var/lib/dpkg/status": "-> nowhere"},
		"b: no such file":                      {"var/lib/dpkg/status.d/b": "-> nowhere"},
		"desc: no such file":                   {"var/lib/pacman/local/a-1/files": ""},
		"not a regular file":                   {"var/lib/dpkg/status/x": ""},
		"is at work":                           {"var/lib/dpkg/status": status, "var/lib/dpkg/updates/0001": ""},
		"installed twice":                      {"var/lib/dpkg/status": status + "\n" + status},
		"no field":                             stanza("Version: 1", "Version 1"),
		"line 6: a continuation of nothing":    stanza("Architecture: all\n", "Architecture: all\n\n  x\n"),
		`field "version" twice`:                stanza("Version: 1", "Version: 1\nversion: 2"),
		`status "installed"`:                   stanza("install ok ", ""),
		`status "install ok fine"`:             stanza("ok installed", "ok fine"),
		`status ""`:                            stanza("Status: install ok installed\n", ""),
		`version ""`:                           stanza("Version: 1\n", ""),
		`architecture ""`:                      stanza("Architecture: all\n", ""),
		`package "": name ""`:                  stanza("Package: a\n", ""),
		`name "../a"`:                          stanza("Package: a", "Package: ../a"),
		`name "a\x1b[2K"`:                      stanza("Package: a", "Package: a\x1b[2K"),
		"more than 256 fields":                 stanza("Version: 1", "Version: 1\n"+manyFields(300)),
		"token too long":                       stanza("Version: 1", "Version: "+strings.Repeat("1", 1<<20)),
		"no %NAME%":                            {"var/lib/pacman/local/a-1/desc": "%VERSION%\n1\n"},
		"%NAME% twice":                         {"var/lib/pacman/local/a-1/desc": desc("a", "1") + desc("a", "1")},
		"%VERSION% without a value":            {"var/lib/pacman/local/a-1/desc": desc("a", "")},
		`version "1\x1b"`:                      {"var/lib/pacman/local/a-1/desc": desc("a", "1\x1b")},
		"desc: more than 4194304 bytes":        {"var/lib/pacman/local/a-1/desc": strings.Repeat("x", 4<<20+1)},
		"rpm --all --dbpath":                   {"var/lib/rpm/rpmdb.sqlite": "no database at all, but long enough to look at"},
		"usr/lib/sysimage/rpm: no such file":   {"usr/lib/sysimage/rpm": "-> nowhere"},
		"var/lib/pacman/local: path escapes":   {"var/lib/pacman/local": "-> /var/lib"},
		"var/lib/dpkg/updates: path escapes":   {"var/lib/dpkg/status": "", "var/lib/dpkg/updates": "-> /var"},
		"var/lib/dpkg/status.d: no such file ": {"var/lib/dpkg/status.d": "-> nowhere"},
	} {
		list, err := Packages(context.Background(), machine(t, files))
		if err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) || list != nil {
			t.Errorf("want %q: %v, %v", want, list, err)
		}
		if err != nil && (len(err.Error()) > 600 || strings.ContainsAny(err.Error(), "\x1b")) {
			t.Errorf("error of %d bytes: %.100q", len(err.Error()), err)
		}
	}
	if _, err := Packages(context.Background(), filepath.Join(t.TempDir(), "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "X%d: y\n", i)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// endless gives the same text again and again.
type endless struct {
	text string
	at   int
	read int64
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.text[e.at:])
	e.at = (e.at + n) % len(e.text)
	e.read += int64(n)
	return n, nil
}

// TestEndless: lists that never end cost a bounded number of bytes.
func TestEndless(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string
		bytes      int64
	}{
		"stanzas": {"Package: a\nStatus: unknown ok not-installed\n\n", "more than 200000 packages", 11 << 20},
		"line":    {"x", "token too long", 2 << 20},
		"fields":  {"X: y\nY: z\n", `field "x" twice`, 1 << 20},
		"bytes":   {"Package: a\nStatus: unknown ok not-installed\nX:\n " + strings.Repeat("x", 500<<10) + "\n\n", "more than 268435456 bytes", 258 << 20},
	} {
		e := &endless{text: strings.Repeat(c.text, 1+(64<<10)/len(c.text))}
		list, err := parseDpkg(e, true)
		if err == nil || !strings.Contains(err.Error(), c.want) || list != nil || e.read > c.bytes {
			t.Errorf("%s: %d packages, %v, after %d bytes", name, len(list), err, e.read)
		}
	}
}

// TestRPM asks the real rpm about a database that it made.
func TestRPM(t *testing.T) {
	dir := machine(t, map[string]string{"var/lib/rpm/.keep": ""})
	database := filepath.Join(dir, "var/lib/rpm")
	if out, err := exec.Command("rpm", "--dbpath", database, "--initdb").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if list, err := Packages(context.Background(), dir); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
	spec := filepath.Join(dir, "x.spec")
	text := "Name: hello\nEpoch: 2\nVersion: 1.0~rc1\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n%description\nx\n%files\n"
	if err := os.WriteFile(spec, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range [][]string{
		{"rpmbuild", "-bb", "--quiet", "--define", "_topdir " + dir, spec},
		{"rpm", "--dbpath", database, "--nodeps", "-i", "--justdb", filepath.Join(dir, "RPMS/noarch/hello-1.0~rc1-1.noarch.rpm")},
	} {
		if out, err := exec.Command(cmd[0], cmd[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
	}
	list, err := Packages(context.Background(), dir)
	if diff := cmp.Diff([]Package{{RPM, "hello", "2:1.0~rc1-1", "noarch"}}, list); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if _, err := query(context.Background(), "/nonexistent/rpm", "--all", "--dbpath", database); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestParseRPM(t *testing.T) {
	good := "gpg-pubkey\t1-2\t(none)\na\t1-1\tx86_64\na\t1-2\tx86_64\n"
	list, err := parseRPM([]byte(good))
	if err != nil || len(list) != 2 {
		t.Error(list, err)
	}
	if list, err = sorted(list); err != nil || len(list) != 2 {
		t.Error("two kernels:", list, err)
	}
	for want, bad := range map[string]string{
		"2 fields":  "a\t1\n",
		"4 fields":  "a\t1\tx\ty\n",
		"name":      "a b\t1\tx\n",
		"twice":     "a\t1\tx\na\t1\tx\n",
		"(none)":    "a\t1\t(none)\n",
		"too long":  strings.Repeat("x", 1<<20),
		"more than": strings.Repeat("a\t1\tx\n", maxPackages+1),
	} {
		list, err := parseRPM([]byte(bad))
		if err == nil {
			_, err = sorted(list)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	b := &bounded{max: 10}
	if n, err := io.Copy(b, strings.NewReader(strings.Repeat("x", 100))); err == nil || n > 10 || len(b.kept) > 10 {
		t.Error(n, err)
	}
}

// FuzzPackages: lists of both forms never panic, and what comes out has good names.
func FuzzPackages(f *testing.F) {
	seeds := []string{status, desc("a", "1"), "gpg-pubkey\t1-2\t(none)\na\t1-1\tx86_64\n"}
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, _ := parseDpkg(strings.NewReader(string(raw)), true)
		b, _ := parseDpkg(strings.NewReader(string(raw)), false)
		c, _ := parseRPM(raw)
		list := append(append(a, b...), c...)
		if p, err := parsePacman(string(raw)); err == nil {
			list = append(list, p)
		}
		for _, p := range list {
			if err := p.Check(); err != nil {
				t.Error(err)
			}
		}
	})
}
