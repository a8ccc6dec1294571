package lint

import (
	"crypto/x509"
	"fmt"
	"slices"
)

// leafCeiling: a policy that the issuer does not have counts for nothing in a path
// (RFC 5280 §6.1.3), so such a leaf promises what nobody will believe.
func leafCeiling() Rule {
	return Rule{
		ID: "leaf_ceiling", Requires: "every policy is among the issuing CA's",
		Citation: "RFC 5280 §6.1.3", Source: SourceHallmark,
		applies: func(c *Certificate) bool { return c.X509 != nil && c.Kind == KindLeaf && c.Issuer != nil },
		broken: func(c *Certificate) string {
			for _, p := range c.X509.Policies {
				if !slices.ContainsFunc(c.Issuer.Policies, func(q x509.OID) bool { return q.Equal(p) }) {
					return fmt.Sprintf("policy %s is above the issuing CA's ceiling", p)
				}
			}
			return ""
		},
	}
}
