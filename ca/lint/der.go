package lint

import (
	"bytes"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// der: written again from what was read, the certificate gives the same bytes. What is
// not DER verifies here and not there, because some readers encode again before they
// check the signature.
func der() Rule {
	return Rule{
		ID: "der", Requires: "the certificate and its extensions are the one DER encoding of their content",
		Citation: "RFC 5280 §4.1", Source: SourceRFC,
		applies: func(*Certificate) bool { return true },
		broken: func(c *Certificate) string {
			if err := canonical(c.Raw, 0); err != nil {
				return err.Error()
			}
			for _, e := range c.fields.extensions {
				if e.falseCritical {
					return fmt.Sprintf("extension %s writes out its default, critical FALSE", e.id)
				}
				if err := canonical(e.value, 0); err != nil {
					return fmt.Sprintf("extension %s: %v", e.id, err)
				}
			}
			return ""
		},
	}
}

// canonical walks values one after the other. Lengths are checked by cryptobyte, which
// reads minimal definite ones alone.
func canonical(b []byte, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested more than %d deep", maxDepth)
	}
	in := cryptobyte.String(b)
	if depth == 0 && len(b) == 0 {
		return fmt.Errorf("empty")
	}
	for first := true; !in.Empty(); first = false {
		var value cryptobyte.String
		var tag asn1.Tag
		if !in.ReadAnyASN1(&value, &tag) || depth == 0 && !first {
			return fmt.Errorf("a length that is not minimal, or bytes after the end")
		}
		if err := canonicalValue(tag, value, depth); err != nil {
			return err
		}
	}
	return nil
}

func canonicalValue(tag asn1.Tag, v cryptobyte.String, depth int) error {
	const constructed = 0x20
	if tag&constructed != 0 {
		if tag == asn1.SET && !sorted(v) {
			return fmt.Errorf("a SET out of order")
		}
		return canonical(v, depth+1)
	}
	switch tag {
	case asn1.BOOLEAN:
		if len(v) != 1 || v[0] != 0 && v[0] != 0xff {
			return fmt.Errorf("a BOOLEAN that is neither 00 nor FF")
		}
	case asn1.INTEGER, asn1.ENUM:
		if len(v) == 0 || len(v) > 1 && (v[0] == 0 && v[1] < 0x80 || v[0] == 0xff && v[1] >= 0x80) {
			return fmt.Errorf("an INTEGER that is not minimal")
		}
	case asn1.BIT_STRING:
		if len(v) == 0 || v[0] > 7 || len(v) == 1 && v[0] != 0 || v[len(v)-1]&(1<<v[0]-1) != 0 && len(v) > 1 {
			return fmt.Errorf("a BIT STRING with bits set after its end")
		}
	case asn1.OBJECT_IDENTIFIER:
		return canonicalOID(v)
	case asn1.NULL:
		if len(v) != 0 {
			return fmt.Errorf("a NULL with content")
		}
	case asn1.UTCTime:
		return canonicalTime(v, len("060102150405Z"))
	case asn1.GeneralizedTime:
		return canonicalTime(v, len("20060102150405Z"))
	}
	return nil
}

// sorted reports whether the elements of a SET OF are in ascending order of their
// encodings. Certificates have no SET, whose order is by tag.
func sorted(v cryptobyte.String) bool {
	var last []byte
	for !v.Empty() {
		var element cryptobyte.String
		var tag asn1.Tag
		if !v.ReadAnyASN1Element(&element, &tag) {
			return true // the walk says what is wrong
		}
		if last != nil && bytes.Compare(last, element) > 0 {
			return false
		}
		last = element
	}
	return true
}

func canonicalOID(v []byte) error {
	begins := true
	for _, b := range v {
		if begins && b == 0x80 {
			return fmt.Errorf("an OBJECT IDENTIFIER that is not minimal")
		}
		begins = b < 0x80
	}
	if len(v) == 0 || !begins {
		return fmt.Errorf("an OBJECT IDENTIFIER without an end")
	}
	return nil
}

func canonicalTime(v []byte, want int) error {
	if len(v) != want || v[want-1] != 'Z' {
		return fmt.Errorf("a time that is not in seconds and UTC")
	}
	for _, b := range v[:want-1] {
		if b < '0' || b > '9' {
			return fmt.Errorf("a time with other characters than digits")
		}
	}
	return nil
}
