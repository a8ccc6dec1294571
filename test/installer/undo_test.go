package installer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocontext "context"

	"github.com/hallmark-pki/hallmark/verify/install"
)

// state is everything that hooking changes, and what is beside it.
func (m *machine) state() string {
	return m.tree("etc/apt", "etc/dpkg", "usr/bin", "usr/sbin", "var/lib/dpkg/diversions", "root")
}

// TestUndo: install and uninstall leave the machine as it was, whatever is done twice; a
// dry run changes nothing.
func TestUndo(t *testing.T) {
	m := newMachine(t)
	m.write("etc/dpkg/dpkg.cfg.d/more", "# before\nno-debsig\nforce-confnew\nno-debsig")
	m.write("var/lib/dpkg/diversions", "")
	m.write("var/lib/dpkg/lock-frontend", "")
	check(t, os.Chmod(m.path("etc/dpkg/dpkg.cfg"), 0o640))
	before := m.state()
	for _, which := range []string{"dpkg", "apt"} {
		m.must(program, "install", which, "--dry-run")
		m.must(program, "uninstall", which)
		if m.state() != before {
			t.Errorf("%s: a dry run, or undoing nothing, changed\n%s\nto\n%s", which, before, m.state())
		}
	}
	for range 2 {
		m.hook("dpkg", "apt")
	}
	if said := m.must(program, "install", "dpkg"); said != "nothing to do\n" {
		t.Error(said)
	}
	// Other options take the place of the old ones.
	m.hook("dpkg --openpgp debsig-verify", "apt --report /var/log/x.json")
	if said := m.must(program, "install", "status", "--json"); said != `{"dpkg":{"installed":true,"effective":true},"apt":{"installed":true,"effective":true}}`+"\n" {
		t.Error(said)
	}
	for range 2 {
		m.must(program, "uninstall", "apt")
		m.must(program, "uninstall", "dpkg")
	}
	if after := m.state(); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	if r := m.run(program, "install", "status"); r.code != 1 || r.stdout != "dpkg does not ask\napt does not ask\n" {
		t.Errorf("%d %s", r.code, r.all())
	}
}

// TestDebsigVerifyComesAndGoes: Debian's debsig-verify is installed, upgraded and removed
// while we stand in its place, and is there after we have gone.
func TestDebsigVerifyComesAndGoes(t *testing.T) {
	m := newMachine(t)
	real := func(version string, by bool) string {
		p := pack{name: "debsig-verify", version: version, files: map[string]string{"./usr/bin/debsig-verify": "#!/bin/sh\nexit 9 # " + version + "\n"}}
		signer := m.high
		if !by {
			signer = nil
		}
		return m.put("debsig-verify.deb", m.signed(t, p, signer))
	}
	says := func(name, want string) {
		t.Helper()
		raw, err := os.ReadFile(m.path("usr/bin/" + name))
		if want == "" && os.IsNotExist(err) {
			return
		}
		check(t, err)
		if !strings.Contains(string(raw), want) || want == "" {
			t.Errorf("%s: %q, want %q", name, raw, want)
		}
	}
	ours := "hallmark-verify install dpkg"

	m.hook("dpkg") // before it comes
	m.must("dpkg", "-i", real("1.0", true))
	says("debsig-verify", ours)
	says("debsig-verify.distrib", "# 1.0")
	m.must("dpkg", "-i", real("1.1", true))
	says("debsig-verify", ours)
	says("debsig-verify.distrib", "# 1.1")
	m.refused([]string{"unsigned"}, "dpkg", "-i", real("1.2", false))
	m.must("dpkg", "-P", "debsig-verify")
	says("debsig-verify", ours)
	says("debsig-verify.distrib", "")
	m.must("dpkg", "-i", real("1.3", true))
	m.must(program, "uninstall", "dpkg") // while it is here
	says("debsig-verify", "# 1.3")
	says("debsig-verify.distrib", "")
	m.hook("dpkg") // after it came
	says("debsig-verify", ours)
	says("debsig-verify.distrib", "# 1.3")
	// Somebody who calls it otherwise than dpkg does gets the real one.
	if r := m.run("debsig-verify", "--version"); r.code != 9 {
		t.Errorf("%d %s", r.code, r.all())
	}
	m.must("dpkg", "-P", "debsig-verify")
	if r := m.run("debsig-verify", "--version"); r.code != 64 || !strings.Contains(r.stderr, "not installed") {
		t.Errorf("%d %s", r.code, r.all())
	}
	m.must(program, "uninstall", "dpkg")
	says("debsig-verify", "")
	m.must("dpkg", "-i", real("1.4", false))
	says("debsig-verify", "# 1.4")
}

// TestInterrupted: the program dies after any of its steps, both ways. Doing it again
// completes it, and undoing it takes all of it back.
func TestInterrupted(t *testing.T) {
	m := newMachine(t)
	m.write("usr/bin/debsig-verify", "#!/bin/sh\n# the real one\n")
	m.write("var/lib/dpkg/diversions", "")
	before := m.state()
	s := install.System{Root: m.root, Program: program, Run: install.RunCommand}
	ctx := gocontext.Background()
	do := func(plan func() ([]install.Step, error), most int) {
		t.Helper()
		steps, err := plan()
		check(t, err)
		check(t, install.Apply(ctx, steps[:min(most, len(steps))], func(install.Step) {}))
	}
	in := func() ([]install.Step, error) { return s.ForDpkg(ctx, install.RefuseOpenPGP) }
	out := func() ([]install.Step, error) { return s.FromDpkg(ctx) }
	do(in, 9)
	hooked := m.state()
	do(out, 9)
	for n := range 3 {
		do(in, n)
		do(in, 9)
		if m.state() != hooked {
			t.Errorf("%d steps, then all: %s", n, m.state())
		}
		do(out, n)
		do(out, 9)
		if m.state() != before {
			t.Errorf("%d steps back, then all: %s", n, m.state())
		}
		do(in, n)
		do(out, 9)
		if m.state() != before {
			t.Errorf("%d steps, then back: %s", n, m.state())
		}
	}
	// What is in effect at no moment is half of it: dpkg asks only when all is in place.
	do(in, 2)
	if raw, err := os.ReadFile(m.path("etc/dpkg/dpkg.cfg")); err != nil || string(raw) != dpkgConfig {
		t.Errorf("%q, %v", raw, err)
	}
	status, err := s.Status(ctx, install.Files{})
	if err != nil || status.Dpkg.Effective || !status.Dpkg.Installed {
		t.Errorf("%+v, %v", status, err)
	}
}

// TestInstallRefuses: each machine has one thing that speaks against changing it.
func TestInstallRefuses(t *testing.T) {
	m := newMachine(t)
	m.write("var/lib/dpkg/lock-frontend", "")
	for name, c := range map[string]struct {
		prepare  func() // undone by restore
		restore  func()
		args     []string
		code     int
		complain string
	}{
		"a program that is not there":      {args: []string{"install", "dpkg", "--program", "/usr/bin/other"}, code: 1, complain: "no such file"},
		"a program that the shell splits":  {args: []string{"install", "apt", "--program", "/usr/bin/true;x"}, code: 1, complain: "want an absolute path"},
		"a report with a quote":            {args: []string{"install", "apt", "--report", `/var/log/x";`}, code: 1, complain: "report"},
		"no such treatment":                {args: []string{"install", "dpkg", "--openpgp", "allow"}, code: 64, complain: "refuse or debsig-verify"},
		"no such package manager":          {args: []string{"install", "rpm"}, code: 64, complain: "install dpkg, install apt"},
		"a word too many":                  {args: []string{"install", "apt", "dpkg"}, code: 64, complain: "too many"},
		"an empty root":                    {args: []string{"install", "apt", "--root", ""}, code: 64, complain: "--root is empty"},
		"a root without dpkg":              {args: []string{"install", "dpkg", "--root", "/opt"}, code: 1, complain: "no dpkg under /opt"},
		"a program that others can change": {args: []string{"install", "dpkg"}, code: 1, complain: "writable by others", prepare: func() { check(t, os.Chmod(m.path("usr/bin"), 0o777)) }, restore: func() { check(t, os.Chmod(m.path("usr/bin"), 0o755)) }},
		"another's diversion": {args: []string{"install", "dpkg"}, code: 1, complain: "diverted to /usr/bin/mine already",
			prepare: func() { m.write("var/lib/dpkg/diversions", "/usr/bin/debsig-verify\n/usr/bin/mine\n:\n") }, restore: func() { m.write("var/lib/dpkg/diversions", "") }},
		"another's file of apt's": {args: []string{"install", "apt"}, code: 1, complain: "not ours",
			prepare: func() { m.write("etc/apt/apt.conf.d/00hallmark-verify", "x") }, restore: func() { check(t, os.Remove(m.path("etc/apt/apt.conf.d/00hallmark-verify"))) }},
		"another's file of apt's, to be removed": {args: []string{"uninstall", "apt"}, code: 1, complain: "not ours",
			prepare: func() { m.write("etc/apt/apt.conf.d/00hallmark-verify", "x") }, restore: func() { check(t, os.Remove(m.path("etc/apt/apt.conf.d/00hallmark-verify"))) }},
		"a link for dpkg's configuration": {args: []string{"install", "dpkg"}, code: 1, complain: "not a regular file",
			prepare: func() { check(t, os.Symlink("/etc/passwd", m.path("root/.dpkg.cfg"))) }, restore: func() { check(t, os.Remove(m.path("root/.dpkg.cfg"))) }},
	} {
		if c.prepare != nil {
			c.prepare()
		}
		before := m.state()
		r := m.run(program, c.args...)
		if r.code != c.code || !strings.Contains(r.stderr, c.complain) || !strings.Contains(r.stderr, "hint: ") {
			t.Errorf("%s: exit code %d\n%s", name, r.code, r.all())
		}
		if m.state() != before {
			t.Errorf("%s: changed\n%s\nto\n%s", name, before, m.state())
		}
		if c.restore != nil {
			c.restore()
		}
	}
}

// TestBusy: while dpkg or apt runs, nothing is changed under it.
func TestBusy(t *testing.T) {
	m := newMachine(t)
	s := install.System{Root: m.root, Program: program, Run: install.RunCommand}
	release, err := s.Lock()
	check(t, err)
	defer release()
	r := m.run(program, "install", "apt")
	if r.code != 1 || !strings.Contains(r.stderr, "dpkg or apt is running") {
		t.Errorf("%d %s", r.code, r.all())
	}
}

// TestRootLeadsOut: a root whose folders are links to this machine's.
func TestRootLeadsOut(t *testing.T) {
	m := newMachine(t)
	outside := t.TempDir()
	check(t, os.RemoveAll(m.path("etc/apt/apt.conf.d")))
	check(t, os.Symlink(outside, m.path("etc/apt/apt.conf.d")))
	s := install.System{Root: m.root, Program: program, Run: install.RunCommand}
	if _, err := s.ForApt(install.AptOptions{OpenPGP: install.RefuseOpenPGP}); err == nil || !strings.Contains(err.Error(), "leads out") {
		t.Error(err)
	}
	if left, err := filepath.Glob(outside + "/*"); err != nil || len(left) != 0 {
		t.Errorf("%q, %v", left, err)
	}
}
