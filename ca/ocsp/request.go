package ocsp

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"github.com/hallmark-pki/hallmark/ext"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	oidNonce = ext.OCSPNonce()
	oidBasic = ext.OCSPBasic()
)

// hashes are the algorithms that name an issuer, RFC 6960 §4.1.1. SHA-1 is what
// RFC 5019 §2.1.1 clients send; nothing is signed with it.
func hashes() map[crypto.Hash]asn1.ObjectIdentifier {
	return map[crypto.Hash]asn1.ObjectIdentifier{
		crypto.SHA1: ext.SHA1(), crypto.SHA256: ext.SHA256(), crypto.SHA384: ext.SHA384(), crypto.SHA512: ext.SHA512(),
	}
}

// Request is an OCSPRequest of RFC 6960 §4.1.1, as far as it says what to answer. Who
// asks, and a signature over it, make no difference to anybody.
type Request struct {
	IDs      []CertID
	Nonce    []byte // of RFC 9654; nil without
	Extended bool   // it has extensions or a signature, so that the same bytes hardly come again
}

// CertID (RFC 6960 §4.1.1) names a certificate by its issuer's name and key, both hashed, and its number.
type CertID struct {
	Hash              crypto.Hash
	Null              bool // the algorithm's parameters are NULL, not absent: said back as asked
	NameHash, KeyHash string
	Serial            *big.Int
}

// ParseRequest reads a request, DER of MaxRequestBytes at most. All errors mean malformedRequest.
func ParseRequest(der []byte) (Request, error) {
	var req Request
	if len(der) > MaxRequestBytes {
		return req, errors.New("OCSP request: too long")
	}
	in := cryptobyte.String(der)
	var outer, tbs, list, extensions, rest cryptobyte.String
	var signed, extended bool
	ok := in.ReadASN1(&outer, cbasn1.SEQUENCE) && in.Empty() &&
		outer.ReadASN1(&tbs, cbasn1.SEQUENCE) &&
		outer.ReadOptionalASN1(&rest, &signed, cbasn1.Tag(0).ContextSpecific().Constructed()) && outer.Empty() &&
		readVersion(&tbs) &&
		tbs.SkipOptionalASN1(cbasn1.Tag(1).ContextSpecific().Constructed()) && // requestorName
		tbs.ReadASN1(&list, cbasn1.SEQUENCE) && !list.Empty() &&
		tbs.ReadOptionalASN1(&extensions, &extended, cbasn1.Tag(2).ContextSpecific().Constructed()) && tbs.Empty()
	if !ok {
		return req, errors.New("OCSP request: not an OCSPRequest")
	}
	req.Extended = signed || extended
	for !list.Empty() {
		id, single, err := readSingleRequest(&list)
		if err != nil {
			return req, err
		}
		req.IDs, req.Extended = append(req.IDs, id), req.Extended || single
		if len(req.IDs) > maxIDs {
			return req, fmt.Errorf("OCSP request: more than %d certificates", maxIDs)
		}
	}
	if extended {
		return req, req.readExtensions(extensions)
	}
	return req, nil
}

// readVersion takes v1, which is the default and should not be there.
func readVersion(tbs *cryptobyte.String) bool {
	var explicit cryptobyte.String
	var present bool
	var version int
	if !tbs.ReadOptionalASN1(&explicit, &present, cbasn1.Tag(0).ContextSpecific().Constructed()) {
		return false
	}
	return !present || explicit.ReadASN1Integer(&version) && explicit.Empty() && version == 0
}

// readSingleRequest reads a CertID; extended says that it has extensions.
func readSingleRequest(list *cryptobyte.String) (id CertID, extended bool, err error) {
	bad := errors.New("OCSP request: bad CertID")
	var request, cert, algorithm, extensions cryptobyte.String
	var oid asn1.ObjectIdentifier
	var name, key []byte
	id.Serial = new(big.Int)
	ok := list.ReadASN1(&request, cbasn1.SEQUENCE) &&
		request.ReadASN1(&cert, cbasn1.SEQUENCE) &&
		request.ReadOptionalASN1(&extensions, &extended, cbasn1.Tag(0).ContextSpecific().Constructed()) && request.Empty() &&
		cert.ReadASN1(&algorithm, cbasn1.SEQUENCE) &&
		algorithm.ReadASN1ObjectIdentifier(&oid) &&
		cert.ReadASN1Bytes(&name, cbasn1.OCTET_STRING) &&
		cert.ReadASN1Bytes(&key, cbasn1.OCTET_STRING) &&
		cert.ReadASN1Integer(id.Serial) && cert.Empty()
	if !ok {
		return id, false, bad
	}
	if id.Null = !algorithm.Empty(); id.Null && !bytes.Equal(algorithm, []byte{5, 0}) {
		return id, false, bad
	}
	for hash, known := range hashes() {
		if known.Equal(oid) {
			id.Hash = hash
		}
	}
	if id.Hash == 0 || len(name) != id.Hash.Size() || len(key) != id.Hash.Size() {
		return id, false, bad
	}
	id.NameHash, id.KeyHash = string(name), string(key)
	if extended {
		err = eachExtension(extensions, func(oid asn1.ObjectIdentifier, critical bool, _ cryptobyte.String) error {
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
func (req *Request) readExtensions(in cryptobyte.String) error {
	return eachExtension(in, func(oid asn1.ObjectIdentifier, critical bool, value cryptobyte.String) error {
		if !oid.Equal(oidNonce) {
			return refuseCritical(oid, critical)
		}
		var nonce []byte
		if req.Nonce != nil || !value.ReadASN1Bytes(&nonce, cbasn1.OCTET_STRING) || !value.Empty() ||
			len(nonce) < 1 || len(nonce) > maxNonceBytes {
			return errors.New("OCSP request: bad nonce")
		}
		req.Nonce = nonce
		return nil
	})
}

func eachExtension(in cryptobyte.String, fn func(oid asn1.ObjectIdentifier, critical bool, value cryptobyte.String) error) error {
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
