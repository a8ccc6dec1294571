package format

import (
	"errors"
	"fmt"
)

// ErrUnsigned says that the file is well formed and carries no signature.
var ErrUnsigned = errors.New("file has no signature")

// Reason says what is wrong with a file. The values are stable: programs switch on them.
type Reason string

const (
	// NotRegular: a directory, device, FIFO or socket.
	NotRegular Reason = "not-regular"
	// SymbolicLink: Attach was asked to rewrite a file through a symbolic link.
	SymbolicLink Reason = "symbolic-link"
	// BadHeader: a member header whose end mark, name, or numeric field is malformed.
	BadHeader Reason = "bad-header"
	// BadPadding: the byte after a member of odd size is missing or not "\n".
	BadPadding Reason = "bad-padding"
	// Truncated: a member's size goes beyond the end of the file.
	Truncated Reason = "truncated"
	// TooManyMembers: more members than a package may have.
	TooManyMembers Reason = "too-many-members"
	// TrailingBytes: the file goes on after its last member.
	TrailingBytes Reason = "trailing-bytes"
	// BytesAfterSignature: the file goes on after the signature.
	BytesAfterSignature Reason = "bytes-after-signature"
	// SignatureNotLast: another member follows the signature.
	SignatureNotLast Reason = "signature-not-last"
	// TwoSignatures: two members hold a signature.
	TwoSignatures Reason = "two-signatures"
	// SignatureHeader: the signature's member header is not in its only form.
	SignatureHeader Reason = "signature-header"
	// SignatureEmpty: the signature has no bytes.
	SignatureEmpty Reason = "signature-empty"
	// SignatureTooLarge: the signature has more than MaxSignatureBytes.
	SignatureTooLarge Reason = "signature-too-large"
	// BadControl: what a package says about itself cannot be read, or dpkg might read it
	// otherwise.
	BadControl Reason = "bad-control"
	// Changed: the file changed while it was being read, or is not the one that was signed.
	Changed Reason = "changed"
	// TooLarge: the file is larger than its format allows, or than is read here.
	TooLarge Reason = "too-large"
	// NamesUnsigned: the signature of an installer package leaves out the names of its
	// streams, or they are not those that were signed.
	NamesUnsigned Reason = "names-unsigned"
	// UnsignedEntry: an entry of a signed archive is not signed.
	UnsignedEntry Reason = "unsigned-entry"
	// ContentMismatch: an archive's entry, manifest or signature file is not the one whose
	// digest stands in the manifest or signature file.
	ContentMismatch Reason = "content-mismatch"
	// ForeignSignature: an archive is signed under another name than ours, or twice.
	ForeignSignature Reason = "foreign-signature"
	// UnknownFormat: there is no format of that name, or the file is not of it.
	UnknownFormat Reason = "unknown-format"
	// AlreadySigned: the file carries another signature and Options.Replace is not set.
	AlreadySigned Reason = "already-signed"
)

// Error is a refusal with its Reason. Offset is where in the file the offending
// structure begins, -1 where that means nothing.
type Error struct {
	Reason Reason
	Offset int64
	Detail string
}

func (e *Error) Error() string {
	s := string(e.Reason)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Offset >= 0 {
		s += fmt.Sprintf(" (at byte %d)", e.Offset)
	}
	return s
}

// Is makes errors.Is(err, &Error{Reason: r}) ask for the reason alone.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Reason == e.Reason
}

func refuse(r Reason, offset int64, format string, args ...any) error {
	return &Error{Reason: r, Offset: offset, Detail: fmt.Sprintf(format, args...)}
}
