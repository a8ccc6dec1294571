package audit

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// published is a requirement as its framework's text has it.
type published struct {
	id    string // ours where the text has none
	title string
	marks string // one per level: ✓ asked for, ½ in part, ○ with a meaning of its own, - not yet
	line  int    // where it stands in the text
}

// The tables below are transcribed from the texts, not from the catalogues: the commit
// and file is that of publishedTracks, which holds one against the other.

// slsaV01 are the rows of the requirement tables of SLSA v0.1; those from source.* to
// common.* but for provenance.identifies-artifact to provenance.includes-metadata are
// also the summary table of lines 16 to 37, with the same marks.
var slsaV01 = []published{
	{"source.version-controlled", "Version controlled", "○✓✓✓", 104},
	{"source.verified-history", "Verified history", "--✓✓", 132},
	{"source.retained-indefinitely", "Retained indefinitely", "--½✓", 153}, // the cell of level 3 says "18 mo."
	{"source.two-person-reviewed", "Two-person reviewed", "---✓", 172},
	{"build.scripted-build", "Scripted build", "✓✓✓✓", 212},
	{"build.build-service", "Build service", "-✓✓✓", 225},
	{"build.build-as-code", "Build as code", "--✓✓", 235},
	{"build.ephemeral-environment", "Ephemeral environment", "--✓✓", 254},
	{"build.isolated", "Isolated", "--✓✓", 263},
	{"build.parameterless", "Parameterless", "---✓", 276},
	{"build.hermetic", "Hermetic", "---✓", 295},
	{"build.reproducible", "Reproducible", "---○", 324},
	{"provenance.available", "Available", "✓✓✓✓", 347},
	{"provenance.authenticated", "Authenticated", "-✓✓✓", 359},
	{"provenance.service-generated", "Service generated", "-✓✓✓", 368},
	{"provenance.non-falsifiable", "Non-falsifiable", "--✓✓", 390},
	{"provenance.dependencies-complete", "Dependencies complete", "---✓", 419},
	{"provenance.identifies-artifact", "Identifies artifact", "✓✓✓✓", 437},
	{"provenance.identifies-builder", "Identifies builder", "✓✓✓✓", 449},
	{"provenance.identifies-build-instructions", "Identifies build instructions", "✓✓✓✓", 458},
	{"provenance.identifies-source-code", "Identifies source code", "-✓✓✓", 479},
	{"provenance.identifies-entry-point", "Identifies entry point", "--✓✓", 499},
	{"provenance.includes-all-params", "Includes all build parameters", "--✓✓", 513},
	{"provenance.includes-all-deps", "Includes all transitive dependencies", "---✓", 522},
	{"provenance.includes-reproducible-info", "Includes reproducible info", "---✓", 530},
	{"provenance.includes-metadata", "Includes metadata", "○○○○", 539},
	{"common.security", "Security", "---✓", 559},
	{"common.access", "Access", "---✓", 570},
	{"common.superusers", "Superusers", "---✓", 578},
}

// slsaV12Build is the table of lines 30 to 64.
var slsaV12Build = []published{
	{"build.choose-an-appropriate-build-platform", "Choose an appropriate build platform", "✓✓✓", 93},
	{"build.follow-a-consistent-build-process", "Follow a consistent build process", "✓✓✓", 101},
	{"build.distribute-provenance", "Distribute provenance", "✓✓✓", 115},
	{"build.security-best-practices", "Security Best Practices", "✓✓✓", 66}, // no row, but a MUST for "all implementations"
	{"build.provenance-exists", "Provenance Exists", "✓✓✓", 159},
	{"build.provenance-authentic", "Provenance is Authentic", "-✓✓", 187},
	{"build.provenance-unforgeable", "Provenance is Unforgeable", "--✓", 238},
	{"build.hosted", "Hosted", "-✓✓", 281},
	{"build.isolated", "Isolated", "--✓", 291},
}

var slsaV12Source = []published{
	{"source.choose-scs", "Choose an appropriate Source Control System", "✓✓✓✓", 185},
	{"source.access-and-history", "Configure the SCS to control access and enforce history", "-✓✓✓", 196},
	{"source.safe-expunging-process", "Safe Expunging Process", "-✓✓✓", 221},
	{"source.technical-controls", "Continuous technical controls", "--✓✓", 267},
	{"source.repository-ids", "Repositories are uniquely identifiable", "✓✓✓✓", 293},
	{"source.revision-ids", "Revisions are immutable and uniquely identifiable", "✓✓✓✓", 299},
	{"source.human-readable-diff", "Human readable changes", "✓✓✓✓", 308},
	{"source.source-summary", "Source Verification Summary Attestations", "✓✓✓✓", 317},
	{"source.history", "History", "-✓✓✓", 336},
	{"source.continuity", "Continuity", "-✓✓✓", 359},
	{"source.identity-management", "Identity Management", "-✓✓✓", 381},
	{"source.source-provenance", "Source Provenance", "-✓✓✓", 403},
	{"source.protected-refs", "Protected Named References", "--✓✓", 425},
	{"source.two-party-review", "Two-party review", "---✓", 461},
}

// s2c2f is the table of lines 308 to 334, titles without their examples in brackets.
var s2c2f = []published{
	{"ING-1", "Use public package managers trusted by your organization", "✓✓✓✓", 310},
	{"ING-2", "Use an OSS binary repository manager solution", "✓✓✓✓", 311},
	{"ING-3", "Have a Deny List capability to block known malicious OSS from being consumed", "--✓✓", 312},
	{"ING-4", "Mirror a copy of all OSS source code to an internal location", "--✓✓", 313},
	{"SCA-1", "Scan OSS for known vulnerabilities", "✓✓✓✓", 314},
	{"SCA-2", "Scan OSS for licenses", "✓✓✓✓", 315},
	{"SCA-3", "Scan OSS to determine if its end-of-life", "-✓✓✓", 316},
	{"SCA-4", "Scan OSS for malware", "--✓✓", 317},
	{"SCA-5", "Perform proactive security analysis of OSS", "--✓✓", 318},
	{"INV-1", "Maintain an automated inventory of all OSS used in development", "✓✓✓✓", 319},
	{"INV-2", "Have an OSS Incident Response Plan", "-✓✓✓", 320},
	{"UPD-1", "Update vulnerable OSS manually", "✓✓✓✓", 321},
	{"UPD-2", "Enable automated OSS updates", "-✓✓✓", 322},
	{"UPD-3", "Display OSS vulnerabilities in developer contribution flow", "-✓✓✓", 323},
	{"AUD-1", "Verify the provenance of your OSS", "--✓✓", 324},
	{"AUD-2", "Audit that developers are consuming OSS through the approved ingestion method", "-✓✓✓", 325},
	{"AUD-3", "Validate integrity of the OSS that you consume into your build", "-✓✓✓", 326},
	{"AUD-4", "Validate SBOMs of OSS that you consume into your build", "---✓", 327},
	{"ENF-1", "Securely configure your package source files", "-✓✓✓", 328},
	{"ENF-2", "Enforce usage of a curated OSS feed that enhances the trust of your OSS", "--✓✓", 329},
	{"REB-1", "Rebuild the OSS in a trusted build environment, or validate that it is reproducibly built", "---✓", 330},
	{"REB-2", "Digitally sign the OSS you rebuild", "---✓", 331},
	{"REB-3", "Generate SBOMs for OSS that you rebuild", "---✓", 332},
	{"REB-4", "Digitally sign the SBOMs you produce", "---✓", 333},
	{"FIX-1", "Implement a change in the code to address a zero-day vulnerability, rebuild, deploy to your organization, and confidentially contribute the fix to the upstream maintainer", "---✓", 334},
}

// cncfV1 are all recommendations that carry an assurance category: "Moderate to high" is
// -✓✓, "High" --✓.
var cncfV1 = []published{
	{"source.signed-commits", "Require signed commits", "-✓✓", 202},
	{"source.full-attestation-protected-branches", "Enforce full attestation and verification for protected branches", "--✓", 209},
	{"source.no-secrets", "Prevent committing secrets to the source code repository", "-✓✓", 219},
	{"source.code-owners", "Define individuals/teams that are responsible for code in a repository and associated coding conventions", "--✓", 228},
	{"source.automated-security-testing", "Automate software security scanning and testing", "-✓✓", 239},
	{"source.contribution-policies", "Establish and adhere to contribution policies", "-✓✓", 251},
	{"source.roles", "Define roles aligned to functional responsibilities", "-✓✓", 258},
	{"source.four-eyes", "Enforce an independent four-eyes principle", "-✓✓", 265},
	{"source.branch-protection", "Use branch protection rules", "-✓✓", 272},
	{"source.mfa", "Enforce MFA for accessing source code repositories", "-✓✓", 282},
	{"source.ssh-keys", "Use SSH keys to provide developers access to source code repositories", "-✓✓", 289},
	{"source.key-rotation", "Have a Key Rotation Policy", "-✓✓", 300},
	{"source.ephemeral-credentials", "Use short-lived/ephemeral credentials for machine/service access", "-✓✓", 307},
	{"materials.verify-third-party", "Verify third party artefacts and open source libraries", "-✓✓", 335},
	{"materials.supplier-sbom", "Require SBOM from third party supplier", "--✓", 342},
	{"materials.track-dependencies", "Track dependencies between open source components", "-✓✓", 349},
	{"materials.build-from-source", "Build libraries based upon source code", "--✓", 356},
	{"materials.trusted-package-managers", "Define and prioritize trusted package managers and repositories", "--✓", 365},
	{"materials.immutable-sbom", "Generate an immutable SBOM of the code", "-✓✓", 374},
	{"materials.vulnerability-scan", "Scan software for vulnerabilities", "-✓✓", 386},
	{"materials.license-scan", "Scan software for license implications", "-✓✓", 395},
	{"materials.sca", "Run software composition analysis on ingested software", "-✓✓", 402},
	{"build.policy-adherence", "Cryptographically guarantee policy adherence", "--✓", 553},
	{"build.validate-inputs", "Validate environments and dependencies before usage", "-✓✓", 560},
	{"build.worker-runtime-security", "Validate runtime security of build workers", "-✓✓", 567},
	{"build.reproducible", "Validate Build artefacts through verifiably reproducible builds", "--✓", 574},
	{"build.reproducible.lock-external", "Lock and Verify External Requirements From The Build Process", "-✓✓", 586},
	{"build.reproducible.remove-nondeterminism", "Find and Eliminate Sources Of Non-Determinism", "-✓✓", 593},
	{"build.reproducible.record-environment", "Record The Build Environment", "--✓", 600},
	{"build.reproducible.automate-environment", "Automate Creation Of The Build Environment", "--✓", 607},
	{"build.reproducible.distribute", "Distribute Builds Across Different Infrastructure", "--✓", 614},
	{"build.pipeline-as-code", "Build and related continuous integration/continuous delivery steps should all be automated through a pipeline defined as code", "-✓✓", 624},
	{"build.standard-pipelines", "Standardize pipelines across projects", "-✓✓", 631},
	{"build.secured-orchestration", "Provision a secured orchestration platform to host software factory", "-✓✓", 640},
	{"build.single-use-workers", "Build Workers Should be Single Use", "--✓", 647},
	{"build.minimal-network", "Ensure Software Factory has minimal network connectivity", "--✓", 657},
	{"build.segregate-duties", "Segregate the Duties of Each Build Worker", "--✓", 664},
	{"build.pass-in-environment", "Pass in Build Worker Environment and Commands", "--✓", 671},
	{"build.separate-output-storage", "Write Output to a Separate Secured Storage Repo", "--✓", 680},
	{"build.pipeline-change-as-code", "Only allow pipeline modifications through \"pipeline as code\"", "-✓✓", 690},
	{"build.user-roles", "Define user roles", "-✓✓", 697},
	{"build.offline-root-of-trust", "Follow established practices for establishing a root of trust from an offline source", "--✓", 704},
	{"build.workload-certificates", "Use short-lived Workload Certificates", "--✓", 711},
	{"build.monitoring", "Deploy monitoring tools to software factory to detect malicious behaviour", "-✓✓", 718},
	{"artefacts.sign-every-step", "Sign Every Step in the Build Process", "-✓✓", 737},
	{"artefacts.validate-step-signatures", "Validate the Signatures Generated at Each Step", "-✓✓", 744},
	{"artefacts.tuf-notary", "Use TUF/Notary to manage signing of artefacts", "-✓✓", 754},
	{"artefacts.metadata-store", "Use a store to manage metadata from in-toto", "-✓✓", 761},
	{"artefacts.limit-certifiers", "Limit which artefacts any given party is authorized to certify", "--✓", 771},
	{"artefacts.key-revocation", "Build in a system for rotating and revoking private keys", "--✓", 778},
	{"artefacts.oci-registry", "Use a container registry that supports OCI image-spec images", "--✓", 785},
	{"artefacts.encryption", "Encrypt artefacts before distribution & ensure only authorized platforms have decryption capabilities", "--✓", 795},
	{"deployments.client-verification", "Ensure clients can perform Verification of Artefacts and associated metadata", "-✓✓", 812},
	{"deployments.freshness", "Ensure clients can verify the \"freshness\" of files", "-✓✓", 821},
	{"deployments.tuf", "Use The Update Framework", "--✓", 831},
	{"appendix.slim-images", "Slimming Container Images", "-✓✓", 977},
}

// split is a requirement we cut out of a published one whose text asks more at a higher
// level: findings are yes or no, so each level needs a requirement of its own.
type split struct {
	of    string
	level int
	line  int
}

// publishedTracks says for each shipped track which text it is from, where the obligation
// is not the plain one, and what we split.
var publishedTracks = map[string]struct {
	text        string // repository@commit:path
	rows        []published
	obligations map[string]Obligation // others are Required
	splits      map[string]split
}{
	"slsa-v0.1/slsa": {
		text: "slsa-framework/slsa@3acc6b6cdc385b31cf9a9997f7fc80ea2c7fab68:spec/requirements.md",
		rows: slsaV01,
		obligations: map[string]Obligation{
			"build.reproducible":           UnlessJustified, // line 40: "REQUIRED unless there is a justification"
			"provenance.includes-metadata": Recommended,     // line 547: "RECOMMENDED"
		},
		splits: map[string]split{
			// The other cells that say more than ✓: "✓ (Authenticated)" at level 3, "✓ (Complete)" at 4.
			"source.retained-18-months":                       {"source.retained-indefinitely", 3, 164},
			"provenance.identifies-source-code.authenticated": {"provenance.identifies-source-code", 3, 492},
			"provenance.identifies-source-code.complete":      {"provenance.identifies-source-code", 4, 495},
		},
	},
	"slsa-v1.2/build": {
		text: "slsa-framework/slsa@ae7fc76215004e8fae250c877eff8919bf048e3b:spec/build-requirements.md",
		rows: slsaV12Build,
	},
	"slsa-v1.2/source": {
		text: "slsa-framework/slsa@ae7fc76215004e8fae250c877eff8919bf048e3b:spec/source-requirements.md",
		rows: slsaV12Source,
	},
	"s2c2f-v1.1/consumption": {
		text: "ossf/s2c2f@d0f0a7fbbc6cc6cb6a248cbc9e98c3d8cf3b189a:specification/framework.md",
		rows: s2c2f,
	},
	"cncf-sscp-v1/assurance": {
		text: "cncf/tag-security@5c1b842626f6e2bfff70be1a3f96203ce5dfa642:supply-chain-security/supply-chain-security-paper/sscsp.md",
		rows: cncfV1,
		obligations: map[string]Obligation{ // the words that leave a way out
			"source.ssh-keys":                       UnlessJustified, // "environments where SSH keys may not be a viable"
			"materials.verify-third-party.pen-test": UnlessJustified, // "If possible"
			"materials.supplier-sbom":               UnlessJustified, // "Where possible"
			"materials.build-from-source":           UnlessJustified, // "when possible"
			"materials.trusted-package-managers":    UnlessJustified, // "When this is not possible"
			"build.workload-certificates":           UnlessJustified, // "where the use of long-lived certificates is required"
			"artefacts.metadata-store":              UnlessJustified, // "Organizations that generate in-toto metadata"
			"artefacts.oci-registry":                UnlessJustified, // for container images only
			"artefacts.encryption":                  UnlessJustified, // "can be protected"
			"appendix.slim-images":                  UnlessJustified, // "If you choose to use these"
		},
		splits: map[string]split{
			"materials.verify-third-party.pen-test": {"materials.verify-third-party", 3, 335}, // "for high assurance categories"
			"build.standard-pipelines.verified":     {"build.standard-pipelines", 3, 631},     // "For high assurance environments"
			"build.user-roles.no-single-attester":   {"build.user-roles", 3, 697},             // "In high security environments"
		},
	},
}

// fromLevel is the first level at which a row counts.
func (p published) fromLevel() int {
	marks := []rune(p.marks)
	if i := slices.Index(marks, '✓'); i >= 0 {
		return i + 1
	}
	return slices.Index(marks, '○') + 1
}

// Level, obligation, title and source of every requirement are those of the published
// text, and the catalogues leave out nothing and add nothing.
func TestCataloguesSayWhatTheTextsSay(t *testing.T) {
	unseen := maps.Clone(publishedTracks)
	eachTrack(t, func(t *testing.T, track Track) {
		name := strings.SplitN(t.Name(), "/", 2)[1]
		want, ok := publishedTracks[name]
		if !ok {
			t.Fatalf("no table for %s", name)
		}
		delete(unseen, name)
		for _, r := range track.Requirements {
			if o := cmp.Or(want.obligations[r.ID], Required); r.Obligation != o {
				t.Errorf("%s is %s, in the text %s", r.ID, r.Obligation, o)
			}
			from, line := want.splits[r.ID].level, want.splits[r.ID].line
			if i := slices.IndexFunc(want.rows, func(p published) bool { return p.id == r.ID }); i >= 0 {
				p := want.rows[i]
				from, line = p.fromLevel(), p.line
				if n := len([]rune(p.marks)); n != len(track.Levels) {
					t.Errorf("%s has marks for %d levels of %d", r.ID, n, len(track.Levels))
				}
				if !strings.EqualFold(r.Title, p.title) {
					t.Errorf("%s is titled %q, in the text %q", r.ID, r.Title, p.title)
				}
			}
			if r.FromLevel != from {
				t.Errorf("%s counts from level %d, in the text %d", r.ID, r.FromLevel, from)
			}
			if source := fmt.Sprintf("%s#L%d", want.text, line); r.Source != source {
				t.Errorf("%s is from %s, want %s", r.ID, r.Source, source)
			}
		}
		for _, p := range want.rows {
			if _, ok := track.Requirement(p.id); !ok {
				t.Errorf("%s is missing", p.id)
			}
		}
		for id, s := range want.splits {
			if _, ok := track.Requirement(id); !ok {
				t.Errorf("%s is missing, split from %s", id, s.of)
			}
			if !slices.ContainsFunc(want.rows, func(p published) bool { return p.id == s.of }) {
				t.Errorf("%s is split from %s, which is no row", id, s.of)
			}
		}
		if got, n := len(track.Requirements), len(want.rows)+len(want.splits); got != n {
			t.Errorf("%d requirements, %d in the text", got, n)
		}
	})
	for name := range unseen {
		t.Errorf("no catalogue for %s", name)
	}
}

// attested are the kinds of evidence that attestations about a build can hold.
var attested = []EvidenceKind{
	"provenance", "vsa", "signature", "code-review-attestation", "rebuild-attestation",
	"link-metadata", "sbom", "scan-report", "test-result",
}

// A requirement that one build can show says where to look, and by what kind of evidence;
// one that it cannot show does not pretend to.
func TestCheckablePerBuildSaysHow(t *testing.T) {
	eachTrack(t, func(t *testing.T, track Track) {
		for _, r := range track.Requirements {
			if says := strings.Contains(r.Notes, "Check: "); says != r.CheckablePerBuild {
				t.Errorf("%s: checkable_per_build is %v, notes with \"Check:\" %v", r.ID, r.CheckablePerBuild, says)
			}
			if r.CheckablePerBuild && !slices.ContainsFunc(r.Evidence, func(k EvidenceKind) bool { return slices.Contains(attested, k) }) {
				t.Errorf("%s: no kind of evidence in %v comes with a build", r.ID, r.Evidence)
			}
		}
	})
}

// A draft knows no status "not-applicable", so no catalogue may advise it.
func TestNotesAdviseOnlyStatusesThereAre(t *testing.T) {
	notApplicable := regexp.MustCompile(`(?i)not[- ]applicable`)
	justified := regexp.MustCompile(`(?i)answer justified`)
	eachTrack(t, func(t *testing.T, track Track) {
		for _, r := range track.Requirements {
			if notApplicable.MatchString(r.Notes) {
				t.Errorf("%s: %s", r.ID, r.Notes)
			}
			if justified.MatchString(r.Notes) && r.Obligation != UnlessJustified {
				t.Errorf("%s takes no justification: %s", r.ID, r.Notes)
			}
		}
	})
}
