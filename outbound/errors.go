package outbound

import (
	"errors"
	"fmt"
)

// Errors that say which rule refused, for errors.Is.
var (
	// ErrAddress: the address that was to be dialled is not on the public internet.
	ErrAddress = errors.New("address is not on the public internet")
	// ErrURL: not an absolute https URL, or one with credentials or a fragment.
	ErrURL = errors.New("not an https URL without credentials")
	// ErrRedirect: the server sent us elsewhere, or in circles.
	ErrRedirect = errors.New("redirect to another host, or too many")
	// ErrTooLarge: more bytes than the policy lets through.
	ErrTooLarge = errors.New("response too large")
	// ErrTarget: a child process asked its Proxy for a host that was not named.
	ErrTarget = errors.New("not a host that this proxy was made for")
)

// StatusError is an answer with a status that is not success.
type StatusError struct{ Code int }

func (e *StatusError) Error() string { return fmt.Sprintf("status %d", e.Code) }
