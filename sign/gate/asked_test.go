package gate

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
)

// TestAskedByLevel: a rule is asked from the level of its requirement on, basic ones always.
func TestAskedByLevel(t *testing.T) {
	for level, want := range map[int][]string{
		1: {"build.scripted-build", "provenance.includes-metadata"},
		3: {"build.scripted-build", "build.build-as-code", "provenance.identifies-source-code.authenticated", "provenance.includes-all-params", "provenance.includes-metadata"},
	} {
		d := newDocket(t, "slsa-v0.1", "slsa", level).decide()
		var got []string
		for _, v := range d.Verdicts {
			if !v.Basic {
				got = append(got, v.Rule)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("level %d (-want +got):\n%s", level, diff)
		}
	}
}

// TestProvenanceV1 has no flags: what they would say comes from what the auditor verified
// for this builder and build type, or from enough rebuilds.
func TestProvenanceV1(t *testing.T) {
	d := newDocket(t, "slsa-v0.1", "slsa", 4)
	d.v1()
	d.assessment.Scope.Builders[0].Properties = []string{audit.PropertyHermetic, audit.PropertyParameterless, audit.PropertyReproducible}
	if got := d.decide(); !got.Granted() {
		t.Fatalf("%v", got.Failed())
	}
	for name, c := range map[string]struct {
		change func()
		failed []string
	}{
		"not verified": {func() { d.assessment.Scope.Builders[0].Properties = nil }, []string{"build.parameterless", "provenance.includes-all-params"}},
		"verified for another build type": {func() { d.assessment.Scope.Builders[0].BuildTypes = []string{otherType} },
			[]string{"build.build-service"}},
		"for any build type": {func() { d.assessment.Scope.Builders[0].BuildTypes = nil }, []string{"build.parameterless", "provenance.includes-all-params"}},
		"a parameter": {func() { set(d.predicate, "buildDefinition.externalParameters.target", "x") },
			[]string{"build.parameterless"}},
		"no rebuild and not verified": {func() {
			d.assessment.Scope.Builders[0].Properties = nil
			d.papers = map[string]*paper{"ada": d.papers["ada"], "quill": d.papers["quill"]}
		},
			[]string{"build.parameterless", "build.hermetic", "build.reproducible", "provenance.dependencies-complete", "provenance.identifies-source-code.authenticated", "provenance.includes-all-params", "provenance.includes-reproducible-info"}},
	} {
		d = newDocket(t, "slsa-v0.1", "slsa", 4)
		d.v1()
		d.assessment.Scope.Builders[0].Properties = []string{audit.PropertyHermetic, audit.PropertyParameterless, audit.PropertyReproducible}
		c.change()
		if diff := cmp.Diff(c.failed, d.decide().Failed()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestProvenanceV01(t *testing.T) {
	d := newDocket(t, "slsa-v0.1", "slsa", 3)
	d.kind = attest.ProvenanceV01
	d.assessment.Scope.Builders[0].Properties = []string{audit.PropertySourceFetched}
	d.predicate = map[string]any{
		"builder": map[string]any{"id": builderID}, "recipe": map[string]any{"type": buildType, "definedInMaterial": 0, "entryPoint": "Makefile"},
		"metadata":  map[string]any{"completeness": map[string]any{"arguments": true}},
		"materials": []any{map[string]any{"uri": sourceURI, "digest": map[string]any{"sha1": commit}}},
	}
	if got := d.decide(); !got.Granted() {
		t.Fatalf("%v", got.Failed())
	}
	set(d.predicate, "recipe.definedInMaterial", nil)
	set(d.predicate, "recipe.entryPoint", nil)
	if diff := cmp.Diff([]string{"build.build-as-code"}, d.decide().Failed()); diff != "" {
		t.Error(diff)
	}
}

// TestObligations: recommended and justified requirements are judged, and do not block.
func TestObligations(t *testing.T) {
	d := newDocket(t, "slsa-v0.1", "slsa", 4)
	set(d.predicate, "metadata.buildInvocationID", nil)
	got := d.decide()
	if v := verdict(t, got, "provenance.includes-metadata"); !got.Granted() || v.Outcome != Advised || v.Satisfy == "" {
		t.Errorf("recommended: %+v", v)
	}
	delete(d.papers, "rebuild-1")
	d.assessment.Scope.Builders[0].Properties = []string{audit.PropertySourceFetched}
	if got := d.decide(); got.Granted() {
		t.Error("granted without rebuilds")
	}
	d.assessment.Findings = []audit.Finding{{Requirement: "build.reproducible", Status: audit.Justified}}
	got = d.decide()
	if v := verdict(t, got, "build.reproducible"); !got.Granted() || v.Outcome != Waived {
		t.Errorf("justified: %+v %v", v, got.Failed())
	}
	// A framework that takes no justification for it does not get one.
	d.assessment.Findings = []audit.Finding{{Requirement: "build.hermetic", Status: audit.Justified}}
	set(d.predicate, "materials", []any{})
	if got := d.decide(); !slices.Contains(got.Failed(), "build.hermetic") {
		t.Error("waived what cannot be justified")
	}
}

// TestUnknownCatalogue: nobody can say what the level asks, so nothing is granted.
func TestUnknownCatalogue(t *testing.T) {
	d := newDocket(t, "slsa-v0.1", "slsa", 1)
	a := Assessed{"a1", d.assessment, audit.Track{}}
	got := Decide(d.build, d.evidence(), []Assessed{a})
	if diff := cmp.Diff([]string{"scope.framework"}, got.Failed()); diff != "" || got.Granted() || got.Basic() {
		t.Error(diff)
	}
	// A requirement of a catalogue of the user's own that nothing here checks.
	a.Track = track(t, d.assessment)
	a.Track.Requirements = append(slices.Clone(a.Track.Requirements), audit.Requirement{ID: "own.lucky", FromLevel: 1, Obligation: audit.Required, CheckablePerBuild: true})
	got = Decide(d.build, d.evidence(), []Assessed{a})
	if diff := cmp.Diff([]string{"requirement.own.lucky"}, got.Failed()); diff != "" || got.Granted() || !got.Basic() {
		t.Error(diff)
	}
}

// TestContradiction: the last word of a rebuilder counts, and one contradiction refuses
// in every mode.
func TestContradiction(t *testing.T) {
	d := newDocket(t, "slsa-v0.1", "slsa", 3)
	d.failure("rebuild-2", "mismatch", "2026-05-04T12:00:00Z")
	d.assessment.Scope.Builders[0].Properties = levelThree()
	got := d.decide()
	if got.Granted() || got.Basic() || len(got.Contradicted()) != 1 || len(got.Contradicted()[0].Evidence) != 64 {
		t.Errorf("%+v", got.Contradicted())
	}
	// Somebody else's word is none.
	stranger := *d.papers["rebuild-2"]
	d.papers["rebuild-2"].by = d.papers["vulns"].by
	if got := d.decide(); !got.Granted() || len(got.Contradicted()) > 0 {
		t.Errorf("%v", got.Failed())
	}
	// It succeeds later; an earlier success does not help.
	for finished, contradicted := range map[string]bool{"2026-05-04T13:00:00Z": false, "2026-05-04T11:00:00Z": true} {
		d.papers["rebuild-2"] = &stranger
		again := *d.papers["rebuild-1"]
		again.by, again.predicate = stranger.by, map[string]any{"buildDefinition": again.predicate["buildDefinition"],
			"runDetails": map[string]any{"builder": map[string]any{"id": "https://second.example.com/"}, "metadata": map[string]any{"finishedOn": finished}}}
		d.papers["again"] = &again
		got := d.decide()
		if contradicted != (len(got.Contradicted()) > 0) || len(got.Quorum) != map[bool]int{true: 1, false: 2}[contradicted] {
			t.Errorf("success at %s: %+v %v", finished, got.Contradicted(), got.Quorum)
		}
	}
}

func TestQuorumPolicy(t *testing.T) {
	p := Policy{Quorum: map[string]map[int]int{"slsa-v0.1/slsa": {2: 3, 4: 5}}}
	for _, c := range []struct {
		framework   string
		level, want int
	}{{"slsa-v0.1", 1, 1}, {"slsa-v0.1", 2, 3}, {"slsa-v0.1", 3, 3}, {"slsa-v0.1", 4, 5}, {"other", 4, 2}, {"other", 3, 1}} {
		if got := p.quorum(c.framework, "slsa", c.level, 4); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
	d := newDocket(t, "slsa-v0.1", "slsa", 4)
	d.policy = Policy{Quorum: map[string]map[int]int{"slsa-v0.1/slsa": {4: 3}}}
	if got := d.decide(); !slices.Contains(got.Failed(), "build.reproducible") || len(got.Quorum) != 2 {
		t.Errorf("%v", got.Failed())
	}
}

// TestBasic: with the proof still to come, a build is good enough to be signed for now.
func TestBasic(t *testing.T) {
	d := newDocket(t, "slsa-v0.1", "slsa", 4)
	d.papers = nil
	if got := d.decide(); got.Granted() || !got.Basic() {
		t.Errorf("%v", got.Failed())
	}
	d.build.Commit = tree
	if got := d.decide(); got.Basic() || !slices.Contains(got.Failed(), "source.requested-commit") {
		t.Errorf("another commit: %v", got.Failed())
	}
	d.build.Commit = commit
	if got := d.decide(); !got.Basic() {
		t.Errorf("%v", got.Failed())
	}
}

// TestMemory: the same gate, asked again, under other keys and with other bytes.
func TestMemory(t *testing.T) {
	w := newWorld(t)
	g := New(Config{})
	a := w.assessed(t, nil)[0]
	a.ID = w.build().Digest // stands for content
	evidence := [][]byte{w.provenance(t, nil)}
	for range 2 {
		if !g.Decide(w.build(), evidence, []Assessed{a}).Granted() {
			t.Fatal("refused")
		}
	}
	foreign := a
	foreign.ID, foreign.Assessment.Scope = commit+commit[:24], newWorld(t).scope(t)
	if g.Decide(w.build(), evidence, []Assessed{foreign}).Granted() || g.Decide(w.build(), evidence, []Assessed{a, foreign}).Granted() {
		t.Error("granted under another scope's keys")
	}
	if g.Decide(w.build(), [][]byte{tampered(t, evidence[0], "app.deb", "pps.deb")}, []Assessed{a}).Granted() {
		t.Error("granted with other bytes")
	}
	if revisions := g.Revisions(evidence, []Assessed{a}); revisions != nil {
		t.Errorf("nothing asks about the source: %v", revisions)
	}
	a.Assessment.Level, a.ID = 4, commit+commit[:24]+""
	if revisions := New(Config{}).Revisions(evidence, []Assessed{a}); len(revisions) != 1 || revisions[0] != commit {
		t.Errorf("%v", revisions)
	}
}
