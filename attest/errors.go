package attest

import (
	"errors"
	"fmt"
)

// Reason says why an attestation was refused, for programs to switch on.
type Reason string

const (
	TooLarge      Reason = "too-large"      // a bound of limits.go is exceeded
	Malformed     Reason = "malformed"      // not strict JSON, wrong type, bad base64
	UnknownField  Reason = "unknown-field"  // an envelope field this package does not know
	NoSignature   Reason = "no-signature"   // the envelope is not signed at all
	WrongPayload  Reason = "payload-type"   // signed, but not a statement (or not the type asked for)
	BadKey        Reason = "key"            // a key of a kind or size that is not accepted
	NotVerified   Reason = "not-verified"   // no signature verifies under any key given
	BadStatement  Reason = "statement"      // not an in-toto statement, or one that names no artifact
	WrongType     Reason = "predicate-type" // a sound statement with another predicate than asked for
	BadPredicate  Reason = "predicate"      // the predicate lacks what its type demands
	SigningFailed Reason = "signing"        // the signer returned an error
	AlreadySigned Reason = "already-signed" // the envelope has a signature by this key
)

// Error is what every function of this package returns on refusal.
type Error struct {
	Reason Reason
	Field  string // the field at fault, as a path: "predicate.builder.id"; may be empty
	Detail string
	Err    error // the cause underneath, if there is one
}

func (e *Error) Error() string {
	s := "attestation refused (" + string(e.Reason) + ")"
	if e.Field != "" {
		s += ": " + e.Field
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Is reports whether err is a refusal for the given reason.
func Is(err error, r Reason) bool {
	var e *Error
	return errors.As(err, &e) && e.Reason == r
}

func refuse(r Reason, field, format string, args ...any) *Error {
	return &Error{Reason: r, Field: field, Detail: fmt.Sprintf(format, args...)}
}
