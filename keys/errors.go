package keys

import (
	"errors"
	"fmt"
)

// Reason says why a key could not be opened or used, for programs to switch on.
type Reason string

const (
	BadURI        Reason = "uri"             // the text does not say clearly which key is meant
	Unsupported   Reason = "unsupported"     // a scheme, or a way to keep keys, that is not handled here
	NotCompiledIn Reason = "not-compiled-in" // this binary was built without cgo, so it loads no PKCS #11 module
	Unreadable    Reason = "unreadable"      // a file with a key or a PIN cannot be read
	BadFile       Reason = "file"            // a file holds no private key, or its passphrase is wrong
	NoModule      Reason = "module"          // the PKCS #11 module is missing or does not start
	NoToken       Reason = "no-token"        // no token matches
	NoSecret      Reason = "no-secret"       // a passphrase or PIN is needed and none was to be had
	WrongPIN      Reason = "wrong-pin"       // the token refused the PIN
	LockedPIN     Reason = "locked-pin"      // the token takes no PIN any more
	NoAgent       Reason = "no-agent"        // there is no ssh-agent, or it does not answer
	NoService     Reason = "service"         // the key management service does not answer, or refuses
	NoKey         Reason = "no-key"          // no key matches
	Ambiguous     Reason = "ambiguous"       // several tokens or keys match
	Exists        Reason = "exists"          // a key was to be made, and something has its name already
	NotMade       Reason = "not-made"        // token or service refused to make a key
	BadKey        Reason = "key"             // a key of a kind that cannot sign here
	Closed        Reason = "closed"          // the key was closed
	NotADigest    Reason = "digest"          // a digest was handed to a key that signs messages only
	TokenLost     Reason = "token-lost"      // the token is away; the key works again once it is back
	Busy          Reason = "busy"            // no session with the token came free in time
	KeyChanged    Reason = "key-changed"     // what has the key's name now is another key than the one that was opened
	SigningFailed Reason = "signing"         // token or agent refused to sign
	BadSignature  Reason = "signature"       // what token or agent returned does not verify under the public key
)

// Error is what every function of this package returns on refusal. Its text never
// has a PIN in it.
type Error struct {
	Reason Reason
	Key    string // the URI asked for, without the PIN
	Detail string
	Err    error // the cause underneath, if there is one
}

func (e *Error) Error() string {
	s := "key " + e.Key
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s + " (" + string(e.Reason) + ")"
}

func (e *Error) Unwrap() error { return e.Err }

// Is reports whether err is a refusal for the given reason.
func Is(err error, r Reason) bool {
	var e *Error
	return errors.As(err, &e) && e.Reason == r
}

func refuse(r Reason, key, format string, args ...any) *Error {
	return &Error{Reason: r, Key: key, Detail: fmt.Sprintf(format, args...)}
}
