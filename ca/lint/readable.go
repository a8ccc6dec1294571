package lint

import "errors"

// readable: what one reader refuses is no use to whoever relies on it.
func readable() Rule {
	return Rule{
		ID: "readable", Requires: "crypto/x509 and zcrypto can read the certificate",
		Citation: "RFC 5280 §4.1", Source: SourceRFC,
		applies: func(*Certificate) bool { return true },
		broken: func(c *Certificate) string {
			if err := errors.Join(c.trouble...); err != nil {
				return err.Error()
			}
			return ""
		},
	}
}
