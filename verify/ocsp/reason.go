package ocsp

import (
	"errors"
	"fmt"
)

// Code says why a response proves nothing. The values are stable; Codes lists them.
type Code string

// What is wrong with the message.
const (
	// Malformed: not the DER encoding of an OCSP response, or too large.
	Malformed Code = "malformed"
	// NotSuccessful: the responder sent an error (tryLater, unauthorized, …), which is
	// not signed and so proves nothing.
	NotSuccessful Code = "not-successful"
	// ResponseType: not id-pkix-ocsp-basic, RFC 6960 §4.2.1.
	ResponseType Code = "response-type"
	// CriticalExtension: an extension that must be understood and is not.
	CriticalExtension Code = "critical-extension"
	// DuplicateExtension: an extension stands twice.
	DuplicateExtension Code = "duplicate-extension"
)

// What is wrong with the answer.
const (
	// NoMatch: no answer is about the certificate.
	NoMatch Code = "no-match"
	// Ambiguous: more than one answer is about the certificate.
	Ambiguous Code = "ambiguous"
	// NonceMissing: a nonce was sent and none came back: it may be a replay.
	NonceMissing Code = "nonce-missing"
	// NonceMismatch: another nonce came back: it is a replay.
	NonceMismatch Code = "nonce-mismatch"
)

// What is wrong with who signed.
const (
	// ResponderUnknown: neither the issuer nor a certificate inside is the responder
	// that the response names.
	ResponderUnknown Code = "responder-unknown"
	// ResponderUntrusted: the responder's certificate was not signed by the issuer.
	ResponderUntrusted Code = "responder-untrusted"
	// ResponderPurpose: the responder's certificate is not for signing OCSP: it lacks
	// OCSPSigning or digitalSignature, or has a critical extension nobody knows.
	ResponderPurpose Code = "responder-purpose"
	// ResponderExpired: the responder's certificate is not valid now.
	ResponderExpired Code = "responder-expired"
	// ResponderUnchecked: the responder's certificate lacks id-pkix-ocsp-nocheck, so it
	// would have to be checked for revocation itself, RFC 6960 §4.2.2.2.1.
	ResponderUnchecked Code = "responder-unchecked"
	// SignatureAlgorithm: not RSA or ECDSA with SHA-2.
	SignatureAlgorithm Code = "signature-algorithm"
	// SignatureInvalid: the signature does not verify under the responder's key.
	SignatureInvalid Code = "signature-invalid"
)

// What is wrong with the time.
const (
	// NotYetValid: thisUpdate or producedAt lies in the future.
	NotYetValid Code = "not-yet-valid"
	// Expired: nextUpdate has passed.
	Expired Code = "expired"
	// TooOld: thisUpdate is longer ago than the Checker allows.
	TooOld Code = "too-old"
	// TimesContradict: nextUpdate before thisUpdate, or produced before thisUpdate.
	TimesContradict Code = "times-contradict"
)

// Codes returns every code.
func Codes() []Code {
	return []Code{
		Malformed, NotSuccessful, ResponseType, CriticalExtension, DuplicateExtension,
		NoMatch, Ambiguous, NonceMissing, NonceMismatch,
		ResponderUnknown, ResponderUntrusted, ResponderPurpose, ResponderExpired, ResponderUnchecked, SignatureAlgorithm, SignatureInvalid,
		NotYetValid, Expired, TooOld, TimesContradict,
	}
}

// Refusal says why a response proves nothing.
type Refusal struct {
	Code   Code   `json:"code"`
	Detail string `json:"detail"` // for people; not stable
}

// Error returns code and detail.
func (r *Refusal) Error() string { return string(r.Code) + ": " + r.Detail }

// CodeOf returns the code of a Refusal in err's chain, or "".
func CodeOf(err error) Code {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

func refuse(code Code, format string, args ...any) error {
	return &Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}
}
