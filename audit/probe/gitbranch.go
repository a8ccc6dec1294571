package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/hallmark-pki/hallmark/outbound"
)

// gitBranch watches that a branch is still written by those who may, and only added to.
func gitBranch() Kind {
	return Kind{
		Name:    "git-branch",
		Summary: "a branch carries commits signed by allowed SSH keys, and its history since the assessment was not rewritten",
		Parameters: []Parameter{
			urlParameter("the repository, as git clone takes it"),
			{Name: "branch", Summary: "the branch", Required: true, check: checkBranch},
			{Name: "commit", Summary: "the commit that the branch pointed to when it was assessed (full id)", Required: true, check: checkCommit},
			{Name: "signers", Summary: "who may sign: SSH public keys, one a line, as in an id_ed25519.pub", Required: true, check: checkSigners},
			{Name: "commits", Summary: "how many of the newest commits must be signed, beside all that came since the assessment; 10 when it is absent", check: checkCount},
		},
		run: runGitBranch,
	}
}

// watched is what a run of git-branch looks for.
type watched struct {
	branch  string
	commit  string
	last    string // the head that was seen last, or ""
	signers signers
	newest  int
	depth   int // how far back to fetch at first
}

// since is from where on every commit must be signed.
func (w watched) since() string {
	if w.last != "" {
		return w.last
	}
	return w.commit
}

func runGitBranch(ctx context.Context, r *Runner, with map[string]string, last string) Result {
	w, err := newWatched(with, last)
	if err != nil {
		return unknown("%v", err)
	}
	if r.Outbound.RootCAs != nil && len(r.RootsPEM) == 0 {
		return unknown("git was given no certificate authorities: RootsPEM is empty and RootCAs is set")
	}
	if w.depth = r.depth; w.depth == 0 {
		w.depth = shallowDepth
	}
	p := r.policy(maxGitBytes, gitTimeout)
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	result, err := r.runGit(ctx, p, w, with["url"])
	switch {
	case ctx.Err() != nil && result.Outcome != Passed:
		return unknown("could not look: gave up after %s", p.Timeout)
	case err != nil:
		return unknown("could not look: %v", err)
	}
	return result
}

func (r *Runner) runGit(ctx context.Context, p outbound.Policy, w watched, url string) (Result, error) {
	objects := "sha1"
	if len(w.commit) == 64 {
		objects = "sha256"
	}
	g, err := newGit(ctx, r, p, url, objects, w.signers.allowedSigners())
	if err != nil {
		return Result{}, err
	}
	defer g.close()
	return g.look(ctx, w)
}

func newWatched(with map[string]string, last string) (watched, error) {
	w := watched{branch: with["branch"], commit: with["commit"], last: last, newest: defaultCommits}
	var err error
	if w.signers, err = parseSigners(with["signers"]); err != nil {
		return watched{}, err
	}
	if n := with["commits"]; n != "" {
		if w.newest, err = parseCount(n); err != nil {
			return watched{}, err
		}
	}
	if last != "" && (checkCommit(last) != "" || len(last) != len(w.commit)) {
		return watched{}, errors.New("the head that was seen last is not a commit id")
	}
	return w, nil
}

// look fetches a part of the history, and all of it only if that part does not suffice:
// what passes on a part is true of the whole, what fails on a part may not be.
func (g *git) look(ctx context.Context, w watched) (Result, error) {
	code, err := g.ask(ctx, "ls-remote", "--exit-code", "--quiet", "origin", "refs/heads/"+w.branch)
	if err != nil {
		return Result{}, err
	}
	if code != 0 {
		return failed("there is no branch %s any more", w.branch), nil
	}
	if err := g.fetch(ctx, w.branch, fmt.Sprintf("--depth=%d", w.depth)); err != nil {
		return Result{}, err
	}
	boundary, err := g.boundary()
	if err != nil {
		return Result{}, err
	}
	result, err := g.judge(ctx, w, boundary)
	if err != nil || result.Outcome == Passed || len(boundary) == 0 {
		return result, err
	}
	if err := g.fetch(ctx, w.branch, "--unshallow"); err != nil {
		return Result{}, err
	}
	return g.judge(ctx, w, nil)
}

// head is where the fetched branch is kept.
const head = "refs/probe/head"

// fetch asks for commits only: neither trees nor files are looked at.
func (g *git) fetch(ctx context.Context, branch, depth string) error {
	code, err := g.ask(ctx, "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-auto-maintenance", "--no-write-fetch-head",
		"--filter=tree:0", depth, "origin", "+refs/heads/"+branch+":"+head)
	if err == nil && code != 0 {
		err = errOutput
	}
	return err
}

// boundary lists the commits whose parents were not fetched.
func (g *git) boundary() (map[string]bool, error) {
	f, err := os.Open(g.repository() + "/shallow")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read how far git fetched: %w", err)
	}
	defer f.Close()
	commits := map[string]bool{}
	s := bufio.NewScanner(f)
	for s.Scan() {
		commits[s.Text()] = true
	}
	return commits, s.Err()
}

// judge decides on what was fetched. In a part of the history, the last head stands for
// the commit that was assessed: a run has passed that found one below the other.
func (g *git) judge(ctx context.Context, w watched, boundary map[string]bool) (Result, error) {
	tip, err := g.line(ctx, "rev-parse", "--verify", "--quiet", head+"^{commit}")
	if err != nil || checkCommit(tip) != "" {
		return Result{}, errors.Join(errOutput, err)
	}
	missing := map[string]bool{w.since(): true}
	if len(boundary) == 0 {
		missing[w.commit] = true
	}
	if _, err := g.each(ctx, "", func(id string) error { delete(missing, id); return nil }, "rev-list", tip, "--"); err != nil {
		return Result{}, err
	}
	switch {
	case missing[w.commit]:
		return failed("history was rewritten: commit %s is not below %s, the head of %s", w.commit, tip, w.branch), nil
	case missing[w.since()]:
		return failed("history was rewritten: commit %s, seen before as the head, is not below %s, the head of %s", w.since(), tip, w.branch), nil
	}
	list, fresh, err := g.toCheck(ctx, w, tip)
	if err != nil {
		return Result{}, err
	}
	if fresh > maxNewCommits {
		return unknown("more than %d commits since %s: look more often", maxNewCommits, w.since()), nil
	}
	if i := slices.IndexFunc(list, func(id string) bool { return boundary[id] }); i >= 0 && fresh > 0 {
		return unknown("commits before %s were not fetched", list[i]), nil
	}
	return g.checkSignatures(ctx, w, tip, list, fresh)
}

// toCheck lists the newest commits and those that came since the last look, whichever
// line they came on, and says how many the latter are.
func (g *git) toCheck(ctx context.Context, w watched, tip string) (list []string, fresh int, err error) {
	seen := map[string]bool{}
	collect := func(id string) error {
		if checkCommit(id) != "" {
			return errOutput
		}
		if !seen[id] {
			seen[id] = true
			list = append(list, id)
		}
		return nil
	}
	if _, err = g.each(ctx, "", collect, "rev-list", fmt.Sprintf("--max-count=%d", maxNewCommits+1), tip, "^"+w.since(), "--"); err != nil {
		return nil, 0, err
	}
	fresh = len(list)
	_, err = g.each(ctx, "", collect, "rev-list", fmt.Sprintf("--max-count=%d", w.newest), tip, "--")
	return list, fresh, err
}

// checkSignatures lets git and ssh-keygen verify each commit. The fingerprint that they
// print is compared with our own list once more.
func (g *git) checkSignatures(ctx context.Context, w watched, tip string, list []string, fresh int) (Result, error) {
	checked := map[string]bool{}
	var bad *Result
	said, err := g.each(ctx, strings.Join(list, "\n")+"\n", func(line string) error {
		id, verdict, _ := strings.Cut(line, " ")
		if !slices.Contains(list, id) || checked[id] || verdict == "" {
			return errOutput
		}
		checked[id] = true
		if reason := w.signers.refuse(verdict); reason != "" && bad == nil {
			f := failed("commit %s of %s: %s", id, w.branch, reason)
			bad = &f
		}
		return nil
	}, "log", "--no-walk=unsorted", "--stdin", "--no-notes", "--no-decorate", "--no-patch", "--no-mailmap", "--format=%H %G? %GF")
	switch {
	case err != nil:
		return Result{}, err
	case len(checked) != len(list):
		return Result{}, errOutput
	case bad != nil && said != "":
		// Trouble on this machine, such as a full disk, looks to git like a bad signature.
		return unknown("could not verify signatures: %s", said), nil
	case bad != nil:
		return *bad, nil
	}
	result := passed("%s is at %s; %d commits signed by allowed keys, %d of them new; history since %s was not rewritten",
		w.branch, tip, len(list), fresh, w.commit)
	result.Seen = tip
	return result, nil
}

// refuse says what is wrong with git's verdict on one commit, "%G? %GF" of git-log(1):
// a letter and the fingerprint of the key.
func (s signers) refuse(verdict string) string {
	letter, fingerprint, _ := strings.Cut(verdict, " ")
	switch {
	case letter == "G" && s.fingerprints[fingerprint]:
		return ""
	case letter == "N":
		return "carries no SSH signature"
	case letter == "B":
		return "has a bad signature"
	case letter == "U" || letter == "G":
		return "is signed by a key that is not allowed: " + fingerprint
	}
	return "has a signature that is not a good SSH signature"
}
