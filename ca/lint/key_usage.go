package lint

import (
	"crypto/x509"
	"fmt"
)

// keyUsage: a key that signs software must not sign certificates, and the other way round.
func keyUsage() Rule {
	return Rule{
		ID: "key_usage", Requires: "key usage digitalSignature alone; for CAs keyCertSign and cRLSign alone",
		Citation: "RFC 5280 §4.2.1.3, CABF Code Signing BR section 7.1.2", Source: SourceHallmark,
		applies: profiled,
		broken: func(c *Certificate) string {
			want := x509.KeyUsageDigitalSignature
			if c.Kind.isCA() {
				want = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
			}
			if e := c.extension(oidKeyUsage); e == nil || !e.critical {
				return "key usage is absent or not critical"
			}
			if c.X509.KeyUsage != want {
				return fmt.Sprintf("key usage %09b, want %09b", c.X509.KeyUsage, want)
			}
			return ""
		},
	}
}
