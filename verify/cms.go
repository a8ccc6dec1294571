package verify

import (
	"bytes"
	"encoding/asn1"
	"math/big"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmark-pki/hallmark/ext"
)

// signedData is a CMS SignedData, RFC 5652 §5.1, in our profile: DER, certificates
// inside and all of them X.509, no CRLs, one signer named by issuer and serial.
type signedData struct {
	version      int
	contentType  asn1.ObjectIdentifier
	hasContent   bool
	content      []byte // of the encapsulated OCTET STRING; of Authenticode, the whole SEQUENCE
	digestAlgs   []algorithm
	certificates [][]byte // DER, in the order they stand
	signer       signerInfo
}

// signerInfo is a SignerInfo, RFC 5652 §5.3.
type signerInfo struct {
	issuer       []byte // DER Name
	serial       *big.Int
	digestAlg    algorithm
	signed       []attribute
	signedRaw    []byte // the signed attributes without their tag and length
	signatureAlg algorithm
	signature    []byte
	unsigned     []attribute
}

// algorithm is an AlgorithmIdentifier, RFC 5280 §4.1.1.2. parameters is nil when
// absent or NULL: RFC 5754 §2 tells readers to take both for the same.
type algorithm struct {
	oid        asn1.ObjectIdentifier
	parameters []byte
}

func (a algorithm) equal(b algorithm) bool {
	return a.oid.Equal(b.oid) && bytes.Equal(a.parameters, b.parameters)
}

// attribute is an Attribute, RFC 5652 §5.3, with its values' DER.
type attribute struct {
	oid    asn1.ObjectIdentifier
	values [][]byte
}

func malformed(format string, args ...any) error {
	return because(SignatureMalformed, format, args...)
}

// parseSignedData reads a ContentInfo that holds one SignedData and nothing after
// it. Nothing is verified.
func parseSignedData(der []byte, maxBytes int) (signedData, error) {
	if len(der) > maxBytes {
		return signedData{}, because(SignatureTooLarge, "%d bytes, at most %d", len(der), maxBytes)
	}
	if err := checkDER(der); err != nil {
		return signedData{}, malformed("%v", err)
	}
	in := cryptobyte.String(der)
	var info, wrapped, body cryptobyte.String
	var contentType asn1.ObjectIdentifier
	ok := in.ReadASN1(&info, cbasn1.SEQUENCE) &&
		info.ReadASN1ObjectIdentifier(&contentType) &&
		info.ReadASN1(&wrapped, contextTag(0)) && info.Empty() &&
		wrapped.ReadASN1(&body, cbasn1.SEQUENCE) && wrapped.Empty()
	if !ok || !contentType.Equal(oidSignedData) {
		return signedData{}, malformed("not a CMS SignedData")
	}
	return parseBody(body)
}

func contextTag(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }

func parseBody(in cryptobyte.String) (signedData, error) {
	var sd signedData
	var algs, encap, certs, signers cryptobyte.String
	var hasCerts bool
	ok := in.ReadASN1Integer(&sd.version) &&
		in.ReadASN1(&algs, cbasn1.SET) &&
		in.ReadASN1(&encap, cbasn1.SEQUENCE) &&
		in.ReadOptionalASN1(&certs, &hasCerts, contextTag(0))
	switch {
	case !ok:
		return signedData{}, malformed("SignedData")
	case in.PeekASN1Tag(contextTag(1)):
		return signedData{}, malformed("SignedData carries CRLs; ours are in the staple")
	case !in.ReadASN1(&signers, cbasn1.SET) || !in.Empty():
		return signedData{}, malformed("SignedData after the certificates")
	}
	var err error
	if sd.digestAlgs, err = readAlgorithms(algs); err != nil {
		return signedData{}, err
	}
	if err := sd.readContent(encap); err != nil {
		return signedData{}, err
	}
	if sd.certificates, err = readCertificates(certs); err != nil {
		return signedData{}, err
	}
	if sd.signer, err = readOnlySigner(signers); err != nil {
		return signedData{}, err
	}
	return sd, nil
}

func readAlgorithms(in cryptobyte.String) ([]algorithm, error) {
	var out []algorithm
	for !in.Empty() {
		a, ok := readAlgorithm(&in, cbasn1.SEQUENCE)
		if !ok {
			return nil, malformed("digest algorithms")
		}
		if len(out) == maxAttributes {
			return nil, because(SignatureTooLarge, "more than %d digest algorithms", maxAttributes)
		}
		out = append(out, a)
	}
	return out, nil
}

func readAlgorithm(in *cryptobyte.String, tag cbasn1.Tag) (algorithm, bool) {
	var body, parameters cryptobyte.String
	var a algorithm
	if !in.ReadASN1(&body, tag) || !body.ReadASN1ObjectIdentifier(&a.oid) {
		return algorithm{}, false
	}
	if body.Empty() {
		return a, true
	}
	var kind cbasn1.Tag
	if !body.ReadAnyASN1Element(&parameters, &kind) || !body.Empty() {
		return algorithm{}, false
	}
	if kind != cbasn1.NULL {
		a.parameters = parameters
	}
	return a, true
}

// readContent reads EncapsulatedContentInfo, RFC 5652 §5.2. Authenticode keeps to
// RFC 2315 §7, where the content is no OCTET STRING but the thing itself.
func (sd *signedData) readContent(in cryptobyte.String) error {
	var wrapped, content cryptobyte.String
	if !in.ReadASN1ObjectIdentifier(&sd.contentType) ||
		!in.ReadOptionalASN1(&wrapped, &sd.hasContent, contextTag(0)) || !in.Empty() {
		return malformed("encapsulated content")
	}
	if sd.hasContent && sd.contentType.Equal(ext.SPCIndirectData()) {
		if !wrapped.ReadASN1Element(&content, cbasn1.SEQUENCE) || !wrapped.Empty() {
			return malformed("encapsulated content is not one SEQUENCE")
		}
	} else if sd.hasContent && (!wrapped.ReadASN1(&content, cbasn1.OCTET_STRING) || !wrapped.Empty()) {
		return malformed("encapsulated content is not one OCTET STRING")
	}
	sd.content = content
	return nil
}

// readCertificates reads CertificateSet, RFC 5652 §10.2.3, of plain certificates.
func readCertificates(in cryptobyte.String) ([][]byte, error) {
	var out [][]byte
	for !in.Empty() {
		var der cryptobyte.String
		switch {
		case !in.ReadASN1Element(&der, cbasn1.SEQUENCE):
			return nil, malformed("certificates: something other than an X.509 certificate")
		case len(out) == maxCertificates:
			return nil, because(SignatureTooLarge, "more than %d certificates", maxCertificates)
		case len(der) > maxCertificateBytes:
			return nil, because(SignatureTooLarge, "certificate of %d bytes, at most %d", len(der), maxCertificateBytes)
		case slices.ContainsFunc(out, func(c []byte) bool { return bytes.Equal(c, der) }):
			return nil, malformed("a certificate appears twice")
		}
		out = append(out, der)
	}
	return out, nil
}

func readOnlySigner(in cryptobyte.String) (signerInfo, error) {
	var signer, more cryptobyte.String
	if in.Empty() {
		return signerInfo{}, because(SignerCount, "no signer")
	}
	if !in.ReadASN1(&signer, cbasn1.SEQUENCE) {
		return signerInfo{}, malformed("SignerInfo")
	}
	if !in.Empty() {
		n := 1
		for ; in.ReadASN1(&more, cbasn1.SEQUENCE); n++ {
			continue
		}
		return signerInfo{}, because(SignerCount, "%d signers, want one", n)
	}
	return readSigner(signer)
}

func readSigner(in cryptobyte.String) (signerInfo, error) {
	s := signerInfo{serial: new(big.Int)}
	var version int
	var id, issuer, signed, unsigned cryptobyte.String
	if !in.ReadASN1Integer(&version) || version != 1 ||
		!in.ReadASN1(&id, cbasn1.SEQUENCE) ||
		!id.ReadASN1Element(&issuer, cbasn1.SEQUENCE) ||
		!id.ReadASN1Integer(s.serial) || !id.Empty() {
		return signerInfo{}, malformed("SignerInfo: want version 1, named by issuer and serial number")
	}
	s.issuer = issuer
	var ok, hasSigned, hasUnsigned bool
	if s.digestAlg, ok = readAlgorithm(&in, cbasn1.SEQUENCE); !ok ||
		!in.ReadOptionalASN1(&signed, &hasSigned, contextTag(0)) {
		return signerInfo{}, malformed("SignerInfo: digest algorithm or signed attributes")
	}
	if !hasSigned {
		// Without them the signature is over the content itself, and signed content
		// that looks like attributes would pass for both. RFC 5652 §5.3.
		return signerInfo{}, because(AttributeMissing, "no signed attributes")
	}
	var signature cryptobyte.String
	if s.signatureAlg, ok = readAlgorithm(&in, cbasn1.SEQUENCE); !ok ||
		!in.ReadASN1(&signature, cbasn1.OCTET_STRING) ||
		!in.ReadOptionalASN1(&unsigned, &hasUnsigned, contextTag(1)) || !in.Empty() {
		return signerInfo{}, malformed("SignerInfo: signature or unsigned attributes")
	}
	if len(signature) > maxSignatureValueBytes {
		return signerInfo{}, because(SignatureTooLarge, "signature value of %d bytes, at most %d", len(signature), maxSignatureValueBytes)
	}
	s.signature = signature
	s.signedRaw = signed
	var err error
	if s.signed, err = readAttributes(signed, true); err != nil {
		return signerInfo{}, err
	}
	if hasUnsigned && unsigned.Empty() {
		return signerInfo{}, malformed("empty set of unsigned attributes")
	}
	s.unsigned, err = readAttributes(unsigned, false)
	return s, err
}

// readAttributes reads a SET OF Attribute with no type twice. Signed ones are
// hashed in DER, so they must stand in its order, X.690 §11.6.
func readAttributes(in cryptobyte.String, ordered bool) ([]attribute, error) {
	var out []attribute
	var last cryptobyte.String
	for !in.Empty() {
		var element, body, set cryptobyte.String
		var a attribute
		if !in.ReadASN1Element(&element, cbasn1.SEQUENCE) {
			return nil, malformed("attribute")
		}
		rest := element
		if !rest.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1ObjectIdentifier(&a.oid) ||
			!body.ReadASN1(&set, cbasn1.SET) || !body.Empty() {
			return nil, malformed("attribute")
		}
		if ordered && bytes.Compare(last, element) > 0 {
			return nil, malformed("signed attributes are not in DER order")
		}
		last = element
		for !set.Empty() {
			var value cryptobyte.String
			var tag cbasn1.Tag
			if len(a.values) == maxAttributes {
				return nil, because(SignatureTooLarge, "attribute %v has more than %d values", a.oid, maxAttributes)
			}
			if !set.ReadAnyASN1Element(&value, &tag) {
				return nil, malformed("attribute %v", a.oid)
			}
			a.values = append(a.values, value)
		}
		if slices.ContainsFunc(out, func(b attribute) bool { return b.oid.Equal(a.oid) }) {
			return nil, because(AttributeDuplicate, "attribute %v occurs twice", a.oid)
		}
		if len(out) == maxAttributes {
			return nil, because(SignatureTooLarge, "more than %d attributes", maxAttributes)
		}
		out = append(out, a)
	}
	return out, nil
}

// value returns the only value of an attribute, nil when the attribute is absent.
func value(list []attribute, oid asn1.ObjectIdentifier) ([]byte, error) {
	i := slices.IndexFunc(list, func(a attribute) bool { return a.oid.Equal(oid) })
	if i < 0 {
		return nil, nil
	}
	if n := len(list[i].values); n != 1 {
		return nil, because(AttributeDuplicate, "attribute %v has %d values, want one", oid, n)
	}
	return list[i].values[0], nil
}
