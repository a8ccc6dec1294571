package worker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/rebuild/recipe"
	"github.com/hallmark-pki/hallmark/rebuild/sandbox"
)

// TaskReport is what came of a task.
type TaskReport struct {
	Task recipe.Task
	// Passed says for tests whether they did, for others whether there is a report.
	Passed bool
	// PassedTests and FailedTests are the names, where the task printed them.
	PassedTests, FailedTests []string
	Predicate                json.RawMessage // of the other kinds
	Log                      string          // the end of what it printed, or why there is no report
	StartedOn, FinishedOn    time.Time
}

// tasks does what the job asks for, in the tree of the first run. A task that fails is a
// report, not an error.
func (w *Worker) tasks(ctx context.Context, b build, p place, report *Report) error {
	for _, t := range report.Recipe.Tasks {
		if report.Job.Tasks != nil && !slices.Contains(report.Job.Tasks, t.Name) {
			continue
		}
		w.Log.Info("task", "job", report.Job.ID, "product", report.Job.Product, "task", t.Name)
		done, err := w.task(ctx, b, p, t)
		if err != nil {
			return err
		}
		report.Tasks = append(report.Tasks, done)
	}
	return nil
}

func (w *Worker) task(ctx context.Context, b build, p place, t recipe.Task) (TaskReport, error) {
	report := TaskReport{Task: t, StartedOn: w.now()}
	spec := b.spec(p, t.Command)
	var printed capped
	if t.Statement == recipe.TestResult {
		spec.Stdout = &printed
	}
	result, err := sandbox.Run(ctx, spec)
	report.FinishedOn = w.now()
	bad := ended(attest.RebuildBuildFailed, t.Name, result, err)
	var f *failure
	if bad != nil && !errors.As(bad, &f) {
		return TaskReport{}, bad
	}
	if f != nil {
		report.Log = f.text
	}
	if t.Statement == recipe.TestResult {
		report.Passed = f == nil
		report.PassedTests, report.FailedTests = goTests(printed.Bytes())
		if len(report.FailedTests) > 0 {
			report.Passed = false // whatever the exit code says
		}
		return report, nil
	}
	if f != nil {
		return report, nil
	}
	if report.Predicate, err = readReport(p, t, report.StartedOn, report.FinishedOn); err != nil {
		report.Log = err.Error()
		return report, nil
	}
	report.Passed = true
	return report, nil
}

// capped keeps the beginning of what is written to it.
type capped struct{ bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	c.Buffer.Write(p[:min(len(p), maxTestOutput-c.Len())])
	return len(p), nil
}

// goTests reads the events that 'go test -json' prints (go doc test2json). Other lines
// are passed over. Subtests count with their test.
func goTests(output []byte) (passed, failed []string) {
	names := 0
	s := bufio.NewScanner(bytes.NewReader(output))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var e struct{ Action, Package, Test string }
		if !bytes.HasPrefix(s.Bytes(), []byte("{")) || json.Unmarshal(s.Bytes(), &e) != nil || e.Package == "" || strings.Contains(e.Test, "/") {
			continue
		}
		name := e.Package
		if e.Test != "" {
			name += "." + e.Test
		}
		if names += len(name); names > maxTestNameBytes || len(passed)+len(failed) >= maxTestNames {
			return passed, failed
		}
		switch e.Action {
		case "pass":
			passed = append(passed, name)
		case "fail", "build-fail":
			failed = append(failed, name)
		}
	}
	return passed, failed
}

// readReport takes the JSON object that a task left, if it is one of the kind.
func readReport(p place, t recipe.Task, started, finished time.Time) (json.RawMessage, error) {
	root, err := os.OpenRoot(p.tree)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	name, err := find(root, filepath.ToSlash(filepath.Join(p.base, t.Report)))
	if err == nil {
		_, err = digest(root, name, maxReport)
	}
	if err != nil {
		return nil, fmt.Errorf("report %s: %w", t.Report, err)
	}
	file, err := root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("report %s: %w", t.Report, err)
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, maxReport+1))
	if err != nil {
		return nil, fmt.Errorf("report %s: %w", t.Report, err)
	}
	return predicate(t.Statement, raw, started, finished)
}

// predicate checks that a report is what its task says, as far as its first look goes;
// whoever relies on it reads the rest.
func predicate(kind recipe.Statement, raw []byte, started, finished time.Time) (json.RawMessage, error) {
	if err := attest.CheckJSON(raw, maxReport, attest.MaxDepth); err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
		return nil, errors.New("the report is not a JSON object")
	}
	text := func(name string) (s string) { _ = json.Unmarshal(fields[name], &s); return s }
	switch kind {
	case recipe.SPDX:
		if !strings.HasPrefix(text("spdxVersion"), "SPDX-") {
			return nil, errors.New("the report has no spdxVersion")
		}
	case recipe.CycloneDX:
		if text("bomFormat") != "CycloneDX" {
			return nil, errors.New("the report has another bomFormat than CycloneDX")
		}
	case recipe.Vulns:
		var scanner struct{ URI string }
		if json.Unmarshal(fields["scanner"], &scanner) != nil || scanner.URI == "" {
			return nil, errors.New("the report has no scanner.uri")
		}
		if fields["metadata"] == nil {
			// A command in the sandbox has a clock, but no reason to be trusted with it.
			fields["metadata"], _ = json.Marshal(map[string]time.Time{"scanStartedOn": started, "scanFinishedOn": finished})
			return json.Marshal(fields)
		}
	}
	return raw, nil
}
