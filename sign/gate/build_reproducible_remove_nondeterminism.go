package gate

// buildReproducibleRemoveNondeterminism: CNCF, build.reproducible.remove-nondeterminism: "a
// rebuild attestation shows whether output still differs". It asks for the effort and not yet
// for the equality: any outcome of a rebuilder will do.
func buildReproducibleRemoveNondeterminism() rule {
	return rule{
		id:      "build.reproducible.remove-nondeterminism",
		alone:   true,
		serves:  []string{"cncf-sscp-v1/build.reproducible.remove-nondeterminism"},
		satisfy: "have a rebuilder of the scope rebuild the artifact, whatever comes of it",
		judge: func(e *exhibit) finding {
			if len(e.quorum.reproductions) > 0 {
				return e.pass("a rebuilder reproduced it", e.quorum.reproductions[0].digest)
			}
			for _, f := range e.quorum.failures {
				if len(f.failure.Got) > 0 {
					return e.pass("a rebuilder shows what still differs", f.digest)
				}
			}
			return e.fail("no rebuilder of the scope has built it")
		},
	}
}
