package ca

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/digitorus/timestamp"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/ext/der"
)

// stampMold is a time-stamp token (RFC 3161 §2.4.2) without what differs between one and
// the next: imprint, serial number, time and signature. The library wrote it, once for
// each hash; to have it write every token cost more than twice what the signature costs.
// All fields are DER.
type stampMold struct {
	tokenType    []byte   // id-signedData
	head         []byte   // of SignedData: version, digestAlgorithms
	contentType  []byte   // id-ct-TSTInfo
	infoHead     []byte   // of TSTInfo: version, policy
	imprint      []byte   // of messageImprint: hashAlgorithm
	infoTail     []byte   // of TSTInfo: what follows genTime
	certificates []byte   // [0], the CA's and those of other roots among them
	signerHead   []byte   // of SignerInfo: version, sid, digestAlgorithm
	attributes   [][]byte // signed attributes that stay
	signerTail   []byte   // of SignerInfo: signatureAlgorithm
	digestType   []byte   // message-digest, of an attribute
	timeType     []byte   // signing-time, of an attribute
}

// emptySet is the length of a SET without elements.
const emptySet = 2

// sampler stands in for the authority's key while the mold is made, so that nothing is
// signed that is not a token.
type sampler struct{ public crypto.PublicKey }

// Public returns the authority's key.
func (s sampler) Public() crypto.PublicKey { return s.public }

// Sign returns no signature.
func (s sampler) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return []byte("none"), nil
}

// mold returns the mold for a hash, made when it is first asked for.
func (t *timestamper) mold(hash crypto.Hash) (*stampMold, error) {
	if m, ok := t.molds.Load(hash); ok {
		return m.(*stampMold), nil
	}
	stamp := timestamp.Timestamp{
		HashAlgorithm: hash, HashedMessage: make([]byte, hash.Size()), Time: t.cert.NotBefore, Accuracy: timestampAccuracy, Policy: t.policy, AddTSACertificate: true,
	}
	response, err := stamp.CreateResponseWithOpts(t.cert, sampler{t.signer.Public()}, crypto.SHA256)
	if err == nil {
		response, err = addCertificates(response, slices.Concat(t.chain, t.cross))
	}
	if err != nil {
		return nil, err
	}
	m := new(stampMold)
	if !m.take(response) {
		return nil, errors.New("read back a sample: it has another form than is known")
	}
	t.molds.Store(hash, m)
	return m, nil
}

// take reads a TimeStampResp.
func (m *stampMold) take(response []byte) bool {
	in := cryptobyte.String(response)
	var token, signed, content, info, signers, signer cryptobyte.String
	var ok [4]bool
	ok[0] = in.ReadASN1(&token, cbasn1.SEQUENCE) && token.SkipASN1(cbasn1.SEQUENCE) && token.ReadASN1(&token, cbasn1.SEQUENCE) &&
		elements(&token, &m.tokenType, 1) && token.ReadASN1(&signed, stampTag(0)) && signed.ReadASN1(&signed, cbasn1.SEQUENCE)
	ok[1] = elements(&signed, &m.head, 2) && signed.ReadASN1(&content, cbasn1.SEQUENCE) && elements(&signed, &m.certificates, 1) && len(m.certificates) > emptySet &&
		signed.ReadASN1(&signers, cbasn1.SET) && signers.ReadASN1(&signer, cbasn1.SEQUENCE)
	ok[2] = elements(&content, &m.contentType, 1) && content.ReadASN1(&content, stampTag(0)) && content.ReadASN1(&content, cbasn1.OCTET_STRING) &&
		content.ReadASN1(&info, cbasn1.SEQUENCE) && m.takeInfo(info)
	ok[3] = elements(&signer, &m.signerHead, 3) && m.takeAttributes(&signer) && elements(&signer, &m.signerTail, 1) &&
		signer.SkipASN1(cbasn1.OCTET_STRING) && signer.Empty() && signers.Empty() && signed.Empty() && in.Empty()
	return ok == [4]bool{true, true, true, true}
}

func (m *stampMold) takeInfo(info cryptobyte.String) bool {
	var imprint cryptobyte.String
	ok := elements(&info, &m.infoHead, 2) && info.ReadASN1(&imprint, cbasn1.SEQUENCE) && elements(&imprint, &m.imprint, 1) &&
		imprint.SkipASN1(cbasn1.OCTET_STRING) && imprint.Empty() && info.SkipASN1(cbasn1.INTEGER) && info.SkipASN1(cbasn1.GeneralizedTime)
	m.infoTail = slices.Clone(info)
	return ok
}

// takeAttributes keeps the signed attributes that say the same in each token.
func (m *stampMold) takeAttributes(signer *cryptobyte.String) bool {
	var all cryptobyte.String
	if !signer.ReadASN1(&all, stampTag(0)) {
		return false
	}
	for !all.Empty() {
		var one []byte
		var body cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !elements(&all, &one, 1) {
			return false
		}
		if s := cryptobyte.String(one); !s.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1ObjectIdentifier(&oid) {
			return false
		}
		var to *[]byte
		switch {
		case oid.Equal(ext.MessageDigest()):
			to = &m.digestType
		case oid.Equal(ext.SigningTime()):
			to = &m.timeType
		default:
			m.attributes = append(m.attributes, one)
			continue
		}
		if s := cryptobyte.String(one); len(*to) > 0 || !s.ReadASN1(&body, cbasn1.SEQUENCE) || !elements(&body, to, 1) {
			return false
		}
	}
	return len(m.digestType) > 0 && len(m.timeType) > 0 && len(m.attributes) > 0
}

// elements reads so many elements as they are.
func elements(s *cryptobyte.String, to *[]byte, n int) bool {
	for range n {
		var element cryptobyte.String
		if !s.ReadAnyASN1Element(&element, nil) {
			return false
		}
		*to = append(*to, element...)
	}
	return true
}

// stampTag is a context-specific tag of what has elements.
func stampTag(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }

// stamp makes a token over a digest at a time of whole seconds. Its serial number is 160
// random bits, as those that the library draws.
func (m *stampMold) stamp(digest []byte, at time.Time, signer crypto.Signer) ([]byte, error) {
	if y := at.UTC().Year(); y < 0 || y > maxStampYear {
		return nil, fmt.Errorf("the year %d has not four digits", y)
	}
	var serial [20]byte
	if _, err := rand.Read(serial[:]); err != nil {
		return nil, err
	}
	info := m.info(digest, serial[:], at)
	attributes, header := m.signed(info, at)
	sum := sha256.Sum256(attributes) // under the tag of a SET OF, RFC 5652 §5.4
	signature, err := signer.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return m.write(info, attributes[header:], signature), nil
}

const (
	// maxStampYear is the last that GeneralizedTime can say.
	maxStampYear = 9999
	// shortRoom is for the few short elements beside what is counted. A guess: more is moved.
	shortRoom = 64
)

// info returns TSTInfo.
func (m *stampMold) info(digest, serial []byte, at time.Time) []byte {
	imprint := len(m.imprint) + der.Len(len(digest))
	b := make([]byte, 0, len(m.infoHead)+imprint+len(m.infoTail)+shortRoom)
	b = append(b, m.infoHead...)
	b = der.AppendHeader(b, cbasn1.SEQUENCE, imprint)
	b = append(b, m.imprint...)
	b = der.Append(b, cbasn1.OCTET_STRING, digest)
	b = der.AppendUnsigned(b, serial)
	b = der.AppendGeneralizedTime(b, at)
	b = append(b, m.infoTail...)
	return der.Append(make([]byte, 0, der.Len(len(b))), cbasn1.SEQUENCE, b)
}

// signed returns the signed attributes under the tag of a SET OF, in DER's order, and how
// long identifier and length of the SET are.
func (m *stampMold) signed(info []byte, at time.Time) (set []byte, header int) {
	sum := sha256.Sum256(info)
	digest := der.Append(make([]byte, 0, shortRoom), cbasn1.OCTET_STRING, sum[:])
	said := der.AppendTime(make([]byte, 0, shortRoom), at)
	all := make([][]byte, 0, len(m.attributes)+2)
	all = append(all, m.attributes...)
	all = append(all, stampAttribute(m.digestType, digest), stampAttribute(m.timeType, said))
	return der.SetOf(all)
}

// stampAttribute is an Attribute with one value, RFC 5652 §5.3.
func stampAttribute(oid, value []byte) []byte {
	n := len(oid) + der.Len(len(value))
	b := der.AppendHeader(make([]byte, 0, der.Len(n)), cbasn1.SEQUENCE, n)
	return der.Append(append(b, oid...), cbasn1.SET, value)
}

// write returns the token: a ContentInfo.
func (m *stampMold) write(info, attributes, signature []byte) []byte {
	content := der.Len(der.Len(len(info)))
	signer := len(m.signerHead) + der.Len(len(attributes)) + len(m.signerTail) + der.Len(len(signature))
	signed := len(m.head) + der.Len(len(m.contentType)+content) + len(m.certificates) + der.Len(der.Len(signer))
	token := len(m.tokenType) + der.Len(der.Len(signed))

	b := der.AppendHeader(make([]byte, 0, der.Len(token)), cbasn1.SEQUENCE, token)
	b = append(b, m.tokenType...)
	b = der.AppendHeader(b, stampTag(0), der.Len(signed))
	b = der.AppendHeader(b, cbasn1.SEQUENCE, signed)
	b = append(b, m.head...)
	b = der.AppendHeader(b, cbasn1.SEQUENCE, len(m.contentType)+content)
	b = append(b, m.contentType...)
	b = der.AppendHeader(b, stampTag(0), der.Len(len(info)))
	b = der.Append(b, cbasn1.OCTET_STRING, info)
	b = append(b, m.certificates...)
	b = der.AppendHeader(b, cbasn1.SET, der.Len(signer))
	b = der.AppendHeader(b, cbasn1.SEQUENCE, signer)
	b = append(b, m.signerHead...)
	b = der.Append(b, stampTag(0), attributes)
	b = append(b, m.signerTail...)
	return der.Append(b, cbasn1.OCTET_STRING, signature)
}
