package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/rebuild/recipe"
	"github.com/hallmark-pki/hallmark/rebuild/sandbox"
)

// diffoscope explains differences far better than we do, where it is installed.
const diffoscope = "diffoscope"

// differ shows what the outputs of one job have different. All of its diffs share one
// time and one size: a job has up to 64 outputs, and a stranger's build made them.
type differ struct {
	w     *Worker
	r     recipe.Recipe
	owner int // who owns the outputs: files need not be readable by others
	until time.Time
	left  int // bytes of diffs that still fit into a statement
}

func (w *Worker) newDiffer(r recipe.Recipe, owner int) *differ {
	return &differ{w: w, r: r, owner: owner, until: time.Now().Add(w.diffTime), left: attest.MaxRebuildDiff}
}

// diff says how two files differ.
func (d *differ) diff(ctx context.Context, a, b string) (string, error) {
	if d.left <= 0 {
		return "", nil // it would be cut off
	}
	text, err := d.both(ctx, a, b)
	d.left -= len(text)
	return text, err
}

// diffExpected is diff for a file of whoever tries a recipe: the sandbox's user may not get
// to it, so a copy is looked at.
func (d *differ) diffExpected(ctx context.Context, a, file string) (string, error) {
	scratch, err := os.MkdirTemp(d.w.jobs(), "expected-")
	if err != nil {
		return "", fmt.Errorf("make a folder for the diff: %w", err)
	}
	defer func() { _ = removeAll(scratch) }()
	copied := filepath.Join(scratch, filepath.Base(file))
	if err := errors.Join(os.Chmod(scratch, 0o755), copyFile(copied, file)); err != nil {
		return fmt.Sprintf("  (no diff: %v)\n", err), nil
	}
	return d.diff(ctx, a, copied)
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	// The umask may have taken something away.
	return errors.Join(err, out.Chmod(0o644), out.Close())
}

// both asks diffoscope and, where that has nothing to say, looks for itself.
func (d *differ) both(ctx context.Context, a, b string) (string, error) {
	var why string
	if d.w.differ != "" {
		text, err := d.diffoscope(ctx, a, b)
		if text != "" || ctx.Err() != nil {
			return text, err
		}
		if err != nil {
			why = fmt.Sprintf("  (no diff by %s: %v)\n", diffoscope, err)
		}
	}
	text, err := summarize(a, b)
	if err != nil {
		return why + fmt.Sprintf("  (no summary: %v)\n", err), nil
	}
	return why + text, nil
}

// diffoscope runs it in the sandbox: it calls some dozens of programs on what a stranger's
// build made. An empty text without an error says that it saw no difference.
func (d *differ) diffoscope(ctx context.Context, a, b string) (string, error) {
	left := time.Until(d.until)
	if left <= 0 {
		return "", fmt.Errorf("the other outputs took all of %s", d.w.diffTime)
	}
	scratch, err := os.MkdirTemp(d.w.jobs(), "diff-")
	if err != nil {
		return "", fmt.Errorf("make a folder for the diff: %w", err)
	}
	defer func() { _ = removeAll(scratch) }()
	j := &workspace{folder: scratch, owner: d.owner}
	if err := j.own(scratch); err != nil {
		return "", err
	}
	out := &head{most: attest.MaxRebuildDiff}
	result, err := sandbox.Run(ctx, d.spec(scratch, a, b, left, out))
	var e *sandbox.Error
	switch {
	case errors.As(err, &e) && e.Reason != sandbox.Cancelled && e.Reason != sandbox.Broken:
		return "", fmt.Errorf("stopped at a limit: %s: %s", e.Reason, e.Detail)
	case err != nil:
		return "", err
	case result.Exit == 0:
		return "", nil
	case result.Exit != 1: // 1 says that they differ
		return "", fmt.Errorf("exit code %d: %.500s", result.Exit, strings.TrimSpace(result.Output))
	}
	return out.text(), nil
}

func (d *differ) spec(scratch, a, b string, left time.Duration, out *head) sandbox.Spec {
	first, second := filepath.Join("/first", filepath.Base(a)), filepath.Join("/second", filepath.Base(b))
	mounts := []sandbox.Mount{{Host: a, Inside: first}, {Host: b, Inside: second}, {Host: scratch, Inside: "/build", Writable: true}}
	for _, folder := range d.w.Tools {
		mounts = append(mounts, sandbox.Mount{Host: folder, Inside: folder})
	}
	return sandbox.Spec{
		Mounts: mounts, Dir: "/build", Hostname: "diff", User: firstUser, RootBecomes: d.owner, Umask: 0o022,
		// Of its own it stops after the first half, and shows what it has got by then. Its
		// limit of the size is none of one block of lines: hence a limit for those, and ours.
		Command: []string{
			d.w.differ, "--no-progress", "--timeout", strconv.Itoa(int(max(1, left.Seconds()/2))),
			"--max-text-report-size", strconv.Itoa(attest.MaxRebuildDiff), "--max-diff-block-lines", strconv.Itoa(maxBlockLines),
			"--max-diff-block-lines-saved", strconv.Itoa(maxBlockLines), "--text", "-", first, second,
		},
		Environment: []string{"PATH=" + d.w.path(), "HOME=/build", "TMPDIR=/build", "LC_ALL=C.UTF-8", "TZ=UTC"},
		Limits:      sandbox.Limits{Time: left, Memory: int64(d.r.Limits.Memory), Disk: int64(d.r.Limits.Disk), Processes: d.r.Limits.Processes},
		Stdout:      out,
	}
}

// findDiffoscope is its path where commands in the sandbox see it, or nothing.
func (w *Worker) findDiffoscope() string {
	for _, dir := range filepath.SplitList(w.path()) {
		path := filepath.Join(dir, diffoscope)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// head keeps the beginning of what is written to it: there a report names what it is about.
type head struct {
	most int
	buf  []byte
	cut  bool
}

func (h *head) Write(p []byte) (int, error) {
	n := min(len(p), h.most-len(h.buf))
	h.buf = append(h.buf, p[:n]...)
	h.cut = h.cut || n < len(p)
	return len(p), nil
}

func (h *head) text() string {
	s := string(h.buf)
	if h.cut {
		s = s[:strings.LastIndexByte(s, '\n')+1] + "… (cut)"
	}
	if s = strings.TrimRight(s, "\n"); s == "" {
		return ""
	}
	return s + "\n"
}
