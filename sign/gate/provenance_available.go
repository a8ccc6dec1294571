package gate

// provenanceAvailable: SLSA v0.1, provenance.available: "an attestation whose subject
// digest equals the artefact's was found" (https://slsa.dev/spec/v0.1/requirements#available).
// Presence is all that is asked; that it can be believed is for the rules after it.
func provenanceAvailable() rule {
	return rule{
		id:      "provenance.available",
		basic:   true,
		ground:  true,
		serves:  []string{"slsa-v0.1/provenance.available", "slsa-v1.2/build.distribute-provenance", "cncf-sscp-v1/artefacts.metadata-store"},
		satisfy: "put the builder's SLSA provenance (v0.1, v0.2 or v1, DSSE) for this digest into the attestation repository",
		judge: func(e *exhibit) finding {
			if e.digest == "" {
				return e.fail("the attestation repository has no SLSA provenance for this digest")
			}
			return e.pass("provenance is available")
		},
	}
}
