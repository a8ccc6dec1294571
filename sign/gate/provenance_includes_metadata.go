package gate

// provenanceIncludesMetadata: SLSA v0.1, provenance.includes-metadata: "metadata.buildInvocationId,
// buildStartedOn, buildFinishedOn" (https://slsa.dev/spec/v0.1/requirements#includes-metadata).
// Recommended at all levels: it never keeps a build.
func provenanceIncludesMetadata() rule {
	return rule{
		id:      "provenance.includes-metadata",
		serves:  []string{"slsa-v0.1/provenance.includes-metadata"},
		satisfy: "record an invocation id, and when the build began and ended",
		judge: func(e *exhibit) finding {
			switch p := e.provenance; {
			case p == nil:
				return e.unread()
			case p.InvocationID == "":
				return e.fail("no invocation id")
			case p.StartedOn.IsZero() || p.FinishedOn.Before(p.StartedOn):
				return e.fail("the times of the build are missing or in the wrong order")
			}
			return e.pass("invocation " + quote(e.provenance.InvocationID))
		},
	}
}
