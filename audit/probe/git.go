package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hallmark-pki/hallmark/outbound"
)

var (
	errNoGit  = errors.New("git-branch needs the programs git (2.34 or later) and ssh-keygen on the machine that probes")
	errOutput = errors.New("git's output is not what it should be")
)

// gitVersion is the beginning of what `git version` prints.
var gitVersion = regexp.MustCompile(`^git version ([0-9]{1,4})\.([0-9]{1,4})\b`)

// limited starts a program under bounds on memory and file size; where the machine has
// stricter ones, or knows no such bound, they stay.
const limited = `ulimit -c 0; ulimit -f "$1" 2>/dev/null; ulimit -v "$2" 2>/dev/null; shift 2; exec "$@"`

// git runs the git program in a repository of its own. It sees nothing of ours: neither
// configuration, nor environment, nor credentials, nor the network except through the
// proxy.
type git struct {
	program string
	keygen  string
	folder  string // scratch: configuration and the bare repository
	proxy   *outbound.Proxy
	remote  string // the repository's URL
	roots   bool   // roots.pem is there
}

// newGit finds the programs and makes the scratch folder with an empty repository.
// objects is the hash of the remote repository, sha1 or sha256. Whoever calls it
// removes folder.
func newGit(ctx context.Context, r *Runner, p outbound.Policy, remote, objects string, allowed []byte) (_ *git, err error) {
	g := &git{remote: remote}
	name := r.Git
	if name == "" {
		name = "git"
	}
	if g.program, err = exec.LookPath(name); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoGit, err)
	}
	if g.keygen, err = exec.LookPath("ssh-keygen"); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoGit, err)
	}
	u, err := url.Parse(remote)
	if err != nil {
		return nil, outbound.ErrURL
	}
	if g.folder, err = os.MkdirTemp(r.Scratch, "hallmark-probe-"); err != nil {
		return nil, fmt.Errorf("make a scratch folder: %w", err)
	}
	defer func() {
		if err != nil {
			g.close()
		}
	}()
	if g.proxy, err = p.Proxy(u.Host); err != nil {
		return nil, err
	}
	if err := g.writeFiles(r.RootsPEM, allowed); err != nil {
		return nil, fmt.Errorf("write a scratch file: %w", err)
	}
	version, err := g.line(ctx, "version")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoGit, err)
	}
	if !isRecent(version) {
		return nil, fmt.Errorf("%w: this is %.64q", errNoGit, version)
	}
	_, err = g.line(ctx, "init", "--quiet", "--bare", "--template=", "--object-format="+objects, g.repository())
	return g, err
}

// close ends what git may still have open and removes the scratch folder.
func (g *git) close() {
	if g.proxy != nil {
		_ = g.proxy.Close()
	}
	_ = os.RemoveAll(g.folder)
}

func (g *git) repository() string { return filepath.Join(g.folder, "repository.git") }
func (g *git) file(name string) string {
	return filepath.Join(g.folder, name)
}

func (g *git) writeFiles(roots, allowed []byte) error {
	if len(roots) > 0 {
		g.roots = true
		if err := os.WriteFile(g.file("roots.pem"), roots, 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(g.file("allowed_signers"), allowed, 0o600)
}

func isRecent(version string) bool {
	m := gitVersion.FindStringSubmatch(version)
	if m == nil {
		return false
	}
	major, _ := strconv.Atoi(m[1]) // digits, says the pattern
	minor, _ := strconv.Atoi(m[2])
	return major > minGitMajor || major == minGitMajor && minor >= minGitMinor
}

// config is everything that git is told beside its command. It travels in the
// environment, since the proxy's URL holds a password.
func (g *git) config(online bool) [][2]string {
	list := [][2]string{
		{"remote.origin.url", g.remote},
		{"gpg.format", "ssh"},
		{"gpg.minTrustLevel", "fully"},
		{"gpg.ssh.program", g.keygen},
		{"gpg.ssh.allowedSignersFile", g.file("allowed_signers")},
		// The format of a signature is the commit's choice: others find a program that says no.
		{"gpg.program", "false"},
		{"gpg.openpgp.program", "false"},
		{"gpg.x509.program", "false"},
		{"core.hooksPath", os.DevNull},
		{"core.fsmonitor", "false"},
		{"core.askPass", ""},
		{"core.attributesFile", os.DevNull},
		{"credential.helper", ""},
		{"submodule.recurse", "false"},
		{"fetch.recurseSubmodules", "false"},
		{"transfer.bundleURI", "false"},
		{"gc.auto", "0"},
		{"maintenance.auto", "false"},
		{"pack.threads", "1"},
		{"advice.detachedHead", "false"},
		{"protocol.version", "2"},
		{"protocol.allow", "never"},
	}
	if !online {
		return list
	}
	list = append(list, [][2]string{
		{"protocol.https.allow", "always"},
		{"http.proxy", g.proxy.URL()},
		{"http.proxyAuthMethod", "basic"},
		{"http.followRedirects", "false"},
		{"http.sslVerify", "true"},
		{"http.sslVersion", "tlsv1.2"},
		{"http.userAgent", "hallmark-probe"},
		{"http.emptyAuth", "false"},
		{"http.saveCookies", "false"},
	}...)
	if g.roots {
		list = append(list, [2]string{"http.sslCAInfo", g.file("roots.pem")})
	}
	return list
}

// environment is all that git inherits.
func (g *git) environment(online bool) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + g.folder, "XDG_CONFIG_HOME=" + g.folder, "TMPDIR=" + g.folder,
		"LC_ALL=C", "TZ=UTC",
		"GIT_DIR=" + g.repository(),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_SYSTEM=" + os.DevNull, "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=false", "SSH_ASKPASS=false",
		"GIT_NO_REPLACE_OBJECTS=1", "GIT_NO_LAZY_FETCH=1", "GIT_OPTIONAL_LOCKS=0", "GIT_PROTOCOL_FROM_USER=0",
	}
	if online {
		env = append(env, "GIT_ALLOW_PROTOCOL=https")
	} else {
		env = append(env, "GIT_ALLOW_PROTOCOL=none")
	}
	list := g.config(online)
	env = append(env, "GIT_CONFIG_COUNT="+strconv.Itoa(len(list)))
	for i, c := range list {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, c[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, c[1]))
	}
	return env
}

// start prepares a run of git in its own process group, so that an end reaches its
// children too.
func (g *git) start(ctx context.Context, online bool, args []string) (*exec.Cmd, *tail) {
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{
		"-c", limited, "sh", strconv.Itoa(gitFileBlocks), strconv.Itoa(gitMemoryKiB), g.program,
	}, args...)...)
	cmd.Dir, cmd.Env = g.folder, g.environment(online)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	said := &tail{}
	cmd.Stderr = said
	return cmd, said
}

// each runs git without the network and hands over its output line by line.
func (g *git) each(ctx context.Context, input string, line func(string) error, args ...string) (said string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd, tail := g.start(ctx, false, args)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("%w: %w", errNoGit, err)
	}
	s := bufio.NewScanner(out)
	s.Buffer(nil, maxGitLine)
	for err == nil && s.Scan() {
		err = line(s.Text())
	}
	if err == nil {
		err = s.Err()
	}
	if err != nil {
		cancel() // it may have more to say than anybody reads
		_ = cmd.Wait()
		return "", err
	}
	if err := cmd.Wait(); err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, tail)
	}
	return tail.String(), nil
}

// line runs git without the network and returns its one line of output.
func (g *git) line(ctx context.Context, args ...string) (string, error) {
	var only string
	_, err := g.each(ctx, "", func(l string) error {
		if only != "" {
			return errOutput
		}
		only = l
		return nil
	}, args...)
	if err != nil {
		return "", err
	}
	return only, nil
}

// ask runs git with the network, and returns its exit code: 0, or 2 where git says that
// there is no such branch. All other trouble is an error, with what the proxy has to
// say about it first: git knows less.
func (g *git) ask(ctx context.Context, args ...string) (code int, err error) {
	cmd, said := g.start(ctx, true, args)
	cmd.Stdout = io.Discard
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case g.proxy.Err() != nil:
		return 0, g.proxy.Err()
	case errors.As(err, &exit) && exit.ExitCode() == 2:
		return 2, nil
	}
	return 0, fmt.Errorf("git %s: %w: %s", args[0], err, said)
}

// tail keeps the end of what a program complains.
type tail struct{ kept []byte }

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if extra := len(t.kept) - maxGitErrors; extra > 0 {
		t.kept = append(t.kept[:0], t.kept[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.kept)) }
