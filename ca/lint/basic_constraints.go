package lint

import "fmt"

// basicConstraints: what is a CA says so, and how far below it CAs may go; what is none
// says that.
func basicConstraints() Rule {
	return Rule{
		ID: "basic_constraints", Requires: "cA true for CAs alone; path length 0 for issuing CAs, 1 for cross-certificates, none for others",
		Citation: "RFC 5280 §4.2.1.9, CABF Code Signing BR section 7.1.2", Source: SourceHallmark,
		applies: profiled,
		broken: func(c *Certificate) string {
			x := c.X509
			issuing := c.Kind.isCA() && c.Kind != KindRoot && c.Kind != KindCross
			switch {
			case !x.BasicConstraintsValid:
				return "no basic constraints"
			case x.IsCA != c.Kind.isCA():
				return fmt.Sprintf("cA %t in a certificate of kind %s", x.IsCA, c.Kind)
			case issuing && !x.MaxPathLenZero:
				return "an issuing CA without path length 0"
			case c.Kind == KindCross && x.MaxPathLen != 1:
				return "a cross-certificate without path length 1"
			case !c.Kind.isCA() && x.MaxPathLen > 0:
				return "a path length in a certificate that is no CA's"
			}
			return ""
		},
	}
}
