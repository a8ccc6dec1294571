package lint

import (
	"encoding/asn1"
	"fmt"
)

// extensions: each kind has the extensions of its profile and no others. An extension
// that nobody asked for is a statement that nobody checked.
func extensions() Rule {
	return Rule{
		ID: "extensions", Requires: "only the extensions of the profile, critical where the profile says so and nowhere else",
		Citation: "CABF Code Signing BR section 7.1.2", Source: SourceHallmark,
		applies: profiled,
		broken: func(c *Certificate) string {
			for _, e := range c.fields.extensions {
				critical, known := c.extensionProfile(e.id)
				if !known {
					return fmt.Sprintf("extension %s does not belong there", e.id)
				}
				if critical != e.critical {
					return fmt.Sprintf("extension %s has critical %t", e.id, e.critical)
				}
			}
			return ""
		},
	}
}

// extensionProfile says whether an extension may stand in a certificate of this kind,
// and whether it is critical then.
func (c *Certificate) extensionProfile(id asn1.ObjectIdentifier) (critical, known bool) {
	switch {
	case id.Equal(oidBasicConstraints), id.Equal(oidKeyUsage):
		return true, true
	case id.Equal(oidSubjectKeyIdentifier), id.Equal(oidAuthorityKeyIdentifier):
		return false, true
	case id.Equal(oidExtKeyUsage):
		return c.Kind == KindTSA, true // extended_key_usage says which
	case id.Equal(oidCRLDistributionPoints), id.Equal(oidAuthorityInfoAccess):
		return false, c.Kind != KindResponder
	case id.Equal(oidCertificatePolicies):
		return false, c.Kind != KindResponder
	case id.Equal(oidSubjectAltName):
		return false, c.Kind == KindLeaf
	case id.Equal(oidOCSPNoCheck):
		return false, c.Kind == KindResponder
	}
	if c.Kind != KindLeaf {
		return false, false
	}
	// Without the arc, what is not known cannot be told from a mark.
	return false, c.Arc.IsZero() || id.Equal(c.Arc.Assurance()) || id.Equal(c.Arc.AttestationRepository())
}
