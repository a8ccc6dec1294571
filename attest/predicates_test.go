package attest

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// predicateSample reads a statement of testdata/predicates, after a change to its predicate.
func predicateSample(t testing.TB, name string, change func(predicate map[string]any)) Statement {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "predicates", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseStatement(raw)
	if err != nil {
		t.Fatal(err)
	}
	if change == nil {
		return s
	}
	var p map[string]any
	if err := json.Unmarshal(s.Predicate, &p); err != nil {
		t.Fatal(err)
	}
	change(p)
	if s.Predicate, err = json.Marshal(p); err != nil {
		t.Fatal(err)
	}
	return s
}

var (
	sampleCommit = "0123456789abcdef0123456789abcdef01234567"
	sampleTree   = "fedcba9876543210fedcba9876543210fedcba98"
	sampleTime   = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
)

// parsed is what one of the parsers makes of a statement.
func parsed(s Statement) (any, error) {
	switch {
	case IsProvenance(s.PredicateType):
		return ParseProvenance(s)
	case IsSBOM(s.PredicateType):
		return ParseSBOM(s)
	case IsReview(s.PredicateType):
		return ParseReview(s)
	case IsSourceProvenance(s.PredicateType):
		return ParseSourceProvenance(s)
	case s.PredicateType == LinkV03:
		return ParseLink(s)
	case s.PredicateType == VulnsV01, s.PredicateType == VulnsV02:
		return ParseVulns(s)
	}
	return ParseTestResult(s)
}

func TestPredicates(t *testing.T) {
	library := Component{Name: "libz", Version: "1.3", PURL: "pkg:deb/debian/zlib1g@1.3", Digest: map[string]string{"sha256": strings.Repeat("ef", 32)}, Licenses: []string{"Zlib"}}
	inCycloneDX := library
	inCycloneDX.PURL, inCycloneDX.Digest, inCycloneDX.Licenses = "pkg:generic/zlib@1.3", map[string]string{"sha-256": strings.Repeat("ef", 32)}, []string{"Zlib", "MIT OR Apache-2.0"}
	source := SourceProvenance{Repository: "https://git.example.com/vendor/app", Branch: "refs/heads/main", Previous: sampleTree, Activity: "pr_merge", Actor: "ada",
		CreatedOn: sampleTime.Add(-time.Hour), Controls: map[string]time.Time{}}
	withControls := source
	withControls.Controls = map[string]time.Time{"CONTINUITY_ENFORCED": time.Date(2026, 1, 26, 2, 23, 18, 106e6, time.UTC), ControlReview: time.Date(2026, 1, 26, 2, 23, 18, 0, time.UTC)}
	app := ResourceDescriptor{URI: "git+https://git.example.com/vendor/app@refs/heads/main", Digest: map[string]string{"sha1": sampleCommit}}
	for name, want := range map[string]any{
		"test-result": TestResult{Result: Passed, Configuration: []ResourceDescriptor{{URI: "https://git.example.com/app/Makefile", Digest: map[string]string{"gitBlob": sampleCommit}}},
			URL: "https://ci.example.com/1", PassedTests: []string{"unit"}},
		"vulns-v02": Vulns{Scanner: "pkg:github/example/scanner@1", ScannerVersion: "1.0", DatabaseURI: "https://db.example.com", DatabaseDate: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC),
			Findings: []Vuln{{ID: "CVE-2026-1", Severities: map[string]string{"nvd": "7.5", "cvss_score": "5.25"}}}, StartedOn: sampleTime, FinishedOn: sampleTime.Add(time.Minute)},
		"vulns-none": Vulns{Scanner: "osv.dev", FinishedOn: sampleTime.Add(time.Minute)},
		"link": Link{Name: "package", Command: []string{"tar", "cf", "app.tar", "app"}, Materials: []ResourceDescriptor{{Name: "app.c", Digest: map[string]string{"sha256": strings.Repeat("cd", 32)}}},
			ByProducts: json.RawMessage(`{"return-value": 0}`), Environment: json.RawMessage(`{}`)},
		"spdx":                     SBOM{Format: "SPDX", Version: "2.3", Name: "app", CreatedOn: sampleTime, Components: []Component{library}},
		"cyclonedx":                SBOM{Format: "CycloneDX", Version: "1.6", Name: "app", CreatedOn: sampleTime, Components: []Component{inCycloneDX, {Name: "inner"}}},
		"gittuf-authorization-v02": Review{TargetRef: "refs/heads/main", From: strings.Repeat("0", 40), Target: sampleTree},
		"gittuf-authorization-v01": Review{TargetRef: "refs/heads/main", From: sampleCommit, Target: sampleTree},
		"gittuf-approval":          Review{TargetRef: "refs/heads/main", From: sampleCommit, Target: sampleTree, Approvers: []string{"+100", "+200"}},
		"source-tool":              withControls,
		"source-tool-draft":        source,
		"provenance-v01": Provenance{Version: "0.1", BuilderID: "https://builder.example.com/1", BuildType: "https://builder.example.com/make", Subjects: []Subject{{Name: "app", Digest: map[string]string{"sha256": strings.Repeat("ab", 32)}}},
			Sources: []ResourceDescriptor{app}, EntryPoint: "Makefile:all", Dependencies: []ResourceDescriptor{app, {URI: "pkg:docker/debian", Digest: map[string]string{"sha256": strings.Repeat("cd", 32)}}},
			ExternalParameters: json.RawMessage(`{"target": "x"}`), InternalParameters: json.RawMessage(`{"HOME": "/"}`), InvocationID: "7",
			Completeness: Completeness{Parameters: true, Materials: true}, ReproducibleStated: true},
	} {
		got, err := parsed(predicateSample(t, name, nil))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.Transformer("compact", func(r json.RawMessage) string { return strings.Join(strings.Fields(string(r)), "") })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestPredicatesRefused breaks one field at a time.
func TestPredicatesRefused(t *testing.T) {
	set := func(path string, v any) func(map[string]any) {
		return func(p map[string]any) {
			names := strings.Split(path, ".")
			for _, n := range names[:len(names)-1] {
				p = p[n].(map[string]any)
			}
			if v == nil {
				delete(p, names[len(names)-1])
			} else {
				p[names[len(names)-1]] = v
			}
		}
	}
	long := strings.Repeat("x", maxString+1)
	many := make([]any, maxVulns+1)
	for i := range many {
		many[i] = map[string]any{"id": "CVE"}
	}
	for name, c := range map[string]struct {
		from, path string
		to         any
		field      string
	}{
		"no result":                  {"test-result", "result", nil, "predicate.result"},
		"another result":             {"test-result", "result", "passed", "predicate.result"},
		"passed with failures":       {"test-result", "failedTests", []any{"unit"}, "predicate.failedTests"},
		"a test that is no text":     {"test-result", "passedTests", []any{1}, "predicate.passedTests"},
		"a long test name":           {"test-result", "passedTests", []any{long}, "predicate.passedTests"},
		"no scanner":                 {"vulns-v02", "scanner.uri", nil, "predicate.scanner.uri"},
		"no list of findings":        {"vulns-v02", "scanner.result", nil, "predicate.scanner.result"},
		"findings that are no list":  {"vulns-v02", "scanner.result", "none", "predicate.scanner.result"},
		"a finding without id":       {"vulns-v02", "scanner.result", []any{map[string]any{}}, "predicate.scanner.result.id"},
		"too many findings":          {"vulns-v02", "scanner.result", many, "predicate.scanner.result"},
		"no time of the scan":        {"vulns-v02", "metadata.scanFinishedOn", nil, "predicate.metadata.scanFinishedOn"},
		"a time that is none":        {"vulns-v02", "metadata.scanFinishedOn", "today", "predicate.metadata.scanFinishedOn"},
		"no step":                    {"link", "name", nil, "predicate.name"},
		"a command that is no list":  {"link", "command", "tar", "predicate.command"},
		"SPDX 3":                     {"spdx", "spdxVersion", "SPDX-3.0", "predicate.spdxVersion"},
		"a package without name":     {"spdx", "packages", []any{map[string]any{}}, "predicate.packages.name"},
		"another format":             {"cyclonedx", "bomFormat", "SPDX", "predicate.bomFormat"},
		"CycloneDX 2":                {"cyclonedx", "specVersion", "2.0", "predicate.specVersion"},
		"a component without name":   {"cyclonedx", "components", []any{map[string]any{"name": "a", "components": []any{map[string]any{}}}}, "predicate.components.name"},
		"no ref":                     {"gittuf-authorization-v02", "targetRef", nil, "predicate.targetRef"},
		"no target":                  {"gittuf-authorization-v02", "targetID", nil, "predicate.targetID"},
		"another target":             {"gittuf-authorization-v02", "targetID", sampleCommit, "predicate.targetID"},
		"no approver":                {"gittuf-approval", "approvers", []any{}, "predicate.approvers"},
		"all approvers dismissed":    {"gittuf-approval", "dismissedApprovers", []any{"a+100", "b+200", "c+300"}, "predicate.approvers"},
		"no repository":              {"source-tool", "repoUri", nil, "predicate"},
		"no branch":                  {"source-tool", "branch", nil, "predicate"},
		"no time of the change":      {"source-tool", "createdOn", nil, "predicate"},
		"both spellings":             {"source-tool", "repo_uri", "https://evil.example.com", "predicate.repo_uri"},
		"a control without name":     {"source-tool", "controls", []any{map[string]any{}}, "predicate.controls.name"},
		"a material that is not one": {"provenance-v01", "recipe.definedInMaterial", 2, "predicate.recipe.definedInMaterial"},
		"a negative material":        {"provenance-v01", "recipe.definedInMaterial", -1, "predicate.recipe.definedInMaterial"},
		"no recipe type":             {"provenance-v01", "recipe.type", nil, "predicate.recipe.type"},
	} {
		s := predicateSample(t, c.from, set(c.path, c.to))
		_, err := parsed(s)
		var e *Error
		if !errors.As(err, &e) || e.Reason != BadPredicate || e.Field != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, parse := range map[string]func(Statement) error{
		"provenance": func(s Statement) error { _, err := ParseProvenance(s); return err }, "test result": func(s Statement) error { _, err := ParseTestResult(s); return err },
		"vulns": func(s Statement) error { _, err := ParseVulns(s); return err }, "link": func(s Statement) error { _, err := ParseLink(s); return err },
		"SBOM": func(s Statement) error { _, err := ParseSBOM(s); return err }, "review": func(s Statement) error { _, err := ParseReview(s); return err },
		"source": func(s Statement) error { _, err := ParseSourceProvenance(s); return err },
	} {
		s := predicateSample(t, "test-result", nil)
		s.PredicateType = "https://example.com/unknown"
		if err := parse(s); !Is(err, WrongType) {
			t.Errorf("%s of another type: %v", name, err)
		}
	}
}

// FuzzParsePredicates: two readings are the same, an error comes alone, and what is
// read keeps the promises of its type.
func FuzzParsePredicates(f *testing.F) {
	seeds(f, "predicates")
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := ParseStatement(raw)
		if err != nil {
			return
		}
		got, err := parsed(s)
		again, errAgain := parsed(s)
		if diff := cmp.Diff(got, again); diff != "" || (err == nil) != (errAgain == nil) {
			t.Fatal("two readings differ", diff)
		}
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("an error without a reason: %v", err)
			}
			return
		}
		switch v := got.(type) {
		case TestResult:
			if v.Result != Failed && len(v.FailedTests) > 0 {
				t.Fatal("passed and failed")
			}
		case Vulns:
			if v.Scanner == "" || v.FinishedOn.IsZero() {
				t.Fatalf("%+v", v)
			}
		case SBOM:
			for _, c := range v.Components {
				if c.Name == "" || len(v.Components) > MaxDescriptors {
					t.Fatalf("%+v", c)
				}
			}
		case Review:
			if v.TargetRef == "" || !s.names(v.Target) || s.PredicateType == PullRequestApprovalV01 && len(v.Approvers) == 0 {
				t.Fatalf("%+v", v)
			}
		case SourceProvenance:
			if v.Repository == "" || v.Branch == "" || v.CreatedOn.IsZero() {
				t.Fatalf("%+v", v)
			}
		case Link:
			if v.Name == "" {
				t.Fatal("a link without step")
			}
		}
	})
}
