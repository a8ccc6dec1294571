package probe

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestGitBranch(t *testing.T) {
	f := newForge(t)
	s, r := start(t, f.ServeHTTP)
	first := f.commit("alice", "one")
	f.commit("bob", "two")
	f.push()
	w := f.parameters(s.URL, first)
	got := r.Run(t.Context(), "git-branch", w, "")
	want(t, got, Passed, "2 commits signed by allowed keys, 1 of them new")
	if got.Seen != f.git("rev-parse", "HEAD") {
		t.Errorf("seen %q", got.Seen)
	}
	// The next run starts from what was seen.
	again := r.Run(t.Context(), "git-branch", w, got.Seen)
	want(t, again, Passed, "0 of them new")
	left, err := os.ReadDir(r.Scratch)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// TestGitBranchFindings: a good branch with exactly one thing that is wrong.
func TestGitBranchFindings(t *testing.T) {
	for name, c := range map[string]struct {
		breaks func(f *forge, w map[string]string)
		detail string
	}{
		"unsigned":     {func(f *forge, _ map[string]string) { f.commit("", "unsigned") }, "carries no SSH signature"},
		"wrong-signer": {func(f *forge, _ map[string]string) { f.commit("mallory", "signed") }, "is signed by a key that is not allowed: SHA256:"},
		"unsigned-below": {func(f *forge, w map[string]string) {
			f.commit("", "unsigned")
			f.commit("alice", "signed on top")
			w["commits"] = "1"
		}, "carries no SSH signature"},
		"unsigned-merged": {func(f *forge, w map[string]string) {
			f.git("checkout", "--quiet", "-b", "side")
			f.commit("", "unsigned")
			f.git("checkout", "--quiet", "main")
			f.git("merge", "--quiet", "--no-ff", "-S"+f.key("alice"), "-m", "merge", "side")
			w["commits"] = "1"
		}, "carries no SSH signature"},
		"signer-no-longer-allowed": {func(f *forge, w map[string]string) { w["signers"] = f.public("bob") }, "is signed by a key that is not allowed"},
		"pgp-signature": {func(f *forge, _ map[string]string) {
			f.object("-----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----")
		}, "carries no SSH signature"},
		"signature-of-another-commit": {func(f *forge, _ map[string]string) {
			_, signature, _ := strings.Cut(f.git("cat-file", "commit", "HEAD"), "gpgsig ")
			signature, _, _ = strings.Cut(signature, "\n\n")
			f.object(signature)
		}, "has a bad signature"},
		"rewritten": {func(f *forge, _ map[string]string) {
			f.git("checkout", "--quiet", "--orphan", "fresh")
			f.commit("alice", "other history")
		}, "history was rewritten"},
		"branch-gone": {func(_ *forge, w map[string]string) { w["branch"] = "release/1.0" }, "there is no branch release/1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newForge(t)
			s, r := start(t, f.ServeHTTP)
			f.commit("alice", "one")
			w := f.parameters(s.URL, f.commit("alice", "two"))
			f.push()
			before := r.Run(t.Context(), "git-branch", w, "")
			want(t, before, Passed, "")
			c.breaks(f, w)
			f.push()
			got := r.Run(t.Context(), "git-branch", w, before.Seen)
			want(t, got, Failed, c.detail)
			if got.Seen != before.Seen {
				t.Errorf("a run that failed says it has seen %q", got.Seen)
			}
		})
	}
}

// object makes a commit with a signature header of the test's choice.
func (f *forge) object(signature string) {
	f.t.Helper()
	tree, parent := f.git("rev-parse", "HEAD^{tree}"), f.git("rev-parse", "HEAD")
	text := fmt.Sprintf("tree %s\nparent %s\nauthor A <a@example.com> 1772000000 +0000\ncommitter A <a@example.com> 1772000000 +0000\ngpgsig %s\n\nforged\n", tree, parent, signature)
	id := f.run(text, "git", "-C", f.work, "hash-object", "-t", "commit", "-w", "--stdin")
	f.git("reset", "--quiet", "--hard", id)
}

// TestGitBranchReset: the assessed commit is still there, and what was seen since is not.
func TestGitBranchReset(t *testing.T) {
	f := newForge(t)
	s, r := start(t, f.ServeHTTP)
	w := f.parameters(s.URL, f.commit("alice", "one"))
	f.commit("alice", "two")
	f.push()
	seen := r.Run(t.Context(), "git-branch", w, "")
	want(t, seen, Passed, "")
	f.git("reset", "--quiet", "--hard", "HEAD~1")
	f.commit("alice", "instead of two")
	f.push()
	want(t, r.Run(t.Context(), "git-branch", w, seen.Seen), Failed, "seen before as the head")
	// Who has not looked before cannot know.
	want(t, r.Run(t.Context(), "git-branch", w, ""), Passed, "")
}

// TestGitBranchDeep: more of the history is fetched only when it is needed, and a part
// of it decides nothing that the whole would decide otherwise.
func TestGitBranchDeep(t *testing.T) {
	f := newForge(t)
	s, r := start(t, f.ServeHTTP)
	r.depth = 3
	f.importMany(20)
	f.git("reset", "--quiet", "--hard", "main")
	oldest := f.git("rev-list", "--max-parents=0", "HEAD")
	assessed := f.commit("alice", "assessed")
	for i := range 6 {
		f.commit("bob", fmt.Sprint("later ", i))
	}
	seen := f.git("rev-parse", "HEAD")
	f.commit("alice", "newest")
	f.push()
	w := with(f.parameters(s.URL, assessed), "commits", "1")

	f.intercept(nil)
	want(t, r.Run(t.Context(), "git-branch", w, seen), Passed, "1 of them new")
	shallow := f.fetches()
	f.intercept(nil)
	want(t, r.Run(t.Context(), "git-branch", w, ""), Passed, "7 of them new")
	if deep := f.fetches(); deep <= shallow {
		t.Errorf("%d requests for a part of the history, %d for all of it", shallow, deep)
	}
	// Far below: found in the whole history, with unsigned commits since.
	want(t, r.Run(t.Context(), "git-branch", with(w, "commit", oldest), ""), Failed, "carries no SSH signature")
	want(t, r.Run(t.Context(), "git-branch", with(w, "commit", strings.Repeat("ab", 20)), ""), Failed, "history was rewritten")

	// A long line that came in by a merge is looked at to its end.
	f.git("checkout", "--quiet", "-b", "side", oldest)
	f.commit("", "unsigned")
	for i := range 5 {
		f.commit("bob", fmt.Sprint("side ", i))
	}
	f.git("checkout", "--quiet", "main")
	f.git("merge", "--quiet", "--no-ff", "-S"+f.key("alice"), "-m", "merge", "side")
	f.push()
	want(t, r.Run(t.Context(), "git-branch", w, seen), Failed, "carries no SSH signature")
}

// TestGitBranchMany: too many new commits to check are not taken for good ones.
func TestGitBranchMany(t *testing.T) {
	f := newForge(t)
	s, r := start(t, f.ServeHTTP)
	f.importMany(maxNewCommits + 2)
	f.git("reset", "--quiet", "--hard", "main")
	f.commit("alice", "newest")
	f.push()
	w := with(f.parameters(s.URL, f.git("rev-list", "--max-parents=0", "HEAD")), "commits", "1")
	want(t, r.Run(t.Context(), "git-branch", w, ""), Unknown, "look more often")
}

// TestGitBranchSHA256: repositories with the other hash.
func TestGitBranchSHA256(t *testing.T) {
	f := newForge(t, "--object-format=sha256")
	s, r := start(t, f.ServeHTTP)
	w := f.parameters(s.URL, f.commit("alice", "one"))
	f.push()
	want(t, r.Run(t.Context(), "git-branch", w, ""), Passed, "")
	want(t, r.Run(t.Context(), "git-branch", with(w, "commit", strings.Repeat("ab", 32)), ""), Failed, "history was rewritten")
	// The ids of one hash cannot be in a repository of the other: it is another repository.
	want(t, r.Run(t.Context(), "git-branch", with(w, "commit", strings.Repeat("ab", 20)), ""), Unknown, "")
}

// TestGitBranchUnfiltered: a server that gives everything or nothing.
func TestGitBranchUnfiltered(t *testing.T) {
	f := newForge(t)
	f.run("", "git", "-C", f.repository(), "config", "uploadpack.allowFilter", "false")
	s, r := start(t, f.ServeHTTP)
	if err := os.WriteFile(filepath.Join(f.work, "file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.git("add", "file")
	w := f.parameters(s.URL, f.commit("alice", "one"))
	f.push()
	want(t, r.Run(t.Context(), "git-branch", w, ""), Passed, "")
}

// TestGitBranchTools: a machine without git, with an old one, and with one that lies.
func TestGitBranchTools(t *testing.T) {
	f := newForge(t)
	s, r := start(t, f.ServeHTTP)
	w := f.parameters(s.URL, f.commit("alice", "one"))
	f.push()
	script := func(text string) string {
		name := filepath.Join(t.TempDir(), "git")
		if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return name
	}
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ git, detail string }{
		"absent":       {filepath.Join(t.TempDir(), "git"), "needs the programs git"},
		"old":          {script("echo git version 2.33.9"), "this is \"git version 2.33.9\""},
		"not-git":      {script("echo hello"), "needs the programs git"},
		"bounded":      {script(`echo "$(ulimit -v) $(ulimit -f) $(ulimit -c)"`), fmt.Sprintf("this is \"%d %d 0\"", gitMemoryKiB, gitFileBlocks)},
		"silent":       {script("exit 0"), "needs the programs git"},
		"crashes":      {script(`case $1 in version) exec ` + real + ` "$@";; *) echo no space left >&2; exit 1;; esac`), "no space left"},
		"endless-line": {script(`case $1 in version) yes | tr -d '\n';; esac`), "token too long"},
		"no-verdicts":  {script(`case $1 in log) exit 0;; *) exec ` + real + ` "$@";; esac`), "not what it should be"},
		"bad-verdicts": {script(`case $1 in log) echo nonsense;; *) exec ` + real + ` "$@";; esac`), "not what it should be"},
		"cannot-check": {script(`case $1 in log) ` + real + ` "$@" | sed 's/ G .*/ N /'; echo cannot write: no space >&2;; *) exec ` + real + ` "$@";; esac`), "could not verify signatures: cannot write"},
	} {
		t.Run(name, func(t *testing.T) {
			broken := *r
			broken.Git = c.git
			want(t, broken.Run(t.Context(), "git-branch", w, ""), Unknown, c.detail)
		})
	}
	t.Run("no-ssh-keygen", func(t *testing.T) {
		r := *r
		r.Git = real
		t.Setenv("PATH", t.TempDir())
		want(t, r.Run(t.Context(), "git-branch", w, ""), Unknown, "needs the programs git")
	})
	t.Run("no-scratch", func(t *testing.T) {
		r := *r
		r.Scratch = filepath.Join(t.TempDir(), "absent")
		want(t, r.Run(t.Context(), "git-branch", w, ""), Unknown, "make a scratch folder")
	})
	want(t, r.Run(t.Context(), "git-branch", w, "main"), Unknown, "seen last is not a commit id")
}

// TestGitBranchEnvironment: nothing of whoever runs us reaches git.
func TestGitBranchEnvironment(t *testing.T) {
	f := newForge(t)
	s, r := start(t, f.ServeHTTP)
	w := f.parameters(s.URL, f.commit("alice", "one"))
	f.push()
	home, mark := t.TempDir(), filepath.Join(t.TempDir(), "mark")
	hostile := fmt.Sprintf("[url \"https://127.0.0.1:1/\"]\n\tinsteadOf = https://\n[credential]\n\thelper = !touch %s\n[core]\n\tfsmonitor = touch %s\n", mark, mark)
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(hostile), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": home, "GIT_CONFIG_GLOBAL": filepath.Join(home, ".gitconfig"), "GIT_CONFIG_PARAMETERS": "'http.proxy=http://127.0.0.1:1'",
		"HTTPS_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1", "NO_PROXY": "*", "GIT_SSL_NO_VERIFY": "1", "GIT_TRACE": mark,
		"GIT_EXEC_PATH": home, "GIT_ASKPASS": "touch " + mark, "GIT_SSL_CAINFO": mark, "GIT_TEMPLATE_DIR": home,
	} {
		t.Setenv(name, value)
	}
	want(t, r.Run(t.Context(), "git-branch", w, ""), Passed, "")
	if _, err := os.Stat(mark); err == nil {
		t.Error("git ran something of ours")
	}
}
