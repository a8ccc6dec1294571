package verify

import (
	"fmt"
	"slices"
)

// Code says why a file was not judged valid. The values are stable: programs
// switch on them. Codes() lists them all.
//
// The page docs/reasons.md and the command "reason" are made of the comments in this
// file, by go test ./verify -run TestReasonsPage -update: what a code means, and behind
// "Do:" what whoever sees it can do.
type Code string

// The file and where its signature sits.
const (
	// FileUnreadable: the file could not be opened or read, is not a regular file,
	// or changed while it was being read.
	// Do: check the path and who may read it; copy the file anew and try again.
	FileUnreadable Code = "file-unreadable"
	// Unsigned: the file carries no signature.
	// Do: get the signed file from the vendor; a file that will stay unsigned needs an
	// exception by its digest.
	Unsigned Code = "unsigned"
	// ContainerMalformed: the package around the signature breaks its format.
	// Do: download the file anew; if it stays so, the vendor has to build and sign it again.
	ContainerMalformed Code = "container-malformed"
	// DataAfterSignature: something follows the signature in the package.
	// Do: do not use the file: it was changed after it was signed. Download it anew from the
	// vendor.
	DataAfterSignature Code = "data-after-signature"
	// TwoSignatures: the file holds two signatures.
	// Do: do not use the file; the vendor has to sign it once, replacing the old signature.
	TwoSignatures Code = "two-signatures"
	// PackageUnreadable: the policy goes by the names of packages, and this one's cannot be
	// read, or dpkg might read another one.
	// Do: the vendor has to build the package with dpkg-deb; if the policy can do without
	// names, take rules and exceptions by package out of it.
	PackageUnreadable Code = "package-unreadable"
	// UnsignedContent: something in a signed archive or package, or beside what belongs into
	// its signature, is not signed.
	// Do: do not use the file: something was added after it was signed. Download it anew
	// from the vendor.
	UnsignedContent Code = "unsigned-content"
)

// The CMS signature, RFC 5652.
const (
	// SignatureMalformed: not the DER encoding of SignedData in our profile.
	// Do: download file and signature anew; if it stays so, the vendor has to sign again
	// with hallmark.
	SignatureMalformed Code = "signature-malformed"
	// SignatureTooLarge: a bound on size or number was exceeded.
	// Do: the vendor has to sign again; a real signature is a hundredth of that.
	SignatureTooLarge Code = "signature-too-large"
	// NotDetached: the signature brings its own content.
	// Do: the vendor has to make a detached signature.
	NotDetached Code = "not-detached"
	// SignerCount: no signer, or more than one.
	// Do: the vendor has to sign again with one signer.
	SignerCount Code = "signer-count"
	// ContentType: the content type is not the format's (mostly id-data), in the structure or in the attribute.
	// Do: the vendor has to sign again in the way that goes with the format of the file.
	ContentType Code = "content-type"
	// AttributeMissing: a signed attribute that must be there is not.
	// Do: the vendor has to sign again with hallmark, which writes every attribute that is
	// needed.
	AttributeMissing Code = "attribute-missing"
	// AttributeDuplicate: an attribute occurs twice, or has not exactly one value.
	// Do: do not use the file; the vendor has to sign again.
	AttributeDuplicate Code = "attribute-duplicate"
	// AttributeMalformed: an attribute's value is not what its type says.
	// Do: do not use the file; the vendor has to sign again.
	AttributeMalformed Code = "attribute-malformed"
	// AlgorithmRefused: a digest or signature algorithm that is weak, unknown, or
	// does not go with the other one.
	// Do: the vendor has to sign again with SHA-256 or better and ECDSA or RSA.
	AlgorithmRefused Code = "algorithm-refused"
	// AlgorithmProtection: the protected algorithms are not those used, RFC 6211 §3.
	// Do: do not use the file: somebody changed the names of the algorithms. Download it
	// anew.
	AlgorithmProtection Code = "algorithm-protection"
	// SigningCertificate: the signed certificate hash is not the signer's, RFC 5035 §3.
	// Do: do not use the file: the certificate was exchanged. Download it anew from the
	// vendor.
	SigningCertificate Code = "signing-certificate"
	// SignerUnknown: not exactly one certificate inside fits the signer's identifier.
	// Do: the vendor has to sign again with its certificate inside the signature.
	SignerUnknown Code = "signer-unknown"
	// SigningTime: the time the signer claims lies outside its certificate's validity.
	// Do: the vendor has to check the clock of the machine that signs, and sign again.
	SigningTime Code = "signing-time"
	// DigestMismatch: the file is not the one that was signed.
	// Do: do not use the file. Download it anew; if it stays so, tell the vendor.
	DigestMismatch Code = "digest-mismatch"
	// SignatureInvalid: the signature does not verify under the signer's key.
	// Do: do not use the file. Download it anew; if it stays so, tell the vendor.
	SignatureInvalid Code = "signature-invalid"
)

// The timestamp, RFC 3161.
const (
	// TimestampMissing: the policy demands a timestamp and there is none.
	// Do: the vendor has to sign with a timestamp; or the policy says "timestamp: if-
	// available".
	TimestampMissing Code = "timestamp-missing"
	// TimestampMalformed: the token is not one, breaks the profile, or its own
	// signature does not verify.
	// Do: the vendor has to sign again; a broken timestamp is not left aside even where none
	// is needed.
	TimestampMalformed Code = "timestamp-malformed"
	// TimestampMismatch: the token stamps something else.
	// Do: do not use the file: the timestamp was taken from elsewhere. Download it anew.
	TimestampMismatch Code = "timestamp-mismatch"
	// TimestampUntrusted: the authority's chain leads to no timestamp root at that time.
	// Do: get the newest trust bundle of the CA, which names the roots of timestamps; else
	// the vendor has to use the CA's authority.
	TimestampUntrusted Code = "timestamp-untrusted"
	// TimestampCertificate: the authority's certificate is not for timestamping alone.
	// Do: the vendor has to use a timestamp authority with a certificate for that alone.
	TimestampCertificate Code = "timestamp-certificate"
	// TimestampRevoked: the authority's certificate is revoked in a way that takes
	// this token with it.
	// Do: the vendor has to sign again with a timestamp of another authority.
	TimestampRevoked Code = "timestamp-revoked"
	// NotYetSigned: the timestamp is later than the moment for which the state was asked:
	// the signature did not exist then.
	// Do: ask for a later moment with --as-of, or leave it out for the present.
	NotYetSigned Code = "not-yet-signed"
	// ClockBehind: the timestamp, or all revocation data, lies in this machine's
	// future: its clock is wrong.
	// Do: set this machine's clock and try again. With --at, ask with --as-of instead, or
	// with the status bundle of that day.
	ClockBehind Code = "clock-behind"
)

// The chain, RFC 5280 §6.
const (
	// ChainUntrusted: no path from the signer to a root of the trust bundle.
	// Do: if you trust the CA, add its trust bundle after comparing the fingerprint; else do
	// not use the file.
	ChainUntrusted Code = "chain-untrusted"
	// ChainExpired: a certificate of the path was not valid at the trusted time.
	// Do: check this machine's clock first; then the vendor has to sign anew with a valid
	// certificate and a timestamp.
	ChainExpired Code = "chain-expired"
	// CriticalExtension: a certificate of the path has a critical extension that this
	// release does not know, RFC 5280 §4.2.
	// Do: update the verifier; a newer release may know it.
	CriticalExtension Code = "critical-extension"
	// NameConstraint: a CA above the signer may not certify the vendor's name, RFC 5280
	// §4.2.1.10.
	// Do: do not use the file; tell the CA, which must not have issued that certificate.
	NameConstraint Code = "name-constraint"
	// PolicyConstraint: a CA above the signer demands certificate policies that the path
	// does not have, RFC 5280 §4.2.1.11.
	// Do: tell the CA: its certificates contradict each other.
	PolicyConstraint Code = "policy-constraint"
	// IssuerUnfit: an issuing CA is not one for code signing.
	// Do: do not use the file: whoever issued the certificate may not issue such ones. Tell
	// the CA.
	IssuerUnfit Code = "issuer-unfit"
	// SignerUnfit: the signer's certificate is not for code signing, or does not
	// name one vendor.
	// Do: the vendor has to sign with a code signing certificate of the CA.
	SignerUnfit Code = "signer-unfit"
	// KeyWeak: a key of the path is too short or of another kind.
	// Do: the vendor has to get a certificate for a longer key: RSA of 3072 bits, P-256 or
	// more.
	KeyWeak Code = "key-weak"
)

// The mark and what the policy asks of it.
const (
	// MarkMissing: the certificate carries no mark.
	// Do: the vendor has to get a certificate with a mark, which takes an assessment. Check
	// that the trust bundle is of the same CA: the mark stands under its arc.
	MarkMissing Code = "mark-missing"
	// MarkInvalid: the mark is malformed or disagrees with the certificate's policies.
	// Do: do not use the file; tell the CA, which must not have issued that certificate.
	MarkInvalid Code = "mark-invalid"
	// TierCeiling: a claim is above what the issuing CA may certify.
	// Do: do not use the file; tell the CA, which must not have issued that certificate.
	TierCeiling Code = "tier-ceiling"
	// AssessmentExpired: an assessment was not in force at the trusted time.
	// Do: the vendor has to be assessed again and sign with a new certificate.
	AssessmentExpired Code = "assessment-expired"
	// AssessmentWithdrawn: an assessment ended before its time, and the signature is not
	// proved to be older, or the policy wants it in force today.
	// Do: look at the vendor's notice before using anything signed since; the vendor signs
	// anew under an assessment in force.
	AssessmentWithdrawn Code = "assessment-withdrawn"
	// AssessmentUnknown: the policy wants assessments in force today, and there is no
	// status bundle, or one too old, to tell.
	// Do: run "hallmark-verify update", or bring a newer status bundle.
	AssessmentUnknown Code = "assessment-unknown"
	// RequirementUnmet: the claims do not satisfy the policy.
	// Do: compare what is claimed with what the policy wants ("hallmark-verify policy
	// explain"); an exception by vendor or package lets it pass for a while.
	RequirementUnmet Code = "requirement-unmet"
)

// Revocation, RFC 5280 §5 and §6.3.
const (
	// Revoked: the signer's certificate is revoked, and the signature is not
	// proved to be older than the reason.
	// Do: do not use the file. If the vendor has signed it anew, get that one.
	Revoked Code = "revoked"
	// IssuerRevoked: the same for a CA certificate of the path.
	// Do: do not use the file; look at the CA's notice. Vendors have to sign anew under
	// another CA certificate.
	IssuerRevoked Code = "issuer-revoked"
	// RevocationUnknown: the policy demands revocation data and there is none
	// that is authentic and covers the certificate.
	// Do: run "hallmark-verify update", or bring a status bundle of this CA; each
	// certificate needs the one list that it names.
	RevocationUnknown Code = "revocation-unknown"
	// RevocationStale: the newest revocation data is too old for the policy.
	// Do: run "hallmark-verify update", or bring a newer status bundle.
	RevocationStale Code = "revocation-stale"
)

// Evidence that travels with the file or is fetched.
const (
	// StapleMalformed: the staple is not one.
	// Do: download the file anew; if it stays so, the vendor has to sign again.
	StapleMalformed Code = "staple-malformed"
	// SummaryMissing: the policy demands a verification summary and there is none.
	// Do: get the file in which the vendor has attached the summary; or the policy says
	// "attestations: fetch" or "off".
	SummaryMissing Code = "summary-missing"
	// SummaryInvalid: the summary is malformed, signed by nobody we trust, or about
	// another file.
	// Do: download the file anew; get the newest trust bundle, which names the keys of
	// summaries; else the vendor has to sign again.
	SummaryInvalid Code = "summary-invalid"
	// SummaryFailed: the summary is authentic and says that verification failed.
	// Do: do not use the file: the CA has found that it is not what it claims to be.
	SummaryFailed Code = "summary-failed"
	// ReceiptMissing: a claim's assessment has no receipt.
	// Do: the vendor has to sign again; the signing service attaches receipts by itself.
	ReceiptMissing Code = "receipt-missing"
	// ReceiptInvalid: a receipt is malformed or proves nothing about a log we trust.
	// Do: get the newest trust bundle, which names the logs; else do not use the file, and
	// tell the CA.
	ReceiptInvalid Code = "receipt-invalid"
	// NotConfirmed: the signature was made before all evidence was there, and the policy
	// wants the summary that came after.
	// Do: wait for the confirmed file and get it from the vendor; or the policy says
	// "confirmed: any".
	NotConfirmed Code = "not-confirmed"
	// ConfirmationOverdue: a provisional signature should have been confirmed or revoked
	// by now, and nothing at hand says which.
	// Do: run "hallmark-verify update": newer revocation data says whether it was revoked.
	// Or get the confirmed file from the vendor.
	ConfirmationOverdue Code = "confirmation-overdue"
	// EvidenceUnavailable: evidence had to be fetched and could not be.
	// Do: try again when the repository can be reached; or use a file with all evidence
	// inside.
	EvidenceUnavailable Code = "evidence-unavailable"
)

// The verifier's own state.
const (
	// TrustUnusable: no usable trust bundle.
	// Do: get the CA's trust bundle, compare its fingerprint, and put it at its place or
	// name it with --trust.
	TrustUnusable Code = "trust-unusable"
	// PolicyUnusable: the policy file cannot be read or is malformed.
	// Do: "hallmark-verify policy check FILE" says what is wrong; correct it.
	PolicyUnusable Code = "policy-unusable"
	// StatusUnusable: the status bundle cannot be read or is malformed.
	// Do: run "hallmark-verify update", or bring a new status bundle from the CA.
	StatusUnusable Code = "status-unusable"
	// Canceled: the caller gave up first.
	// Do: try again, and let it finish.
	Canceled Code = "canceled"
	// FileReplaceable: somebody else than root could put another file in this one's place
	// before it is unpacked.
	// Do: copy it to a folder that only root can write to, and install the copy.
	FileReplaceable Code = "file-replaceable"
	// PackageMismatch: the package manager is about to install the file as another package,
	// version or architecture than it says it is.
	// Do: do not install it; whoever serves it is wrong or lies. Update the lists, or use
	// another mirror.
	PackageMismatch Code = "package-mismatch"
	// InternalError: the verifier failed. It is a bug; the file is refused.
	// Do: report it with the file, if you may share that; until then the file is refused.
	InternalError Code = "internal-error"
)

// Notes: they accompany a verdict and never change it.
const (
	// NoteBuiltInPolicy: no policy file, the built-in policy was used.
	// Do: write a policy: "hallmark-verify policy preset" has some to begin with.
	NoteBuiltInPolicy Code = "built-in-policy"
	// NoteException: an exception of the policy let the file pass.
	// Do: nothing; when the exception ends, the file is refused.
	NoteException Code = "exception"
	// NoteRevocationUnchecked: revocation was not checked, or against old data, and
	// the policy allows that.
	// Do: run "hallmark-verify update", and let the policy say "revocation: required".
	NoteRevocationUnchecked Code = "revocation-unchecked"
	// NoteStatusAging: the revocation data is older than the policy's warn_status_age, and
	// not yet too old.
	// Do: run "hallmark-verify update" before it is refused.
	NoteStatusAging Code = "status-aging"
	// NoteNoTimestamp: judged at the present time for lack of a timestamp.
	// Do: nothing today; the file is refused once the certificate has ended or is revoked.
	// The vendor can sign with a timestamp.
	NoteNoTimestamp Code = "no-timestamp"
	// NoteRevokedLater: the certificate was revoked for something after the signature.
	// Do: nothing; look at the vendor's notice if you want to know why.
	NoteRevokedLater Code = "revoked-later"
	// NoteAssessmentEnded: an assessment ended after the signature, or another took its
	// place; the signature stands.
	// Do: nothing; expect new versions to be signed under another assessment, or at a lower
	// level.
	NoteAssessmentEnded Code = "assessment-ended"
	// NoteOpenPGP: the package has no signature of ours, and debsig-verify took its OpenPGP
	// one, as this machine's owner allowed it to.
	// Do: nothing; nothing is known about how the package was built.
	NoteOpenPGP Code = "openpgp-instead"
	// NoteProvisional: the signature was made before all evidence was there, and the
	// policy lets such a one pass for now.
	// Do: nothing; or get the confirmed file once it is there.
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
