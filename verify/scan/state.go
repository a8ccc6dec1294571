package scan

import (
	"encoding/json"
	"time"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/installed"
)

// State is what a scan says about one installed package. The values are stable:
// programs switch on them.
type State string

const (
	// Valid: the recorded signature is valid under today's trust, status and policy, or
	// the policy has an exception for its digest.
	Valid State = "valid"
	// NotValid: it is not, any more. The verdict has the reasons.
	NotValid State = "not-valid"
	// CouldNotTell: the signature could not be judged, or the record cannot be read.
	CouldNotTell State = "could-not-tell"
	// Unsigned: the package got in without a signature, while the policy's mode was warn.
	Unsigned State = "unsigned"
	// OtherVersion: what is recorded are other versions than the one that is installed:
	// it came in without being asked about, or an installation failed half way.
	OtherVersion State = "other-version"
	// NoRecord: nothing is recorded. Nobody here knows whether it was ever signed.
	NoRecord State = "no-record"
)

// States lists them all, the worst first.
func States() []State {
	return []State{NotValid, Unsigned, CouldNotTell, OtherVersion, NoRecord, Valid}
}

// Outcome is what a state means where a verdict is asked for.
func (s State) Outcome() verify.Outcome {
	switch s {
	case Valid:
		return verify.Valid
	case NotValid, Unsigned:
		return verify.NotValid
	}
	return verify.CouldNotTell
}

// Item is the answer about one installed package.
type Item struct {
	Package installed.Package
	State   State
	// Detail says more, for people; of Valid and NotValid the verdict does.
	Detail string
	// Verdict is today's, if Judged; if not, only its Warn counts.
	Verdict verify.Verdict
	Judged  bool
	// Recorded is when the package was installed by this machine's clock; zero if unknown.
	Recorded time.Time
}

// MarshalJSON writes the object of `scan --json`: manager, package, version,
// architecture and state always; detail, recorded_at (RFC 3339) and verdict, which is
// the object of `hallmark-verify --json`, where they are known.
func (i Item) MarshalJSON() ([]byte, error) {
	w := struct {
		installed.Package
		State    State           `json:"state"`
		Detail   string          `json:"detail,omitempty"`
		Recorded time.Time       `json:"recorded_at,omitzero"`
		Verdict  *verify.Verdict `json:"verdict,omitempty"`
	}{Package: i.Package, State: i.State, Detail: i.Detail, Recorded: i.Recorded}
	if i.Judged {
		w.Verdict = &i.Verdict
	}
	return json.Marshal(w)
}
