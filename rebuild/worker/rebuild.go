package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/rebuild/recipe"
	"github.com/hallmark-pki/hallmark/rebuild/sandbox"
)

// Report is what a rebuild found out.
type Report struct {
	Job    Job
	Recipe recipe.Recipe
	// Reason is empty when the artifact came out, twice.
	Reason attest.RebuildReason
	// Artifact is the output that is the artifact; zero where none is.
	Artifact Output
	First    []Output
	Second   []Output
	// Diff says what differs, or how it failed, for people to read.
	Diff   string
	Varied []string
	Tasks  []TaskReport
	// StartedOn and FinishedOn are in UTC and whole seconds.
	StartedOn, FinishedOn time.Time
}

// Expected is the artifact itself, for a trial that has it. Jobs do not: what is signed
// by digest does not travel.
type Expected struct{ File string }

// Rebuild does a job. An error says that nothing was found out: the job is not sound
// (ErrJob), the context ended, or something of ours failed.
func (w *Worker) Rebuild(ctx context.Context, job Job, expected Expected) (Report, error) {
	r, err := job.read()
	if err != nil {
		return Report{}, err
	}
	j, err := w.newWorkspace()
	if err != nil {
		return Report{}, err
	}
	defer j.remove()
	report := Report{Job: job, Recipe: r, Varied: varied(r, runtime.NumCPU()), StartedOn: w.now()}
	err = w.rebuild(ctx, j, &report, expected)
	var f *failure
	switch {
	case errors.As(err, &f):
		report.Reason, report.Diff = f.reason, attest.ClipDiff(f.text)
	case err != nil:
		return Report{}, err
	}
	report.FinishedOn = w.now()
	return report, nil
}

func (w *Worker) now() time.Time { return w.Now().UTC().Truncate(time.Second) }

func (w *Worker) rebuild(ctx context.Context, j *workspace, report *Report, expected Expected) error {
	places, err := j.places(report.Recipe)
	if err != nil {
		return err
	}
	b, err := w.prepare(ctx, j, *report, places)
	if err != nil {
		return err
	}
	if err := checkTools(ctx, b, places[0]); err != nil {
		return err
	}
	for i, p := range places {
		w.Log.Info("building", "job", report.Job.ID, "product", report.Job.Product, "run", p.name)
		if err := b.run(ctx, p); err != nil {
			return err
		}
		found, err := collect(p, report.Recipe.Outputs, int64(report.Recipe.Limits.Disk))
		if err != nil {
			return err
		}
		if i == 1 {
			report.Second = found
			break
		}
		report.First = found
		if err := nextSecond(ctx); err != nil {
			return err
		}
	}
	if err := judge(ctx, w.newDiffer(report.Recipe, j.owner), report, expected); err != nil {
		return err
	}
	if report.Reason != "" {
		return nil
	}
	return w.tasks(ctx, b, places[0], report)
}

// places makes the folders of both runs.
func (j *workspace) places(r recipe.Recipe) ([2]place, error) {
	var out [2]place
	for i, v := range variants() {
		p := place{variant: v, parent: v.folder, base: "source"}
		if r.Path != "" {
			p.parent, p.base = path.Dir(r.Path), path.Base(r.Path)
		}
		if runtime.NumCPU() == 1 {
			p.cpus = 0
		}
		var err error
		if p.tree, err = j.dir(v.name, "tree"); err != nil {
			return out, err
		}
		for _, name := range []string{"home", "home/tmp", "tree/" + p.base} {
			if _, err := j.dir(strings.Split(v.name+"/"+name, "/")...); err != nil {
				return out, err
			}
		}
		p.home = filepath.Join(j.folder, v.name, "home")
		p.etc = filepath.Join(j.folder, v.name, "etc")
		if err := os.Mkdir(p.etc, 0o755); err != nil {
			return out, fmt.Errorf("make a folder for the job: %w", err)
		}
		passwd, group := v.accounts(p.homeInside())
		err = errors.Join(os.WriteFile(filepath.Join(p.etc, "passwd"), []byte(passwd), 0o644), os.WriteFile(filepath.Join(p.etc, "group"), []byte(group), 0o644))
		if err != nil {
			return out, fmt.Errorf("write a file for the job: %w", err)
		}
		out[i] = p
	}
	return out, nil
}

// prepare is the fetch phase.
func (w *Worker) prepare(ctx context.Context, j *workspace, report Report, places [2]place) (build, error) {
	b := build{recipe: report.Recipe, extra: w.Tools, path: w.path(), owner: j.owner}
	c, err := w.newCheckout(j, report.Job, report.Recipe)
	if err != nil {
		return build{}, err
	}
	w.Log.Info("fetching", "job", report.Job.ID, "source", report.Job.SourceURI, "commit", report.Job.Commit)
	epoch, err := c.run(ctx, []string{places[0].source(), places[1].source()})
	if err != nil {
		return build{}, err
	}
	if b.epoch, err = report.Recipe.Epoch(epoch); err != nil {
		return build{}, err
	}
	if b.root, err = w.rootFolder(ctx, j, report.Recipe); err != nil {
		return build{}, err
	}
	if b.inputs, err = w.fetchInputs(ctx, j, report.Recipe); err != nil {
		return build{}, err
	}
	b.modules, err = w.fetchModules(ctx, j, b, places[0].source())
	return b, err
}

// checkTools asks for what the recipe says must be there. Another compiler makes other
// files, and that would look like a tampered artifact.
func checkTools(ctx context.Context, b build, p place) error {
	for _, t := range b.recipe.Root.Tools {
		s := b.spec(p, t.Command)
		s.Limits.Time = min(s.Limits.Time, toolTime)
		r, err := sandbox.Run(ctx, s)
		if err := ended(attest.RebuildBuildFailed, strings.Join(t.Command, " "), r, err); err != nil {
			return err
		}
		if !strings.Contains(r.Output, t.Prints) {
			return failed(attest.RebuildBuildFailed, "this rebuilder has other tools than the recipe asks for: %s prints %.200q, want %q", strings.Join(t.Command, " "), strings.TrimSpace(r.Output), t.Prints)
		}
	}
	return nil
}

func (b build) run(ctx context.Context, p place) error {
	r, err := sandbox.Run(ctx, b.spec(p, b.recipe.Command))
	return ended(attest.RebuildBuildFailed, "the "+p.name+" run", r, err)
}

// nextSecond waits until the clock shows another second: who embeds the time gets two.
func nextSecond(ctx context.Context) error {
	now := time.Now()
	t := time.NewTimer(now.Truncate(time.Second).Add(time.Second + time.Millisecond).Sub(now))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// judge compares the runs with each other and with the artifact.
func judge(ctx context.Context, d *differ, report *Report, expected Expected) error {
	a, b := report.First, report.Second
	for i := range a {
		if a[i].SHA256 == report.Job.SHA256 && b[i].SHA256 == report.Job.SHA256 {
			report.Artifact = a[i]
			return nil
		}
	}
	report.Reason = attest.RebuildMismatch
	differs := func(i int) bool { return a[i].SHA256 != b[i].SHA256 || a[i].Name != b[i].Name }
	var text strings.Builder
	fmt.Fprintf(&text, "the artifact is %s\n", report.Job.SHA256) // at the top: a long diff is cut
	for i := range a {
		if !differs(i) {
			fmt.Fprintf(&text, "%s: both runs give %s (%d bytes)\n", a[i].Name, a[i].SHA256, a[i].Size)
			continue
		}
		report.Reason = attest.RebuildUnreproducible
		fmt.Fprintf(&text, "%s: the runs differ: %s (%d bytes) and %s (%d bytes)\n", a[i].Name, a[i].SHA256, a[i].Size, b[i].SHA256, b[i].Size)
		diff, err := d.diff(ctx, a[i].file, b[i].file)
		if err != nil {
			return err
		}
		text.WriteString(diff)
	}
	if i := closest(a, expected.File); report.Reason == attest.RebuildMismatch && i >= 0 {
		fmt.Fprintf(&text, "%s against the artifact:\n", a[i].Name)
		diff, err := d.diffExpected(ctx, a[i].file, expected.File)
		if err != nil {
			return err
		}
		text.WriteString(diff)
	}
	report.Diff = attest.ClipDiff(text.String())
	return nil
}

// closest is the output that the artifact should have been: the one of its name, or the
// only one.
func closest(outputs []Output, file string) int {
	if file == "" {
		return -1
	}
	i := slices.IndexFunc(outputs, func(o Output) bool { return path.Base(o.Name) == filepath.Base(file) })
	if i < 0 && len(outputs) == 1 {
		return 0
	}
	return i
}
