package sign

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
)

// pki is a hierarchy in memory:
//
//	root ── issuing ── leaves
//	  └──── tsa
type pki struct {
	root, issuing, tsa *authority
	serial             int64
}

type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

var (
	testStart = time.Now().UTC().Add(-time.Hour).Truncate(time.Second)
	testEnd   = testStart.Add(100 * 24 * time.Hour)
	rsaOnce   = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 3072) })
)

func newPKI(t testing.TB) *pki {
	t.Helper()
	p := &pki{serial: 100}
	p.root = p.issue(t, nil, newKey(t, elliptic.P256()), &x509.Certificate{
		Subject: pkix.Name{CommonName: "Root", Organization: []string{"Example CA"}}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign})
	p.issuing = p.issue(t, p.root, newKey(t, elliptic.P256()), &x509.Certificate{
		Subject: pkix.Name{CommonName: "Issuing", Organization: []string{"Example CA"}}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign})
	eku, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	must(t, err)
	p.tsa = p.issue(t, p.root, newKey(t, elliptic.P256()), &x509.Certificate{
		Subject: pkix.Name{CommonName: "TSA"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: eku}}})
	return p
}

func (p *pki) leaf(t testing.TB, key crypto.Signer) *authority {
	t.Helper()
	u, err := url.Parse("https://vendor.example.com/")
	must(t, err)
	return p.issue(t, p.issuing, key, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Vendor", Organization: []string{"Vendor Ltd"}, Country: []string{"DE"}}, URIs: []*url.URL{u},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}})
}

func (p *pki) issue(t testing.TB, by *authority, key crypto.Signer, c *x509.Certificate) *authority {
	t.Helper()
	p.serial++
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(p.serial), testStart, testEnd
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return &authority{cert, key}
}

// StampDigest is the timestamp authority.
func (p *pki) StampDigest(_ context.Context, hash crypto.Hash, digest []byte) ([]byte, error) {
	ts := &timestamp.Timestamp{HashAlgorithm: hash, HashedMessage: digest, Time: time.Now(), Policy: asn1.ObjectIdentifier{1, 2, 3}, AddTSACertificate: true}
	resp, err := ts.CreateResponseWithOpts(p.tsa.cert, p.tsa.key, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	token, err := timestamp.ParseResponse(resp)
	if err != nil {
		return nil, err
	}
	return token.RawToken, nil
}

func newKey(t testing.TB, c elliptic.Curve) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	must(t, err)
	return k
}

func rsaKey(t testing.TB) crypto.Signer {
	t.Helper()
	k, err := rsaOnce()
	must(t, err)
	return k
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func writePEM(t testing.TB, path string, certs ...*x509.Certificate) string {
	t.Helper()
	var out []byte
	for _, c := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return writeFile(t, path, out)
}

func writeFile(t testing.TB, path string, data []byte) string {
	t.Helper()
	must(t, os.WriteFile(path, data, 0o600))
	return path
}

// openssl runs the real tool and returns what it printed.
func openssl(t testing.TB, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Env = append(os.Environ(), "OPENSSL_CONF="+os.DevNull)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
