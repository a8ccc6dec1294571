package lint

import "encoding/asn1"

// Object identifiers of certificates that the rules know; all theirs.
var (
	oidSubjectKeyIdentifier   = asn1.ObjectIdentifier{2, 5, 29, 14}                  // RFC 5280 §4.2.1.2
	oidKeyUsage               = asn1.ObjectIdentifier{2, 5, 29, 15}                  // RFC 5280 §4.2.1.3
	oidSubjectAltName         = asn1.ObjectIdentifier{2, 5, 29, 17}                  // RFC 5280 §4.2.1.6
	oidBasicConstraints       = asn1.ObjectIdentifier{2, 5, 29, 19}                  // RFC 5280 §4.2.1.9
	oidCRLDistributionPoints  = asn1.ObjectIdentifier{2, 5, 29, 31}                  // RFC 5280 §4.2.1.13
	oidCertificatePolicies    = asn1.ObjectIdentifier{2, 5, 29, 32}                  // RFC 5280 §4.2.1.4
	oidAuthorityKeyIdentifier = asn1.ObjectIdentifier{2, 5, 29, 35}                  // RFC 5280 §4.2.1.1
	oidExtKeyUsage            = asn1.ObjectIdentifier{2, 5, 29, 37}                  // RFC 5280 §4.2.1.12
	oidAuthorityInfoAccess    = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 1}     // RFC 5280 §4.2.2.1
	oidOCSPNoCheck            = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5} // RFC 6960 §4.2.2.2.1

	oidCountry      = asn1.ObjectIdentifier{2, 5, 4, 6}  // RFC 5280 appendix A
	oidOrganization = asn1.ObjectIdentifier{2, 5, 4, 10} // RFC 5280 appendix A
	oidCommonName   = asn1.ObjectIdentifier{2, 5, 4, 3}  // RFC 5280 appendix A
)
