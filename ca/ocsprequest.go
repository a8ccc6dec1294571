package ca

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	oidOCSPNonce = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}
	oidOCSPBasic = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}
)

// ocspHashes are the algorithms that name an issuer, RFC 6960 §4.1.1. SHA-1 is what
// RFC 5019 §2.1.1 clients send; nothing is signed with it.
func ocspHashes() map[crypto.Hash]asn1.ObjectIdentifier {
	return map[crypto.Hash]asn1.ObjectIdentifier{
		crypto.SHA1:   {1, 3, 14, 3, 2, 26},
		crypto.SHA256: {2, 16, 840, 1, 101, 3, 4, 2, 1},
		crypto.SHA384: {2, 16, 840, 1, 101, 3, 4, 2, 2},
		crypto.SHA512: {2, 16, 840, 1, 101, 3, 4, 2, 3},
	}
}

// ocspRequest is a request of RFC 6960 §4.1.1, as far as it says what to answer. Who
// asks, and a signature over it, make no difference to anybody.
type ocspRequest struct {
	ids      []certID
	nonce    []byte // of RFC 9654; nil without
	extended bool   // it has extensions or a signature, so that the same bytes hardly come again
}

// certID names a certificate by its issuer's name and key, both hashed, and its number.
type certID struct {
	hash              crypto.Hash
	null              bool // the algorithm's parameters are NULL, not absent: said back as asked
	nameHash, keyHash string
	serial            *big.Int
}

// parseOCSPRequest reads a request. All errors mean malformedRequest.
func parseOCSPRequest(der []byte) (ocspRequest, error) {
	var req ocspRequest
	if len(der) > maxOCSPRequestBytes {
		return req, errors.New("OCSP request: too long")
	}
	in := cryptobyte.String(der)
	var outer, tbs, list, extensions, rest cryptobyte.String
	var signed, extended bool
	ok := in.ReadASN1(&outer, cbasn1.SEQUENCE) && in.Empty() &&
		outer.ReadASN1(&tbs, cbasn1.SEQUENCE) &&
		outer.ReadOptionalASN1(&rest, &signed, cbasn1.Tag(0).ContextSpecific().Constructed()) && outer.Empty() &&
		readOCSPVersion(&tbs) &&
		tbs.SkipOptionalASN1(cbasn1.Tag(1).ContextSpecific().Constructed()) && // requestorName
		tbs.ReadASN1(&list, cbasn1.SEQUENCE) && !list.Empty() &&
		tbs.ReadOptionalASN1(&extensions, &extended, cbasn1.Tag(2).ContextSpecific().Constructed()) && tbs.Empty()
	if !ok {
		return req, errors.New("OCSP request: not an OCSPRequest")
	}
	req.extended = signed || extended
	for !list.Empty() {
		id, single, err := readSingleRequest(&list)
		if err != nil {
			return req, err
		}
		req.ids, req.extended = append(req.ids, id), req.extended || single
		if len(req.ids) > maxOCSPIDs {
			return req, fmt.Errorf("OCSP request: more than %d certificates", maxOCSPIDs)
		}
	}
	if extended {
		return req, req.readExtensions(extensions)
	}
	return req, nil
}

// readOCSPVersion takes v1, which is the default and should not be there.
func readOCSPVersion(tbs *cryptobyte.String) bool {
	var explicit cryptobyte.String
	var present bool
	var version int
	if !tbs.ReadOptionalASN1(&explicit, &present, cbasn1.Tag(0).ContextSpecific().Constructed()) {
		return false
	}
	return !present || explicit.ReadASN1Integer(&version) && explicit.Empty() && version == 0
}

// readSingleRequest reads a CertID; extended says that it has extensions.
func readSingleRequest(list *cryptobyte.String) (id certID, extended bool, err error) {
	bad := errors.New("OCSP request: bad CertID")
	var request, cert, algorithm, extensions cryptobyte.String
	var oid asn1.ObjectIdentifier
	var name, key []byte
	id.serial = new(big.Int)
	ok := list.ReadASN1(&request, cbasn1.SEQUENCE) &&
		request.ReadASN1(&cert, cbasn1.SEQUENCE) &&
		request.ReadOptionalASN1(&extensions, &extended, cbasn1.Tag(0).ContextSpecific().Constructed()) && request.Empty() &&
		cert.ReadASN1(&algorithm, cbasn1.SEQUENCE) &&
		algorithm.ReadASN1ObjectIdentifier(&oid) &&
		cert.ReadASN1Bytes(&name, cbasn1.OCTET_STRING) &&
		cert.ReadASN1Bytes(&key, cbasn1.OCTET_STRING) &&
		cert.ReadASN1Integer(id.serial) && cert.Empty()
	if !ok {
		return id, false, bad
	}
	if id.null = !algorithm.Empty(); id.null && !bytes.Equal(algorithm, []byte{5, 0}) {
		return id, false, bad
	}
	for hash, known := range ocspHashes() {
		if known.Equal(oid) {
			id.hash = hash
		}
	}
	if id.hash == 0 || len(name) != id.hash.Size() || len(key) != id.hash.Size() {
		return id, false, bad
	}
	id.nameHash, id.keyHash = string(name), string(key)
	if extended {
		err = eachOCSPExtension(extensions, func(oid asn1.ObjectIdentifier, critical bool, _ cryptobyte.String) error {
			return refuseCritical(oid, critical)
		})
	}
	return id, extended, err
}

func refuseCritical(oid asn1.ObjectIdentifier, critical bool) error {
	if critical {
		return fmt.Errorf("OCSP request: critical extension %v", oid)
	}
	return nil
}

// readExtensions looks for a nonce, of 1 to 128 bytes and at most one (RFC 9654 §2.1).
func (req *ocspRequest) readExtensions(in cryptobyte.String) error {
	return eachOCSPExtension(in, func(oid asn1.ObjectIdentifier, critical bool, value cryptobyte.String) error {
		if !oid.Equal(oidOCSPNonce) {
			return refuseCritical(oid, critical)
		}
		var nonce []byte
		if req.nonce != nil || !value.ReadASN1Bytes(&nonce, cbasn1.OCTET_STRING) || !value.Empty() ||
			len(nonce) < 1 || len(nonce) > maxOCSPNonceBytes {
			return errors.New("OCSP request: bad nonce")
		}
		req.nonce = nonce
		return nil
	})
}

func eachOCSPExtension(in cryptobyte.String, fn func(oid asn1.ObjectIdentifier, critical bool, value cryptobyte.String) error) error {
	bad := errors.New("OCSP request: bad extensions")
	var list cryptobyte.String
	if !in.ReadASN1(&list, cbasn1.SEQUENCE) || !in.Empty() || list.Empty() {
		return bad
	}
	for !list.Empty() {
		var one, value cryptobyte.String
		var oid asn1.ObjectIdentifier
		critical := false
		if !list.ReadASN1(&one, cbasn1.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&oid) {
			return bad
		}
		if one.PeekASN1Tag(cbasn1.BOOLEAN) && !one.ReadASN1Boolean(&critical) {
			return bad
		}
		if !one.ReadASN1(&value, cbasn1.OCTET_STRING) || !one.Empty() {
			return bad
		}
		if err := fn(oid, critical, value); err != nil {
			return err
		}
	}
	return nil
}
