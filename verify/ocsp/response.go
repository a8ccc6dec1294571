package ocsp

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// response is a BasicOCSPResponse, not judged yet.
type response struct {
	tbs        []byte // DER ResponseData, what is signed
	algorithm  asn1.ObjectIdentifier
	signature  []byte
	certs      []*x509.Certificate
	byName     []byte // DER of the responder's name, or nil
	byKey      []byte // SHA-1 of its key, or nil
	producedAt time.Time
	answers    []answer
	extensions []extension
}

// answer is a SingleResponse.
type answer struct {
	hash       crypto.Hash // 0: one we do not know
	nameHash   []byte
	keyHash    []byte
	serial     *big.Int
	status     Status
	revokedAt  time.Time
	reason     int
	thisUpdate time.Time
	nextUpdate time.Time // zero: absent
	extensions []extension
}

type extension struct {
	id       asn1.ObjectIdentifier
	critical bool
	value    []byte
}

func tag(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific() }

func explicit(n uint8) cbasn1.Tag { return tag(n).Constructed() }

// parse reads RFC 6960 §4.2.1:
//
//	OCSPResponse ::= SEQUENCE { responseStatus ENUMERATED, responseBytes [0] EXPLICIT ResponseBytes OPTIONAL }
//	ResponseBytes ::= SEQUENCE { responseType OBJECT IDENTIFIER, response OCTET STRING }
func parse(raw []byte) (*response, error) {
	if len(raw) > maxResponseBytes {
		return nil, refuse(Malformed, "%d bytes, at most %d", len(raw), maxResponseBytes)
	}
	in := cryptobyte.String(raw)
	var outer, wrapped, bytes, basic cryptobyte.String
	var status int
	var present bool
	if !in.ReadASN1(&outer, cbasn1.SEQUENCE) || !in.Empty() || !outer.ReadASN1Enum(&status) ||
		!outer.ReadOptionalASN1(&wrapped, &present, explicit(0)) || !outer.Empty() {
		return nil, refuse(Malformed, "not an OCSP response")
	}
	if status != 0 {
		return nil, refuse(NotSuccessful, "the responder answers %s", statusName(status))
	}
	var kind asn1.ObjectIdentifier
	if !present || !wrapped.ReadASN1(&bytes, cbasn1.SEQUENCE) || !wrapped.Empty() ||
		!bytes.ReadASN1ObjectIdentifier(&kind) || !bytes.ReadASN1(&basic, cbasn1.OCTET_STRING) || !bytes.Empty() {
		return nil, refuse(Malformed, "response bytes")
	}
	if !kind.Equal(oidBasic) {
		return nil, refuse(ResponseType, "%s", kind)
	}
	return parseBasic(basic)
}

func statusName(n int) string {
	names := []string{"successful", "malformedRequest", "internalError", "tryLater", "4", "sigRequired", "unauthorized"}
	if n < 0 || n >= len(names) {
		return "an unknown status"
	}
	return names[n]
}

// parseBasic reads
//
//	BasicOCSPResponse ::= SEQUENCE { tbsResponseData ResponseData, signatureAlgorithm AlgorithmIdentifier,
//	    signature BIT STRING, certs [0] EXPLICIT SEQUENCE OF Certificate OPTIONAL }
func parseBasic(in cryptobyte.String) (*response, error) {
	r := &response{}
	var body, tbs, algorithm, certs cryptobyte.String
	var signature asn1.BitString
	var hasCerts bool
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() || !body.ReadASN1Element(&tbs, cbasn1.SEQUENCE) ||
		!body.ReadASN1(&algorithm, cbasn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&r.algorithm) ||
		!body.ReadASN1BitString(&signature) || !body.ReadOptionalASN1(&certs, &hasCerts, explicit(0)) || !body.Empty() {
		return nil, refuse(Malformed, "basic response")
	}
	// The parameters are absent, or NULL for RSA; anything else belongs to algorithms
	// that are not accepted.
	if !algorithm.Empty() && !slices.Equal(algorithm, []byte{5, 0}) {
		return nil, refuse(SignatureAlgorithm, "%s with parameters", r.algorithm)
	}
	r.tbs, r.signature = tbs, signature.RightAlign()
	if hasCerts {
		if err := r.parseCertificates(certs); err != nil {
			return nil, err
		}
	}
	return r, r.parseData(tbs)
}

func (r *response) parseCertificates(in cryptobyte.String) error {
	var list cryptobyte.String
	if !in.ReadASN1(&list, cbasn1.SEQUENCE) || !in.Empty() {
		return refuse(Malformed, "certificates")
	}
	for !list.Empty() {
		var one cryptobyte.String
		if len(r.certs) == maxCertificates || !list.ReadASN1Element(&one, cbasn1.SEQUENCE) {
			return refuse(Malformed, "certificates, or more than %d", maxCertificates)
		}
		cert, err := x509.ParseCertificate(one)
		if err != nil {
			return refuse(Malformed, "certificate inside: %v", err)
		}
		r.certs = append(r.certs, cert)
	}
	return nil
}

// parseData reads
//
//	ResponseData ::= SEQUENCE { version [0] EXPLICIT Version DEFAULT v1,
//	    responderID CHOICE { byName [1] Name, byKey [2] OCTET STRING }, producedAt GeneralizedTime,
//	    responses SEQUENCE OF SingleResponse, responseExtensions [1] EXPLICIT Extensions OPTIONAL }
func (r *response) parseData(in cryptobyte.String) error {
	bad := refuse(Malformed, "response data")
	var data, id, answers cryptobyte.String
	// The version is v1, the default, and so never written in DER.
	if !in.ReadASN1(&data, cbasn1.SEQUENCE) || data.PeekASN1Tag(explicit(0)) {
		return bad
	}
	switch {
	case data.PeekASN1Tag(explicit(1)):
		if !data.ReadASN1(&id, explicit(1)) {
			return bad
		}
		r.byName = id
	case data.PeekASN1Tag(explicit(2)):
		var key cryptobyte.String
		if !data.ReadASN1(&id, explicit(2)) || !id.ReadASN1(&key, cbasn1.OCTET_STRING) || !id.Empty() {
			return bad
		}
		r.byKey = key
	default:
		return bad
	}
	if !data.ReadASN1GeneralizedTime(&r.producedAt) || !data.ReadASN1(&answers, cbasn1.SEQUENCE) {
		return bad
	}
	for !answers.Empty() {
		a, err := parseAnswer(&answers)
		if err != nil {
			return err
		}
		if r.answers = append(r.answers, a); len(r.answers) > maxAnswers {
			return refuse(Malformed, "more than %d answers", maxAnswers)
		}
	}
	var err error
	r.extensions, err = parseExtensions(&data, 1)
	if err == nil && !data.Empty() {
		err = bad
	}
	return err
}

// parseAnswer reads
//
//	SingleResponse ::= SEQUENCE { certID CertID, certStatus CertStatus, thisUpdate GeneralizedTime,
//	    nextUpdate [0] EXPLICIT GeneralizedTime OPTIONAL, singleExtensions [1] EXPLICIT Extensions OPTIONAL }
//	CertID ::= SEQUENCE { hashAlgorithm AlgorithmIdentifier, issuerNameHash OCTET STRING,
//	    issuerKeyHash OCTET STRING, serialNumber INTEGER }
func parseAnswer(in *cryptobyte.String) (answer, error) {
	bad := refuse(Malformed, "answer")
	a := answer{serial: new(big.Int)}
	var one, id, algorithm, nameHash, keyHash, next cryptobyte.String
	var hash asn1.ObjectIdentifier
	var hasNext bool
	if !in.ReadASN1(&one, cbasn1.SEQUENCE) || !one.ReadASN1(&id, cbasn1.SEQUENCE) ||
		!id.ReadASN1(&algorithm, cbasn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&hash) ||
		!id.ReadASN1(&nameHash, cbasn1.OCTET_STRING) || !id.ReadASN1(&keyHash, cbasn1.OCTET_STRING) ||
		!id.ReadASN1Integer(a.serial) || !id.Empty() {
		return answer{}, bad
	}
	a.hash, _ = hashOf(hash)
	a.nameHash, a.keyHash = nameHash, keyHash
	if !a.parseStatus(&one) || !one.ReadASN1GeneralizedTime(&a.thisUpdate) || !one.ReadOptionalASN1(&next, &hasNext, explicit(0)) {
		return answer{}, bad
	}
	if hasNext && (!next.ReadASN1GeneralizedTime(&a.nextUpdate) || !next.Empty()) {
		return answer{}, bad
	}
	var err error
	if a.extensions, err = parseExtensions(&one, 1); err != nil {
		return answer{}, err
	}
	if !one.Empty() {
		return answer{}, bad
	}
	return a, nil
}

// parseStatus reads
//
//	CertStatus ::= CHOICE { good [0] IMPLICIT NULL, revoked [1] IMPLICIT RevokedInfo, unknown [2] IMPLICIT NULL }
//	RevokedInfo ::= SEQUENCE { revocationTime GeneralizedTime, revocationReason [0] EXPLICIT CRLReason OPTIONAL }
func (a *answer) parseStatus(in *cryptobyte.String) bool {
	var value, reason cryptobyte.String
	var hasReason bool
	switch {
	case in.PeekASN1Tag(tag(0)):
		a.status = Good
		return in.ReadASN1(&value, tag(0)) && value.Empty()
	case in.PeekASN1Tag(tag(2)):
		a.status = Unknown
		return in.ReadASN1(&value, tag(2)) && value.Empty()
	case in.PeekASN1Tag(explicit(1)):
		a.status = Revoked
		return in.ReadASN1(&value, explicit(1)) && value.ReadASN1GeneralizedTime(&a.revokedAt) && value.ReadOptionalASN1(&reason, &hasReason, explicit(0)) && value.Empty() &&
			(!hasReason || reason.ReadASN1Enum(&a.reason) && reason.Empty())
	}
	return false
}

// parseExtensions reads an optional list of extensions and refuses what stands twice.
func parseExtensions(in *cryptobyte.String, n uint8) ([]extension, error) {
	bad := refuse(Malformed, "extensions")
	var wrapped, list cryptobyte.String
	var present bool
	if !in.ReadOptionalASN1(&wrapped, &present, explicit(n)) {
		return nil, bad
	}
	if !present {
		return nil, nil
	}
	if !wrapped.ReadASN1(&list, cbasn1.SEQUENCE) || !wrapped.Empty() {
		return nil, bad
	}
	var all []extension
	for !list.Empty() {
		var one, value cryptobyte.String
		var e extension
		if len(all) == maxExtensions || !list.ReadASN1(&one, cbasn1.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&e.id) {
			return nil, bad
		}
		if one.PeekASN1Tag(cbasn1.BOOLEAN) && !one.ReadASN1Boolean(&e.critical) {
			return nil, bad
		}
		if !one.ReadASN1(&value, cbasn1.OCTET_STRING) || !one.Empty() {
			return nil, bad
		}
		if slices.ContainsFunc(all, func(o extension) bool { return o.id.Equal(e.id) }) {
			return nil, refuse(DuplicateExtension, "%s", e.id)
		}
		e.value = value
		all = append(all, e)
	}
	return all, nil
}
