package gate

// provenanceAuthenticated: SLSA v0.1, provenance.authenticated: "DSSE signature over PAE
// verifies under a key trusted" (https://slsa.dev/spec/v0.1/requirements#authenticated).
// Trusted are the builder keys of the audited scope and no others; whether the key is
// that of the builder named is provenance.service-generated.
func provenanceAuthenticated() rule {
	return rule{
		id:      "provenance.authenticated",
		serves:  []string{"slsa-v0.1/provenance.authenticated", "slsa-v1.2/build.provenance-authentic"},
		satisfy: "have the provenance signed with a builder key that the assessment's scope lists",
		judge: func(e *exhibit) (Outcome, string) {
			switch {
			case e.digest == "":
				return NotJudged, unread
			case e.statement == nil:
				return Fail, "not signed with a builder key of the audited scope: " + quote(e.err.Error())
			case e.provenance == nil:
				return Fail, "signed, but not readable as SLSA provenance: " + quote(e.err.Error())
			}
			return Pass, "signed with key " + e.signers[0]
		},
	}
}
