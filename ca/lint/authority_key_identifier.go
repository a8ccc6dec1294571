package lint

import "bytes"

// authorityKeyIdentifier: after a rollover two CAs can have one name; this tells them apart.
func authorityKeyIdentifier() Rule {
	return Rule{
		ID: "authority_key_identifier", Requires: "the authority key identifier is the issuer's subject key identifier",
		Citation: "RFC 5280 §4.2.1.1", Source: SourceRFC,
		applies: func(c *Certificate) bool { return profiled(c) && c.Issuer != nil },
		broken: func(c *Certificate) string {
			id := c.X509.AuthorityKeyId
			if len(id) == 0 || !bytes.Equal(id, c.Issuer.SubjectKeyId) {
				return "the authority key identifier is absent or not the issuer's"
			}
			return ""
		},
	}
}
