package worker

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/rebuild/recipe"
	"github.com/hallmark-pki/hallmark/rebuild/sandbox"
)

// checkout fetches one commit and lays it out. All of git runs in the sandbox: it reads
// what strangers made.
type checkout struct {
	*Worker
	recipe  recipe.Recipe
	job     Job
	folder  string // on the host: configuration and bare repository; /git inside
	remote  string // what git is told to fetch from
	mounts  []sandbox.Mount
	isLocal bool
	owner   int
}

func (w *Worker) newCheckout(j *workspace, job Job, r recipe.Recipe) (*checkout, error) {
	folder, err := j.dir("git")
	if err != nil {
		return nil, err
	}
	c := &checkout{Worker: w, recipe: r, job: job, folder: folder, owner: j.owner, mounts: []sandbox.Mount{{Host: folder, Inside: "/git", Writable: true}}}
	c.remote, _, _ = strings.Cut(strings.TrimPrefix(job.SourceURI, "git+"), "@")
	if folder, ok := w.mirrored(c.remote); ok {
		if _, err := os.Stat(folder); err != nil {
			if _, err := os.Stat(folder + ".git"); err == nil {
				folder += ".git"
			}
		}
		c.isLocal, c.remote = true, "/mirror"
		c.mounts = append(c.mounts, sandbox.Mount{Host: folder, Inside: "/mirror"})
	}
	return c, nil
}

// run fetches and lays the tree out in each of the folders. It returns the commit's
// time.
func (c *checkout) run(ctx context.Context, folders []string) (epoch int64, err error) {
	if err := c.fetch(ctx); err != nil {
		return 0, err
	}
	// What git calls by this name is a commit, and this one: not a tag that points to it,
	// not a branch that is called so.
	got, err := c.git(ctx, gitCall{words: []string{"rev-parse", "--verify", "--end-of-options", c.job.Commit + "^{commit}"}})
	if err != nil {
		return 0, err
	}
	if got != c.job.Commit {
		return 0, failed(attest.RebuildFetchFailed, "the source has %.80q where commit %s was asked for", got, c.job.Commit)
	}
	stamp, err := c.git(ctx, gitCall{words: []string{"show", "--no-patch", "--format=%ct", "--end-of-options", c.job.Commit}})
	if err != nil {
		return 0, err
	}
	if epoch, err = strconv.ParseInt(stamp, 10, 64); err != nil {
		return 0, failed(attest.RebuildFetchFailed, "the commit's time is %.40q", stamp)
	}
	for _, folder := range folders {
		if err := c.layOut(ctx, folder); err != nil {
			return 0, err
		}
	}
	return epoch, nil
}

func (c *checkout) fetch(ctx context.Context) error {
	config := c.config()
	network := false
	if !c.isLocal {
		u, err := url.Parse(c.remote)
		if err != nil || outbound.CheckURL(c.remote) != nil {
			return failed(attest.RebuildFetchFailed, "%.200q is no https URL", c.remote)
		}
		policy := c.Outbound
		policy.Timeout, policy.MaxBytes = c.recipe.Limits.Time, int64(c.recipe.Limits.Disk)
		proxy, err := policy.Proxy(u.Host)
		if err != nil {
			return fmt.Errorf("start a proxy: %w", err)
		}
		defer proxy.Close()
		network, config = true, config+"[http]\n\tproxy = "+strconv.Quote(proxy.URL())+"\n\tproxyAuthMethod = basic\n\tfollowRedirects = false\n[protocol \"https\"]\n\tallow = always\n"
		if len(c.CAs) > 0 {
			if err := os.WriteFile(filepath.Join(c.folder, "cas.pem"), c.CAs, 0o644); err != nil {
				return fmt.Errorf("write git's configuration: %w", err)
			}
			config += "[http]\n\tsslCAInfo = /git/cas.pem\n"
		}
	} else {
		config += "[protocol \"file\"]\n\tallow = always\n"
	}
	if err := os.WriteFile(filepath.Join(c.folder, "config"), []byte(config), 0o644); err != nil {
		return fmt.Errorf("write git's configuration: %w", err)
	}
	if _, err := c.git(ctx, gitCall{words: []string{"init", "--quiet", "--bare", "--template="}}); err != nil {
		return err
	}
	// One commit, where the server gives single commits; else everything that it shows.
	words := []string{"fetch", "--quiet", "--no-tags", "--no-recurse-submodules"}
	_, err := c.git(ctx, gitCall{network: network, words: append(words, "--depth=1", "--end-of-options", c.remote, c.job.Commit)})
	if err == nil || ctx.Err() != nil {
		return err
	}
	_, err = c.git(ctx, gitCall{network: network, words: append(words, "--end-of-options", c.remote,
		"+refs/heads/*:refs/fetched/heads/*", "+refs/tags/*:refs/fetched/tags/*")})
	return err
}

// config turns off all that runs programs, asks people, or reaches elsewhere.
func (c *checkout) config() string {
	return `[safe]
	directory = *
[core]
	hooksPath = /dev/null
	fsmonitor = false
	askPass = ""
	attributesFile = /dev/null
	autocrlf = false
	protectHFS = true
	protectNTFS = true
[credential]
	helper = ""
[fetch]
	fsckObjects = true
	recurseSubmodules = false
[submodule]
	recurse = false
[transfer]
	bundleURI = false
[uploadpack]
	allowAnySHA1InWant = true
[gc]
	auto = 0
[maintenance]
	auto = false
[advice]
	detachedHead = false
[user]
	name = nobody
	email = nobody@example.com
[protocol]
	version = 2
	allow = never
`
}

// layOut writes the commit's files into a folder of the host.
func (c *checkout) layOut(ctx context.Context, folder string) error {
	calls := [][]string{
		{"read-tree", c.job.Commit},
		{"checkout-index", "--all", "--force"},
	}
	if c.recipe.GitDirectory {
		calls = [][]string{
			{"init", "--quiet", "--template=", "/out"},
			{"-C", "/out", "fetch", "--quiet", "--depth=1", "--no-tags", "--end-of-options", "/git/repository", c.job.Commit},
			{"-C", "/out", "checkout", "--quiet", "--force", "--detach", c.job.Commit},
		}
	}
	for _, words := range calls {
		if _, err := c.git(ctx, gitCall{out: folder, words: words}); err != nil {
			return err
		}
	}
	return nil
}

// gitCall is one run of git.
type gitCall struct {
	network bool
	out     string // on the host: a folder to write to, /out inside
	words   []string
}

// git returns what it printed.
func (c *checkout) git(ctx context.Context, g gitCall) (string, error) {
	mounts, dir := c.mounts, "/git"
	repository := []string{"GIT_DIR=/git/repository"}
	if g.out != "" {
		dir, repository = "/out", append(repository, "GIT_WORK_TREE=/out", "GIT_INDEX_FILE=/git/index")
		mounts = append(mounts[:len(mounts):len(mounts)], sandbox.Mount{Host: g.out, Inside: "/out", Writable: true})
		if c.recipe.GitDirectory {
			repository = nil // /out has its own
		}
	}
	l := c.recipe.Limits
	r, err := sandbox.Run(ctx, sandbox.Spec{
		Mounts: mounts, Dir: dir, Command: append([]string{"git"}, g.words...), Hostname: "fetch", User: firstUser, RootBecomes: c.owner, Umask: 0o022, Network: g.network,
		Environment: append(repository,
			"PATH="+c.path(), "HOME=/git", "LC_ALL=C", "TZ=UTC",
			"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/git/config", "GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=false",
			"SSH_ASKPASS=false", "GIT_NO_REPLACE_OBJECTS=1", "GIT_NO_LAZY_FETCH=1", "GIT_PROTOCOL_FROM_USER=0", "GIT_ALLOW_PROTOCOL=https:file",
		),
		Limits: sandbox.Limits{Time: l.Time, Memory: int64(l.Memory), Disk: int64(l.Disk), Processes: l.Processes},
	})
	return strings.TrimSpace(r.Output), ended(attest.RebuildFetchFailed, "git "+g.words[0], r, err)
}
