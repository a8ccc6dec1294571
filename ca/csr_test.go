package ca

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net/url"
	"testing"
	"time"
)

func newCSR(t testing.TB, key crypto.Signer, template x509.CertificateRequest) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0") // Go itself will not make weak keys
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pemCSR(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func TestCheckCSRAccepts(t *testing.T) {
	for name, key := range map[string]crypto.Signer{
		"P-256": ecKey(t, elliptic.P256()), "P-384": ecKey(t, elliptic.P384()), "RSA-3072": rsaKey(t, 3072),
	} {
		der := newCSR(t, key, x509.CertificateRequest{Subject: pkix.Name{CommonName: "anything"}})
		for form, raw := range map[string][]byte{"DER": der, "PEM": pemCSR(der), "PEM with text before": append([]byte("Subject: x\n"), pemCSR(der)...)} {
			pub, err := CheckCSR(raw)
			if err != nil || !samePublicKey(pub, key.Public()) {
				t.Errorf("%s %s: %v", name, form, err)
			}
		}
	}
}

func TestCheckCSRRefuses(t *testing.T) {
	good := newCSR(t, newKey(t), x509.CertificateRequest{})
	broken := bytes.Clone(good)
	broken[len(broken)-1] ^= 1
	other := newCSR(t, newKey(t), x509.CertificateRequest{})
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: good}) }
	for _, c := range []struct {
		name string
		raw  []byte
		want Code
	}{
		{"empty", nil, CodeCSRMalformed},
		{"garbage", []byte("garbage"), CodeCSRMalformed},
		{"NULs", make([]byte, 100), CodeCSRMalformed},
		{"one MB", bytes.Repeat([]byte{0x30}, 1<<20), CodeCSRTooLarge},
		{"one byte too large", make([]byte, maxCSRBytes+1), CodeCSRTooLarge},
		{"truncated", good[:len(good)/2], CodeCSRMalformed},
		{"trailing bytes", append(bytes.Clone(good), 0), CodeCSRMalformed},
		{"two PEM blocks", append(pemCSR(good), pemCSR(other)...), CodeCSRMalformed},
		{"a certificate", block("CERTIFICATE"), CodeCSRMalformed},
		{"a private key", block("PRIVATE KEY"), CodeCSRMalformed},
		{"broken PEM", []byte("-----BEGIN CERTIFICATE REQUEST-----\n!!!\n-----END CERTIFICATE REQUEST-----\n"), CodeCSRMalformed},
		{"bad self-signature", broken, CodeCSRSignature},
		{"another key's signature", swapSignature(t, good, other), CodeCSRSignature},
		{"SHA-1", newCSR(t, rsaKey(t, 3072), x509.CertificateRequest{SignatureAlgorithm: x509.SHA1WithRSA}), CodeCSRSignature},
		{"RSA-1024", newCSR(t, rsaKey(t, 1024), x509.CertificateRequest{}), CodeKeySize},
		{"RSA-2048", newCSR(t, rsaKey(t, 2048), x509.CertificateRequest{}), CodeKeySize},
		{"P-224", newCSR(t, ecKey(t, elliptic.P224()), x509.CertificateRequest{}), CodeKeyCurve},
		{"P-521", newCSR(t, ecKey(t, elliptic.P521()), x509.CertificateRequest{}), CodeKeyCurve},
		{"Ed25519", newCSR(t, ed, x509.CertificateRequest{}), CodeKeyAlgorithm},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := CheckCSR(c.raw)
			wantRefusal(t, err, c.want)
		})
	}
}

// swapSignature puts the signature of another request under this one's content.
func swapSignature(t *testing.T, der, other []byte) []byte {
	t.Helper()
	type csr struct {
		TBS, Alg asn1.RawValue
		Sig      asn1.BitString
	}
	var a, b csr
	if _, err := asn1.Unmarshal(der, &a); err != nil {
		t.Fatal(err)
	}
	if _, err := asn1.Unmarshal(other, &b); err != nil {
		t.Fatal(err)
	}
	a.Sig = b.Sig
	out, err := asn1.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCheckKeyRefuses(t *testing.T) {
	n := new(big.Int).Lsh(big.NewInt(1), 3071)
	n.SetBit(n, 0, 1)
	for _, c := range []struct {
		name string
		key  crypto.PublicKey
		want Code
	}{
		{"none", nil, CodeBadRequest},
		{"nil ECDSA", (*ecdsa.PublicKey)(nil), CodeBadRequest},
		{"nil RSA", (*rsa.PublicKey)(nil), CodeBadRequest},
		{"no modulus", &rsa.PublicKey{E: 65537}, CodeBadRequest},
		{"exponent 3", &rsa.PublicKey{N: n, E: 3}, CodeKeyExponent},
		{"exponent 65536", &rsa.PublicKey{N: n, E: 65538}, CodeKeyExponent},
		{"even modulus", &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 3071), E: 65537}, CodeCSRMalformed},
		{"16384 bits", &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 16383), E: 65537}, CodeKeySize},
		{"a string", "key", CodeKeyAlgorithm},
	} {
		t.Run(c.name, func(t *testing.T) { wantRefusal(t, CheckKey(c.key), c.want) })
	}
}

// greedy asks for everything a request should not get.
func greedy(t testing.TB, f *fixture, key crypto.Signer) []byte {
	t.Helper()
	basic, err := asn1.Marshal(struct{ CA bool }{true})
	if err != nil {
		t.Fatal(err)
	}
	beta, err := url.Parse("https://beta.example")
	if err != nil {
		t.Fatal(err)
	}
	policy, err := f.ca.arc.Policy("https://slsa.dev/spec/v0.1/", "slsa", 4)
	if err != nil {
		t.Fatal(err)
	}
	id, err := asn1.Marshal([]struct{ ID asn1.ObjectIdentifier }{{parseOID(t, policy.String())}})
	if err != nil {
		t.Fatal(err)
	}
	return newCSR(t, key, x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "Beta GmbH", Organization: []string{"Beta GmbH"}}, URIs: []*url.URL{beta}, DNSNames: []string{"beta.example"},
		ExtraExtensions: []pkix.Extension{
			{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: basic},
			{Id: asn1.ObjectIdentifier{2, 5, 29, 32}, Value: id},
			{Id: f.ca.arc.Assurance(), Value: []byte{0x30, 0x00}},
		},
	})
}

func parseOID(t testing.TB, s string) asn1.ObjectIdentifier {
	t.Helper()
	oid, err := x509.ParseOID(s)
	if err != nil {
		t.Fatal(err)
	}
	var out asn1.ObjectIdentifier
	der, err := oid.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := asn1.Unmarshal(append([]byte{asn1.TagOID, byte(len(der))}, der...), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRequestedExtensionsAreDropped(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 2, year)
	pub, err := CheckCSR(greedy(t, f, newKey(t)))
	if err != nil {
		t.Fatal(err)
	}
	issued, err := f.ca.Issue(t.Context(), Request{Vendor: "acme", PublicKey: pub})
	if err != nil {
		t.Fatal(err)
	}
	wantPlain(t, f, issued.Certificate, 2)
}

// wantPlain fails unless a certificate is Acme's, claims this level, and nothing else.
func wantPlain(t testing.TB, f *fixture, c *x509.Certificate, level int) {
	t.Helper()
	mark, err := f.ca.arc.ReadMark(c)
	if err != nil {
		t.Fatal(err)
	}
	if len(mark.Assurance.Claims) != 1 || mark.Assurance.Claims[0].Level != level || len(c.Policies) != level {
		t.Errorf("claims %+v, policies %v", mark.Assurance.Claims, c.Policies)
	}
	if c.IsCA || len(c.DNSNames) != 0 || len(c.URIs) != 1 || c.URIs[0].String() != "https://acme.example" || c.Subject.CommonName != "Acme Ltd" {
		t.Errorf("CA %v, names %v %v, subject %v", c.IsCA, c.DNSNames, c.URIs, c.Subject)
	}
	if c.KeyUsage != x509.KeyUsageDigitalSignature || !isCodeSigning(c) || c.NotAfter.Sub(c.NotBefore) > 460*24*time.Hour {
		t.Errorf("usage %v %v, from %s until %s", c.KeyUsage, c.ExtKeyUsage, c.NotBefore, c.NotAfter)
	}
}

// FuzzCheckCSR: whatever comes in, either a refusal with a reason and no key, or a
// key that may stand in a certificate.
func FuzzCheckCSR(f *testing.F) {
	other := cofactor()
	seeds := [][]byte{
		newCSR(f, ecKey(f, elliptic.P256()), x509.CertificateRequest{DNSNames: []string{"a.example"}}),
		newCSR(f, ecKey(f, elliptic.P224()), x509.CertificateRequest{}),
		newCSR(f, ecKey(f, elliptic.P384()), x509.CertificateRequest{Subject: pkix.Name{CommonName: "x"}}),
		newCSR(f, signerOf(f, big.NewInt(757), other), x509.CertificateRequest{}),
		newCSR(f, signerOf(f, big.NewInt(751), other), x509.CertificateRequest{}),
	}
	for _, s := range seeds {
		f.Add(s)
		f.Add(pemCSR(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		pub, err := CheckCSR(raw)
		if err != nil {
			if r := IsRefusal(err); r == nil || r.Code == "" || r.Detail == "" || pub != nil {
				t.Fatalf("refused without a reason, or with a key: %v", err)
			}
			return
		}
		if err := CheckKey(pub); err != nil {
			t.Fatalf("accepted a key that is not acceptable: %v", err)
		}
		if len(raw) > maxCSRBytes {
			t.Fatal("accepted more than the bound")
		}
	})
}
