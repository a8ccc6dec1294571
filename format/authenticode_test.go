package format

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/corpora"
)

// signtool is osslsigncode with a key of its own.
type signtool struct {
	t         *testing.T
	cert, key string
}

func newSigntool(t *testing.T) signtool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Example"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		BasicConstraintsValid: true, IsCA: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s := signtool{t, filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")}
	write(t, s.cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	write(t, s.key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	return s
}

// sign returns a signed copy of a file.
func (s signtool) sign(path string, more ...string) string {
	s.t.Helper()
	out := filepath.Join(s.t.TempDir(), "signed")
	args := []string{"sign", "-certs", s.cert, "-key", s.key, "-h", "sha256", "-in", path, "-out", out}
	run(s.t, "osslsigncode", append(args, more...)...)
	return out
}

// accepts reports whether the tool finds a file's signature good.
func (s signtool) accepts(path string) (bool, string) {
	out, err := exec.Command("osslsigncode", "verify", "-CAfile", s.cert, "-in", path).CombinedOutput()
	return err == nil, string(out)
}

// windowsFiles are other projects' unsigned programs, cabinets and packages.
func windowsFiles(t testing.TB) map[string]Kind {
	t.Helper()
	root := corpora.Folder(t, "authenticode")
	files := map[string]Kind{}
	for name, kind := range map[string]Kind{
		"jsign/wineyes.exe": PE, "osslsigncode/unsigned.exe": PE, "signserver/HelloPE.exe": PE,
		"jsign/mscab/sample1.cab": CAB, "osslsigncode/unsigned.ex_": CAB, "relic/dummy.cab": CAB, "signserver/HelloCab.cab": CAB,
		"jsign/minimal.msi": MSI, "osslsigncode/unsigned.msi": MSI, "relic/dummy.msi": MSI, "signserver/sample.msi": MSI,
	} {
		files[filepath.Join(root, name)] = kind
	}
	return files
}

// TestAuthenticodeAgainstOsslsigncode has the tool sign, finds the same digest, and puts
// the tool's signature into the file once more, which the tool then accepts.
func TestAuthenticodeAgainstOsslsigncode(t *testing.T) {
	tool := newSigntool(t)
	for src, kind := range windowsFiles(t) {
		t.Run(filepath.Base(filepath.Dir(src))+"/"+filepath.Base(src), func(t *testing.T) {
			tool := tool
			tool.t = t
			path := filepath.Join(t.TempDir(), "file")
			write(t, path, string(read(t, src)))
			f, err := Detect(Files(), path)
			if err != nil || f.Kind() != kind || f.Algorithm() != Authenticode {
				t.Fatalf("%v, %v, want %s", f, err, kind)
			}
			digest := digestsOf(t, f, path)
			var dse []string
			if kind == MSI {
				dse = []string{"-add-msi-dse"}
			}
			theirs := tool.sign(path, dse...)
			if got := digestsOf(t, f, theirs); got.Signed != digest.Signed {
				t.Fatalf("unsigned %x, signed %x", digest.Signed, got.Signed)
			}
			a, err := f.Open(theirs)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			sig, err := a.Signature()
			if err != nil || !bytes.Contains(sig, digest.Signed[:]) {
				t.Fatalf("the tool signed another digest: %v", err)
			}
			if _, err := f.Attach(path, sig, Options{Digest: digest.Signed}); err != nil {
				t.Fatal(err)
			}
			if ok, out := tool.accepts(path); !ok || !strings.Contains(out, "Succeeded") {
				t.Errorf("osslsigncode refuses:\n%s", out)
			}
			again := read(t, path)
			if _, err := f.Attach(path, sig, Options{Digest: digest.Signed}); err != nil || !bytes.Equal(read(t, path), again) {
				t.Errorf("the same signature once more: %v", err)
			}
			_, err = f.Attach(path, append(bytes.Clone(sig[:len(sig)-1]), sig[len(sig)-1]^1), Options{Digest: digest.Signed})
			wantReason(t, err, AlreadySigned)
		})
	}
}
