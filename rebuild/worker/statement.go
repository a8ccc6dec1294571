package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/rebuild/recipe"
)

// BuildType is that of a rebuilder's provenance: what this package documents.
const BuildType = "https://github.com/hallmark-pki/hallmark/rebuild/v1"

// Predicate types of tasks' statements (in-toto attestation framework, spec/predicates).
const (
	TestResultType = "https://in-toto.io/attestation/test-result/v0.1"
	VulnsType      = "https://in-toto.io/attestation/vulns/v0.2"
	SPDXType       = "https://spdx.dev/Document"
	CycloneDXType  = "https://cyclonedx.org/bom"
)

// Statements writes a report down: the outcome first, then one for each task that has
// something to say.
func (w *Worker) Statements(r Report) ([]attest.Statement, error) {
	first, err := w.outcome(r)
	if err != nil {
		return nil, fmt.Errorf("write the outcome: %w", err)
	}
	out := []attest.Statement{first}
	for _, t := range r.Tasks {
		s, ok, err := r.taskStatement(t)
		if err != nil {
			return nil, fmt.Errorf("write the statement of task %s: %w", t.Task.Name, err)
		}
		if ok {
			out = append(out, s)
		}
	}
	return out, nil
}

// Sign makes envelopes of a report's statements.
func (w *Worker) Sign(ctx context.Context, r Report) ([][]byte, error) {
	statements, err := w.Statements(r)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for _, s := range statements {
		envelope, err := attest.SignStatement(ctx, s, w.Key)
		if err != nil {
			return nil, err
		}
		out = append(out, envelope)
	}
	return out, nil
}

func (r Report) subject() attest.Subject {
	name := r.Job.Product
	if r.Artifact.Name != "" {
		name = path.Base(r.Artifact.Name)
	}
	return attest.Subject{Name: name, Digest: map[string]string{"sha256": r.Job.SHA256}}
}

func (r Report) source() attest.ResourceDescriptor {
	return attest.ResourceDescriptor{URI: r.Job.SourceURI, Digest: map[string]string{"gitCommit": r.Job.Commit}}
}

func (r Report) recipe() attest.ResourceDescriptor {
	return attest.ResourceDescriptor{Name: "recipe", Digest: map[string]string{"sha256": recipe.Digest(r.Job.Recipe)}}
}

func (w *Worker) outcome(r Report) (attest.Statement, error) {
	if r.Reason == "" {
		return w.provenance(r)
	}
	f := attest.RebuildFailure{
		Subject: r.subject(), Rebuilder: w.ID, Job: r.Job.ID, Source: r.source(), Recipe: recipe.Digest(r.Job.Recipe), Reason: r.Reason,
		Diff: r.Diff, StartedOn: r.StartedOn, FinishedOn: r.FinishedOn,
	}
	for i, o := range r.First {
		if r.Reason == attest.RebuildMismatch || len(r.Second) == 0 {
			f.Got = append(f.Got, o.descriptor(""))
		} else {
			f.Got = append(f.Got, o.descriptor("first/"), r.Second[i].descriptor("second/"))
		}
	}
	return attest.NewRebuildFailure(f)
}

func (o Output) descriptor(run string) attest.ResourceDescriptor {
	return attest.ResourceDescriptor{Name: run + strings.TrimPrefix(o.Name, "../"), Digest: map[string]string{"sha256": o.SHA256}}
}

func (w *Worker) provenance(r Report) (attest.Statement, error) {
	external, err := json.Marshal(map[string]any{"product": r.Job.Product, "recipe": r.recipe()})
	if err != nil {
		return attest.Statement{}, err
	}
	internal, err := json.Marshal(map[string]any{"hallmarkJob": r.Job.ID, "runs": 2, "varied": r.Varied})
	if err != nil {
		return attest.Statement{}, err
	}
	dependencies := []attest.ResourceDescriptor{r.recipe()}
	if !r.Recipe.Root.Host {
		dependencies = append(dependencies, attest.ResourceDescriptor{Name: "root", URI: r.Recipe.Root.URL, Digest: map[string]string{"sha256": r.Recipe.Root.SHA256}})
	}
	for _, f := range r.Recipe.Fetch.Files {
		dependencies = append(dependencies, attest.ResourceDescriptor{Name: f.Path, URI: f.URL, Digest: map[string]string{"sha256": f.SHA256}})
	}
	return attest.NewProvenanceV1(attest.Build{
		Subjects: []attest.Subject{r.subject()}, BuilderID: w.ID, BuildType: BuildType, Source: r.source(),
		ExternalParameters: external, InternalParameters: internal, Dependencies: dependencies,
		InvocationID: r.Job.ID, StartedOn: r.StartedOn, FinishedOn: r.FinishedOn,
	})
}

// testResult is the predicate of test-result v0.1.
type testResult struct {
	Result        string                      `json:"result"`
	Configuration []attest.ResourceDescriptor `json:"configuration"`
	PassedTests   []string                    `json:"passedTests,omitempty"`
	FailedTests   []string                    `json:"failedTests,omitempty"`
}

func (r Report) taskStatement(t TaskReport) (s attest.Statement, ok bool, err error) {
	kind := map[recipe.Statement]string{recipe.Vulns: VulnsType, recipe.SPDX: SPDXType, recipe.CycloneDX: CycloneDXType}[t.Task.Statement]
	if kind != "" {
		if !t.Passed {
			return attest.Statement{}, false, nil // no report is no statement: who requires one does not get it
		}
		s, err = attest.NewStatement([]attest.Subject{r.subject()}, kind, t.Predicate)
		return s, true, err
	}
	result := testResult{Result: "FAILED", Configuration: []attest.ResourceDescriptor{r.recipe(), r.source()}, PassedTests: t.PassedTests, FailedTests: t.FailedTests}
	if t.Passed {
		result.Result = "PASSED"
	}
	switch {
	case t.Passed && len(t.PassedTests) == 0:
		result.PassedTests = []string{t.Task.Name}
	case !t.Passed && len(t.FailedTests) == 0:
		result.FailedTests = []string{t.Task.Name}
	}
	s, err = attest.NewStatement([]attest.Subject{r.subject()}, TestResultType, result)
	return s, true, err
}
