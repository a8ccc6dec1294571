package ext

import "encoding/asn1"

// Every object identifier this project names stands in this file: value, name and
// defining document. docs/oids.md explains ours; a test compares page and file.

// defaultArc is ours without registration: UUID efe9aa28-7c11-4c39-827a-dbfc14f2e0bc
// (8, 4, 4, 4, 4 hex digits as 16-bit numbers, the last 12 as two 24-bit ones) under the
// arc that Microsoft's oidgen procedure reserves for split UUIDs. 2.25.<uuid> would be
// shorter, and makes Go, GnuTLS and zlint refuse the whole certificate.
const defaultArc = "1.2.840.113556.1.8000.2554.61417.43560.31761.19513.33402.14416916.15917244"

// Ours, relative to the arc.
const (
	arcModule                = 0 // arc.0.1, the ASN.1 module
	arcAssurance             = 1
	arcAttestationRepository = 2
	arcPolicy                = 3
	arcStaple                = 4
	arcTimestampPolicy       = 5
	arcConfirmBy             = 6
)

// Entry describes one object identifier.
type Entry struct {
	OID      string // dotted; ours begin with "arc"
	Name     string // as in the defining document
	Document string // where it is defined
	Ours     bool
}

// Entries returns every object identifier of this file, ours first.
func Entries() []Entry {
	const module = "ext/hallmark.asn1"
	const yubico = "Yubico, PIV attestation"
	const authenticode = "Windows Authenticode Portable Executable Signature Format"
	return []Entry{
		{"arc.0.1", "hallmark-module-v1", module, true},
		{"arc.1", "id-hallmark-assurance", module, true},
		{"arc.2", "id-hallmark-attestationRepository", module, true},
		{"arc.3", "id-hallmark-policy", module, true},
		{"arc.4", "id-hallmark-staple", module, true},
		{"arc.5", "id-hallmark-timestampPolicy", module, true},
		{"arc.6", "id-hallmark-confirmBy", module, true},
		{CertificatePolicies().String(), "id-ce-certificatePolicies", "RFC 5280 §4.2.1.4", false},
		{AnyPolicy().String(), "anyPolicy", "RFC 5280 §4.2.1.4", false},
		{InvalidityDate().String(), "id-ce-invalidityDate", "RFC 5280 §5.3.2", false},
		{CodeSigningBaselinePolicy().String(), "code-signing-requirements", "CA/Browser Forum Code Signing Baseline Requirements", false},
		{KeyUsage().String(), "id-ce-keyUsage", "RFC 5280 §4.2.1.3", false},
		{SubjectAltName().String(), "id-ce-subjectAltName", "RFC 5280 §4.2.1.6", false},
		{BasicConstraints().String(), "id-ce-basicConstraints", "RFC 5280 §4.2.1.9", false},
		{NameConstraints().String(), "id-ce-nameConstraints", "RFC 5280 §4.2.1.10", false},
		{CRLDistributionPoints().String(), "id-ce-cRLDistributionPoints", "RFC 5280 §4.2.1.13", false},
		{PolicyConstraints().String(), "id-ce-policyConstraints", "RFC 5280 §4.2.1.11", false},
		{ExtKeyUsage().String(), "id-ce-extKeyUsage", "RFC 5280 §4.2.1.12", false},
		{InhibitAnyPolicy().String(), "id-ce-inhibitAnyPolicy", "RFC 5280 §4.2.1.14", false},
		{AuthorityInfoAccess().String(), "id-pe-authorityInfoAccess", "RFC 5280 §4.2.2.1", false},
		{CRLReason().String(), "id-ce-cRLReasons", "RFC 5280 §5.3.1", false},
		{DeltaCRLIndicator().String(), "id-ce-deltaCRLIndicator", "RFC 5280 §5.2.4", false},
		{IssuingDistributionPoint().String(), "id-ce-issuingDistributionPoint", "RFC 5280 §5.2.5", false},
		{QualifierCPS().String(), "id-qt-cps", "RFC 5280 §4.2.1.4", false},
		{QualifierNotice().String(), "id-qt-unotice", "RFC 5280 §4.2.1.4", false},
		{CommonName().String(), "id-at-commonName", "RFC 5280 appendix A", false},
		{Country().String(), "id-at-countryName", "RFC 5280 appendix A", false},
		{Organization().String(), "id-at-organizationName", "RFC 5280 appendix A", false},
		{EmailAddress().String(), "id-emailAddress", "RFC 5280 §4.1.2.6", false},
		{OCSPBasic().String(), "id-pkix-ocsp-basic", "RFC 6960 §4.2.1", false},
		{OCSPNonce().String(), "id-pkix-ocsp-nonce", "RFC 6960 §4.4.1", false},
		{OCSPNoCheck().String(), "id-pkix-ocsp-nocheck", "RFC 6960 §4.2.2.2.1", false},
		{SHA1().String(), "sha-1", "RFC 3370 §2.1", false},
		{SHA256().String(), "id-sha256", "RFC 5754 §2.2", false},
		{SHA384().String(), "id-sha384", "RFC 5754 §2.3", false},
		{SHA512().String(), "id-sha512", "RFC 5754 §2.4", false},
		{RSAEncryption().String(), "rsaEncryption", "RFC 3370 §3.2", false},
		{SHA1WithRSA().String(), "sha1WithRSAEncryption", "RFC 3370 §3.2", false},
		{SHA256WithRSA().String(), "sha256WithRSAEncryption", "RFC 5754 §3.2", false},
		{SHA384WithRSA().String(), "sha384WithRSAEncryption", "RFC 5754 §3.2", false},
		{SHA512WithRSA().String(), "sha512WithRSAEncryption", "RFC 5754 §3.2", false},
		{ECDSAWithSHA256().String(), "ecdsa-with-SHA256", "RFC 5754 §3.3", false},
		{ECDSAWithSHA384().String(), "ecdsa-with-SHA384", "RFC 5754 §3.3", false},
		{ECDSAWithSHA512().String(), "ecdsa-with-SHA512", "RFC 5754 §3.3", false},
		{FulcioIssuerV1().String(), "Issuer (V1)", "https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md", false},
		{FulcioIssuerV2().String(), "Issuer (V2)", "https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md", false},
		{AIKCertificate().String(), "tcg-kp-AIKCertificate", "TCG EK Credential Profile", false},
		{YubicoFirmware().String(), "firmware version", yubico, false},
		{YubicoSerial().String(), "serial number", yubico, false},
		{YubicoPolicies().String(), "PIN and touch policy", yubico, false},
		{YubicoFormFactor().String(), "form factor", yubico, false},
		{YubicoFIPS().String(), "FIPS certified", yubico, false},
		{Data().String(), "id-data", "RFC 5652 §4", false},
		{SignedData().String(), "id-signedData", "RFC 5652 §5.1", false},
		{ContentType().String(), "id-contentType", "RFC 5652 §11.1", false},
		{MessageDigest().String(), "id-messageDigest", "RFC 5652 §11.2", false},
		{SigningTime().String(), "id-signingTime", "RFC 5652 §11.3", false},
		{SigningCertificateV2().String(), "id-aa-signingCertificateV2", "RFC 5035 §3", false},
		{CMSAlgorithmProtection().String(), "id-aa-CMSAlgorithmProtection", "RFC 6211 §2", false},
		{TimeStampToken().String(), "id-aa-timeStampToken", "RFC 3161 appendix A", false},
		{TSTInfo().String(), "id-ct-TSTInfo", "RFC 3161 §2.4.2", false},
		{SPCIndirectData().String(), "SPC_INDIRECT_DATA", authenticode, false},
		{SPCStatementType().String(), "SPC_STATEMENT_TYPE", authenticode, false},
		{SPCOpusInfo().String(), "SPC_SP_OPUS_INFO", authenticode, false},
		{SPCIndividualPurpose().String(), "SPC_INDIVIDUAL_SP_KEY_PURPOSE", authenticode, false},
		{SPCPEImageData().String(), "SPC_PE_IMAGE_DATA", authenticode, false},
		{SPCCabinetData().String(), "SPC_CAB_DATA", authenticode, false},
		{SPCSIPInfo().String(), "SPC_SIPINFO", authenticode, false},
		{SPCTimeStampToken().String(), "SPC_RFC3161", authenticode, false},
		{SPCNestedSignature().String(), "SPC_NESTED_SIGNATURE", authenticode, false},
	}
}

// Theirs. Functions, not variables: an ObjectIdentifier is a slice that anyone could
// write to.

// SubjectKeyIdentifier is id-ce-subjectKeyIdentifier, RFC 5280 §4.2.1.2.
func SubjectKeyIdentifier() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 14} }

// AuthorityKeyIdentifier is id-ce-authorityKeyIdentifier, RFC 5280 §4.2.1.1.
func AuthorityKeyIdentifier() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 35} }

// CertificatePolicies is id-ce-certificatePolicies, RFC 5280 §4.2.1.4.
func CertificatePolicies() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 32} }

// AnyPolicy is anyPolicy, RFC 5280 §4.2.1.4.
func AnyPolicy() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 32, 0} }

// InvalidityDate is id-ce-invalidityDate, RFC 5280 §5.3.2.
func InvalidityDate() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 24} }

// CodeSigningBaselinePolicy says that a certificate follows the CA/Browser Forum's
// Code Signing Baseline Requirements.
func CodeSigningBaselinePolicy() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{2, 23, 140, 1, 4, 1}
}

// KeyUsage is id-ce-keyUsage, RFC 5280 §4.2.1.3.
func KeyUsage() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 15} }

// SubjectAltName is id-ce-subjectAltName, RFC 5280 §4.2.1.6.
func SubjectAltName() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 17} }

// BasicConstraints is id-ce-basicConstraints, RFC 5280 §4.2.1.9.
func BasicConstraints() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 19} }

// NameConstraints is id-ce-nameConstraints, RFC 5280 §4.2.1.10.
func NameConstraints() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 30} }

// CRLDistributionPoints is id-ce-cRLDistributionPoints, RFC 5280 §4.2.1.13.
func CRLDistributionPoints() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 31} }

// PolicyConstraints is id-ce-policyConstraints, RFC 5280 §4.2.1.11.
func PolicyConstraints() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 36} }

// ExtKeyUsage is id-ce-extKeyUsage, RFC 5280 §4.2.1.12.
func ExtKeyUsage() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 37} }

// InhibitAnyPolicy is id-ce-inhibitAnyPolicy, RFC 5280 §4.2.1.14.
func InhibitAnyPolicy() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 54} }

// AuthorityInfoAccess is id-pe-authorityInfoAccess, RFC 5280 §4.2.2.1.
func AuthorityInfoAccess() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 1}
}

// CRLReason is id-ce-cRLReasons, RFC 5280 §5.3.1.
func CRLReason() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 21} }

// DeltaCRLIndicator is id-ce-deltaCRLIndicator, RFC 5280 §5.2.4.
func DeltaCRLIndicator() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 27} }

// IssuingDistributionPoint is id-ce-issuingDistributionPoint, RFC 5280 §5.2.5.
func IssuingDistributionPoint() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, 28} }

// QualifierCPS is id-qt-cps, RFC 5280 §4.2.1.4.
func QualifierCPS() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 2, 1} }

// QualifierNotice is id-qt-unotice, RFC 5280 §4.2.1.4.
func QualifierNotice() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 2, 2} }

// CommonName is id-at-commonName, RFC 5280 appendix A.
func CommonName() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 4, 3} }

// Country is id-at-countryName, RFC 5280 appendix A.
func Country() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 4, 6} }

// Organization is id-at-organizationName, RFC 5280 appendix A.
func Organization() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 4, 10} }

// EmailAddress is id-emailAddress, RFC 5280 §4.1.2.6.
func EmailAddress() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1} }

// OCSPBasic is id-pkix-ocsp-basic, RFC 6960 §4.2.1.
func OCSPBasic() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1} }

// OCSPNonce is id-pkix-ocsp-nonce, RFC 6960 §4.4.1.
func OCSPNonce() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2} }

// OCSPNoCheck is id-pkix-ocsp-nocheck, RFC 6960 §4.2.2.2.1: a responder's certificate
// that nobody asks about.
func OCSPNoCheck() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5} }

// SHA1 is RFC 3370 §2.1; it names things here, and nothing is signed with it.
func SHA1() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26} }

// SHA256 is id-sha256, RFC 5754 §2.2.
func SHA256() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1} }

// SHA384 is id-sha384, RFC 5754 §2.3.
func SHA384() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2} }

// SHA512 is id-sha512, RFC 5754 §2.4.
func SHA512() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3} }

// RSAEncryption is rsaEncryption, RFC 3370 §3.2.
func RSAEncryption() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1} }

// SHA1WithRSA is sha1WithRSAEncryption, RFC 3370 §3.2.
func SHA1WithRSA() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5} }

// SHA256WithRSA is sha256WithRSAEncryption, RFC 5754 §3.2.
func SHA256WithRSA() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11} }

// SHA384WithRSA is sha384WithRSAEncryption, RFC 5754 §3.2.
func SHA384WithRSA() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12} }

// SHA512WithRSA is sha512WithRSAEncryption, RFC 5754 §3.2.
func SHA512WithRSA() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13} }

// ECDSAWithSHA256 is ecdsa-with-SHA256, RFC 5754 §3.3.
func ECDSAWithSHA256() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2} }

// ECDSAWithSHA384 is ecdsa-with-SHA384, RFC 5754 §3.3.
func ECDSAWithSHA384() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3} }

// ECDSAWithSHA512 is ecdsa-with-SHA512, RFC 5754 §3.3.
func ECDSAWithSHA512() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4} }

// FulcioIssuerV1 is an extension of Fulcio's certificates: who vouched for the
// subject, as bare text.
func FulcioIssuerV1() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 1}
}

// FulcioIssuerV2 is FulcioIssuerV1 as a DER UTF8String.
func FulcioIssuerV2() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}
}

// AIKCertificate is the extended key usage tcg-kp-AIKCertificate: the certificate of
// a TPM's attestation key.
func AIKCertificate() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 23, 133, 8, 3} }

// YubicoFirmware is an extension of a YubiKey's attestation: three bytes.
func YubicoFirmware() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, 3}
}

// YubicoSerial is an extension of a YubiKey's attestation: an INTEGER.
func YubicoSerial() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, 7}
}

// YubicoPolicies is an extension of a YubiKey's attestation: two bytes, when PIN and touch are wanted.
func YubicoPolicies() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, 8}
}

// YubicoFormFactor is an extension of a YubiKey's attestation: one byte, the high bit of FIPS devices set.
func YubicoFormFactor() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, 9}
}

// YubicoFIPS is an extension of a YubiKey's attestation: nothing more: there if the device is FIPS certified.
func YubicoFIPS() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, 10}
}

// Data is id-data, RFC 5652 §4.
func Data() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1} }

// SignedData is id-signedData, RFC 5652 §5.1.
func SignedData() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2} }

// ContentType is the signed attribute id-contentType, RFC 5652 §11.1.
func ContentType() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3} }

// MessageDigest is the signed attribute id-messageDigest, RFC 5652 §11.2.
func MessageDigest() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4} }

// SigningTime is the signed attribute id-signingTime, RFC 5652 §11.3.
func SigningTime() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5} }

// SigningCertificateV2 is the signed attribute id-aa-signingCertificateV2, RFC 5035 §3.
func SigningCertificateV2() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
}

// CMSAlgorithmProtection is the signed attribute of RFC 6211 §2.
func CMSAlgorithmProtection() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 52}
}

// TimeStampToken is the unsigned attribute id-aa-timeStampToken; RFC 3161 names it in
// its appendix A.
func TimeStampToken() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 14}
}

// TSTInfo is the content type of a time stamp token, RFC 3161 §2.4.2.
func TSTInfo() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
}

// SPCIndirectData is the content type of an Authenticode signature: SpcIndirectDataContent.
func SPCIndirectData() asn1.ObjectIdentifier { return microsoft(2, 1, 4) }

// SPCStatementType is a signed attribute of Authenticode: what the signer stands for.
func SPCStatementType() asn1.ObjectIdentifier { return microsoft(2, 1, 11) }

// SPCOpusInfo is a signed attribute of Authenticode: name and address of what is signed.
func SPCOpusInfo() asn1.ObjectIdentifier { return microsoft(2, 1, 12) }

// SPCIndividualPurpose is a value of SPCStatementType, the one that tools write today.
func SPCIndividualPurpose() asn1.ObjectIdentifier { return microsoft(2, 1, 21) }

// SPCPEImageData says that an Authenticode digest is a program's.
func SPCPEImageData() asn1.ObjectIdentifier { return microsoft(2, 1, 15) }

// SPCCabinetData says that an Authenticode digest is a cabinet's.
func SPCCabinetData() asn1.ObjectIdentifier { return microsoft(2, 1, 25) }

// SPCSIPInfo says that an Authenticode digest was taken by what a class ID names, such
// as an installer package's.
func SPCSIPInfo() asn1.ObjectIdentifier { return microsoft(2, 1, 30) }

// SPCTimeStampToken is Authenticode's unsigned attribute for a token of RFC 3161 §2.4.2.
func SPCTimeStampToken() asn1.ObjectIdentifier { return microsoft(3, 3, 1) }

// SPCNestedSignature is Authenticode's unsigned attribute for a further signature.
func SPCNestedSignature() asn1.ObjectIdentifier { return microsoft(2, 4, 1) }

// microsoft is an OID under Microsoft's arc.
func microsoft(a, b, c int) asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, a, b, c}
}
