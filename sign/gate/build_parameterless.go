package gate

// buildParameterless: SLSA v0.1, build.parameterless: "(v0.2) metadata.completeness.parameters
// is true AND invocation.parameters is empty, recursively"; "v1: only source and entry-point
// keys of the buildType profile are set in externalParameters"
// (https://slsa.dev/spec/v0.1/requirements#parameterless). Empty parameters prove nothing by
// themselves: a builder that records none has none.
func buildParameterless() rule {
	return rule{
		id:      "build.parameterless",
		serves:  []string{"slsa-v0.1/build.parameterless"},
		satisfy: "build without parameters, on a builder that says or was found to record all of them",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			if names := e.parameters(); len(names) > 0 {
				return e.fail("parameter " + quote(names[0]) + " is set")
			}
			on, ok := e.completeParameters()
			if !ok {
				return e.fail("no parameter is recorded, but nothing says that all would be")
			}
			return e.pass("no parameters; " + on)
		},
	}
}
