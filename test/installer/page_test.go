package installer

import (
	"bytes"
	"crypto"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	gocontext "context"

	"github.com/hallmark-pki/hallmark/distribution"
	"github.com/hallmark-pki/hallmark/test/pki"
)

// page returns the lines of the first block of commands below a heading of docs/installer.md.
func page(t *testing.T, heading string) []string {
	t.Helper()
	raw, err := os.ReadFile("../../docs/installer.md")
	check(t, err)
	_, rest, found := strings.Cut(string(raw), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("docs/installer.md has no section %q", heading)
	}
	var lines []string
	for line := range strings.Lines(rest) {
		switch text, is := strings.CutPrefix(line, "    "); {
		case is:
			lines = append(lines, strings.TrimSuffix(text, "\n"))
		case len(lines) > 0:
			return lines
		}
	}
	return lines
}

// distribute serves the update repository of the machine's CA over TLS, and has the machine
// know the server's certificate. It returns the address.
func (m *machine) distribute() string {
	m.t.Helper()
	root := pki.Key(m.t)
	trust, err := m.pki.Trust().Marshal()
	check(m.t, err)
	files := map[string][]byte{}
	step, err := distribution.Advance(m.t.Context(), func(name string) ([]byte, error) { return files[name], nil },
		distribution.Keys{Online: m.pki.StatusKey, Root: func(gocontext.Context) (crypto.Signer, error) { return root, nil }},
		distribution.Content{Trust: trust, Status: m.pki.SignStatus(m.t, m.pki.Status(m.t))}, time.Now())
	check(m.t, err)
	for _, f := range step.Files {
		files["/tuf/"+f.Name] = f.Body
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if raw, ok := files[path.Clean(r.URL.Path)]; ok {
			_, _ = w.Write(raw)
			return
		}
		http.NotFound(w, r)
	}))
	m.t.Cleanup(server.Close)
	check(m.t, os.MkdirAll(m.path("etc/ssl/certs"), 0o755))
	m.write("etc/ssl/certs/ca-certificates.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	return server.URL
}

// TestPage: the five commands of docs/installer.md, as they stand but for the address of
// the CA, take a machine from nothing to one that refuses what is below the level. The
// person types "yes".
func TestPage(t *testing.T) {
	m := newMachine(t)
	for _, name := range []string{"etc/hallmark", "var/lib/hallmark"} {
		check(t, os.RemoveAll(m.path(name)))
	}
	check(t, os.Link(m.path(program), m.path("usr/bin/hallmark-fetch")))
	address := m.distribute()
	lines := page(t, "From nothing to a machine that refuses")
	if len(lines) != 5 {
		t.Fatalf("%d commands: %q", len(lines), lines)
	}
	m.put("tool.deb", m.of("tool", "1.0", m.high).deb)
	for _, line := range lines {
		cmd := m.command("sh", "-c", strings.ReplaceAll(line, "https://ca.example.com", address))
		screen, tty := terminal(t)
		_, err := screen.WriteString("yes\n")
		check(t, err)
		var out bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, &out, &out
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out.String())
		}
		check(t, tty.Close())
	}
	m.wantVersion("tool", "1.0")
	m.must(program, "install", "status")
	m.must(program, "update")

	last := strings.Fields(lines[4])
	m.put("tool.deb", m.of("tool", "1.1", m.low).deb)
	m.refused([]string{"requirement-unmet", "nothing is unpacked"}, last[0], last[1:]...)
	m.refused([]string{"requirement-unmet", "verification on package"}, "dpkg", "-i", "tool.deb")
	m.put("tool.deb", m.of("tool", "1.1", nil).deb)
	m.refused([]string{"unsigned", "nothing is unpacked"}, last[0], last[1:]...)
	m.wantVersion("tool", "1.0")
}
