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
	hash      crypto.Hash
	digests   []byte // DigestAlgorithmIdentifiers, DER as all that follow
	content   []byte // EncapsulatedContentInfo
	certs     []byte // CertificateSet, its elements
	signer    []byte // the elements of SignerInfo, the signature last
	signature []byte
	unsigned  []attribute
}

// attribute is an Attribute, RFC 5652 §5.3.
type attribute struct {
	oid asn1.ObjectIdentifier
	der []byte
}

// BuildCMS makes a CMS SignedData, RFC 5652 §5, over a digest: detached and of type
// id-data unless the input says otherwise. It is DER throughout, has one signer,
// version 1, and the signed attributes content-type, message-digest, signing-time,
// signing-certificate-v2 and CMS-algorithm-protection.
//
// With content of another type it is what RFC 2315 calls SignedData, as Authenticode
// wants it: version 1 all the same, and the content is no OCTET STRING.
//
// No library writes this: relic's builder puts signed
// attributes in the order they were added where RFC 5652 §5.3 demands DER, so that
// a verifier which encodes them anew hashes other bytes; it calls ECDSA's
// signature algorithm id-ecPublicKey with NULL where RFC 5754 §3.3 demands
// ecdsa-with-SHA256 and no parameters; and it writes the NULL that RFC 5754 §2
// leaves out of SHA-2 identifiers. Its structures do, but through reflection, which cost
// more than the signature; tests read what is made here with them.
func BuildCMS(ctx context.Context, in CMSInput) (*CMS, error) {
	if in.Hash == 0 {
		in.Hash = crypto.SHA256
	}
	digestAlg, signatureAlg, err := in.algorithms()
	if err != nil {
		return nil, fmt.Errorf("build CMS: %w", err)
	}
	attributes, err := in.signedAttributes(digestAlg, signatureAlg)
	if err != nil {
		return nil, fmt.Errorf("build CMS: %w", err)
	}
	content, err := in.contentInfo()
	if err != nil {
		return nil, fmt.Errorf("build CMS: %w", err)
	}
	signature, err := in.sign(ctx, attributes)
	if err != nil {
		return nil, fmt.Errorf("build CMS: %w", err)
	}
	c := &CMS{hash: in.Hash, content: content, certs: certificateSet(append(slices.Clone(in.Chain), in.Cross...)), signature: signature}
	c.digests, err = encode(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { addAlgorithm(b, digestAlg) })
	})
	if err != nil {
		return nil, fmt.Errorf("build CMS: %w", err)
	}
	c.signer, err = encode(func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1) // version
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(in.Chain[0].RawIssuer)
			b.AddASN1BigInt(in.Chain[0].SerialNumber)
		})
		addAlgorithm(b, digestAlg)
		b.AddASN1(tagContext(0), func(b *cryptobyte.Builder) { b.AddBytes(attributes) })
		addAlgorithm(b, signatureAlg)
		b.AddASN1OctetString(signature)
	})
	if err != nil {
		return nil, fmt.Errorf("build CMS: %w", err)
	}
	return c, nil
}

// encode returns what fn writes.
func encode(fn func(*cryptobyte.Builder)) ([]byte, error) { return encodeAbout(encodeRoom, fn) }

// encodeRoom is what there is besides the large parts whose length is known. A guess: more
// is moved.
const encodeRoom = 512

// encodeAbout has room for size bytes from the start.
func encodeAbout(size int, fn func(*cryptobyte.Builder)) ([]byte, error) {
	b := cryptobyte.NewBuilder(make([]byte, 0, size))
	fn(b)
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
	switch in.Hash {
	case crypto.SHA256:
		digest.Algorithm, ecdsaOID = oidSHA256, oidECDSAWithSHA256
	case crypto.SHA384:
		digest.Algorithm, ecdsaOID = oidSHA384, oidECDSAWithSHA384
	case crypto.SHA512:
		digest.Algorithm, ecdsaOID = oidSHA512, oidECDSAWithSHA512
	default:
		return none, none, fmt.Errorf("digest algorithm %v: want SHA-256, SHA-384 or SHA-512", in.Hash)
	}
	if len(in.Digest) != in.Hash.Size() {
		return none, none, fmt.Errorf("digest of %d bytes, %v has %d", len(in.Digest), in.Hash, in.Hash.Size())
	}
	switch key := in.Signer.Public().(type) {
	case *ecdsa.PublicKey:
		if !key.Equal(in.Chain[0].PublicKey) {
			return none, none, errors.New("the certificate is not the signer's")
		}
		signature.Algorithm = ecdsaOID
	case *rsa.PublicKey:
		if !key.Equal(in.Chain[0].PublicKey) {
			return none, none, errors.New("the certificate is not the signer's")
		}
		// RFC 5754 §3.2: every implementation must take rsaEncryption, only some
		// take sha256WithRSAEncryption.
		signature = pkix.AlgorithmIdentifier{Algorithm: oidRSAEncryption, Parameters: asn1.NullRawValue}
	default:
		return none, none, fmt.Errorf("key type %T: want ECDSA or RSA", key)
	}
	return digest, signature, nil
}

// signedAttributes returns the elements of the signed attributes, in DER's order for a
// SET OF.
func (in CMSInput) signedAttributes(digest, signature pkix.AlgorithmIdentifier) ([]byte, error) {
	// encoding/asn1 writes UTCTime until 2049 and GeneralizedTime after, both without
	// fractions of a second, as RFC 5652 §11.3 wants.
	at, err := asn1.Marshal(in.SigningTime.UTC())
	if err != nil {
		return nil, fmt.Errorf("signing time: %w", err)
	}
	var list []attribute
	for _, a := range []struct {
		oid   asn1.ObjectIdentifier
		value func(*cryptobyte.Builder)
	}{
		{ext.ContentType(), func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(in.contentType()) }},
		{ext.MessageDigest(), func(b *cryptobyte.Builder) { b.AddASN1OctetString(in.Digest) }},
		{ext.SigningTime(), func(b *cryptobyte.Builder) { b.AddBytes(at) }},
		{ext.SigningCertificateV2(), func(b *cryptobyte.Builder) { addSigningCertificate(b, in.Chain[0]) }},
		{ext.CMSAlgorithmProtection(), func(b *cryptobyte.Builder) { addProtection(b, digest, signature) }},
	} {
		if list, err = appendAttribute(list, a.oid, a.value); err != nil {
			return nil, err
		}
	}
	for _, a := range in.Attributes {
		if list, err = appendAttribute(list, a.Type, func(b *cryptobyte.Builder) { b.AddBytes(a.Value) }); err != nil {
			return nil, err
		}
	}
	return concat(list), nil
}

// appendAttribute adds an attribute with one value.
func appendAttribute(list []attribute, oid asn1.ObjectIdentifier, value func(*cryptobyte.Builder)) ([]attribute, error) {
	return appendLarge(list, oid, 0, value)
}

// appendLarge does so for a value of a known size.
func appendLarge(list []attribute, oid asn1.ObjectIdentifier, size int, value func(*cryptobyte.Builder)) ([]attribute, error) {
	der, err := encodeAbout(size+encodeRoom, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oid)
			b.AddASN1(cbasn1.SET, value)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("attribute %v: %w", oid, err)
	}
	return append(list, attribute{oid, der}), nil
}

// concat returns the attributes in the order of their encodings.
func concat(list []attribute) []byte {
	size := 0
	for _, a := range list {
		size += len(a.der)
	}
	slices.SortFunc(list, func(a, b attribute) int { return bytes.Compare(a.der, b.der) })
	out := make([]byte, 0, size)
	for _, a := range list {
		out = append(out, a.der...)
	}
	return out
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

// contentInfo is EncapsulatedContentInfo, RFC 5652 §5.2, or ContentInfo, RFC 2315 §7.
func (in CMSInput) contentInfo() ([]byte, error) {
	if in.Content != nil {
		var value asn1.RawValue
		if rest, err := asn1.Unmarshal(in.Content, &value); err != nil || len(rest) > 0 {
			return nil, errors.New("content is not one DER value")
		}
		h := in.Hash.New()
		h.Write(value.Bytes)
		if !bytes.Equal(h.Sum(nil), in.Digest) {
			return nil, errors.New("the digest is not the content's")
		}
	}
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

// sign signs the attributes and checks the result: a key device that returns
// something else must be found out here and not at somebody's installer. A fault in an RSA
// signature may also give the key away.
func (in CMSInput) sign(ctx context.Context, attributes []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// What is signed has the tag of a SET OF, RFC 5652 §5.4.
	der, err := encode(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(attributes) })
	})
	if err != nil {
		return nil, fmt.Errorf("encode signed attributes: %w", err)
	}
	h := in.Hash.New()
	h.Write(der)
	digest := h.Sum(nil)
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
func (c *CMS) Imprint() (crypto.Hash, []byte) {
	h := c.hash.New()
	h.Write(c.SignatureValue())
	return c.hash, h.Sum(nil)
}

// AddTimestamp adds a time-stamp token, the DER ContentInfo of RFC 3161 §2.4.2, as
// an unsigned attribute. It does not verify it.
func (c *CMS) AddTimestamp(token []byte) error { return c.AddUnsigned(ext.TimeStampToken(), token) }

// AddUnsigned adds an unsigned attribute with one value, given in DER.
func (c *CMS) AddUnsigned(oid asn1.ObjectIdentifier, der []byte) error {
	if slices.ContainsFunc(c.unsigned, func(a attribute) bool { return a.oid.Equal(oid) }) {
		return fmt.Errorf("attribute %v is there already", oid)
	}
	var value asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &value); err != nil || len(rest) > 0 {
		return fmt.Errorf("attribute %v: value is not one DER value", oid)
	}
	list, err := appendLarge(c.unsigned, oid, len(der), func(b *cryptobyte.Builder) { b.AddBytes(der) })
	if err != nil {
		return err
	}
	c.unsigned = list
	return nil
}

// Marshal returns the DER ContentInfo.
func (c *CMS) Marshal() ([]byte, error) {
	unsigned := concat(c.unsigned)
	der, err := encodeAbout(len(c.content)+len(c.certs)+len(c.signer)+len(unsigned)+encodeRoom, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(ext.SignedData())
			b.AddASN1(tagContext(0), func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1Int64(1) // version
					b.AddBytes(c.digests)
					b.AddBytes(c.content)
					b.AddASN1(tagContext(0), func(b *cryptobyte.Builder) { b.AddBytes(c.certs) })
					b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
						b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
							b.AddBytes(c.signer)
							if len(unsigned) > 0 {
								b.AddASN1(tagContext(1), func(b *cryptobyte.Builder) { b.AddBytes(unsigned) })
							}
						})
					})
				})
			})
		})
	})
	if err != nil {
		return nil, fmt.Errorf("encode CMS: %w", err)
	}
	return der, nil
}
