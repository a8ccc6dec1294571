package sign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // SHA-256 for crypto.Hash
	_ "crypto/sha512" // SHA-384 and SHA-512 for crypto.Hash
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/format"
	"github.com/sassoftware/relic/v7/lib/pkcs7"
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
	signed pkcs7.ContentInfoSignedData
	hash   crypto.Hash
}

// BuildCMS makes a CMS SignedData, RFC 5652 §5, over a digest: detached and of type
// id-data unless the input says otherwise. It is DER throughout, has one signer,
// version 1, and the signed attributes content-type, message-digest, signing-time,
// signing-certificate-v2 and CMS-algorithm-protection.
//
// With content of another type it is what RFC 2315 calls SignedData, as Authenticode
// wants it: version 1 all the same, and the content is no OCTET STRING.
//
// The structures are relic's, its builder is not used: that one writes signed
// attributes in the order they were added where RFC 5652 §5.3 demands DER, so that
// a verifier which encodes them anew hashes other bytes; it calls ECDSA's
// signature algorithm id-ecPublicKey with NULL where RFC 5754 §3.3 demands
// ecdsa-with-SHA256 and no parameters; and it writes the NULL that RFC 5754 §2
// leaves out of SHA-2 identifiers.
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
	leaf := in.Chain[0]
	return &CMS{hash: in.Hash, signed: pkcs7.ContentInfoSignedData{
		ContentType: ext.SignedData(),
		Content: pkcs7.SignedData{
			Version:                    1,
			DigestAlgorithmIdentifiers: []pkix.AlgorithmIdentifier{digestAlg},
			ContentInfo:                content,
			Certificates:               certificateSet(append(slices.Clone(in.Chain), in.Cross...)),
			SignerInfos: []pkcs7.SignerInfo{{
				Version: 1,
				IssuerAndSerialNumber: pkcs7.IssuerAndSerial{
					IssuerName:   asn1.RawValue{FullBytes: leaf.RawIssuer},
					SerialNumber: leaf.SerialNumber,
				},
				DigestAlgorithm:           digestAlg,
				AuthenticatedAttributes:   attributes,
				DigestEncryptionAlgorithm: signatureAlg,
				EncryptedDigest:           signature,
			}},
		},
	}}, nil
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

// essCertIDv2 is ESSCertIDv2, RFC 5035 §4; hashAlgorithm is left out because
// SHA-256 is its default.
type essCertIDv2 struct {
	CertHash     []byte
	IssuerSerial struct {
		Issuer []asn1.RawValue // GeneralNames
		Serial asn1.RawValue
	}
}

// signingCertificateV2 is SigningCertificateV2, RFC 5035 §3.
type signingCertificateV2 struct{ Certs []essCertIDv2 }

// algorithmProtection is CMSAlgorithmProtection, RFC 6211 §2.
type algorithmProtection struct {
	Digest    pkix.AlgorithmIdentifier
	Signature pkix.AlgorithmIdentifier `asn1:"tag:1"`
}

// signedAttributes returns the signed attributes in DER's order for a SET OF.
func (in CMSInput) signedAttributes(digest, signature pkix.AlgorithmIdentifier) (pkcs7.AttributeList, error) {
	cert, err := certID(in.Chain[0])
	if err != nil {
		return nil, err
	}
	var list pkcs7.AttributeList
	for _, a := range []struct {
		oid   asn1.ObjectIdentifier
		value any
	}{
		{ext.ContentType(), in.contentType()},
		{ext.MessageDigest(), in.Digest},
		// encoding/asn1 writes UTCTime until 2049 and GeneralizedTime after, both without
		// fractions of a second, as RFC 5652 §11.3 wants.
		{ext.SigningTime(), in.SigningTime.UTC()},
		{ext.SigningCertificateV2(), signingCertificateV2{[]essCertIDv2{cert}}},
		{ext.CMSAlgorithmProtection(), algorithmProtection{digest, signature}},
	} {
		if err := list.Add(a.oid, a.value); err != nil {
			return nil, fmt.Errorf("attribute %v: %w", a.oid, err)
		}
	}
	for _, a := range in.Attributes {
		if err := list.Add(a.Type, asn1.RawValue{FullBytes: a.Value}); err != nil {
			return nil, fmt.Errorf("attribute %v: %w", a.Type, err)
		}
	}
	return list, sortDER(list)
}

func (in CMSInput) contentType() asn1.ObjectIdentifier {
	if in.ContentType == nil {
		return ext.Data()
	}
	return in.ContentType
}

// contentInfo is EncapsulatedContentInfo, RFC 5652 §5.2, or ContentInfo, RFC 2315 §7.
func (in CMSInput) contentInfo() (pkcs7.ContentInfo, error) {
	if in.Content == nil {
		return pkcs7.NewContentInfo(in.contentType(), nil)
	}
	var value asn1.RawValue
	if rest, err := asn1.Unmarshal(in.Content, &value); err != nil || len(rest) > 0 {
		return pkcs7.ContentInfo{}, errors.New("content is not one DER value")
	}
	h := in.Hash.New()
	h.Write(value.Bytes)
	if !bytes.Equal(h.Sum(nil), in.Digest) {
		return pkcs7.ContentInfo{}, errors.New("the digest is not the content's")
	}
	return pkcs7.NewContentInfo(in.contentType(), value)
}

// certID identifies the signer's certificate by hash, issuer and serial number.
func certID(c *x509.Certificate) (essCertIDv2, error) {
	h := crypto.SHA256.New()
	h.Write(c.Raw)
	serial, err := asn1.Marshal(c.SerialNumber)
	if err != nil {
		return essCertIDv2{}, fmt.Errorf("serial number: %w", err)
	}
	id := essCertIDv2{CertHash: h.Sum(nil)}
	// directoryName [4]; explicit, because Name is a CHOICE. RFC 5280 §4.2.1.6.
	id.IssuerSerial.Issuer = []asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: c.RawIssuer}}
	id.IssuerSerial.Serial = asn1.RawValue{FullBytes: serial}
	return id, nil
}

// sortDER puts attributes in the order of their encodings.
func sortDER(list pkcs7.AttributeList) error {
	var err error
	slices.SortFunc(list, func(a, b pkcs7.Attribute) int {
		x, errX := asn1.Marshal(a)
		y, errY := asn1.Marshal(b)
		err = errors.Join(err, errX, errY)
		return bytes.Compare(x, y)
	})
	return err
}

// certificateSet returns the certificates in DER's order for a SET OF.
func certificateSet(chain []*x509.Certificate) pkcs7.RawCertificates {
	set := make(pkcs7.RawCertificates, len(chain))
	for i, c := range chain {
		set[i] = asn1.RawValue{FullBytes: c.Raw}
	}
	slices.SortFunc(set, func(a, b asn1.RawValue) int { return bytes.Compare(a.FullBytes, b.FullBytes) })
	return set
}

// sign signs the attributes and checks the result: a key device that returns
// something else must be found out here and not at somebody's installer.
func (in CMSInput) sign(ctx context.Context, attributes pkcs7.AttributeList) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	der, err := attributes.Bytes()
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
func (c *CMS) SignatureValue() []byte { return c.signed.Content.SignerInfos[0].EncryptedDigest }

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
	list := &c.signed.Content.SignerInfos[0].UnauthenticatedAttributes
	if list.Exists(oid) {
		return fmt.Errorf("attribute %v is there already", oid)
	}
	var value asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &value); err != nil || len(rest) > 0 {
		return fmt.Errorf("attribute %v: value is not one DER value", oid)
	}
	if err := list.Add(oid, value); err != nil {
		return fmt.Errorf("attribute %v: %w", oid, err)
	}
	return sortDER(*list)
}

// Marshal returns the DER ContentInfo.
func (c *CMS) Marshal() ([]byte, error) {
	der, err := c.signed.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode CMS: %w", err)
	}
	return der, nil
}
