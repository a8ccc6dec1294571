package verify_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"testing"

	"github.com/hallmark-pki/hallmark/test/corpora"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// FuzzToken: whatever the bytes, a time comes out only of what the authority signed, and
// then it is the time that it gave.
func FuzzToken(f *testing.F) {
	p := pki.New(f)
	value := []byte("a signature value")
	f.Add(p.Stamp(f, p.TSA, value, p.Signed))
	f.Add(p.Stamp(f, p.TSA, []byte("another"), p.Signed))
	f.Add(p.Stamp(f, p.NewTSA(f, func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{pki.TimeStamping(false)} }), value, p.Signed))
	corpora.Seed(f, "fuzz", "openssl-cms.tar.gz")
	roots := []*x509.Certificate{p.Root.Cert}
	f.Fuzz(func(t *testing.T, der []byte) {
		at, err := verify.OpenTimestamp(der, value, roots, p.Now)
		if err == nil && !at.Equal(p.Signed) || err != nil && !at.IsZero() {
			t.Errorf("%s, %v", at, err)
		}
		if signer, _, err := verify.ReadToken(der); err == nil && len(signer.ExtKeyUsage) != 1 {
			t.Error("an authority for more than timestamps")
		}
	})
}

// FuzzDER: a value that is DER is none with a byte more or one less.
func FuzzDER(f *testing.F) {
	p := pki.New(f)
	f.Add(p.Leaf.Cert.Raw)
	f.Add([]byte{0x30, 0x80, 0, 0})
	corpora.Seed(f, "fuzz", "openssl-asn1parse.tar.gz")
	f.Fuzz(func(t *testing.T, der []byte) {
		if verify.CheckDER(der) != nil {
			return
		}
		if verify.CheckDER(append(bytes.Clone(der), 0)) == nil || verify.CheckDER(der[:len(der)-1]) == nil {
			t.Error("a byte makes no difference")
		}
	})
}

// FuzzPath: whatever the bytes, a path leads over a certificate, or from one, only if the
// root's holders signed what stands in it.
func FuzzPath(f *testing.F) {
	p := pki.New(f)
	for _, id := range []*pki.Identity{p.Leaf, p.High, p.Low, p.StampCA, p.TSA} {
		f.Add(id.Cert.Raw)
	}
	f.Add(p.Twin.Raw)
	corpora.Seed(f, "fuzz", "openssl-x509.tar.gz")
	corpora.Seed(f, "fuzz", "boringssl-parse_certificate.tar.gz")
	made := [][]byte{
		p.Leaf.Cert.RawTBSCertificate, p.High.Cert.RawTBSCertificate, p.Low.Cert.RawTBSCertificate,
		p.StampCA.Cert.RawTBSCertificate, p.TSA.Cert.RawTBSCertificate,
	}
	isMade := func(c *x509.Certificate) bool {
		return slices.ContainsFunc(made, func(tbs []byte) bool { return bytes.Equal(tbs, c.RawTBSCertificate) })
	}
	roots, others := []*x509.Certificate{p.Root.Cert}, []*x509.Certificate{p.High.Cert, p.StampCA.Cert}
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		for _, q := range []verify.Path{
			{Certificate: c, Intermediates: others, Roots: roots, Usage: x509.ExtKeyUsageAny, At: p.Now},
			{Certificate: p.Leaf.Cert, Intermediates: []*x509.Certificate{c}, Roots: roots, Usage: x509.ExtKeyUsageAny, At: p.Now},
		} {
			chain, err := q.Find()
			if err != nil {
				continue
			}
			for _, c := range chain[:len(chain)-1] {
				if !isMade(c) {
					t.Errorf("a path over %q", c.Subject)
				}
			}
		}
	})
}

// FuzzCRLStands: only the issuer's own list proves that a certificate stands.
func FuzzCRLStands(f *testing.F) {
	p := pki.New(f)
	good := p.CRL(f, p.High, 8)
	list, err := x509.ParseRevocationList(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(p.CRL(f, p.High, 9, delta))
	f.Add(p.CRL(f, p.High, 9, pki.Revocation{At: before}.Revoke(f, p.Leaf.Cert)))
	corpora.Seed(f, "fuzz", "openssl-crl.tar.gz")
	f.Fuzz(func(t *testing.T, der []byte) {
		err := verify.CRLs{Lists: [][]byte{der}, Now: p.Now}.Check(p.Leaf.Cert, p.High.Cert)
		_, one := verify.CheckCRL(der, p.Leaf.Cert, p.High.Cert, true, p.Now)
		if err != nil && one != nil {
			return
		}
		got, parse := x509.ParseRevocationList(der)
		if err == nil && (parse != nil || !bytes.Equal(got.RawTBSRevocationList, list.RawTBSRevocationList)) {
			t.Error("another list is believed")
		}
		if parse != nil || got.CheckSignatureFrom(p.High.Cert) != nil {
			t.Error("a list that the issuer did not sign is believed")
		}
	})
}
