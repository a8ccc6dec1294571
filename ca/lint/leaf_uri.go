package lint

import (
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// leafURI: the vendor's URI is the name that policies and verifiers match, so there is
// one and nothing beside it.
func leafURI() Rule {
	return Rule{
		ID: "leaf_uri", Requires: "the subject alternative name is one absolute https URI and nothing else",
		Citation: "RFC 5280 §4.2.1.6", Source: SourceHallmark,
		applies: only(KindLeaf),
		broken: func(c *Certificate) string {
			e := c.extension(oidSubjectAltName)
			if e == nil {
				return "no subject alternative name"
			}
			// crypto/x509 passes over names of kinds it does not know, so count them.
			in := cryptobyte.String(e.value)
			var names cryptobyte.String
			n := 0
			for ok := in.ReadASN1(&names, cbasn1.SEQUENCE); ok && !names.Empty(); n++ {
				var one cryptobyte.String
				var tag cbasn1.Tag
				ok = names.ReadAnyASN1(&one, &tag)
			}
			if n != 1 || len(c.X509.URIs) != 1 {
				return fmt.Sprintf("%d names, of which %d URIs", n, len(c.X509.URIs))
			}
			if u := c.X509.URIs[0]; u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Opaque != "" || u.RawQuery != "" || u.Fragment != "" {
				return fmt.Sprintf("URI %q is not https://host[/path]", u)
			}
			return ""
		},
	}
}
