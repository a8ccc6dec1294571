package gate

// provenanceServiceGenerated: SLSA v0.1, provenance.service-generated: "signer key is the
// service's (an audited fact) and matches builder.id"
// (https://slsa.dev/spec/v0.1/requirements#service-generated). Without it one audited
// builder could speak for another, better one.
func provenanceServiceGenerated() rule {
	return rule{
		id:      "provenance.service-generated",
		basic:   true,
		ground:  true,
		serves:  []string{"slsa-v0.1/provenance.service-generated", "slsa-v1.2/build.provenance-authentic", "cncf-sscp-v1/artefacts.limit-certifiers"},
		satisfy: "have the provenance signed by the builder that it names, with a key or identity the assessment's scope lists for that builder",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			if _, ok := e.builder(); !ok {
				return finding{outcome: NotJudged, detail: "the builder is not in the audited scope", evidence: e.orOwn(nil)}
			}
			for _, i := range e.owners {
				if e.scope.Builders[i].ID == e.provenance.BuilderID {
					return e.pass("signed by that builder")
				}
			}
			return e.fail("signed with another builder's key: " + e.signers[0])
		},
	}
}
