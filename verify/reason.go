package verify

import (
	"fmt"
	"slices"
)

// Code says why a file was not judged valid. The values are stable: programs
// switch on them. Codes() lists them all.
type Code string

// The file and where its signature sits.
const (
	// FileUnreadable: the file could not be opened or read, is not a regular file,
	// or changed while it was being read.
	FileUnreadable Code = "file-unreadable"
	// Unsigned: the file carries no signature.
	Unsigned Code = "unsigned"
	// ContainerMalformed: the package around the signature breaks its format.
	ContainerMalformed Code = "container-malformed"
	// DataAfterSignature: something follows the signature in the package.
	DataAfterSignature Code = "data-after-signature"
	// TwoSignatures: the file holds two signatures.
	TwoSignatures Code = "two-signatures"
	// PackageUnreadable: the policy goes by the names of packages, and this one's cannot be
	// read, or dpkg might read another one.
	PackageUnreadable Code = "package-unreadable"
	// UnsignedContent: something in a signed archive or package is not signed.
	UnsignedContent Code = "unsigned-content"
)

// The CMS signature, RFC 5652.
const (
	// SignatureMalformed: not the DER encoding of SignedData in our profile.
	SignatureMalformed Code = "signature-malformed"
	// SignatureTooLarge: a bound on size or number was exceeded.
	SignatureTooLarge Code = "signature-too-large"
	// NotDetached: the signature brings its own content.
	NotDetached Code = "not-detached"
	// SignerCount: no signer, or more than one.
	SignerCount Code = "signer-count"
	// ContentType: the content type is not the format's (mostly id-data), in the structure or in the attribute.
	ContentType Code = "content-type"
	// AttributeMissing: a signed attribute that must be there is not.
	AttributeMissing Code = "attribute-missing"
	// AttributeDuplicate: an attribute occurs twice, or has not exactly one value.
	AttributeDuplicate Code = "attribute-duplicate"
	// AttributeMalformed: an attribute's value is not what its type says.
	AttributeMalformed Code = "attribute-malformed"
	// AlgorithmRefused: a digest or signature algorithm that is weak, unknown, or
	// does not go with the other one.
	AlgorithmRefused Code = "algorithm-refused"
	// AlgorithmProtection: the protected algorithms are not those used, RFC 6211 §3.
	AlgorithmProtection Code = "algorithm-protection"
	// SigningCertificate: the signed certificate hash is not the signer's, RFC 5035 §3.
	SigningCertificate Code = "signing-certificate"
	// SignerUnknown: not exactly one certificate inside fits the signer's identifier.
	SignerUnknown Code = "signer-unknown"
	// SigningTime: the time the signer claims lies outside its certificate's validity.
	SigningTime Code = "signing-time"
	// DigestMismatch: the file is not the one that was signed.
	DigestMismatch Code = "digest-mismatch"
	// SignatureInvalid: the signature does not verify under the signer's key.
	SignatureInvalid Code = "signature-invalid"
)

// The timestamp, RFC 3161.
const (
	// TimestampMissing: the policy demands a timestamp and there is none.
	TimestampMissing Code = "timestamp-missing"
	// TimestampMalformed: the token is not one, breaks the profile, or its own
	// signature does not verify.
	TimestampMalformed Code = "timestamp-malformed"
	// TimestampMismatch: the token stamps something else.
	TimestampMismatch Code = "timestamp-mismatch"
	// TimestampUntrusted: the authority's chain leads to no timestamp root at that time.
	TimestampUntrusted Code = "timestamp-untrusted"
	// TimestampCertificate: the authority's certificate is not for timestamping alone.
	TimestampCertificate Code = "timestamp-certificate"
	// TimestampRevoked: the authority's certificate is revoked in a way that takes
	// this token with it.
	TimestampRevoked Code = "timestamp-revoked"
	// NotYetSigned: the timestamp is later than the moment for which the state was asked:
	// the signature did not exist then.
	NotYetSigned Code = "not-yet-signed"
	// ClockBehind: the timestamp, or all revocation data, lies in this machine's
	// future: its clock is wrong.
	ClockBehind Code = "clock-behind"
)

// The chain, RFC 5280 §6.
const (
	// ChainUntrusted: no path from the signer to a root of the trust bundle.
	ChainUntrusted Code = "chain-untrusted"
	// ChainExpired: a certificate of the path was not valid at the trusted time.
	ChainExpired Code = "chain-expired"
	// CriticalExtension: a certificate of the path has a critical extension that this
	// release does not know, RFC 5280 §4.2.
	CriticalExtension Code = "critical-extension"
	// NameConstraint: a CA above the signer may not certify the vendor's name, RFC 5280
	// §4.2.1.10.
	NameConstraint Code = "name-constraint"
	// PolicyConstraint: a CA above the signer demands certificate policies that the path
	// does not have, RFC 5280 §4.2.1.11.
	PolicyConstraint Code = "policy-constraint"
	// IssuerUnfit: an issuing CA is not one for code signing.
	IssuerUnfit Code = "issuer-unfit"
	// SignerUnfit: the signer's certificate is not for code signing, or does not
	// name one vendor.
	SignerUnfit Code = "signer-unfit"
	// KeyWeak: a key of the path is too short or of another kind.
	KeyWeak Code = "key-weak"
)

// The mark and what the policy asks of it.
const (
	// MarkMissing: the certificate carries no mark.
	MarkMissing Code = "mark-missing"
	// MarkInvalid: the mark is malformed or disagrees with the certificate's policies.
	MarkInvalid Code = "mark-invalid"
	// TierCeiling: a claim is above what the issuing CA may certify.
	TierCeiling Code = "tier-ceiling"
	// AssessmentExpired: an assessment was not in force at the trusted time.
	AssessmentExpired Code = "assessment-expired"
	// AssessmentWithdrawn: an assessment ended before its time, and the signature is not
	// proved to be older, or the policy wants it in force today.
	AssessmentWithdrawn Code = "assessment-withdrawn"
	// AssessmentUnknown: the policy wants assessments in force today, and there is no
	// status bundle, or one too old, to tell.
	AssessmentUnknown Code = "assessment-unknown"
	// RequirementUnmet: the claims do not satisfy the policy.
	RequirementUnmet Code = "requirement-unmet"
)

// Revocation, RFC 5280 §5 and §6.3.
const (
	// Revoked: the signer's certificate is revoked, and the signature is not
	// proved to be older than the reason.
	Revoked Code = "revoked"
	// IssuerRevoked: the same for a CA certificate of the path.
	IssuerRevoked Code = "issuer-revoked"
	// RevocationUnknown: the policy demands revocation data and there is none
	// that is authentic and covers the certificate.
	RevocationUnknown Code = "revocation-unknown"
	// RevocationStale: the newest revocation data is too old for the policy.
	RevocationStale Code = "revocation-stale"
)

// Evidence that travels with the file or is fetched.
const (
	// StapleMalformed: the staple is not one.
	StapleMalformed Code = "staple-malformed"
	// SummaryMissing: the policy demands a verification summary and there is none.
	SummaryMissing Code = "summary-missing"
	// SummaryInvalid: the summary is malformed, signed by nobody we trust, or about
	// another file.
	SummaryInvalid Code = "summary-invalid"
	// SummaryFailed: the summary is authentic and says that verification failed.
	SummaryFailed Code = "summary-failed"
	// ReceiptMissing: a claim's assessment has no receipt.
	ReceiptMissing Code = "receipt-missing"
	// ReceiptInvalid: a receipt is malformed or proves nothing about a log we trust.
	ReceiptInvalid Code = "receipt-invalid"
	// NotConfirmed: the signature was made before all evidence was there, and the policy
	// wants the summary that came after.
	NotConfirmed Code = "not-confirmed"
	// ConfirmationOverdue: a provisional signature should have been confirmed or revoked
	// by now, and nothing at hand says which.
	ConfirmationOverdue Code = "confirmation-overdue"
	// EvidenceUnavailable: evidence had to be fetched and could not be.
	EvidenceUnavailable Code = "evidence-unavailable"
)

// The verifier's own state.
const (
	// TrustUnusable: no usable trust bundle.
	TrustUnusable Code = "trust-unusable"
	// PolicyUnusable: the policy file cannot be read or is malformed.
	PolicyUnusable Code = "policy-unusable"
	// StatusUnusable: the status bundle cannot be read or is malformed.
	StatusUnusable Code = "status-unusable"
	// Canceled: the caller gave up first.
	Canceled Code = "canceled"
	// FileReplaceable: somebody else than root could put another file in this one's place
	// before it is unpacked. Copy it to a folder of root's and install the copy.
	FileReplaceable Code = "file-replaceable"
	// PackageMismatch: the package manager is about to install the file as another package,
	// version or architecture than it says it is. Whoever serves it is wrong or lies.
	PackageMismatch Code = "package-mismatch"
	// InternalError: the verifier failed. It is a bug; the file is refused.
	InternalError Code = "internal-error"
)

// Notes: they accompany a verdict and never change it.
const (
	// NoteBuiltInPolicy: no policy file, the built-in policy was used.
	NoteBuiltInPolicy Code = "built-in-policy"
	// NoteException: an exception of the policy let the file pass.
	NoteException Code = "exception"
	// NoteRevocationUnchecked: revocation was not checked, or against old data, and
	// the policy allows that.
	NoteRevocationUnchecked Code = "revocation-unchecked"
	// NoteStatusAging: the revocation data is older than the policy's warn_status_age, and
	// not yet too old.
	NoteStatusAging Code = "status-aging"
	// NoteNoTimestamp: judged at the present time for lack of a timestamp.
	NoteNoTimestamp Code = "no-timestamp"
	// NoteRevokedLater: the certificate was revoked for something after the signature.
	NoteRevokedLater Code = "revoked-later"
	// NoteAssessmentEnded: an assessment ended after the signature, or another took its
	// place; the signature stands.
	NoteAssessmentEnded Code = "assessment-ended"
	// NoteOpenPGP: the package has no signature of ours, and debsig-verify took its OpenPGP
	// one, as this machine's owner allowed it to.
	NoteOpenPGP Code = "openpgp-instead"
	// NoteProvisional: the signature was made before all evidence was there, and the
	// policy lets such a one pass for now.
	NoteProvisional Code = "provisional"
)

// Reason is one cause of a verdict, or a note beside it.
type Reason struct {
	Code   Code   `json:"code"`
	Detail string `json:"detail"` // for people; not stable
}

func (r Reason) String() string {
	if r.Detail == "" {
		return string(r.Code)
	}
	return string(r.Code) + ": " + r.Detail
}

// Error makes a Reason usable where a check returns an error.
func (r Reason) Error() string { return r.String() }

func because(c Code, format string, args ...any) error {
	return Reason{c, fmt.Sprintf(format, args...)}
}

// undecided are the codes that mean "could not tell": nothing speaks against the
// file, but something that had to be known is not known.
var undecided = []Code{
	FileUnreadable, ClockBehind, AssessmentUnknown, RevocationUnknown, RevocationStale, EvidenceUnavailable, ConfirmationOverdue,
	TrustUnusable, PolicyUnusable, StatusUnusable, Canceled, FileReplaceable, InternalError,
}

// against are the codes that mean "not valid".
var against = []Code{
	Unsigned, ContainerMalformed, DataAfterSignature, TwoSignatures, PackageUnreadable, UnsignedContent,
	SignatureMalformed, SignatureTooLarge, NotDetached, SignerCount, ContentType, AttributeMissing, AttributeDuplicate,
	AttributeMalformed, AlgorithmRefused, AlgorithmProtection, SigningCertificate, SignerUnknown, SigningTime,
	DigestMismatch, SignatureInvalid,
	TimestampMissing, TimestampMalformed, TimestampMismatch, TimestampUntrusted, TimestampCertificate, TimestampRevoked, NotYetSigned,
	ChainUntrusted, ChainExpired, CriticalExtension, NameConstraint, PolicyConstraint, IssuerUnfit, SignerUnfit, KeyWeak,
	MarkMissing, MarkInvalid, TierCeiling, AssessmentExpired, AssessmentWithdrawn, RequirementUnmet,
	Revoked, IssuerRevoked,
	StapleMalformed, SummaryMissing, SummaryInvalid, SummaryFailed, NotConfirmed, ReceiptMissing, ReceiptInvalid,
	PackageMismatch,
}

// Codes returns every code that can make a verdict other than valid.
func Codes() []Code { return slices.Concat(against, undecided) }

// Outcome is the verdict that this code alone leads to.
func (c Code) Outcome() Outcome {
	if slices.Contains(undecided, c) {
		return CouldNotTell
	}
	// A code this version does not know is never a reason to accept.
	return NotValid
}
