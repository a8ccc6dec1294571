package sign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512" // SHA-384 and SHA-512 for crypto.Hash
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/ext/der"
	"github.com/hallmark-pki/hallmark/format"
)

// CMSInput is what a signature is made of. The content itself is not: it never
// leaves the machine it was built on.
type CMSInput struct {
	// Hash is the digest algorithm of the content and of the signed attributes:
	// SHA-256 (also meant by 0), SHA-384 or SHA-512.
	Hash crypto.Hash
	// Digest is the content's digest under Hash.
	Digest []byte
	// ContentType of the content; nil means id-data.
	ContentType asn1.ObjectIdentifier
	// Content is what the signature brings along, DER; nil when it is detached. Digest
	// is over its contents without tag and length, RFC 2315 §9.3.
	Content []byte
	// Attributes are signed attributes besides those that every signature has.
	Attributes []format.Attribute
	// Signer holds the private key of Chain[0]: ECDSA P-256 or P-384, or RSA from 3072 bits.
	Signer crypto.Signer
	// Chain is the signer's certificate and then each issuer's, without the root:
	// whoever verifies has the root or must not trust it.
	Chain []*x509.Certificate
	// Cross are further certificates of the chain's CAs, which lead to other roots.
	Cross []*x509.Certificate
	// SigningTime becomes the signing-time attribute, to the second. It is what
	// the signer says; the timestamp is what counts.
	SigningTime time.Time
}

// CMS is a finished signature to which unsigned attributes may still be added.
type CMS struct {
	mold       *cmsMold
	content    []byte // EncapsulatedContentInfo, DER as all that follow
	attributes []byte // the signed ones, elements of their SET
	signature  []byte
	unsigned   []attribute
}

// attribute is an Attribute, RFC 5652 §5.3, with one value.
type attribute struct {
	oid   asn1.ObjectIdentifier
	head  []byte // what stands before the value
	value []byte
}

// BuildCMS makes a CMS SignedData, RFC 5652 §5, over a digest: detached and of type
// id-data unless the input says otherwise. It is DER throughout, has one signer,
// version 1, and the signed attributes content-type, message-digest, signing-time,
// signing-certificate-v2 and CMS-algorithm-protection.
//
// The smallstep and digitorus libraries are not used for writing: one leaves the
// signed attributes unsorted, which openssl takes (RFC 5652 §5.4) but a
// verifier which encodes them anew hashes other bytes; it calls ECDSA's
// signature algorithm id-ecPublicKey with NULL where RFC 5754 §3.3 demands
// ecdsa-with-SHA256 and no parameters; and it writes the NULL that RFC 5754 §2
// leaves out of SHA-2 identifiers. Its structures do, but through reflection, which cost
// more than the signature; tests read what is made here with them.
func BuildCMS(ctx context.Context, in CMSInput) (*CMS, error) {
	m, err := newCMSMold(in)
	if err != nil {
		return nil, fmt.Errorf("build CMS: %w", err)
	}
	return m.build(ctx, in)
}

// build makes a signature out of a mold that fits the input.
func (m *cmsMold) build(ctx context.Context, in CMSInput) (*CMS, error) {
	c, err := m.fill(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("build CMS: %w", err)
	}
	return c, nil
}

func (m *cmsMold) fill(ctx context.Context, in CMSInput) (*CMS, error) {
	in.Hash = in.hash()
	if len(in.Digest) != in.Hash.Size() {
		return nil, fmt.Errorf("digest of %d bytes, %v has %d", len(in.Digest), in.Hash, in.Hash.Size())
	}
	if !m.isKey(in.Signer) {
		return nil, errNotSigners
	}
	content, err := in.contentInfo(m.content)
	if err != nil {
		return nil, err
	}
	set, header, err := m.signedAttributes(in)
	if err != nil {
		return nil, err
	}
	signature, err := in.sign(ctx, set)
	if err != nil {
		return nil, err
	}
	return &CMS{mold: m, content: content, attributes: set[header:], signature: signature}, nil
}

// encode returns what fn writes.
func encode(fn func(*cryptobyte.Builder)) ([]byte, error) {
	var b cryptobyte.Builder
	fn(&b)
	return b.Bytes()
}

// tagContext is a context-specific tag of what has elements.
func tagContext(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }

func addAlgorithm(b *cryptobyte.Builder, a pkix.AlgorithmIdentifier) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { addAlgorithmFields(b, a) })
}

func addAlgorithmFields(b *cryptobyte.Builder, a pkix.AlgorithmIdentifier) {
	b.AddASN1ObjectIdentifier(a.Algorithm)
	b.AddBytes(a.Parameters.FullBytes) // absent, or NULL
}

// errNotSigners is for a key that is another one than the certificate's.
var errNotSigners = errors.New("the certificate is not the signer's")

func (in CMSInput) hash() crypto.Hash {
	if in.Hash == 0 {
		return crypto.SHA256
	}
	return in.Hash
}

// algorithms checks the input and names its digest and signature algorithms.
func (in CMSInput) algorithms() (digest, signature pkix.AlgorithmIdentifier, err error) {
	none := pkix.AlgorithmIdentifier{}
	if in.Signer == nil || len(in.Chain) == 0 {
		return none, none, errors.New("no signer or no certificate")
	}
	for i, c := range in.Chain[1:] {
		if !bytes.Equal(in.Chain[i].RawIssuer, c.RawSubject) {
			return none, none, fmt.Errorf("certificate %d of the chain is not the issuer of the one before", i+1)
		}
	}
	ecdsaOID := asn1.ObjectIdentifier(nil)
	switch in.hash() {
	case crypto.SHA256:
		digest.Algorithm, ecdsaOID = oidSHA256, oidECDSAWithSHA256
	case crypto.SHA384:
		digest.Algorithm, ecdsaOID = oidSHA384, oidECDSAWithSHA384
	case crypto.SHA512:
		digest.Algorithm, ecdsaOID = oidSHA512, oidECDSAWithSHA512
	default:
		return none, none, fmt.Errorf("digest algorithm %v: want SHA-256, SHA-384 or SHA-512", in.Hash)
	}
	switch key := in.Signer.Public().(type) {
	case *ecdsa.PublicKey:
		if !key.Equal(in.Chain[0].PublicKey) {
			return none, none, errNotSigners
		}
		signature.Algorithm = ecdsaOID
	case *rsa.PublicKey:
		if !key.Equal(in.Chain[0].PublicKey) {
			return none, none, errNotSigners
		}
		// RFC 5754 §3.2: every implementation must take rsaEncryption, only some
		// take sha256WithRSAEncryption.
		signature = pkix.AlgorithmIdentifier{Algorithm: oidRSAEncryption, Parameters: asn1.NullRawValue}
	default:
		return none, none, fmt.Errorf("key type %T: want ECDSA or RSA", key)
	}
	return digest, signature, nil
}

// addSigningCertificate writes SigningCertificateV2, RFC 5035 §3, which identifies the
// signer's certificate by hash, issuer and serial number; the hash algorithm is left out
// because SHA-256 is its default (§4).
func addSigningCertificate(b *cryptobyte.Builder, c *x509.Certificate) {
	sum := sha256.Sum256(c.Raw)
	sequence := func(b *cryptobyte.Builder, fn func(*cryptobyte.Builder)) { b.AddASN1(cbasn1.SEQUENCE, fn) }
	sequence(b, func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) { // certs
			sequence(b, func(b *cryptobyte.Builder) { // ESSCertIDv2
				b.AddASN1OctetString(sum[:])
				sequence(b, func(b *cryptobyte.Builder) { // IssuerSerial
					sequence(b, func(b *cryptobyte.Builder) { // GeneralNames
						// directoryName; explicit, because Name is a CHOICE. RFC 5280 §4.2.1.6.
						b.AddASN1(tagContext(4), func(b *cryptobyte.Builder) { b.AddBytes(c.RawIssuer) })
					})
					b.AddASN1BigInt(c.SerialNumber)
				})
			})
		})
	})
}

// addProtection writes CMSAlgorithmProtection, RFC 6211 §2.
func addProtection(b *cryptobyte.Builder, digest, signature pkix.AlgorithmIdentifier) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addAlgorithm(b, digest)
		b.AddASN1(tagContext(1), func(b *cryptobyte.Builder) { addAlgorithmFields(b, signature) })
	})
}

func (in CMSInput) contentType() asn1.ObjectIdentifier {
	if in.ContentType == nil {
		return ext.Data()
	}
	return in.ContentType
}

// contentInfo is EncapsulatedContentInfo, RFC 5652 §5.2, or ContentInfo, RFC 2315 §7; none
// is the one without content.
func (in CMSInput) contentInfo(none []byte) ([]byte, error) {
	if in.Content == nil {
		return none, nil
	}
	var value asn1.RawValue
	if rest, err := asn1.Unmarshal(in.Content, &value); err != nil || len(rest) > 0 {
		return nil, errors.New("content is not one DER value")
	}
	h := in.Hash.New()
	h.Write(value.Bytes)
	if !bytes.Equal(h.Sum(nil), in.Digest) {
		return nil, errors.New("the digest is not the content's")
	}
	return in.encodeContent()
}

func (in CMSInput) encodeContent() ([]byte, error) {
	return encode(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(in.contentType())
			if in.Content != nil {
				b.AddASN1(tagContext(0), func(b *cryptobyte.Builder) { b.AddBytes(in.Content) })
			}
		})
	})
}

// certificateSet returns the certificates in DER's order for a SET OF.
func certificateSet(chain []*x509.Certificate) []byte {
	slices.SortFunc(chain, func(a, b *x509.Certificate) int { return bytes.Compare(a.Raw, b.Raw) })
	var out []byte
	for _, c := range chain {
		out = append(out, c.Raw...)
	}
	return out
}

// sign signs the attributes, a SET OF (RFC 5652 §5.4), and checks the result: a key device
// that returns something else must be found out here and not at somebody's installer. A
// fault in an RSA signature may also give the key away.
func (in CMSInput) sign(ctx context.Context, set []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	digest := sum(in.Hash, set)
	signature, err := in.Signer.Sign(rand.Reader, digest, in.Hash)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	if _, ok := in.Signer.(*ecdsa.PrivateKey); ok {
		return signature, nil // made by the standard library a moment ago: decision 0032
	}
	switch key := in.Chain[0].PublicKey.(type) {
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(key, digest, signature) {
			err = errors.New("signature does not verify")
		}
	case *rsa.PublicKey:
		err = rsa.VerifyPKCS1v15(key, in.Hash, digest, signature)
	}
	if err != nil {
		return nil, fmt.Errorf("check what the key returned: %w", err)
	}
	return signature, nil
}

// SignatureValue is what a timestamp is taken over, RFC 3161 appendix A.
func (c *CMS) SignatureValue() []byte { return c.signature }

// Imprint is the digest of the signature value under the signature's hash, ready
// for a timestamp authority.
func (c *CMS) Imprint() (crypto.Hash, []byte) { return c.mold.hash, sum(c.mold.hash, c.signature) }

// sum hashes without more memory than the digest, where that is SHA-256.
func sum(hash crypto.Hash, b []byte) []byte {
	if hash == crypto.SHA256 {
		digest := sha256.Sum256(b)
		return digest[:]
	}
	h := hash.New()
	h.Write(b)
	return h.Sum(nil)
}

// AddTimestamp adds a time-stamp token, the DER ContentInfo of RFC 3161 §2.4.2, as
// an unsigned attribute. It does not verify it.
func (c *CMS) AddTimestamp(token []byte) error { return c.AddUnsigned(ext.TimeStampToken(), token) }

// AddUnsigned adds an unsigned attribute with one value, given in DER, which must not
// change until Marshal has returned.
func (c *CMS) AddUnsigned(oid asn1.ObjectIdentifier, value []byte) error {
	if slices.ContainsFunc(c.unsigned, func(a attribute) bool { return a.oid.Equal(oid) }) {
		return fmt.Errorf("attribute %v is there already", oid)
	}
	var element cryptobyte.String
	if s := cryptobyte.String(value); !s.ReadAnyASN1Element(&element, nil) || !s.Empty() {
		return fmt.Errorf("attribute %v: value is not one DER value", oid)
	}
	a, err := newAttribute(oid, value)
	if err != nil {
		return err
	}
	c.unsigned = append(c.unsigned, a)
	return nil
}

// Marshal returns the DER ContentInfo.
func (c *CMS) Marshal() ([]byte, error) {
	m := c.mold
	slices.SortFunc(c.unsigned, attribute.compare)
	unsigned := 0
	for _, a := range c.unsigned {
		unsigned += len(a.head) + len(a.value)
	}
	signer := len(m.signerHead) + der.Len(len(c.attributes)) + len(m.signerTail) + der.Len(len(c.signature))
	if unsigned > 0 {
		signer += der.Len(unsigned)
	}
	signed := len(m.head) + len(c.content) + len(m.certificates) + der.Len(der.Len(signer))
	info := len(m.contentType) + der.Len(der.Len(signed))

	b := make([]byte, 0, der.Len(info))
	b = der.AppendHeader(b, cbasn1.SEQUENCE, info)
	b = append(b, m.contentType...)
	b = der.AppendHeader(b, tagContext(0), der.Len(signed))
	b = der.AppendHeader(b, cbasn1.SEQUENCE, signed)
	b = append(append(append(b, m.head...), c.content...), m.certificates...)
	b = der.AppendHeader(b, cbasn1.SET, der.Len(signer))
	b = der.AppendHeader(b, cbasn1.SEQUENCE, signer)
	b = append(b, m.signerHead...)
	b = der.Append(b, tagContext(0), c.attributes)
	b = append(b, m.signerTail...)
	b = der.Append(b, cbasn1.OCTET_STRING, c.signature)
	if unsigned > 0 {
		b = der.AppendHeader(b, tagContext(1), unsigned)
	}
	for _, a := range c.unsigned {
		b = append(append(b, a.head...), a.value...)
	}
	if len(b) != der.Len(info) {
		return nil, fmt.Errorf("encode CMS: %d bytes, %d were counted", len(b), der.Len(info))
	}
	return b, nil
}
