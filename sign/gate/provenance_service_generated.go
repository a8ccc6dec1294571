package gate

import "slices"

// provenanceServiceGenerated: SLSA v0.1, provenance.service-generated: "signer key is the
// service's (an audited fact) and matches builder.id"
// (https://slsa.dev/spec/v0.1/requirements#service-generated). Without it one audited
// builder could speak for another, better one.
func provenanceServiceGenerated() rule {
	return rule{
		id:      "provenance.service-generated",
		serves:  []string{"slsa-v0.1/provenance.service-generated", "slsa-v1.2/build.provenance-authentic"},
		satisfy: "have the provenance signed by the builder that it names, with a key the assessment's scope lists for that builder",
		judge: func(e *exhibit) (Outcome, string) {
			if e.provenance == nil {
				return NotJudged, unread
			}
			if _, ok := e.builder(); !ok {
				return NotJudged, "the builder is not in the audited scope"
			}
			for _, signer := range e.signers {
				if slices.Contains(e.owners[signer], e.provenance.BuilderID) {
					return Pass, "signed with key " + signer + " of that builder"
				}
			}
			return Fail, "signed with another builder's key: " + e.signers[0]
		},
	}
}
