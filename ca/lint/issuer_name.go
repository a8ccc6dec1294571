package lint

import "bytes"

// issuerName: names that are equal for people and differ in bytes break chains in
// verifiers that compare bytes, as most do.
func issuerName() Rule {
	return Rule{
		ID: "issuer_name", Requires: "the issuer's name is the issuing CA's subject, byte for byte",
		Citation: "RFC 5280 §4.1.2.4, CABF Code Signing BR section 7.1.4.1", Source: SourceRFC,
		applies: func(c *Certificate) bool { return always(c) && c.Issuer != nil },
		broken: func(c *Certificate) string {
			if !bytes.Equal(c.X509.RawIssuer, c.Issuer.RawSubject) {
				return "the issuer's name is not the CA's subject"
			}
			return ""
		},
	}
}
