package lint

import (
	"fmt"
	"time"
)

// leafValidity: ballot CSC-31.
func leafValidity() Rule {
	return Rule{
		ID: "leaf_validity", Requires: "a code-signing certificate lasts at most 460 days",
		Citation: "CABF Code Signing BR section 6.3.2", Source: SourceCABF,
		InForce: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		applies: only(KindLeaf),
		broken: func(c *Certificate) string {
			if d := c.X509.NotAfter.Sub(c.X509.NotBefore); d > maxLeafValidity {
				return fmt.Sprintf("lasts %s", d+time.Second)
			}
			return ""
		},
	}
}
