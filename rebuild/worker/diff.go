package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/rebuild/recipe"
	"github.com/hallmark-pki/hallmark/rebuild/sandbox"
)

// diffoscope explains differences far better than we do, where it is installed.
const diffoscope = "diffoscope"

// diff says how two files differ. Diffoscope looks at them in the sandbox: it runs
// some dozens of programs on what a stranger's build made.
func (w *Worker) diff(ctx context.Context, r recipe.Recipe, a, b string) (string, error) {
	if _, err := exec.LookPath(diffoscope); err == nil {
		text, err := w.diffoscope(ctx, r, a, b)
		if err != nil || text != "" {
			return text, err
		}
	}
	text, err := summarize(a, b)
	if err != nil {
		return fmt.Sprintf("  (no summary: %v)\n", err), nil
	}
	return text, nil
}

func (w *Worker) diffoscope(ctx context.Context, r recipe.Recipe, a, b string) (string, error) {
	scratch, err := os.MkdirTemp(w.jobs(), "diff-")
	if err != nil {
		return "", fmt.Errorf("make a folder for the diff: %w", err)
	}
	defer func() { _ = removeAll(scratch) }()
	j := &workspace{folder: scratch, owner: owner()}
	if err := j.own(scratch); err != nil {
		return "", err
	}
	first, second := filepath.Join("/first", filepath.Base(a)), filepath.Join("/second", filepath.Base(b))
	result, err := sandbox.Run(ctx, sandbox.Spec{
		Mounts: []sandbox.Mount{{Host: a, Inside: first}, {Host: b, Inside: second}, {Host: scratch, Inside: "/build", Writable: true}},
		Dir:    "/build", Hostname: "diff", User: firstUser, RootBecomes: j.owner, Umask: 0o022,
		Command:     []string{diffoscope, "--no-progress", "--max-text-report-size", fmt.Sprint(attest.MaxRebuildDiff), "--text", "-", first, second},
		Environment: []string{"PATH=" + w.path(), "HOME=/build", "TMPDIR=/build", "LC_ALL=C.UTF-8", "TZ=UTC"},
		Limits:      sandbox.Limits{Time: diffTime, Memory: int64(r.Limits.Memory), Disk: int64(r.Limits.Disk), Processes: r.Limits.Processes},
	})
	var e *sandbox.Error
	switch {
	case errors.As(err, &e) && e.Reason == sandbox.Cancelled:
		return "", err
	case err != nil || result.Exit != 1: // 1 says that they differ
		return "", nil
	}
	return strings.TrimRight(result.Output, "\n") + "\n", nil
}
