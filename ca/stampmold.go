package ca

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"time"

	"github.com/digitorus/timestamp"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmark-pki/hallmark/ext"
)

// stampMold is a time-stamp token (RFC 3161 §2.4.2) without what differs between one and
// the next: imprint, serial number, time and signature. The library wrote it, once for
// each hash; to have it write every token cost more than twice what the signature costs.
// All fields are DER.
type stampMold struct {
	head         []byte   // of SignedData: version, digestAlgorithms
	contentType  []byte   // id-ct-TSTInfo
	infoHead     []byte   // of TSTInfo: version, policy
	imprint      []byte   // of messageImprint: hashAlgorithm
	infoTail     []byte   // of TSTInfo: what follows genTime
	certificates []byte   // [0], the CA's and those of other roots among them
	signerHead   []byte   // of SignerInfo: version, sid, digestAlgorithm
	attributes   [][]byte // signed attributes that stay
	signerTail   []byte   // of SignerInfo: signatureAlgorithm
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
		token.SkipASN1(cbasn1.OBJECT_IDENTIFIER) && token.ReadASN1(&signed, stampTag(0)) && signed.ReadASN1(&signed, cbasn1.SEQUENCE)
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
	left := 0
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
		if oid.Equal(ext.MessageDigest()) || oid.Equal(ext.SigningTime()) {
			left++
			continue
		}
		m.attributes = append(m.attributes, one)
	}
	return left == 2 && len(m.attributes) > 0
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
	var serial [20]byte
	if _, err := rand.Read(serial[:]); err != nil {
		return nil, err
	}
	info, err := encode(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(m.infoHead)
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddBytes(m.imprint)
				b.AddASN1OctetString(digest)
			})
			b.AddASN1BigInt(new(big.Int).SetBytes(serial[:]))
			b.AddASN1GeneralizedTime(at.UTC())
			b.AddBytes(m.infoTail)
		})
	})
	if err != nil {
		return nil, err
	}
	attributes, err := m.signed(info, at)
	if err != nil {
		return nil, err
	}
	signature, err := signSet(signer, attributes)
	if err != nil {
		return nil, err
	}
	return encodeAbout(len(m.certificates)+encodeRoom, func(b *cryptobyte.Builder) { m.write(b, info, attributes, signature) })
}

// signed returns the elements of the signed attributes, in DER's order.
func (m *stampMold) signed(info []byte, at time.Time) ([]byte, error) {
	sum := crypto.SHA256.New()
	sum.Write(info)
	said, err := asn1.Marshal(at.UTC()) // UTCTime until 2049, RFC 5652 §11.3
	if err != nil {
		return nil, err
	}
	all := slices.Clone(m.attributes)
	for _, a := range []struct {
		oid   asn1.ObjectIdentifier
		value func(*cryptobyte.Builder)
	}{
		{ext.MessageDigest(), func(b *cryptobyte.Builder) { b.AddASN1OctetString(sum.Sum(nil)) }},
		{ext.SigningTime(), func(b *cryptobyte.Builder) { b.AddBytes(said) }},
	} {
		der, err := encode(func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(a.oid)
				b.AddASN1(cbasn1.SET, a.value)
			})
		})
		if err != nil {
			return nil, err
		}
		all = append(all, der)
	}
	slices.SortFunc(all, bytes.Compare)
	return slices.Concat(all...), nil
}

// signSet signs attributes under the tag of a SET OF, RFC 5652 §5.4.
func signSet(signer crypto.Signer, attributes []byte) ([]byte, error) {
	der, err := encode(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(attributes) })
	})
	if err != nil {
		return nil, err
	}
	sum := crypto.SHA256.New()
	sum.Write(der)
	signature, err := signer.Sign(rand.Reader, sum.Sum(nil), crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return signature, nil
}

func (m *stampMold) write(b *cryptobyte.Builder, info, attributes, signature []byte) {
	sequence := func(b *cryptobyte.Builder, fn func(*cryptobyte.Builder)) { b.AddASN1(cbasn1.SEQUENCE, fn) }
	sequence(b, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(ext.SignedData())
		b.AddASN1(stampTag(0), func(b *cryptobyte.Builder) {
			sequence(b, func(b *cryptobyte.Builder) {
				b.AddBytes(m.head)
				sequence(b, func(b *cryptobyte.Builder) {
					b.AddBytes(m.contentType)
					b.AddASN1(stampTag(0), func(b *cryptobyte.Builder) { b.AddASN1OctetString(info) })
				})
				b.AddBytes(m.certificates)
				b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
					sequence(b, func(b *cryptobyte.Builder) {
						b.AddBytes(m.signerHead)
						b.AddASN1(stampTag(0), func(b *cryptobyte.Builder) { b.AddBytes(attributes) })
						b.AddBytes(m.signerTail)
						b.AddASN1OctetString(signature)
					})
				})
			})
		})
	})
}

// encode returns what fn writes.
func encode(fn func(*cryptobyte.Builder)) ([]byte, error) { return encodeAbout(encodeRoom, fn) }

// encodeRoom is what a token takes without its certificates. A guess: more is moved.
const encodeRoom = 1 << 10

// encodeAbout has room for size bytes from the start.
func encodeAbout(size int, fn func(*cryptobyte.Builder)) ([]byte, error) {
	b := cryptobyte.NewBuilder(make([]byte, 0, size))
	fn(b)
	return b.Bytes()
}
