package gate

import "encoding/asn1"

// Fulcio's extensions that name who vouched for the subject: the newer one is a DER
// UTF8String, the older one is the bare text
// (https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md).
var (
	oidIssuerV2       = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}
	oidIssuerV1       = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 1}
	oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}
)
