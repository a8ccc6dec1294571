package gate

import "slices"

// buildScriptedBuild: SLSA v0.1, build.scripted-build: "buildType known and an entry point or
// buildConfig present" (https://slsa.dev/spec/v0.1/requirements#scripted-build), and
// provenance.identifies-build-instructions: "invocation.configSource or buildConfig". In
// provenance v1 a build type says by itself how its parameters make a build, so one that the
// scope lists, with a source named, is as good.
func buildScriptedBuild() rule {
	return rule{
		id:      "build.scripted-build",
		serves:  []string{"slsa-v0.1/build.scripted-build", "slsa-v0.1/provenance.identifies-build-instructions"},
		satisfy: "let the provenance name the build's definition: entry point, build config, or source with a build type that the scope lists",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			p := e.provenance
			b, _ := e.builder()
			switch {
			case p.EntryPoint != "":
				return e.pass("entry point " + quote(p.EntryPoint))
			case len(p.BuildConfig) > 0:
				return e.pass("the provenance holds the build config")
			case len(p.Sources) > 0 && slices.Contains(b.BuildTypes, p.BuildType):
				return e.pass("build type " + quote(p.BuildType) + " is in the audited scope")
			}
			return e.fail("the provenance does not say by which definition it was built")
		},
	}
}
