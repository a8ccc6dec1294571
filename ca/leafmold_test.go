package ca

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"reflect"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// moldFixture is a CA whose lowest tier has a grant of a vendor.
func moldFixture(t testing.TB) (*fixture, *grant) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 2, year)
	var g *grant
	f.view(func(r store.Reader) (err error) { g, err = f.ca.gate(r, "acme", nil, noon); return err })
	return f, g
}

func requested(t testing.TB, pub crypto.PublicKey) requestedKey {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return requestedKey{public: pub, spki: der, sha256: hexSHA256(der)}
}

// TestLeafMoldIsTheTemplate: filling a mold in gives the bytes that the profile's template
// and crypto/x509 give, for every kind of key, list and date.
func TestLeafMoldIsTheTemplate(t *testing.T) {
	_, g := moldFixture(t)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	modulus := new(big.Int).SetBit(big.NewInt(1), 3071, 1)
	if _, err := g.tier.prepareLeaf(requested(t, newKey(t).Public()), g, g.from, g.until); err != nil {
		t.Fatal(err)
	}
	mold := g.tier.profile.molds.find(leafContent{vendorSubject(g.vendor), g.claims, g.repositories})
	if mold == nil {
		t.Fatal("no mold was kept")
	}
	lists := map[string]bool{}
	for _, pub := range []crypto.PublicKey{newKey(t).Public(), p384.Public(), &rsa.PublicKey{N: modulus, E: 65537}} {
		for range 8 {
			for _, until := range []time.Time{g.until, g.from.Add(time.Hour + time.Nanosecond), time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(2050, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600)), time.Date(2051, 2, 3, 4, 5, 6, 7, time.UTC)} {
				template, err := g.tier.profile.fill(pub, g, g.from, until)
				if err != nil {
					t.Fatal(err)
				}
				stand := *g.tier.issuer.cert
				stand.PublicKey = g.tier.issuer.throwaway.Public()
				der, err := x509.CreateCertificate(rand.Reader, template, &stand, pub, g.tier.issuer.throwaway)
				if err != nil {
					t.Fatal(err)
				}
				want, _, _, err := cutCertificate(der)
				if err != nil {
					t.Fatal(err)
				}
				n, err := g.tier.profile.novelty(requested(t, pub).spki, g.from, until)
				if err != nil {
					t.Fatal(err)
				}
				n.serial, n.crl = template.SerialNumber, g.tier.profile.crl(template.SerialNumber)
				lists[n.crl] = true
				if got, err := mold.fill(n); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%T until %s: %v\n%x, the template gives\n%x", pub, until, err, got, want)
				}
			}
		}
	}
	if len(lists) != shardsInTests {
		t.Errorf("%d lists were named, want %d", len(lists), shardsInTests)
	}
}

// TestLeafMoldIsOfOneContent: whatever changes about the vendor or the claims, no mold of
// before is used, and the certificate says what holds now.
func TestLeafMoldIsOfOneContent(t *testing.T) {
	_, g := moldFixture(t)
	key := requested(t, newKey(t).Public())
	issue := func() *x509.Certificate {
		t.Helper()
		leave, err := g.tier.prepareLeaf(key, g, g.from, g.until)
		if err != nil {
			t.Fatal(err)
		}
		return leave.cert
	}
	find := func() *leafMold {
		return g.tier.profile.molds.find(leafContent{vendorSubject(g.vendor), g.claims, g.repositories})
	}
	issue()
	issue()
	for name, change := range map[string]func(){
		"organization": func() { g.vendor.Organization = "Other Ltd" },
		"country":      func() { g.vendor.Country = "DE" },
		"URI":          func() { g.vendor.URI = "https://other.example" },
		"repositories": func() { g.repositories = []string{"https://other.example/v1"} },
		"log index":    func() { g.claims[0].Assessment.LogIndex++ },
		"assessment":   func() { g.claims[0].Assessment.Payload[31] ^= 1 },
		"valid until":  func() { g.claims[0].Assessment.ValidUntil = g.claims[0].Assessment.ValidUntil.Add(time.Second) },
		"properties":   func() { g.claims[0].Properties = []string{"another"} },
		"level":        func() { g.claims[0].Level, g.claims[0].LevelID = 1, "SLSA_LEVEL_1" },
	} {
		before := find()
		if before == nil {
			t.Fatalf("%s: no mold before", name)
		}
		was := before.from.claims[0]
		g.claims = append(g.claims[:0:0], g.claims...) // a grant is made anew for each request
		change()
		if find() != nil {
			t.Errorf("%s: changed, and a mold of before is found", name)
		}
		cert := issue()
		mark, err := g.tier.profile.arc.ReadMark(cert)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(mark.Assurance.Claims, g.claims) || !reflect.DeepEqual(mark.Repository.URLs, g.repositories) ||
			cert.Subject.Organization[0] != g.vendor.Organization || cert.Subject.Country[0] != g.vendor.Country || cert.URIs[0].String() != g.vendor.URI {
			t.Errorf("%s: the certificate says %v, %+v", name, cert.Subject, mark)
		}
		if !reflect.DeepEqual(was, before.from.claims[0]) {
			t.Errorf("%s: a mold in use was changed", name)
		}
	}
}

// TestLeafMoldsAreBounded: vendors without number leave no molds without number.
func TestLeafMoldsAreBounded(t *testing.T) {
	var all leafMolds
	for i := range maxLeafMolds + 10 {
		all.keep(&leafMold{from: leafContent{subject: subject{uri: big.NewInt(int64(i)).String()}}})
	}
	if n := len(all.molds); n != 10 {
		t.Errorf("%d molds", n)
	}
}

// TestLeafNoveltyIsChecked: what was read back from the linted bytes must be what was
// asked for.
func TestLeafNoveltyIsChecked(t *testing.T) {
	_, g := moldFixture(t)
	key := requested(t, newKey(t).Public())
	leave, err := g.tier.prepareLeaf(key, g, g.from, g.until)
	if err != nil {
		t.Fatal(err)
	}
	good := leafNovelty{leave.cert.SerialNumber, leave.cert.NotBefore, leave.cert.NotAfter, key.spki, leave.cert.SubjectKeyId, leave.cert.CRLDistributionPoints[0]}
	if err := good.check(leave.cert); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*leafNovelty){
		"serial": func(n *leafNovelty) { n.serial = new(big.Int).Add(n.serial, big.NewInt(1)) },
		"from":   func(n *leafNovelty) { n.from = n.from.Add(time.Second) },
		"until":  func(n *leafNovelty) { n.until = n.until.Add(time.Second) },
		"key":    func(n *leafNovelty) { n.spki = requested(t, newKey(t).Public()).spki },
		"key id": func(n *leafNovelty) { n.keyID = make([]byte, 20) },
		"list":   func(n *leafNovelty) { n.crl += "x" },
	} {
		n := good
		change(&n)
		if n.check(leave.cert) == nil {
			t.Errorf("%s: another one passes", name)
		}
		mold := g.tier.profile.molds.find(leafContent{vendorSubject(g.vendor), g.claims, g.repositories})
		if _, err := takeLeafMold(leave.tbs, mold.from, n); !errors.Is(err, errMold) {
			t.Errorf("%s: a mold that gives other bytes: %v", name, err)
		}
	}
	for i := range leave.tbs { // whatever is cut short is no mold
		if _, err := takeLeafMold(leave.tbs[:i], leafContent{}, good); err == nil {
			t.Fatalf("a mold of %d bytes", i)
		}
	}
}

// TestSignedIsLinted: a certificate that differs from the linted one in any byte before
// its signature is refused, and so is one whose signature is of another content.
func TestSignedIsLinted(t *testing.T) {
	_, g := moldFixture(t)
	key := requested(t, newKey(t).Public())
	leave, err := g.tier.prepareLeaf(key, g, g.from, g.until)
	if err != nil {
		t.Fatal(err)
	}
	der, err := signTBS(leave.tbs, leave.outer, leave.algorithm, g.tier.issuer.signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := leave.signed(der)
	if err != nil {
		t.Fatal(err)
	}
	read, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(cert, read) {
		t.Error("the certificate is not what its bytes are read as")
	}
	before := len(der) - len(read.Signature) - 3 // tag, length and unused bits of the BIT STRING
	for i := range before {
		bad := bytes.Clone(der)
		bad[i] ^= 1
		if _, err := leave.signed(bad); err == nil {
			t.Fatalf("byte %d of %d changed and accepted", i, before)
		}
	}
	for _, i := range []int{0, 1, before, len(der) - 1} {
		if _, err := leave.signed(der[:i]); err == nil {
			t.Errorf("%d of %d bytes accepted", i, len(der))
		}
	}
	g.tier.issuer.signer = otherContent{g.tier.issuer.signer}
	if _, err := g.tier.issuer.sign(leave); err == nil {
		t.Error("a device that signed something else was believed")
	}
}

// otherContent signs something else than it is asked to.
type otherContent struct{ crypto.Signer }

func (s otherContent) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	other := bytes.Clone(digest)
	other[0] ^= 1
	return s.Signer.Sign(r, other, o)
}

// BenchmarkLeaf is what an issuance pays from grant to leave, no real key: build and lint.
func BenchmarkLeaf(b *testing.B) {
	_, g := moldFixture(b)
	key := requested(b, newKey(b).Public())
	for b.Loop() {
		if _, err := g.tier.prepareLeaf(key, g, g.from, g.until); err != nil {
			b.Fatal(err)
		}
	}
}
