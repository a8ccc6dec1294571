package gate

import "slices"

// buildFollowAConsistentBuildProcess: SLSA v1.2, build.follow-a-consistent-build-process:
// "buildType and externalParameters equal the recorded expectations; unknown
// externalParameters fail" (https://slsa.dev/spec/v1.2/build-requirements). The expectations
// are in the scope: build types, and the names of parameters beside source and entry point.
func buildFollowAConsistentBuildProcess() rule {
	return rule{
		id:      "build.follow-a-consistent-build-process",
		serves:  []string{"slsa-v1.2/build.follow-a-consistent-build-process"},
		satisfy: "build with a build type, entry point and parameters that the assessment's scope lists",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			b, _ := e.builder()
			if !slices.Contains(b.BuildTypes, e.provenance.BuildType) {
				return e.fail("the scope does not list build type " + quote(e.provenance.BuildType))
			}
			if len(b.EntryPoints) > 0 && e.provenance.EntryPoint != "" && !slices.Contains(b.EntryPoints, e.provenance.EntryPoint) {
				return e.fail("the scope does not list entry point " + quote(e.provenance.EntryPoint))
			}
			for _, name := range e.parameters() {
				if !slices.Contains(b.Parameters, name) {
					return e.fail("the scope does not list parameter " + quote(name))
				}
			}
			return e.pass("build type and parameters are those of the audited scope")
		},
	}
}
