package attest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	commit = strings.Repeat("c0", 20)
	noon   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func statement(t testing.TB, predicateType, predicate string) Statement {
	t.Helper()
	s, err := NewStatement([]Subject{{Name: "tool", Digest: map[string]string{"sha256": digest}}}, predicateType, json.RawMessage(predicate))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const provenance02 = `{
 "builder":{"id":"https://builder.example.com/1"},"buildType":"https://example.com/make@v1",
 "invocation":{"configSource":{"uri":"git+https://example.com/org/repo@refs/heads/main","digest":{"sha1":"COMMIT"},"entryPoint":"build.yml"},
   "parameters":{"a":"b"},"environment":{"PATH":"1","Path":"2"}},
 "buildConfig":{"steps":[]},
 "metadata":{"buildInvocationId":"17","buildStartedOn":"2026-03-01T12:00:00Z","buildFinishedOn":"2026-03-01T13:00:00+01:00",
   "completeness":{"parameters":true,"environment":false,"materials":true},"reproducible":true},
 "materials":[{"uri":"git+https://example.com/org/repo@refs/heads/main","digest":{"sha1":"COMMIT"}},{"uri":"pkg:deb/gcc@12"}]}`

func TestProvenanceV02(t *testing.T) {
	p, err := ParseProvenance(statement(t, ProvenanceV02, strings.ReplaceAll(provenance02, "COMMIT", commit)))
	if err != nil {
		t.Fatal(err)
	}
	src := ResourceDescriptor{URI: "git+https://example.com/org/repo@refs/heads/main", Digest: map[string]string{"sha1": commit}}
	want := Provenance{
		Version: "0.2", BuilderID: "https://builder.example.com/1", BuildType: "https://example.com/make@v1",
		Subjects: []Subject{{Name: "tool", Digest: map[string]string{"sha256": digest}}},
		Sources:  []ResourceDescriptor{src}, EntryPoint: "build.yml",
		Dependencies:       []ResourceDescriptor{src, {URI: "pkg:deb/gcc@12"}},
		ExternalParameters: json.RawMessage(`{"a":"b"}`), InternalParameters: json.RawMessage(`{"PATH":"1","Path":"2"}`),
		BuildConfig: json.RawMessage(`{"steps":[]}`), InvocationID: "17", StartedOn: noon, FinishedOn: noon,
		Completeness: Completeness{Parameters: true, Materials: true}, Reproducible: true, ReproducibleStated: true,
	}
	if d := cmp.Diff(want, p); d != "" {
		t.Error(d)
	}
}

// The ways in which public build types name their source.
func TestSourceV1(t *testing.T) {
	const repo = "git+https://example.com/org/repo"
	dep := `{"uri":"` + repo + `@refs/heads/main","digest":{"gitCommit":"` + commit + `"}}`
	other := `{"uri":"git+https://evil.example/x","digest":{"gitCommit":"` + strings.Repeat("ee", 20) + `"}}`
	git := map[string]string{"gitCommit": commit}
	main := ResourceDescriptor{URI: repo + "@refs/heads/main", Digest: git}
	cases := map[string]struct {
		external, deps string
		want           []ResourceDescriptor
		entry          string
	}{
		"descriptor": {`{"source":` + dep + `,"configPath":"a.toml"}`, `[]`, []ResourceDescriptor{main}, "a.toml"},
		"text":       {`{"source":"` + repo + `@refs/heads/main"}`, `[` + other + `,` + dep + `]`, []ResourceDescriptor{main}, ""},
		"workflow": {`{"workflow":{"repository":"https://example.com/org/repo","ref":"refs/heads/main","path":".ci/b.yml"}}`,
			`[` + other + `,` + dep + `]`, []ResourceDescriptor{main}, ".ci/b.yml"},
		"build config": {`{"buildConfigSource":{"repository":"https://example.com/org/repo","ref":"refs/heads/main","path":"b.yaml"}}`,
			`[` + dep + `]`, []ResourceDescriptor{main}, "b.yaml"},
		"other spelling of the repository": {`{"source":"` + repo + `.git"}`, `[` + other + `,` + dep + `]`,
			[]ResourceDescriptor{{URI: repo + ".git", Digest: git}}, ""},
		"another branch's commit": {`{"source":"` + repo + `@refs/heads/release"}`, `[` + dep + `]`,
			[]ResourceDescriptor{{URI: repo + "@refs/heads/release"}}, ""},
		"source without a dependency": {`{"source":"` + repo + `"}`, `[` + other + `]`, []ResourceDescriptor{{URI: repo}}, ""},
		"a shape of its own":          {`{"source":["x"],"workflow":"y"}`, `[` + dep + `,{"uri":"pkg:deb/gcc@12"}]`, []ResourceDescriptor{main}, ""},
		"no parameters":               {`{}`, `[` + dep + `,` + other + `]`, []ResourceDescriptor{main, {URI: "git+https://evil.example/x", Digest: map[string]string{"gitCommit": strings.Repeat("ee", 20)}}}, ""},
		"nothing":                     {`{}`, `[]`, nil, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := ParseProvenance(statement(t, ProvenanceV1, `{"buildDefinition":{"buildType":"t","externalParameters":`+c.external+
				`,"resolvedDependencies":`+c.deps+`},"runDetails":{"builder":{"id":"b"}}}`))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, p.Sources); d != "" {
				t.Error(d)
			}
			if p.EntryPoint != c.entry {
				t.Errorf("entry point %q, want %q", p.EntryPoint, c.entry)
			}
		})
	}
}

func TestSplitSource(t *testing.T) {
	for in, want := range map[string][2]string{
		"git+https://example.com/org/repo@refs/heads/main":   {"https://example.com/org/repo", "refs/heads/main"},
		"https://Example.com/org/repo.git":                   {"https://example.com/org/repo", ""},
		"https://example.com/org/repo/":                      {"https://example.com/org/repo", ""},
		"ssh://git@example.com/org/repo.git@v1":              {"ssh://git@example.com/org/repo", "v1"},
		"pkg:deb/gcc@12":                                     {"pkg:deb/gcc@12", ""},
		"git+https://example.com/org/repo@feature@2":         {"https://example.com/org/repo", "feature@2"},
		"git+https://example.com/org/repo.git@refs/tags/v.1": {"https://example.com/org/repo", "refs/tags/v.1"},
		"https://example.com/org%2Frepo":                     {"https://example.com/org%2Frepo", ""},
		"https://example.com/org/repo%40main":                {"https://example.com/org/repo%40main", ""},
		"":                                                   {"", ""},
	} {
		repo, ref := SplitSource(in)
		if repo != want[0] || ref != want[1] {
			t.Errorf("%q: %q, %q, want %q", in, repo, ref, want)
		}
	}
}

func TestProvenanceRefused(t *testing.T) {
	v02 := strings.ReplaceAll(provenance02, "COMMIT", commit)
	const v1 = `{"buildDefinition":{"buildType":"t","externalParameters":{},"resolvedDependencies":[]},"runDetails":{"builder":{"id":"b"},"metadata":{"startedOn":"2026-03-01T12:00:00Z"}}}`
	cases := map[string]struct {
		typ, in, old, new string
		want              Reason
	}{
		"other type":           {"https://slsa.dev/provenance/v0.3", v02, "", "", WrongType},
		"draft":                {"https://slsa.dev/provenance/v1.0?draft", v1, "", "", WrongType},
		"v02 no builder":       {ProvenanceV02, v02, `"id":"https://builder.example.com/1"`, ``, BadPredicate},
		"v02 builder a string": {ProvenanceV02, v02, `{"id":"https://builder.example.com/1"}`, `"b"`, BadPredicate},
		"v02 no build type":    {ProvenanceV02, v02, `"buildType"`, `"type"`, BadPredicate},
		"v02 bad time":         {ProvenanceV02, v02, `2026-03-01T12:00:00Z`, `yesterday`, BadPredicate},
		"v02 flag a string":    {ProvenanceV02, v02, `"reproducible":true`, `"reproducible":"true"`, BadPredicate},
		"v02 commit too short": {ProvenanceV02, v02, commit, commit[2:], BadPredicate},
		"v02 empty material":   {ProvenanceV02, v02, `{"uri":"pkg:deb/gcc@12"}`, `{}`, BadPredicate},
		"v02 material null":    {ProvenanceV02, v02, `{"uri":"pkg:deb/gcc@12"}`, `null`, BadPredicate},
		"v02 parameters array": {ProvenanceV02, v02, `{"a":"b"}`, `["a"]`, BadPredicate},
		"v1 no builder":        {ProvenanceV1, v1, `"id":"b"`, `"ID":"b"`, BadPredicate},
		"v1 no run details":    {ProvenanceV1, v1, `"runDetails"`, `"run"`, BadPredicate},
		"v1 build type number": {ProvenanceV1, v1, `"buildType":"t"`, `"buildType":1`, BadPredicate},
		"v1 bad time":          {ProvenanceV1, v1, `2026-03-01T12:00:00Z`, `2026-03-01`, BadPredicate},
		"v1 dependencies":      {ProvenanceV1, v1, `"resolvedDependencies":[]`, `"resolvedDependencies":{}`, BadPredicate},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := ParseProvenance(statement(t, c.typ, strings.Replace(c.in, c.old, c.new, 1)))
			wantReason(t, err, c.want)
		})
	}
	s := Statement{PredicateType: ProvenanceV1, Predicate: json.RawMessage(`{"buildDefinition":{},"buildDefinition":{}}`)}
	_, err := ParseProvenance(s)
	wantReason(t, err, Malformed)
}

func sampleBuild() Build {
	return Build{
		Subjects:  []Subject{{Name: "tool.deb", Digest: map[string]string{"sha256": digest}}},
		BuilderID: "https://builder.example.com/1", BuildType: "https://example.com/make/v1",
		Source:             ResourceDescriptor{URI: "git+https://example.com/org/repo@refs/heads/main", Digest: map[string]string{"gitCommit": commit}},
		ExternalParameters: json.RawMessage(`{"target":"release"}`), InternalParameters: json.RawMessage(`{"go":"1.26"}`),
		Dependencies: []ResourceDescriptor{{Name: "gcc", URI: "pkg:deb/gcc@12", Digest: map[string]string{"sha256": digest}}},
		InvocationID: "https://builder.example.com/runs/17", StartedOn: noon, FinishedOn: noon.Add(time.Minute),
	}
}

func TestNewProvenanceV1(t *testing.T) {
	b := sampleBuild()
	s, err := NewProvenanceV1(b)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParseProvenance(s)
	if err != nil {
		t.Fatal(err)
	}
	want := Provenance{
		Version: "1", BuilderID: b.BuilderID, BuildType: b.BuildType, Subjects: b.Subjects,
		Sources: []ResourceDescriptor{b.Source}, Dependencies: append([]ResourceDescriptor{b.Source}, b.Dependencies...),
		InternalParameters: b.InternalParameters, InvocationID: b.InvocationID, StartedOn: b.StartedOn, FinishedOn: b.FinishedOn,
		ExternalParameters: json.RawMessage(`{"source":{"uri":"git+https://example.com/org/repo@refs/heads/main","digest":{"gitCommit":"` + commit + `"}},"target":"release"}`),
	}
	if d := cmp.Diff(want, p); d != "" {
		t.Error(d)
	}
	for name, change := range map[string]func(*Build){
		"no source":       func(b *Build) { b.Source.URI = "" },
		"no commit":       func(b *Build) { b.Source.Digest = nil },
		"no builder":      func(b *Build) { b.BuilderID = "" },
		"no build type":   func(b *Build) { b.BuildType = "" },
		"no subject":      func(b *Build) { b.Subjects = nil },
		"source twice":    func(b *Build) { b.ExternalParameters = json.RawMessage(`{"source":1}`) },
		"array":           func(b *Build) { b.ExternalParameters = json.RawMessage(`[]`) },
		"null":            func(b *Build) { b.ExternalParameters = json.RawMessage(`null`) },
		"not JSON":        func(b *Build) { b.InternalParameters = json.RawMessage(`{`) },
		"internal array":  func(b *Build) { b.InternalParameters = json.RawMessage(`[]`) },
		"bad digest":      func(b *Build) { b.Subjects[0].Digest = map[string]string{"sha256": "AB"} },
		"dependency bare": func(b *Build) { b.Dependencies = []ResourceDescriptor{{}} },
	} {
		b := sampleBuild()
		change(&b)
		if _, err := NewProvenanceV1(b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func sampleVSA() VSA {
	return VSA{
		Subjects:   []Subject{{Name: "tool.deb", Digest: map[string]string{"sha256": digest}}},
		VerifierID: "https://ca.example.com", VerifierVersions: map[string]string{"hallmark": "0.1"}, TimeVerified: noon,
		ResourceURI: "https://vendor.example.com/tool", Policy: ResourceDescriptor{URI: "https://slsa.dev/spec/v0.1"},
		InputAttestations: []ResourceDescriptor{{URI: "https://att.example.com/1", Digest: map[string]string{"sha256": digest}}},
		Result:            Passed, VerifiedLevels: []string{"SLSA_BUILD_LEVEL_3"}, DependencyLevels: map[string]uint64{"SLSA_BUILD_LEVEL_1": 5}, SLSAVersion: "1.0",
	}
}

func TestVSA(t *testing.T) {
	v := sampleVSA()
	s, err := NewVSA(v)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseVSA(s)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(v, got); d != "" {
		t.Error(d)
	}
	for name, change := range map[string]func(*VSA){
		"no verifier":   func(v *VSA) { v.VerifierID = "" },
		"no time":       func(v *VSA) { v.TimeVerified = time.Time{} },
		"no resource":   func(v *VSA) { v.ResourceURI = "" },
		"no policy":     func(v *VSA) { v.Policy = ResourceDescriptor{} },
		"no result":     func(v *VSA) { v.Result = "" },
		"other result":  func(v *VSA) { v.Result = "passed" },
		"empty level":   func(v *VSA) { v.VerifiedLevels = []string{""} },
		"bad input":     func(v *VSA) { v.InputAttestations = []ResourceDescriptor{{}} },
		"no subject":    func(v *VSA) { v.Subjects = nil },
		"many levels":   func(v *VSA) { v.VerifiedLevels = make([]string, maxLevels+1) },
		"policy digest": func(v *VSA) { v.Policy.Digest = map[string]string{"sha256": "00"} },
	} {
		v := sampleVSA()
		change(&v)
		if _, err := NewVSA(v); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	_, err = ParseVSA(sample(t))
	wantReason(t, err, WrongType)
	for _, bad := range []string{`"5"x`, `-1`, `1.5`, `null`, `{}`} {
		raw := strings.Replace(string(s.Predicate), `"SLSA_BUILD_LEVEL_1":5`, `"SLSA_BUILD_LEVEL_1":`+bad, 1)
		if _, err := ParseVSA(Statement{PredicateType: VSAType, Subject: s.Subject, Predicate: json.RawMessage(raw)}); err == nil {
			t.Errorf("dependency level %s: accepted", bad)
		}
	}
}
