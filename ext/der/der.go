// Package der answers: how is DER written in one pass, when the lengths are known?
//
// A signature is four certificates and a dozen short fields, nested nine deep.
// golang.org/x/crypto/cryptobyte learns each length last and moves what it has written;
// for what is made once that is nothing, for every signature it was as much as a
// signature costs. Here lengths are counted first and nothing is moved. There is no
// parser, and no type but the element itself (X.690 §8.1, lengths as §10.1 wants them).
package der

import (
	"bytes"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// Len is the length of an element whose contents are n bytes long.
func Len(n int) int {
	switch {
	case n < 1<<7:
		return 2 + n
	case n < 1<<8:
		return 3 + n
	case n < 1<<16:
		return 4 + n
	case n < 1<<24:
		return 5 + n
	}
	return 6 + n
}

// AppendHeader appends identifier and length of an element whose contents, n bytes long,
// the caller appends next. n is at most 2^31-1.
func AppendHeader(b []byte, tag asn1.Tag, n int) []byte {
	b = append(b, byte(tag))
	switch {
	case n < 1<<7:
		return append(b, byte(n))
	case n < 1<<8:
		return append(b, 0x81, byte(n))
	case n < 1<<16:
		return append(b, 0x82, byte(n>>8), byte(n))
	case n < 1<<24:
		return append(b, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(b, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// Append appends an element whose contents are the parts.
func Append(b []byte, tag asn1.Tag, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	b = AppendHeader(b, tag, n)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// SetOf returns a SET OF elements, which it brings into DER's order (X.690 §11.6), and the
// length of its header.
func SetOf(elements [][]byte) (set []byte, header int) {
	slices.SortFunc(elements, bytes.Compare)
	n := 0
	for _, e := range elements {
		n += len(e)
	}
	set = AppendHeader(make([]byte, 0, Len(n)), asn1.SET, n)
	header = len(set)
	for _, e := range elements {
		set = append(set, e...)
	}
	return set, header
}

// AppendUnsigned appends an INTEGER that is not negative, given as its bytes with the
// most significant one first (X.690 §8.3).
func AppendUnsigned(b []byte, magnitude []byte) []byte {
	for len(magnitude) > 0 && magnitude[0] == 0 {
		magnitude = magnitude[1:]
	}
	if len(magnitude) == 0 || magnitude[0] >= 0x80 {
		b = AppendHeader(b, asn1.INTEGER, len(magnitude)+1)
		return append(append(b, 0), magnitude...)
	}
	return append(AppendHeader(b, asn1.INTEGER, len(magnitude)), magnitude...)
}

// utcYears are those that UTCTime can say (RFC 5280 §4.1.2.5.1).
const (
	firstUTCYear = 1950
	lastUTCYear  = 2049
)

// AppendTime appends a time in whole seconds as CMS has it: UTCTime for the years that it
// can say, else GeneralizedTime (RFC 5652 §11.3). The year must have four digits.
func AppendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	if y := t.Year(); y < firstUTCYear || y > lastUTCYear {
		return AppendGeneralizedTime(b, t)
	}
	const layout = "060102150405Z"
	return t.AppendFormat(AppendHeader(b, asn1.UTCTime, len(layout)), layout)
}

// AppendGeneralizedTime does so as GeneralizedTime without fractions.
func AppendGeneralizedTime(b []byte, t time.Time) []byte {
	const layout = "20060102150405Z"
	return t.UTC().AppendFormat(AppendHeader(b, asn1.GeneralizedTime, len(layout)), layout)
}
