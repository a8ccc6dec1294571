package lint

import "fmt"

// responderValidity: it cannot be revoked, so it must end by itself.
func responderValidity() Rule {
	return Rule{
		ID: "responder_validity", Requires: "an OCSP responder's certificate lasts at most 31 days",
		Citation: "RFC 6960 §4.2.2.2.1", Source: SourceHallmark,
		applies: only(KindResponder),
		broken: func(c *Certificate) string {
			if d := c.X509.NotAfter.Sub(c.X509.NotBefore); d > maxResponderValidity {
				return fmt.Sprintf("lasts %s", d)
			}
			return ""
		},
	}
}
