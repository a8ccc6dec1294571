package worker

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/rebuild/recipe"
)

const (
	rebuilderID = "https://rebuilder.example.org"
	product     = "hello"
	sourceURI   = "git+https://git.example.com/hello"
)

// world is a source repository, a place for inputs, and a rebuilder.
type world struct {
	t      *testing.T
	folder string
	worker *Worker
	key    *ecdsa.PrivateKey
	log    *strings.Builder
}

// openFolder is a folder that every user gets to: what root starts runs as another.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "worker-test-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = removeAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, folder: openFolder(t), log: &strings.Builder{}}
	for _, name := range []string{"git", "files"} {
		if err := os.Mkdir(filepath.Join(w.folder, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if w.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	w.start()
	return w
}

func (w *world) config() Config {
	c := Config{
		ID: rebuilderID, Key: w.key, Folder: filepath.Join(w.folder, "work"), Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Mirrors: []Mirror{{"https://git.example.com/", filepath.Join(w.folder, "git")}, {"https://files.example.com/", filepath.Join(w.folder, "files")}},
		GoProxy: "file://" + filepath.Join(w.folder, "files"),
	}
	if root := goRoot(w.t); !strings.HasPrefix(root, "/usr/") {
		c.Tools = []string{root}
	}
	return c
}

// goRoot is where the Go of this test lies.
func goRoot(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func (w *world) start() {
	w.t.Helper()
	var err error
	if w.worker, err = New(w.config()); err != nil {
		w.t.Fatal(err)
	}
	w.worker.differ = "" // our own summary; diffoscope has its own tests
	w.t.Cleanup(func() { w.worker.Close() })
}

// git runs git in the repository.
func (w *world) git(args ...string) string {
	w.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", filepath.Join(w.folder, "git", "hello"), "-c", "user.name=Test", "-c", "user.email=test@example.com",
		"-c", "init.defaultBranch=main", "-c", "safe.directory=*", "-c", "protocol.file.allow=always"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_DATE=2026-11-01T12:00:00Z", "GIT_COMMITTER_DATE=2026-11-01T12:00:00Z")
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit makes a repository with these files and returns its commit.
func (w *world) commit(files map[string]string) string {
	w.t.Helper()
	folder := filepath.Join(w.folder, "git", "hello")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		w.t.Fatal(err)
	}
	w.git("init", "--quiet")
	for name, content := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			w.t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(content, "#!") {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			w.t.Fatal(err)
		}
	}
	w.git("add", "--all")
	w.git("commit", "--quiet", "--message", "first")
	return w.git("rev-parse", "HEAD")
}

// recipe is a document with this command; more is added to it.
func document(command, more string) []byte {
	return []byte("version: 1\nproduct: hello\nsource: " + sourceURI + "\nroot: {host: true}\nsource_date_epoch: commit\ncommand: " + command + "\n" +
		"limits: {time: 2m, memory: 2GiB, disk: 512MiB, processes: 256}\n" + more)
}

// script is a recipe that runs a shell script of one line.
func script(line, more string) []byte {
	return document(`[sh, -c, '`+strings.ReplaceAll(line, "'", "''")+`']`, more)
}

func (w *world) job(commit string, doc []byte, artifact string) Job {
	return Job{ID: "job-1", Product: product, SHA256: artifact, SourceURI: sourceURI, Commit: commit, Recipe: doc, RecipeSHA256: recipe.Digest(doc)}
}

func sum(content string) string {
	s := sha256.Sum256([]byte(content))
	return hex.EncodeToString(s[:])
}

func (w *world) rebuild(j Job) Report {
	w.t.Helper()
	r, err := w.worker.Rebuild(context.Background(), j, Expected{})
	if err != nil {
		w.t.Fatal(err)
	}
	if left, err := os.ReadDir(w.worker.jobs()); err != nil || len(left) > 0 {
		w.t.Errorf("%d folders of jobs are left: %v", len(left), err)
	}
	return r
}

// wantReason checks the outcome and that its statement says the same under our key.
func (w *world) wantReason(r Report, want attest.RebuildReason, text string) attest.RebuildFailure {
	w.t.Helper()
	if r.Reason != want || !strings.Contains(r.Diff, text) {
		w.t.Fatalf("reason %q, want %q with %q\n%s", r.Reason, want, text, r.Diff)
	}
	f, err := attest.ParseRebuildFailure(w.statements(r)[0])
	if err != nil {
		w.t.Fatal(err)
	}
	if f.Reason != want || f.Subject.Digest["sha256"] != r.Job.SHA256 || f.Rebuilder != rebuilderID || f.Job != r.Job.ID ||
		f.Source.Digest["gitCommit"] != r.Job.Commit || f.Recipe != recipe.Digest(r.Job.Recipe) {
		w.t.Fatalf("%+v", f)
	}
	return f
}

// statements are the signed ones, opened under the rebuilder's key.
func (w *world) statements(r Report) []attest.Statement {
	w.t.Helper()
	envelopes, err := w.worker.Sign(context.Background(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []attest.Statement
	for _, e := range envelopes {
		o, err := attest.Open(e, crypto.PublicKey(w.key.Public()))
		if err != nil {
			w.t.Fatal(err)
		}
		if got := o.Statement.SHA256(); len(got) != 1 || got[0] != r.Job.SHA256 {
			w.t.Fatalf("a statement is about %v", got)
		}
		out = append(out, o.Statement)
	}
	return out
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}
