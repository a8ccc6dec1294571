package lint

import (
	"fmt"

	"github.com/hallmark-pki/hallmark/ext"
)

// tierPolicies: the policies of an issuing CA are its ceiling; anyPolicy would lift it.
func tierPolicies() Rule {
	return Rule{
		ID: "tier_policies", Requires: "an issuing CA, or a cross-certificate, lists its policies one by one, each once, without anyPolicy",
		Citation: "RFC 5280 §4.2.1.4", Source: SourceHallmark,
		applies: only(KindTier, KindTierTwin, KindCross),
		broken: func(c *Certificate) string {
			if len(c.X509.Policies) == 0 {
				return "no policies"
			}
			seen := map[string]bool{}
			for _, p := range c.X509.Policies {
				if p.EqualASN1OID(ext.AnyPolicy()) {
					return "anyPolicy"
				}
				if seen[p.String()] {
					return fmt.Sprintf("policy %s stands twice", p)
				}
				seen[p.String()] = true
			}
			return ""
		},
	}
}
