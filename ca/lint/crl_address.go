package lint

import (
	"fmt"
	"strings"
)

// crlAddress: whoever verifies finds the list, and in plain http: a client that fetches
// a list cannot yet judge a TLS certificate.
func crlAddress() Rule {
	return Rule{
		ID: "crl_address", Requires: "one CRL distribution point, http, below the CA's public URL",
		Citation: "CABF Code Signing BR section 7.1.2.3, RFC 5280 §4.2.1.13", Source: SourceCABF,
		applies: only(KindLeaf, KindTSA, KindTier, KindTimestampingCA, KindCross),
		broken: func(c *Certificate) string {
			return c.brokenAddress("CRL distribution point", c.X509.CRLDistributionPoints, "/crl/", ".crl")
		},
	}
}

// brokenAddress checks that there is one address and where it leads. The extension must
// hold no other address that crypto/x509 passes over; extensions and der see to its form.
func (c *Certificate) brokenAddress(what string, have []string, middle, end string) string {
	if len(have) != 1 {
		return fmt.Sprintf("%d addresses of the %s, want 1", len(have), what)
	}
	rest, isHTTP := strings.CutPrefix(have[0], "http://")
	if !isHTTP || rest == "" {
		return fmt.Sprintf("%s %q is not http", what, have[0])
	}
	if c.PublicURL == "" {
		return ""
	}
	name, ours := strings.CutPrefix(have[0], c.PublicURL+middle)
	if !ours || !strings.HasSuffix(name, end) || name == end && end != "" || end == "" && name != "" {
		return fmt.Sprintf("%s %q is not %s%s…%s", what, have[0], c.PublicURL, middle, end)
	}
	return ""
}
