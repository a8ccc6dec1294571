package confirm

import "fmt"

// Code says why an officer was refused, for programs to switch on.
type Code string

const (
	// CodeUnknown: there is no such incident or signature.
	CodeUnknown Code = "unknown-incident"
	// CodeOver: it is settled already, or in another way not for this.
	CodeOver Code = "incident-over"
	// CodeSecond: another officer must agree.
	CodeSecond Code = "second-officer"
	// CodeHold: the hold is longer than any may be.
	CodeHold Code = "hold-too-long"
	// CodeNote: an officer's words are missing or too long.
	CodeNote Code = "note"
)

// Refusal is the error for what an officer may not do.
type Refusal struct {
	Code   Code
	Detail string
	Hint   string
}

func (r *Refusal) Error() string { return r.Detail }

func refuse(code Code, hint, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Hint: hint, Detail: fmt.Sprintf(format, args...)}
}
