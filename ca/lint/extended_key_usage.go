package lint

import (
	"crypto/x509"
	"fmt"
)

// extendedKeyUsage: one purpose each. A second one makes a code-signing certificate a
// TLS server's, or a timestamp authority of a vendor.
func extendedKeyUsage() Rule {
	return Rule{
		ID: "extended_key_usage", Requires: "the one purpose of the kind; none for a root; critical for the timestamp authority",
		Citation: "CABF Code Signing BR section 7.1.2.3, RFC 3161 §2.3, RFC 6960 §4.2.2.2", Source: SourceCABF,
		applies: profiled,
		broken: func(c *Certificate) string {
			x := c.X509
			n := len(x.ExtKeyUsage) + len(x.UnknownExtKeyUsage)
			want, name := purpose(c.Kind)
			if name == "" {
				if n != 0 {
					return "a root that is restricted to purposes"
				}
				return ""
			}
			if n != 1 || len(x.ExtKeyUsage) != 1 || x.ExtKeyUsage[0] != want {
				return fmt.Sprintf("extended key usage is not %s alone", name)
			}
			return ""
		},
	}
}

func purpose(k Kind) (x509.ExtKeyUsage, string) {
	switch k {
	case KindLeaf, KindTier, KindTierTwin, KindCross:
		return x509.ExtKeyUsageCodeSigning, "codeSigning"
	case KindTSA, KindTimestampingCA:
		return x509.ExtKeyUsageTimeStamping, "timeStamping"
	case KindResponder:
		return x509.ExtKeyUsageOCSPSigning, "OCSPSigning"
	}
	return 0, ""
}
