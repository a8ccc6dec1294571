package corpora

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
)

// Envelope is a DSSE envelope somewhere in a file of others: alone, in a bundle, in a
// registry's answer.
type Envelope struct {
	File        string // below the folder, # and which one in the file
	Raw         json.RawMessage
	Certificate *x509.Certificate // that came with it, if one did
}

// Envelopes finds every envelope in the files of a folder, in order; none is a failure.
func Envelopes(t testing.TB, dir string) []Envelope {
	t.Helper()
	var all []Envelope
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
			e.File = fmt.Sprintf("%s#%d", filepath.ToSlash(rel), i)
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

func envelopesIn(raw []byte, cert *x509.Certificate) []Envelope {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		var out []Envelope
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
		return []Envelope{{Raw: raw, Certificate: cert}}
	}
	if material, ok := m["verificationMaterial"]; ok {
		cert = bundleCertificate(material)
	}
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	var out []Envelope
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

// Keys returns the keys that came with an envelope: no statement about whom they belong
// to.
func (e Envelope) Keys() []crypto.PublicKey {
	var out []crypto.PublicKey
	if e.Certificate != nil {
		out = append(out, e.Certificate.PublicKey)
	}
	var form struct {
		Signatures []map[string]any `json:"signatures"`
	}
	_ = json.Unmarshal(e.Raw, &form) // the parser under test judges the form
	for _, s := range form.Signatures {
		text, _ := s["cert"].(string)
		if b, _ := pem.Decode([]byte(text)); b != nil {
			if c, err := x509.ParseCertificate(b.Bytes); err == nil {
				out = append(out, c.PublicKey)
			}
		}
	}
	return out
}
