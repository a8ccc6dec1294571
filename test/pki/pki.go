// Package pki answers, for tests: what does a whole, good PKI look like, and what
// happens when exactly one thing in it is wrong? Everything lives in memory; nothing
// here is for use outside of tests.
//
//	root ─────┬── high tier ═ twin       certifies up to SLSA 4
//	          │     └── leaf             https://vendor.example.com, SLSA 3
//	          ├── low tier               certifies up to SLSA 2
//	          └── timestamping CA
//	                └── TSA
//	log key   summary (VSA) key   auditor's key
//
// Keys are P-256 and fresh for each PKI; times are fixed: the clock stands at Now,
// signatures are made an hour earlier.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/verify"
)

// Names that the hierarchy uses.
const (
	Vendor        = "https://vendor.example.com"
	SLSA          = "https://slsa.dev/spec/v0.1/"
	Track         = "slsa"
	LogOrigin     = "log.example.com/hallmark"
	CRLURL        = "http://ca.example.com/crl/high/7.crl"
	RepositoryURL = "https://attestations.example.com/vendor"
)

// Identity is a certificate with its key, and its issuers up to but without the root.
type Identity struct {
	Cert  *x509.Certificate
	Key   crypto.Signer
	Chain []*x509.Certificate // Cert first
}

// PKI is the hierarchy drawn above.
type PKI struct {
	Now    time.Time // the verifier's clock
	Signed time.Time // when signatures are made and timestamped
	Arc    ext.Arc

	Root, High, Low, StampCA, TSA, Leaf *Identity
	Twin                                *x509.Certificate // self-signed, name and key of High
	SummaryKey                          crypto.Signer
	Auditor                             crypto.Signer
	Log                                 *Log

	serial int64
}

// New makes a hierarchy.
func New(t testing.TB) *PKI {
	t.Helper()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	p := &PKI{Now: now, Signed: now.Add(-time.Hour), Arc: ext.DefaultArc(), SummaryKey: Key(t), Auditor: Key(t)}
	p.Log = newLog(t)
	p.Root = p.Issue(t, nil, authority("Example Root"))
	p.High = p.Issue(t, p.Root, authority("Example High Tier"), p.Ceiling(t, 4))
	p.Low = p.Issue(t, p.Root, authority("Example Low Tier"), p.Ceiling(t, 2))
	p.Twin = p.twin(t)
	p.StampCA = p.Issue(t, p.Root, authority("Example Timestamping CA"), func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}
	})
	p.TSA = p.NewTSA(t)
	p.Leaf = p.NewLeaf(t, p.High, p.Claims(3))
	return p
}

// Edit changes one thing in a certificate before it is signed.
type Edit = func(*x509.Certificate)

// Key makes a P-256 key.
func Key(t testing.TB) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// authority is the template of a CA certificate.
func authority(name string) Edit {
	return func(c *x509.Certificate) {
		c.Subject = pkix.Name{Country: []string{"CH"}, Organization: []string{"Example"}, CommonName: name}
		c.BasicConstraintsValid, c.IsCA = true, true
		c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		c.NotBefore, c.NotAfter = date(2020), date(2040)
	}
}

func date(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }

// Ceiling makes a CA an issuing CA for code signing up to a SLSA level.
func (p *PKI) Ceiling(t testing.TB, level int) Edit {
	policies, err := p.Arc.Policies(p.Claims(level))
	if err != nil {
		t.Fatal(err)
	}
	return func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
		c.Policies = policies
		c.MaxPathLenZero = true
	}
}

// Issue makes a certificate; issuer nil makes it self-signed.
func (p *PKI) Issue(t testing.TB, issuer *Identity, edits ...Edit) *Identity {
	t.Helper()
	return p.IssueFor(t, Key(t), issuer, edits...)
}

// IssueFor is Issue for a given key.
func (p *PKI) IssueFor(t testing.TB, key crypto.Signer, issuer *Identity, edits ...Edit) *Identity {
	t.Helper()
	p.serial++
	template := &x509.Certificate{SerialNumber: big.NewInt(1000 + p.serial)}
	for _, e := range edits {
		e(template)
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.Cert, issuer.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	id := &Identity{Cert: cert, Key: key, Chain: []*x509.Certificate{cert}}
	if issuer != nil && string(issuer.Cert.RawSubject) != string(issuer.Cert.RawIssuer) {
		id.Chain = append(id.Chain, issuer.Chain...)
	}
	return id
}

func (p *PKI) twin(t testing.TB) *x509.Certificate {
	high := p.High.Cert
	return p.IssueFor(t, p.High.Key, nil, func(c *x509.Certificate) {
		serial := c.SerialNumber
		*c = x509.Certificate{
			SerialNumber: serial, RawSubject: high.RawSubject, NotBefore: high.NotBefore, NotAfter: high.NotAfter,
			BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
			KeyUsage: high.KeyUsage, ExtKeyUsage: high.ExtKeyUsage, Policies: high.Policies,
		}
	}).Cert
}

// Claims claims a SLSA v0.1 level, assessed at the start of 2026 for a year.
func (p *PKI) Claims(level int) []ext.Claim {
	claim := ext.Claim{
		Framework: SLSA, Track: Track, Level: level, LevelID: []string{"", "SLSA_LEVEL_1", "SLSA_LEVEL_2", "SLSA_LEVEL_3", "SLSA_LEVEL_4"}[level],
		Assessment: ext.AssessmentRef{
			Payload: sha256.Sum256([]byte("assessment")), Auditor: p.auditorDigest(),
			AssessedAt: date(2026), ValidUntil: date(2027), LogOrigin: LogOrigin, LogIndex: 1,
		},
	}
	return []ext.Claim{claim}
}

func (p *PKI) auditorDigest() [32]byte {
	der, err := x509.MarshalPKIXPublicKey(p.Auditor.Public())
	if err != nil {
		panic(err) // our own key
	}
	return sha256.Sum256(der)
}

// NewLeaf issues a code signing certificate with a mark.
func (p *PKI) NewLeaf(t testing.TB, issuer *Identity, claims []ext.Claim, edits ...Edit) *Identity {
	t.Helper()
	return p.NewLeafFor(t, Key(t), issuer, claims, edits...)
}

// NewLeafFor is NewLeaf for a given key.
func (p *PKI) NewLeafFor(t testing.TB, key crypto.Signer, issuer *Identity, claims []ext.Claim, edits ...Edit) *Identity {
	t.Helper()
	return p.IssueFor(t, key, issuer, append([]Edit{p.leaf(t, claims)}, edits...)...)
}

func (p *PKI) leaf(t testing.TB, claims []ext.Claim) Edit {
	t.Helper()
	vendor, err := url.Parse(Vendor)
	if err != nil {
		t.Fatal(err)
	}
	policies, err := p.Arc.Policies(claims)
	if err != nil {
		t.Fatal(err)
	}
	extensions, err := p.Arc.Extensions(ext.Mark{
		Assurance:  ext.Assurance{Claims: claims},
		Repository: ext.AttestationRepository{URLs: []string{RepositoryURL}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return func(c *x509.Certificate) {
		c.Subject = pkix.Name{Country: []string{"CH"}, Organization: []string{"Vendor"}, CommonName: "Vendor"}
		c.NotBefore, c.NotAfter = date(2026), date(2027)
		c.BasicConstraintsValid = true
		c.KeyUsage = x509.KeyUsageDigitalSignature
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
		c.URIs = []*url.URL{vendor}
		c.CRLDistributionPoints = []string{CRLURL}
		c.Policies = policies
		c.ExtraExtensions = extensions
	}
}

// TimeStamping is an extended key usage of timeStamping alone, RFC 3161 §2.3.
func TimeStamping(critical bool) pkix.Extension {
	value, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		panic(err) // a constant
	}
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: critical, Value: value}
}

// NewTSA issues a timestamp authority's certificate. It holds from 2020 on, because
// the timestamp library puts the real time into a token's attributes.
func (p *PKI) NewTSA(t testing.TB, edits ...Edit) *Identity {
	t.Helper()
	return p.Issue(t, p.StampCA, append([]Edit{func(c *x509.Certificate) {
		c.Subject = pkix.Name{Country: []string{"CH"}, Organization: []string{"Example"}, CommonName: "Example TSA"}
		c.NotBefore, c.NotAfter = date(2020), date(2040)
		c.BasicConstraintsValid = true
		c.KeyUsage = x509.KeyUsageDigitalSignature
		c.ExtraExtensions = []pkix.Extension{TimeStamping(true)}
	}}, edits...)...)
}

// Trust is the bundle of somebody who trusts this PKI.
func (p *PKI) Trust() verify.Trust {
	return verify.Trust{
		Name: "Example", Arc: p.Arc, Roots: []*x509.Certificate{p.Root.Cert}, TimestampRoots: []*x509.Certificate{p.Root.Cert},
		Logs: []string{p.Log.VerifierKey}, VSAKeys: []crypto.PublicKey{p.SummaryKey.Public()}, IssuedAt: p.Signed,
	}
}

// Status is a bundle with a CRL of each issuer, fresh and empty.
func (p *PKI) Status(t testing.TB) verify.Status {
	t.Helper()
	return verify.Status{IssuedAt: p.Signed, CRLs: [][]byte{
		p.CRL(t, p.High, 7), p.CRL(t, p.Low, 7), p.CRL(t, p.Root, 7), p.CRL(t, p.StampCA, 7),
	}}
}

// Point is an issuing distribution point for one URL, with onlyContainsUserCerts, as
// on a shard's list, and whatever DER is given behind it.
func Point(url string, more ...byte) pkix.Extension {
	wrap := func(tag byte, body []byte) []byte { return append([]byte{tag, byte(len(body))}, body...) }
	body := append(wrap(0xa0, wrap(0xa0, wrap(0x86, []byte(url)))), 0x81, 1, 0xff)
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: wrap(0x30, append(body, more...))}
}

// Whole, as an edit of a CRL, leaves out the distribution point that an issuing CA's
// list has.
func Whole(l *x509.RevocationList) { l.Extensions = []pkix.Extension{} }

// CRL makes a CRL of an issuer, begun an hour before Now and good for a week. One of an
// issuing CA is the shard of CRLURL, unless an edit says otherwise.
func (p *PKI) CRL(t testing.TB, issuer *Identity, number int64, edits ...func(*x509.RevocationList)) []byte {
	t.Helper()
	list := &x509.RevocationList{
		Number: big.NewInt(number), ThisUpdate: p.Now.Add(-time.Hour), NextUpdate: p.Now.Add(7 * 24 * time.Hour),
	}
	for _, e := range edits {
		e(list)
	}
	isPoint := func(e pkix.Extension) bool { return e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 28}) }
	if issuer.Cert.MaxPathLenZero && len(issuer.Cert.Policies) > 0 && list.Extensions == nil && !slices.ContainsFunc(list.ExtraExtensions, isPoint) {
		list.ExtraExtensions = append(list.ExtraExtensions, Point(CRLURL))
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, issuer.Cert, issuer.Key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// Revocation is an entry of a CRL. Reason 0 leaves the reason out; a zero
// Invalidity leaves the invalidity date out.
type Revocation struct {
	At, Invalidity time.Time
	Reason         int
	Extra          []pkix.Extension
}

// Revoke lists a certificate.
func (r Revocation) Revoke(t testing.TB, c *x509.Certificate) func(*x509.RevocationList) {
	t.Helper()
	e := x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: r.At, ReasonCode: r.Reason, ExtraExtensions: r.Extra}
	if !r.Invalidity.IsZero() {
		value, err := asn1.MarshalWithParams(r.Invalidity, "generalized")
		if err != nil {
			t.Fatal(err)
		}
		e.ExtraExtensions = append(e.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 24}, Value: value})
	}
	return func(list *x509.RevocationList) {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, e)
	}
}

// CeilingOf makes a whole issuing CA's template that may certify these claims.
func (p *PKI) CeilingOf(t testing.TB, name string, claims []ext.Claim) Edit {
	t.Helper()
	policies, err := p.Arc.Policies(claims)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *x509.Certificate) {
		authority("Example " + name + " Tier")(c)
		p.Ceiling(t, 1)(c)
		c.Policies = policies
	}
}
