package gate

// provenanceIncludesAllParams: SLSA v0.1, provenance.includes-all-params:
// "metadata.completeness.parameters true"
// (https://slsa.dev/spec/v0.1/requirements#includes-all-build-parameters). Provenance v1 has no such
// flag, so that the auditor has to have found it.
func provenanceIncludesAllParams() rule {
	return rule{
		id:      "provenance.includes-all-params",
		serves:  []string{"slsa-v0.1/provenance.includes-all-params"},
		satisfy: "build on a builder that says (v0.2 completeness.parameters) or was found (complete-parameters) to record every parameter",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			if on, ok := e.completeParameters(); ok {
				return e.pass(on)
			}
			return e.fail("nothing says that all parameters are recorded")
		},
	}
}
