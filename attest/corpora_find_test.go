package attest

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type found struct {
	file string
	raw  json.RawMessage
	cert *x509.Certificate // the certificate that came with it, if one did
}

func findEnvelopes(t *testing.T, dir string) []found {
	t.Helper()
	var all []found
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i, e := range envelopesIn(raw, nil) {
			rel, _ := filepath.Rel(dir, path)
			e.file = fmt.Sprintf("%s#%d", filepath.ToSlash(rel), i)
			all = append(all, e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatalf("no envelope in %s", dir)
	}
	return all
}

func envelopesIn(raw []byte, cert *x509.Certificate) []found {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		var out []found
		for _, e := range list {
			out = append(out, envelopesIn(e, cert)...)
		}
		return out
	}
	var m map[string]json.RawMessage
	if json.Unmarshal(raw, &m) != nil {
		return nil
	}
	if _, ok := m["payloadType"]; ok {
		return []found{{raw: raw, cert: cert}}
	}
	if material, ok := m["verificationMaterial"]; ok {
		cert = bundleCertificate(material)
	}
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	var out []found
	for _, n := range names {
		out = append(out, envelopesIn(m[n], cert)...)
	}
	return out
}

func bundleCertificate(raw []byte) *x509.Certificate {
	type der struct {
		RawBytes []byte `json:"rawBytes"`
	}
	var m struct {
		Certificate          der `json:"certificate"`
		X509CertificateChain struct {
			Certificates []der `json:"certificates"`
		} `json:"x509CertificateChain"`
	}
	if json.Unmarshal(raw, &m) != nil {
		return nil
	}
	if l := m.X509CertificateChain.Certificates; len(l) > 0 {
		m.Certificate = l[0]
	}
	c, err := x509.ParseCertificate(m.Certificate.RawBytes)
	if err != nil {
		return nil
	}
	return c
}

func (f found) keys() []crypto.PublicKey {
	var out []crypto.PublicKey
	if f.cert != nil {
		out = append(out, f.cert.PublicKey)
	}
	var e envelope
	_ = json.Unmarshal(f.raw, &e) // the parser under test judges the form
	for _, s := range e.Signatures {
		text, _ := s["cert"].(string)
		if b, _ := pem.Decode([]byte(text)); b != nil {
			if c, err := x509.ParseCertificate(b.Bytes); err == nil {
				out = append(out, c.PublicKey)
			}
		}
	}
	return out
}

func readKeys(t *testing.T, pattern string) []crypto.PublicKey {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no key at %s: %v", pattern, err)
	}
	var out []crypto.PublicKey
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		k, err := ParsePublicKey(string(raw))
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		out = append(out, k)
	}
	return out
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s differs (run with -update and review):\n%s", file, d)
	}
}

func readJSON(t *testing.T, file string, v any) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
