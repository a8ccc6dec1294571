package lint

import (
	"fmt"
	"time"
)

// leafAssessment: nobody is certified for longer than assessed.
func leafAssessment() Rule {
	return Rule{
		ID: "leaf_assessment", Requires: "every claim's assessment is in force for as long as the certificate",
		Citation: "ext/hallmark.asn1", Source: SourceHallmark,
		applies: marked,
		broken: func(c *Certificate) string {
			for _, claim := range c.mark.Assurance.Claims {
				a := claim.Assessment
				// ValidUntil is the first moment at which it is no longer in force.
				if a.AssessedAt.After(c.X509.NotBefore) || !a.ValidUntil.After(c.X509.NotAfter) {
					return fmt.Sprintf("the assessment of %s %s is in force from %s to %s", claim.Framework, claim.Track,
						a.AssessedAt.Format(time.RFC3339), a.ValidUntil.Format(time.RFC3339))
				}
			}
			return ""
		},
	}
}
