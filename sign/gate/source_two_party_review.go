package gate

import (
	"slices"

	"github.com/hallmark-pki/hallmark/attest"
)

// sourceTwoPartyReview: SLSA v1.2, source.two-party-review: "SLSA_SOURCE_LEVEL_4 or property
// SLSA_SOURCE_TWO_PARTY_REVIEWED in the source VSA"
// (https://slsa.dev/spec/v1.2/source-requirements). Approvals by two persons do as well.
func sourceTwoPartyReview() rule {
	return rule{
		id:      "source.two-party-review",
		source:  true,
		serves:  []string{"slsa-v1.2/source.two-party-review"},
		satisfy: "have an attestor of the scope publish a source summary of the built commit with SLSA_SOURCE_LEVEL_4 or SLSA_SOURCE_TWO_PARTY_REVIEWED, or two persons their approvals",
		judge: func(e *exhibit) finding {
			return e.forEachRevision("reviewed by two parties", func(r revision) ([]string, string) {
				digest, why := e.summary(r, func(v attest.VSA) bool {
					return sourceLevel(v) >= 4 || slices.Contains(v.VerifiedLevels, "SLSA_SOURCE_TWO_PARTY_REVIEWED")
				})
				if digest != "" {
					return []string{digest}, ""
				}
				if persons, digests, _ := e.approvals(r); len(persons) >= 2 {
					return digests, ""
				}
				return nil, why
			})
		},
	}
}
