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
