package pki

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ext"
)

// Object identifiers of CMS, for tests that put them where they do not belong.
var (
	OIDData               = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	OIDSignedData         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	OIDContentType        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	OIDMessageDigest      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	OIDSigningTime        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5}
	OIDProtection         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 52}
	OIDSigningCertificate = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	OIDToken              = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 14}
	OIDSHA1               = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	OIDSHA256             = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	OIDSHA512             = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
	OIDECDSAWithSHA256    = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	OIDECDSAWithSHA512    = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}
	OIDSHA256WithRSA      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
)

// Attribute is a CMS attribute with its values' DER.
type Attribute struct {
	OID    asn1.ObjectIdentifier
	Values [][]byte
}

// CMS is a signature about to be made. Sign fills it in well; an edit then changes
// one thing. What is signed is signed after the edit, so a wrong signed attribute
// has a good signature over it.
type CMS struct {
	Signer       *Identity
	Certificates [][]byte
	Issuer       []byte // DER name that identifies the signer's certificate
	Serial       *big.Int
	Hash         crypto.Hash // used for the signature value

	Version, SignerVersion int
	ContentType            asn1.ObjectIdentifier
	Content                []byte // nil: detached
	BareContent            bool   // Content is no OCTET STRING but DER of its own, RFC 2315 §7
	TokenType              asn1.ObjectIdentifier
	Announced              []asn1.ObjectIdentifier
	DigestAlg              asn1.ObjectIdentifier
	SignatureAlg           asn1.ObjectIdentifier

	Signed        []Attribute // sorted before signing unless Unsorted
	Unsorted      bool
	NoSigned      bool // leave the signed attributes out and sign the digest
	Digest        [32]byte
	MangleValue   func([]byte) []byte // changes the signature value
	Token         func(value []byte) []byte
	Unsigned      []Attribute
	Staple        *ext.Staple
	SignerInfos   int // how many copies
	RevocationSet []byte
}

// Sign makes a signature over a digest: timestamped, with summary and receipt stapled.
func (p *PKI) Sign(t testing.TB, digest [32]byte, edits ...func(*CMS)) []byte {
	t.Helper()
	return p.SignAs(t, p.Leaf, digest, edits...)
}

// SignAs is Sign for another signer.
func (p *PKI) SignAs(t testing.TB, signer *Identity, digest [32]byte, edits ...func(*CMS)) []byte {
	t.Helper()
	c := &CMS{
		Signer: signer, Issuer: signer.Cert.RawIssuer, Serial: signer.Cert.SerialNumber, Hash: crypto.SHA256,
		Version: 1, SignerVersion: 1, ContentType: OIDData, TokenType: OIDToken, Digest: digest, SignerInfos: 1,
		Announced: []asn1.ObjectIdentifier{OIDSHA256}, DigestAlg: OIDSHA256, SignatureAlg: OIDECDSAWithSHA256,
	}
	if _, ok := signer.Key.(*ecdsa.PrivateKey); !ok {
		c.SignatureAlg = OIDSHA256WithRSA
	}
	for _, cert := range signer.Chain {
		c.Certificates = append(c.Certificates, cert.Raw)
	}
	c.Signed = p.signedAttributes(t, c)
	c.Token = func(value []byte) []byte { return p.Stamp(t, p.TSA, value, p.Signed) }
	c.Staple = &ext.Staple{VSA: p.Summary(t, digest, attest.Passed), Receipts: [][]byte{p.Receipt(t, 3)}}
	for _, e := range edits {
		e(c)
	}
	return c.build(t, p.Arc)
}

func (p *PKI) signedAttributes(t testing.TB, c *CMS) []Attribute {
	return []Attribute{
		{OIDContentType, [][]byte{DER(t, OIDData)}},
		{OIDMessageDigest, [][]byte{DER(t, c.Digest[:])}},
		{OIDSigningTime, [][]byte{DER(t, p.Signed)}},
		{OIDSigningCertificate, [][]byte{SigningCertificate(c.Signer.Cert.Raw)}},
		{OIDProtection, [][]byte{Protection(c.DigestAlg, c.SignatureAlg)}},
	}
}

// DER is asn1.Marshal for values that cannot fail.
func DER(t testing.TB, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// SigningCertificate is the value of signingCertificateV2 for a certificate, RFC 5035 §3.
func SigningCertificate(cert []byte) []byte {
	sum := sha256.Sum256(cert)
	var b cryptobyte.Builder
	sequence(&b, func(b *cryptobyte.Builder) {
		sequence(b, func(b *cryptobyte.Builder) {
			sequence(b, func(b *cryptobyte.Builder) { b.AddASN1OctetString(sum[:]) })
		})
	})
	return b.BytesOrPanic()
}

// Protection is the value of CMSAlgorithmProtection, RFC 6211 §2.
func Protection(digest, signature asn1.ObjectIdentifier) []byte {
	var b cryptobyte.Builder
	sequence(&b, func(b *cryptobyte.Builder) {
		addAlgorithm(b, cbasn1.SEQUENCE, digest)
		addAlgorithm(b, contextTag(1), signature)
	})
	return b.BytesOrPanic()
}

// Replace sets the values of a signed attribute; without values it is left out.
func (c *CMS) Replace(oid asn1.ObjectIdentifier, values ...[]byte) {
	c.Signed = slices.DeleteFunc(c.Signed, func(a Attribute) bool { return a.OID.Equal(oid) })
	if len(values) > 0 {
		c.Signed = append(c.Signed, Attribute{oid, values})
	}
}

func contextTag(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }

func sequence(b *cryptobyte.Builder, f func(*cryptobyte.Builder)) { b.AddASN1(cbasn1.SEQUENCE, f) }

func addAlgorithm(b *cryptobyte.Builder, tag cbasn1.Tag, oid asn1.ObjectIdentifier) {
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oid) })
}

func addAttributes(b *cryptobyte.Builder, list []Attribute) {
	for _, a := range list {
		sequence(b, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(a.OID)
			b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
				for _, v := range a.Values {
					b.AddBytes(v)
				}
			})
		})
	}
}

func encodeAttribute(a Attribute) []byte {
	var b cryptobyte.Builder
	addAttributes(&b, []Attribute{a})
	return b.BytesOrPanic()
}

// signatureValue signs the attributes, RFC 5652 §5.4, and mangles the result if told to.
func (c *CMS) signatureValue(t testing.TB) []byte {
	t.Helper()
	if !c.Unsorted {
		slices.SortFunc(c.Signed, func(a, b Attribute) int { return bytes.Compare(encodeAttribute(a), encodeAttribute(b)) })
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { addAttributes(b, c.Signed) })
	h := c.Hash.New()
	h.Write(b.BytesOrPanic())
	digest := h.Sum(nil)
	if c.NoSigned {
		digest = c.Digest[:]
	}
	value, err := c.Signer.Key.Sign(rand.Reader, digest, c.Hash)
	if err != nil {
		t.Fatal(err)
	}
	if c.MangleValue != nil {
		value = c.MangleValue(value)
	}
	return value
}

func (c *CMS) build(t testing.TB, arc ext.Arc) []byte {
	t.Helper()
	value := c.signatureValue(t)
	unsigned := slices.Clone(c.Unsigned)
	if c.Token != nil {
		unsigned = append(unsigned, Attribute{c.TokenType, [][]byte{c.Token(value)}})
	}
	if c.Staple != nil {
		der, err := c.Staple.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		unsigned = append(unsigned, Attribute{arc.Staple(), [][]byte{der}})
	}
	var b cryptobyte.Builder
	sequence(&b, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(OIDSignedData)
		b.AddASN1(contextTag(0), func(b *cryptobyte.Builder) {
			sequence(b, func(b *cryptobyte.Builder) { c.addSignedData(b, value, unsigned) })
		})
	})
	der, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func (c *CMS) addSignedData(b *cryptobyte.Builder, value []byte, unsigned []Attribute) {
	b.AddASN1Int64(int64(c.Version))
	b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
		for _, oid := range c.Announced {
			addAlgorithm(b, cbasn1.SEQUENCE, oid)
		}
	})
	sequence(b, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(c.ContentType)
		if c.Content != nil {
			b.AddASN1(contextTag(0), func(b *cryptobyte.Builder) {
				if c.BareContent {
					b.AddBytes(c.Content)
				} else {
					b.AddASN1OctetString(c.Content)
				}
			})
		}
	})
	b.AddASN1(contextTag(0), func(b *cryptobyte.Builder) {
		for _, cert := range c.Certificates {
			b.AddBytes(cert)
		}
	})
	if c.RevocationSet != nil {
		b.AddASN1(contextTag(1), func(b *cryptobyte.Builder) { b.AddBytes(c.RevocationSet) })
	}
	b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
		for range c.SignerInfos {
			sequence(b, func(b *cryptobyte.Builder) { c.addSignerInfo(b, value, unsigned) })
		}
	})
}

func (c *CMS) addSignerInfo(b *cryptobyte.Builder, value []byte, unsigned []Attribute) {
	b.AddASN1Int64(int64(c.SignerVersion))
	sequence(b, func(b *cryptobyte.Builder) {
		b.AddBytes(c.Issuer)
		b.AddASN1BigInt(c.Serial)
	})
	addAlgorithm(b, cbasn1.SEQUENCE, c.DigestAlg)
	if !c.NoSigned {
		b.AddASN1(contextTag(0), func(b *cryptobyte.Builder) { addAttributes(b, c.Signed) })
	}
	addAlgorithm(b, cbasn1.SEQUENCE, c.SignatureAlg)
	b.AddASN1OctetString(value)
	if len(unsigned) > 0 {
		b.AddASN1(contextTag(1), func(b *cryptobyte.Builder) { addAttributes(b, unsigned) })
	}
}

// Stamp makes a timestamp token over a signature value.
func (p *PKI) Stamp(t testing.TB, tsa *Identity, value []byte, at time.Time, edits ...func(*timestamp.Timestamp)) []byte {
	t.Helper()
	sum := sha256.Sum256(value)
	return p.stamp(t, tsa, crypto.SHA256, sum[:], at, edits...)
}

// StampImprint makes a timestamp token over a digest that is there.
func (p *PKI) StampImprint(t testing.TB, hash crypto.Hash, imprint []byte, at time.Time) []byte {
	t.Helper()
	return p.stamp(t, p.TSA, hash, imprint, at)
}

func (p *PKI) stamp(t testing.TB, tsa *Identity, hash crypto.Hash, imprint []byte, at time.Time, edits ...func(*timestamp.Timestamp)) []byte {
	t.Helper()
	ts := &timestamp.Timestamp{
		HashAlgorithm: hash, HashedMessage: imprint, Time: at, Policy: p.Arc.TimestampPolicy(),
		Certificates: append([]*x509.Certificate{}, tsa.Chain[1:]...), AddTSACertificate: true,
	}
	for _, e := range edits {
		e(ts)
	}
	response, err := ts.CreateResponseWithOpts(tsa.Cert, tsa.Key, crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	var parsed struct {
		Status asn1.RawValue
		Token  asn1.RawValue
	}
	if _, err := asn1.Unmarshal(response, &parsed); err != nil {
		t.Fatal(err)
	}
	return parsed.Token.FullBytes
}

// Summary makes a verification summary about a digest.
func (p *PKI) Summary(t testing.TB, digest [32]byte, result string) []byte {
	t.Helper()
	return p.SummaryBy(t, p.SummaryKey, digest, result)
}

// SummaryBy is Summary under another key.
func (p *PKI) SummaryBy(t testing.TB, key crypto.Signer, digest [32]byte, result string) []byte {
	t.Helper()
	return p.SummaryWith(t, key, digest, func(v *attest.VSA) { v.Result = result })
}

// SummaryWith is Summary under another key, and with something changed.
func (p *PKI) SummaryWith(t testing.TB, key crypto.Signer, digest [32]byte, change func(*attest.VSA)) []byte {
	t.Helper()
	v := attest.VSA{
		Subjects:   []attest.Subject{{Name: "file", Digest: map[string]string{"sha256": hexString(digest[:])}}},
		VerifierID: "https://ca.example.com/verifier", TimeVerified: p.Signed, ResourceURI: Vendor + "#file",
		Policy: attest.ResourceDescriptor{URI: SLSA, Digest: map[string]string{"sha256": hexString(digest[:])}},
		Result: attest.Passed, VerifiedLevels: []string{"SLSA_LEVEL_3"},
	}
	change(&v)
	s, err := attest.NewVSA(v)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := attest.SignStatement(context.Background(), s, key)
	if err != nil {
		t.Fatal(err)
	}
	return envelope
}
