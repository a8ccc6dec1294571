package gate

// provenanceAvailable: SLSA v0.1, provenance.available: "an attestation whose subject
// digest equals the artefact's was found" (https://slsa.dev/spec/v0.1/requirements#available).
// Presence is all that is asked; that it can be believed is for the rules after it.
func provenanceAvailable() rule {
	return rule{
		id:      "provenance.available",
		serves:  []string{"slsa-v0.1/provenance.available", "slsa-v1.2/build.distribute-provenance"},
		satisfy: "put the builder's SLSA provenance (v0.2 or v1, DSSE) for this digest into the attestation repository",
		judge: func(e *exhibit) (Outcome, string) {
			if e.digest == "" {
				return Fail, "the attestation repository has no SLSA provenance for this digest"
			}
			return Pass, "provenance is available"
		},
	}
}
