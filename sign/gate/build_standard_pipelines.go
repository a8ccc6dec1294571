package gate

import (
	"slices"

	"github.com/hallmark-pki/hallmark/audit"
)

// buildStandardPipelines: CNCF, build.standard-pipelines: "buildType/entry point is an
// approved template". Approved are the entry points that the auditor looked at; where the
// build type fixes it, the build type is the template.
func buildStandardPipelines() rule {
	return rule{
		id:      "build.standard-pipelines",
		serves:  []string{"cncf-sscp-v1/build.standard-pipelines"},
		satisfy: "build by an entry point that the assessment's scope lists for the builder",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			b, _ := e.builder()
			switch {
			case e.provenance.EntryPoint == "" && e.audited(audit.PropertyFixedEntryPoint):
				return e.pass("the auditor verified that the build type fixes the entry point")
			case e.provenance.EntryPoint == "" || !slices.Contains(b.EntryPoints, e.provenance.EntryPoint):
				return e.fail("the scope does not list entry point " + quote(e.provenance.EntryPoint))
			}
			return e.pass("entry point " + quote(e.provenance.EntryPoint) + " is in the audited scope")
		},
	}
}
