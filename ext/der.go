package ext

import (
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// version is the only version of each of our objects so far.
const version = 1

// instantLayout is a GeneralizedTime as RFC 5280 §4.1.2.5.2 profiles it.
const instantLayout = "20060102150405Z"

// readObject opens der as one SEQUENCE of at most most bytes with nothing behind it,
// and reads the version at its head. It returns the fields after the version.
func readObject(der []byte, most int, name string) (cryptobyte.String, error) {
	if len(der) > most {
		return nil, refuse(ReasonTooBig, name, "%d bytes, at most %d", len(der), most)
	}
	s := cryptobyte.String(der)
	fields, err := readValue(&s, asn1.SEQUENCE, name)
	if err != nil {
		return nil, err
	}
	if err := atEnd(s, name); err != nil {
		return nil, err
	}
	return fields, parseVersion(&fields)
}

// Version ::= INTEGER (1)
func parseVersion(s *cryptobyte.String) error {
	n, err := readNumber(s, MaxLogIndex, "version")
	if err != nil {
		return err
	}
	if n != version {
		return refuse(ReasonVersion, "version", "%d, only %d is known", n, version)
	}
	return nil
}

// readValue takes the next value off s, which must have the tag.
func readValue(s *cryptobyte.String, tag asn1.Tag, field string) (cryptobyte.String, error) {
	before := *s
	var v cryptobyte.String
	if !s.ReadASN1(&v, tag) {
		return nil, misread(before, tag, field)
	}
	return v, nil
}

// misread finds out why a value could not be read: cryptobyte only says that it could not.
func misread(s cryptobyte.String, tag asn1.Tag, field string) error {
	if len(s) == 0 {
		return refuse(ReasonTruncated, field, "absent")
	}
	if got := asn1.Tag(s[0]); got != tag {
		if got^tag == 0x20 { // same type, but a string in pieces or a list in one
			return refuse(ReasonNotDER, field, "tag 0x%02x, want 0x%02x", s[0], uint8(tag))
		}
		return refuse(ReasonWrongType, field, "tag 0x%02x, want 0x%02x", s[0], uint8(tag))
	}
	if len(s) > 1 && badLength(s[1:]) {
		return refuse(ReasonNotDER, field, "length is indefinite or not in its shortest form")
	}
	return refuse(ReasonTruncated, field, "ends after %d bytes", len(s))
}

// badLength reports whether the length octets at the head of b, as far as they are
// there, break X.690 §10.1: indefinite, or longer than they need be.
func badLength(b []byte) bool {
	if b[0] < 0x80 {
		return false
	}
	octets := b[1:]
	if n := int(b[0] & 0x7f); n == 0 {
		return true
	} else if n == 1 {
		return len(octets) > 0 && octets[0] < 0x80
	}
	return len(octets) > 0 && octets[0] == 0
}

// atEnd refuses whatever is left in s.
func atEnd(s cryptobyte.String, field string) error {
	if !s.Empty() {
		return refuse(ReasonTrailing, field, "%d bytes follow", len(s))
	}
	return nil
}

// readNumber reads an INTEGER of 0..most.
func readNumber(s *cryptobyte.String, most uint64, field string) (uint64, error) {
	v, err := readValue(s, asn1.INTEGER, field)
	if err != nil {
		return 0, err
	}
	switch {
	case len(v) == 0:
		return 0, refuse(ReasonNotDER, field, "integer without octets")
	case len(v) > 1 && (v[0] == 0 && v[1] < 0x80 || v[0] == 0xff && v[1] >= 0x80):
		return 0, refuse(ReasonNotDER, field, "integer not in its shortest form")
	case v[0] >= 0x80:
		return 0, refuse(ReasonNegative, field, "below zero")
	case len(v) > 8:
		return 0, refuse(ReasonTooLarge, field, "at most %d", most)
	}
	var n uint64
	for _, b := range v {
		n = n<<8 | uint64(b)
	}
	if n > most {
		return 0, refuse(ReasonTooLarge, field, "%d, at most %d", n, most)
	}
	return n, nil
}

// readText reads the octets of a string type with the given tag; checkText judges them.
func readText(s *cryptobyte.String, tag asn1.Tag, field string) (string, error) {
	v, err := readValue(s, tag, field)
	return string(v), err
}

// readTexts reads a list of IA5Strings with at most most elements.
func readTexts(s *cryptobyte.String, tag asn1.Tag, most int, field string) ([]string, error) {
	var texts []string
	err := readList(s, tag, most, field, func(list *cryptobyte.String) error {
		text, err := readText(list, asn1.IA5String, "")
		texts = append(texts, text)
		return err
	})
	return texts, err
}

// readBlobs reads a list of OCTET STRINGs with at most most elements. They share memory
// with s.
func readBlobs(s *cryptobyte.String, tag asn1.Tag, most int, field string) ([][]byte, error) {
	var blobs [][]byte
	err := readList(s, tag, most, field, func(list *cryptobyte.String) error {
		blob, err := readValue(list, asn1.OCTET_STRING, "")
		blobs = append(blobs, blob)
		return err
	})
	return blobs, err
}

// readList opens a SEQUENCE OF and calls read, which names its fields relative to the
// element, until nothing is left of it. The bounds are enforced here, before more is held
// in memory; none of our lists may be empty, an OPTIONAL one is left out instead.
func readList(s *cryptobyte.String, tag asn1.Tag, most int, field string, read func(list *cryptobyte.String) error) error {
	list, err := readValue(s, tag, field)
	if err != nil {
		return err
	}
	if list.Empty() {
		return refuse(ReasonEmpty, field, "no elements")
	}
	for i := 0; !list.Empty(); i++ {
		if i == most {
			return refuse(ReasonTooMany, field, "more than %d elements", most)
		}
		if err := read(&list); err != nil {
			return within(fmt.Sprintf("%s[%d]", field, i), err)
		}
	}
	return nil
}

// SHA256Digest ::= OCTET STRING (SIZE (32))
func parseDigest(s *cryptobyte.String, field string) ([32]byte, error) {
	v, err := readValue(s, asn1.OCTET_STRING, field)
	if err != nil {
		return [32]byte{}, err
	}
	if len(v) != 32 {
		return [32]byte{}, refuse(ReasonDigest, field, "%d bytes, want 32", len(v))
	}
	return [32]byte(v), nil
}

// Instant ::= GeneralizedTime
//
// The module's comment and RFC 5280 §4.1.2.5.2 leave one form: YYYYMMDDHHMMSSZ.
// cryptobyte's own reader also takes offsets, and time.Parse alone a fraction of zero.
func parseInstant(s *cryptobyte.String, field string) (time.Time, error) {
	v, err := readValue(s, asn1.GeneralizedTime, field)
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(instantLayout, string(v))
	if err != nil || t.Format(instantLayout) != string(v) {
		return time.Time{}, refuse(ReasonTime, field, "%s is not YYYYMMDDHHMMSSZ", quote(string(v)))
	}
	return t, nil
}

// checkInstant judges a time in either direction.
func checkInstant(t time.Time, field string) error {
	switch {
	case t.Nanosecond() != 0:
		return refuse(ReasonTime, field, "has a fraction of a second")
	case t.Unix() < 0:
		return refuse(ReasonTime, field, "before 1970: never filled in")
	case t.UTC().Year() > 9999:
		return refuse(ReasonTime, field, "after the year 9999")
	}
	return nil
}

// checkDigest refuses a digest that nobody filled in.
func checkDigest(d [32]byte, field string) error {
	if d == [32]byte{} {
		return refuse(ReasonDigest, field, "all zero: never filled in")
	}
	return nil
}

// addText appends a string type.
func addText(b *cryptobyte.Builder, tag asn1.Tag, s string) {
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(s)) })
}

// addInstant appends an Instant.
func addInstant(b *cryptobyte.Builder, t time.Time) {
	addText(b, asn1.GeneralizedTime, t.UTC().Format(instantLayout))
}

// marshalObject prints a SEQUENCE with the version at its head.
func marshalObject(most int, name string, fields func(b *cryptobyte.Builder)) ([]byte, error) {
	return marshalObjectAbout(0, most, name, fields)
}

// marshalObjectAbout has room for so many bytes from the start.
func marshalObjectAbout(room, most int, name string, fields func(b *cryptobyte.Builder)) ([]byte, error) {
	b := cryptobyte.NewBuilder(make([]byte, 0, room))
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(version)
		fields(b)
	})
	der, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("marshal %s: %w", name, err)
	}
	if len(der) > most {
		return nil, refuse(ReasonTooBig, name, "%d bytes, at most %d", len(der), most)
	}
	return der, nil
}
