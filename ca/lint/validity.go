package lint

import (
	"fmt"
	"time"
)

// validity: a certificate that outlives its issuer cannot be verified to its end.
func validity() Rule {
	return Rule{
		ID: "validity", Requires: "notBefore before notAfter, both within the issuer's validity",
		Citation: "RFC 5280 §4.1.2.5, CABF Code Signing BR section 6.3.2", Source: SourceHallmark,
		applies: profiled,
		broken: func(c *Certificate) string {
			x := c.X509
			switch {
			case !x.NotBefore.Before(x.NotAfter):
				return "notBefore is not before notAfter"
			case c.Issuer != nil && x.NotBefore.Before(c.Issuer.NotBefore):
				return fmt.Sprintf("begins before its issuer, %s", c.Issuer.NotBefore.UTC().Format(time.RFC3339))
			case c.Issuer != nil && x.NotAfter.After(c.Issuer.NotAfter):
				return fmt.Sprintf("ends after its issuer, %s", c.Issuer.NotAfter.UTC().Format(time.RFC3339))
			}
			return ""
		},
	}
}
