package gate

import "github.com/hallmark-pki/hallmark/ext"

// Fulcio's extensions that name who vouched for the subject: the newer one is a DER
// UTF8String, the older one is the bare text.
var (
	oidIssuerV2       = ext.FulcioIssuerV2()
	oidIssuerV1       = ext.FulcioIssuerV1()
	oidSubjectAltName = ext.SubjectAltName()
)
