package worker

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/rebuild/sandbox"
	"golang.org/x/sys/unix"
)

// Config is what a rebuilder is given by its operator.
type Config struct {
	// ID is the rebuilder's in the scope, a URI; Key is one of its keys there.
	ID  string
	Key crypto.Signer
	// Folder is where it works. Run as root, other users have to get there.
	Folder string
	// Mirrors say where something is to be had instead; the first prefix that fits counts.
	Mirrors []Mirror
	// Tools are folders beside /usr that builds see, read-only, and whose bin is on the PATH.
	Tools []string
	// GoProxy is where Go modules come from: one URL, https or file; empty: proxy.golang.org.
	GoProxy string
	// CAs are the certificate authorities of the https hosts that sources and files come
	// from, PEM; empty: the system's. Go modules come by the system's in any case.
	CAs []byte
	// Outbound says which addresses may be reached while fetching.
	Outbound outbound.Policy
	Now      func() time.Time
	Log      *slog.Logger
}

// Mirror maps the beginning of an https URL to a folder of this machine. What comes from
// there is held against commit and digest like everything else.
type Mirror struct{ Prefix, Folder string }

// Worker rebuilds.
type Worker struct {
	Config
	lock     *os.File
	differ   string // diffoscope's path in the sandbox; empty where there is none
	diffTime time.Duration
}

const defaultGoProxy = "https://proxy.golang.org"

// New takes the folder: it removes what a killed process left in it. A folder that
// another process has is refused. Close the result.
func New(c Config) (*Worker, error) {
	if c.Now == nil || c.Log == nil || c.Folder == "" {
		return nil, errors.New("a rebuilder needs a folder, a clock and a log")
	}
	if c.GoProxy == "" {
		c.GoProxy = defaultGoProxy
	}
	if !strings.HasPrefix(c.GoProxy, "https://") && !strings.HasPrefix(c.GoProxy, "file:///") || strings.ContainsAny(c.GoProxy, ",| \n") {
		return nil, fmt.Errorf("%q is not one https or file URL of a module proxy", c.GoProxy)
	}
	if len(c.CAs) > 0 {
		c.Outbound.RootCAs = x509.NewCertPool()
		if !c.Outbound.RootCAs.AppendCertsFromPEM(c.CAs) {
			return nil, errors.New("what is to be the CAs of https hosts holds no certificate in PEM")
		}
	}
	if c.Key != nil {
		if _, err := attest.KeyID(c.Key.Public()); err != nil {
			return nil, err
		}
	}
	var err error
	if c.Folder, err = filepath.Abs(c.Folder); err != nil {
		return nil, err
	}
	w := &Worker{Config: c, diffTime: diffTime}
	w.differ = w.findDiffoscope()
	for _, dir := range []string{c.Folder, w.jobs(), w.roots()} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return nil, fmt.Errorf("make the rebuilder's folder: %w", err)
		}
	}
	if w.lock, err = os.OpenFile(filepath.Join(c.Folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, fmt.Errorf("lock the rebuilder's folder: %w", err)
	}
	if err := unix.Flock(int(w.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		w.lock.Close()
		return nil, fmt.Errorf("%s belongs to a rebuilder that is running: %w", c.Folder, err)
	}
	leftovers, err := os.ReadDir(w.jobs())
	if err != nil {
		return nil, err
	}
	for _, e := range leftovers {
		if err := removeAll(filepath.Join(w.jobs(), e.Name())); err != nil {
			return nil, fmt.Errorf("remove what was left: %w", err)
		}
	}
	return w, nil
}

// Close gives the folder back.
func (w *Worker) Close() error { return w.lock.Close() }

func (w *Worker) jobs() string  { return filepath.Join(w.Folder, "jobs") }
func (w *Worker) roots() string { return filepath.Join(w.Folder, "roots") }

// Check runs an empty command in the sandbox, so that an operator learns at the start
// and not from the first job that this machine has no user namespaces.
func (w *Worker) Check(ctx context.Context) error {
	j, err := w.newWorkspace()
	if err != nil {
		return err
	}
	defer j.remove()
	s := w.small(j)
	s.Mounts = []sandbox.Mount{{Host: j.folder, Inside: "/build", Writable: true}}
	s.Dir, s.Command = "/build", []string{"touch", "probe"}
	r, err := sandbox.Run(ctx, s)
	if err == nil && r.Exit != 0 {
		err = fmt.Errorf("sandbox: exit code %d: %s", r.Exit, r.Output)
	}
	return err
}

// small is a sandbox for our own commands.
func (w *Worker) small(j *workspace) sandbox.Spec {
	return sandbox.Spec{
		Hostname: "rebuild", User: firstUser, RootBecomes: j.owner, Umask: 0o022, Dir: "/",
		Environment: []string{"PATH=" + w.path(), "HOME=/nonexistent", "LC_ALL=C", "TZ=UTC"},
		Limits:      sandbox.Limits{Time: toolTime, Memory: 1 << 30, Disk: 1 << 30, Processes: 256},
	}
}

// path is PATH inside.
func (w *Worker) path() string {
	var list []string
	for _, t := range w.Tools {
		list = append(list, filepath.Join(t, "bin"))
	}
	return strings.Join(append(list, "/usr/local/go/bin", "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"), ":")
}

// mirrored is the folder that has what a URL names, if an operator says so.
func (w *Worker) mirrored(link string) (string, bool) {
	for _, m := range w.Mirrors {
		if rest, ok := strings.CutPrefix(link, m.Prefix); ok && filepath.IsLocal(filepath.FromSlash("x/"+rest)) {
			return filepath.Join(m.Folder, filepath.FromSlash(rest)), true
		}
	}
	return "", false
}
