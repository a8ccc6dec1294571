package ext

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The golden certificates:
//
//	root ─▶ tier (policies of SLSA v0.1 levels 1..3 only) ─▶ leaf       SLSA 3
//	  │                                                   ─▶ leaf-over  SLSA 4, above the tier's ceiling
//	  │                                                   ─▶ leaf-rich  every field, two frameworks
//	  └──▶ tier-arc ─▶ leaf-arc                               SLSA 2 under an operator's arc
const operatorArc = "1.3.6.1.4.1.32473.7" // the PEN for documentation, RFC 5612

var (
	goldenStart = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	goldenNow   = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
)

// hierarchy holds the golden certificates as they are made; marked ones carry a mark.
type hierarchy struct {
	files  []string // in order of making
	certs  map[string]*x509.Certificate
	keys   map[string]*ecdsa.PrivateKey
	marked map[string]Arc
}

// makeHierarchy makes all of them anew. The bytes repeat: fixed keys, fixed times and
// serial numbers, and no randomness in the signature (RFC 6979).
func makeHierarchy(t testing.TB) *hierarchy {
	t.Helper()
	h := &hierarchy{
		certs:  map[string]*x509.Certificate{},
		keys:   map[string]*ecdsa.PrivateKey{"root": readKey(t, "root"), "tier": readKey(t, "tier"), "leaf": readKey(t, "leaf")},
		marked: map[string]Arc{},
	}
	other := must[Arc](t)(ParseArc(operatorArc))
	h.add(t, "root", "root", "root", "root", caTemplate("Example Root", 1))
	h.addTier(t, "tier", DefaultArc(), 3, 2)
	h.addTier(t, "tier-arc", other, 2, 3)
	h.addLeaf(t, "leaf", "tier", DefaultArc(), plainMark(3), 16)
	h.addLeaf(t, "leaf-over", "tier", DefaultArc(), plainMark(4), 17)
	h.addLeaf(t, "leaf-rich", "tier", DefaultArc(), richMark(), 18)
	h.addLeaf(t, "leaf-arc", "tier-arc", other, plainMark(2), 19)
	return h
}

// addTier adds an issuing CA whose own policies are its ceiling on SLSA v0.1.
func (h *hierarchy) addTier(t testing.TB, name string, arc Arc, ceiling int, serial int64) {
	t.Helper()
	template := caTemplate("Example Issuing CA "+name, serial)
	template.Policies = must[[]x509.OID](t)(arc.Policies([]Claim{sampleClaim(ceiling)}))
	template.MaxPathLenZero = true
	h.add(t, name, "tier", "root", "root", template)
}

// addLeaf adds a certificate with a mark.
func (h *hierarchy) addLeaf(t testing.TB, name, issuer string, arc Arc, m Mark, serial int64) {
	t.Helper()
	template := leafTemplate(t, serial)
	template.Policies = must[[]x509.OID](t)(arc.Policies(m.Assurance.Claims))
	template.ExtraExtensions = must[[]pkix.Extension](t)(arc.Extensions(m))
	h.add(t, name, "leaf", issuer, "tier", template)
	h.marked[name] = arc
}

// add signs a template with the issuer's key.
func (h *hierarchy) add(t testing.TB, name, key, issuer, issuerKey string, template *x509.Certificate) {
	t.Helper()
	parent := h.certs[issuer]
	if parent == nil {
		parent = template
	}
	der := must[[]byte](t)(x509.CreateCertificate(nil, template, parent, h.keys[key].Public(), h.keys[issuerKey]))
	h.certs[name] = must[*x509.Certificate](t)(x509.ParseCertificate(der))
	h.files = append(h.files, name)
}

func caTemplate(name string, serial int64) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: goldenSerial(serial), Subject: pkix.Name{CommonName: name, Organization: []string{"TEST ONLY"}},
		NotBefore: goldenStart, NotAfter: goldenStart.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

func leafTemplate(t testing.TB, serial int64) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: goldenSerial(serial),
		Subject:      pkix.Name{CommonName: "Acme Example", Organization: []string{"Acme Example"}, Country: []string{"DE"}},
		NotBefore:    goldenStart, NotAfter: goldenStart.AddDate(0, 0, 200),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		URIs:                  []*url.URL{must[*url.URL](t)(url.Parse("https://acme.example.com/"))},
		CRLDistributionPoints: []string{"http://ca.example.com/crl/tier.crl"},
		OCSPServer:            []string{"http://ca.example.com/ocsp"},
		IssuingCertificateURL: []string{"http://ca.example.com/ca/tier.cer"},
	}
}

// goldenSerial is a fixed 128-bit number.
func goldenSerial(n int64) *big.Int {
	s := new(big.Int).Lsh(big.NewInt(0x5eed), 112)
	return s.Add(s, big.NewInt(n))
}

func readKey(t testing.TB, name string) *ecdsa.PrivateKey {
	t.Helper()
	text := must[[]byte](t)(os.ReadFile("testdata/keys/" + name + ".pem"))
	if !bytes.HasPrefix(text, []byte("TEST ONLY")) {
		t.Fatalf("key %s is not marked", name)
	}
	block, _ := pem.Decode(text)
	key := must[any](t)(x509.ParsePKCS8PrivateKey(block.Bytes)).(*ecdsa.PrivateKey)
	if key.Curve != elliptic.P256() {
		t.Fatalf("key %s is not on P-256", name)
	}
	return key
}

// readCert reads a golden certificate from its file.
func readCert(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	block, rest := pem.Decode(must[[]byte](t)(os.ReadFile("testdata/" + name + ".pem")))
	if block == nil || len(rest) > 0 {
		t.Fatalf("%s.pem is not one PEM block", name)
		return nil // for staticcheck, which does not know that testing.TB ends here
	}
	return must[*x509.Certificate](t)(x509.ParseCertificate(block.Bytes))
}

// goldenFiles returns every generated file of testdata: name and content.
func goldenFiles(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	h := makeHierarchy(t)
	for _, name := range h.files {
		cert := h.certs[name]
		files[name+".pem"] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
		files[name+".txt"] = []byte(dump(t, cert))
		if arc, ok := h.marked[name]; ok {
			files[name+".assurance.der"] = extensionValue(t, cert, arc.Assurance())
			files[name+".attestationRepository.der"] = extensionValue(t, cert, arc.AttestationRepository())
		}
	}
	for name, s := range map[string]Staple{
		"full":     sampleStaple(),
		"vsa":      {VSA: []byte("{}")},
		"receipts": {Receipts: sampleStaple().Receipts},
		"crls":     {CRLs: sampleStaple().CRLs},
	} {
		files[name+".staple.der"] = must[[]byte](t)(s.Marshal())
	}
	return files
}

func TestGoldenFiles(t *testing.T) {
	files := goldenFiles(t)
	if *update {
		for name, content := range files {
			if err := os.WriteFile("testdata/"+name, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, want := range files {
		got, err := os.ReadFile("testdata/" + name)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from what is made today (%v); if that is meant: go test ./ext -update", name, err)
		}
	}
	for _, path := range must[[]string](t)(filepath.Glob("testdata/*.*")) {
		if name := filepath.Base(path); files[name] == nil && name != "README.md" {
			t.Errorf("%s is not made by anything", path)
		}
	}
}

// The generator's certificates repeat only if the standard library's do.
func TestGoldenCertificatesRepeat(t *testing.T) {
	a, b := goldenFiles(t), goldenFiles(t)
	for name := range a {
		sameBytes(t, a[name], b[name])
	}
}

func TestGoldenLeafFollowsTheDesign(t *testing.T) {
	for _, name := range []string{"leaf", "leaf-over", "leaf-rich", "leaf-arc"} {
		cert := readCert(t, name)
		if len(cert.UnhandledCriticalExtensions) > 0 {
			t.Errorf("%s: critical extensions %v", name, cert.UnhandledCriticalExtensions)
		}
		if cert.NotAfter.Sub(cert.NotBefore) > 460*24*time.Hour || cert.IsCA || len(cert.URIs) != 1 {
			t.Errorf("%s: not a code signing leaf", name)
		}
	}
}

// crypto/x509 verifies a marked certificate although it knows nothing of marks.
func TestGoVerifiesGoldenChains(t *testing.T) {
	for leaf, tier := range map[string]string{"leaf": "tier", "leaf-rich": "tier", "leaf-arc": "tier-arc"} {
		roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
		roots.AddCert(readCert(t, "root"))
		intermediates.AddCert(readCert(t, tier))
		_, err := readCert(t, leaf).Verify(x509.VerifyOptions{
			Roots: roots, Intermediates: intermediates, CurrentTime: goldenNow,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		})
		if err != nil {
			t.Errorf("%s: %v", leaf, err)
		}
	}
}
