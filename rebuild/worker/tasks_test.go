package worker

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/rebuild/recipe"
)

// TestTasks: after the digest matches, the declared work is done on the built tree, and
// each piece becomes a statement about the artifact.
func TestTasks(t *testing.T) {
	w := newWorld(t)
	commit := w.commit(map[string]string{
		"file":       "x\n",
		"tests":      "#!/bin/sh\ncmp file out || exit 1\necho '{\"Action\":\"pass\",\"Package\":\"a\",\"Test\":\"TestB\"}'\necho noise\n",
		"spdx.json":  `{"spdxVersion": "SPDX-2.3", "packages": [{"licenseConcluded": "MIT"}]}`,
		"bom.json":   `{"bomFormat": "CycloneDX", "specVersion": "1.6"}`,
		"vulns.json": `{"scanner": {"uri": "https://scanner.example.com", "version": "1"}, "result": []}`,
	})
	doc := script(`cp file out`, `outputs: [out]
tasks:
  - {name: tests, command: [./tests], statement: test-result}
  - {name: bad tests, command: [sh, -c, "echo oh; exit 1"], statement: test-result}
  - {name: licences, command: ["true"], statement: spdx, report: spdx.json}
  - {name: parts, command: ["true"], statement: cyclonedx, report: bom.json}
  - {name: holes, command: ["true"], statement: vulns, report: vulns.json}
  - {name: no report, command: ["true"], statement: spdx, report: absent.json}
  - {name: wrong report, command: ["true"], statement: spdx, report: bom.json}
  - {name: failing scan, command: ["false"], statement: vulns, report: vulns.json}
  - {name: report by a link, command: [ln, -s, /etc/passwd, l.json], statement: spdx, report: l.json}
`)
	r := w.rebuild(w.job(commit, doc, sum("x\n")))
	if r.Reason != "" || len(r.Tasks) != 9 {
		t.Fatalf("%s %+v\n%s", r.Reason, r.Tasks, r.Diff)
	}
	var types []string
	statements := w.statements(r)
	for _, s := range statements {
		types = append(types, s.PredicateType)
	}
	if d := cmp.Diff([]string{attest.ProvenanceV1, TestResultType, TestResultType, SPDXType, CycloneDXType, VulnsType}, types); d != "" {
		t.Fatal(d)
	}
	var got testResult
	if err := json.Unmarshal(statements[1].Predicate, &got); err != nil || got.Result != "PASSED" || len(got.PassedTests) != 1 || got.PassedTests[0] != "a.TestB" || len(got.Configuration) != 2 {
		t.Fatalf("%+v %v", got, err)
	}
	got = testResult{}
	if err := json.Unmarshal(statements[2].Predicate, &got); err != nil || got.Result != "FAILED" || got.FailedTests[0] != "bad tests" {
		t.Fatalf("%+v %v", got, err)
	}
	var scan struct {
		Metadata struct{ ScanStartedOn, ScanFinishedOn time.Time }
	}
	if err := json.Unmarshal(statements[5].Predicate, &scan); err != nil || scan.Metadata.ScanFinishedOn.Before(r.StartedOn) {
		t.Fatalf("%s %v", statements[5].Predicate, err)
	}
	for i, want := range map[int]string{5: "no such file", 6: "spdxVersion", 7: "exit code 1", 8: "symbolic link"} {
		if r.Tasks[i].Passed || !strings.Contains(r.Tasks[i].Log, want) {
			t.Errorf("task %s: %q, want %q", r.Tasks[i].Task.Name, r.Tasks[i].Log, want)
		}
	}
}

// TestChosenTasks: a job may ask for some of them, and for none where nothing matches.
func TestChosenTasks(t *testing.T) {
	w := newWorld(t)
	commit := w.commit(map[string]string{"file": "x\n"})
	doc := script(`cp file out`, "outputs: [out]\ntasks: [{name: a, command: [\"true\"], statement: test-result}, {name: b, command: [\"true\"], statement: test-result}]\n")
	j := w.job(commit, doc, sum("x\n"))
	j.Tasks = []string{"b"}
	if r := w.rebuild(j); len(r.Tasks) != 1 || r.Tasks[0].Task.Name != "b" {
		t.Fatalf("%+v", r.Tasks)
	}
	j.SHA256 = sum("y\n")
	if r := w.rebuild(j); len(r.Tasks) != 0 || len(w.statements(r)) != 1 {
		t.Fatalf("%+v", r.Tasks)
	}
}

func TestPredicate(t *testing.T) {
	now := time.Unix(1793534400, 0).UTC()
	for name, c := range map[string]struct {
		kind recipe.Statement
		raw  string
		ok   bool
	}{
		"spdx":                {recipe.SPDX, `{"spdxVersion":"SPDX-2.3"}`, true},
		"spdx of no version":  {recipe.SPDX, `{"spdxVersion":2}`, false},
		"cyclonedx":           {recipe.CycloneDX, `{"bomFormat":"CycloneDX"}`, true},
		"other format":        {recipe.CycloneDX, `{"bomFormat":"cyclonedx"}`, false},
		"vulns":               {recipe.Vulns, `{"scanner":{"uri":"https://s.example"},"metadata":{"scanStartedOn":"x"}}`, true},
		"vulns of nobody":     {recipe.Vulns, `{"scanner":{},"result":[]}`, false},
		"list":                {recipe.SPDX, `[]`, false},
		"null":                {recipe.SPDX, `null`, false},
		"key twice":           {recipe.SPDX, `{"spdxVersion":"SPDX-2.3","spdxVersion":"SPDX-2.3"}`, false},
		"too deep":            {recipe.SPDX, `{"spdxVersion":"SPDX-2.3","a":` + strings.Repeat("[", 80) + strings.Repeat("]", 80) + `}`, false},
		"something behind it": {recipe.SPDX, `{"spdxVersion":"SPDX-2.3"}{}`, false},
	} {
		if _, err := predicate(c.kind, []byte(c.raw), now, now); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzGoTests: names come from the output alone, stay within bounds, and a pass is never
// read out of something else.
func FuzzGoTests(f *testing.F) {
	f.Add([]byte("{\"Action\":\"pass\",\"Package\":\"a\",\"Test\":\"T\"}\nnoise\n{\"Action\":\"fail\",\"Package\":\"a\"}\n"))
	f.Add([]byte("{\"Action\":\"pass\",\"Package\":\"a\",\"Test\":\"T/sub\"}\n{\"Action\":\"build-fail\",\"Package\":\"b\"}"))
	f.Add([]byte("FAIL\n"))
	f.Fuzz(func(t *testing.T, output []byte) {
		passed, failed := goTests(output)
		if len(passed)+len(failed) > maxTestNames || len(strings.Join(append(passed, failed...), "")) > maxTestNameBytes {
			t.Fatal("a bound was passed over")
		}
		if len(passed) > strings.Count(strings.ToLower(string(output)), "pass") && !strings.Contains(string(output), `\u`) {
			t.Fatal("more passes than were printed")
		}
	})
}
