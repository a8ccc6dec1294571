package ext

import (
	"errors"
	"fmt"
)

// Reason says why bytes, a value or a certificate were refused. The texts are stable:
// programs may switch on them and logs may count them.
type Reason string

// Reasons about the encoding.
const (
	// ReasonTooBig: the whole value is larger than its bound; nothing was parsed.
	ReasonTooBig Reason = "too-big"
	// ReasonTruncated: the bytes end before the value does, or a required field is absent.
	ReasonTruncated Reason = "truncated"
	// ReasonTrailing: bytes, or fields this version does not know, follow the value.
	ReasonTrailing Reason = "trailing-bytes"
	// ReasonWrongType: the tag is not the one the module has there.
	ReasonWrongType Reason = "wrong-type"
	// ReasonNotDER: valid BER at best: a length or integer not in its shortest form, an
	// indefinite length, a string in pieces.
	ReasonNotDER Reason = "not-der"
)

// Reasons about single values.
const (
	// ReasonVersion: the version is not 1.
	ReasonVersion Reason = "unknown-version"
	// ReasonNegative: a number is below zero.
	ReasonNegative Reason = "negative"
	// ReasonTooLarge: a number is above its bound.
	ReasonTooLarge Reason = "number-too-large"
	// ReasonLevelZero: level 0 means no assurance and is never claimed.
	ReasonLevelZero Reason = "level-zero"
	// ReasonEmpty: a text, a byte string or a list that must hold something holds nothing.
	ReasonEmpty Reason = "empty"
	// ReasonTooMany: a list has more elements than its bound.
	ReasonTooMany Reason = "too-many"
	// ReasonTooLong: a text or byte string is longer than its bound.
	ReasonTooLong Reason = "too-long"
	// ReasonDigest: a SHA-256 is not 32 bytes long, or all zero, that is, never filled in.
	ReasonDigest Reason = "digest"
	// ReasonNotASCII: a text has a byte above 0x7F, so it is no IA5String.
	ReasonNotASCII Reason = "not-ascii"
	// ReasonCharacter: a text has an ASCII character that its field does not allow.
	ReasonCharacter Reason = "character"
	// ReasonNotURI: not an absolute URI of RFC 3986 §4.3 (a fragment is allowed).
	ReasonNotURI Reason = "not-uri"
	// ReasonTime: not a GeneralizedTime YYYYMMDDHHMMSSZ of a real moment since 1970, or,
	// when printing, a time with a fraction of a second or beyond the year 9999.
	ReasonTime Reason = "time"
	// ReasonPeriod: validUntil is not after assessedAt.
	ReasonPeriod Reason = "period"
	// ReasonDuplicateClaim: two claims have the same framework and track.
	ReasonDuplicateClaim Reason = "duplicate-claim"
	// ReasonDuplicate: a property or a URL stands twice in its list.
	ReasonDuplicate Reason = "duplicate"
)

// Reasons about the URL of a repository.
const (
	// ReasonNotHTTPS: it does not begin with "https://" in lower case.
	ReasonNotHTTPS Reason = "not-https"
	// ReasonUserInfo: it has a user or password part, even an empty one. A framework's URI
	// is refused for it too.
	ReasonUserInfo Reason = "user-info"
	// ReasonEmptyHost: it has no host.
	ReasonEmptyHost Reason = "empty-host"
	// ReasonHost: the host is neither a DNS name in LDH form nor a bracketed IPv6 address,
	// or the port is not 1..65535 in its shortest form.
	ReasonHost Reason = "host"
	// ReasonQuery: it has a query, even an empty one; a path could not be appended to it.
	ReasonQuery Reason = "query"
	// ReasonFragment: it has a fragment, even an empty one.
	ReasonFragment Reason = "fragment"
	// ReasonPath: its path has a segment "." or "..", plain or percent-encoded, or an
	// encoded slash or backslash: servers disagree about where those lead.
	ReasonPath Reason = "path"
)

// Reasons about a certificate and its arc.
const (
	// ReasonArc: the arc is the zero Arc, or its text is not a usable one.
	ReasonArc Reason = "arc"
	// ReasonAbsent: the certificate lacks one of the two extensions.
	ReasonAbsent Reason = "extension-absent"
	// ReasonTwice: the certificate has some extension, of anyone's, more than once.
	ReasonTwice Reason = "extension-twice"
	// ReasonCritical: one of our extensions is marked critical.
	ReasonCritical Reason = "extension-critical"
	// ReasonPolicyMissing: a claim, or a lower level of it, has no certificate policy.
	ReasonPolicyMissing Reason = "policy-missing"
	// ReasonPolicyUnexplained: a policy under arc.3 is the level of no claim.
	ReasonPolicyUnexplained Reason = "policy-unexplained"
	// ReasonPolicyTwice: a policy under arc.3 stands twice, against RFC 5280 §4.2.1.4.
	ReasonPolicyTwice Reason = "policy-twice"
	// ReasonAnyPolicy: the certificate has anyPolicy, which would answer for every level to
	// a program that reads only policies.
	ReasonAnyPolicy Reason = "any-policy"
)

// ParseError is the error of every function of this package: why something was refused
// and where.
type ParseError struct {
	Reason Reason
	// Field is the path of the offending field in the module's names, such as
	// "claims[0].assessment.validUntil"; or the object as a whole: "assurance",
	// "attestationRepository", "staple", "certificatePolicies", "extensions", "arc".
	Field string
	// Detail is for people. Outside text in it is quoted and cut.
	Detail string
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Field, e.Reason, e.Detail)
}

// refuse makes a ParseError.
func refuse(reason Reason, field, format string, args ...any) error {
	return &ParseError{Reason: reason, Field: field, Detail: fmt.Sprintf(format, args...)}
}

// within puts an outer field before the field of err. Paths are built only on the way
// out of a failure, so success does not pay for them.
func within(outer string, err error) error {
	var inner *ParseError
	if !errors.As(err, &inner) {
		return err
	}
	e := *inner
	if e.Field == "" { // the element itself
		e.Field = outer
	} else {
		e.Field = outer + "." + e.Field
	}
	return &e
}

// quote prints outside text for a Detail: escaped, and cut because it may be long.
func quote(s string) string {
	const most = 80 // enough to recognise it
	if len(s) > most {
		return fmt.Sprintf("%.*q…", most, s[:most])
	}
	return fmt.Sprintf("%q", s)
}
