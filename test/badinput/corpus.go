package badinput

import (
	"archive/tar"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/test/corpora"
)

// Sample is one input.
type Sample struct {
	Name string // folder and file, and which block of it
	Raw  []byte
}

// everything is the corpora that fit: each distinct input once.
type everything struct {
	samples []Sample
	seen    map[string]bool
}

func (e *everything) add(name string, raw []byte) {
	if len(raw) == 0 || e.seen[string(raw)] {
		return
	}
	e.seen[string(raw)] = true
	e.samples = append(e.samples, Sample{name, raw})
}

// Gather returns everything in the corpora that fits, each distinct input once, always in
// the same order. The test is skipped where there are no corpora.
func Gather(t testing.TB) []Sample {
	t.Helper()
	e := &everything{seen: map[string]bool{}}
	for _, folder := range []string{"codesigning-lint", "fulcio-certs", "boringssl-pki", "openssl-verify", "pkits", "cms", "rfc3161", "openpgp"} {
		e.folder(t, folder)
	}
	e.limbo(t)
	for _, file := range []string{"ecdsa_secp256r1_sha256_test.json", "ed25519_test.json", "rsa_pss_2048_sha256_mgf1_32_test.json", "rsa_signature_2048_sha256_test.json"} {
		e.wycheproof(t, file)
	}
	for _, file := range []string{"boringssl-parse_certificate", "openssl-asn1parse", "openssl-cms", "openssl-crl", "openssl-x509"} {
		e.archive(t, file)
	}
	if len(e.samples) < 3000 {
		t.Fatalf("only %d samples", len(e.samples))
	}
	return e.samples
}

// folder adds every file as it is, and what its PEM blocks hold.
func (e *everything) folder(t testing.TB, folder string) {
	t.Helper()
	root := corpora.Folder(t, folder)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) == ".json" || strings.HasSuffix(path, "README.md") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name := folder + "/" + filepath.ToSlash(strings.TrimPrefix(path, root+"/"))
		e.add(name, raw)
		for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
			e.add(name+"#"+block.Type, block.Bytes)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (e *everything) limbo(t testing.TB) {
	t.Helper()
	var suite struct {
		Testcases []struct {
			ID                     string
			TrustedCerts           []string `json:"trusted_certs"`
			UntrustedIntermediates []string `json:"untrusted_intermediates"`
			PeerCertificate        string   `json:"peer_certificate"`
			CRLs                   []string `json:"crls"`
		}
	}
	readJSON(t, corpora.Folder(t, "limbo", "limbo-part.json"), &suite)
	for _, c := range suite.Testcases {
		texts := append(append(append(c.TrustedCerts, c.UntrustedIntermediates...), c.CRLs...), c.PeerCertificate)
		for _, text := range texts {
			if block, _ := pem.Decode([]byte(text)); block != nil {
				e.add("limbo/"+c.ID, block.Bytes)
			}
		}
	}
}

// wycheproof adds the keys and the signatures over them.
func (e *everything) wycheproof(t testing.TB, file string) {
	t.Helper()
	var suite struct {
		TestGroups []struct {
			PublicKeyDER string `json:"publicKeyDer"`
			Tests        []struct{ Sig string }
		}
	}
	readJSON(t, corpora.Folder(t, "wycheproof", file), &suite)
	for _, g := range suite.TestGroups {
		key, err := hex.DecodeString(g.PublicKeyDER)
		if err != nil || len(key) == 0 {
			t.Fatal(file, err)
		}
		e.add("wycheproof/"+file+"#key", key)
		for _, c := range g.Tests {
			if sig, err := hex.DecodeString(c.Sig); err == nil {
				e.add("wycheproof/"+file, sig)
			}
		}
	}
}

func (e *everything) archive(t testing.TB, file string) {
	t.Helper()
	f, err := os.Open(corpora.Folder(t, "fuzz", file+".tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		e.add("fuzz/"+file+"/"+h.Name, raw)
	}
}

func readJSON(t testing.TB, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}
