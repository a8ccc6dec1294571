package lint

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
)

// keyKind: the kinds and sizes of keys that every verifier we know of can use and
// nobody can break.
func keyKind() Rule {
	return Rule{
		ID: "key_kind", Requires: "a key of ECDSA P-256 or P-384, or RSA with 3072 bits (a CA's: 4096) to 8192 and an odd exponent of 65537 or more",
		Citation: "CABF Code Signing BR section 6.1.5", Source: SourceCABF,
		applies: profiled,
		broken: func(c *Certificate) string {
			switch k := c.X509.PublicKey.(type) {
			case *ecdsa.PublicKey:
				if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() {
					return "elliptic curve " + k.Curve.Params().Name
				}
				return ""
			case *rsa.PublicKey:
				least := minRSABits
				if c.Kind.isCA() {
					least = minCARSABits
				}
				if bits := k.N.BitLen(); bits < least || bits > maxRSABits {
					return fmt.Sprintf("RSA key of %d bits, want %d to %d", bits, least, maxRSABits)
				}
				if k.E < minRSAExponent || k.E%2 == 0 {
					return fmt.Sprintf("RSA exponent %d", k.E)
				}
				return ""
			}
			return fmt.Sprintf("key algorithm %s", c.X509.PublicKeyAlgorithm)
		},
	}
}
