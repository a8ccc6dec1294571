package lint

import (
	"bytes"
	"crypto/sha1" // RFC 5280 §4.2.1.2 names keys by SHA-1; nothing is signed with it
	"encoding/asn1"
)

// subjectKeyIdentifier: the identifier that everybody can compute, so that two
// certificates for one key have the same.
func subjectKeyIdentifier() Rule {
	return Rule{
		ID: "subject_key_identifier", Requires: "the subject key identifier is the SHA-1 of the public key's bits",
		Citation: "RFC 5280 §4.2.1.2", Source: SourceHallmark,
		applies: profiled,
		broken: func(c *Certificate) string {
			var spki struct {
				Algorithm asn1.RawValue
				Key       asn1.BitString
			}
			if _, err := asn1.Unmarshal(c.X509.RawSubjectPublicKeyInfo, &spki); err != nil {
				return "the public key cannot be read"
			}
			sum := sha1.Sum(spki.Key.RightAlign())
			if !bytes.Equal(sum[:], c.X509.SubjectKeyId) {
				return "the subject key identifier is absent or not that of the key"
			}
			return ""
		},
	}
}
