package lint

import (
	"fmt"
	"strings"
)

// leafPolicies: unchanged tools read the policies, ours the mark; they must say the same.
func leafPolicies() Rule {
	return Rule{
		ID: "leaf_policies", Requires: "the policies are those of the claims and of every lower level, and no others",
		Citation: "docs/oids.md, RFC 5280 §4.2.1.4", Source: SourceHallmark,
		applies: marked,
		broken: func(c *Certificate) string {
			if err := c.Arc.CheckPolicies(c.X509.Policies, c.mark.Assurance.Claims); err != nil {
				return err.Error()
			}
			below := c.Arc.String() + "."
			for _, p := range c.X509.Policies {
				if dotted := p.String(); !strings.HasPrefix(dotted, below) {
					return fmt.Sprintf("policy %s is not of this CA", dotted)
				}
			}
			return ""
		},
	}
}
