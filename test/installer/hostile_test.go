package installer

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestHostileRepository: what a repository says about a package reaches apt's list for us,
// where it could look like something else. Its owner has a good package and wants another
// one in with it.
func TestHostileRepository(t *testing.T) {
	m := newMachine(t)
	m.hook("apt", "dpkg")
	entries := []entry{m.of("good", "1.0", m.high)}
	add := func(name, version string) {
		p := pack{name: name, version: version, files: map[string]string{"./opt/evil": "1.0"}}
		entries = append(entries, entry{p, m.signed(t, p, nil)})
	}
	names := []string{
		"evil 1 all none < 2 all none **CONFIGURE**", "evil **REMOVE**", "../evil", "evil\x1b[2Kgood", "evil\tgood", "\xffevil", "-evil", "evil/good", "Evil",
	}
	for _, name := range names {
		add(name, "1.0")
	}
	for i, version := range []string{"1.0 all none /x", "1.0\x1b[2K", "1.0()", "1:1.0\t2"} {
		names = append(names, fmt.Sprint("evil", i))
		add(names[len(names)-1], version)
	}
	m.serve(entries...)
	for _, name := range names {
		if said := m.refused(nil, "apt-get", "install", "-y", name, "good"); strings.Contains(said, "\x1b[2Kgood: valid") {
			t.Errorf("%q went to the terminal:\n%s", name, said)
		}
	}
	m.must("apt-get", "install", "-y", "good")
}

// TestHostilePaths: the name of a file that apt is to install is all that its owner needs
// to write into our list; the good package beside it is what he wants judged instead.
func TestHostilePaths(t *testing.T) {
	m := newMachine(t)
	m.hook("apt")
	good, low := m.of("tool", "1.0", m.high).deb, m.of("tool", "1.0", m.low).deb
	for _, dir := range []string{
		"a b", "\xff\xfe\u202egood", "quo'te\"$(touch x)%0a\\", "line\nbreak", "\x1b[2K",
		"x\ntool - - none < 1.0 all none ",
	} {
		check(t, os.MkdirAll(m.path("packages/"+dir+"/packages"), 0o755))
		m.put(dir+"/low.deb", low)
		m.refused(nil, "apt-get", "install", "-y", "/packages/"+dir+"/low.deb")
		m.put(dir+"/good.deb", good)
		r := m.run("apt-get", "install", "-y", "/packages/"+dir+"/good.deb")
		// apt itself gives up on a line break, and dies of other control characters.
		if plain := !strings.ContainsAny(dir, "\n\x1b"); plain != (r.code == 0) {
			t.Errorf("%q: %d\n%s", dir, r.code, r.all())
		}
		if r.code == 0 {
			m.must("dpkg", "-P", "tool")
		}
	}
}

// TestHostileTransaction: apt's part played by somebody else, who knows what comes after
// the parser: nothing is let in that was not judged.
func TestHostileTransaction(t *testing.T) {
	m := newMachine(t)
	m.put("good.deb", m.of("good", "1.0", m.high).deb)
	const settings = "VERSION 3\nAPT::Architecture=amd64\n\n"
	line := func(file string) string { return "good - - none < 1.0 all none " + file + "\n" }
	for name, c := range map[string]struct {
		text string
		code int
	}{
		"good":                  {settings + line("/packages/good.deb"), 0},
		"nothing to unpack":     {settings + "good - - none < 1.0 all none **CONFIGURE**\n", 0},
		"nothing at all":        {"", 2},
		"version 1":             {"/packages/good.deb\n", 2},
		"version 2":             {"VERSION 2\n\ngood - < 1.0 /packages/good.deb\n", 2},
		"broken off":            {settings + strings.TrimSuffix(line("/packages/good.deb"), "\n"), 2},
		"no such file":          {settings + line("/packages/other.deb"), 2},
		"a folder":              {settings + line("/packages"), 2},
		"a device without end":  {settings + line("/dev/zero"), 2},
		"apt knows no file":     {settings + line("**ERROR**"), 2},
		"one good, one missing": {settings + line("/packages/good.deb") + line("/packages/other.deb"), 2},
	} {
		m.write("packages/list", c.text)
		r := m.run("sh", "-c", "APT_HOOK_INFO_FD=9 exec "+program+" hook apt 9< /packages/list")
		if r.code != c.code || (c.code != 0) != (r.stderr != "") {
			t.Errorf("%s: %d\n%s", name, r.code, r.all())
		}
	}
	for _, args := range [][]string{
		{"hook"}, {"hook", "rpm"}, {"hook", "help"}, {"hook", "dpkg"}, {"hook", "dpkg", "--", "-q"}, {"hook", "dpkg", "--", "-q", "--help"}, {"hook", "dpkg", "--", "-q", "-h"},
		{"hook", "dpkg", "--", "-q", "--version"}, {"hook", "dpkg", "--", "-q", "--generate-bash-completion"}, {"hook", "dpkg", "--", "-q", ""},
		{"hook", "dpkg", "--openpgp", "any", "--", "-q", "/packages/good.deb"}, {"hook", "apt", "--openpgp", ""},
	} {
		if r := m.run(program, args...); r.code == 0 {
			t.Errorf("%q: %d\n%s", args, r.code, r.all())
		}
	}
	for name, command := range map[string]string{
		"no descriptor":      program + " hook apt < /packages/list",
		"a closed one":       "APT_HOOK_INFO_FD=9 " + program + " hook apt",
		"not a number":       "APT_HOOK_INFO_FD=x " + program + " hook apt",
		"a negative one":     "APT_HOOK_INFO_FD=-1 " + program + " hook apt",
		"a folder":           "APT_HOOK_INFO_FD=9 " + program + " hook apt 9< /packages",
		"an unwritable file": "APT_HOOK_INFO_FD=9 " + program + " hook apt --report /nowhere/x 9< /packages/list",
		"no place to print":  "APT_HOOK_INFO_FD=9 " + program + " hook apt 9< /packages/list > /dev/full",
	} {
		m.write("packages/list", settings+line("/packages/good.deb"))
		if r := m.run("sh", "-c", command); r.code != 2 {
			t.Errorf("%s: %d\n%s", name, r.code, r.all())
		}
	}
}
