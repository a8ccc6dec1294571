package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

func serial(n *big.Int) pki.Edit { return func(c *x509.Certificate) { c.SerialNumber = n } }

// lifetimes is everything that can be over, not begun or revoked, in every mode.
func lifetimes() []sketch {
	var out []sketch
	for _, mode := range []string{"strict", "available", "warn"} {
		for _, l := range []struct {
			who, what string
			want      verify.Code
			make      func(*maker)
		}{
			{"root", "expired", verify.ChainExpired, func(m *maker) { m.swapRoot(until(m.p.Signed.Add(-time.Minute))) }},
			{"root", "not-yet", verify.ChainExpired, func(m *maker) { m.swapRoot(from(m.p.Signed.Add(time.Minute))) }},
			{"root", "removed", verify.ChainUntrusted, func(m *maker) { m.trust.Roots = []*x509.Certificate{m.q.Root.Cert} }},
			{"tier", "expired", verify.ChainExpired, func(m *maker) { m.swapTier(until(m.p.Signed.Add(-time.Minute))) }},
			{"tier", "not-yet", verify.ChainExpired, func(m *maker) { m.swapTier(from(m.p.Signed.Add(time.Minute))) }},
			{"tier", "revoked", verify.IssuerRevoked, func(m *maker) {
				m.revoke(m.p.Root, m.p.High.Cert, pki.Revocation{At: before, Reason: 5})
			}},
			{"leaf", "expired", verify.ChainExpired, func(m *maker) {
				m.debAt(until(m.p.Signed.Add(-time.Minute)), m.p.Signed.Add(-time.Minute))
			}},
			{"leaf", "not-yet", verify.ChainExpired, func(m *maker) {
				m.debAt(from(m.p.Signed.Add(time.Minute)), m.p.Signed.Add(time.Minute))
			}},
			{"leaf", "revoked", verify.Revoked, func(m *maker) {
				m.revoke(m.p.High, m.p.Leaf.Cert, pki.Revocation{At: before, Reason: 9})
			}},
			{"tsa", "expired", verify.TimestampUntrusted, tsa(until(before))},
			{"tsa", "not-yet", verify.TimestampUntrusted, tsa(from(after))},
			{"tsa", "revoked", verify.TimestampRevoked, func(m *maker) {
				m.revoke(m.p.StampCA, m.p.TSA.Cert, pki.Revocation{At: after, Reason: 1})
			}},
			{"tsa-ca", "expired", verify.TimestampUntrusted, stampCA(until(before))},
			{"tsa-ca", "not-yet", verify.TimestampUntrusted, stampCA(from(after))},
			{"tsa-ca", "revoked", verify.TimestampRevoked, func(m *maker) {
				m.revoke(m.p.Root, m.p.StampCA.Cert, pki.Revocation{At: after, Reason: 2})
			}},
			{"status-signer", "expired", verify.StatusUnusable, func(m *maker) { m.trust.StatusKeys[0].NotAfter = m.p.Signed.Add(-time.Minute) }},
			{"status-signer", "expired-since", verify.StatusUnusable, func(m *maker) { m.trust.StatusKeys[0].NotAfter = m.p.Signed.Add(time.Minute) }},
			{"status-signer", "not-yet", verify.StatusUnusable, func(m *maker) { m.trust.StatusKeys[0].NotBefore = m.p.Signed.Add(time.Minute) }},
			{"status-signer", "removed", verify.StatusUnusable, func(m *maker) { m.trust.StatusKeys = []verify.StatusKey{{Key: m.q.StatusKey.Public()}} }},
		} {
			out = append(out, sketch{"lifetime/" + l.who + "-" + l.what + "-" + mode, []int{4}, wants(l.want),
				"the " + l.who + " is " + l.what + ", policy " + mode, both(under(mode), l.make)})
		}
	}
	return out
}

func until(t time.Time) pki.Edit { return func(c *x509.Certificate) { c.NotAfter = t } }

func from(t time.Time) pki.Edit { return func(c *x509.Certificate) { c.NotBefore = t } }

// debAt signs with an edited leaf, and claims to have signed at a time within its life.
func (m *maker) debAt(edit pki.Edit, claimed time.Time) {
	m.debBy(m.p.NewLeaf(m, m.p.High, m.p.Claims(3), edit), func(c *pki.CMS) {
		c.Replace(pki.OIDSigningTime, pki.DER(m, claimed))
	})
}

// tsa stamps with an edited authority.
func tsa(edit pki.Edit) func(*maker) {
	return token(func(m *maker, value []byte) []byte {
		sum := sha256.Sum256(value)
		return m.handmade(m.p.NewTSA(m, edit), pki.OIDSHA256, sum[:])
	})
}

// stampCA stamps under an edited timestamping CA.
func stampCA(edit pki.Edit) func(*maker) {
	return func(m *maker) {
		old := m.p.StampCA.Cert
		m.p.StampCA = m.p.Issue(m, m.p.Root, certificateAuthority(old.Subject, old.NotBefore, old.NotAfter), func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}
		}, edit)
		m.p.TSA = m.p.NewTSA(m)
		m.status = m.p.Status(m)
		m.deb()
	}
}

func chains() []sketch {
	unfit, untrusted := wants(verify.SignerUnfit), wants(verify.ChainUntrusted)
	return []sketch{
		{"chain/issuer-left-out", []int{1}, untrusted, "the issuing CA is not in the bag", sign(func(_ *maker, c *pki.CMS) { c.Certificates = c.Certificates[:1] })},
		{"chain/another-tier", []int{7}, untrusted, "the trust bundle has another tier alone", func(m *maker) { m.trust.Roots[0] = m.p.Low.Cert }},
		{"chain/leaf-as-issuer", []int{20}, untrusted, "a leaf issued the signer's certificate", func(m *maker) { m.debBy(m.p.NewLeaf(m, m.p.Leaf, m.p.Claims(3))) }},
		{"chain/self-signed", []int{1}, untrusted, "the signer's certificate signed itself", func(m *maker) {
			key := pki.Key(m)
			m.debBy(m.p.NewLeafFor(m, key, nil, m.p.Claims(3)))
		}},
		{"chain/critical-extension", []int{17}, wants(verify.CriticalExtension), "an unknown critical extension in the signer's certificate", leaf(func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}})
		})},
		{"chain/path-length", []int{20}, untrusted, "a CA below a CA that may have none", func(m *maker) {
			sub := m.p.Issue(m, m.p.High, certificateAuthority(pkix.Name{CommonName: "Below"}, m.p.High.Cert.NotBefore, m.p.High.Cert.NotAfter), m.p.Ceiling(m, 4))
			m.debBy(m.p.NewLeaf(m, sub, m.p.Claims(3)))
		}},
		{"chain/not-a-ca", []int{20}, untrusted, "the issuer is no CA", func(m *maker) { m.swapTier(func(c *x509.Certificate) { c.IsCA, c.MaxPathLenZero = false, false }) }},
		{"chain/issuer-no-certsign", []int{20}, untrusted, "the issuer may not sign certificates", func(m *maker) {
			m.swapTier(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })
		}},
		{"chain/issuer-any-usage", []int{1}, wants(verify.IssuerUnfit), "the issuing CA is for any usage", func(m *maker) {
			m.swapTier(func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageAny) })
		}},
		{"chain/issuer-no-usage", []int{1}, wants(verify.IssuerUnfit), "the issuing CA names no usage", func(m *maker) {
			m.swapTier(func(c *x509.Certificate) { c.ExtKeyUsage = nil })
		}},
		{"chain/issuer-servers", []int{1}, wants(verify.IssuerUnfit), "the issuing CA is for servers", func(m *maker) {
			m.swapTier(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
		}},
		{"leaf/ca", []int{17}, unfit, "the signer's certificate is a CA's", leaf(func(c *x509.Certificate) { c.IsCA = true })},
		{"leaf/key-usage", []int{17}, unfit, "its key may sign certificates too", leaf(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign })},
		{"leaf/no-key-usage", []int{17}, unfit, "no key usage", leaf(func(c *x509.Certificate) { c.KeyUsage = 0 })},
		{"leaf/servers", []int{17}, unfit, "for TLS servers", leaf(func(c *x509.Certificate) { c.ExtKeyUsage[0] = x509.ExtKeyUsageServerAuth })},
		{"leaf/timestamps", []int{17}, unfit, "for timestamps too", leaf(func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageTimeStamping) })},
		{"leaf/anything", []int{17}, unfit, "no extended key usage", leaf(func(c *x509.Certificate) { c.ExtKeyUsage = nil })},
		{"leaf/no-vendor", []int{17}, unfit, "no URI", leaf(func(c *x509.Certificate) { c.URIs = nil })},
		{"leaf/two-vendors", []int{3, 17}, unfit, "two URIs", leaf(func(c *x509.Certificate) {
			c.URIs = append(c.URIs, &url.URL{Scheme: "https", Host: "other.example.com"})
		})},
	}
}

// constraints are name constraints on the path, which crypto/x509 enforces; RFC 5280 §4.2.1.10.
func constraints() []sketch {
	constraint := wants(verify.NameConstraint)
	return []sketch{
		{"constraint/excluded-host", []int{20}, constraint, "the tier excludes the vendor's host", func(m *maker) {
			m.swapTier(func(c *x509.Certificate) {
				c.ExcludedURIDomains, c.PermittedDNSDomainsCritical = []string{"vendor.example.com"}, true
			})
		}},
		{"constraint/excluded-domain", []int{20}, constraint, "the tier excludes the vendor's domain", func(m *maker) {
			m.swapTier(func(c *x509.Certificate) {
				c.ExcludedURIDomains, c.PermittedDNSDomainsCritical = []string{".example.com"}, true
			})
		}},
		{"constraint/permitted-other", []int{20}, constraint, "the tier permits another host alone", func(m *maker) {
			m.swapTier(func(c *x509.Certificate) {
				c.PermittedURIDomains, c.PermittedDNSDomainsCritical = []string{"other.example.com"}, true
			})
		}},
		{"constraint/root", []int{20}, constraint, "the root excludes the vendor's host", func(m *maker) {
			m.swapRoot(func(c *x509.Certificate) {
				c.ExcludedURIDomains, c.PermittedDNSDomainsCritical = []string{"vendor.example.com"}, true
			})
		}},
		{"constraint/unknown-form", []int{20}, wants(verify.CriticalExtension), "a critical constraint on a form of name that is not handled", func(m *maker) {
			name := []byte{0x30, 0x0a, 0xa1, 0x08, 0x30, 0x06, 0xa4, 0x04, 0x30, 0x02, 0x31, 0x00}
			m.swapTier(func(c *x509.Certificate) {
				c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 30}, Critical: true, Value: name})
			})
		}},
		{"constraint/permitted-domain", []int{20}, nil, "the tier permits the vendor's domain", func(m *maker) {
			m.swapTier(func(c *x509.Certificate) {
				c.PermittedURIDomains, c.PermittedDNSDomainsCritical = []string{".example.com"}, true
			})
		}},
		{"constraint/not-critical", []int{20}, wants(verify.NameConstraint), "the tier permits the vendor's domain, and readers may ignore it", func(m *maker) {
			m.swapTier(func(c *x509.Certificate) { c.PermittedURIDomains = []string{".example.com"} })
		}},
	}
}

func marks() []sketch {
	claims := func(edit func(m *maker, a *time.Time, b *time.Time)) func(*maker) {
		return func(m *maker) {
			list := m.p.Claims(3)
			edit(m, &list[0].Assessment.AssessedAt, &list[0].Assessment.ValidUntil)
			m.debBy(m.p.NewLeaf(m, m.p.High, list))
		}
	}
	return []sketch{
		{"mark/missing", []int{1}, wants(verify.MarkMissing), "a certificate without a mark", leaf(func(c *x509.Certificate) { c.ExtraExtensions = nil })},
		{"mark/malformed", []int{5}, wants(verify.MarkInvalid), "a byte behind the mark", leaf(func(c *x509.Certificate) {
			c.ExtraExtensions = slices.Clone(c.ExtraExtensions)
			c.ExtraExtensions[0].Value = append(slices.Clone(c.ExtraExtensions[0].Value), 0)
		})},
		{"mark/empty", []int{5, 6}, wants(verify.MarkInvalid), "an empty mark", leaf(func(c *x509.Certificate) {
			c.ExtraExtensions = slices.Clone(c.ExtraExtensions)
			c.ExtraExtensions[0].Value = []byte{0x30, 0}
		})},
		{"mark/policies-lower", []int{7}, wants(verify.MarkInvalid), "certificate policies of a lower level than the mark", leaf(func(c *x509.Certificate) { c.Policies = c.Policies[:2] })},
		{"mark/policies-missing", []int{1}, wants(verify.MarkInvalid), "a mark without certificate policies", leaf(func(c *x509.Certificate) { c.Policies = nil })},
		{"mark/above-the-tier", []int{7}, wants(verify.TierCeiling), "a level above what the tier may certify", func(m *maker) {
			m.debBy(m.p.NewLeaf(m, m.p.Low, m.p.Claims(3)))
		}},
		{"mark/any-policy", []int{20}, wants(verify.TierCeiling), "the tier says anyPolicy", func(m *maker) {
			any, err := x509.OIDFromInts([]uint64{2, 5, 29, 32, 0})
			if err != nil {
				m.Fatal(err)
			}
			m.swapTier(func(c *x509.Certificate) { c.Policies = []x509.OID{any} })
		}},
		{"mark/assessed-later", []int{4}, wants(verify.AssessmentExpired), "assessed after the signature", claims(func(m *maker, from, _ *time.Time) { *from = m.p.Signed.Add(time.Second) })},
		{"mark/assessment-ended", []int{4}, wants(verify.AssessmentExpired), "the assessment ended before the signature", claims(func(m *maker, _, until *time.Time) { *until = m.p.Signed.Add(-time.Second) })},
		{"mark/lower-level-again", []int{7}, wants(verify.RequirementUnmet), "an older certificate of the vendor, of a lower level", func(m *maker) {
			m.debBy(m.p.NewLeaf(m, m.p.High, m.p.Claims(2)), func(c *pki.CMS) { c.Staple = nil })
			m.policy = "available"
		}},
	}
}

// weak is what is too short, too old, or of a kind outside of the profile.
func weak() []sketch {
	curve := func(c elliptic.Curve) func(*maker) {
		return func(m *maker) {
			key, err := ecdsa.GenerateKey(c, rand.Reader)
			if err != nil {
				m.Fatal(err)
			}
			m.debBy(m.p.NewLeafFor(m, key, m.p.High, m.p.Claims(3)))
		}
	}
	return []sketch{
		{"weak/sha1", []int{23}, wants(verify.AlgorithmRefused), "digest algorithm SHA-1", sign(func(_ *maker, c *pki.CMS) {
			c.DigestAlg, c.Announced[0] = pki.OIDSHA1, pki.OIDSHA1
			c.Replace(pki.OIDProtection, pki.Protection(c.DigestAlg, c.SignatureAlg))
		})},
		{"weak/md5", []int{23}, wants(verify.AlgorithmRefused), "digest algorithm MD5", sign(func(_ *maker, c *pki.CMS) {
			c.DigestAlg = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 5}
			c.Announced[0] = c.DigestAlg
			c.Replace(pki.OIDProtection, pki.Protection(c.DigestAlg, c.SignatureAlg))
		})},
		{"weak/announced-another", []int{23}, wants(verify.AlgorithmRefused), "another digest algorithm announced than used", sign(func(_ *maker, c *pki.CMS) { c.Announced[0] = pki.OIDSHA512 })},
		{"weak/two-announced", []int{23}, wants(verify.AlgorithmRefused), "two digest algorithms announced", sign(func(_ *maker, c *pki.CMS) { c.Announced = append(c.Announced, pki.OIDSHA512) })},
		{"weak/hash-differs", []int{23}, wants(verify.AlgorithmRefused), "the signature algorithm has another hash", sign(func(_ *maker, c *pki.CMS) {
			c.SignatureAlg = pki.OIDECDSAWithSHA512
			c.Replace(pki.OIDProtection, pki.Protection(c.DigestAlg, c.SignatureAlg))
		})},
		{"weak/ecdsa-sha1", []int{23}, wants(verify.AlgorithmRefused), "ecdsa-with-SHA1", sign(func(_ *maker, c *pki.CMS) {
			c.SignatureAlg = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}
			c.Replace(pki.OIDProtection, pki.Protection(c.DigestAlg, c.SignatureAlg))
		})},
		{"weak/pss", []int{23}, wants(verify.AlgorithmRefused), "RSASSA-PSS, which is outside of the profile", sign(func(_ *maker, c *pki.CMS) {
			c.SignatureAlg = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
			c.Replace(pki.OIDProtection, pki.Protection(c.DigestAlg, c.SignatureAlg))
		})},
		{"weak/rsa-for-ec", []int{23}, wants(verify.SignatureInvalid), "an RSA algorithm with an EC key", sign(func(_ *maker, c *pki.CMS) {
			c.SignatureAlg = pki.OIDSHA256WithRSA
			c.Replace(pki.OIDProtection, pki.Protection(c.DigestAlg, c.SignatureAlg))
		})},
		{"weak/rsa1024", []int{23}, wants(verify.KeyWeak), "RSA with 1024 bits", func(m *maker) { m.debBy(m.p.NewLeafFor(m, m.rsa[1024], m.p.High, m.p.Claims(3))) }},
		{"weak/rsa2048", []int{23}, wants(verify.KeyWeak), "RSA with 2048 bits, too short for a code signer", func(m *maker) { m.debBy(m.p.NewLeafFor(m, m.rsa[2048], m.p.High, m.p.Claims(3))) }},
		{"weak/p224", []int{23}, wants(verify.KeyWeak), "P-224", curve(elliptic.P224())},
		{"weak/ed25519-ca", []int{23}, wants(verify.KeyWeak), "an issuing CA with an Ed25519 key", func(m *maker) {
			_, key, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				m.Fatal(err)
			}
			old := m.p.High.Cert
			m.p.High = m.p.IssueFor(m, key, m.p.Root, certificateAuthority(old.Subject, old.NotBefore, old.NotAfter), m.p.Ceiling(m, 4))
			m.debBy(m.p.NewLeaf(m, m.p.High, m.p.Claims(3)))
			m.policy = "available"
		}},
		{"weak/rsa1024-ca", []int{23}, wants(verify.KeyWeak), "an issuing CA with an RSA key of 1024 bits", func(m *maker) {
			old := m.p.High.Cert
			m.p.High = m.p.IssueFor(m, m.rsa[1024], m.p.Root, certificateAuthority(old.Subject, old.NotBefore, old.NotAfter), m.p.Ceiling(m, 4))
			m.debBy(m.p.NewLeaf(m, m.p.High, m.p.Claims(3)))
			m.policy = "available"
		}},
		{"weak/rsa1024-tsa", []int{23}, wants(verify.TimestampCertificate), "a timestamp authority with an RSA key of 1024 bits", token(func(m *maker, value []byte) []byte {
			old := m.p.TSA.Cert
			authority := m.p.IssueFor(m, m.rsa[1024], m.p.StampCA, func(c *x509.Certificate) {
				c.Subject, c.NotBefore, c.NotAfter = old.Subject, old.NotBefore, old.NotAfter
				c.BasicConstraintsValid, c.KeyUsage = true, x509.KeyUsageDigitalSignature
				c.ExtraExtensions = []pkix.Extension{pki.TimeStamping(true)}
			})
			return m.p.Stamp(m, authority, value, m.p.Signed)
		})},
		{"weak/root-rsa1024", []int{23}, wants(verify.TrustUnusable), "a root with an RSA key of 1024 bits", func(m *maker) {
			old := m.p.Root.Cert
			weak := m.p.IssueFor(m, m.rsa[1024], nil, certificateAuthority(old.Subject, old.NotBefore, old.NotAfter))
			m.rawTrust = replaceRoot(m, weak.Cert.Raw)
		}},
	}
}

// odd are certificates that parsers have stumbled over.
func odd() []sketch {
	bag := func(edit func(der []byte) []byte) func(*maker) {
		return sign(func(m *maker, c *pki.CMS) {
			c.Certificates = append(c.Certificates, edit(slices.Clone(m.q.Leaf.Cert.Raw)))
		})
	}
	bad := wants(verify.SignatureMalformed)
	replace := func(old, new string) func([]byte) []byte {
		return func(b []byte) []byte { return []byte(strings.Replace(string(b), old, new, 1)) }
	}
	return []sketch{
		{"odd/empty-certificate", []int{17}, bad, "an empty SEQUENCE in the bag", bag(func([]byte) []byte { return []byte{0x30, 0} })},
		{"odd/point-not-on-curve", []int{17}, bad, "an EC point that is not on its curve", bag(func(b []byte) []byte {
			i := strings.Index(string(b), "\x03\x42\x00\x04")
			b[i+10] ^= 1
			return b
		})},
		{"odd/point-at-infinity", []int{17}, bad, "an EC point of another form", bag(replace("\x03\x42\x00\x04", "\x03\x42\x00\x00"))},
		{"odd/unused-bits", []int{17}, bad, "a key with unused bits", bag(replace("\x03\x42\x00\x04", "\x03\x42\x07\x04"))},
		{"odd/bad-date", []int{17}, bad, "a month 13", bag(replace("\x17\x0d260101", "\x17\x0d261301"))},
		{"odd/country-not-printable", []int{17}, bad, "a control character in a PrintableString", bag(replace("\x13\x02CH", "\x13\x02C\x00"))},
		{"odd/invalid-utf8", []int{17}, bad, "a name that is no UTF-8", bag(replace("\x13\x06Vendor", "\x0c\x06Ven\xff\xfer"))},
		{"odd/negative-serial", []int{17}, bad, "a negative serial number", bag(func(b []byte) []byte {
			i := strings.Index(string(b), "\x02\x02\x03")
			b[i+2] = 0x83
			return b
		})},
		{"odd/version-9", []int{17}, bad, "version 9", bag(replace("\xa0\x03\x02\x01\x02", "\xa0\x03\x02\x01\x09"))},
		{"odd/algorithms-differ", []int{17, 23}, bad, "another signature algorithm outside than inside", bag(func(b []byte) []byte {
			i := strings.LastIndex(string(b), "\x2a\x86\x48\xce\x3d\x04\x03\x02")
			b[i+7] = 4
			return b
		})},
		{"odd/duplicate-extension", []int{17}, bad, "an extension twice", sign(func(m *maker, c *pki.CMS) {
			twice := m.q.NewLeaf(m, m.q.High, m.q.Claims(3), func(t *x509.Certificate) {
				t.ExtraExtensions = append(t.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: []byte{5, 0}})
			}).Cert.Raw
			twice = []byte(strings.Replace(string(twice), "\x06\x03\x2a\x03\x04", "\x06\x03\x55\x1d\x0f", 1))
			c.Certificates = append(c.Certificates, twice)
		})},
		{"odd/trailing-data", []int{17}, bad, "a certificate with something behind it", bag(func(b []byte) []byte { return append(b, 0, 0) })},
		{"odd/ed25519-signer", []int{17, 23}, wants(verify.SignatureInvalid), "an Ed25519 key in the signer's certificate", func(m *maker) {
			public, _, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				m.Fatal(err)
			}
			fake := &mixed{m.p.Leaf.Key, public}
			m.debBy(m.p.NewLeafFor(m, fake, m.p.High, m.p.Claims(3)), func(c *pki.CMS) {
				c.SignatureAlg = pki.OIDECDSAWithSHA256
				c.Replace(pki.OIDProtection, pki.Protection(c.DigestAlg, c.SignatureAlg))
			})
		}},
		{"odd/no-subject", []int{17}, nil, "an empty subject is allowed: the vendor is the URI", leaf(func(c *x509.Certificate) { c.Subject = pkix.Name{} })},
		{"odd/relative-vendor", []int{17}, wants(verify.SignerUnfit), "a vendor that is no absolute URI, RFC 5280 §4.2.1.6", leaf(func(c *x509.Certificate) {
			c.URIs = []*url.URL{{Path: "vendor"}}
		})},
	}
}

// mixed signs with one key and shows another.
type mixed struct {
	crypto.Signer
	public crypto.PublicKey
}

func (m *mixed) Public() crypto.PublicKey { return m.public }
