package gate

import "github.com/hallmark-pki/hallmark/audit"

// buildBuildAsCode: SLSA v0.1, build.build-as-code and provenance.identifies-entry-point:
// "invocation.configSource uri+digest, and entryPoint unless the buildType sets a default"
// (https://slsa.dev/spec/v0.1/requirements#build-as-code). That the source is in the scope,
// and at a commit, is source.version-controlled. That a build type has a default is for the
// auditor to say (fixed-entry-point).
func buildBuildAsCode() rule {
	return rule{
		id:      "build.build-as-code",
		serves:  []string{"slsa-v0.1/build.build-as-code", "slsa-v0.1/provenance.identifies-entry-point", "cncf-sscp-v1/build.pipeline-as-code"},
		satisfy: "let the provenance name the repository, its commit and the file in it that defines the build; or have the auditor verify fixed-entry-point for the build type",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			if len(e.revisions()) == 0 {
				return e.fail("no source with a commit holds the build's definition")
			}
			switch {
			case e.provenance.EntryPoint != "":
				return e.pass("defined by " + quote(e.provenance.EntryPoint) + " of the source")
			case e.audited(audit.PropertyFixedEntryPoint):
				return e.pass("the auditor verified that the build type fixes the entry point")
			}
			return e.fail("the provenance names no entry point")
		},
	}
}
