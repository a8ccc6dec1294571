package gate

import (
	"crypto"
	"crypto/elliptic"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
)

var (
	yamlDigest   = strings.Repeat("aa", 32)
	zlibDigest   = strings.Repeat("bb", 32)
	parserCommit = strings.Repeat("7", 40)
)

const yamlName = "pkg:golang/example.org/yaml@v3.0.1"

// newInputsDocket is a case at the highest level of a framework that asks about inputs: an
// image, two packages and a repository that was taken as source.
func newInputsDocket(t testing.TB, framework, trackID string, level int) *docket {
	t.Helper()
	d := newDocket(t, framework, trackID, level)
	s := &d.assessment.Scope
	s.Origins = append(s.Origins, "https://packages.example.com", "https://git.example.org/upstream")
	if framework == "cncf-sscp-v1" {
		s.Builders[0].Properties = []string{audit.PropertyHermetic}
	}
	s.Attestors[2].Predicates = append(s.Attestors[2].Predicates, attest.VSAType)
	for _, m := range []map[string]any{
		{"name": yamlName, "uri": "https://packages.example.com/yaml.zip", "digest": map[string]any{"sha256": yamlDigest}},
		{"name": "pkg:generic/zlib@1.3", "uri": "https://packages.example.com/zlib.tar", "digest": map[string]any{"sha256": zlibDigest, "sha1": commit}},
		{"uri": "git+https://git.example.org/upstream/parser.git@refs/tags/v1", "digest": map[string]any{"gitCommit": parserCommit}},
	} {
		d.addMaterial(m)
	}
	d.addInput("yaml", map[string]string{"sha256": yamlDigest})
	d.addInput("zlib", map[string]string{"sha256": zlibDigest})
	d.addInput("parser", map[string]string{"gitCommit": parserCommit})
	delete(d.inputs, "parser provenance")
	return d
}

func (d *docket) addMaterial(m map[string]any) {
	d.predicate["materials"] = append(d.predicate["materials"].([]any), m)
}

// reproduced has an input reproduced by a rebuilder in place of being built by the builder.
func (d *docket) reproduced(name string) {
	p := d.inputs[name+" provenance"]
	p.by = []crypto.Signer{d.rebuild}
	set(p.predicate, "runDetails.builder.id", "https://rebuild.example.com/")
	set(p.predicate, "runDetails.metadata", map[string]any{"finishedOn": "2026-05-04T11:00:00Z"})
}

// against has a rebuilder say that it could not reproduce an input, for a reason.
func (d *docket) against(name, reason string) {
	got := []any{map[string]any{"name": name, "digest": map[string]any{"sha256": strings.Repeat("00", 32)}}}
	d.inputs[name+" failure"] = &paper{d.inputs[name+" sbom"].subject, attest.RebuildFailureType, map[string]any{
		"rebuilder": "https://rebuild.example.com/", "source": map[string]any{"uri": "git+https://git.example.org/upstream/" + name, "digest": map[string]any{"gitCommit": strings.Repeat("5", 40)}},
		"recipe": map[string]any{"sha256": strings.Repeat("22", 32)}, "reason": reason, "got": got, "startedOn": "2026-05-04T10:30:00Z", "finishedOn": "2026-05-04T12:00:00Z"}, []crypto.Signer{d.rebuild}}
}

// vouched has the scanner, an attestor, sign a summary about an input.
func (d *docket) vouched(name, result string) {
	d.inputs[name+" vsa"] = &paper{d.inputs[name+" sbom"].subject, attest.VSAType, map[string]any{
		"verifier": map[string]any{"id": scannerID}, "timeVerified": "2026-05-04T10:10:00Z", "resourceUri": "pkg:" + name,
		"policy": map[string]any{"uri": "https://policy.example.com/"}, "verificationResult": result, "verifiedLevels": []any{"SLSA_BUILD_LEVEL_2"}}, d.papers["vulns"].by}
}

type inputCase struct {
	change func(*docket)
	failed string // rules, separated by spaces
	says   string // part of what each of them says
}

// TestInputs breaks one thing about one of four inputs, and wants exactly the rules to
// fail that ask for it, by the input's name.
func TestInputs(t *testing.T) {
	yaml := "input \"" + yamlName + "\" sha256:" + yamlDigest + ": "
	const all = "AUD-4 REB-1 REB-2 REB-3 REB-4"
	without := func(names ...string) func(*docket) {
		return func(d *docket) {
			maps.DeleteFunc(d.inputs, func(name string, _ *paper) bool { return slices.Contains(names, name) })
		}
	}
	paper := func(name, path string, v any) func(*docket) {
		return func(d *docket) { set(d.inputs[name].predicate, path, v) }
	}
	by := func(name string, who func(*docket) crypto.Signer) func(*docket) {
		return func(d *docket) { d.inputs[name].by = []crypto.Signer{who(d)} }
	}
	stranger := func(*docket) crypto.Signer { return newKey(t, elliptic.P256()) }
	scanner := func(d *docket) crypto.Signer { return d.papers["vulns"].by[0] }
	rebuilder := func(d *docket) crypto.Signer { return d.rebuild }
	builder := func(d *docket) crypto.Signer { return d.builder }
	sources := func(m ...any) func(*docket) {
		return paper("yaml provenance", "buildDefinition.resolvedDependencies", m)
	}
	material := func(m map[string]any) func(*docket) { return func(d *docket) { d.addMaterial(m) } }

	t.Run("s2c2f", func(t *testing.T) {
		testInputs(t, "s2c2f-v1.1", "consumption", 4, map[string]inputCase{
			"nothing about one of them": {without("yaml provenance", "yaml sbom"), all, yaml},
			"no provenance":             {without("yaml provenance"), "REB-1 REB-2", yaml},
			"none about two":            {without("yaml provenance", "zlib provenance"), "REB-1 REB-2", "; and 1 more of 4 inputs"},
			"provenance by a stranger":  {by("yaml provenance", stranger), "REB-1 REB-2", "no signature by a key of the scope's builders"},
			"provenance by an attestor": {by("yaml provenance", scanner), "REB-1 REB-2", yaml},
			"provenance in a builder's name": {func(d *docket) {
				set(d.inputs["yaml provenance"].predicate, "runDetails.builder.id", otherID)
				set(d.inputs["yaml provenance"].predicate, "buildDefinition.buildType", otherType)
			}, "REB-1 REB-2", "signed with another builder's key"},
			"a builder not in scope":             {paper("yaml provenance", "runDetails.builder.id", "https://evil.example.com/"), "REB-1 REB-2", "not in the audited scope"},
			"a build type not in scope":          {paper("yaml provenance", "buildDefinition.buildType", "https://evil.example.com/"), "REB-1 REB-2", "not in the audited scope"},
			"from no commit":                     {sources(map[string]any{"uri": "https://example.org/yaml.tar", "digest": map[string]any{"sha256": zlibDigest}}), "REB-1 REB-2", "it names no source with a commit"},
			"provenance that cannot be read":     {paper("yaml provenance", "buildDefinition.buildType", nil), "REB-1 REB-2", yaml},
			"reproduced by others alone":         {func(d *docket) { d.reproduced("yaml") }, "REB-2", yaml},
			"reproduced, and the summary failed": {func(d *docket) { d.reproduced("yaml"); d.vouched("yaml", "FAILED") }, "REB-2", "the verification failed"},
			"a summary, and not rebuilt":         {func(d *docket) { without("yaml provenance")(d); d.vouched("yaml", "PASSED") }, "REB-1", "no rebuilder reproduced it"},
			"a rebuilder contradicts":            {func(d *docket) { d.against("yaml", "mismatch") }, "REB-1", "says: mismatch"},
			"a rebuild that broke off":           {func(d *docket) { without("yaml provenance")(d); d.against("yaml", "build-failed") }, "REB-1 REB-2", yaml},
			"no bill of material":                {without("yaml sbom"), "AUD-4 REB-3 REB-4", yaml + "no bill of material"},
			"one by a stranger":                  {by("yaml sbom", stranger), "AUD-4 REB-3 REB-4", "not signed by anybody"},
			"one by somebody not named for it": {func(d *docket) {
				d.assessment.Scope.Attestors[2].Predicates = slices.DeleteFunc(d.assessment.Scope.Attestors[2].Predicates, func(p string) bool { return p == attest.CycloneDXBOM })
				for _, other := range []string{"image", "zlib", "parser"} {
					by(other+" sbom", builder)(d)
				}
				d.inputs["parser sbom"].by = []crypto.Signer{d.builder}
			}, "AUD-4 REB-3 REB-4", "not signed by anybody"},
			"one by a rebuilder alone":            {by("yaml sbom", rebuilder), "REB-4", "signed by a rebuilder alone"},
			"one that lists nothing":              {paper("yaml sbom", "components", []any{}), "AUD-4 REB-3 REB-4", "lists nothing"},
			"one without date":                    {paper("yaml sbom", "metadata", map[string]any{}), "AUD-4", "when it was made"},
			"one without dependencies":            {paper("yaml sbom", "dependencies", []any{}), "AUD-4", "nothing about dependencies"},
			"one with a component of any origin":  {paper("yaml sbom", "components", []any{map[string]any{"name": "x"}}), "AUD-4", "neither purl nor digest"},
			"no bill of material of the source":   {without("parser sbom"), "AUD-4", "gitCommit:" + parserCommit},
			"source from elsewhere":               {material(map[string]any{"uri": "git+https://evil.example.org/x", "digest": map[string]any{"gitCommit": parserCommit}}), "materials.trusted-package-managers REB-1 REB-2", "x"},
			"an input by SHA-512 alone":           {material(map[string]any{"uri": "https://packages.example.com/x", "digest": map[string]any{"sha512": strings.Repeat("ab", 64)}}), all, "neither its SHA-256 nor its commit"},
			"an input by SHA-1 alone":             {material(map[string]any{"uri": "https://packages.example.com/x", "digest": map[string]any{"sha1": parserCommit}}), all, "neither its SHA-256 nor its commit"},
			"an input without digest":             {material(map[string]any{"uri": "https://packages.example.com/x"}), "build.validate-inputs " + all, "packages.example.com/x"},
			"a repository at the vendor's commit": {material(map[string]any{"uri": "git+https://evil.example.org/app", "digest": map[string]any{"gitCommit": commit}}), "materials.trusted-package-managers " + all, "evil.example.org/app"},
			"inputs that may not be all": {func(d *docket) {
				set(d.predicate, "metadata.completeness.materials", false)
				delete(d.papers, "rebuild-1")
			}, all, "nothing says that the materials are complete"},
			"too many inputs": {func(d *docket) {
				for i := range MaxInputs {
					d.addMaterial(map[string]any{"uri": fmt.Sprint("https://packages.example.com/", i), "digest": map[string]any{"sha256": fmt.Sprintf("%064x", i)}})
				}
			}, all, "lists 2052 inputs, and at most 2048"},
		})
	})
	t.Run("cncf", func(t *testing.T) {
		const rule = "materials.build-from-source"
		testInputs(t, "cncf-sscp-v1", "assurance", 3, map[string]inputCase{
			"no provenance":              {without("yaml provenance"), rule, yaml},
			"reproduced by others alone": {func(d *docket) { d.reproduced("yaml") }, rule, yaml},
			"a rebuilder contradicts":    {func(d *docket) { d.against("yaml", "unreproducible"); addOutput(d) }, rule, "says: unreproducible"},
			"source from elsewhere":      {material(map[string]any{"uri": "git+https://evil.example.org/x", "digest": map[string]any{"gitCommit": parserCommit}}), "materials.trusted-package-managers " + rule, "evil.example.org"},
		})
	})
}

// addOutput gives a rebuild failure the second output that it is about.
func addOutput(d *docket) {
	p := d.inputs["yaml failure"].predicate
	p["got"] = append(p["got"].([]any), map[string]any{"name": "yaml", "digest": map[string]any{"sha256": strings.Repeat("11", 32)}})
}

func testInputs(t *testing.T, framework, trackID string, level int, cases map[string]inputCase) {
	good := newInputsDocket(t, framework, trackID, level).decide()
	if !good.Granted() {
		for _, v := range good.Verdicts {
			if v.Outcome != Pass {
				t.Errorf("%+v", v)
			}
		}
		t.Fatal("a good case is refused")
	}
	for what, c := range cases {
		t.Run(what, func(t *testing.T) {
			d := newInputsDocket(t, framework, trackID, level)
			c.change(d)
			got := d.decide()
			want, failed := strings.Fields(c.failed), got.Failed()
			slices.Sort(want)
			slices.Sort(failed)
			if diff := cmp.Diff(want, failed); diff != "" || got.Granted() {
				t.Errorf("granted %v, failed rules (-want +got):\n%s", got.Granted(), diff)
			}
			for _, v := range got.Verdicts {
				if v.Outcome == Fail && !strings.Contains(v.Detail, c.says) {
					t.Errorf("%s says %q, without %q", v.Rule, v.Detail, c.says)
				}
			}
		})
	}
}

// TestInputVerdicts: a verdict names every input, those first that lack something, and the
// envelopes that show the others; and what a signature rests on stays short.
func TestInputVerdicts(t *testing.T) {
	d := newInputsDocket(t, "s2c2f-v1.1", "consumption", 4)
	delete(d.inputs, "zlib provenance")
	got := d.decide()
	v := verdict(t, got, "REB-1")
	if len(v.Inputs) != 4 || v.Satisfy == "" {
		t.Fatalf("%+v", v)
	}
	for i, want := range []struct {
		name     string
		shown    bool
		evidence int
	}{{"zlib", false, 0}, {"images/debian", true, 1}, {"yaml", true, 1}, {"parser", true, 0}} {
		if in := v.Inputs[i]; !strings.Contains(in.Input, want.name) || in.Shown != want.shown || in.Shown != (in.Detail == "") || len(in.Evidence) != want.evidence {
			t.Errorf("%d: %+v", i, in)
		}
	}
	all := newInputsDocket(t, "s2c2f-v1.1", "consumption", 4).decide()
	about := verdict(t, all, "REB-3").Inputs[0].Evidence[0]
	if slices.Contains(all.Evidence(), about) {
		t.Error("evidence about inputs is listed as evidence about the artifact")
	}
	// Others than the builder may have shown all of it.
	d = newInputsDocket(t, "s2c2f-v1.1", "consumption", 4)
	d.reproduced("yaml")
	d.vouched("yaml", "PASSED")
	if got := d.decide(); !got.Granted() {
		t.Error(got.Failed())
	}
}

// TestInputsMisfiled: what lies under the key of an input and is about something else does
// not count, and neither does an input that was not looked up.
func TestInputsMisfiled(t *testing.T) {
	d := newInputsDocket(t, "s2c2f-v1.1", "consumption", 4)
	g := New(Config{})
	evidence, assessed := d.evidence(), []Assessed{{"a1", d.assessment, track(t, d.assessment)}}
	keys := g.Inputs(evidence, assessed)
	want := []string{strings.Repeat("cd", 32), yamlDigest, zlibDigest, attest.RevisionKey(parserCommit)}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Fatal(diff)
	}
	for what, c := range map[string]struct {
		change func(Inputs)
		failed string
		says   string
	}{
		"of another":        {func(in Inputs) { in[yamlDigest] = in[zlibDigest] }, "AUD-4 REB-1 REB-2 REB-3 REB-4", "about another artifact"},
		"of another commit": {func(in Inputs) { in[keys[3]] = in[zlibDigest] }, "AUD-4", "about something else"},
		"nothing":           {func(in Inputs) { in[yamlDigest] = nil }, "AUD-4 REB-1 REB-2 REB-3 REB-4", "no"},
		"not looked up":     {func(in Inputs) { delete(in, yamlDigest) }, "AUD-4 REB-1 REB-2 REB-3 REB-4", "not looked up"},
		"none looked up":    {func(in Inputs) { clear(in) }, "AUD-4 REB-1 REB-2 REB-3 REB-4", "not looked up"},
	} {
		t.Run(what, func(t *testing.T) {
			build := d.build
			build.Inputs = d.found(keys)
			c.change(build.Inputs)
			got := g.Decide(build, evidence, assessed)
			if diff := cmp.Diff(strings.Fields(c.failed), got.Failed()); diff != "" || got.Granted() {
				t.Error(diff)
			}
			for _, v := range got.Verdicts {
				if v.Outcome == Fail && !strings.Contains(v.Detail, c.says) {
					t.Errorf("%s says %q", v.Rule, v.Detail)
				}
			}
		})
	}
	// The same evidence counts for nothing if it is about the artifact's key alone.
	if got := g.Decide(d.build, append(evidence, d.sign(d.inputs["yaml sbom"])), assessed); got.Granted() {
		t.Error("granted without inputs")
	}
}

// TestInputsAsked: inputs are looked up where a level asks, and for provenance that a
// builder of the scope has signed; and a justification waives the rule that allows for one.
func TestInputsAsked(t *testing.T) {
	keys := func(change func(*docket), framework, trackID string, level int) []string {
		d := newInputsDocket(t, framework, trackID, level)
		if change != nil {
			change(d)
		}
		return New(Config{}).Inputs(d.evidence(), []Assessed{{"a1", d.assessment, track(t, d.assessment)}})
	}
	for what, c := range map[string]struct {
		keys []string
		n    int
	}{
		"level 4":           {keys(nil, "s2c2f-v1.1", "consumption", 4), 4},
		"level 3":           {keys(nil, "s2c2f-v1.1", "consumption", 3), 0},
		"another catalogue": {keys(nil, "slsa-v0.1", "slsa", 4), 0},
		"a stranger's provenance": {keys(func(d *docket) {
			d.builder = newKey(t, elliptic.P256())
		}, "s2c2f-v1.1", "consumption", 4), 0},
		"many": {keys(func(d *docket) {
			for i := range MaxInputs {
				d.addMaterial(map[string]any{"uri": "https://packages.example.com/", "digest": map[string]any{"sha256": fmt.Sprintf("%064x", i)}})
			}
		}, "s2c2f-v1.1", "consumption", 4), MaxInputs},
	} {
		if len(c.keys) != c.n {
			t.Errorf("%s: %d keys, want %d", what, len(c.keys), c.n)
		}
	}
	d := newInputsDocket(t, "cncf-sscp-v1", "assurance", 3)
	delete(d.inputs, "yaml provenance")
	d.assessment.Findings = []audit.Finding{{Requirement: "materials.build-from-source", Status: audit.Justified, Justification: "firmware"}}
	if got := d.decide(); !got.Granted() || verdict(t, got, "materials.build-from-source").Outcome != Waived {
		t.Error(got.Failed())
	}
}
