package lint

import "bytes"

// responderNoCheck: without it, verifiers ask the responder about itself.
func responderNoCheck() Rule {
	return Rule{
		ID: "responder_nocheck", Requires: "an OCSP responder's certificate has id-pkix-ocsp-nocheck",
		Citation: "RFC 6960 §4.2.2.2.1, CABF Code Signing BR section 4.9.9", Source: SourceCABF,
		applies: only(KindResponder),
		broken: func(c *Certificate) string {
			if e := c.extension(oidOCSPNoCheck); e == nil || !bytes.Equal(e.value, []byte{5, 0}) { // NULL
				return "id-pkix-ocsp-nocheck is absent or not NULL"
			}
			return ""
		},
	}
}
