package verify

import "encoding/asn1"

// Object identifiers of CMS, timestamps and CRLs that the profile knows; all theirs.
var (
	oidSignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}        // id-signedData, RFC 5652 §5.1
	oidTSTInfo    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4} // id-ct-TSTInfo, RFC 3161 §2.4.2

	oidContentType          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}         // RFC 5652 §11.1
	oidMessageDigest        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}         // RFC 5652 §11.2
	oidSigningTime          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5}         // RFC 5652 §11.3
	oidAlgorithmProtection  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 52}        // RFC 6211 §2
	oidSigningCertificateV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47} // RFC 5035 §3
	oidTimeStampToken       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 14} // RFC 3161 appendix A

	oidSHA256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1} // RFC 5754 §2.2
	oidSHA384 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2} // RFC 5754 §2.3
	oidSHA512 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3} // RFC 5754 §2.4

	oidRSAEncryption   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}  // RFC 3370 §3.2
	oidSHA256WithRSA   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11} // RFC 5754 §3.2
	oidSHA384WithRSA   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12} // RFC 5754 §3.2
	oidSHA512WithRSA   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13} // RFC 5754 §3.2
	oidECDSAWithSHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}   // RFC 5754 §3.3
	oidECDSAWithSHA384 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}   // RFC 5754 §3.3
	oidECDSAWithSHA512 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}   // RFC 5754 §3.3

	oidKeyUsage                 = asn1.ObjectIdentifier{2, 5, 29, 15}    // RFC 5280 §4.2.1.3
	oidAnyPolicy                = asn1.ObjectIdentifier{2, 5, 29, 32, 0} // RFC 5280 §4.2.1.4
	oidExtKeyUsage              = asn1.ObjectIdentifier{2, 5, 29, 37}    // RFC 5280 §4.2.1.12
	oidNameConstraints          = asn1.ObjectIdentifier{2, 5, 29, 30}    // RFC 5280 §4.2.1.10
	oidPolicyConstraints        = asn1.ObjectIdentifier{2, 5, 29, 36}    // RFC 5280 §4.2.1.11
	oidInhibitAnyPolicy         = asn1.ObjectIdentifier{2, 5, 29, 54}    // RFC 5280 §4.2.1.14
	oidDeltaCRLIndicator        = asn1.ObjectIdentifier{2, 5, 29, 27}    // RFC 5280 §5.2.4
	oidCRLReason                = asn1.ObjectIdentifier{2, 5, 29, 21}    // RFC 5280 §5.3.1
	oidInvalidityDate           = asn1.ObjectIdentifier{2, 5, 29, 24}    // RFC 5280 §5.3.2
	oidSubjectAltName           = asn1.ObjectIdentifier{2, 5, 29, 17}    // RFC 5280 §4.2.1.6
	oidCRLDistributionPoints    = asn1.ObjectIdentifier{2, 5, 29, 31}    // RFC 5280 §4.2.1.13
	oidCertificatePolicies      = asn1.ObjectIdentifier{2, 5, 29, 32}    // RFC 5280 §4.2.1.4
	oidIssuingDistributionPoint = asn1.ObjectIdentifier{2, 5, 29, 28}    // RFC 5280 §5.2.5

	oidQualifierCPS    = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 2, 1}  // id-qt-cps, RFC 5280 §4.2.1.4
	oidQualifierNotice = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 2, 2}  // id-qt-unotice, RFC 5280 §4.2.1.4
	oidEmailAddress    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1} // RFC 5280 §4.1.2.6
)
