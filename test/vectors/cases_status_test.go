package main

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"

	"github.com/digitorus/timestamp"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

func timestamps() []sketch {
	malformed, unfit := wants(verify.TimestampMalformed), wants(verify.TimestampCertificate)
	stamp := func(edit func(*timestamp.Timestamp)) func(*maker) {
		return token(func(m *maker, value []byte) []byte { return m.p.Stamp(m, m.p.TSA, value, m.p.Signed, edit) })
	}
	bytesOf := func(f func([]byte) []byte) func(*maker) {
		return token(func(m *maker, value []byte) []byte { return f(m.p.Stamp(m, m.p.TSA, value, m.p.Signed)) })
	}
	empty := func(*maker, []byte) []byte { return []byte{0x30, 0} }
	return []sketch{
		{"timestamp/none", []int{1}, wants(verify.TimestampMissing), "no timestamp where one is demanded", sign(func(_ *maker, c *pki.CMS) { c.Token = nil })},
		{"timestamp/two-values", []int{6}, wants(verify.AttributeDuplicate), "two tokens in one attribute", sign(func(m *maker, c *pki.CMS) {
			token := m.p.Stamp(m, m.p.TSA, []byte("x"), m.p.Signed)
			c.Token, c.Unsigned = nil, []pki.Attribute{{OID: pki.OIDToken, Values: [][]byte{token, token}}}
		})},
		{"timestamp/two-attributes", []int{6}, wants(verify.AttributeDuplicate), "two attributes with tokens", sign(func(m *maker, c *pki.CMS) {
			c.Unsigned = []pki.Attribute{{OID: pki.OIDToken, Values: [][]byte{m.p.Stamp(m, m.p.TSA, []byte("x"), m.p.Signed)}}}
		})},
		{"timestamp/not-a-token", []int{5}, malformed, "an empty SEQUENCE", token(empty)},
		{"timestamp/bad-not-demanded", []int{1, 5}, malformed, "an empty SEQUENCE where no timestamp is demanded", both(under("available"), token(empty))},
		{"timestamp/value", []int{2}, malformed, "the token's signature value changed", bytesOf(func(b []byte) []byte { b[len(b)-1] ^= 1; return b })},
		{"timestamp/time", []int{2, 24}, malformed, "the token's time changed", bytesOf(func(b []byte) []byte {
			return bytes.Replace(b, []byte("20260301110000Z"), []byte("20260201110000Z"), 1)
		})},
		{"timestamp/no-certificate", []int{3}, malformed, "a token without certificates", stamp(func(ts *timestamp.Timestamp) { ts.AddTSACertificate, ts.Certificates = false, nil })},
		{"timestamp/no-certificate-not-demanded", []int{1, 3}, malformed, "the same where no timestamp is demanded",
			both(under("available"), stamp(func(ts *timestamp.Timestamp) { ts.AddTSACertificate, ts.Certificates = false, nil }))},
		{"timestamp/critical-extension", []int{16}, malformed, "an unknown critical extension in the token", stamp(func(ts *timestamp.Timestamp) {
			ts.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		})},
		{"timestamp/sha1-imprint", []int{23}, malformed, "an imprint with SHA-1", token(func(m *maker, value []byte) []byte {
			sum := sha1.Sum(value)
			return m.handmade(m.p.TSA, pki.OIDSHA1, sum[:])
		})},
		{"timestamp/handmade", nil, nil, "a token with SHA-256 made as the vectors' bad ones are", token(func(m *maker, value []byte) []byte {
			sum := sha256.Sum256(value)
			return m.handmade(m.p.TSA, pki.OIDSHA256, sum[:])
		})},
		{"timestamp/sha512-imprint", nil, nil, "an imprint with SHA-512", token(func(m *maker, value []byte) []byte {
			sum := sha512.Sum512(value)
			return m.handmade(m.p.TSA, pki.OIDSHA512, sum[:])
		})},
		{"timestamp/imprint-cut", []int{2, 23}, wants(verify.TimestampMismatch), "half of an imprint", token(func(m *maker, value []byte) []byte {
			sum := sha256.Sum256(value)
			return m.handmade(m.p.TSA, pki.OIDSHA256, sum[:16])
		})},
		{"timestamp/imprint-algorithm", []int{2, 23}, wants(verify.TimestampMismatch), "an imprint under another algorithm's name", token(func(m *maker, value []byte) []byte {
			sum := sha256.Sum256(value)
			return m.handmade(m.p.TSA, pki.OIDSHA512, append(sum[:], make([]byte, 32)...))
		})},
		{"timestamp/trailing", []int{9}, wants(verify.SignatureMalformed), "a byte behind the token", bytesOf(func(b []byte) []byte { return append(b, 0) })},
		{"timestamp/another-ca", []int{2}, wants(verify.TimestampUntrusted), "a token of an authority that nobody trusts", token(func(m *maker, value []byte) []byte {
			return m.q.Stamp(m, m.q.TSA, value, m.q.Signed)
		})},
		{"timestamp/no-roots", []int{1}, wants(verify.TimestampUntrusted), "a trust bundle without timestamp roots", func(m *maker) { m.trust.TimestampRoots = nil }},
		{"timestamp/not-critical", []int{17}, unfit, "the authority's usage is not critical", tsa(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{pki.TimeStamping(false)}
		})},
		{"timestamp/signs-code", []int{3}, unfit, "the authority may sign code too", tsa(func(c *x509.Certificate) {
			c.ExtraExtensions = nil
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping, x509.ExtKeyUsageCodeSigning}
		})},
		{"timestamp/by-the-vendor", []int{3}, unfit, "the vendor stamps its own signature", token(func(m *maker, value []byte) []byte {
			return m.p.Stamp(m, m.p.NewLeaf(m, m.p.High, m.p.Claims(3)), value, m.p.Signed)
		})},
		{"timestamp/by-a-ca", []int{17}, unfit, "the authority is a CA", tsa(func(c *x509.Certificate) { c.IsCA = true })},
		{"timestamp/of-tomorrow", []int{24}, wants(verify.ClockBehind), "the token is of tomorrow", token(func(m *maker, value []byte) []byte {
			return m.p.Stamp(m, m.p.TSA, value, m.p.Now.AddDate(0, 0, 1))
		})},
		{"timestamp/before-the-certificate", []int{4, 24}, wants(verify.ChainExpired), "the token is older than the certificate", token(func(m *maker, value []byte) []byte {
			return m.p.Stamp(m, m.p.TSA, value, m.p.Leaf.Cert.NotBefore.AddDate(0, 0, -1))
		})},
		{"timestamp/after-the-certificate", []int{4}, wants(verify.ChainExpired), "stamped when the certificate had ended", func(m *maker) {
			m.at = m.p.Leaf.Cert.NotAfter.AddDate(0, 1, 0)
			m.policy = "off"
			m.deb(func(c *pki.CMS) {
				c.Token = func(value []byte) []byte {
					return m.p.Stamp(m, m.p.TSA, value, m.p.Leaf.Cert.NotAfter.AddDate(0, 0, 1))
				}
			})
		}},
		{"timestamp/none-and-expired", []int{4}, wants(verify.ChainExpired), "no timestamp, and the certificate has ended", func(m *maker) {
			m.at, m.policy = m.p.Leaf.Cert.NotAfter.Add(time.Second), "off"
			m.deb(func(c *pki.CMS) { c.Token = nil })
		}},
	}
}

// handmade is a token whose imprint the timestamp library would not write.
func (m *maker) handmade(authority *pki.Identity, hash asn1.ObjectIdentifier, imprint []byte) []byte {
	m.Helper()
	info := pki.DER(m, struct {
		Version int
		Policy  asn1.ObjectIdentifier
		Imprint struct {
			Algorithm pkix.AlgorithmIdentifier
			Digest    []byte
		}
		Serial int
		Time   time.Time `asn1:"generalized"`
	}{1, m.p.Arc.TimestampPolicy(), struct {
		Algorithm pkix.AlgorithmIdentifier
		Digest    []byte
	}{pkix.AlgorithmIdentifier{Algorithm: hash, Parameters: asn1.NullRawValue}, imprint}, 7, m.p.Signed})
	contentType := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	return m.p.SignAs(m, authority, sha256.Sum256(info), func(c *pki.CMS) {
		c.Version, c.ContentType, c.Content, c.Token, c.Staple = 3, contentType, info, nil, nil
		c.Replace(pki.OIDContentType, pki.DER(m, contentType))
		c.Replace(pki.OIDSigningTime) // the library would hold it against the certificate
	})
}

func criticalExtension(oid ...int) pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier(oid), Critical: true, Value: []byte{5, 0}}
}

// point replaces a list's issuing distribution point.
func point(url string, more ...byte) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) { l.ExtraExtensions = append(l.ExtraExtensions, pki.Point(url, more...)) }
}

func revocations() []sketch {
	revoked := wants(verify.Revoked)
	leaf := func(r pki.Revocation, edits ...func(*x509.RevocationList)) func(*maker) {
		return func(m *maker) { m.revoke(m.p.High, m.p.Leaf.Cert, r, edits...) }
	}
	ended := func(l *x509.RevocationList) { l.NextUpdate = l.ThisUpdate.Add(time.Minute) }
	unstamped := sign(func(_ *maker, c *pki.CMS) { c.Token = nil })
	add := func(number int64, edits ...func(*x509.RevocationList)) func(*maker) {
		return func(m *maker) { m.status.CRLs = append(m.status.CRLs, m.p.CRL(m, m.p.High, number, edits...)) }
	}
	const otherShard = "http://ca.example.com/crl/high/8.crl"
	return []sketch{
		{"revoked/at-the-moment", []int{4, 19}, revoked, "revoked from the second of the signature on", leaf(pki.Revocation{At: before.Add(time.Hour)})},
		{"revoked/invalid-since-before", []int{19}, revoked, "revoked later, invalid since before", leaf(pki.Revocation{At: after, Invalidity: before, Reason: 9})},
		{"revoked/invalid-since-later", []int{19}, revoked, "revoked before, invalid since later", leaf(pki.Revocation{At: before, Invalidity: after, Reason: 9})},
		{"revoked/compromised", []int{19}, revoked, "key compromised, nobody knows since when", leaf(pki.Revocation{At: after, Reason: 1})},
		{"revoked/compromised-before", []int{19}, revoked, "key compromised before", leaf(pki.Revocation{At: after, Invalidity: before, Reason: 1})},
		{"revoked/later-no-timestamp", []int{19}, revoked, "revoked later, and no timestamp says so", both(under("available"), unstamped, leaf(pki.Revocation{At: after, Reason: 4}))},
		{"revoked/ended-list", []int{1, 19}, revoked, "on a list that has ended", leaf(pki.Revocation{At: before}, ended)},
		{"revoked/ended-list-not-demanded", []int{1, 19}, revoked, "on a list that has ended, and lists are not demanded", both(under("available"), leaf(pki.Revocation{At: before}, ended))},
		{"revoked/twice", []int{6, 19}, revoked, "listed twice, once harmlessly", func(m *maker) {
			m.revoke(m.p.High, m.p.Leaf.Cert, pki.Revocation{At: after}, pki.Revocation{At: before}.Revoke(m, m.p.Leaf.Cert))
		}},
		{"revoked/stapled-newer", []int{7}, revoked, "on a stapled list that is newer than the status", sign(func(m *maker, c *pki.CMS) {
			c.Staple.CRLs = [][]byte{m.p.CRL(m, m.p.High, 9, pki.Revocation{At: before}.Revoke(m, m.p.Leaf.Cert))}
		})},
		{"revoked/stapled-older", []int{7, 13}, revoked, "an old list without the entry is stapled", both(leaf(pki.Revocation{At: before}), sign(func(m *maker, c *pki.CMS) {
			c.Staple.CRLs = [][]byte{m.p.CRL(m, m.p.High, 6)}
		}))},
		{"revoked/older-number", []int{7}, revoked, "an older list without the entry, in the status too", both(leaf(pki.Revocation{At: before}), add(3))},
		{"revoked/older-number-fresher", []int{7}, revoked, "an older number with a later date, without the entry", both(leaf(pki.Revocation{At: before}), add(3, func(l *x509.RevocationList) {
			l.ThisUpdate = l.ThisUpdate.Add(30 * time.Minute)
		}))},
		{"revoked/newer-of-another-shard", []int{19}, revoked, "a newer list of another shard without the entry", both(leaf(pki.Revocation{At: before}), add(9, point(otherShard)))},
		{"revoked/newer-whole", []int{19}, revoked, "a newer list without a distribution point", both(leaf(pki.Revocation{At: before}), add(9, pki.Whole))},
		{"revoked/newer-forged", []int{13, 19}, revoked, "a newer list that another CA of the name signed", both(leaf(pki.Revocation{At: before}), func(m *maker) {
			m.status.CRLs = append(m.status.CRLs, m.q.CRL(m, m.q.High, 9))
		})},
		{"revoked/newer-damaged", []int{5, 13}, revoked, "a newer list whose signature is damaged", both(leaf(pki.Revocation{At: before}), func(m *maker) {
			damaged := m.p.CRL(m, m.p.High, 9)
			damaged[len(damaged)-1] ^= 1
			m.status.CRLs = append(m.status.CRLs, damaged)
		})},
		{"revoked/tsa-no-reason", []int{4, 19}, wants(verify.TimestampRevoked), "the authority is revoked without a reason", func(m *maker) {
			m.revoke(m.p.StampCA, m.p.TSA.Cert, pki.Revocation{At: after})
		}},
		{"revoked/oci", []int{1}, revoked, "an OCI image whose signer is revoked", func(m *maker) {
			m.layout()
			m.revoke(m.p.High, m.p.Leaf.Cert, pki.Revocation{At: before, Reason: 9})
		}},
		{"revoked/exception-for-the-vendor", []int{11}, revoked, "an exception for the vendor does not forgive revocation", func(m *maker) {
			m.revoke(m.p.High, m.p.Leaf.Cert, pki.Revocation{At: before, Reason: 9})
			m.policy = policyWith("exceptions:\n  - vendor: " + pki.Vendor + "\n    reason: assessment under way\n    expires: 2026-03-02\n")
		}},
	}
}

// unknowns are lists that prove nothing: the file could not be judged.
func unknowns() []sketch {
	unknown, stale := wants(verify.RevocationUnknown), wants(verify.RevocationStale)
	only := func(edits ...func(*x509.RevocationList)) func(*maker) { return func(m *maker) { m.onlyCRL(edits...) } }
	ended := func(l *x509.RevocationList) { l.NextUpdate = l.ThisUpdate.Add(time.Minute) }
	return []sketch{
		{"unknown/no-list", []int{19}, unknown, "no list at all", func(m *maker) { m.status.CRLs = nil }},
		{"unknown/another-ca", []int{19}, unknown, "a list by another CA of the name", func(m *maker) { m.status.CRLs = [][]byte{m.q.CRL(m, m.q.High, 9)} }},
		{"unknown/another-tier", []int{19}, unknown, "a list of the other tier for the same address", func(m *maker) { m.status.CRLs = [][]byte{m.p.CRL(m, m.p.Low, 9)} }},
		{"unknown/critical-extension", []int{19}, unknown, "an unknown critical extension", only(func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{criticalExtension(1, 2, 3)}
		})},
		{"unknown/entry-extension", []int{19}, unknown, "an unknown critical extension of an entry", only(func(l *x509.RevocationList) {
			l.RevokedCertificateEntries = []x509.RevocationListEntry{{
				SerialNumber: big.NewInt(5), RevocationTime: before, ExtraExtensions: []pkix.Extension{criticalExtension(2, 5, 29, 29)},
			}}
		})},
		{"unknown/delta", []int{19}, unknown, "a delta list", only(func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}}
		})},
		{"unknown/another-shard", []int{19}, unknown, "another shard", only(point("http://ca.example.com/crl/high/8.crl"))},
		{"unknown/whole", []int{19}, unknown, "no distribution point", only(pki.Whole)},
		{"unknown/indirect", []int{19}, unknown, "an indirect list", only(point(pki.CRLURL, 0x84, 1, 0xff))},
		{"unknown/attributes", []int{19}, unknown, "attribute certificates only", only(point(pki.CRLURL, 0x85, 1, 0xff))},
		{"unknown/some-reasons", []int{19}, unknown, "some reasons only", only(point(pki.CRLURL, 0x83, 2, 6, 0x40))},
		{"unknown/authorities", []int{19}, unknown, "CA certificates only", only(func(l *x509.RevocationList) {
			e := pki.Point(pki.CRLURL)
			e.Value[len(e.Value)-3] = 0x82
			l.ExtraExtensions = append(l.ExtraExtensions, e)
		})},
		{"unknown/damaged", []int{5, 19}, unknown, "a list whose signature is damaged", func(m *maker) {
			list := m.p.CRL(m, m.p.High, 8)
			list[len(list)-1] ^= 1
			m.status.CRLs = [][]byte{list}
		}},
		{"unknown/issuer-may-not", []int{19}, unknown, "the tier may not sign lists", func(m *maker) {
			m.swapTier(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
		}},
		{"stale/ended", []int{7, 19}, stale, "the list has ended", only(ended)},
		{"stale/newest-ended", []int{7}, stale, "the newest list has ended, an older one has not", func(m *maker) {
			m.status.CRLs = append(m.status.CRLs, m.p.CRL(m, m.p.High, 8, ended))
		}},
		{"stale/bundle-ended", []int{7}, stale, "the status bundle has ended, its lists have not", func(m *maker) { m.status.NextUpdate = m.p.Now.Add(-time.Minute) }},
		{"stale/older-than-allowed", []int{7}, stale, "older than the policy allows", under("version: 1\nmax_status_age: 59m\n")},
		{"stale/a-year", []int{7, 24}, stale, "the clock stands a year later", func(m *maker) { m.at = m.p.Now.AddDate(1, 0, 0) }},
		{"stale/century", []int{24}, stale, "the clock stands a century later", func(m *maker) { m.at = m.p.Now.AddDate(100, 0, 0) }},
		{"stale/year-9999", []int{24}, stale, "the clock stands at the end of time", func(m *maker) { m.at = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) }},
		{"clock/1970", []int{24}, wants(verify.ClockBehind), "the clock stands at its beginning", func(m *maker) { m.at = time.Unix(0, 0) }},
		{"clock/2019", []int{24}, wants(verify.ClockBehind), "the clock is years behind", func(m *maker) { m.at = time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC) }},
		{"clock/an-hour", []int{24}, wants(verify.ClockBehind), "the clock is an hour behind the timestamp", func(m *maker) { m.at = m.p.Signed.Add(-time.Hour) }},
		{"clock/no-timestamp", []int{24}, wants(verify.ChainExpired), "no timestamp, and the clock is years behind", func(m *maker) {
			m.at, m.policy = time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC), "off"
			m.deb(func(c *pki.CMS) { c.Token = nil })
		}},
		{"clock/list-of-tomorrow", []int{24}, wants(verify.ClockBehind), "the only list is of tomorrow", only(func(l *x509.RevocationList) {
			l.ThisUpdate = l.ThisUpdate.AddDate(0, 0, 1)
		})},
		{"clock/expired-now", []int{4, 24}, wants(verify.RevocationStale), "all is expired by now, the timestamp is not", func(m *maker) { m.at = m.p.Leaf.Cert.NotAfter.AddDate(5, 0, 0) }},
	}
}

// transitions are assessments that ended before their time.
func transitions() []sketch {
	ended := func(to string, level int, at time.Time) func(*maker) {
		return func(m *maker) {
			m.status.Assessments = []verify.Transition{{Assessment: m.p.Claims(3)[0].Assessment.Payload, To: to, Effective: at, Level: level}}
		}
	}
	today := under(policies()["strict"] + "assessments: in-force-today\n")
	withdrawn := wants(verify.AssessmentWithdrawn)
	return []sketch{
		{"assessment/withdrawn-before", []int{7}, withdrawn, "withdrawn before the signature", ended(verify.Withdrawn, 0, before)},
		{"assessment/withdrawn-at-the-moment", []int{7}, withdrawn, "withdrawn from the second of the signature on", ended(verify.Withdrawn, 0, before.Add(time.Hour))},
		{"assessment/lowered-before", []int{7}, withdrawn, "lowered to level 2 before the signature", ended(verify.Lowered, 2, before)},
		{"assessment/unknown-word", []int{5, 7}, withdrawn, "ended in a way that a later release knows", ended("annulled", 0, before)},
		{"assessment/today-withdrawn-after", []int{7}, withdrawn, "withdrawn after the signature, and the policy wants it in force today", both(today, ended(verify.Withdrawn, 0, after))},
		{"assessment/today-superseded", []int{7}, withdrawn, "superseded, and the policy wants it in force today", both(today, ended(verify.Superseded, 0, after))},
		{"assessment/oci-withdrawn", []int{1, 7}, withdrawn, "an OCI image whose assessment was withdrawn before", both(ended(verify.Withdrawn, 0, before), func(m *maker) { m.layout() })},
		{"assessment/withdrawn-after", nil, nil, "withdrawn after the signature", ended(verify.Withdrawn, 0, after)},
		{"assessment/withdrawn-tomorrow", nil, nil, "to be withdrawn tomorrow", ended(verify.Withdrawn, 0, after.AddDate(0, 0, 1))},
		{"assessment/lowered-to-3", nil, nil, "lowered to the level that is claimed", ended(verify.Lowered, 3, before)},
		{"assessment/superseded", nil, nil, "superseded before the signature", ended(verify.Superseded, 0, before)},
		{"assessment/today-in-force", nil, nil, "in force today", today},
	}
}
