package gate

import "github.com/hallmark-pki/hallmark/audit"

// buildPassInEnvironment: CNCF, build.pass-in-environment: "buildConfig/entry point recorded by
// the orchestrator; builder profile for the rest". The rest is that workers pull nothing of
// their own: the auditor's hermetic.
func buildPassInEnvironment() rule {
	return rule{
		id:      "build.pass-in-environment",
		serves:  []string{"cncf-sscp-v1/build.pass-in-environment"},
		satisfy: "record entry point or build config, on a builder audited as hermetic",
		judge: func(e *exhibit) finding {
			switch {
			case e.provenance == nil:
				return e.unread()
			case e.provenance.EntryPoint == "" && len(e.provenance.BuildConfig) == 0 && !e.audited(audit.PropertyFixedEntryPoint):
				return e.fail("the provenance names neither entry point nor build config")
			case !e.audited(audit.PropertyHermetic):
				return e.fail("the auditor did not verify that builds of this type are hermetic")
			}
			return e.pass("commands are recorded, and the auditor verified that builds are hermetic")
		},
	}
}
