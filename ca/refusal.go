package ca

import (
	"errors"
	"fmt"
)

// Code says why something was refused, for programs. The constants document when.
type Code string

// About who asks and what for.
const (
	CodeBadRequest       Code = "bad-request"             // a field is missing or contradicts another
	CodeUnknownVendor    Code = "unknown-vendor"          // no vendor of that id or URI
	CodeVendorSuspended  Code = "vendor-suspended"        // the vendor exists but may not be issued anything
	CodeNoAssessment     Code = "no-assessment-in-force"  // nothing in force supports the claim, or any claim
	CodeLevelTooHigh     Code = "level-too-high"          // in force, but for a lower level
	CodeLevelUnsupported Code = "level-unsupported"       // the findings, recomputed, do not give the level on record, or the level demands nothing
	CodeProbe            Code = "probe"                   // a probe of an assessment fails, or has not passed for days
	CodeUnknownFramework Code = "unknown-framework"       // not in the catalogue
	CodeUnknownTrack     Code = "unknown-track"           // the framework has no such track, or several and none was named
	CodeNoRepository     Code = "no-repository"           // no assessment relied on names an attestation repository, or too many do
	CodeNoTier           Code = "no-tier"                 // no issuing CA may certify all of the claims together
	CodeValidity         Code = "validity"                // asked for longer than allowed, or nothing is left of the assessment
	CodeAssessmentEnded  Code = "assessment-ended"        // withdrawn or superseded while the certificate was being made
	CodeLint             Code = "lint"                    // the content fails a lint; the detail names it
	CodeRenewal          Code = "renewal-not-offered"     // certificates are asked for anew so that everything is checked again
	CodeProvisioner      Code = "provisioner-not-trusted" // a step-compatible request that did not come through our provisioner
)

// About keys and requests for certification.
const (
	CodeCSRTooLarge     Code = "csr-too-large"
	CodeCSRMalformed    Code = "csr-malformed"
	CodeCSRSignature    Code = "csr-signature"       // the self-signature does not verify, or uses MD5 or SHA-1
	CodeKeyAlgorithm    Code = "key-algorithm"       // not RSA or ECDSA: Ed25519, DSA, …
	CodeKeyCurve        Code = "key-curve"           // an elliptic curve other than P-256 and P-384
	CodeKeySize         Code = "key-size"            // RSA under 3072 bits or over 8192
	CodeKeyExponent     Code = "key-exponent"        // RSA public exponent even or under 65537
	CodeKeyWeakROCA     Code = "key-weak-roca"       // the RSA modulus has the mark of CVE-2017-15361
	CodeKeySmallFactors Code = "key-small-factors"   // a prime under 752 divides the RSA modulus
	CodeKeyClosePrimes  Code = "key-close-primes"    // Fermat's method factors the RSA modulus within 100 rounds
	CodeKeyBlocked      Code = "key-blocked"         // a list of known RSA keys names it, such as Debian's of 2008
	CodeKeyInUse        Code = "key-in-use"          // another vendor's certificate has this key
	CodeKeyCompromised  Code = "key-compromised"     // a certificate with this key was revoked for keyCompromise
	CodeSigningKey      Code = "signing-key-unknown" // no such key held by the service for this vendor
	CodeTooManyKeys     Code = "too-many-keys"       // the service keeps so many for the vendor
	CodeKeyReserved     Code = "key-belongs-to-ca"   // the key is one of this CA's own
)

// About officers' approval and renewal.
const (
	CodeUnknownRequest   Code = "unknown-request"              // no request of that id
	CodeRequestState     Code = "request-state"                // decided already, or used
	CodeTooManyRequests  Code = "too-many-requests"            // so many of the vendor's wait for an officer
	CodeUnknownProfile   Code = "unknown-profile"              // of certificates
	CodeApprovalRequired Code = "approval-required"            // the tier issues only what an officer approved
	CodeApprovalPending  Code = "approval-pending"             // no officer has decided
	CodeApprovalDenied   Code = "approval-denied"              // an officer refused
	CodeApprovalExpired  Code = "approval-expired"             // nobody decided, or collected, in time
	CodeApprovalUsed     Code = "approval-used"                // a certificate was issued on it
	CodeApprovalVendor   Code = "approval-of-another-vendor"   // the approval is not the vendor's
	CodeApprovalKey      Code = "approval-of-another-key"      // the approval is about another key
	CodeApprovalClaims   Code = "approval-of-less"             // wider claims, another profile or a longer life than approved
	CodeApprover         Code = "approver-not-entitled"        // disabled since, or of an organisation that owns the vendor by now
	CodeReplacesRevoked  Code = "replaced-certificate-revoked" // what is revoked is not renewed
	CodeRenewalKey       Code = "renewal-with-another-key"     // that would be a new key: rekey
	CodeRekeyKey         Code = "rekey-with-the-same-key"      // that would be a renewal
	CodeRenewalClaims    Code = "renewal-with-wider-claims"    // a renewal says no more than what it renews
)

// About keys in hardware: see package keys/attestation.
const (
	CodeHardwareKeyRequired   Code = "hardware-key-required"  // the tier wants an attestation, and there is neither one nor a waiver
	CodeAttestation           Code = "attestation"            // malformed, or without what must be in it
	CodeAttestationRoot       Code = "attestation-root"       // of a maker this CA does not believe, or not valid now
	CodeAttestationKey        Code = "attestation-other-key"  // about another key than the request's
	CodeAttestationChallenge  Code = "attestation-challenge"  // about another request
	CodeAttestationExportable Code = "attestation-exportable" // the hardware may let the key out, or did not make it
)

// About revocation.
const (
	CodeUnknownCertificate Code = "unknown-certificate" // no certificate of that serial number
	CodeAlreadyRevoked     Code = "already-revoked"     // revoked already, and the new revocation adds nothing
	CodeReason             Code = "revocation-reason"   // not a reason a code-signing certificate is revoked for
	CodeRevocationDate     Code = "revocation-date"     // in the future
	CodeSelection          Code = "selection"           // a mass revocation that does not say of what, or contradicts itself
	CodeUnknownJob         Code = "unknown-job"         // no mass revocation of that id
	CodeRevokedMeanwhile   Code = "revoked-meanwhile"   // a mass revocation decided while the certificate was being made covers it
)

// Refusal says no with a reason. It is the error for everything a client can
// mend; other errors are the CA's own trouble.
type Refusal struct {
	Code   Code   `json:"code"`
	Detail string `json:"detail"`         // what is wrong, in lower case
	Hint   string `json:"hint,omitempty"` // what would help
}

// Error returns code and detail.
func (r *Refusal) Error() string { return string(r.Code) + ": " + r.Detail }

// IsRefusal returns the Refusal in err's chain, or nil.
func IsRefusal(err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return nil
}

func refuse(code Code, hint, format string, args ...any) error {
	return &Refusal{Code: code, Detail: fmt.Sprintf(format, args...), Hint: hint}
}
