package verify_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/digitorus/timestamp"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// sameSerial is another certificate of the leaf's issuer, serial number and key.
func sameSerial(t *testing.T, p *pki.PKI) *x509.Certificate {
	t.Helper()
	return p.NewLeafFor(t, p.Leaf.Key, p.High, p.Claims(4), func(c *x509.Certificate) {
		c.SerialNumber = p.Leaf.Cert.SerialNumber
	}).Cert
}

// swapLeaf puts a certificate with a higher claim in the place of the signer's.
func swapLeaf(t *testing.T, p *pki.PKI, d [32]byte) []byte {
	t.Helper()
	return p.Sign(t, d, func(c *pki.CMS) { c.Certificates[0] = sameSerial(t, p).Raw })
}

// leaf signs with a leaf that differs in one thing.
func leaf(edit pki.Edit) func(*testing.T, *pki.PKI, [32]byte) []byte {
	return func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
		t.Helper()
		return p.SignAs(t, p.NewLeaf(t, p.High, p.Claims(3), edit), d)
	}
}

// issuer signs under an issuing CA that differs in one thing. The certificate's CRL
// is made with it.
func issuer(edit pki.Edit) negative {
	return negative{config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
		p.High = p.Issue(t, p.Root, func(c *x509.Certificate) {
			c.Subject = p.High.Cert.Subject
			c.BasicConstraintsValid, c.IsCA = true, true
			c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
			c.NotBefore, c.NotAfter = p.High.Cert.NotBefore, p.High.Cert.NotAfter
		}, p.Ceiling(t, 4), edit)
		p.Leaf = p.NewLeaf(t, p.High, p.Claims(3))
		c.Status = p.Status(t)
	}}
}

func (n negative) as(name string, want verify.Code) negative {
	n.name, n.want = name, want
	return n
}

func timestampNegatives() []negative {
	token := func(make func(t *testing.T, p *pki.PKI, value []byte) []byte) func(*testing.T, *pki.PKI, [32]byte) []byte {
		return func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			return p.Sign(t, d, func(c *pki.CMS) {
				c.Token = func(value []byte) []byte { return make(t, p, value) }
			})
		}
	}
	tsa := func(edit pki.Edit) func(*testing.T, *pki.PKI, [32]byte) []byte {
		return token(func(t *testing.T, p *pki.PKI, value []byte) []byte {
			return p.Stamp(t, p.NewTSA(t, edit), value, p.Signed)
		})
	}
	return []negative{
		{name: "none", want: verify.TimestampMissing, sign: edit(func(c *pki.CMS) { c.Token = nil })},
		{name: "two", want: verify.AttributeDuplicate, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			return p.Sign(t, d, func(c *pki.CMS) {
				token := p.Stamp(t, p.TSA, []byte("x"), p.Signed)
				c.Token, c.Unsigned = nil, []pki.Attribute{{OID: pki.OIDToken, Values: [][]byte{token, token}}}
			})
		}},
		{name: "two attributes", want: verify.AttributeDuplicate, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			return p.Sign(t, d, func(c *pki.CMS) {
				c.Unsigned = []pki.Attribute{{OID: pki.OIDToken, Values: [][]byte{p.Stamp(t, p.TSA, []byte("x"), p.Signed)}}}
			})
		}},
		{name: "not a token", want: verify.TimestampMalformed, sign: token(func(*testing.T, *pki.PKI, []byte) []byte { return []byte{0x30, 0} })},
		{name: "a bad one where none is demanded", want: verify.TimestampMalformed,
			sign:   token(func(*testing.T, *pki.PKI, []byte) []byte { return []byte{0x30, 0} }),
			config: func(_ *testing.T, _ *pki.PKI, c *verify.Config) { c.Policy.Timestamp = verify.IfAvailable }},
		{name: "a file's signature", want: verify.TimestampMalformed, sign: token(func(t *testing.T, p *pki.PKI, _ []byte) []byte {
			return p.Sign(t, [32]byte{}, func(c *pki.CMS) { c.Token, c.Staple = nil, nil })
		})},
		{name: "token's value changed", want: verify.TimestampMalformed, sign: token(func(t *testing.T, p *pki.PKI, value []byte) []byte {
			b := p.Stamp(t, p.TSA, value, p.Signed)
			b[len(b)-1] ^= 1
			return b
		})},
		{name: "token's time changed", want: verify.TimestampMalformed, sign: token(func(t *testing.T, p *pki.PKI, value []byte) []byte {
			return bytes.Replace(p.Stamp(t, p.TSA, value, p.Signed), []byte("20260301110000Z"), []byte("20260201110000Z"), 1)
		})},
		{name: "no certificate", want: verify.TimestampMalformed, sign: token(func(t *testing.T, p *pki.PKI, value []byte) []byte {
			return p.Stamp(t, p.TSA, value, p.Signed, func(ts *timestamp.Timestamp) { ts.AddTSACertificate, ts.Certificates = false, nil })
		})},
		{name: "unknown critical extension", want: verify.TimestampMalformed, sign: token(func(t *testing.T, p *pki.PKI, value []byte) []byte {
			return p.Stamp(t, p.TSA, value, p.Signed, func(ts *timestamp.Timestamp) {
				ts.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
			})
		})},
		{name: "another signature's", want: verify.TimestampMismatch, sign: token(func(t *testing.T, p *pki.PKI, _ []byte) []byte {
			return p.Stamp(t, p.TSA, []byte("another"), p.Signed)
		})},
		{name: "another PKI's", want: verify.TimestampUntrusted, sign: token(func(t *testing.T, p *pki.PKI, value []byte) []byte {
			return p.Stamp(t, pki.New(t).TSA, value, p.Signed)
		})},
		{name: "authority not valid yet", want: verify.TimestampUntrusted, sign: tsa(func(c *x509.Certificate) {
			c.NotBefore = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
		})},
		{name: "no timestamp roots", want: verify.TimestampUntrusted, config: func(_ *testing.T, _ *pki.PKI, c *verify.Config) {
			c.Trust.TimestampRoots = nil
		}},
		{name: "key usage not critical", want: verify.TimestampCertificate, sign: tsa(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{pki.TimeStamping(false)}
		})},
		{name: "signs code too", want: verify.TimestampCertificate, sign: tsa(func(c *x509.Certificate) {
			c.ExtraExtensions = nil
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping, x509.ExtKeyUsageCodeSigning}
		})},
		{name: "the vendor dates its own signature", want: verify.TimestampCertificate, sign: token(func(t *testing.T, p *pki.PKI, value []byte) []byte {
			long := p.NewLeaf(t, p.High, p.Claims(3), func(c *x509.Certificate) { c.NotAfter = c.NotBefore.AddDate(10, 0, 0) })
			return p.Stamp(t, long, value, p.Signed)
		})},
		{name: "of tomorrow", want: verify.ClockBehind, sign: token(func(t *testing.T, p *pki.PKI, value []byte) []byte {
			return p.Stamp(t, p.TSA, value, p.Now.AddDate(0, 0, 1))
		})},
	}
}

func chainNegatives() []negative {
	return []negative{
		{name: "another CA with the same extension", want: verify.ChainUntrusted, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			other := pki.New(t)
			return p.SignAs(t, other.Leaf, d)
		}},
		{name: "issuing CA left out", want: verify.ChainUntrusted, sign: edit(func(c *pki.CMS) { c.Certificates = c.Certificates[:1] })},
		{name: "root of another tier", want: verify.ChainUntrusted, config: func(_ *testing.T, p *pki.PKI, c *verify.Config) {
			c.Trust.Roots = []*x509.Certificate{p.Low.Cert}
		}},
		{name: "a leaf signs a leaf", want: verify.ChainUntrusted, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			return p.SignAs(t, p.NewLeaf(t, p.Leaf, p.Claims(3)), d)
		}},
		{name: "unknown critical extension", want: verify.CriticalExtension, sign: leaf(func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}})
		})},
		{name: "signed after the certificate's end", want: verify.ChainExpired, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			old := p.NewLeaf(t, p.High, p.Claims(3), func(c *x509.Certificate) { c.NotAfter = p.Signed.Add(-time.Minute) })
			return p.SignAs(t, old, d, func(c *pki.CMS) { c.Replace(pki.OIDSigningTime, pki.DER(t, old.Cert.NotAfter)) })
		}},
		issuer(func(c *x509.Certificate) { c.NotAfter = c.NotBefore.AddDate(6, 1, 0) }).as("issuing CA expired", verify.ChainExpired),
		issuer(func(c *x509.Certificate) { c.NotBefore = time.Date(2026, 3, 1, 11, 30, 0, 0, time.UTC) }).as("issuing CA not valid yet", verify.ChainExpired),
		{name: "no timestamp and expired", want: verify.ChainExpired, sign: edit(func(c *pki.CMS) { c.Token = nil }),
			config: func(_ *testing.T, p *pki.PKI, c *verify.Config) {
				c.Policy.Timestamp, c.Policy.Revocation = verify.IfAvailable, verify.Off
				c.Now = clock(p.Leaf.Cert.NotAfter.Add(time.Second))
			}},
		issuer(func(c *x509.Certificate) { c.ExtKeyUsage = nil }).as("issuing CA for anything", verify.IssuerUnfit),
		issuer(func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageAny) }).as("issuing CA for any usage", verify.IssuerUnfit),
		issuer(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }).as("issuing CA for servers", verify.IssuerUnfit),
		{name: "CA certificate", want: verify.SignerUnfit, sign: leaf(func(c *x509.Certificate) { c.IsCA = true })},
		{name: "key usage", want: verify.SignerUnfit, sign: leaf(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign })},
		{name: "no key usage", want: verify.SignerUnfit, sign: leaf(func(c *x509.Certificate) { c.KeyUsage = 0 })},
		{name: "for servers", want: verify.SignerUnfit, sign: leaf(func(c *x509.Certificate) { c.ExtKeyUsage[0] = x509.ExtKeyUsageServerAuth })},
		{name: "for timestamps too", want: verify.SignerUnfit, sign: leaf(func(c *x509.Certificate) {
			c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageTimeStamping)
		})},
		{name: "for anything", want: verify.SignerUnfit, sign: leaf(func(c *x509.Certificate) { c.ExtKeyUsage = nil })},
		{name: "no vendor", want: verify.SignerUnfit, sign: leaf(func(c *x509.Certificate) { c.URIs = nil })},
		{name: "two vendors", want: verify.SignerUnfit, sign: leaf(func(c *x509.Certificate) {
			c.URIs = append(c.URIs, &url.URL{Scheme: "https", Host: "other.example.com"})
		})},
		{name: "RSA 2048", want: verify.KeyWeak, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				t.Fatal(err)
			}
			return p.SignAs(t, p.NewLeafFor(t, key, p.High, p.Claims(3)), d)
		}},
		{name: "P-224", want: verify.KeyWeak, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			key, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			return p.SignAs(t, p.NewLeafFor(t, key, p.High, p.Claims(3)), d)
		}},
	}
}

func markNegatives() []negative {
	return []negative{
		{name: "no mark", want: verify.MarkMissing, sign: leaf(func(c *x509.Certificate) { c.ExtraExtensions = nil })},
		{name: "another arc", want: verify.MarkMissing, config: func(t *testing.T, _ *pki.PKI, c *verify.Config) {
			arc, err := ext.ParseArc("1.3.6.1.4.1.32473.7")
			if err != nil {
				t.Fatal(err)
			}
			c.Trust.Arc, c.Policy.Attestations = arc, verify.NoAttestations
		}},
		{name: "malformed", want: verify.MarkInvalid, sign: leaf(func(c *x509.Certificate) {
			c.ExtraExtensions = slices.Clone(c.ExtraExtensions)
			c.ExtraExtensions[0].Value = append(slices.Clone(c.ExtraExtensions[0].Value), 0)
		})},
		{name: "policies of a lower level", want: verify.MarkInvalid, sign: leaf(func(c *x509.Certificate) { c.Policies = c.Policies[:2] })},
		{name: "above the tier", want: verify.TierCeiling, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			return p.SignAs(t, p.NewLeaf(t, p.Low, p.Claims(3)), d)
		}},
		issuer(func(c *x509.Certificate) {
			anyPolicy, err := x509.OIDFromInts([]uint64{2, 5, 29, 32, 0})
			if err != nil {
				panic(err) // a constant
			}
			c.Policies = []x509.OID{anyPolicy}
		}).as("tier says anyPolicy", verify.TierCeiling),
		{name: "assessed later", want: verify.AssessmentExpired, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			claims := p.Claims(3)
			claims[0].Assessment.AssessedAt = p.Signed.Add(time.Second)
			return p.SignAs(t, p.NewLeaf(t, p.High, claims), d)
		}},
		{name: "assessment ended", want: verify.AssessmentExpired, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			claims := p.Claims(3)
			claims[0].Assessment.ValidUntil = p.Signed.Add(-time.Second)
			return p.SignAs(t, p.NewLeaf(t, p.High, claims), d)
		}},
		{name: "assessment ended at that very moment", want: verify.AssessmentExpired, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			claims := p.Claims(3)
			claims[0].Assessment.ValidUntil = p.Signed
			return p.SignAs(t, p.NewLeaf(t, p.High, claims), d)
		}},
		{name: "level", want: verify.RequirementUnmet, config: require(verify.Requirement{Framework: pki.SLSA, Track: pki.Track, Level: 4})},
		{name: "track", want: verify.RequirementUnmet, config: require(verify.Requirement{Framework: pki.SLSA, Track: "build", Level: 1})},
		{name: "framework", want: verify.RequirementUnmet, config: require(verify.Requirement{Framework: "https://slsa.dev/spec/v0.1", Track: pki.Track, Level: 1})},
		{name: "one of two", want: verify.RequirementUnmet, config: require(
			verify.Requirement{Framework: pki.SLSA, Track: pki.Track, Level: 1},
			verify.Requirement{Framework: "https://slsa.dev/spec/v1.2/", Track: "build", Level: 1})},
	}
}

func require(all ...verify.Requirement) func(*testing.T, *pki.PKI, *verify.Config) {
	return func(_ *testing.T, _ *pki.PKI, c *verify.Config) { c.Policy.Require = [][]verify.Requirement{all} }
}

// TestTwin: a machine that trusts one tier's twin takes that tier and no other.
func TestTwin(t *testing.T) {
	p := pki.New(t)
	c := config(t, p)
	c.Trust.Roots = []*x509.Certificate{p.Twin}
	v := newVerifier(t, c)
	if got := v.File(context.Background(), pki.Write(t, t.TempDir(), "a", []byte("x"), func(d [32]byte) []byte { return p.Sign(t, d) })); got.Outcome != verify.Valid {
		t.Errorf("high tier: %v", got.Reasons)
	}
	low := p.NewLeaf(t, p.Low, p.Claims(2))
	got := v.File(context.Background(), pki.Write(t, t.TempDir(), "b", []byte("x"), func(d [32]byte) []byte { return p.SignAs(t, low, d) }))
	if !got.Has(verify.ChainUntrusted) {
		t.Errorf("low tier: %v", got.Reasons)
	}
}

// TestRSALeaf: RSA-3072 is in the profile, as sha256WithRSAEncryption here and as
// rsaEncryption in the test of package test/pki.
func TestRSALeaf(t *testing.T) {
	p := pki.New(t)
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	signer := p.NewLeafFor(t, key, p.High, p.Claims(3))
	v := newVerifier(t, config(t, p))
	path := pki.Write(t, t.TempDir(), "a", []byte("x"), func(d [32]byte) []byte { return p.SignAs(t, signer, d) })
	if got := v.File(context.Background(), path); got.Outcome != verify.Valid {
		t.Error(got.Reasons)
	}
}
