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
		serves:  []string{"slsa-v0.1/provenance.identifies-artifact", "slsa-v1.2/build.provenance-exists"},
		satisfy: "publish provenance whose only subject is the artifact to be signed, by its SHA-256 and by what else `hallmark digest` prints; or upload the file (hallmark sign --upload)",
		judge: func(e *exhibit) (Outcome, string) {
			if e.provenance == nil {
				return NotJudged, unread
			}
			if e.build.Digest == "" || !e.statement.Covers("sha256", e.build.Digest) {
				return Fail, "the provenance is about another artifact"
			}
			for _, s := range e.statement.Subject {
				if s.Digest["sha256"] != e.build.Digest {
					return Fail, "the provenance is about another artifact too: " + quote(s.Name)
				}
			}
			return e.statesSigned()
		},
	}
}
