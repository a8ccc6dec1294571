package ca

import (
	"bytes"
	"crypto"
	"crypto/sha1" // names keys, RFC 5280 §4.2.1.2 method 1; nothing is signed with it
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmark-pki/hallmark/ca/lint"
	"github.com/hallmark-pki/hallmark/ext"
)

// leafMold is a TBSCertificate (RFC 5280 §4.1) without what differs between one leaf and
// the next of the same vendor and claims: serial number, validity, key, key identifier and
// list. The template and crypto/x509 wrote it, once; to have them write each certificate
// cost several times what its signature costs. All fields are DER.
type leafMold struct {
	from leafContent       // all that the template was filled with
	like *lint.Certificate // the certificate that it was cut out of

	signature  x509.SignatureAlgorithm
	version    []byte   // [0]
	algorithm  []byte   // signature, which signatureAlgorithm repeats
	issuer     []byte   // Name
	subject    []byte   // Name
	extensions [][]byte // in their order; that of the key identifier and that of the list are nil
	keyID      int      // index of subjectKeyIdentifier
	list       int      // index of cRLDistributionPoints
}

// leafContent is what a leaf says about its holder.
type leafContent struct {
	subject      subject
	claims       []ext.Claim
	repositories []string
}

// leafNovelty is what a leaf has for itself.
type leafNovelty struct {
	serial      *big.Int
	from, until time.Time // whole seconds, UTC
	spki        []byte    // DER SubjectPublicKeyInfo
	keyID       []byte
	crl         string // address of its list
}

var (
	oidSubjectKeyID = ext.SubjectKeyIdentifier()
	oidCRLPoints    = ext.CRLDistributionPoints()

	errMold = errors.New("read back a sample: it has another form than is known")
)

// takeLeafMold cuts a mold out of a TBSCertificate that was made of content. It fails
// unless filling it in gives the same bytes again.
func takeLeafMold(tbs []byte, content leafContent, of leafNovelty) (*leafMold, error) {
	m := &leafMold{from: content, keyID: -1, list: -1}
	in := cryptobyte.String(tbs)
	var list cryptobyte.String
	ok := in.ReadASN1(&in, cbasn1.SEQUENCE) && elements(&in, &m.version, 1) && in.SkipASN1(cbasn1.INTEGER) &&
		elements(&in, &m.algorithm, 1) && elements(&in, &m.issuer, 1) && in.SkipASN1(cbasn1.SEQUENCE) &&
		elements(&in, &m.subject, 1) && in.SkipASN1(cbasn1.SEQUENCE) &&
		in.ReadASN1(&list, stampTag(3)) && in.Empty() && list.ReadASN1(&list, cbasn1.SEQUENCE)
	for ok && !list.Empty() {
		ok = m.takeExtension(&list)
	}
	if !ok || m.keyID < 0 || m.list < 0 {
		return nil, errMold
	}
	again, err := m.fill(of)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, tbs) {
		return nil, errMold
	}
	return m, nil
}

func (m *leafMold) takeExtension(list *cryptobyte.String) bool {
	var whole []byte
	var body cryptobyte.String
	var id asn1.ObjectIdentifier
	if !elements(list, &whole, 1) {
		return false
	}
	if s := cryptobyte.String(whole); !s.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1ObjectIdentifier(&id) {
		return false
	}
	switch {
	case id.Equal(oidSubjectKeyID):
		m.keyID, whole = len(m.extensions), nil
	case id.Equal(oidCRLPoints):
		m.list, whole = len(m.extensions), nil
	}
	m.extensions = append(m.extensions, whole)
	return true
}

const (
	// encodeRoom is more than the headers around the three parts of a certificate.
	encodeRoom = 16
	// leafRoom is more than the content of most leaves.
	leafRoom = 2 << 10
)

// encodeAbout runs a builder that grows from size bytes.
func encodeAbout(size int, fn func(*cryptobyte.Builder)) ([]byte, error) {
	b := cryptobyte.NewBuilder(make([]byte, 0, size))
	fn(b)
	return b.Bytes()
}

// fill returns a TBSCertificate.
func (m *leafMold) fill(n leafNovelty) ([]byte, error) {
	return encodeAbout(leafRoom, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(m.version)
			b.AddASN1BigInt(n.serial)
			b.AddBytes(m.algorithm)
			b.AddBytes(m.issuer)
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				addTime(b, n.from)
				addTime(b, n.until)
			})
			b.AddBytes(m.subject)
			b.AddBytes(n.spki)
			b.AddASN1(stampTag(3), func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { m.addExtensions(b, n) })
			})
		})
	})
}

func (m *leafMold) addExtensions(b *cryptobyte.Builder, n leafNovelty) {
	for i, e := range m.extensions {
		switch i {
		case m.keyID:
			addExtension(b, oidSubjectKeyID, func(b *cryptobyte.Builder) { b.AddASN1OctetString(n.keyID) })
		case m.list:
			addExtension(b, oidCRLPoints, func(b *cryptobyte.Builder) { addCRLPoint(b, n.crl) })
		default:
			b.AddBytes(e)
		}
	}
}

// addExtension writes one that is not critical, RFC 5280 §4.1.
func addExtension(b *cryptobyte.Builder, id asn1.ObjectIdentifier, value func(*cryptobyte.Builder)) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(id)
		b.AddASN1(cbasn1.OCTET_STRING, value)
	})
}

// addCRLPoint writes CRLDistributionPoints with one address, RFC 5280 §4.2.1.13.
func addCRLPoint(b *cryptobyte.Builder, address string) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(stampTag(0), func(b *cryptobyte.Builder) { // distributionPoint
				b.AddASN1(stampTag(0), func(b *cryptobyte.Builder) { // fullName
					b.AddASN1(cbasn1.Tag(6).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(address)) })
				})
			})
		})
	})
}

// addTime writes Time as RFC 5280 §4.1.2.5 wants it: UTCTime through 2049.
func addTime(b *cryptobyte.Builder, t time.Time) {
	if t.Year() < 2050 {
		b.AddASN1UTCTime(t)
	} else {
		b.AddASN1GeneralizedTime(t)
	}
}

// keyIdentifier is the SHA-1 of the key's bits, RFC 5280 §4.2.1.2 method 1.
func keyIdentifier(spki []byte) ([]byte, error) {
	in := cryptobyte.String(spki)
	var bits []byte
	if !in.ReadASN1(&in, cbasn1.SEQUENCE) || !in.SkipASN1(cbasn1.SEQUENCE) || !in.ReadASN1BitStringAsBytes(&bits) || !in.Empty() {
		return nil, errors.New("key identifier: not a SubjectPublicKeyInfo")
	}
	sum := sha1.Sum(bits)
	return sum[:], nil
}

// leafMolds are the molds of one issuing CA, by vendor and levels. Safe for concurrent use.
type leafMolds struct {
	mu    sync.Mutex
	molds map[string]*leafMold
}

// key leaves out what seldom changes; find compares all of it.
func (c leafContent) key() string {
	parts := []string{c.subject.uri}
	for _, claim := range c.claims {
		parts = append(parts, claim.Framework, claim.Track, strconv.Itoa(claim.Level))
	}
	return strings.Join(parts, "\x00")
}

// find returns the mold of exactly this content, or nil.
func (s *leafMolds) find(c leafContent) *leafMold {
	key := c.key()
	s.mu.Lock()
	m := s.molds[key]
	s.mu.Unlock()
	if m == nil || !reflect.DeepEqual(m.from, c) {
		return nil
	}
	return m
}

// keep puts a mold where find looks. When there are too many it begins anew.
func (s *leafMolds) keep(m *leafMold) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.molds == nil || len(s.molds) >= maxLeafMolds {
		s.molds = map[string]*leafMold{}
	}
	s.molds[m.from.key()] = m
}

// prepareLeaf lints the certificate of a grant and returns leave to sign it.
func (t *tier) prepareLeaf(key requestedKey, g *grant, from, until time.Time) (*ticket, error) {
	content := leafContent{subject: vendorSubject(g.vendor), claims: g.claims, repositories: g.repositories}
	m := t.profile.molds.find(content)
	if m == nil {
		return t.castLeaf(key.public, content, g, from, until)
	}
	n, err := t.profile.novelty(key.spki, from, until)
	if err != nil {
		return nil, err
	}
	tbs, err := m.fill(n)
	if err != nil {
		return nil, fmt.Errorf("build certificate: %w", err)
	}
	leave, err := t.issuer.pressTBS(tbs, m.algorithm, m.signature, m.like)
	if err != nil {
		return nil, err
	}
	return leave, n.check(leave.cert)
}

// castLeaf has the profile's template and crypto/x509 write the certificate, and keeps a
// mold of it. One that has no such form is written like this each time.
func (t *tier) castLeaf(pub crypto.PublicKey, content leafContent, g *grant, from, until time.Time) (*ticket, error) {
	template, err := t.profile.fill(pub, g, from, until)
	if err != nil {
		return nil, err
	}
	leave, err := t.issuer.prepare(template)
	if err != nil {
		return nil, err
	}
	n := leafNovelty{
		serial: template.SerialNumber, from: template.NotBefore, until: template.NotAfter,
		spki: leave.cert.RawSubjectPublicKeyInfo, keyID: template.SubjectKeyId, crl: template.CRLDistributionPoints[0],
	}
	if m, err := takeLeafMold(leave.tbs, content, n); err == nil {
		m.signature, m.like = leave.algorithm, leave.read
		t.profile.molds.keep(m)
	}
	return leave, n.check(leave.cert)
}

// novelty draws a serial number and says what follows from it, from the key and the times.
func (p *profile) novelty(spki []byte, from, until time.Time) (leafNovelty, error) {
	serial, err := newLeafSerial(p.random, p.now())
	if err != nil {
		return leafNovelty{}, err
	}
	id, err := keyIdentifier(spki)
	if err != nil {
		return leafNovelty{}, err
	}
	return leafNovelty{
		serial: serial, from: from.UTC().Truncate(time.Second), until: until.UTC().Truncate(time.Second),
		spki: spki, keyID: id, crl: p.crl(serial),
	}, nil
}

// check compares what was read back from the linted bytes with what was asked for.
func (n leafNovelty) check(c *x509.Certificate) error {
	switch {
	case c.SerialNumber.Cmp(n.serial) != 0:
		return errors.New("build certificate: another serial number than was drawn")
	case !c.NotBefore.Equal(n.from) || !c.NotAfter.Equal(n.until):
		return errors.New("build certificate: another validity than was granted")
	case !bytes.Equal(c.RawSubjectPublicKeyInfo, n.spki) || !bytes.Equal(c.SubjectKeyId, n.keyID):
		return errors.New("build certificate: another key than was asked for")
	case !slices.Equal(c.CRLDistributionPoints, []string{n.crl}):
		return fmt.Errorf("build certificate: CRL distribution point is not %s", n.crl)
	}
	return nil
}
