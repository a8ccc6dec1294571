package verify_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// archive is a ZIP file, also for whoever finds it in the middle of something: readers look
// for its end from the end of the file, and take what follows for a comment, or for nothing. One letter is
// wrong.
func archive(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	f, err := w.Create("Evil.class")
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write([]byte("not what was signed"))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return bytes.Replace(out.Bytes(), []byte("PK\x05\x06"), []byte("QK\x05\x06"), 1)
}

// hidingPlaces are where a signature has bytes that nobody signed.
func hidingPlaces() map[string]func(t *testing.T, p *pki.PKI, c *pki.CMS) {
	hide := func(oid asn1.ObjectIdentifier) func(t *testing.T, p *pki.PKI, c *pki.CMS) {
		return func(t *testing.T, _ *pki.PKI, c *pki.CMS) {
			c.Unsigned = append(c.Unsigned, pki.Attribute{OID: oid, Values: [][]byte{pki.DER(t, archive(t))}})
		}
	}
	return map[string]func(t *testing.T, p *pki.PKI, c *pki.CMS){
		"an attribute": hide(asn1.ObjectIdentifier{1, 2, 3, 4}),
		"a certificate": func(t *testing.T, p *pki.PKI, c *pki.CMS) {
			id := p.Issue(t, p.Root, func(c *x509.Certificate) {
				c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: archive(t)})
			})
			c.Certificates = append(c.Certificates, id.Cert.Raw)
		},
		"a staple": func(t *testing.T, _ *pki.PKI, c *pki.CMS) { c.Staple.VSA = archive(t) },
	}
}

// TestHiddenArchive: what a file's signature has inside without being signed must not make
// another file of it. A package with an archive in there is unpacked, or run by Java, as that
// archive as soon as it is called so.
func TestHiddenArchive(t *testing.T) {
	p := pki.New(t)
	c := config(t, p)
	c.Policy.Attestations = verify.NoAttestations
	v := newVerifier(t, c)
	sources := unsignedFiles(t)
	delete(sources, format.JAR)
	sources[format.Deb] = pki.Write(t, t.TempDir(), "package.deb", pki.Deb([]byte("payload")), nil)
	for kind, src := range sources {
		for place, hide := range hidingPlaces() {
			t.Run(string(kind)+"/"+place, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "evil.jar")
				if err := os.WriteFile(path, readAll(t, src), 0o600); err != nil {
					t.Fatal(err)
				}
				// Our own client puts no such signature into a file; somebody else would.
				p.SignFile(t, path, func(c *pki.CMS) { hide(t, p, c) })
				raw := bytes.Replace(readAll(t, path), []byte("QK\x05\x06"), []byte("PK\x05\x06"), 1)
				if err := os.WriteFile(path, raw, 0o600); err != nil {
					t.Fatal(err)
				}
				if r, err := zip.OpenReader(path); err != nil || len(r.File) != 1 {
					t.Fatal("no archive that can be found", err)
				}
				if got := v.File(context.Background(), path); got.Outcome != verify.NotValid || !got.Has(verify.UnsignedContent) {
					t.Errorf("%v %v", got.Outcome, got.Reasons)
				}
			})
		}
	}
}
