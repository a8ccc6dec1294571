package installer

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestDpkg: whoever calls dpkg, and however the file is called.
func TestDpkg(t *testing.T) {
	m := newMachine(t)
	m.hook("dpkg")
	bad := []string{"verification on package", "failed"}
	good := m.of("good", "1.0", m.high)
	low := m.put("low.deb", m.of("low", "1.0", m.low).deb)
	m.refused(append(bad, "requirement-unmet"), "dpkg", "-i", low)
	m.refused(append(bad, "requirement-unmet"), "dpkg", "--unpack", low)
	m.refused(append(bad, "unsigned"), "dpkg", "-i", m.put("unsigned.deb", m.of("unsigned", "1.0", nil).deb))
	m.refused(append(bad, "digest-mismatch"), "dpkg", "-i", m.put("tampered.deb", good.flip().deb))
	m.refused(append(bad, "data-after-signature"), "dpkg", "-i", m.put("longer.deb", append(good.deb[:len(good.deb):len(good.deb)], 'x')))

	// One bad package of two: dpkg asks about each when it comes to it, and installs the others.
	r := m.run("dpkg", "-i", m.put("good.deb", good.deb), low)
	if r.code == 0 || m.version("good") != "1.0" || m.version("low") != "" {
		t.Errorf("%s", r.all())
	}
	for _, name := range []string{"a b.deb", "new\nline.deb", "$(touch x).deb", "\xff.deb", "a;b&.deb", "\x1b[2K.deb"} {
		m.must("dpkg", "-r", "good")
		m.put(name, good.deb)
		m.must("dpkg", "-i", "--", name) // relative to /packages
		m.wantVersion("good", "1.0")
		m.put(name, m.of("bad", "1.0", m.low).deb)
		if said := m.refused(append(bad, "requirement-unmet"), "dpkg", "-i", "--", name); strings.Contains(said[:strings.Index(said, "dpkg: error")], "\x1b[2K: not valid") {
			t.Errorf("%q went to the terminal", name)
		}
	}
	// A package in parts is put together by dpkg, and that is what is judged.
	m.must("dpkg", "-r", "good")
	for name, deb := range map[string][]byte{"good": good.deb, "low": m.of("low", "1.0", m.low).deb} {
		file := m.put(name+"-whole.deb", deb)
		m.must("dpkg-split", "--partsize", "2", "--split", file, name)
		parts, err := filepath.Glob(m.path("packages/" + name + ".*of*.deb"))
		check(t, err)
		if len(parts) < 2 {
			t.Fatalf("%s: %q", name, parts)
		}
		for i, part := range parts {
			part = strings.TrimPrefix(part, m.root)
			switch {
			case i < len(parts)-1 || name == "good":
				m.must("dpkg", "-i", part)
			default:
				m.refused(append(bad, "requirement-unmet"), "dpkg", "-i", part)
			}
		}
	}
	m.wantVersion("good", "1.0")
	// dpkg hands such a name on to a program that takes it for options.
	m.put("-q", good.deb)
	m.refused([]string{"dpkg-split: error"}, "dpkg", "-i", "--", "-q")
}

// TestDpkgAsks: what dpkg can be told so that it does not ask or does not listen. These
// are root's to say, and the manual says so; a configuration that says it is reported.
func TestDpkgAsks(t *testing.T) {
	m := newMachine(t)
	m.hook("dpkg", "apt")
	low := m.put("low.deb", m.of("low", "1.0", m.low).deb)
	for _, option := range []string{"--force-bad-verify", "--no-debsig"} {
		m.must("dpkg", option, "-i", low)
		m.wantVersion("low", "1.0")
		m.must("dpkg", "-P", "low")
	}
	status := func(want ...string) {
		t.Helper()
		r := m.run(program, "install", "status")
		if (r.code == 0) != (len(want) == 0) {
			t.Errorf("exit code %d: %s", r.code, r.all())
		}
		for _, w := range want {
			if !strings.Contains(r.stdout, w) {
				t.Errorf("no %q in %s", w, r.stdout)
			}
		}
	}
	status()
	for file, c := range map[string][2]string{
		"etc/dpkg/dpkg.cfg.d/zz":       {"no-debsig \n", "/etc/dpkg/dpkg.cfg.d/zz, line 1: no-debsig: dpkg asks nobody"},
		"etc/dpkg/dpkg.cfg.d/force":    {"# x\nforce-bad-verify\n", "force, line 2: force-bad-verify: dpkg unpacks what was refused"},
		"etc/dpkg/dpkg.cfg.d/more":     {"force=downgrade,all\n", "dpkg unpacks what was refused"},
		"root/.dpkg.cfg":               {"no-debsig\n", "/root/.dpkg.cfg, line 1"},
		"usr/sbin/debsig-verify":       {"#!/bin/sh\n", "/usr/sbin/debsig-verify comes first in PATH"},
		"etc/apt/apt.conf.d/99clear":   {"#clear DPkg::Pre-Install-Pkgs;\n", "takes our hook out of DPkg::Pre-Install-Pkgs"},
		"etc/apt/apt.conf.d/00first":   {"DPkg::Pre-Install-Pkgs { \"true\"; };\n", "\"true\" runs before ours"},
		"etc/apt/apt.conf.d/99force":   {"DPkg::Options { \"--force-confnew,bad-verify\"; };\n", "DPkg::Options has \"--force-confnew,bad-verify\""},
		"etc/apt/apt.conf.d/99option":  {"DPkg::Options { \"--no-debsig\"; \"--force-confnew\"; };\n", "DPkg::Options has \"--no-debsig\""},
		"etc/apt/apt.conf.d/99older":   {"DPkg::Tools::Options::" + program + "::Version \"1\";\n", "::Version to \"1\""},
		"etc/apt/apt.conf.d/99stdin":   {"DPkg::Tools::Options::" + program + "::InfoFD \"0\";\n", "::InfoFD to \"0\""},
		"etc/dpkg/dpkg.cfg.d/ignored~": {"no-debsig\n", ""},
		"etc/dpkg/dpkg.cfg.d/other":    {"force-downgrade\nforce-confnew\n#no-debsig\n", ""},
	} {
		m.write(file, c[0])
		if c[1] == "" {
			status()
		} else {
			status(c[1])
		}
		check(t, os.Remove(m.path(file)))
	}
	status()
	check(t, os.Chmod(m.path("etc/hallmark"), 0o777))
	status("/etc/hallmark is writable by others")
	check(t, os.Chmod(m.path("etc/hallmark"), 0o755))
	m.refused([]string{"requirement-unmet"}, "dpkg", "-i", low)
	check(t, os.Remove(m.path("etc/hallmark/trust.json")))
	status("no /etc/hallmark/trust.json: everything is refused")
}

// TestDpkgWarns: mode warn.
func TestDpkgWarns(t *testing.T) {
	m := newMachine(t)
	m.hook("dpkg")
	m.write("etc/hallmark/policy.yaml", strings.Replace(policy, "version: 1\n", "version: 1\nmode: warn\n", 1))
	said := m.must("dpkg", "-i", m.put("low.deb", m.of("low", "1.0", m.low).deb))
	m.wantVersion("low", "1.0")
	if !strings.Contains(said, "requirement-unmet") || !strings.Contains(said, "would have been refused") {
		t.Error(said)
	}
}

// TestProgramGone: without hallmark-verify nothing is let in, until somebody takes our
// hooks out. With a link in the place of the script dpkg would let everything in.
func TestProgramGone(t *testing.T) {
	m := newMachine(t)
	m.hook("dpkg", "apt")
	good := m.of("good", "1.0", m.high)
	m.serve(good)
	file := m.put("good.deb", good.deb)
	check(t, os.Rename(m.path(program), m.path("root/away")))
	m.refused([]string{program + " is gone", "verification on package"}, "dpkg", "-i", file)
	m.refused([]string{"not found"}, "apt-get", "install", "-y", "good")

	check(t, os.Remove(m.path("usr/bin/debsig-verify")))
	check(t, os.Symlink(program, m.path("usr/bin/debsig-verify")))
	m.must("dpkg", "-i", m.put("low.deb", m.of("low", "1.0", m.low).deb))
	m.wantVersion("low", "1.0")
}

// TestSwap: files that somebody else could replace between the verdict and the unpacking
// are refused by both, however good they are now.
func TestSwap(t *testing.T) {
	m := newMachine(t)
	m.hook("dpkg", "apt")
	good := m.of("good", "1.0", m.high).deb
	for name, prepare := range map[string]func(file string){
		"packages/folder": func(file string) { check(t, os.Chmod(m.path("packages/folder"), 0o777)) },
		"packages/file":   func(file string) { check(t, os.Chmod(m.path(file), 0o666)) },
	} {
		check(t, os.Mkdir(m.path(name), 0o755))
		m.put(strings.TrimPrefix(name, "packages/")+"/good.deb", good)
		file := name + "/good.deb"
		m.must("dpkg", "-i", "/"+file)
		m.must("dpkg", "-r", "good")
		prepare(file)
		want := []string{"file-replaceable", "could not tell", "install the copy"}
		m.refused(want, "dpkg", "-i", "/"+file)
		m.refused(want, "apt-get", "install", "-y", "/"+file)
	}
	// A folder like /tmp is for everybody, and yet nobody can replace another's file in it.
	check(t, os.Chmod(m.path("tmp"), 0o777|os.ModeSticky))
	m.write("tmp/good.deb", string(good))
	m.must("apt-get", "install", "-y", "/tmp/good.deb")
	m.wantVersion("good", "1.0")
}

// TestSwapAfterApt: a file that is changed after apt's verdict meets dpkg's. That is why to
// have both.
func TestSwapAfterApt(t *testing.T) {
	m := newMachine(t)
	m.hook("apt", "dpkg")
	good := m.of("tool", "1.0", m.high).deb
	m.put("evil", m.of("tool", "1.0", nil).deb)
	m.write("etc/apt/apt.conf.d/99swap", `DPkg::Pre-Install-Pkgs { "cp /packages/evil /packages/tool.deb"; };`+"\n")
	m.put("tool.deb", good)
	m.refused([]string{"tool     all           -     1.0  valid", "/packages/tool.deb: not valid", "unsigned", "verification on package"}, "apt-get", "install", "-y", "/packages/tool.deb")
	m.must(program, "uninstall", "dpkg")
	m.put("tool.deb", good)
	m.must("apt-get", "install", "-y", "/packages/tool.deb")
	m.wantVersion("tool", "1.0")
}

// TestSwapIsReal shows what TestSwap is about: dpkg opens the file again after the
// verdict. A debsig-verify that says yes and then changes the file has another package
// installed than it judged.
func TestSwapIsReal(t *testing.T) {
	m := newMachine(t)
	m.write("etc/dpkg/dpkg.cfg", "force-unsafe-io\n")
	m.put("a.deb", m.of("good", "1.0", m.high).deb)
	m.put("evil", m.of("evil", "6.6", nil).deb)
	m.write("usr/bin/debsig-verify", "#!/bin/sh\ncp /packages/evil /packages/a.deb\n")
	check(t, os.Chmod(m.path("usr/bin/debsig-verify"), 0o755))
	m.must("dpkg", "-i", "/packages/a.deb")
	m.wantVersion("evil", "6.6")
}

// TestOldFormat: dpkg still unpacks packages in the format of before 1995, in front of
// anything. A signature of ours beside one is good, and does not let it in: formats whose
// signature leaves out what stands before them must not be given the chance.
func TestOldFormat(t *testing.T) {
	m := newMachine(t)
	m.hook("dpkg")
	p := pack{name: "old", version: "1.0"}
	control := archive(t, map[string]string{"./control": p.control()}, 0o644)
	data := archive(t, map[string]string{"./opt/old": "1.0"}, 0o644)
	old := append([]byte("0.939000\n"+strconv.Itoa(len(control))+"\n"), append(control, data...)...)
	m.refused([]string{"verification on package"}, "dpkg", "-i", m.put("old.deb", old))
	m.write("packages/old.deb.p7s", string(m.pki.SignAs(t, m.high, sha256.Sum256(old))))
	m.refused([]string{"container-malformed"}, "dpkg", "-i", "/packages/old.deb")
	m.must("dpkg", "--no-debsig", "-i", "/packages/old.deb")
	m.wantVersion("old", "1.0")
}
