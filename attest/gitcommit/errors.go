package gitcommit

import (
	"errors"
	"fmt"
)

// Reason says why a commit does not count, for programs to switch on.
type Reason string

const (
	TooLarge    Reason = "too-large"    // more than MaxObject
	Malformed   Reason = "malformed"    // not a commit object, or one that two readers could read differently
	Collision   Reason = "collision"    // its SHA-1 was made to collide with that of another object
	OtherCommit Reason = "other"        // a sound object with another id than was asked for
	Unsigned    Reason = "unsigned"     // no signature
	UnknownForm Reason = "form"         // a signature of a kind that is not verified here
	UnknownKey  Reason = "key"          // signed with a key that was not given
	BadKey      Reason = "bad-key"      // a key, or a signature's algorithm, that is not taken
	NotVerified Reason = "not-verified" // the signature does not verify
)

// Error is what every function of this package returns on refusal.
type Error struct {
	Reason Reason
	Detail string
}

func (e *Error) Error() string { return "commit refused (" + string(e.Reason) + "): " + e.Detail }

// Is reports whether err is a refusal for the given reason.
func Is(err error, r Reason) bool {
	var e *Error
	return errors.As(err, &e) && e.Reason == r
}

func refuse(r Reason, format string, args ...any) *Error {
	return &Error{r, fmt.Sprintf(format, args...)}
}
