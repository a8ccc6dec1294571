package gate

import "slices"

// buildBuildService: SLSA v0.1, build.build-service: "builder.id (with its signing key) is on
// the list of assessed services" (https://slsa.dev/spec/v0.1/requirements#build-service).
// Where the auditor listed build types, the build is of one of them: another type may
// run the same service without what was assessed, its isolation for instance.
func buildBuildService() rule {
	return rule{
		id:     "build.build-service",
		basic:  true,
		ground: true,
		serves: []string{"slsa-v0.1/build.build-service", "slsa-v0.1/provenance.identifies-builder",
			"slsa-v1.2/build.hosted", "slsa-v1.2/build.choose-an-appropriate-build-platform"},
		satisfy: "build on a builder, and with a build type, that the assessment's scope lists",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			b, ok := e.builder()
			if !ok {
				return e.fail("builder " + quote(e.provenance.BuilderID) + " is not in the audited scope")
			}
			if len(b.BuildTypes) > 0 && !slices.Contains(b.BuildTypes, e.provenance.BuildType) {
				return e.fail("build type " + quote(e.provenance.BuildType) + " is not in the audited scope of builder " + quote(b.ID))
			}
			return e.pass("built by " + quote(b.ID))
		},
	}
}
