package verify

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	_ "crypto/sha512" // SHA-384 and SHA-512 for crypto.Hash
	"crypto/subtle"
	"encoding/asn1"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmark-pki/hallmark/format"
)

// profile is what a SignedData must look like in its place.
type profile struct {
	version     int // of SignedData, RFC 5652 §5.1: 1 around id-data, 3 around anything else
	contentType asn1.ObjectIdentifier
	content     bool // inside, or else detached
	hashes      []crypto.Hash
	// protected: RFC 6211's attribute and the signing time must be there; if it is
	// there, it is checked in any case.
	protected bool
}

// ours is the profile of a file's signature. SHA-256 alone, because that is the
// digest that was streamed from the file; SHA-1 and older are broken anyway. Version 1
// also around Authenticode's content: RFC 2315 §9.1 knows no other.
func ours(want format.ToBeSigned) profile {
	return profile{version: 1, contentType: want.ContentType, content: want.Content != nil, hashes: []crypto.Hash{crypto.SHA256}, protected: true}
}

// tokens is the profile of a timestamp token.
func tokens() profile {
	return profile{
		version: 3, contentType: oidTSTInfo, content: true,
		hashes: []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512},
	}
}

// signatureAlgorithms lists what may sign with a digest algorithm: in CMS both must
// use the same hash, RFC 5754 §3. RSASSA-PSS is not in the profile.
func signatureAlgorithms(h crypto.Hash) []asn1.ObjectIdentifier {
	switch h {
	case crypto.SHA256:
		return []asn1.ObjectIdentifier{oidECDSAWithSHA256, oidRSAEncryption, oidSHA256WithRSA}
	case crypto.SHA384:
		return []asn1.ObjectIdentifier{oidECDSAWithSHA384, oidRSAEncryption, oidSHA384WithRSA}
	case crypto.SHA512:
		return []asn1.ObjectIdentifier{oidECDSAWithSHA512, oidRSAEncryption, oidSHA512WithRSA}
	}
	return nil
}

func ecdsaAlgorithms() []asn1.ObjectIdentifier {
	return []asn1.ObjectIdentifier{oidECDSAWithSHA256, oidECDSAWithSHA384, oidECDSAWithSHA512}
}

func hashOf(a algorithm) (crypto.Hash, bool) {
	if a.parameters != nil {
		return 0, false
	}
	switch {
	case a.oid.Equal(oidSHA256):
		return crypto.SHA256, true
	case a.oid.Equal(oidSHA384):
		return crypto.SHA384, true
	case a.oid.Equal(oidSHA512):
		return crypto.SHA512, true
	}
	return 0, false
}

func hashBytes(h crypto.Hash, b []byte) []byte {
	if h == crypto.SHA256 {
		sum := sha256.Sum256(b)
		return sum[:]
	}
	w := h.New()
	w.Write(b)
	return w.Sum(nil)
}

// check holds a SignedData against the profile, up to but without certificates and
// signature. It returns the digest algorithm.
func (p profile) check(sd signedData) (crypto.Hash, error) {
	switch {
	case sd.version != p.version:
		return 0, malformed("SignedData version %d", sd.version)
	case !sd.contentType.Equal(p.contentType):
		return 0, because(ContentType, "content type %v, want %v", sd.contentType, p.contentType)
	case sd.hasContent && !p.content:
		return 0, because(NotDetached, "the signature brings %d bytes of its own", len(sd.content))
	case !sd.hasContent && p.content:
		return 0, malformed("no content")
	}
	h, err := p.checkAlgorithms(sd)
	if err != nil {
		return 0, err
	}
	return h, p.checkAttributes(sd.signer)
}

func (p profile) checkAlgorithms(sd signedData) (crypto.Hash, error) {
	s := sd.signer
	h, ok := hashOf(s.digestAlg)
	if !ok || !slices.Contains(p.hashes, h) {
		return 0, because(AlgorithmRefused, "digest algorithm %v", s.digestAlg.oid)
	}
	if len(sd.digestAlgs) != 1 || !sd.digestAlgs[0].equal(s.digestAlg) {
		return 0, because(AlgorithmRefused, "announced digest algorithms differ from the signer's")
	}
	allowed := slices.ContainsFunc(signatureAlgorithms(h), s.signatureAlg.oid.Equal)
	if !allowed || s.signatureAlg.parameters != nil {
		return 0, because(AlgorithmRefused, "signature algorithm %v with digest algorithm %v", s.signatureAlg.oid, s.digestAlg.oid)
	}
	return h, nil
}

// checkAttributes checks the signed attributes that need neither file nor certificate.
func (p profile) checkAttributes(s signerInfo) error {
	for _, oid := range []asn1.ObjectIdentifier{oidContentType, oidMessageDigest, oidSigningCertificateV2, oidAlgorithmProtection, oidSigningTime} {
		optional := !p.protected && (oid.Equal(oidAlgorithmProtection) || oid.Equal(oidSigningTime))
		v, err := value(s.signed, oid)
		if err != nil {
			return err
		}
		if v == nil && !optional {
			return because(AttributeMissing, "signed attribute %v", oid)
		}
	}
	// A signed attribute that is meant to be unsigned, or the reverse, is somebody
	// trying which of two readers looks where.
	if v, _ := value(s.signed, oidTimeStampToken); v != nil {
		return because(AttributeMalformed, "timestamp among the signed attributes")
	}
	for _, a := range s.unsigned {
		if slices.ContainsFunc([]asn1.ObjectIdentifier{oidContentType, oidMessageDigest, oidSigningTime, oidAlgorithmProtection, oidSigningCertificateV2}, a.oid.Equal) {
			return because(AttributeMalformed, "attribute %v must be signed", a.oid)
		}
	}
	v, _ := value(s.signed, oidContentType)
	var contentType asn1.ObjectIdentifier
	in := cryptobyte.String(v)
	if !in.ReadASN1ObjectIdentifier(&contentType) || !in.Empty() {
		return because(AttributeMalformed, "content type")
	}
	if !contentType.Equal(p.contentType) {
		return because(ContentType, "signed content type %v, want %v", contentType, p.contentType)
	}
	return checkProtection(s)
}

// checkProtection compares CMSAlgorithmProtection with the algorithms used, RFC 6211 §3.
func checkProtection(s signerInfo) error {
	v, err := value(s.signed, oidAlgorithmProtection)
	if v == nil {
		return err
	}
	in := cryptobyte.String(v)
	var body cryptobyte.String
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() {
		return because(AttributeMalformed, "algorithm protection")
	}
	digest, ok := readAlgorithm(&body, cbasn1.SEQUENCE)
	signature, ok2 := readAlgorithm(&body, contextTag(1))
	if !ok || !ok2 || !body.Empty() {
		return because(AttributeMalformed, "algorithm protection")
	}
	if !digest.equal(s.digestAlg) || !signature.equal(s.signatureAlg) {
		return because(AlgorithmProtection, "protected are %v and %v, used are %v and %v",
			digest.oid, signature.oid, s.digestAlg.oid, s.signatureAlg.oid)
	}
	return nil
}

// checkDigest compares the message-digest attribute with the content's digest.
func checkDigest(s signerInfo, digest []byte) error {
	v, err := value(s.signed, oidMessageDigest)
	if err != nil {
		return err
	}
	in := cryptobyte.String(v)
	var signed cryptobyte.String
	if !in.ReadASN1(&signed, cbasn1.OCTET_STRING) || !in.Empty() {
		return because(AttributeMalformed, "message digest")
	}
	if subtle.ConstantTimeCompare(signed, digest) != 1 {
		return because(DigestMismatch, "signed was %x, the file has %x", []byte(signed), digest)
	}
	return nil
}

// signingTime reads the time the signer claims, RFC 5652 §11.3; zero when absent.
func signingTime(s signerInfo) (time.Time, error) {
	v, err := value(s.signed, oidSigningTime)
	if v == nil {
		return time.Time{}, err
	}
	in := cryptobyte.String(v)
	var t time.Time
	if !in.ReadASN1UTCTime(&t) {
		in = cryptobyte.String(v)
		if !in.ReadASN1GeneralizedTime(&t) {
			return time.Time{}, because(AttributeMalformed, "signing time")
		}
	}
	if !in.Empty() {
		return time.Time{}, because(AttributeMalformed, "signing time")
	}
	return t, nil
}

// checkSigningCertificate compares the first ESSCertIDv2 with the signer's
// certificate, RFC 5035 §3 and §4: issuer and serial number alone can be copied
// into another certificate, its hash cannot.
func checkSigningCertificate(s signerInfo, certificate []byte) error {
	v, err := value(s.signed, oidSigningCertificateV2)
	if err != nil {
		return err
	}
	in := cryptobyte.String(v)
	var body, ids, id, hash cryptobyte.String
	ok := in.ReadASN1(&body, cbasn1.SEQUENCE) && in.Empty() &&
		body.ReadASN1(&ids, cbasn1.SEQUENCE) && ids.ReadASN1(&id, cbasn1.SEQUENCE)
	if !ok {
		return because(AttributeMalformed, "signing certificate")
	}
	alg := algorithm{oid: oidSHA256} // the default of the field
	if id.PeekASN1Tag(cbasn1.SEQUENCE) {
		if alg, ok = readAlgorithm(&id, cbasn1.SEQUENCE); !ok {
			return because(AttributeMalformed, "signing certificate")
		}
	}
	h, ok := hashOf(alg)
	if !ok {
		return because(AlgorithmRefused, "signing certificate hashed with %v", alg.oid)
	}
	if !id.ReadASN1(&hash, cbasn1.OCTET_STRING) {
		return because(AttributeMalformed, "signing certificate")
	}
	if !bytes.Equal(hash, hashBytes(h, certificate)) {
		return because(SigningCertificate, "the signed certificate hash is of another certificate")
	}
	return nil
}
