package keys_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/keys"
)

// Keys are made once: RSA takes its time, and no test changes one.
var (
	rsa3072 = sync.OnceValue(func() crypto.Signer { return mustRSA(3072) })
	rsa2048 = sync.OnceValue(func() crypto.Signer { return mustRSA(2048) })
)

func mustRSA(bits int) crypto.Signer {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return k
}

func newEC(t *testing.T, c elliptic.Curve) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func wantReason(t *testing.T, err error, want keys.Reason, says ...string) {
	t.Helper()
	var e *keys.Error
	if !errors.As(err, &e) || e.Reason != want {
		t.Fatalf("error %v, want reason %s", err, want)
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q does not say %q", err, text)
		}
	}
}

// writePEM writes a private key as PKCS #8 and returns the file's name.
func writePEM(t *testing.T, key crypto.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	writeFile(t, path, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	return path
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func runTool(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func openKey(t *testing.T, uri string, o keys.Options) keys.Key {
	t.Helper()
	k, err := keys.Open(t.Context(), uri, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

// signAndOpen makes an envelope with the key and opens it under the public key that
// the test knows.
func signAndOpen(t *testing.T, k crypto.Signer, public crypto.PublicKey) {
	t.Helper()
	raw, err := attest.Sign(t.Context(), "text/plain", []byte("two ounces"), k)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := attest.OpenPayload(raw, "text/plain", public); err != nil {
		t.Fatal(err)
	}
}

// counting fails the test when something is signed.
type counting struct {
	crypto.Signer
	t *testing.T
}

func (c counting) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	c.t.Error("something was signed")
	return nil, errors.New("no")
}

// verifies is for goroutines, which must not end a test.
func verifies(public crypto.PublicKey, digest, sig []byte) bool {
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(p, digest, sig)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(p, crypto.SHA256, digest, sig) == nil
	}
	return false
}

// sign makes a signature and returns why it could not.
func sign(t *testing.T, k keys.Key) error {
	t.Helper()
	digest := sha256.Sum256([]byte("two ounces"))
	sig, err := k.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err == nil && !verifies(k.Public(), digest[:], sig) {
		t.Fatal("a signature that does not verify")
	}
	return err
}
