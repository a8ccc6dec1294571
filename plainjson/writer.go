// Package plainjson answers: how are the bytes that encoding/json would write written
// without reflection, for records that are written thousands of times a second?
//
// Writer writes members one by one, and only what is plain: text that needs no escape,
// times that RFC 3339 can say. Whoever meets anything else (OK says so) has encoding/json
// write the whole; so a record has one encoding, whichever way it went. Tests of those
// who use it hold both ways against each other.
package plainjson

import (
	"encoding/base64"
	"strconv"
	"time"
)

// Writer appends JSON to B. OK is false once something was not plain; what is in B then
// is of no use.
type Writer struct {
	B  []byte
	OK bool
	// HTML is for what encoding/json writes unless told otherwise: <, > and & are not plain.
	HTML bool
}

// Raw appends text as it is.
func (w *Writer) Raw(text string) { w.B = append(w.B, text...) }

// Text appends a string.
func (w *Writer) Text(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || w.HTML && (c == '<' || c == '>' || c == '&') {
			w.OK = false
			return
		}
	}
	w.B = append(append(append(w.B, '"'), s...), '"')
}

// Member appends what stands before a value, such as `,"id":`, and a string.
func (w *Writer) Member(before, s string) {
	w.Raw(before)
	w.Text(s)
}

// Optional is Member, but nothing where the string is empty (omitempty).
func (w *Writer) Optional(before, s string) {
	if s != "" {
		w.Member(before, s)
	}
}

// Texts appends a list of strings; nil is null.
func (w *Writer) Texts(before string, list []string) {
	w.Raw(before)
	if list == nil {
		w.Raw("null")
		return
	}
	w.Raw("[")
	for i, s := range list {
		if i > 0 {
			w.Raw(",")
		}
		w.Text(s)
	}
	w.Raw("]")
}

// Bytes appends bytes in base64; nil is null.
func (w *Writer) Bytes(before string, b []byte) {
	w.Raw(before)
	if b == nil {
		w.Raw("null")
		return
	}
	w.B = append(base64.StdEncoding.AppendEncode(append(w.B, '"'), b), '"')
}

// Uint appends a number.
func (w *Writer) Uint(before string, n uint64) {
	w.Raw(before)
	w.B = strconv.AppendUint(w.B, n, 10)
}

// maxYear is the last that RFC 3339 can say.
const maxYear = 9999

// Time appends a time, which must be UTC.
func (w *Writer) Time(before string, t time.Time) {
	w.Raw(before)
	if y := t.Year(); y < 0 || y > maxYear || t.Location() != time.UTC {
		w.OK = false
		return
	}
	w.B = append(t.AppendFormat(append(w.B, '"'), time.RFC3339Nano), '"')
}

// OptionalTime is Time, but nothing where the time is zero (omitzero).
func (w *Writer) OptionalTime(before string, t time.Time) {
	if !t.IsZero() {
		w.Time(before, t)
	}
}
