package installer

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hallmark-pki/hallmark/test/pki"
)

// dnfMachine is a machine with dnf and rpm, and a repository of its own.
type dnfMachine struct {
	*machine
	repository string // the folder that is served
}

// newDNFMachine makes one; answer, if there is one, answers instead of the repository where it
// says so.
func newDNFMachine(t *testing.T, answer func(http.ResponseWriter, *http.Request) bool) *dnfMachine {
	t.Helper()
	m := &dnfMachine{machine: newMachine(t), repository: t.TempDir()}
	for _, dir := range []string{"var/lib/rpm", "var/cache/dnf", "etc/dnf", "etc/yum.repos.d", "etc/rpm", "var/lib/dnf", "plugins"} {
		check(t, os.MkdirAll(m.path(dir), 0o755))
	}
	for _, name := range []string{"dnf", "dnf-3", "python3", "rpm", "rpmdb"} {
		check(t, os.Symlink("/host/bin/"+name, m.path("usr/bin/"+name)))
	}
	files := http.FileServer(http.Dir(m.repository))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer == nil || !answer(w, r) {
			files.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	// Debian's rpm keeps its database elsewhere, because it is not the machine's.
	m.write("etc/rpm/macros", "%_dbpath /var/lib/rpm\n")
	m.write("etc/dnf/dnf.conf", "[main]\npluginpath=/plugins\ngpgcheck=0\nreposdir=/etc/yum.repos.d\nkeepcache=1\n")
	m.write("etc/yum.repos.d/test.repo", "[test]\nname=test\nbaseurl="+server.URL+"\nmetadata_expire=0\n")
	m.must("rpm", "--initdb")
	return m
}

// rpm makes a package whose one file is /opt/NAME, which says the version.
func (m *dnfMachine) rpm(name, version string) string {
	m.t.Helper()
	top := m.t.TempDir()
	spec := filepath.Join(top, "x.spec")
	check(m.t, os.WriteFile(spec, []byte("Name: "+name+"\nVersion: "+version+"\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n%description\nx\n"+
		"%install\nmkdir -p %{buildroot}/opt\nprintf %{version} >%{buildroot}/opt/%{name}\n%files\n/opt/%{name}\n"), 0o644))
	if out, err := exec.Command("rpmbuild", "-bb", "--quiet", "--define", "_topdir "+top, spec).CombinedOutput(); err != nil {
		m.t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(top, "RPMS/noarch", name+"-"+version+"-1.noarch.rpm")
}

// publish puts a package into the repository, signed by one of the vendors or nobody.
func (m *dnfMachine) publish(name, version string, by *pki.Identity) {
	m.t.Helper()
	from := m.rpm(name, version)
	raw, err := os.ReadFile(from)
	check(m.t, err)
	to := filepath.Join(m.repository, filepath.Base(from))
	check(m.t, os.WriteFile(to, raw, 0o644))
	if by != nil {
		check(m.t, os.WriteFile(to+".p7s", m.pki.SignAs(m.t, by, sha256.Sum256(raw)), 0o644))
	}
}

// index makes the repository's metadata.
func (m *dnfMachine) index() {
	m.t.Helper()
	if out, err := exec.Command("createrepo_c", "--quiet", "--no-database", m.repository).CombinedOutput(); err != nil {
		m.t.Fatalf("%v\n%s", err, out)
	}
}

// TestDNF asks the real dnf: what is good gets in and is recorded; anything else keeps
// the whole transaction out.
func TestDNF(t *testing.T) {
	m := newDNFMachine(t, nil)
	m.publish("tool", "1.0", m.high)
	m.publish("low", "1.0", m.low)
	m.publish("bare", "1.0", nil)
	m.index()
	m.hook("dnf")
	if again := m.must(program, "install", "dnf"); !strings.Contains(again, "nothing to do") {
		t.Error(again)
	}

	m.must("dnf", "install", "-y", "tool")
	m.wantVersion("tool", "1.0")
	m.refused([]string{"requirement-unmet", "unsigned", "hallmark: refused, nothing is installed"}, "dnf", "install", "-y", "low", "bare")

	// A file from elsewhere, without a signature; an upgrade.
	raw, err := os.ReadFile(m.rpm("tool", "2.0"))
	check(t, err)
	m.write("packages/tool.rpm", string(raw))
	m.refused([]string{"unsigned"}, "dnf", "install", "-y", "/packages/tool.rpm")
	m.publish("tool", "1.1", m.high)
	m.index()
	m.must("dnf", "upgrade", "-y", "--refresh")
	m.wantVersion("tool", "1.1")
	if out := m.must(program, "scan"); !strings.Contains(out, "1 packages: 1 valid") {
		t.Error(out)
	}

	// A program that is not there must not mean that nothing is asked.
	check(t, os.Rename(m.path(program), m.path(program+".gone")))
	m.refused([]string{"hallmark: packages could not be judged"}, "dnf", "install", "-y", "bare")
	check(t, os.Rename(m.path(program+".gone"), m.path(program)))

	m.must(program, "uninstall", "dnf")
	if left := m.tree("plugins"); strings.Contains(left, "hallmark.py ") {
		t.Error(left)
	}
	m.must("dnf", "install", "-y", "bare")
}

// TestDNFBoundsSignatures: a repository that sends a signature without an end is cut off
// while it sends, and the package counts as unsigned; no other one suffers.
func TestDNFBoundsSignatures(t *testing.T) {
	var sent atomic.Int64
	const most = 256 << 20 // so that the test ends where nothing is cut off
	m := newDNFMachine(t, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "endless-1.0-1.noarch.rpm.p7s") {
			return false
		}
		block := make([]byte, 1<<16)
		for sent.Load() < most {
			n, err := w.Write(block)
			if sent.Add(int64(n)); err != nil {
				return true
			}
		}
		return true
	})
	m.publish("tool", "1.0", m.high)
	m.publish("endless", "1.0", m.high)
	m.index()
	m.hook("dnf")
	m.refused([]string{"unsigned", "hallmark: refused, nothing is installed"}, "dnf", "install", "-y", "endless", "tool")
	// What was under way in buffers is sent, and again for each time that dnf tries.
	if got := sent.Load(); got == 0 || got >= most/2 {
		t.Errorf("%d bytes of a signature were sent", got)
	}
	left, err := filepath.Glob(m.path("var/cache/dnf/*/packages/endless*.p7s*"))
	if packages, _ := filepath.Glob(m.path("var/cache/dnf/*/packages/endless*.rpm")); err != nil || len(packages) == 0 || len(left) > 0 {
		t.Errorf("of packages %v there are %v, %v", packages, left, err)
	}
	m.must("dnf", "install", "-y", "tool")
	m.wantVersion("tool", "1.0")
}
