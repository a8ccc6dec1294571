package gate

import (
	"crypto"
	"crypto/elliptic"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/attest/gitcommit"
	"github.com/hallmark-pki/hallmark/audit"
)

// docket is a case with everything that any level asks: break one thing in it, and see
// which rule notices.
type docket struct {
	*world
	t          testing.TB
	assessment audit.Assessment
	build      Build
	predicate  map[string]any // of the builder's provenance
	kind       string         // its predicate type
	papers     map[string]*paper
	inputs     map[string]*paper // about the inputs of the build
	policy     Policy
	publish    func(*Published) // changes what clients find; nil: nothing does
}

// paper is one statement and who signs it.
type paper struct {
	subject   map[string]string
	kind      string
	predicate map[string]any
	by        []crypto.Signer
}

const (
	scannerID = "https://scanner.example.com/"
	tree      = "fedcba9876543210fedcba9876543210fedcba98"
	imageURI  = "https://mirror.example.com/images/debian"
)

// newDocket makes a case at a level of a framework's track that is granted as it is.
func newDocket(t testing.TB, framework, trackID string, level int) *docket {
	t.Helper()
	w := newWorld(t)
	d := &docket{world: w, t: t, assessment: w.assessment(t), build: w.build(), kind: attest.ProvenanceV02}
	c, err := catalogue()
	must(t, err)
	f, _ := c.Lookup(framework)
	d.assessment.Framework, d.assessment.Level = f.Ref(trackID), level
	key := func() crypto.Signer { return newKey(t, elliptic.P256()) }
	ada, quill, scanner, second, tester := key(), key(), key(), key(), key()
	s := &d.assessment.Scope
	s.Builders[0].Properties = nil
	s.Builders[0].EntryPoints = []string{"Makefile"}
	s.Rebuilders = append(s.Rebuilders, audit.Rebuilder{ID: "https://second.example.com/", Operator: "Second Org", Keys: []string{pemKey(t, second)}})
	s.Origins = []string{"https://mirror.example.com/images"}
	s.Attestors = []audit.Attestor{
		{ID: "ada", Predicates: []string{attest.ReferenceAuthorizationV02}, Keys: []string{pemKey(t, ada)}},
		{ID: "quill", Predicates: []string{attest.ReferenceAuthorizationV02}, Keys: []string{pemKey(t, quill)}},
		{ID: scannerID, Predicates: []string{attest.VulnsV02, attest.VSAType, attest.SourceProvenanceV1, attest.PullRequestApprovalV01, attest.SPDXDocument, attest.CycloneDXBOM}, Keys: []string{pemKey(t, scanner)}},
		{ID: "tester", Predicates: []string{attest.TestResultV01, attest.LinkV03}, Steps: []string{"test"}, Keys: []string{pemKey(t, tester)}},
	}
	d.predicate = map[string]any{
		"builder": map[string]any{"id": builderID}, "buildType": buildType,
		"invocation": map[string]any{"configSource": map[string]any{"uri": sourceURI, "digest": map[string]any{"sha1": commit}, "entryPoint": "Makefile"}, "parameters": map[string]any{}},
		"metadata": map[string]any{"buildInvocationID": "7", "buildStartedOn": "2026-05-04T10:00:00Z", "buildFinishedOn": "2026-05-04T10:05:00Z", "reproducible": true,
			"completeness": map[string]any{"parameters": true, "environment": true, "materials": true}},
		"materials": []any{map[string]any{"uri": sourceURI, "digest": map[string]any{"sha1": commit}}, map[string]any{"uri": imageURI, "digest": map[string]any{"sha256": strings.Repeat("cd", 32)}}},
	}
	artifact, revision := map[string]string{"sha256": d.build.Digest}, map[string]string{"gitCommit": commit}
	rebuild := func(id string, by crypto.Signer) *paper {
		return &paper{artifact, attest.ProvenanceV1, map[string]any{
			"buildDefinition": map[string]any{"buildType": "https://rebuild.example.com/recipe", "externalParameters": map[string]any{},
				"resolvedDependencies": []any{map[string]any{"uri": sourceURI, "digest": map[string]any{"gitCommit": commit}}}},
			"runDetails": map[string]any{"builder": map[string]any{"id": id}, "metadata": map[string]any{"finishedOn": "2026-05-04T11:00:00Z"}},
		}, []crypto.Signer{by}}
	}
	approval := func(by crypto.Signer) *paper {
		return &paper{revision, attest.ReferenceAuthorizationV02, map[string]any{"targetRef": "refs/heads/main", "fromID": tree, "targetID": commit}, []crypto.Signer{by}}
	}
	d.papers = map[string]*paper{
		"rebuild-1": rebuild("https://rebuild.example.com/", w.rebuild), "rebuild-2": rebuild("https://second.example.com/", second),
		"ada": approval(ada), "quill": approval(quill),
		"vulns": {artifact, attest.VulnsV02, map[string]any{"scanner": map[string]any{"uri": "osv.dev", "result": []any{map[string]any{"id": "CVE-2026-1", "severity": []any{map[string]any{"method": "cvss_score", "score": "9.8"}}}}}, "metadata": map[string]any{"scanFinishedOn": "2026-05-04T10:06:00Z"}}, []crypto.Signer{scanner}},
		"tests": {artifact, attest.TestResultV01, map[string]any{"result": "PASSED", "configuration": []any{}}, []crypto.Signer{tester}},
		"link":  {artifact, attest.LinkV03, map[string]any{"name": "test"}, []crypto.Signer{tester}},
		"sbom": {artifact, attest.SPDXDocument, map[string]any{"spdxVersion": "SPDX-2.3", "name": "app",
			"packages": []any{map[string]any{"name": "zlib", "licenseDeclared": "Zlib"}}}, []crypto.Signer{scanner}},
		"vsa": {artifact, attest.VSAType, map[string]any{"verifier": map[string]any{"id": scannerID}, "timeVerified": "2026-05-04T10:10:00Z", "resourceUri": "pkg:app",
			"policy": map[string]any{"uri": "https://policy.example.com/", "digest": map[string]any{"sha256": strings.Repeat("ef", 32)}}, "verificationResult": "PASSED",
			"verifiedLevels": []any{"SLSA_BUILD_LEVEL_3"}, "dependencyLevels": map[string]any{"SLSA_BUILD_LEVEL_1": 3}}, []crypto.Signer{scanner}},
		"source-vsa": {revision, attest.VSAType, map[string]any{"verifier": map[string]any{"id": scannerID}, "timeVerified": "2026-05-04T10:10:00Z",
			"resourceUri": "git+https://git.example.com/vendor/app", "policy": map[string]any{"uri": "https://policy.example.com/"}, "verificationResult": "PASSED",
			"verifiedLevels": []any{"SLSA_SOURCE_LEVEL_4"}}, []crypto.Signer{scanner}},
		"source-provenance": {revision, attest.SourceProvenanceV1, map[string]any{"repoUri": "https://git.example.com/vendor/app", "branch": "refs/heads/main", "actor": "ada",
			"createdOn": "2026-05-04T09:00:00Z", "controls": []any{map[string]any{"name": attest.ControlReview, "since": "2026-01-01T00:00:00Z"}}}, []crypto.Signer{scanner}},
	}
	d.carry(author().Commit("good"))
	s.Committers = []audit.Committer{{ID: "ada", Keys: []string{author().Line()}}}
	d.inputs = map[string]*paper{}
	d.addInput("image", map[string]string{"sha256": strings.Repeat("cd", 32)})
	return d
}

// carry has a commit object handed in by somebody whom the scope does not name.
func (d *docket) carry(object []byte) {
	d.t.Helper()
	d.papers["commit"] = &paper{map[string]string{"gitCommit": commit}, gitcommit.PredicateType, map[string]any{"object": object}, []crypto.Signer{newKey(d.t, elliptic.P256())}}
}

// addInput puts papers about an input into the case, so that it is as good as any rule
// wants it: built by the builder of the scope, with a bill of material by the scanner.
func (d *docket) addInput(name string, subject map[string]string) {
	scanner := d.papers["vulns"].by
	d.inputs[name+" provenance"] = &paper{subject, attest.ProvenanceV1, map[string]any{
		"buildDefinition": map[string]any{"buildType": buildType, "externalParameters": map[string]any{},
			"resolvedDependencies": []any{map[string]any{"uri": "git+https://git.example.org/upstream/" + name, "digest": map[string]any{"gitCommit": strings.Repeat("5", 40)}}}},
		"runDetails": map[string]any{"builder": map[string]any{"id": builderID}},
	}, []crypto.Signer{d.builder}}
	d.inputs[name+" sbom"] = &paper{subject, attest.CycloneDXBOM, map[string]any{"bomFormat": "CycloneDX", "specVersion": "1.6",
		"metadata":   map[string]any{"timestamp": "2026-05-01T10:00:00Z"},
		"components": []any{map[string]any{"name": name, "purl": "pkg:generic/" + name}}, "dependencies": []any{map[string]any{"ref": name}}}, scanner}
}

func (d *docket) statement(p *paper) attest.Statement {
	d.t.Helper()
	raw, err := json.Marshal(p.predicate)
	must(d.t, err)
	return attest.Statement{Subject: []attest.Subject{{Name: "app", Digest: p.subject}}, PredicateType: p.kind, Predicate: raw}
}

// evidence signs all papers, the provenance first.
func (d *docket) evidence() [][]byte {
	d.t.Helper()
	out := [][]byte{envelope(d.t, d.statement(&paper{subject: map[string]string{"sha256": d.build.Digest}, kind: d.kind, predicate: d.predicate}), d.builder)}
	for _, name := range slices.Sorted(maps.Keys(d.papers)) {
		out = append(out, d.sign(d.papers[name]))
	}
	return out
}

func (d *docket) sign(p *paper) []byte {
	d.t.Helper()
	raw := envelope(d.t, d.statement(p), p.by[0])
	for _, by := range p.by[1:] {
		var err error
		raw, err = attest.AddSignature(d.t.Context(), raw, by)
		must(d.t, err)
	}
	return raw
}

// published is what clients find under the artifact's digest: all of it.
func (d *docket) published(evidence [][]byte) *Published {
	d.t.Helper()
	p := &Published{}
	for _, raw := range evidence {
		if read, err := attest.ReadDocument(raw); err == nil && slices.Contains(read.Statement.Filed(), d.build.Digest) {
			p.Artifact = append(p.Artifact, raw)
		}
	}
	if d.publish != nil {
		d.publish(p)
	}
	return p
}

// found is what a repository with the papers about inputs has under some keys.
func (d *docket) found(keys []string) Inputs {
	d.t.Helper()
	if len(keys) == 0 {
		return nil
	}
	out := Inputs{}
	for _, key := range keys {
		out[key] = nil
	}
	for _, name := range slices.Sorted(maps.Keys(d.inputs)) {
		p := d.inputs[name]
		for _, key := range d.statement(p).Filed() {
			if _, asked := out[key]; asked {
				out[key] = append(out[key], d.sign(p))
			}
		}
	}
	return out
}

func (d *docket) decide(custom ...CustomRule) Decision {
	d.t.Helper()
	g := New(Config{Policy: d.policy, Rules: custom, Now: func() time.Time { return testStart }})
	evidence, assessed := d.evidence(), []Assessed{{"a1", d.assessment, track(d.t, d.assessment)}}
	build := d.build
	build.Inputs = d.found(g.Inputs(evidence, assessed))
	if g.Clients(assessed) {
		build.Published = d.published(evidence)
	}
	return g.Decide(build, evidence, assessed)
}

// at returns what stands at a path in JSON, for a change.
func at(m map[string]any, path string) (map[string]any, string) {
	names := strings.Split(path, ".")
	for _, n := range names[:len(names)-1] {
		m = m[n].(map[string]any)
	}
	return m, names[len(names)-1]
}

func set(m map[string]any, path string, v any) {
	inner, name := at(m, path)
	if v == nil {
		delete(inner, name)
	} else {
		inner[name] = v
	}
}

// verdict returns what a rule says.
func verdict(t testing.TB, d Decision, rule string) Verdict {
	t.Helper()
	i := slices.IndexFunc(d.Verdicts, func(v Verdict) bool { return v.Rule == rule })
	if i < 0 {
		t.Fatalf("rule %s was not asked", rule)
	}
	return d.Verdicts[i]
}

// v1 turns the provenance into version 1 with the same content, as far as it goes.
func (d *docket) v1() {
	source := map[string]any{"uri": sourceURI, "digest": map[string]any{"gitCommit": commit}}
	d.kind, d.predicate = attest.ProvenanceV1, map[string]any{
		"buildDefinition": map[string]any{"buildType": buildType, "externalParameters": map[string]any{"source": source, "configPath": "Makefile"},
			"resolvedDependencies": []any{source, map[string]any{"uri": imageURI, "digest": map[string]any{"sha256": strings.Repeat("cd", 32)}}}},
		"runDetails": map[string]any{"builder": map[string]any{"id": builderID}, "metadata": map[string]any{"invocationId": "7", "startedOn": "2026-05-04T10:00:00Z", "finishedOn": "2026-05-04T10:05:00Z"}},
	}
}

// failure replaces a rebuild by what its rebuilder says that could not.
func (d *docket) failure(name, reason string, finished string) {
	p := d.papers[name]
	p.kind = attest.RebuildFailureType
	id, _ := at(p.predicate, "runDetails.builder.id")
	got := []any{map[string]any{"name": "app", "digest": map[string]any{"sha256": hex.EncodeToString(make([]byte, 32))}}}
	if reason == "unreproducible" {
		got = append(got, map[string]any{"name": "app", "digest": map[string]any{"sha256": strings.Repeat("11", 32)}})
	}
	p.predicate = map[string]any{"rebuilder": id["id"], "source": map[string]any{"uri": sourceURI, "digest": map[string]any{"gitCommit": commit}},
		"recipe": map[string]any{"sha256": strings.Repeat("22", 32)}, "reason": reason, "got": got, "startedOn": "2026-05-04T10:30:00Z", "finishedOn": finished}
}
