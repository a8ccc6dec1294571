package gate

// provenanceAuthenticated: SLSA v0.1, provenance.authenticated: "DSSE signature over PAE
// verifies under a key trusted" (https://slsa.dev/spec/v0.1/requirements#authenticated).
// Trusted are the builder keys and identities of the audited scope and no others; whether
// the key is that of the builder named is provenance.service-generated.
func provenanceAuthenticated() rule {
	return rule{
		id:      "provenance.authenticated",
		basic:   true,
		ground:  true,
		serves:  []string{"slsa-v0.1/provenance.authenticated"},
		satisfy: "have the provenance signed with a builder key, or under a builder identity, that the assessment's scope lists",
		judge: func(e *exhibit) finding {
			switch {
			case e.digest == "":
				return e.unread()
			case e.statement == nil:
				return e.fail("not signed with a builder key of the audited scope: " + quote(e.err.Error()))
			case e.provenance == nil:
				return e.fail("signed, but not readable as SLSA provenance: " + quote(e.err.Error()))
			}
			return e.pass("signed with key " + e.signers[0])
		},
	}
}
