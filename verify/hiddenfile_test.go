package verify_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/test/sample"
	"github.com/hallmark-pki/hallmark/verify"
)

// hidden are files that other programs find in the middle of something: readers of ZIP look
// for the end of one from the end of the file, those of cabinets for a beginning anywhere, and
// programs that bring others along, such as PyInstaller's, for a mark of theirs.
// The first letter of what they look for is wrong.
func hidden(t *testing.T) map[string][]byte {
	t.Helper()
	return map[string][]byte{
		"PK\x05\x06":                   bytes.Replace(sample.Archive([]byte("evil")), []byte("PK\x05\x06"), []byte("QK\x05\x06"), 1),
		"MSCF":                         append([]byte{'Q'}, sample.Cabinet([]byte("evil"))[1:]...),
		"Rar!\x1a\x07":                 []byte("Qar!\x1a\x07\x00"),
		"7z\xbc\xaf\x27\x1c":           []byte("Qz\xbc\xaf\x27\x1c\x00\x04"),
		"MEI\x0c\x0b\x0a\x0b\x0e":      []byte("QEI\x0c\x0b\x0a\x0b\x0e\x00"),
		"\x68\xd6\x99\x1c\x0a\x63\xc2": []byte("Q\xd6\x99\x1c\x0a\x63\xc2"),
	}
}

// hidingPlaces are where a signature has bytes that nobody signed.
func hidingPlaces() map[string]func(t *testing.T, p *pki.PKI, c *pki.CMS, thing []byte) {
	unknown := asn1.ObjectIdentifier{1, 2, 3, 4}
	return map[string]func(t *testing.T, p *pki.PKI, c *pki.CMS, thing []byte){
		"an attribute": func(t *testing.T, _ *pki.PKI, c *pki.CMS, thing []byte) {
			c.Unsigned = append(c.Unsigned, pki.Attribute{OID: unknown, Values: [][]byte{pki.DER(t, thing)}})
		},
		"a certificate": func(t *testing.T, p *pki.PKI, c *pki.CMS, thing []byte) {
			id := p.Issue(t, p.Root, func(c *x509.Certificate) {
				c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: unknown, Value: thing})
			})
			c.Certificates = append(c.Certificates, id.Cert.Raw)
		},
		"a staple": func(t *testing.T, _ *pki.PKI, c *pki.CMS, thing []byte) { c.Staple.VSA = thing },
	}
}

// TestHiddenFiles: what a file's signature has inside without being signed must not make
// another file of it. A package with an archive in there is unpacked, or run by Java, as that
// archive as soon as it is called so.
func TestHiddenFiles(t *testing.T) {
	p := pki.New(t)
	c := config(t, p)
	c.Policy.Attestations = verify.NoAttestations
	v := newVerifier(t, c)
	for kind, content := range map[format.Kind][]byte{
		format.Deb: pki.Deb([]byte("payload")), format.PE: sample.Program([]byte("payload")),
		format.CAB: sample.Cabinet([]byte("payload")), format.MSI: sample.Installer([]byte("payload")),
	} {
		for magic, thing := range hidden(t) {
			for place, hide := range hidingPlaces() {
				t.Run(fmt.Sprintf("%s/%x in %s", kind, magic, place), func(t *testing.T) {
					path := filepath.Join(t.TempDir(), "file")
					if err := os.WriteFile(path, content, 0o600); err != nil {
						t.Fatal(err)
					}
					// Our own client puts no such signature into a file; somebody else would.
					p.SignFile(t, path, func(c *pki.CMS) { hide(t, p, c, thing) })
					raw := readAll(t, path)
					at := bytes.Index(raw, append([]byte{'Q'}, magic[1:]...))
					raw[at] = magic[0]
					if err := os.WriteFile(path, raw, 0o600); err != nil {
						t.Fatal(err)
					}
					if _, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw))); magic[0] == 'P' && err != nil {
						t.Fatal("no archive that can be found", err)
					}
					if got := v.File(context.Background(), path); got.Outcome != verify.NotValid || !got.Has(verify.UnsignedContent) {
						t.Errorf("%v %v", got.Outcome, got.Reasons)
					}
				})
			}
		}
	}
}
