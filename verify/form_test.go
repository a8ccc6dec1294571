package verify_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

func rawExtension(critical bool, value string, oid ...int) pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier(oid), Critical: critical, Value: []byte(value)}
}

// TestForm takes a good certificate, and breaks one rule of RFC 5280 §4 that crypto/x509
// does not look at.
func TestForm(t *testing.T) {
	p := pki.New(t)
	for _, c := range []struct {
		name, want string
		of         *x509.Certificate
		do         func(c *x509.Certificate)
	}{
		{"good leaf", "", p.Leaf.Cert, func(*x509.Certificate) {}},
		{"good CA", "", p.High.Cert, func(*x509.Certificate) {}},
		{"version 1", "§4.1.2.1", p.Leaf.Cert, func(c *x509.Certificate) { c.Version = 1 }},
		{"serial 0", "§4.1.2.2", p.Leaf.Cert, func(c *x509.Certificate) { c.SerialNumber = new(big.Int) }},
		{"serial negative", "§4.1.2.2", p.Leaf.Cert, func(c *x509.Certificate) { c.SerialNumber = big.NewInt(-1) }},
		{"serial of 21 bytes", "§4.1.2.2", p.Leaf.Cert, func(c *x509.Certificate) { c.SerialNumber = new(big.Int).Lsh(big.NewInt(1), 159) }},
		{"serial of 20 bytes", "", p.Leaf.Cert, func(c *x509.Certificate) { c.SerialNumber = new(big.Int).Lsh(big.NewInt(1), 158) }},
		{"no authority key identifier", "§4.2.1.1", p.Leaf.Cert, func(c *x509.Certificate) { c.AuthorityKeyId = nil }},
		{"no subject key identifier", "§4.2.1.2", p.High.Cert, func(c *x509.Certificate) { c.SubjectKeyId = nil }},
		{"signs certificates and is no CA", "§4.2.1.3", p.Leaf.Cert, func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }},
		{"constraints in a leaf", "§4.2.1.10", p.Leaf.Cert, func(c *x509.Certificate) { c.Extensions = []pkix.Extension{rawExtension(true, "", 2, 5, 29, 30)} }},
		{"names not critical and no subject", "§4.2.1.6", p.Leaf.Cert, func(c *x509.Certificate) {
			c.RawSubject, c.Extensions = []byte{0x30, 0}, []pkix.Extension{rawExtension(false, "", 2, 5, 29, 17)}
		}},
		{"usage for nothing", "§4.2.1.12", p.Leaf.Cert, func(c *x509.Certificate) { c.ExtKeyUsage = nil }},
		{"unknown qualifier", "§4.2.1.4", p.Leaf.Cert, func(c *x509.Certificate) {
			c.Extensions = []pkix.Extension{rawExtension(true, "\x30\x0f\x30\x0d\x06\x02\x2a\x03\x30\x07\x30\x05\x06\x01\x2a\x05\x00", 2, 5, 29, 32)}
		}},
		{"unknown qualifier, not critical", "", p.Leaf.Cert, func(c *x509.Certificate) {
			c.Extensions = []pkix.Extension{rawExtension(false, "\x30\x0f\x30\x0d\x06\x02\x2a\x03\x30\x07\x30\x05\x06\x01\x2a\x05\x00", 2, 5, 29, 32)}
		}},
		{"known qualifier", "", p.Leaf.Cert, func(c *x509.Certificate) {
			c.Extensions = []pkix.Extension{rawExtension(true, "\x30\x17\x30\x15\x06\x02\x2a\x03\x30\x0f\x30\x0d\x06\x08\x2b\x06\x01\x05\x05\x07\x02\x01\x16\x01x", 2, 5, 29, 32)}
		}},
		{"unknown qualifier of anyPolicy", "§4.2.1.4", p.Leaf.Cert, func(c *x509.Certificate) {
			c.Extensions = []pkix.Extension{rawExtension(false, "\x30\x11\x30\x0f\x06\x04\x55\x1d\x20\x00\x30\x07\x30\x05\x06\x01\x2a\x05\x00", 2, 5, 29, 32)}
		}},
		{"policies, and none", "malformed certificate policies", p.Leaf.Cert, func(c *x509.Certificate) {
			c.Extensions = []pkix.Extension{rawExtension(false, "\x30\x00", 2, 5, 29, 32)}
		}},
		{"qualifiers, and none", "malformed certificate policies", p.Leaf.Cert, func(c *x509.Certificate) {
			c.Extensions = []pkix.Extension{rawExtension(false, "\x30\x08\x30\x06\x06\x02\x2a\x03\x30\x00", 2, 5, 29, 32)}
		}},
		{"key usage for nothing", "§4.2.1.3", p.Leaf.Cert, func(c *x509.Certificate) { c.KeyUsage = 0 }},
		{"alternative names, and none", "§4.2.1.6", p.Leaf.Cert, func(c *x509.Certificate) {
			c.Extensions = []pkix.Extension{rawExtension(true, "\x30\x00", 2, 5, 29, 17)}
		}},
		{"a minimum", "§4.2.1.10", p.High.Cert, func(c *x509.Certificate) {
			c.Extensions = []pkix.Extension{rawExtension(true, "\x30\x0a\xa0\x08\x30\x06\x82\x01a\x80\x01\x01", 2, 5, 29, 30)}
		}},
		{"no minimum", "", p.High.Cert, func(c *x509.Certificate) {
			c.Extensions = []pkix.Extension{rawExtension(true, "\x30\x07\xa0\x05\x30\x03\x82\x01a", 2, 5, 29, 30)}
		}},
		{"time without seconds", "§4.1.2.5", p.Leaf.Cert, func(c *x509.Certificate) {
			c.RawTBSCertificate = []byte("\x30\x23\x02\x01\x01\x30\x00\x30\x00\x30\x1c\x17\x0b2601010000Z\x17\x0d270101000000Z")
		}},
		{"time with an offset", "§4.1.2.5", p.Leaf.Cert, func(c *x509.Certificate) {
			c.RawTBSCertificate = []byte("\x30\x29\x02\x01\x01\x30\x00\x30\x00\x30\x22\x17\x11260101000000+0000\x17\x0d270101000000Z")
		}},
		{"a character that is not printable", "§4.1.2.4", p.Leaf.Cert, func(c *x509.Certificate) {
			c.RawSubject = []byte("\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x13\x01&")
		}},
		{"a name cut off", "malformed name", p.Leaf.Cert, func(c *x509.Certificate) { c.RawIssuer = []byte{0x30, 4} }},
		{"policies cut off", "malformed certificate policies", p.Leaf.Cert, func(c *x509.Certificate) {
			c.Extensions = []pkix.Extension{rawExtension(true, "\x30\x02\x30\x04", 2, 5, 29, 32)}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			broken := *c.of
			c.do(&broken)
			err := verify.CheckForm(&broken)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// formNegatives are the same through the whole judgement, where a certificate with the
// defect can be made, and what concerns a path.
func formNegatives() []negative {
	withoutKeyID := func(issuer *pki.Identity) *pki.Identity {
		other := *issuer
		cert := *issuer.Cert
		cert.SubjectKeyId = nil
		other.Cert = &cert
		return &other
	}
	return []negative{
		{name: "no authority key identifier", want: verify.SignerUnfit, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			return p.SignAs(t, p.NewLeaf(t, withoutKeyID(p.High), p.Claims(3)), d)
		}},
		issuer(func(c *x509.Certificate) {
			c.PermittedURIDomains = []string{"vendor.example.com"}
		}).as("name constraints not critical", verify.NameConstraint),
		issuer(func(c *x509.Certificate) {
			c.PermittedEmailAddresses, c.PermittedDNSDomainsCritical = []string{"example.com"}, true
		}).signed(func(c *x509.Certificate) {
			c.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, Value: "a@example.org"}}
		}).as("e-mail address in a constrained subject", verify.NameConstraint),
		issuer(func(c *x509.Certificate) {
			c.PermittedURIDomains, c.PermittedDNSDomainsCritical = []string{"example.com"}, true
		}).as("URI below the host that is permitted", verify.NameConstraint),
		issuer(func(c *x509.Certificate) {
			c.PermittedEmailAddresses, c.PermittedDNSDomainsCritical = []string{"example.com"}, true
		}).signed(func(c *x509.Certificate) {
			c.EmailAddresses = []string{"a@mail.example.com"}
		}).as("e-mail address below the host that is permitted", verify.NameConstraint),
		issuer(func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, rawExtension(true, "\x30\x08\x30\x06\x06\x01\x2a\x06\x01\x2b", 2, 5, 29, 33))
		}).as("tier maps policies", verify.TierCeiling),
		{name: "delta CRL", want: verify.Revoked, config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
			c.Status.CRLs = append(c.Status.CRLs, p.CRL(t, p.High, 9, delta, pki.Revocation{At: before}.Revoke(t, p.Leaf.Cert)))
		}},
		{name: "delta CRL alone", want: verify.Revoked, config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
			c.Status.CRLs = [][]byte{p.CRL(t, p.High, 9, delta, pki.Revocation{At: before}.Revoke(t, p.Leaf.Cert))}
		}},
		{name: "number critical", want: verify.RevocationUnknown, config: onlyCRL(func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{critical(2, 5, 29, 20)}
		})},
	}
}

// signed makes the signer's certificate anew with one thing changed.
func (n negative) signed(edit pki.Edit) negative {
	n.sign = leaf(edit)
	return n
}

func delta(l *x509.RevocationList) {
	l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}}
}

// TestDeltaNeverClears: an older delta, and one that takes a hold back, change nothing.
func TestDeltaNeverClears(t *testing.T) {
	p := pki.New(t)
	digest := sha256.Sum256([]byte("x"))
	removed := pki.Revocation{At: before, Reason: 8}.Revoke(t, p.Leaf.Cert)
	for name, c := range map[string]struct {
		crls [][]byte
		want verify.Code
	}{
		"an older one revokes":     {[][]byte{p.CRL(t, p.High, 9), p.CRL(t, p.High, 8, delta, pki.Revocation{At: before}.Revoke(t, p.Leaf.Cert))}, ""},
		"a newer one takes back":   {[][]byte{p.CRL(t, p.High, 8, pki.Revocation{At: before, Reason: 6}.Revoke(t, p.Leaf.Cert)), p.CRL(t, p.High, 9, delta, removed)}, verify.Revoked},
		"one alone takes back":     {[][]byte{p.CRL(t, p.High, 9, delta, removed)}, verify.RevocationUnknown},
		"one does not list at all": {[][]byte{p.CRL(t, p.High, 9, delta)}, verify.RevocationUnknown},
	} {
		conf := config(t, p)
		conf.Status.CRLs = c.crls
		got := newVerifier(t, conf).Signature(context.Background(), "x", digest, p.Sign(t, digest))
		if c.want == "" && got.Outcome != verify.Valid || c.want != "" && !got.Has(c.want) {
			t.Errorf("%s: %v, want %q", name, got.Reasons, c.want)
		}
	}
}

// TestListForm breaks a CRL where crypto/x509 does not look.
func TestListForm(t *testing.T) {
	p := pki.New(t)
	good := p.CRL(t, p.High, 8, pki.Revocation{At: before}.Revoke(t, p.Leaf.Cert))
	if err := verify.CheckListForm(good); err != nil {
		t.Fatal(err)
	}
	type list struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.RawValue
	}
	change := func(do func(tbs []byte) []byte) []byte {
		var l list
		if _, err := asn1.Unmarshal(good, &l); err != nil {
			t.Fatal(err)
		}
		l.TBS = asn1.RawValue{Tag: 16, IsCompound: true, Bytes: do(bytes.Clone(l.TBS.Bytes))}
		out, err := asn1.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for name, raw := range map[string][]byte{
		"behind the list":       append(bytes.Clone(good), 0),
		"behind the extensions": change(func(tbs []byte) []byte { return append(tbs, 5, 0) }),
		"cut off":               change(func(tbs []byte) []byte { return tbs[:len(tbs)-1] }),
		"nothing":               nil,
	} {
		if verify.CheckListForm(raw) == nil {
			t.Error(name, "passes")
		}
	}
}

// TestPath: what a path by itself refuses before it looks, and that a good one is found.
func TestPath(t *testing.T) {
	p := pki.New(t)
	good := verify.Path{
		Certificate: p.Leaf.Cert, Intermediates: []*x509.Certificate{p.High.Cert}, Roots: []*x509.Certificate{p.Root.Cert},
		Usage: x509.ExtKeyUsageCodeSigning, At: p.Signed, Policies: p.Leaf.Cert.Policies,
	}
	chain, err := good.Find()
	if err != nil || len(chain) != 3 || !chain[2].Equal(p.Root.Cert) {
		t.Fatal(len(chain), err)
	}
	for name, c := range map[string]struct {
		want verify.Code
		do   func(*verify.Path)
	}{
		"too many":        {verify.SignatureTooLarge, func(q *verify.Path) { q.Intermediates = make([]*x509.Certificate, 8) }},
		"too large":       {verify.SignatureTooLarge, func(q *verify.Path) { q.Certificate = &x509.Certificate{Raw: make([]byte, 1<<16)} }},
		"another policy":  {verify.TierCeiling, func(q *verify.Path) { q.Policies = p.High.Cert.Policies }},
		"another purpose": {verify.IssuerUnfit, func(q *verify.Path) { q.Usage = x509.ExtKeyUsageServerAuth }},
		"signer trusted":  {verify.IssuerUnfit, func(q *verify.Path) { q.Roots = []*x509.Certificate{p.Leaf.Cert} }},
		"too late":        {verify.ChainExpired, func(q *verify.Path) { q.At = p.Now.AddDate(10, 0, 0) }},
	} {
		q := good
		c.do(&q)
		_, err := q.Find()
		var r verify.Reason
		if !errors.As(err, &r) || r.Code != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := (verify.Path{}).Find(); err == nil {
		t.Error("a path of nothing")
	}
}
