package lint_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ca/lint"
	"github.com/hallmark-pki/hallmark/ext"
)

// The hierarchy under test:
//
//	root ── tier ── leaf, responder
//	     └─ timestamping ── tsa
//	twin (the tier, self-signed)

const (
	publicURL = "http://ca.example.com"
	framework = "https://slsa.dev/spec/v0.1/"
)

var (
	born = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
)

// hierarchy is made once: it is only read.
type hierarchy struct {
	keys      map[lint.Kind]crypto.Signer
	templates map[lint.Kind]x509.Certificate
	issuers   map[lint.Kind]lint.Kind
	certs     map[lint.Kind]*x509.Certificate
}

var build = sync.OnceValues(func() (*hierarchy, error) {
	h := &hierarchy{
		keys: map[lint.Kind]crypto.Signer{}, templates: map[lint.Kind]x509.Certificate{}, certs: map[lint.Kind]*x509.Certificate{},
		issuers: map[lint.Kind]lint.Kind{
			lint.KindRoot: lint.KindRoot, lint.KindTierTwin: lint.KindTierTwin, lint.KindTier: lint.KindRoot,
			lint.KindTimestampingCA: lint.KindRoot, lint.KindLeaf: lint.KindTier, lint.KindResponder: lint.KindTier,
			lint.KindTSA: lint.KindTimestampingCA,
		},
	}
	for _, kind := range []lint.Kind{
		lint.KindRoot, lint.KindTier, lint.KindTierTwin, lint.KindTimestampingCA, lint.KindLeaf, lint.KindTSA, lint.KindResponder,
	} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		h.keys[kind] = key
		if h.templates[kind], err = template(kind, key.Public()); err != nil {
			return nil, err
		}
		der, err := h.sign(kind, h.templates[kind], nil)
		if err != nil {
			return nil, err
		}
		if h.certs[kind], err = x509.ParseCertificate(der); err != nil {
			return nil, err
		}
	}
	return h, nil
})

func made(t testing.TB) *hierarchy {
	t.Helper()
	h, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// sign makes a certificate of a template; pub nil takes the kind's own key.
func (h *hierarchy) sign(kind lint.Kind, c x509.Certificate, pub crypto.PublicKey) ([]byte, error) {
	if pub == nil {
		pub = h.keys[kind].Public()
	}
	parent := &c
	if issuer := h.issuers[kind]; issuer != kind {
		parent = h.certs[issuer]
	}
	return x509.CreateCertificate(rand.Reader, &c, parent, pub, h.keys[h.issuers[kind]])
}

func (h *hierarchy) context(kind lint.Kind) lint.Context {
	ctx := lint.Context{Kind: kind, Arc: ext.DefaultArc(), PublicURL: publicURL}
	if h.issuers[kind] != kind {
		ctx.Issuer = h.certs[h.issuers[kind]]
	}
	return ctx
}

// claim is SLSA of a level, in force for a year.
func claim(level int) ext.Claim {
	return ext.Claim{
		Framework: framework, Track: "slsa", Level: level,
		Assessment: ext.AssessmentRef{
			Payload: [32]byte{1}, Auditor: [32]byte{2}, AssessedAt: noon.AddDate(0, 0, -1), ValidUntil: noon.AddDate(1, 0, 0),
			LogOrigin: "log.example", LogIndex: 1,
		},
	}
}

func markOf(claims ...ext.Claim) ext.Mark {
	return ext.Mark{Assurance: ext.Assurance{Claims: claims}, Repository: ext.AttestationRepository{URLs: []string{"https://attestations.acme.example/v1"}}}
}

func template(kind lint.Kind, pub crypto.PublicKey) (x509.Certificate, error) {
	c := x509.Certificate{
		SerialNumber: new(big.Int).SetBytes([]byte{0x5a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, byte(len(kind))}),
		Subject:      pkix.Name{Country: []string{"NL"}, Organization: []string{"Example Trust Services"}, CommonName: "Example " + string(kind)},
		NotBefore:    noon, NotAfter: noon.AddDate(0, 6, 0), BasicConstraintsValid: true, SubjectKeyId: keyID(pub),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	policies, err := ext.DefaultArc().Policies([]ext.Claim{claim(3)})
	if err != nil {
		return c, err
	}
	addresses := func(issuer string) {
		c.CRLDistributionPoints = []string{publicURL + "/crl/" + issuer + ".crl"}
		c.IssuingCertificateURL = []string{publicURL + "/ca/" + issuer + ".cer"}
	}
	switch kind {
	case lint.KindRoot, lint.KindTier, lint.KindTierTwin, lint.KindTimestampingCA:
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
		c.NotBefore, c.NotAfter = born, born.AddDate(15, 0, 0)
		c.MaxPathLenZero = kind != lint.KindRoot
	}
	switch kind {
	case lint.KindRoot:
		c.AuthorityKeyId, c.MaxPathLen = c.SubjectKeyId, -1
	case lint.KindTierTwin:
		c.AuthorityKeyId, c.ExtKeyUsage, c.Policies = c.SubjectKeyId, []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, policies
	case lint.KindTier:
		addresses("root")
		c.ExtKeyUsage, c.Policies = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, policies
	case lint.KindTimestampingCA:
		addresses("root")
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}
	case lint.KindTSA:
		addresses("timestamping")
		c.NotAfter = noon.AddDate(0, 135, 0)
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: []byte("\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x08")}}
	case lint.KindResponder:
		c.NotAfter = noon.AddDate(0, 0, 30)
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}}}
	case lint.KindLeaf:
		addresses("standard/7")
		c.OCSPServer = []string{publicURL + "/ocsp"}
		c.URIs = []*url.URL{{Scheme: "https", Host: "acme.example"}}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
		if c.Policies, err = ext.DefaultArc().Policies([]ext.Claim{claim(2)}); err != nil {
			return c, err
		}
		c.ExtraExtensions, err = ext.DefaultArc().Extensions(markOf(claim(2)))
	}
	return c, err
}

func keyID(pub crypto.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		panic(err)
	}
	var spki struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &spki); err != nil {
		panic(err)
	}
	sum := sha1.Sum(spki.Key.RightAlign())
	return sum[:]
}

var linters = sync.OnceValues(lint.New)

func newLinter(t testing.TB) *lint.Linter {
	t.Helper()
	l, err := linters()
	if err != nil {
		t.Fatal(err)
	}
	return l
}
