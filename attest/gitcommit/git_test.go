package gitcommit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// git is a repository of git's own, with one key that signs.
type git struct {
	t   *testing.T
	dir string
	key string // file
}

func newGit(t *testing.T, format string) *git {
	t.Helper()
	g := &git{t: t, dir: t.TempDir(), key: filepath.Join(t.TempDir(), "id")}
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", g.key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	g.run("init", "-q", "-b", "main", "--object-format="+format)
	allowed := filepath.Join(g.dir, "allowed")
	if err := os.WriteFile(allowed, []byte("author@example.com "+g.public()), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"user.name": "A U Thor", "user.email": "author@example.com", "gpg.format": "ssh", "user.signingKey": g.key, "gpg.ssh.allowedSignersFile": allowed,
	} {
		g.run("config", name, value)
	}
	return g
}

func (g *git) public() string {
	raw, err := os.ReadFile(g.key + ".pub")
	if err != nil {
		g.t.Fatal(err)
	}
	return string(raw)
}

// run runs git with nothing of the machine's own configuration.
func (g *git) run(args ...string) string {
	g.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = g.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "HOME="+g.dir, "GIT_EDITOR=true")
	out, err := cmd.CombinedOutput()
	if err != nil {
		g.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestOpenSSHSigned: what git signs and verifies is verified here, with the same id, in
// repositories of either hash; and a merge of a signed tag, and a message in another
// encoding.
func TestOpenSSHSigned(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			g := newGit(t, format)
			k, err := ParseKey(g.public())
			if err != nil {
				t.Fatal(err)
			}
			check := func(what string, signed bool) {
				t.Helper()
				c, err := Read([]byte(g.run("cat-file", "commit", "HEAD")))
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				if id := strings.TrimSpace(g.run("rev-parse", "HEAD")); c.ID != id {
					t.Errorf("%s: id %s, want %s", what, c.ID, id)
				}
				if _, err := c.SignedBy([]Key{k}); signed && err != nil || !signed && !Is(err, Unsigned) {
					t.Errorf("%s: %v", what, err)
				}
				if signed {
					g.run("verify-commit", "HEAD")
				}
			}
			g.run("commit", "-q", "--allow-empty", "-m", "first")
			check("unsigned", false)
			g.run("commit", "-q", "--allow-empty", "-S", "-m", "second\n\ngpgsig of something\n else")
			check("signed", true)
			g.run("-c", "i18n.commitEncoding=ISO-8859-1", "commit", "-q", "--allow-empty", "-S", "-m", "Gr\xfc\xdfe")
			check("in another encoding", true)
			g.run("checkout", "-q", "-b", "side")
			g.run("commit", "-q", "--allow-empty", "-S", "-m", "on the side")
			g.run("tag", "-s", "-m", "signed tag", "v1")
			g.run("checkout", "-q", "main")
			g.run("merge", "-q", "--no-ff", "-m", "merge", "v1")
			check("merge of a signed tag", false)
			g.run("commit", "-q", "--amend", "--no-edit", "-S")
			if object := g.run("cat-file", "commit", "HEAD"); !strings.Contains(object, "\nmergetag ") {
				t.Errorf("no tag is merged:\n%s", object)
			}
			check("signed merge of a signed tag", true)
		})
	}
}
