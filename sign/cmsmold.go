package sign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/ext/der"
)

// cmsMold is what all signatures by one certificate have in common: all but the digest,
// the time, the signature and what is not signed. Most of a signature is certificates, so
// that it pays to encode them once. What is slices of bytes is DER.
type cmsMold struct {
	hash    crypto.Hash
	oid     asn1.ObjectIdentifier // of the content
	chain   []*x509.Certificate
	cross   []*x509.Certificate
	trusted *ecdsa.PrivateKey // compared with the certificate already; nil: another kind of key

	contentType  []byte   // of ContentInfo: id-signedData
	head         []byte   // of SignedData: version, digestAlgorithms
	content      []byte   // EncapsulatedContentInfo of a detached signature
	certificates []byte   // [0]
	signerHead   []byte   // of SignerInfo: version, sid, digestAlgorithm
	signerTail   []byte   // of SignerInfo: signatureAlgorithm
	attributes   [][]byte // signed ones that stay
	digestType   []byte   // of an attribute: message-digest
	timeType     []byte   // of an attribute: signing-time
}

// newCMSMold checks what the input says of key, algorithm and chain.
func newCMSMold(in CMSInput) (*cmsMold, error) {
	digest, signature, err := in.algorithms()
	if err != nil {
		return nil, err
	}
	m := &cmsMold{hash: in.hash(), oid: in.contentType(), chain: slices.Clone(in.Chain), cross: slices.Clone(in.Cross)}
	m.trusted, _ = in.Signer.(*ecdsa.PrivateKey)
	m.certificates = der.Append(nil, tagContext(0), certificateSet(slices.Concat(in.Chain, in.Cross)))
	if m.content, err = (CMSInput{ContentType: in.ContentType}).encodeContent(); err != nil {
		return nil, err
	}
	for _, part := range []struct {
		to *[]byte
		fn func(*cryptobyte.Builder)
	}{
		{&m.contentType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(ext.SignedData()) }},
		{&m.head, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(1) // version
			b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { addAlgorithm(b, digest) })
		}},
		{&m.signerHead, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(1) // version
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddBytes(in.Chain[0].RawIssuer)
				b.AddASN1BigInt(in.Chain[0].SerialNumber)
			})
			addAlgorithm(b, digest)
		}},
		{&m.signerTail, func(b *cryptobyte.Builder) { addAlgorithm(b, signature) }},
		{&m.digestType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(ext.MessageDigest()) }},
		{&m.timeType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(ext.SigningTime()) }},
	} {
		if *part.to, err = encode(part.fn); err != nil {
			return nil, err
		}
	}
	for _, a := range []struct {
		oid   asn1.ObjectIdentifier
		value func(*cryptobyte.Builder)
	}{
		{ext.ContentType(), func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(in.contentType()) }},
		{ext.SigningCertificateV2(), func(b *cryptobyte.Builder) { addSigningCertificate(b, in.Chain[0]) }},
		{ext.CMSAlgorithmProtection(), func(b *cryptobyte.Builder) { addProtection(b, digest, signature) }},
	} {
		value, err := encode(a.value)
		if err != nil {
			return nil, fmt.Errorf("attribute %v: %w", a.oid, err)
		}
		encoded, err := newAttribute(a.oid, value)
		if err != nil {
			return nil, err
		}
		m.attributes = append(m.attributes, encoded.encoded())
	}
	return m, nil
}

// fits reports whether newCMSMold would make the same mold: the certificates must be the
// same ones and not only equal.
func (m *cmsMold) fits(in CMSInput) bool {
	return m.hash == in.hash() && m.oid.Equal(in.contentType()) && slices.Equal(m.chain, in.Chain) && slices.Equal(m.cross, in.Cross) && in.Signer != nil
}

// isKey reports whether a key is that of the certificate.
func (m *cmsMold) isKey(signer crypto.Signer) bool {
	if key, ok := signer.(*ecdsa.PrivateKey); ok && key == m.trusted {
		return true
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(m.chain[0].PublicKey)
}

// newAttribute encodes all but the value, which is DER.
func newAttribute(oid asn1.ObjectIdentifier, value []byte) (attribute, error) {
	name, err := encode(func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oid) })
	if err != nil {
		return attribute{}, fmt.Errorf("attribute %v: %w", oid, err)
	}
	return attribute{oid, appendAttributeHead(make([]byte, 0, len(name)+2*maxHeader), name, len(value)), value}, nil
}

// maxHeader is the most that identifier and length take of anything that fits a signature.
const maxHeader = 6

// appendAttributeHead appends what stands before a value of n bytes.
func appendAttributeHead(b, oid []byte, n int) []byte {
	b = der.AppendHeader(b, cbasn1.SEQUENCE, len(oid)+der.Len(n))
	return der.AppendHeader(append(b, oid...), cbasn1.SET, n)
}

func (a attribute) encoded() []byte { return slices.Concat(a.head, a.value) }

// compare puts attributes in the order of their encodings. Where their types differ, the
// heads do: none begins another, since a type has its length before it.
func (a attribute) compare(b attribute) int {
	return bytes.Compare(a.head, b.head)
}

// signedAttributes returns the signed attributes under the tag of a SET OF, which is how
// they are signed, in DER's order, and how long identifier and length of the SET are.
func (m *cmsMold) signedAttributes(in CMSInput) (set []byte, header int, err error) {
	at := in.SigningTime.UTC()
	if at.Year() < 0 || at.Year() > maxYear {
		return nil, 0, errors.New("signing time: the year has not four digits")
	}
	room := make([]byte, 0, len(m.digestType)+len(m.timeType)+len(in.Digest)+8*maxHeader+len(generalizedTime))
	all := make([][]byte, 0, len(m.attributes)+2+len(in.Attributes))
	all = append(all, m.attributes...)

	room = appendAttributeHead(room, m.digestType, der.Len(len(in.Digest)))
	room = der.Append(room, cbasn1.OCTET_STRING, in.Digest)
	all = append(all, room)

	said := der.AppendTime(make([]byte, 0, maxHeader+len(generalizedTime)), at)
	rest := room[len(room):]
	rest = append(appendAttributeHead(rest, m.timeType, len(said)), said...)
	all = append(all, rest)

	for _, a := range in.Attributes {
		encoded, err := newAttribute(a.Type, a.Value)
		if err != nil {
			return nil, 0, err
		}
		all = append(all, encoded.encoded())
	}
	set, header = der.SetOf(all)
	return set, header, nil
}

const (
	// maxYear is the last that GeneralizedTime can say.
	maxYear = 9999
	// generalizedTime has the length of the longer form of a time.
	generalizedTime = "20060102150405Z"
)
