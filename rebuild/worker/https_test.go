package worker

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/rebuild/recipe"
)

// host serves a world's repository as git's own program does, and its files, over https
// with a certificate for one name by a CA that nobody else knows.
type host struct {
	url string
	ca  []byte // PEM

	mu    sync.Mutex
	asked []string
}

func (w *world) serveGit(name string) *host {
	w.t.Helper()
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		w.t.Fatal(err)
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"), Root: "/git", Logger: log.New(w.log, "", 0),
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Join(w.folder, "git"), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
	}
	h := &host{}
	mux := http.NewServeMux()
	mux.Handle("/git/", backend)
	mux.Handle("/moved/", http.RedirectHandler("/git/hello", http.StatusMovedPermanently))
	mux.Handle("/files/", http.StripPrefix("/files/", http.FileServer(http.Dir(filepath.Join(w.folder, "files")))))
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.asked = append(h.asked, r.URL.Path)
		h.mu.Unlock()
		mux.ServeHTTP(rw, r)
	}))
	server.Config.ErrorLog = log.New(&bytes.Buffer{}, "", 0)
	server.TLS, h.ca = certified(w.t, name)
	server.StartTLS()
	w.t.Cleanup(server.Close)
	h.url = "https://" + server.Listener.Addr().String()
	return h
}

// certified makes a CA and a certificate for a server.
func certified(t *testing.T, name string) (*tls.Config, []byte) {
	t.Helper()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	caKey, serverKey := key(), key()
	from, until := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Git CA"}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	root, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "git"}, NotBefore: from, NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if ip := net.ParseIP(name); ip != nil {
		leaf.IPAddresses = []net.IP{ip}
	} else {
		leaf.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, serverKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: serverKey}}, MinVersion: tls.VersionTLS12},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root})
}

// overHTTPS is a world whose worker knows no mirror, and a job from a host.
func (w *world) overHTTPS(h *host, change func(*Config)) {
	w.t.Helper()
	c := w.config()
	c.Mirrors, c.CAs = nil, h.ca
	c.Outbound = outbound.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	if change != nil {
		change(&c)
	}
	if err := w.worker.Close(); err != nil {
		w.t.Fatal(err)
	}
	worker, err := New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	*w.worker = *worker // the world closes it
}

// TestSourceOverHTTPS goes the whole way: a job, git's own server over TLS, the commit
// that was asked for and not the newest, a file that the recipe pins, the digest.
func TestSourceOverHTTPS(t *testing.T) {
	w := newWorld(t)
	commit := w.commit(map[string]string{"file": "first\n"})
	if err := os.WriteFile(filepath.Join(w.folder, "git", "hello", "file"), []byte("second\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	w.git("commit", "--quiet", "--all", "--message", "second")
	if err := os.WriteFile(filepath.Join(w.folder, "files", "fonts"), []byte("fonts\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	h, misnamed := w.serveGit("127.0.0.1"), w.serveGit("git.example.com")
	job := func(h *host, path, pin string) Job {
		uri := "git+" + h.url + path
		doc := script(`cat file $INPUTS/fonts > out`, "outputs: [out]\nfetch: {files: [{url: \""+h.url+"/files/fonts\", sha256: \""+pin+"\", path: fonts}]}\n")
		doc = bytes.Replace(doc, []byte(sourceURI), []byte(uri), 1)
		return Job{ID: "job-1", Product: product, SHA256: sum("first\nfonts\n"), SourceURI: uri, Commit: commit, Recipe: doc, RecipeSHA256: recipe.Digest(doc)}
	}
	w.overHTTPS(h, nil)
	r := w.rebuild(job(h, "/git/hello", sum("fonts\n")))
	if r.Reason != "" {
		t.Fatalf("%s\n%s\n%s", r.Reason, r.Diff, w.log)
	}
	p, err := attest.ParseProvenance(w.statements(r)[0])
	if err != nil || p.Dependencies[0].URI != "git+"+h.url+"/git/hello" || p.Dependencies[0].Digest["gitCommit"] != commit {
		t.Errorf("%v %+v", err, p.Dependencies)
	}
	if asked := strings.Join(h.asked, " "); !strings.Contains(asked, "/git/hello/git-upload-pack") || !strings.Contains(asked, "/files/fonts") {
		t.Errorf("the host was asked for %s", asked)
	}
	for name, c := range map[string]struct {
		host   *host
		path   string
		config func(*Config)
		spoil  func(*Job)
		want   attest.RebuildReason
		shown  string
	}{
		"another commit's bytes": {h, "/git/hello", nil, func(j *Job) { j.SHA256 = sum("second\nfonts\n") }, attest.RebuildMismatch, ""},
		"a commit it has not":    {h, "/git/hello", nil, func(j *Job) { j.Commit = strings.Repeat("5d", 20) }, attest.RebuildFetchFailed, "Needed a single revision"},
		"no such repository":     {h, "/git/other", nil, nil, attest.RebuildFetchFailed, "not found"},
		"moved elsewhere":        {h, "/moved", nil, nil, attest.RebuildFetchFailed, "301"},
		"another file":           {h, "/git/hello", nil, func(j *Job) { *j = job(h, "/git/hello", sum("other\n")) }, attest.RebuildFetchFailed, "the recipe says " + sum("other\n")},
		"the system's CAs alone": {h, "/git/hello", func(c *Config) { c.CAs = nil }, nil, attest.RebuildFetchFailed, "certificate"},
		"another CA":             {h, "/git/hello", func(c *Config) { c.CAs = misnamed.ca }, nil, attest.RebuildFetchFailed, "certificate"},
		"another host's name":    {misnamed, "/git/hello", func(c *Config) { c.CAs = misnamed.ca }, nil, attest.RebuildFetchFailed, "certificate"},
		"an address not allowed": {h, "/git/hello", func(c *Config) { c.Outbound.Allow = nil }, nil, attest.RebuildFetchFailed, "CONNECT tunnel failed"},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			defer func() { w.t = t }()
			w.overHTTPS(h, c.config)
			j := job(c.host, c.path, sum("fonts\n"))
			if c.spoil != nil {
				c.spoil(&j)
			}
			w.wantReason(w.rebuild(j), c.want, c.shown)
		})
	}
}

// TestCAs: what is no list of certificates is refused at the start.
func TestCAs(t *testing.T) {
	w := newWorld(t)
	w.worker.Close()
	for name, text := range map[string]string{"empty": " ", "a key": "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n", "no PEM": "hello"} {
		c := w.config()
		c.CAs = []byte(text)
		if worker, err := New(c); err == nil {
			worker.Close()
			t.Errorf("%s: taken", name)
		}
	}
}
