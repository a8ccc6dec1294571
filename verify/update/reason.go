package update

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/verify"
)

// Reason says why nothing newer was taken. The values are stable.
type Reason string

const (
	// Unreachable: the source could not be read; what is here stays as good as it was.
	Unreachable Reason = "unreachable"
	// Absent: the source lacks a file that it should have: it is no update repository, or
	// a copy that is not whole.
	Absent Reason = "absent"
	// NoTrust: this machine trusts no CA yet.
	NoTrust Reason = "no-trust"
	// AlreadyTrusted: it trusts one, and another was to be added.
	AlreadyTrusted Reason = "already-trusted"
	// NotConfirmed: the fingerprint is not the one that was expected.
	NotConfirmed Reason = "not-confirmed"
	// BadSignature: metadata is not signed by those whom the root names: another CA's, or
	// changed on the way.
	BadSignature Reason = "bad-signature"
	// Rollback: something is older than what was here before.
	Rollback Reason = "rollback"
	// Expired: the source's newest news are too old: it is no longer kept up, or somebody
	// keeps newer ones from us.
	Expired Reason = "expired"
	// Mismatch: a file is not the one that the metadata names: parts of different states
	// were put together, or it was changed.
	Mismatch Reason = "mismatch"
	// TooLarge: a file is larger than stated, or than anything that makes sense.
	TooLarge Reason = "too-large"
	// Malformed: a file is not what its name says.
	Malformed Reason = "malformed"
	// BadStatus: the status bundle does not open under the trust bundle it came with.
	BadStatus Reason = "bad-status"
	// Busy: another update is running.
	Busy Reason = "busy"
	// Disk: something could not be read or written here.
	Disk Reason = "disk"
)

// Error is why there was no update.
type Error struct {
	Reason Reason
	Err    error
}

func (e *Error) Error() string { return string(e.Reason) + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

func refuse(r Reason, format string, args ...any) error {
	return &Error{r, fmt.Errorf(format, args...)}
}

// explain gives what the TUF library and the source say one of our reasons.
func explain(err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	as := func(r Reason) error { return &Error{r, err} }
	var http *metadata.ErrDownloadHTTP
	switch {
	case errors.As(err, &http), errors.Is(err, fs.ErrNotExist):
		return as(Absent)
	case errors.Is(err, &metadata.ErrExpiredMetadata{}):
		return as(Expired)
	case errors.Is(err, &metadata.ErrBadVersionNumber{}), errors.Is(err, verify.ErrStatusOlder):
		return as(Rollback)
	case errors.Is(err, &metadata.ErrLengthOrHashMismatch{}):
		return as(Mismatch)
	case errors.Is(err, &metadata.ErrUnsignedMetadata{}):
		return as(BadSignature)
	case errors.Is(err, &metadata.ErrDownloadLengthMismatch{}), errors.Is(err, outbound.ErrTooLarge):
		return as(TooLarge)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return as(Unreachable)
	}
	return as(Malformed)
}
