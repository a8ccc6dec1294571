package installer

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/child"
	"github.com/hallmark-pki/hallmark/verify/command"
	fetch "github.com/hallmark-pki/hallmark/verify/fetch/command"
)

// program is where the machines have hallmark-verify: this test's own program.
const program = "/usr/bin/hallmark-verify"

func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case filepath.Base(program):
		os.Exit(command.Run(context(), os.Args, "test", os.Stdout, os.Stderr))
	case child.Name:
		os.Exit(fetch.Run(context(), os.Args, "test", os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

const (
	policy = `version: 1
require:
  - {framework: slsa-v0.1, track: slsa, level: 3}
revocation: required
timestamp: required
`
	// dpkgConfig is Debian's, with what makes a test faster.
	dpkgConfig = `# dpkg configuration file
# Do not enable debsig-verify by default; since the distribution is not using
# embedded signatures, debsig-verify would reject all packages.
no-debsig

# Log status changes and actions to a file.
force-unsafe-io
`
)

// machine is a root folder in which programs can be run.
type machine struct {
	t    *testing.T
	root string
	*vendors
}

// newMachine makes a machine with a policy, a trust bundle and a status, and nothing
// installed or hooked.
func newMachine(t *testing.T) *machine {
	t.Helper()
	t.Parallel()
	root, err := filepath.EvalSymlinks(t.TempDir())
	check(t, err)
	m := &machine{t, root, newVendors(t)}
	for _, dir := range []string{
		"usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "usr/share/dpkg", "host/bin", "host/sbin", "proc", "dev", "root", "tmp", "packages", "opt", "var/log/apt", "etc/alternatives",
		"etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d", "etc/apt/trusted.gpg.d", "etc/dpkg/dpkg.cfg.d", "etc/hallmark",
		"var/lib/hallmark", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial",
	} {
		check(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	for link, target := range map[string]string{"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"} {
		check(t, os.Symlink(target, filepath.Join(root, link)))
	}
	for _, name := range []string{
		"apt-cache", "apt-config", "apt-get", "cat", "cp", "diff", "dpkg", "dpkg-deb", "dpkg-divert", "dpkg-query", "dpkg-split",
		"gpg", "gpgv", "id", "ln", "mkdir", "mv", "rm", "sh", "tar", "true",
	} {
		check(t, os.Symlink("/host/bin/"+name, filepath.Join(root, "usr/bin", name)))
	}
	for _, name := range []string{"ldconfig", "start-stop-daemon"} {
		check(t, os.Symlink("/host/sbin/"+name, filepath.Join(root, "usr/sbin", name)))
	}
	m.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
	m.write("etc/group", "root:x:0:\n")
	m.write("etc/dpkg/dpkg.cfg", dpkgConfig)
	m.write("etc/apt/sources.list", "")
	m.write("etc/apt/apt.conf.d/00test", `APT::Sandbox::User "root"; Acquire::Languages "none"; Dpkg::Use-Pty "0"; pkgCacheGen::Essential "none";`+"\n")
	m.write("var/lib/dpkg/status", "")
	m.write("etc/hallmark/policy.yaml", policy)
	m.marshal("etc/hallmark/trust.json", m.pki.Trust())
	m.setStatus(m.pki.Status(t))
	self, err := os.Executable()
	check(t, err)
	if err := os.Link(self, filepath.Join(root, program)); err != nil {
		raw, err := os.ReadFile(self)
		check(t, err)
		check(t, os.WriteFile(filepath.Join(root, program), raw, 0o755))
	}
	check(t, os.Chmod(filepath.Join(root, program), 0o755)) // it was made with whatever umask
	return m
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (m *machine) path(name string) string { return filepath.Join(m.root, name) }

func (m *machine) write(name, content string) {
	m.t.Helper()
	check(m.t, os.WriteFile(m.path(name), []byte(content), 0o644))
}

func (m *machine) marshal(name string, v interface{ Marshal() ([]byte, error) }) {
	m.t.Helper()
	raw, err := v.Marshal()
	check(m.t, err)
	m.write(name, string(raw))
}

func (m *machine) setStatus(s verify.Status) {
	m.t.Helper()
	m.write("var/lib/hallmark/status.json", string(m.pki.SignStatus(m.t, s)))
}

// revoke makes the status one in which a vendor's certificate is revoked since before it
// signed anything.
func (m *machine) revoke(id *pki.Identity) {
	m.t.Helper()
	status := m.pki.Status(m.t)
	status.CRLs[0] = m.pki.CRL(m.t, m.pki.High, 8, pki.Revocation{At: m.pki.Signed.Add(-time.Minute), Reason: 9}.Revoke(m.t, id.Cert))
	m.setStatus(status)
}

// result is what a program said and how it ended.
type result struct {
	stdout, stderr string
	code           int
}

func (r result) all() string { return r.stdout + r.stderr }

// command is a program to be run on the machine, as its root.
func (m *machine) command(name string, args ...string) *exec.Cmd {
	confine := []string{
		"--unshare-user", "--uid", "0", "--gid", "0", "--unshare-pid", "--die-with-parent", "--bind", m.root, "/",
		"--ro-bind", "/usr/bin", "/host/bin", "--ro-bind", "/usr/sbin", "/host/sbin", "--ro-bind", "/usr/lib", "/usr/lib",
		"--ro-bind", "/etc/alternatives", "/etc/alternatives", "--ro-bind", "/usr/share/dpkg", "/usr/share/dpkg",
		"--dev", "/dev", "--proc", "/proc", "--chdir", "/packages", "--clearenv",
		"--setenv", "PATH", "/usr/sbin:/usr/bin", "--setenv", "HOME", "/root", "--setenv", "LC_ALL", "C", "--setenv", "DEBIAN_FRONTEND", "noninteractive",
	}
	if _, err := os.Stat("/usr/lib64"); err == nil { // where the loader is
		confine = append(confine, "--ro-bind", "/usr/lib64", "/usr/lib64")
	}
	return exec.CommandContext(m.t.Context(), "bwrap", append(append(confine, name), args...)...)
}

// run runs a program on the machine.
func (m *machine) run(name string, args ...string) result {
	m.t.Helper()
	cmd := m.command(name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		m.t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// must runs a program that is to succeed, and returns all that it says.
func (m *machine) must(name string, args ...string) string {
	m.t.Helper()
	r := m.run(name, args...)
	if r.code != 0 {
		m.t.Fatalf("%s %q: exit code %d\n%s", name, args, r.code, r.all())
	}
	return r.all()
}

// refused runs a program that is to fail, saying all of these; and nothing may have been
// installed, removed or begun by it.
func (m *machine) refused(said []string, name string, args ...string) string {
	m.t.Helper()
	before := m.installed()
	r := m.run(name, args...)
	if r.code == 0 {
		m.t.Errorf("%s %q: done\n%s", name, args, r.all())
	}
	for _, s := range said {
		if !strings.Contains(r.all(), s) {
			m.t.Errorf("%s %q did not say %q:\n%s", name, args, s, r.all())
		}
	}
	if after := m.installed(); after != before {
		m.t.Errorf("%s %q left\n%s\nwhere there was\n%s", name, args, after, before)
	}
	return r.all()
}

// hook makes dpkg and apt ask.
func (m *machine) hook(which ...string) {
	m.t.Helper()
	for _, w := range which {
		m.must(program, append([]string{"install"}, strings.Fields(w)...)...)
	}
}

// installed is what the package database and the folder of the packages' files say.
func (m *machine) installed() string {
	m.t.Helper()
	status, err := os.ReadFile(m.path("var/lib/dpkg/status"))
	check(m.t, err)
	return string(status) + m.tree("opt")
}

// version is that of an installed package, as its own file says, or "".
func (m *machine) version(name string) string {
	m.t.Helper()
	raw, err := os.ReadFile(m.path("opt/" + name))
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	check(m.t, err)
	return string(raw)
}

func (m *machine) wantVersion(name, want string) {
	m.t.Helper()
	if got := m.version(name); got != want {
		m.t.Errorf("%s is %q, want %q", name, got, want)
	}
}

// tree is every file below some folders with its mode and content, one line each.
func (m *machine) tree(folders ...string) string {
	m.t.Helper()
	var b strings.Builder
	for _, folder := range folders {
		if _, err := os.Stat(m.path(folder)); errors.Is(err, fs.ErrNotExist) {
			continue // dpkg removes folders that are empty
		}
		check(m.t, filepath.WalkDir(m.path(folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			content := ""
			switch {
			case d.Type()&fs.ModeSymlink != 0:
				content, err = os.Readlink(path)
			case info.Size() < 1<<20:
				var raw []byte
				raw, err = os.ReadFile(path)
				content = string(raw)
			}
			b.WriteString(strings.TrimPrefix(path, m.root) + " " + info.Mode().String() + " " + content + "\n")
			return err
		}))
	}
	return b.String()
}

// vendors is a CA with vendors of different levels, and what they published.
type vendors struct {
	pki       *pki.PKI
	high, low *pki.Identity
	gone      *pki.Identity // revoked, in revokedStatus alone
}

// newVendors begins now, not at the fixed time of the fixtures: the programs of the
// machine have the machine's clock.
func newVendors(t *testing.T) *vendors {
	p := pki.New(t)
	p.Now = time.Now().UTC().Truncate(time.Second)
	p.Signed = p.Now.Add(-time.Hour)
	v := &vendors{pki: p}
	long := func(level int) *pki.Identity {
		claims := p.Claims(level)
		claims[0].Assessment.ValidUntil = time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
		return p.NewLeaf(t, p.High, claims, untilEnd)
	}
	v.high, v.low, v.gone = long(3), long(2), long(3)
	return v
}
