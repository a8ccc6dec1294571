package gate

// provenanceDependenciesComplete: SLSA v0.1, provenance.dependencies-complete:
// "metadata.completeness.materials true, and an image/VM material is present"
// (https://slsa.dev/spec/v0.1/requirements#dependencies-complete). With it goes that all sources
// and all transitive dependencies are among them, which is the same list.
func provenanceDependenciesComplete() rule {
	return rule{
		id: "provenance.dependencies-complete",
		serves: []string{"slsa-v0.1/provenance.dependencies-complete", "slsa-v0.1/provenance.identifies-source-code.complete",
			"slsa-v0.1/provenance.includes-all-deps"},
		satisfy: "list everything that the build could read, the image it ran in included, on a builder that says or was found to list all of it; or have the build reproduced",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			on, digests, ok := e.completeMaterials()
			if !ok {
				return e.fail("nothing says that the materials are complete")
			}
			for _, d := range e.provenance.Dependencies {
				if commitOf(d) == "" && strong(d.Digest) {
					return e.pass(on, digests...)
				}
			}
			return e.fail("no material but source is listed: where did the build run?")
		},
	}
}
