package receipt

import "errors"

// Reason says why a receipt was refused, for programs to switch on.
type Reason string

const (
	TooLarge       Reason = "too-large"   // a bound of limits.go is exceeded
	Malformed      Reason = "malformed"   // not a tlog-proof v1 in its one spelling
	BadEntry       Reason = "entry"       // `extra` is absent or not an entry
	BadCheckpoint  Reason = "checkpoint"  // the checkpoint's text is malformed
	UnknownLog     Reason = "unknown-log" // no valid signature by a log that was given
	WrongOrigin    Reason = "origin"      // signed by a log that is not the one it names
	NotIncluded    Reason = "inclusion"   // the proof does not lead to the signed root
	UnknownVersion Reason = "version"     // an entry of a later version
	NotCosigned    Reason = "witnesses"   // too few good cosignatures by the witnesses that were given
)

// Error is what Verify and ParseEntry return on refusal.
type Error struct {
	Reason Reason
	Detail string
	Err    error
}

func (e *Error) Error() string {
	s := "receipt refused (" + string(e.Reason) + ")"
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

func refuse(r Reason, detail string) *Error { return &Error{Reason: r, Detail: detail} }
