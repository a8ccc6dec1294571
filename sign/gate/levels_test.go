package gate

import (
	"crypto"
	"crypto/elliptic"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
)

// TestLevels breaks one thing of a case that is granted, at the highest level of each
// track, and wants exactly the rules to fail that ask for it.
func TestLevels(t *testing.T) {
	provenance := func(path string, v any) func(*docket) { return func(d *docket) { set(d.predicate, path, v) } }
	paper := func(name, path string, v any) func(*docket) {
		return func(d *docket) { set(d.papers[name].predicate, path, v) }
	}
	without := func(names ...string) func(*docket) {
		return func(d *docket) {
			for _, n := range names {
				delete(d.papers, n)
			}
		}
	}
	subject := func(name, algorithm, digest string) func(*docket) {
		return func(d *docket) { d.papers[name].subject = map[string]string{algorithm: digest} }
	}
	both := func(changes ...func(*docket)) func(*docket) {
		return func(d *docket) {
			for _, c := range changes {
				c(d)
			}
		}
	}
	foreign := strings.Repeat("99", 32)
	other := strings.Repeat("9", 40)
	materials := func(m ...any) func(*docket) { return provenance("materials", m) }
	source := map[string]any{"uri": sourceURI, "digest": map[string]any{"sha1": commit}}
	for _, c := range []struct {
		framework, track string
		level            int
		cases            map[string]struct {
			change func(*docket)
			failed string // rules, separated by spaces
		}
	}{
		{"slsa-v0.1", "slsa", 4, map[string]struct {
			change func(*docket)
			failed string
		}{
			"parameters are not complete":    {provenance("metadata.completeness.parameters", false), "build.parameterless provenance.includes-all-params"},
			"no word on parameters":          {provenance("metadata.completeness", map[string]any{"materials": true}), "build.parameterless provenance.includes-all-params"},
			"a parameter":                    {provenance("invocation.parameters", map[string]any{"target": "x"}), "build.parameterless"},
			"a parameter deep down":          {provenance("invocation.parameters", map[string]any{"a": map[string]any{"b": []any{map[string]any{}, false}}}), "build.parameterless"},
			"no entry point":                 {provenance("invocation.configSource.entryPoint", nil), "build.build-as-code"},
			"a material without digest":      {materials(source, map[string]any{"uri": imageURI}), "build.hermetic provenance.dependencies-complete"},
			"a material with MD5":            {materials(source, map[string]any{"uri": imageURI, "digest": map[string]any{"md5": strings.Repeat("a", 32)}}), "build.hermetic provenance.dependencies-complete"},
			"no materials":                   {materials(), "build.hermetic provenance.dependencies-complete"},
			"no image":                       {materials(source), "provenance.dependencies-complete"},
			"the source is not fetched":      {without("rebuild-1", "rebuild-2"), "build.reproducible provenance.identifies-source-code.authenticated"},
			"one operator":                   {without("rebuild-2"), "build.reproducible provenance.identifies-source-code.authenticated"},
			"two rebuilders of one operator": {func(d *docket) { d.assessment.Scope.Rebuilders[1].Operator = "REBUILD, Org." }, "build.reproducible provenance.identifies-source-code.authenticated"},
			"two keys of one rebuilder": {func(d *docket) {
				r := d.assessment.Scope.Rebuilders
				r[0].Keys = append(r[0].Keys, r[1].Keys...)
				d.assessment.Scope.Rebuilders = r[:1]
				set(d.papers["rebuild-2"].predicate, "runDetails.builder.id", r[0].ID)
			}, "build.reproducible provenance.identifies-source-code.authenticated"},
			"one key signs for two rebuilders": {func(d *docket) { d.papers["rebuild-2"].by = d.papers["rebuild-1"].by }, "build.reproducible provenance.identifies-source-code.authenticated"},
			"a rebuilder's other name":         {paper("rebuild-2", "runDetails.builder.id", "https://evil.example.com/"), "build.reproducible provenance.identifies-source-code.authenticated"},
			"a rebuild of another artifact":    {subject("rebuild-2", "sha256", foreign), "build.reproducible provenance.identifies-source-code.authenticated"},
			"a rebuild from another commit":    {paper("rebuild-2", "buildDefinition.resolvedDependencies", []any{map[string]any{"uri": sourceURI, "digest": map[string]any{"gitCommit": other}}}), "build.reproducible provenance.identifies-source-code.authenticated"},
			"a rebuilder contradicts":          {func(d *docket) { d.failure("rebuild-2", "mismatch", "2026-05-04T12:00:00Z") }, "build.not-contradicted build.reproducible provenance.identifies-source-code.authenticated"},
			"a rebuilder got two outputs":      {func(d *docket) { d.failure("rebuild-2", "unreproducible", "2026-05-04T12:00:00Z") }, "build.not-contradicted build.reproducible provenance.identifies-source-code.authenticated"},
			"a rebuild that broke off":         {func(d *docket) { d.failure("rebuild-2", "build-failed", "2026-05-04T12:00:00Z") }, "build.reproducible provenance.identifies-source-code.authenticated"},
			"no word on reproducibility":       {both(provenance("metadata.reproducible", nil), func(d *docket) { d.assessment.Scope.Builders[0].Properties = []string{audit.PropertySourceFetched} }, without("rebuild-1", "rebuild-2")), "build.reproducible provenance.includes-reproducible-info"},
			"one approval":                     {without("quill"), "source.two-person-reviewed"},
			"the same person twice": {func(d *docket) {
				a := d.assessment.Scope.Attestors
				a[0].Keys = append(a[0].Keys, a[1].Keys...)
				d.assessment.Scope.Attestors = append(a[:1:1], a[2:]...)
			}, "source.two-person-reviewed"},
			"one key approves twice":          {func(d *docket) { d.papers["quill"].by = d.papers["ada"].by }, "source.two-person-reviewed"},
			"an approval of another commit":   {both(subject("quill", "gitCommit", other), paper("quill", "targetID", other)), "source.two-person-reviewed"},
			"an approval for another branch":  {paper("quill", "targetRef", "refs/heads/feature"), "source.two-person-reviewed"},
			"an approval of a tree not named": {both(subject("quill", "gitTree", tree), paper("quill", "targetID", tree)), "source.two-person-reviewed"},
			"a reviewer not named for it":     {func(d *docket) { d.assessment.Scope.Attestors[1].Predicates = []string{attest.VSAType} }, "source.two-person-reviewed"},
			"the builder approves":            {func(d *docket) { d.papers["quill"].by = []crypto.Signer{d.builder} }, "source.two-person-reviewed"},
			"an approval by a stranger":       {func(d *docket) { d.papers["quill"].by = []crypto.Signer{newKey(t, elliptic.P256())} }, "source.two-person-reviewed"},
			"an approval that cannot be read": {paper("quill", "targetRef", nil), "source.two-person-reviewed"},
			"a person and an account": {func(d *docket) {
				p := d.papers["quill"]
				p.kind, p.by = attest.PullRequestApprovalV01, d.papers["vulns"].by
				p.predicate["approvers"] = []any{"x+1"}
			}, "source.two-person-reviewed"},
		}},
		{"slsa-v1.2", "build", 3, map[string]struct {
			change func(*docket)
			failed string
		}{
			"a parameter not in scope": {provenance("invocation.parameters", map[string]any{"target": "x"}), "build.follow-a-consistent-build-process"},
			"another entry point":      {provenance("invocation.configSource.entryPoint", "evil.mk"), "build.follow-a-consistent-build-process"},
			"no build types in scope":  {func(d *docket) { d.assessment.Scope.Builders[0].BuildTypes = nil }, "build.follow-a-consistent-build-process"},
			"a builder not in scope":   {provenance("builder.id", "https://evil.example.com/"), "build.build-service"},
		}},
		{"slsa-v1.2", "source", 4, map[string]struct {
			change func(*docket)
			failed string
		}{
			"no source summary":                {without("source-vsa"), "source.source-summary"},
			"neither summary nor approvals":    {without("source-vsa", "ada"), "source.two-party-review source.source-summary"},
			"it failed":                        {paper("source-vsa", "verificationResult", "FAILED"), "source.source-summary"},
			"a lower level":                    {paper("source-vsa", "verifiedLevels", []any{"SLSA_SOURCE_LEVEL_3"}), "source.source-summary"},
			"a level that is none":             {paper("source-vsa", "verifiedLevels", []any{"SLSA_SOURCE_LEVEL_44"}), "source.source-summary"},
			"a summary of another repository":  {paper("source-vsa", "resourceUri", "git+https://git.example.com/vendor/lib"), "source.source-summary"},
			"a summary of another commit":      {subject("source-vsa", "gitCommit", other), "source.source-summary"},
			"a summary by a builder":           {func(d *docket) { d.papers["source-vsa"].by = []crypto.Signer{d.builder} }, "source.source-summary"},
			"a summary by a rebuilder":         {func(d *docket) { d.papers["source-vsa"].by = []crypto.Signer{d.rebuild} }, "source.source-summary"},
			"no source provenance":             {without("source-provenance"), "source.source-provenance"},
			"provenance of another branch":     {paper("source-provenance", "branch", "refs/heads/feature"), "source.source-provenance"},
			"provenance of another repository": {paper("source-provenance", "repoUri", "https://git.example.com/vendor/lib"), "source.source-provenance"},
			"a control enforced too late":      {both(without("source-vsa"), paper("source-provenance", "controls", []any{map[string]any{"name": "X", "since": "2026-05-05T00:00:00Z"}})), "source.source-summary source.protected-refs"},
			"no controls":                      {both(without("source-vsa"), paper("source-provenance", "controls", []any{})), "source.source-summary source.protected-refs"},
		}},
		{"cncf-sscp-v1", "assurance", 3, map[string]struct {
			change func(*docket)
			failed string
		}{
			"no scan":                     {without("vulns"), "source.automated-security-testing materials.verify-third-party materials.vulnerability-scan"},
			"a scan of another artifact":  {subject("vulns", "sha256", foreign), "source.automated-security-testing materials.verify-third-party materials.vulnerability-scan"},
			"a scan by a stranger":        {func(d *docket) { d.papers["vulns"].by = []crypto.Signer{newKey(t, elliptic.P256())} }, "source.automated-security-testing materials.verify-third-party materials.vulnerability-scan"},
			"no tests":                    {without("tests"), "source.automated-security-testing"},
			"tests that failed":           {paper("tests", "result", "FAILED"), "source.automated-security-testing"},
			"no bill of material":         {without("sbom"), "materials.immutable-sbom materials.license-scan deployments.client-verification"},
			"an empty bill of material":   {paper("sbom", "packages", []any{}), "materials.immutable-sbom materials.license-scan deployments.client-verification"},
			"a component without licence": {paper("sbom", "packages", []any{map[string]any{"name": "zlib", "licenseDeclared": "NOASSERTION"}}), "materials.license-scan"},
			"no policy in the summary":    {paper("vsa", "policy", map[string]any{"uri": "https://policy.example.com/"}), "build.policy-adherence"},
			"the verification failed":     {paper("vsa", "verificationResult", "FAILED"), "build.policy-adherence"},
			"a summary by a builder":      {func(d *docket) { d.papers["vsa"].by = []crypto.Signer{d.builder} }, "build.policy-adherence"},
			"no link of a step":           {without("link"), "build.segregate-duties artefacts.sign-every-step"},
			"a link by another":           {func(d *docket) { d.papers["link"].by = d.papers["vulns"].by }, "build.segregate-duties artefacts.sign-every-step"},
			"a link of another step":      {paper("link", "name", "deploy"), "build.segregate-duties artefacts.sign-every-step"},
			"no steps in scope":           {func(d *docket) { d.assessment.Scope.Attestors[3].Steps = nil }, "build.segregate-duties artefacts.sign-every-step"},
			"the builder signs the link too": {func(d *docket) {
				d.papers["link"].by = append(d.papers["link"].by, d.builder)
				d.assessment.Scope.Attestors[3].Keys = append(d.assessment.Scope.Attestors[3].Keys, pemKey(t, d.builder))
			}, "build.segregate-duties"},
			"an origin that is not approved": {func(d *docket) { d.assessment.Scope.Origins = []string{"https://mirror.example.com/image"} }, "materials.trusted-package-managers"},
			"no origins":                     {func(d *docket) { d.assessment.Scope.Origins = nil }, "materials.trusted-package-managers"},
			"an origin left by dots":         {materials(source, map[string]any{"uri": "https://mirror.example.com/images/../evil", "digest": map[string]any{"sha256": foreign}}), "materials.trusted-package-managers materials.build-from-source"},
			"an unpinned material":           {materials(source, map[string]any{"uri": imageURI}), "build.hermetic build.validate-inputs materials.verify-third-party materials.build-from-source"},
			"an entry point not looked at":   {provenance("invocation.configSource.entryPoint", "evil.mk"), "build.standard-pipelines"},
			"environment not recorded":       {provenance("metadata.completeness.environment", false), "build.reproducible.record-environment"},
			"not rebuilt":                    {without("rebuild-1", "rebuild-2"), "build.reproducible build.reproducible.remove-nondeterminism"},
			"not audited as hermetic":        {func(d *docket) { d.assessment.Scope.Builders[0].Properties = nil }, "build.pass-in-environment"},
			"the source is not attested":     {without("ada", "quill", "source-vsa", "source-provenance"), "source.two-person-reviewed source.full-attestation-protected-branches"},
		}},
		{"s2c2f-v1.1", "consumption", 4, map[string]struct {
			change func(*docket)
			failed string
		}{
			"a dependency that was not verified": {paper("vsa", "dependencyLevels", map[string]any{"SLSA_BUILD_LEVEL_1": 3, "SLSA_BUILD_LEVEL_UNEVALUATED": 1}), "AUD-1"},
			"a dependency at level 0":            {paper("vsa", "dependencyLevels", map[string]any{"SLSA_BUILD_LEVEL_0": 1}), "AUD-1"},
			"dependencies not counted":           {paper("vsa", "dependencyLevels", nil), "AUD-1"},
			"no scan":                            {without("vulns"), "materials.vulnerability-scan"},
			"no bill of material":                {without("sbom"), "materials.immutable-sbom materials.license-scan"},
		}},
	} {
		name := c.framework + "/" + c.track
		good := func(t *testing.T) *docket {
			d := newDocket(t, c.framework, c.track, c.level)
			if c.framework == "cncf-sscp-v1" {
				d.assessment.Scope.Builders[0].Properties = []string{audit.PropertyHermetic}
			}
			return d
		}
		t.Run(name, func(t *testing.T) {
			d := good(t).decide()
			if !d.Granted() || !d.Basic() {
				for _, v := range d.Verdicts {
					if v.Outcome != Pass {
						t.Errorf("%+v", v)
					}
				}
				t.Fatal("a good case is refused")
			}
			for _, v := range d.Verdicts {
				if !v.Basic && (len(v.Requirements) == 0 || v.Level == 0 || v.Level > c.level) {
					t.Errorf("%s does not say what asks for it: %+v", v.Rule, v)
				}
			}
		})
		for what, broken := range c.cases {
			t.Run(name+"/"+what, func(t *testing.T) {
				d := good(t)
				broken.change(d)
				got := d.decide()
				want := strings.Fields(broken.failed)
				failed := got.Failed()
				slices.Sort(want)
				slices.Sort(failed)
				if diff := cmp.Diff(want, failed); diff != "" || got.Granted() {
					t.Errorf("granted %v, failed rules (-want +got):\n%s", got.Granted(), diff)
				}
			})
		}
	}
}
