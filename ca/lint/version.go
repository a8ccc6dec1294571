package lint

import "fmt"

// version: extensions need v3, and the unique identifiers that v2 brought are dead.
func version() Rule {
	return Rule{
		ID: "version", Requires: "version 3, without unique identifiers",
		Citation: "RFC 5280 §4.1.2.1, RFC 5280 §4.1.2.8", Source: SourceRFC,
		applies: func(*Certificate) bool { return true },
		broken: func(c *Certificate) string {
			if c.fields.version != 3 {
				return fmt.Sprintf("version %d", c.fields.version)
			}
			if c.fields.uniqueIDs {
				return "a unique identifier of issuer or subject"
			}
			return ""
		},
	}
}
