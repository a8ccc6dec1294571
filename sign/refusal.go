package sign

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hallmark-pki/hallmark/sign/gate"
)

// Code says why a signature was refused, for programs to switch on.
type Code string

const (
	// CodeRequest: a field of the request is missing or malformed.
	CodeRequest Code = "request"
	// CodeVendor: the vendor is unknown or suspended.
	CodeVendor Code = "vendor"
	// CodeCertificate: no certificate of the vendor can be used, or not the one named:
	// absent, another vendor's, expired, revoked, or its key is not held here.
	CodeCertificate Code = "certificate"
	// CodeAssessment: an assessment that the certificate rests on is not in force.
	CodeAssessment Code = "assessment"
	// CodeGate: the build does not meet the audited level; Decision says what is missing.
	CodeGate Code = "gate"

	// CodeRole: the vendor's policy for the product does not let this person or machine
	// ask for signatures.
	CodeRole Code = "role"
	// CodeWindow: outside the times in which the policy lets the product be signed.
	CodeWindow Code = "window"
	// CodeLimit: the policy's number of signatures in an hour or a day has been made.
	CodeLimit Code = "limit"
	// CodeApproval: the policy wants people to agree first, and not enough have, to
	// exactly this signature.
	CodeApproval Code = "approval"
	// CodeFactor: the policy wants a second factor, and it was not shown.
	CodeFactor Code = "factor"
	// CodePolicy: a policy that somebody proposed cannot be meant, or not be proposed now.
	CodePolicy Code = "policy"
)

// Refusal is the error for a signature that was not made. It is final for this
// request: nothing is wrong with the service.
type Refusal struct {
	Code     Code           `json:"code"`
	Field    string         `json:"field,omitempty"` // of the request, CodeRequest only
	Detail   string         `json:"detail"`
	Hint     string         `json:"hint,omitempty"`
	Decision *gate.Decision `json:"decision,omitempty"` // CodeGate only
}

func (r *Refusal) Error() string {
	s := "signature refused (" + string(r.Code) + "): "
	if r.Field != "" {
		s += r.Field + ": "
	}
	return s + r.Detail
}

func refuse(code Code, hint, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Hint: hint, Detail: fmt.Sprintf(format, args...)}
}

// gateRefusal names each rule that failed and gives the first one's remedy as the hint.
func gateRefusal(d gate.Decision) *Refusal {
	r := &Refusal{Code: CodeGate, Decision: &d}
	var lines []string
	for _, v := range d.Verdicts {
		if v.Outcome == gate.Fail {
			lines = append(lines, v.Rule+": "+v.Detail)
			if r.Hint == "" {
				r.Hint = v.Satisfy
			}
		}
	}
	r.Detail = strings.Join(lines, "; ")
	return r
}

// quote bounds and cleans text from a request for a refusal.
func quote(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
	if len(s) > maxDetailLength {
		s = strings.ToValidUTF8(s[:maxDetailLength], "") + "…"
	}
	return `"` + s + `"`
}
