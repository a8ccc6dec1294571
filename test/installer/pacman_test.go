package installer

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/hallmark-pki/hallmark/test/pki"
)

// pacmanMachine is a machine with pacman, and a repository of its own.
type pacmanMachine struct {
	*machine
	repository served
	entries    []file
}

// served is what an HTTP server hands out, by path. Tests change it while it runs.
type served struct{ sync.Map }

func (s *served) put(path string, content []byte) { s.Store(path, content) }

func (s *served) get(path string) []byte {
	content, _ := s.Load(path)
	raw, _ := content.([]byte)
	return raw
}

// file is a member of an archive.
type file struct{ name, content string }

// tarball is a tar.gz with these files in this order.
func tarball(t *testing.T, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, f := range files {
		check(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: 0o644, Size: int64(len(f.content))}))
		_, err := w.Write([]byte(f.content))
		check(t, err)
	}
	check(t, w.Close())
	check(t, z.Close())
	return b.Bytes()
}

func newPacmanMachine(t *testing.T) *pacmanMachine {
	t.Helper()
	m := &pacmanMachine{machine: newMachine(t)}
	for _, dir := range []string{"var/lib/pacman", "var/cache/pacman/pkg", "etc/pacman.d"} {
		check(t, os.MkdirAll(m.path(dir), 0o755))
	}
	// /proc says which program runs: it must be at its usual place.
	raw, err := os.ReadFile("/usr/bin/pacman")
	check(t, err)
	check(t, os.WriteFile(m.path("usr/bin/pacman"), raw, 0o755))
	for _, name := range []string{"pacman-conf", "curl"} {
		check(t, os.Symlink("/host/bin/"+name, m.path("usr/bin/"+name)))
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if raw := m.repository.get(r.URL.Path); raw != nil {
			_, _ = w.Write(raw)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	m.write("etc/pacman.conf", "# a comment\n[options]\nArchitecture = auto\nSigLevel = Never\n\n[test]\nServer = "+server.URL+"\n")
	return m
}

// pkg is a package whose one file is /opt/NAME, which says the version.
func (m *pacmanMachine) pkg(name, version string) []byte {
	info := fmt.Sprintf("pkgname = %s\npkgbase = %[1]s\npkgver = %s\npkgdesc = x\nurl = https://example.com\nbuilddate = 1700000000\npackager = x\nsize = 10\narch = any\nlicense = MIT\n", name, version)
	return tarball(m.t, file{".PKGINFO", info}, file{"opt/" + name, version})
}

// publish puts a package into the repository, signed by one of the vendors or nobody.
func (m *pacmanMachine) publish(name, version string, by *pki.Identity) {
	m.t.Helper()
	raw := m.pkg(name, version)
	base := fmt.Sprintf("%s-%s-any.pkg.tar.gz", name, version)
	m.repository.put("/"+base, raw)
	m.repository.put("/"+base+".p7s", nil)
	if by != nil {
		m.repository.put("/"+base+".p7s", m.pki.SignAs(m.t, by, sha256.Sum256(raw)))
	}
	m.entries = append(m.entries, file{name + "-" + version + "/desc", fmt.Sprintf(
		"%%FILENAME%%\n%s\n\n%%NAME%%\n%s\n\n%%VERSION%%\n%s\n\n%%CSIZE%%\n%d\n\n%%ISIZE%%\n10\n\n%%SHA256SUM%%\n%x\n\n%%ARCH%%\nany\n\n", base, name, version, len(raw), sha256.Sum256(raw))})
	m.repository.put("/test.db", tarball(m.t, m.entries...))
}

// TestPacman asks the real pacman: what is good gets in and is recorded; anything else
// keeps the whole transaction out.
func TestPacman(t *testing.T) {
	m := newPacmanMachine(t)
	m.publish("tool", "1.0-1", m.high)
	m.publish("low", "1.0-1", m.low)
	m.publish("bare", "1.0-1", nil)
	m.publish("bad", "1.0-1", m.high)
	m.repository.put("/bad-1.0-1-any.pkg.tar.gz.p7s", m.repository.get("/tool-1.0-1-any.pkg.tar.gz.p7s"))
	before := m.tree("etc", "usr/share")
	m.hook("pacman")
	if again := m.must(program, "install", "pacman"); !strings.Contains(again, "nothing to do") {
		t.Error(again)
	}

	m.must("pacman", "-Sy", "--noconfirm", "tool")
	m.wantVersion("tool", "1.0-1")
	for name, said := range map[string]string{"low": "requirement-unmet", "bare": "unsigned", "bad": "digest-mismatch"} {
		m.refused([]string{said, "nothing is installed", "failed to run transaction hooks"}, "pacman", "-S", "--noconfirm", name)
		m.refused([]string{said}, "pacman", "-S", "--noconfirm", "tool", name)
	}

	// Files from elsewhere.
	put := func(name string, raw []byte, by *pki.Identity) {
		m.write("packages/"+name, string(raw))
		if by != nil {
			m.write("packages/"+name+".p7s", string(m.pki.SignAs(t, by, sha256.Sum256(raw))))
		}
	}
	put("own.pkg.tar.gz", m.pkg("own", "1-1"), m.high)
	put("tool.pkg.tar.gz", m.pkg("tool", "2.0-1"), nil)
	m.must("pacman", "-U", "--noconfirm", "own.pkg.tar.gz")
	m.wantVersion("own", "1-1")
	m.refused([]string{"unsigned"}, "pacman", "-U", "--noconfirm", "/packages/tool.pkg.tar.gz")
	m.refused([]string{"only its usual places"}, "pacman", "-S", "--noconfirm", "--cachedir", "/tmp", "tool")
	check(t, os.Chmod(m.path("packages"), 0o777))
	m.refused([]string{"file-replaceable"}, "pacman", "-U", "--noconfirm", "/packages/own.pkg.tar.gz")
	check(t, os.Chmod(m.path("packages"), 0o755))

	// An upgrade; then the records are what scan finds.
	m.entries = m.entries[1:] // tool 1.0
	m.publish("tool", "1.1-1", m.high)
	m.must("pacman", "-Syu", "--noconfirm")
	m.wantVersion("tool", "1.1-1")
	if out := m.must(program, "scan"); !strings.Contains(out, "2 packages: 2 valid") {
		t.Error(out)
	}

	m.must(program, "uninstall", "pacman")
	if after := m.tree("etc", "usr/share"); after != before {
		t.Errorf("left\n%s\nwhere there was\n%s", after, before)
	}
	m.must("pacman", "-S", "--noconfirm", "bare")
	if r := m.run(program, "scan"); r.code != 2 || !strings.Contains(r.stdout, "1 no-record") {
		t.Error(r.all())
	}
}
