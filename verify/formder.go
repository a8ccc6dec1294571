package verify

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// checkQualifiers reads certificate policies to their end and refuses qualifiers that RFC
// 5280 §4.2.1.4 does not define: where the extension is critical they must be
// understood, and with anyPolicy there are no others.
func checkQualifiers(der []byte, critical bool) error {
	bad := errors.New("malformed certificate policies")
	in := cryptobyte.String(der)
	var policies cryptobyte.String
	if !in.ReadASN1(&policies, cbasn1.SEQUENCE) || !in.Empty() || policies.Empty() {
		return bad
	}
	for !policies.Empty() {
		var policy, qualifiers cryptobyte.String
		var id asn1.ObjectIdentifier
		var present bool
		if !policies.ReadASN1(&policy, cbasn1.SEQUENCE) || !policy.ReadASN1ObjectIdentifier(&id) ||
			!policy.ReadOptionalASN1(&qualifiers, &present, cbasn1.SEQUENCE) || !policy.Empty() || present && qualifiers.Empty() {
			return bad
		}
		strict := critical || id.Equal(oidAnyPolicy)
		for !qualifiers.Empty() {
			var one, value cryptobyte.String
			var tag cbasn1.Tag
			if !qualifiers.ReadASN1(&one, cbasn1.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&id) ||
				!one.ReadAnyASN1Element(&value, &tag) || !one.Empty() {
				return bad
			}
			if strict && !id.Equal(oidQualifierCPS) && !id.Equal(oidQualifierNotice) {
				return fmt.Errorf("certificate policies with unknown qualifier %v, RFC 5280 §4.2.1.4", id)
			}
		}
	}
	return nil
}

// checkSubtrees refuses name constraints with a minimum or a maximum, which RFC 5280
// §4.2.1.10 rules out and no reader gives a meaning to.
func checkSubtrees(der []byte) error {
	bad := errors.New("name constraints with more than names, RFC 5280 §4.2.1.10")
	in := cryptobyte.String(der)
	var body cryptobyte.String
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() {
		return bad
	}
	for n := range uint8(2) {
		var subtrees cryptobyte.String
		var present bool
		if !body.ReadOptionalASN1(&subtrees, &present, contextTag(n)) {
			return bad
		}
		for !subtrees.Empty() {
			var one, base cryptobyte.String
			var tag cbasn1.Tag
			if !subtrees.ReadASN1(&one, cbasn1.SEQUENCE) || !one.ReadAnyASN1Element(&base, &tag) || !one.Empty() {
				return bad
			}
		}
	}
	if !body.Empty() {
		return bad
	}
	return nil
}

// checkValidity demands the one spelling of times, RFC 5280 §4.1.2.5: with seconds, and in
// Greenwich Mean Time.
func checkValidity(tbs []byte) error {
	in := cryptobyte.String(tbs)
	var body, validity cryptobyte.String
	ok := in.ReadASN1(&body, cbasn1.SEQUENCE) && body.SkipOptionalASN1(contextTag(0)) && body.SkipASN1(cbasn1.INTEGER) &&
		body.SkipASN1(cbasn1.SEQUENCE) && body.SkipASN1(cbasn1.SEQUENCE) && body.ReadASN1(&validity, cbasn1.SEQUENCE)
	for range 2 {
		var t cryptobyte.String
		var tag cbasn1.Tag
		ok = ok && validity.ReadAnyASN1(&t, &tag)
		want := len("060102150405Z")
		if tag == cbasn1.GeneralizedTime {
			want = len("20060102150405Z")
		}
		ok = ok && (tag == cbasn1.UTCTime || tag == cbasn1.GeneralizedTime) && len(t) == want && bytes.HasSuffix(t, []byte("Z"))
	}
	if !ok || !validity.Empty() {
		return errors.New("a time in another spelling, RFC 5280 §4.1.2.5")
	}
	return nil
}

// checkStrings refuses characters in a name that its PrintableStrings do not have,
// X.680 §41.4: readers differ in what they make of them.
func checkStrings(name []byte) error {
	in := cryptobyte.String(name)
	for !in.Empty() {
		var value cryptobyte.String
		var tag cbasn1.Tag
		if !in.ReadAnyASN1(&value, &tag) {
			return errors.New("malformed name")
		}
		const constructed = 0x20
		switch {
		case tag&constructed != 0:
			if err := checkStrings(value); err != nil {
				return err
			}
		case tag == cbasn1.PrintableString && len(bytes.Trim(value, printableCharacters)) > 0:
			return fmt.Errorf("a PrintableString %.64q, RFC 5280 §4.1.2.4", value)
		}
	}
	return nil
}

// printableCharacters are those of a PrintableString.
const printableCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?"
