package rebuild

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Code says why something was refused, for programs to switch on.
type Code string

// About who asks for rebuilds, and for what.
const (
	CodeRequest     Code = "request"      // a field of the request is missing or malformed
	CodeVendor      Code = "vendor"       // the vendor is unknown or suspended
	CodeScope       Code = "scope"        // no assessment in force names the product, or the rebuilder
	CodeSource      Code = "source"       // the source is not known, and no provenance on file names it
	CodeRecipe      Code = "recipe"       // no audited recipe for this product and source
	CodeNoRebuilder Code = "no-rebuilder" // the audited scope names no rebuilder
	CodeFull        Code = "full"         // too many jobs, claims or envelopes
)

// About who answers, and with what.
const (
	CodeOperator  Code = "operator"  // audited scopes name another operator for this rebuilder
	CodeNotGiven  Code = "not-given" // the job was not given to this rebuilder; also: there is none
	CodeLease     Code = "lease"     // the job is somebody else's now
	CodeOver      Code = "over"      // the job has another outcome already, or is given up
	CodeEnvelope  Code = "envelope"  // not a DSSE envelope with an in-toto statement, or too many
	CodeSignature Code = "signature" // not signed with a key that the scope has for this rebuilder
	CodeSubject   Code = "subject"   // not about the job's artifact and nothing else
	CodePredicate Code = "predicate" // not of a kind that is taken here, or malformed
	CodeBuilder   Code = "builder"   // names another rebuilder
	CodeJob       Code = "job"       // names another job
	CodeCommit    Code = "commit"    // names another source or commit
	CodeDocument  Code = "document"  // names another recipe
)

// Refusal is the answer to what will not be done; nothing has been stored but, for an
// outcome, the event that tells of it.
type Refusal struct {
	Code   Code   `json:"code"`
	Field  string `json:"field,omitempty"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
}

// Error gives code, field and detail.
func (r *Refusal) Error() string {
	s := "rebuild refused (" + string(r.Code) + "): "
	if r.Field != "" {
		s += r.Field + ": "
	}
	return s + r.Detail
}

// IsRefusal reports the code of the Refusal in err's chain, if there is one.
func IsRefusal(err error) (Code, bool) {
	var r *Refusal
	if !errors.As(err, &r) {
		return "", false
	}
	return r.Code, true
}

func refuse(code Code, hint, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Hint: hint, Detail: fmt.Sprintf(format, args...)}
}

func (r *Refusal) at(field string) *Refusal {
	r.Field = field
	return r
}

// quote bounds and cleans text from outside.
func quote(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
	if len(s) > maxQuotedLength {
		s = strings.ToValidUTF8(s[:maxQuotedLength], "") + "…"
	}
	return `"` + s + `"`
}
