package probe

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// forge is a source forge: real repositories, made by git and signed by ssh-keygen,
// behind git's own http server.
type forge struct {
	t    *testing.T
	root string // served
	keys string
	work string // a work tree of the repository project.git
	http string // git's http server, a CGI program

	mu       sync.Mutex
	before   func(http.ResponseWriter, *http.Request) bool // true: it has answered
	requests []string
}

func newForge(t *testing.T, init ...string) *forge {
	t.Helper()
	base := t.TempDir()
	f := &forge{t: t, root: filepath.Join(base, "root"), keys: filepath.Join(base, "keys"), work: filepath.Join(base, "work")}
	for _, dir := range []string{f.root, f.keys, f.work} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	f.http = filepath.Join(f.run("", "git", "--exec-path"), "git-http-backend")
	bare := f.repository()
	f.run("", "git", append(append([]string{"init", "--quiet", "--bare"}, init...), bare)...)
	f.run("", "git", "-C", bare, "config", "uploadpack.allowFilter", "true")
	f.run("", "git", append(append([]string{"init", "--quiet", "--initial-branch=main"}, init...), f.work)...)
	f.git("remote", "add", "origin", bare)
	for _, name := range []string{"alice", "bob", "mallory"} {
		f.run("", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name+"@example.com", "-f", f.key(name))
	}
	return f
}

func (f *forge) repository() string     { return filepath.Join(f.root, "project.git") }
func (f *forge) key(name string) string { return filepath.Join(f.keys, name) }

func (f *forge) public(names ...string) string {
	f.t.Helper()
	var all []byte
	for _, name := range names {
		all = append(all, readFile(f.t, f.key(name)+".pub")...)
	}
	return string(all)
}

// run runs a program that knows nothing of this machine's configuration.
func (f *forge) run(input, program string, args ...string) string {
	f.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stdin = strings.NewReader(input)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + f.keys, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_AUTHOR_DATE=1772000000 +0000",
		"GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.com", "GIT_COMMITTER_DATE=1772000000 +0000",
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (f *forge) git(args ...string) string {
	f.t.Helper()
	return f.run("", "git", append([]string{"-C", f.work, "-c", "gpg.format=ssh"}, args...)...)
}

// commit makes a commit on the current branch, signed by a key unless name is empty,
// and returns its id.
func (f *forge) commit(name, message string) string {
	f.t.Helper()
	args := []string{"commit", "--quiet", "--allow-empty", "--no-gpg-sign", "-m", message}
	if name != "" {
		args[3] = "-S" + f.key(name)
	}
	f.git(args...)
	return f.git("rev-parse", "HEAD")
}

// push publishes the current branch as main, whatever was there.
func (f *forge) push() {
	f.t.Helper()
	f.git("push", "--quiet", "--force", "origin", "HEAD:refs/heads/main")
}

// ServeHTTP is git's http server, through CGI.
func (f *forge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r.Method+" "+r.URL.Path)
	before := f.before
	f.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	var said bytes.Buffer
	h := &cgi.Handler{
		Path: f.http,
		Env: []string{
			"GIT_PROJECT_ROOT=" + f.root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
			"GIT_PROTOCOL=" + r.Header.Get("Git-Protocol"),
		},
		Stderr: &said,
	}
	h.ServeHTTP(w, r)
}

func (f *forge) intercept(before func(http.ResponseWriter, *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.requests = before, nil
}

// fetches is how many packs were asked for since the last intercept.
func (f *forge) fetches() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, r := range f.requests {
		if strings.HasPrefix(r, "POST ") {
			n++
		}
	}
	return n
}

// importMany makes n unsigned commits fast, on top of nothing, and checks them out.
func (f *forge) importMany(n int) {
	f.t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "commit refs/heads/main\ncommitter A <a@example.com> %d +0000\ndata 1\nx\n", 1771000000+i)
	}
	b.WriteString("done\n")
	f.run(b.String(), "git", "-C", f.work, "fast-import", "--quiet", "--done")
}

// parameters of a probe of the served repository, in which alice and bob may sign.
func (f *forge) parameters(server, commit string) map[string]string {
	f.t.Helper()
	return map[string]string{
		"url": server + "/project.git", "branch": "main", "commit": commit, "signers": f.public("alice", "bob"),
	}
}
