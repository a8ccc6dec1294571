package gate

// rule is one condition. Each stands in a file named after the requirement it serves.
type rule struct {
	id      string   // requirement id of SLSA v0.1 where it has one, or "scope.…" for a condition of the audit's own
	serves  []string // "<framework id>/<requirement id>", as in the catalogues
	satisfy string   // what would make it pass
	// basic: asked of every build at every level, since a build outside the audited
	// scope is not what was audited. Others are asked when a requirement that they serve
	// is at or below the level.
	basic bool
	// ground: where it does not pass, what the provenance says is not worth reading, and
	// rules after it that read it are not judged.
	ground bool
	// alone: it does not read the provenance.
	alone bool
	// source: it reads statements about the source.
	source bool
	// inputs: it reads statements about each input of the build.
	inputs bool
	// clients: it reads what clients find.
	clients bool
	// needs is true for the few that are asked of some builds only.
	needs func(*exhibit) bool
	judge func(*exhibit) finding
}

// finding is what a rule found.
type finding struct {
	outcome  Outcome
	detail   string
	evidence []string // SHA-256 of envelopes
	inputs   []InputVerdict
}

// rules in the order in which they are judged: a rule may rely on those before it.
func rules() []rule {
	return []rule{
		scopeProduct(),
		scopeFramework(),
		provenanceAvailable(),
		provenanceAuthenticated(),
		provenanceIdentifiesArtifact(),
		buildBuildService(),
		provenanceServiceGenerated(),
		sourceVersionControlled(),
		sourceRequestedCommit(),
		buildNotContradicted(),

		buildScriptedBuild(),
		buildFollowAConsistentBuildProcess(),
		buildBuildAsCode(),
		buildStandardPipelines(),
		buildParameterless(),
		buildHermetic(),
		buildPassInEnvironment(),
		buildReproducible(),
		buildReproducibleRemoveNondeterminism(),
		buildReproducibleRecordEnvironment(),
		buildValidateInputs(),
		buildPolicyAdherence(),
		buildSegregateDuties(),
		artefactsSignEveryStep(),

		provenanceDependenciesComplete(),
		provenanceIdentifiesSourceCodeAuthenticated(),
		provenanceIncludesAllParams(),
		provenanceIncludesReproducibleInfo(),
		provenanceIncludesMetadata(),

		sourceTwoPersonReviewed(),
		sourceTwoPartyReview(),
		sourceSourceSummary(),
		sourceSourceProvenance(),
		sourceProtectedRefs(),
		sourceFullAttestationProtectedBranches(),
		sourceSignedCommits(),
		sourceAutomatedSecurityTesting(),

		materialsVerifyThirdParty(),
		materialsTrustedPackageManagers(),
		materialsImmutableSBOM(),
		materialsVulnerabilityScan(),
		materialsLicenseScan(),
		aud1(),

		materialsBuildFromSource(),
		aud4(),
		reb1(),
		reb2(),
		reb3(),
		reb4(),

		deploymentsClientVerification(),
	}
}

// Rule describes a rule of the gate.
type Rule struct {
	ID      string   `json:"id"`
	Serves  []string `json:"serves"`  // "<framework id>/<requirement id>"
	Satisfy string   `json:"satisfy"` // what makes it pass
	Basic   bool     `json:"basic"`   // asked of every build
}

// Rules lists the rules in the order of the verdicts.
func Rules() []Rule {
	var out []Rule
	for _, r := range rules() {
		out = append(out, Rule{r.id, r.serves, r.satisfy, r.basic})
	}
	return out
}
