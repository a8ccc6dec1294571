package recipe

import "fmt"

// Reason says why a recipe was refused, for programs to switch on.
type Reason string

// The reasons.
const (
	Malformed Reason = "malformed" // not the strict YAML of this package, or an unknown key
	TooLarge  Reason = "too-large" // a bound of limits.go is exceeded
	Version   Reason = "version"   // another version of the format
	Missing   Reason = "missing"   // a required field
	Escapes   Reason = "escapes"   // a path that leaves its place
	Unpinned  Reason = "unpinned"  // something from outside without a digest
	BadValue  Reason = "value"     // anything else about a field
)

// Error is every error of this package.
type Error struct {
	Reason Reason
	Field  string // path of the field; may be empty
	Detail string
}

func (e *Error) Error() string {
	s := "recipe refused (" + string(e.Reason) + ")"
	if e.Field != "" {
		s += ": " + e.Field
	}
	return s + ": " + e.Detail
}

func refuse(r Reason, field, format string, args ...any) *Error {
	return &Error{Reason: r, Field: field, Detail: fmt.Sprintf(format, args...)}
}
