package gate

// provenanceIdentifiesArtifact: SLSA v0.1, provenance.identifies-artifact: "subject[].digest
// equals the signed artefact's digest" (https://slsa.dev/spec/v0.1/requirements#identifies-artifact).
//
// Every subject must have this digest, not just one: a statement about several
// artifacts says which build made them, not which of them is the product asked for,
// and a builder that can be made to list a foreign file beside its own would have
// vouched for it. A build of several artifacts publishes one statement for each.
func provenanceIdentifiesArtifact() rule {
	return rule{
		id:      "provenance.identifies-artifact",
		basic:   true,
		ground:  true,
		serves:  []string{"slsa-v0.1/provenance.identifies-artifact", "slsa-v1.2/build.provenance-exists"},
		satisfy: "publish provenance whose only subject is the artifact to be signed, by its SHA-256 and by what else `hallmark digest` prints; or upload the file (hallmark sign --upload)",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			if why := e.build.only(*e.statement); why != "" {
				return e.fail("the provenance is " + why)
			}
			return e.statesSigned()
		},
	}
}
