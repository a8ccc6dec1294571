package verify_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/smallstep/pkcs7"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// streamed gives the CMS library the digest in place of the content.
type streamed [32]byte

func (s streamed) Hash(h crypto.Hash, _ io.Reader) ([]byte, error) {
	if h != crypto.SHA256 {
		return nil, errors.New("not SHA-256")
	}
	return s[:], nil
}

// TestSecondOpinion holds the verifier against a general CMS library: what it takes,
// the library takes; and a signature value that does not verify, neither takes.
func TestSecondOpinion(t *testing.T) {
	p := pki.New(t)
	v := newVerifier(t, config(t, p))
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("content"))
	mangled := func(c *pki.CMS) { c.MangleValue = func(b []byte) []byte { b[len(b)-1] ^= 1; return b } }
	for name, c := range map[string]struct {
		signature []byte
		good      bool
	}{
		"P-256":          {p.Sign(t, digest), true},
		"P-384":          {p.SignAs(t, p.NewLeafFor(t, p384, p.High, p.Claims(3)), digest), true},
		"value changed":  {p.Sign(t, digest, mangled), false},
		"another digest": {p.Sign(t, sha256.Sum256(nil)), false},
	} {
		p7, err := pkcs7.Parse(c.signature)
		if err != nil {
			t.Fatal(name, err)
		}
		p7.Hasher = streamed(digest)
		library := p7.Verify() == nil
		ours := v.Signature(context.Background(), name, digest, c.signature)
		if library != c.good || (ours.Outcome == verify.Valid) != c.good {
			t.Errorf("%s: library %t, ours %v", name, library, ours.Reasons)
		}
	}
}

// TestOpenSSLAgrees: a signature that is valid here is valid for openssl cms too.
func TestOpenSSLAgrees(t *testing.T) {
	p := pki.New(t)
	dir := t.TempDir()
	path := pki.Write(t, dir, "file", []byte("content"), func(d [32]byte) []byte { return p.Sign(t, d) })
	if got := newVerifier(t, config(t, p)).File(context.Background(), path); got.Outcome != verify.Valid {
		t.Fatal(got.Reasons)
	}
	root := filepath.Join(dir, "root.pem")
	if err := os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Root.Cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", path+".p7s", "-content", path,
		"-CAfile", root, "-purpose", "any", "-attime", "1772366400", "-out", os.DevNull).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
