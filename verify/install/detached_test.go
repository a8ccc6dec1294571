package install

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/installed"
)

// TestDetachedKinds: a verdict that is good counts only for a file of the manager's kind
// whose signature is beside it.
func TestDetachedKinds(t *testing.T) {
	ustar := append(make([]byte, 257), "ustar\x0000 more"...)
	zip := "PK\x05\x06" + strings.Repeat("\x00", 18)
	for name, c := range map[string]struct {
		kind    Kind
		content string
		want    string // "" for valid
	}{
		"rpm":            {KindRPM(), "\xed\xab\xee\xdb and more", ""},
		"zstd":           {KindPacman(), "\x28\xb5\x2f\xfd and more", ""},
		"tar":            {KindPacman(), string(ustar), ""},
		"another":        {KindRPM(), "\x28\xb5\x2f\xfd and more", "not an RPM package"},
		"rpm for pacman": {KindPacman(), "\xed\xab\xee\xdb and more", "not a package of pacman's"},
		"text":           {KindPacman(), "text", "not a package of pacman's"},
		"empty":          {KindPacman(), "", "EOF"},
		"zip":            {KindPacman(), zip, "not a package of pacman's"},
		"deb":            {KindRPM(), "!<arch>\ndebian-binary   0           0     0     100644  4         `\n2.0\n", "format deb"},
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(c.content), 0o644); err != nil {
			t.Fatal(err)
		}
		g := Gate{Owners: Owners(), Judge: func(context.Context, string) verify.Verdict { return verify.Verdict{Outcome: verify.Valid} }}
		v := g.Detached(context.Background(), c.kind, path)
		switch {
		case c.want == "" && v.Outcome != verify.Valid:
			t.Errorf("%s: %v", name, v.Reasons)
		case c.want != "" && (v.Outcome != verify.NotValid || !v.Has(verify.ContainerMalformed) || !strings.Contains(v.Reasons[0].Detail, c.want)):
			t.Errorf("%s: %v %v", name, v.Outcome, v.Reasons)
		}
		if err := os.Chmod(path, 0o666); err != nil {
			t.Fatal(err)
		}
		if v := g.Detached(context.Background(), c.kind, path); !v.Has(verify.FileReplaceable) {
			t.Errorf("%s, writable: %v", name, v.Reasons)
		}
	}
}

func pkgFile(t *testing.T, pack func(io.Writer) io.WriteCloser, info string) string {
	t.Helper()
	var out bytes.Buffer
	packed := pack(&out)
	if _, err := packed.Write(archiveOf(t, ".BUILDINFO", "x", ".PKGINFO", info)); err != nil {
		t.Fatal(err)
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.pkg.tar")
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPacmanPackage(t *testing.T) {
	const info = "# made by makepkg\npkgname = tool\npkgver = 1:1.0-1\ndepend = x\narch = x86_64\n"
	for _, pack := range []func(io.Writer) io.WriteCloser{bare, gzipped, zstded} {
		p, err := PacmanPackage(pkgFile(t, pack, info))
		want := installed.Package{Manager: installed.Pacman, Name: "tool", Version: "1:1.0-1", Architecture: "x86_64"}
		if err != nil || p != want {
			t.Error(p, err)
		}
	}
	for want, text := range map[string]string{
		"pkgname twice":        info + "pkgname = other\n",
		`name "../x"`:          strings.Replace(info, "tool", "../x", 1),
		`version ""`:           strings.Replace(info, "pkgver = ", "ver = ", 1),
		`architecture "x\x1b"`: strings.Replace(info, "x86_64", "x\x1b", 1),
		"at most 1048576":      info + strings.Repeat("#", 1<<20),
	} {
		if p, err := PacmanPackage(pkgFile(t, bare, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", want, p, err)
		}
	}
	if p, err := PacmanPackage(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error(p)
	}
}

// TestWithXfer: one line goes into [options], and nobody else's is touched.
func TestWithXfer(t *testing.T) {
	const before = "# [options]\n[options]\nColor\n[core]\nServer = x\n"
	after, err := withXfer(before)
	if err != nil || after != "# [options]\n[options]\nXferCommand = /usr/share/hallmark/pacman-fetch %u %o\nColor\n[core]\nServer = x\n" {
		t.Errorf("%q, %v", after, err)
	}
	if again, err := withXfer(after); err != nil || again != after {
		t.Errorf("%q, %v", again, err)
	}
	for name, config := range map[string]string{
		"another command": "[options]\nXferCommand = /usr/bin/wget %u\n", "indented": "[options]\n  XferCommand=x\n", "no options": "[core]\n", "cut": "[options]",
	} {
		if got, err := withXfer(config); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// system is a folder with these files, and a program to be run in it.
func system(t *testing.T, files map[string]string) System {
	t.Helper()
	dir := t.TempDir()
	files["usr/bin/hallmark-verify"] = "x"
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return System{Root: dir, Program: "/usr/bin/hallmark-verify"}
}

func apply(t *testing.T, plan func() ([]Step, error)) int {
	t.Helper()
	steps, err := plan()
	if err != nil {
		t.Fatal(err)
	}
	if err := Apply(context.Background(), steps, func(Step) {}); err != nil {
		t.Fatal(err)
	}
	return len(steps)
}

// TestPlaces: what is not ours, or would not be read, is refused; what is ours goes again.
func TestPlaces(t *testing.T) {
	const python = "usr/lib/python3.12/site-packages/dnf/plugin.py"
	s := system(t, map[string]string{python: "", "etc/pacman.conf": "[options]\n"})
	if n := apply(t, s.ForDNF); n != 1 {
		t.Error(n, "steps")
	}
	plugin := filepath.Join(s.Root, "usr/lib/python3.12/site-packages/dnf-plugins/hallmark.py")
	raw, err := os.ReadFile(plugin)
	if err != nil || !strings.Contains(string(raw), `PROGRAM = "/usr/bin/hallmark-verify"`) || strings.Contains(string(raw), "{") {
		t.Errorf("%v\n%s", err, raw)
	}
	if n := apply(t, s.ForPacman); n != 3 {
		t.Error(n, "steps")
	}
	if n := apply(t, s.ForPacman) + apply(t, s.ForDNF); n != 0 {
		t.Error(n, "steps more")
	}
	if n := apply(t, s.FromPacman) + apply(t, s.FromDNF); n != 4 {
		t.Error(n, "steps back")
	}
	if _, err := os.Stat(plugin); err == nil {
		t.Error("the plugin is still there")
	}
	for name, c := range map[string]struct {
		files map[string]string
		plan  func(System) ([]Step, error)
		want  string
	}{
		"no dnf":            {map[string]string{}, System.ForDNF, "0 installations of dnf 4"},
		"two":               {map[string]string{python: "", "usr/lib/python3.11/site-packages/dnf/plugin.py": ""}, System.ForDNF, "2 installations"},
		"switched off":      {map[string]string{python: "", "etc/dnf/dnf.conf": "[main]\nplugins = 0\n"}, System.ForDNF, "switches plugins off"},
		"relative":          {map[string]string{python: "", "etc/dnf/dnf.conf": "[main]\npluginpath=plugins\n"}, System.ForDNF, "pluginpath"},
		"another's plugin":  {map[string]string{"etc/dnf/dnf.conf": "pluginpath=/p,/q\n", "p/hallmark.py": "x"}, System.ForDNF, "/p/hallmark.py is not ours"},
		"another's, back":   {map[string]string{"etc/dnf/dnf.conf": "pluginpath=/p,/q\n", "p/hallmark.py": "x"}, System.FromDNF, "is not ours"},
		"no pacman":         {map[string]string{}, System.ForPacman, "there is no /etc/pacman.conf"},
		"another's hook":    {map[string]string{"etc/pacman.conf": "[options]\n", "usr/share/libalpm/hooks/00-hallmark.hook": "x"}, System.ForPacman, "is not ours"},
		"another's command": {map[string]string{"etc/pacman.conf": "[options]\nXferCommand = x\n"}, System.ForPacman, "has an XferCommand"},
	} {
		if steps, err := c.plan(system(t, c.files)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d steps, %v", name, len(steps), err)
		}
	}
}
