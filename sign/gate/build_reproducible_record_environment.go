package gate

import (
	"encoding/json"

	"github.com/hallmark-pki/hallmark/audit"
)

// buildReproducibleRecordEnvironment: CNCF, build.reproducible.record-environment:
// "completeness.environment (v0.2) or internalParameters/builder.version (v1), or a buildinfo
// file". An empty object records nothing.
func buildReproducibleRecordEnvironment() rule {
	return rule{
		id:      "build.reproducible.record-environment",
		serves:  []string{"cncf-sscp-v1/build.reproducible.record-environment"},
		satisfy: "record tool versions and configuration: v0.2 completeness.environment, v1 internalParameters or builder.version",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			var internal any
			recorded := json.Unmarshal(e.provenance.InternalParameters, &internal) == nil && holdsSomething(internal)
			switch {
			case e.provenance.Completeness.Environment:
				return e.pass("the builder says that its environment is recorded")
			case e.provenance.Version == "1" && (recorded || len(e.provenance.BuilderVersions) > 0):
				return e.pass("internal parameters or versions of the builder are recorded")
			case e.audited(audit.PropertyCompleteEnvironment):
				return e.pass("the auditor verified that the environment is recorded")
			}
			return e.fail("the provenance records no environment")
		},
	}
}
