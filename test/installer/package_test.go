package installer

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	gocontext "context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/test/pki"
)

func context() gocontext.Context { return gocontext.Background() }

// untilEnd makes a certificate hold for as long as the hierarchy.
func untilEnd(c *x509.Certificate) {
	c.NotAfter = time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
}

// pack is one package; what is left empty is the usual.
type pack struct {
	name, version, arch string
	fields              string // more lines of its control file
	files               map[string]string
}

func (p pack) control() string {
	arch := p.arch
	if arch == "" {
		arch = "all"
	}
	return fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: Vendor <vendor@example.com>\n%sDescription: a package\n", p.name, p.version, arch, p.fields)
}

// deb is the package: its one file is /opt/NAME, which says the version.
func (p pack) deb(t *testing.T) []byte {
	t.Helper()
	files := p.files
	if files == nil {
		files = map[string]string{"./opt/" + p.name: p.version}
	}
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	appendMember(&b, "debian-binary", []byte("2.0\n"))
	appendMember(&b, "control.tar.gz", archive(t, map[string]string{"./control": p.control()}, 0o644))
	appendMember(&b, "data.tar.gz", archive(t, files, 0o755))
	return b.Bytes()
}

func appendMember(b *bytes.Buffer, name string, data []byte) {
	fmt.Fprintf(b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", name, 0, 0, 0, "100644", len(data))
	b.Write(data)
	if len(data)%2 == 1 {
		b.WriteByte('\n')
	}
}

// archive is a tar.gz with these files and the folders that they are in.
func archive(t *testing.T, files map[string]string, mode int64) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	dirs := map[string]bool{}
	for name, content := range files {
		var above []string
		for d := filepath.Dir(name); d != "."; d = filepath.Dir(d) {
			above = append([]string{d}, above...)
		}
		for _, d := range above {
			if !dirs[d] {
				check(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "./" + d + "/", Mode: 0o755}))
			}
			dirs[d] = true
		}
		check(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))}))
		_, err := w.Write([]byte(content))
		check(t, err)
	}
	check(t, w.Close())
	check(t, z.Close())
	return b.Bytes()
}

// signed returns the package with a signature by one of the vendors; nil leaves it out.
func (v *vendors) signed(t *testing.T, p pack, by *pki.Identity) []byte {
	t.Helper()
	return v.sign(t, p.deb(t), by)
}

func (v *vendors) sign(t *testing.T, deb []byte, by *pki.Identity) []byte {
	t.Helper()
	if by == nil {
		return deb
	}
	path := filepath.Join(t.TempDir(), "a.deb")
	check(t, os.WriteFile(path, deb, 0o600))
	_, err := format.Attach(path, v.pki.SignAs(t, by, sha256.Sum256(deb)), format.Options{})
	check(t, err)
	deb, err = os.ReadFile(path)
	check(t, err)
	return deb
}

// put lays a package into the machine's folder /packages and returns its path there.
func (m *machine) put(name string, deb []byte) string {
	m.t.Helper()
	m.write("packages/"+name, string(deb))
	return "/packages/" + name
}

// entry is one package of a repository.
type entry struct {
	pack
	deb []byte
}

// serve makes a repository of these packages the only one that the machine knows. apt
// believes it: what a repository's own signature is good for is not the question here.
func (m *machine) serve(entries ...entry) {
	m.t.Helper()
	files := map[string][]byte{}
	var index strings.Builder
	for i, e := range entries {
		name := fmt.Sprintf("pool/%d.deb", i)
		files["/"+name] = e.deb
		control := strings.TrimSuffix(e.control(), "\n")
		fmt.Fprintf(&index, "%s\nFilename: %s\nSize: %d\nSHA256: %x\n\n", control, name, len(e.deb), sha256.Sum256(e.deb))
	}
	packages := []byte(index.String())
	files["/Packages"] = packages
	files["/Release"] = fmt.Appendf(nil, "Origin: Example\nSuite: stable\nDate: %s\nSHA256:\n %x %d Packages\n", time.Now().UTC().Format(time.RFC1123), sha256.Sum256(packages), len(packages))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, ok := files[path.Clean(r.URL.Path)]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(raw)
	}))
	m.t.Cleanup(server.Close)
	m.write("etc/apt/sources.list", "deb [trusted=yes] "+server.URL+" ./\n")
	m.must("apt-get", "update")
}

// of is a package in the usual form, signed by one of the vendors.
func (m *machine) of(name, version string, by *pki.Identity) entry {
	m.t.Helper()
	p := pack{name: name, version: version}
	return entry{p, m.signed(m.t, p, by)}
}

// flip changes one byte of a package's payload, after it was signed.
func (e entry) flip() entry {
	at := bytes.Index(e.deb, []byte("data.tar.gz")) + 60 + 20
	e.deb = bytes.Clone(e.deb)
	e.deb[at] ^= 1
	return e
}
