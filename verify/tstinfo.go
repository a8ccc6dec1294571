package verify

import (
	"crypto"
	"encoding/asn1"
	"errors"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// tstInfo is what a time-stamp token says, RFC 3161 §2.4.2, as far as it matters here.
type tstInfo struct {
	hash    crypto.Hash
	imprint []byte // with that hash, of what was stamped
	at      time.Time
}

// parseTSTInfo reads the content of a token, all of it. The general library is not used:
// it reads the CMS around it a second time and leniently, and verifies the signature that
// has just been verified. A test holds the result against it.
func parseTSTInfo(der []byte) (tstInfo, error) {
	if err := checkDER(der); err != nil {
		return tstInfo{}, err
	}
	var t tstInfo
	in := cryptobyte.String(der)
	var body, imprint, digest, at cryptobyte.String
	var version int
	var policy asn1.ObjectIdentifier
	ok := in.ReadASN1(&body, cbasn1.SEQUENCE) && in.Empty() &&
		body.ReadASN1Integer(&version) && version == 1 &&
		body.ReadASN1ObjectIdentifier(&policy) &&
		body.ReadASN1(&imprint, cbasn1.SEQUENCE)
	if !ok {
		return tstInfo{}, errors.New("not a TSTInfo of version 1")
	}
	alg, ok := readAlgorithm(&imprint, cbasn1.SEQUENCE)
	if !ok || !imprint.ReadASN1(&digest, cbasn1.OCTET_STRING) || !imprint.Empty() {
		return tstInfo{}, errors.New("message imprint")
	}
	if t.hash, ok = hashOf(alg); !ok {
		return tstInfo{}, errors.New("hash algorithm " + alg.oid.String())
	}
	t.imprint = digest
	if !body.ReadASN1Integer(new(big.Int)) || !body.ReadASN1(&at, cbasn1.GeneralizedTime) {
		return tstInfo{}, errors.New("serial number or time")
	}
	var err error
	if t.at, err = parseGenTime(string(at)); err != nil {
		return tstInfo{}, err
	}
	return t, readRest(body)
}

// parseGenTime reads a time in UTC to the second or finer: DER, X.690 §11.7, so without
// zeros at the end of a fraction.
func parseGenTime(s string) (time.Time, error) {
	const layout = "20060102150405.999999999Z"
	t, err := time.Parse(layout, s)
	if err != nil || t.Format(layout) != s {
		return time.Time{}, errors.New("time is not in DER")
	}
	return t, nil
}

// readRest reads what follows the time: accuracy, ordering, nonce and the authority's name
// have the right form and change nothing here; an extension may be one that does.
func readRest(in cryptobyte.String) error {
	var accuracy, ordering, tsa, extensions cryptobyte.String
	var hasOrdering, hasExtensions bool
	ok := in.ReadOptionalASN1(&accuracy, nil, cbasn1.SEQUENCE) &&
		accuracy.SkipOptionalASN1(cbasn1.INTEGER) &&
		accuracy.SkipOptionalASN1(cbasn1.Tag(0).ContextSpecific()) &&
		accuracy.SkipOptionalASN1(cbasn1.Tag(1).ContextSpecific()) && accuracy.Empty() &&
		in.ReadOptionalASN1(&ordering, &hasOrdering, cbasn1.BOOLEAN) && (!hasOrdering || ordering[0] == 0xff) &&
		in.SkipOptionalASN1(cbasn1.INTEGER) && // the nonce
		in.ReadOptionalASN1(&tsa, nil, contextTag(0)) &&
		in.ReadOptionalASN1(&extensions, &hasExtensions, contextTag(1)) && in.Empty()
	if !ok || hasExtensions && extensions.Empty() {
		return errors.New("TSTInfo after the time")
	}
	for !extensions.Empty() {
		var extension, value, critical cryptobyte.String
		var isCritical bool
		var oid asn1.ObjectIdentifier
		ok := extensions.ReadASN1(&extension, cbasn1.SEQUENCE) && extension.ReadASN1ObjectIdentifier(&oid) &&
			extension.ReadOptionalASN1(&critical, &isCritical, cbasn1.BOOLEAN) && (!isCritical || critical[0] == 0xff) &&
			extension.ReadASN1(&value, cbasn1.OCTET_STRING) && extension.Empty()
		switch {
		case !ok:
			return errors.New("extension of TSTInfo")
		case isCritical:
			return errors.New("unknown critical extension " + oid.String())
		}
	}
	return nil
}
