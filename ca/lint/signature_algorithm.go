package lint

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
)

// signatureAlgorithm: SHA-2, the same in both places, and such as the issuer's key makes.
func signatureAlgorithm() Rule {
	return Rule{
		ID: "signature_algorithm", Requires: "ECDSA or RSA with SHA-2, named alike inside and outside, fitting the issuer's key",
		Citation: "CABF Code Signing BR section 7.1.3.2, RFC 5280 §4.1.1.2", Source: SourceCABF,
		applies: func(c *Certificate) bool { return always(c) || c.differ() },
		broken: func(c *Certificate) string {
			if c.differ() {
				return "signature and signatureAlgorithm differ"
			}
			family := ""
			switch c.X509.SignatureAlgorithm {
			case x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512:
				family = "ECDSA"
			case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA:
				family = "RSA"
			default:
				return fmt.Sprintf("signature algorithm %s", c.X509.SignatureAlgorithm)
			}
			if c.Issuer == nil {
				return ""
			}
			switch c.Issuer.PublicKey.(type) {
			case *ecdsa.PublicKey:
				if family == "ECDSA" {
					return ""
				}
			case *rsa.PublicKey:
				if family == "RSA" {
					return ""
				}
			}
			return fmt.Sprintf("signature algorithm %s, the issuer's key is %T", c.X509.SignatureAlgorithm, c.Issuer.PublicKey)
		},
	}
}

// differ is seen by crypto/x509 as well, which then reads nothing.
func (c *Certificate) differ() bool {
	return !bytes.Equal(c.fields.innerAlgorithm, c.fields.outerAlgorithm)
}
