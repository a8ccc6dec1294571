package lint

import (
	"encoding/asn1"
	"fmt"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// subjectName: country, organization and common name, once each and in one way of
// writing. Locality and state, which the CA/Browser Forum asks of publicly trusted
// certificates, are not verified here and so not certified.
func subjectName() Rule {
	return Rule{
		ID: "subject_name", Requires: "subject of C, O and CN, once each; C two capital letters; O and CN not empty and at most 64 characters",
		Citation: "CABF Code Signing BR section 7.1.4.2, RFC 5280 §4.1.2.6", Source: SourceHallmark,
		applies: profiled,
		broken:  func(c *Certificate) string { return brokenName(c.X509.RawSubject) },
	}
}

func brokenName(raw []byte) string {
	in := cryptobyte.String(raw)
	var name cryptobyte.String
	if !in.ReadASN1(&name, cbasn1.SEQUENCE) || !in.Empty() {
		return "the subject cannot be read"
	}
	seen := map[string]bool{}
	for !name.Empty() {
		var set, attribute, value cryptobyte.String
		var id asn1.ObjectIdentifier
		var tag cbasn1.Tag
		if !name.ReadASN1(&set, cbasn1.SET) || !set.ReadASN1(&attribute, cbasn1.SEQUENCE) || !set.Empty() ||
			!attribute.ReadASN1ObjectIdentifier(&id) || !attribute.ReadAnyASN1(&value, &tag) || !attribute.Empty() {
			return "the subject has a part with several attributes, or one that cannot be read"
		}
		if seen[id.String()] {
			return fmt.Sprintf("attribute %s stands twice", id)
		}
		seen[id.String()] = true
		if detail := brokenAttribute(id, tag, value); detail != "" {
			return detail
		}
	}
	for _, id := range []asn1.ObjectIdentifier{oidCountry, oidOrganization, oidCommonName} {
		if !seen[id.String()] {
			return fmt.Sprintf("no attribute %s", id)
		}
	}
	return ""
}

func brokenAttribute(id asn1.ObjectIdentifier, tag cbasn1.Tag, value []byte) string {
	switch {
	case id.Equal(oidCountry):
		if tag != cbasn1.PrintableString || len(value) != 2 || !isCapital(value[0]) || !isCapital(value[1]) {
			return fmt.Sprintf("country %q is not a PrintableString of two capital letters", value)
		}
	case id.Equal(oidOrganization), id.Equal(oidCommonName):
		if tag != cbasn1.PrintableString && tag != cbasn1.UTF8String {
			return fmt.Sprintf("attribute %s is neither PrintableString nor UTF8String", id)
		}
		if n := utf8.RuneCount(value); !utf8.Valid(value) || n == 0 || n > maxNameRunes {
			return fmt.Sprintf("attribute %s has %d characters, want 1 to %d", id, n, maxNameRunes)
		}
	default:
		return fmt.Sprintf("attribute %s does not belong there", id)
	}
	return ""
}

func isCapital(b byte) bool { return 'A' <= b && b <= 'Z' }
