package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/rebuild/buildinfo"
	"github.com/hallmark-pki/hallmark/rebuild/recipe"
	"github.com/hallmark-pki/hallmark/rebuild/worker"
	"github.com/urfave/cli/v2"
)

func (e *env) rebuildTryCommand() *cli.Command {
	return command(cli.Command{
		Name: "try", Usage: "vendors, auditors: run a recipe here, as a rebuilder would", ArgsUsage: "RECIPE",
		Flags: append([]cli.Flag{jsonFlag,
			&cli.StringFlag{Name: "source", Usage: "FOLDER@COMMIT of a git repository on this machine (a branch or tag will do)"},
			&cli.StringFlag{Name: "expect", Usage: "file or SHA-256 that should come out; without, the two runs are held against each other alone"},
			&cli.StringFlag{Name: "buildinfo", Usage: "Debian .buildinfo of the original build: expect what it names, and say what this machine has in other versions"},
		}, builderFlags()...),
		Description: `Needs no server and no key, and signs nothing. Builds twice, in environments that
differ, and says whether the same came out, and the tasks' results if it was what was
expected. EXIT CODE 1: it was not; the difference is shown.

EXAMPLE: hallmark rebuild try --source .@HEAD --expect hello_1.0_amd64.deb hello.recipe.yaml`,
	}, 1, 1, e.rebuildTry)
}

// trial is what 'rebuild try' prints as JSON.
type trial struct {
	Outcome string        `json:"outcome"` // reproduced, reproducible (nothing was expected), or a reason
	Commit  string        `json:"commit"`
	Recipe  string        `json:"recipe_sha256"`
	Outputs []trialOutput `json:"outputs"`
	Varied  []string      `json:"varied"`
	Diff    string        `json:"diff,omitempty"`
	// Versions are the packages that the original build had in other versions.
	Versions []string    `json:"versions,omitempty"`
	Tasks    []trialTask `json:"tasks,omitempty"`
}

type trialOutput struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Second string `json:"second_sha256,omitempty"` // where the second run gave another
}

type trialTask struct {
	Name      string `json:"name"`
	Statement string `json:"statement"`
	Passed    bool   `json:"passed"`
	Log       string `json:"log,omitempty"`
}

// nothingExpected stands for an artifact that no build gives.
var nothingExpected = strings.Repeat("0", 64)

func (e *env) rebuildTry(c *cli.Context) error {
	if err := need(c, "source"); err != nil {
		return err
	}
	document, err := e.readBounded(c.Args().First(), recipe.MaxDocument)
	if err != nil {
		return err
	}
	r, err := recipe.Parse(document)
	if err != nil {
		return withHint(err, "docs/rebuilding.md has the format")
	}
	folder, commit, err := localSource(c.Context, c.String("source"))
	if err != nil {
		return err
	}
	job := worker.Job{Product: r.Product, SHA256: nothingExpected, SourceURI: r.Source, Commit: commit, Recipe: document}
	var expected worker.Expected
	if arg := c.String("expect"); arg != "" {
		if job.SHA256, err = artifactDigest(arg); err != nil {
			return err
		}
		if _, err := os.Stat(arg); err == nil {
			if expected.File, err = filepath.Abs(arg); err != nil {
				return err
			}
		}
	}
	var others []buildinfo.Difference
	if name := c.String("buildinfo"); name != "" {
		if others, err = e.expectBuildinfo(c, name, r, &job); err != nil {
			return err
		}
	}
	report, err := e.tryRecipe(c, job, expected, folder)
	if err != nil {
		return err
	}
	t := newTrial(report)
	t.Versions = versionLines(others)
	return e.printTrial(c, t)
}

// localSource reads FOLDER@COMMIT. The repository is the caller's own.
func localSource(ctx context.Context, text string) (folder, commit string, err error) {
	i := strings.LastIndexByte(text, '@')
	if i <= 0 || i == len(text)-1 || strings.HasPrefix(text[i+1:], "-") {
		return "", "", &usageError{text: fmt.Sprintf("--source %q is not FOLDER@COMMIT", text), hint: "for example --source .@HEAD"}
	}
	if folder, err = filepath.Abs(text[:i]); err != nil {
		return "", "", err
	}
	out, err := exec.CommandContext(ctx, "git", "-C", folder, "rev-parse", "--verify", "--end-of-options", text[i+1:]+"^{commit}").Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", "", fmt.Errorf("no commit %s in %s: %s", text[i+1:], folder, bytes.TrimSpace(exit.Stderr))
	}
	if err != nil {
		return "", "", err
	}
	return folder, strings.TrimSpace(string(out)), nil
}

// copyCommit puts one commit of the caller's repository where the user who builds can
// read it: a home folder is closed to that one.
func copyCommit(ctx context.Context, from, commit, to string) error {
	for _, words := range [][]string{
		{"init", "--quiet", "--bare", "--template=", to},
		{"-C", from, "push", "--quiet", "--no-verify", to, commit + ":refs/heads/try"},
	} {
		if out, err := exec.CommandContext(ctx, "git", words...).CombinedOutput(); err != nil {
			return fmt.Errorf("copy the commit: %w: %s", err, bytes.TrimSpace(out))
		}
	}
	return nil
}

func (e *env) tryRecipe(c *cli.Context, job worker.Job, expected worker.Expected, source string) (worker.Report, error) {
	config, err := builderConfig(c)
	if err != nil {
		return worker.Report{}, err
	}
	config.Log = slog.New(slog.NewTextHandler(e.stderr, nil))
	config.Folder = c.String("work")
	if config.Folder == "" {
		// Not /tmp, which is memory on many systems.
		if config.Folder, err = os.MkdirTemp("/var/tmp", "hallmark-rebuild-"); err != nil {
			return worker.Report{}, err
		}
		defer os.RemoveAll(config.Folder)
		if err := os.Chmod(config.Folder, 0o711); err != nil {
			return worker.Report{}, err
		}
	}
	own := filepath.Join(config.Folder, "source.git")
	config.Mirrors = append([]worker.Mirror{{Prefix: strings.TrimPrefix(job.SourceURI, "git+"), Folder: own}}, config.Mirrors...)
	w, err := startWorker(c.Context, config)
	if err != nil {
		return worker.Report{}, err
	}
	defer w.Close()
	if err := copyCommit(c.Context, source, job.Commit, own); err != nil {
		return worker.Report{}, err
	}
	defer os.RemoveAll(own)
	return w.Rebuild(c.Context, job, expected)
}

func newTrial(r worker.Report) trial {
	t := trial{Outcome: string(r.Reason), Commit: r.Job.Commit, Recipe: recipe.Digest(r.Job.Recipe), Varied: r.Varied, Diff: r.Diff, Outputs: []trialOutput{}}
	switch {
	case r.Reason == "":
		t.Outcome = "reproduced"
	case r.Reason == attest.RebuildMismatch && r.Job.SHA256 == nothingExpected:
		t.Outcome, t.Diff = "reproducible", ""
	}
	for i, o := range r.First {
		line := trialOutput{Name: o.Name, SHA256: o.SHA256}
		if i < len(r.Second) && r.Second[i].SHA256 != o.SHA256 {
			line.Second = r.Second[i].SHA256
		}
		t.Outputs = append(t.Outputs, line)
	}
	for _, task := range r.Tasks {
		t.Tasks = append(t.Tasks, trialTask{Name: task.Task.Name, Statement: string(task.Task.Statement), Passed: task.Passed, Log: task.Log})
	}
	return t
}

func (e *env) printTrial(c *cli.Context, t trial) error {
	lines := []string{t.Outcome + ": commit " + t.Commit + ", recipe sha256:" + t.Recipe}
	for _, o := range t.Outputs {
		line := "  " + printable(o.Name) + " sha256:" + o.SHA256
		if o.Second != "" {
			line += ", and in the second run sha256:" + o.Second
		}
		lines = append(lines, line)
	}
	for _, task := range t.Tasks {
		verdict := "passed"
		if !task.Passed {
			verdict = "FAILED"
		}
		lines = append(lines, fmt.Sprintf("  task %s (%s): %s", printable(task.Name), task.Statement, verdict))
		for line := range strings.Lines(task.Log) {
			lines = append(lines, "    "+printable(strings.TrimSuffix(line, "\n")))
		}
	}
	for _, text := range t.Versions {
		lines = append(lines, "  "+printable(text))
	}
	for line := range strings.Lines(t.Diff) {
		lines = append(lines, printable(strings.TrimSuffix(line, "\n")))
	}
	if err := e.printDone(c, t, lines...); err != nil {
		return err
	}
	if t.Outcome != "reproduced" && t.Outcome != "reproducible" {
		return exitWith(exitRefused)
	}
	for _, task := range t.Tasks {
		if !task.Passed {
			return exitWith(exitRefused)
		}
	}
	return nil
}
