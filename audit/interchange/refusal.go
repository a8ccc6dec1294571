package interchange

import (
	"errors"
	"fmt"
)

// Reason says why an export was refused, for programs to switch on. What [Import]
// refuses has the reasons of package attest.
type Reason string

// The reasons.
const (
	NoToken      Reason = "no-token"      // the framework's levels are no values of a verification summary
	NotCertified Reason = "not-certified" // the assessment reaches no level, or one that its findings do not reach
	NotAccepted  Reason = "not-accepted"  // it is not said when and as what the CA accepted it
	Ended        Reason = "ended"         // its validity is over
	WrongEdition Reason = "wrong-edition" // the catalogue given is not the one assessed against
	BadOption    Reason = "option"        // an option is missing or malformed
)

// Refusal is what the exports return for an assessment that they do not take.
type Refusal struct {
	Reason Reason
	Detail string // in lower case
}

// Error gives the reason and the detail.
func (r *Refusal) Error() string {
	return "assessment is not exported (" + string(r.Reason) + "): " + r.Detail
}

// Is reports whether err is a refusal for the given reason.
func Is(err error, reason Reason) bool {
	var r *Refusal
	return errors.As(err, &r) && r.Reason == reason
}

func refuse(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
