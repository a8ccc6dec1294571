package conformance

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

func pieceSuites() []suite {
	return []suite{
		{"boringssl-pieces", "boringssl-pki", piecesAbout, 136, pieces},
	}
}

const piecesAbout = `BoringSSL's pieces for a strict parser. Certificate policies and name constraints are put into an issuing CA's certificate, alternative
names into the signer's, and the path is looked for with ` + "`verify.Path`" + `; the signer is otherwise constrained by nothing. Whole
certificates, which nobody's key signed, are read as the verifier reads those in a signature, and asked for their form (` + "`verify.CheckForm`" + `).`

func pieces(t *testing.T, dir string) []row {
	w := newWorkshop(t)
	var rows []row
	for _, file := range files(t, dir, "certificate_policies/*.pem") {
		rows = append(rows, pieceRow(dir, file).judged(w.path(w.authority(extension(blocks(read(t, file), "CERTIFICATE POLICIES"), 2, 5, 29, 32)), nil)))
	}
	for _, file := range files(t, dir, "name_constraints/*.pem") {
		raw := read(t, file)
		if list := blocks(raw, "NAME CONSTRAINTS"); len(list) > 0 {
			e := extension(list, 2, 5, 29, 30)
			e.Critical = true
			rows = append(rows, pieceRow(dir, file).judged(w.path(w.authority(e), nil)))
		}
		if list := blocks(raw, "SUBJECT ALTERNATIVE NAME"); len(list) > 0 {
			e := extension(list, 2, 5, 29, 17)
			rows = append(rows, pieceRow(dir, file).judged(w.path(nil, &e)))
		}
	}
	for _, file := range files(t, dir, "parse_certificate/*.pem") {
		raw := read(t, file)
		for _, der := range blocks(raw, "CERTIFICATE") {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				err = unparsed{err}
			} else {
				err = verify.CheckForm(c)
			}
			r := row{id: below(dir, file), want: wants(len(blocks(raw, "ERRORS")) == 0)}
			rows = append(rows, r.judged(err))
		}
	}
	return rows
}

// pieceRow has the verdict that a file's name gives.
func pieceRow(dir, file string) row {
	name := filepath.Base(file)
	// BoringSSL's tests expect minimum and maximum to be refused, RFC 5280 §4.2.1.10.
	bad := strings.Contains(name, "invalid") || strings.Contains(name, "with_m")
	return row{id: below(dir, file), want: wants(!bad)}
}

func extension(list [][]byte, oid ...int) pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier(oid), Value: list[0]}
}

// workshop makes certificates that test/pki would not: ones that cannot be read.
type workshop struct {
	t   *testing.T
	pki *pki.PKI
}

func newWorkshop(t *testing.T) workshop { return workshop{t, pki.New(t)} }

// authority is the template of an issuing CA with one extension more.
func (w workshop) authority(e pkix.Extension) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "Example Pieces"}, NotBefore: w.pki.Now.AddDate(-1, 0, 0), NotAfter: w.pki.Now.AddDate(1, 0, 0),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign, ExtraExtensions: []pkix.Extension{e},
	}
}

// path makes a CA, or takes the good one, and a signer's certificate below it, with the
// alternative names given, and looks for the path.
func (w workshop) path(authority *x509.Certificate, names *pkix.Extension) error {
	issuer, key := w.pki.High.Cert, w.pki.High.Key
	if authority != nil {
		key = pki.Key(w.t)
		der := w.make(authority, w.pki.Root.Cert, key.Public(), w.pki.Root.Key)
		var err error
		if issuer, err = x509.ParseCertificate(der); err != nil {
			return unparsed{err}
		}
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(8), Subject: pkix.Name{CommonName: "Example Vendor"}, NotBefore: w.pki.Now.Add(-time.Hour), NotAfter: w.pki.Now.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	if names != nil {
		leaf.ExtraExtensions = []pkix.Extension{*names}
	}
	c, err := x509.ParseCertificate(w.make(leaf, issuer, pki.Key(w.t).Public(), key))
	if err != nil {
		return unparsed{err}
	}
	_, err = verify.Path{
		Certificate: c, Intermediates: []*x509.Certificate{issuer}, Roots: []*x509.Certificate{w.pki.Root.Cert}, Usage: x509.ExtKeyUsageAny, At: w.pki.Now,
	}.Find()
	return err
}

func (w workshop) make(template, parent *x509.Certificate, pub, signer any) []byte {
	w.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, signer)
	if err != nil {
		w.t.Fatal(err)
	}
	return der
}
