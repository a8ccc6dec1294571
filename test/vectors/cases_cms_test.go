package main

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// good is what must pass: all formats, all modes, and what looks odd and is not wrong.
func good() []sketch {
	return []sketch{
		{"good/deb", nil, nil, "a Debian package, everything demanded", nil},
		{"good/deb-available", nil, nil, "the same where data is used if it is there", under("available")},
		{"good/deb-off", nil, nil, "the same without revocation", under("off")},
		{"good/deb-warn", nil, nil, "the same in mode warn", under("warn")},
		{"good/deb-some-claim", nil, nil, "no level demanded", under("some")},
		{"good/detached", nil, nil, "any file, its signature beside it", func(m *maker) {
			m.artifact("tool.tar", []byte("anything"), func(d [32]byte) []byte { return m.p.Sign(m, d) })
		}},
		{"good/detached-empty", nil, nil, "an empty file", func(m *maker) {
			m.artifact("empty", nil, func(d [32]byte) []byte { return m.p.Sign(m, d) })
		}},
		{"good/pe", nil, nil, "a Windows program", func(m *maker) { m.signFile("hello.exe", program()) }},
		{"good/cab", nil, nil, "a cabinet", func(m *maker) { m.signFile("hello.cab", cabinet()) }},
		{"good/msi", nil, nil, "a Windows installer package", func(m *maker) { m.signFile("hello.msi", installer()) }},
		{"good/jar", nil, nil, "a Java archive", func(m *maker) { m.signFile("hello.jar", archive()) }},
		{"good/oci", nil, nil, "an OCI image layout, by tag", func(m *maker) { m.layout() }},
		{"good/oci-whole", nil, nil, "an OCI image layout of one image", func(m *maker) { m.layout(); m.file = "image" }},
		{"good/rsa", nil, nil, "RSA with 3072 bits", func(m *maker) {
			m.debBy(m.p.NewLeafFor(m, m.rsa[3072], m.p.High, m.p.Claims(3)))
		}},
		{"good/p384", nil, nil, "P-384", func(m *maker) { m.debBy(m.p.NewLeafFor(m, m.p384(), m.p.High, m.p.Claims(3))) }},
		{"good/oci-p384", nil, nil, "an OCI image, P-384", func(m *maker) { m.layoutBy(m.p.NewLeafFor(m, m.p384(), m.p.High, m.p.Claims(3))) }},
		{"good/oci-rsa", nil, nil, "an OCI image, RSA with 3072 bits", func(m *maker) { m.layoutBy(m.p.NewLeafFor(m, m.rsa[3072], m.p.High, m.p.Claims(3))) }},
		{"good/twin", nil, nil, "the trust bundle has the tier's self-signed twin", func(m *maker) { m.trust.Roots[0] = m.p.Twin }},
		{"good/higher-level", nil, nil, "a level above the one that is demanded", func(m *maker) {
			m.debBy(m.p.NewLeaf(m, m.p.High, m.p.Claims(4)))
			m.policy = "available"
		}},
		{"good/no-timestamp", nil, nil, "no timestamp, none demanded", both(under("available"), sign(func(_ *maker, c *pki.CMS) { c.Token = nil }))},
		{"good/revoked-later", []int{4, 19}, nil, "revoked after the signature was made and timestamped", func(m *maker) {
			m.revoke(m.p.High, m.p.Leaf.Cert, pki.Revocation{At: after, Reason: 4})
		}},
		{"good/compromised-later", []int{4, 19}, nil, "key compromised at a known time after the signature", func(m *maker) {
			m.revoke(m.p.High, m.p.Leaf.Cert, pki.Revocation{At: after, Invalidity: after, Reason: 1})
		}},
		{"good/revoked-off", []int{4}, nil, "revoked, but the policy does not ask", both(under("off"), func(m *maker) {
			m.revoke(m.p.High, m.p.Leaf.Cert, pki.Revocation{At: before, Reason: 9})
		})},
		{"good/stapled-crl", nil, nil, "no status, but the list is stapled", func(m *maker) {
			m.status.CRLs = nil
			m.deb(func(c *pki.CMS) { c.Staple.CRLs = [][]byte{m.p.CRL(m, m.p.High, 1)} })
		}},
		{"good/expired-since", []int{4}, nil, "the certificate ended after the timestamp", func(m *maker) {
			m.at = m.p.Leaf.Cert.NotAfter.AddDate(0, 0, 1)
			m.policy = "off"
		}},
		{"good/bag-more", []int{3}, nil, "certificates of strangers in the bag", sign(func(m *maker, c *pki.CMS) {
			c.Certificates = append(c.Certificates, m.q.Root.Cert.Raw, m.p.Root.Cert.Raw, m.p.Low.Cert.Raw)
		})},
		{"good/bag-reversed", []int{3}, nil, "the bag in another order", sign(func(_ *maker, c *pki.CMS) { slices.Reverse(c.Certificates) })},
		{"good/exception-digest", []int{11}, nil, "unsigned, and an exception for this very file", func(m *maker) {
			m.artifact("tool.tar", []byte("anything"), nil)
			m.policy = strictWith("exceptions:\n  - digest: sha256:" + hexOf(sha256.Sum256([]byte("anything"))) + "\n    reason: built before we had a certificate\n    expires: 2026-03-02\n")
		}},
		{"good/exception-vendor", []int{11}, nil, "a level too low, and an exception for the vendor", func(m *maker) {
			m.debBy(m.p.NewLeaf(m, m.p.High, m.p.Claims(2)))
			m.policy = policyWith("exceptions:\n  - vendor: " + pki.Vendor + "\n    reason: assessment under way\n    expires: 2026-03-02\n")
		}},
		{"good/alternative", []int{11}, nil, "the second alternative is met", func(m *maker) {
			m.policy = "version: 1\nrequire:\n  - [{framework: slsa-v1.2, track: build, level: 3}]\n  - [{framework: slsa-v0.1, track: slsa, level: 3}]\n"
		}},
	}
}

func malformedCMS() []sketch {
	bad := wants(verify.SignatureMalformed)
	return []sketch{
		{"cms/not-der", []int{5}, bad, "PEM where DER belongs", mangle(func([]byte) []byte { return []byte("-----BEGIN CMS-----") })},
		{"cms/trailing-byte", []int{5, 9}, bad, "a byte behind the signature's DER", mangle(func(b []byte) []byte { return append(b, 0) })},
		{"cms/cut-off", []int{5}, bad, "the last byte of the DER is missing", mangle(func(b []byte) []byte { return b[:len(b)-1] })},
		{"cms/empty-sequence", []int{5}, bad, "an empty SEQUENCE", mangle(func([]byte) []byte { return []byte{0x30, 0} })},
		{"cms/indefinite", []int{5, 16}, bad, "BER's indefinite length", mangle(indefinite)},
		{"cms/long-length", []int{5, 16}, bad, "a length with more bytes than needed", mangle(func(b []byte) []byte {
			return append([]byte{0x30, 0x83, 0}, b[2:]...)
		})},
		{"cms/length-overflow", []int{5, 16}, bad, "a length of 2^64-1", mangle(func(b []byte) []byte {
			return append([]byte{0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, b[4:]...)
		})},
		{"cms/version", []int{5}, bad, "SignedData of version 3", sign(func(_ *maker, c *pki.CMS) { c.Version = 3 })},
		{"cms/signer-version", []int{5}, bad, "SignerInfo of version 3", sign(func(_ *maker, c *pki.CMS) { c.SignerVersion = 3 })},
		{"cms/crls-inside", []int{13, 19}, bad, "CRLs where RFC 5652 has them", sign(func(m *maker, c *pki.CMS) { c.RevocationSet = m.p.CRL(m, m.p.High, 9) })},
		{"cms/certificate-twice", []int{3}, bad, "the signer's certificate twice", sign(func(_ *maker, c *pki.CMS) {
			c.Certificates = append(c.Certificates, c.Certificates[0])
		})},
		{"cms/attribute-certificate", []int{17}, bad, "an attribute certificate in the bag", sign(func(_ *maker, c *pki.CMS) {
			c.Certificates = append(c.Certificates, []byte{0xa1, 0})
		})},
		{"cms/unsorted", []int{5}, bad, "signed attributes out of DER's order", sign(func(_ *maker, c *pki.CMS) {
			slices.Reverse(c.Signed)
			c.Unsorted = true
		})},
		{"cms/content-inside", []int{9}, wants(verify.NotDetached), "the signature brings its own content", sign(func(_ *maker, c *pki.CMS) { c.Content = []byte("other") })},
		{"cms/package-inside", []int{9}, wants(verify.NotDetached), "the signature brings the package's bytes", sign(func(_ *maker, c *pki.CMS) { c.Content = content() })},
		{"cms/empty-content", []int{9}, wants(verify.NotDetached), "the signature brings empty content", sign(func(_ *maker, c *pki.CMS) { c.Content = []byte{} })},
		{"cms/no-signer", []int{6}, wants(verify.SignerCount), "no signer: nothing that fails", sign(func(_ *maker, c *pki.CMS) { c.SignerInfos = 0 })},
		{"cms/two-signers", []int{6}, wants(verify.SignerCount), "the same signer twice", sign(func(_ *maker, c *pki.CMS) { c.SignerInfos = 2 })},
		{"cms/content-type", []int{10}, wants(verify.ContentType), "the content type of timestamp tokens", sign(func(_ *maker, c *pki.CMS) {
			c.ContentType = []int{1, 2, 840, 113549, 1, 9, 16, 1, 4}
		})},
		{"cms/signed-content-type", []int{10}, wants(verify.ContentType), "another content type is signed", sign(func(m *maker, c *pki.CMS) {
			c.Replace(pki.OIDContentType, pki.DER(m, pki.OIDSignedData))
		})},
		{"cms/no-attributes", []int{1}, wants(verify.AttributeMissing), "no signed attributes: the digest itself is signed", sign(func(_ *maker, c *pki.CMS) { c.NoSigned = true })},
		{"cms/value", []int{2}, wants(verify.SignatureInvalid), "the signature value changed", sign(func(_ *maker, c *pki.CMS) {
			c.MangleValue = func(b []byte) []byte { b[len(b)-1] ^= 1; return b }
		})},
		{"cms/value-zero", []int{5, 23}, wants(verify.SignatureInvalid), "an ECDSA signature of r = s = 0", sign(func(_ *maker, c *pki.CMS) {
			c.MangleValue = func([]byte) []byte { return []byte{0x30, 6, 2, 1, 0, 2, 1, 0} }
		})},
		{"cms/value-empty", []int{5}, wants(verify.SignatureInvalid), "an empty signature value", sign(func(_ *maker, c *pki.CMS) {
			c.MangleValue = func([]byte) []byte { return nil }
		})},
		{"cms/nested", []int{1}, wants(verify.TwoSignatures), "a signature nested in the signature", sign(func(_ *maker, c *pki.CMS) {
			c.Unsigned = append(c.Unsigned, pki.Attribute{OID: nestedSignature(), Values: [][]byte{{0x30, 0}}})
		})},
		{"attribute/unknown-unsigned", []int{9}, wants(verify.UnsignedContent), "an unsigned attribute that nobody knows", unsigned([]byte{5, 0})},
	}
}

// indefinite makes the outer length indefinite, which is BER and not DER.
func indefinite(der []byte) []byte {
	header := 2 + int(der[1]&0x7f)
	return append(append([]byte{0x30, 0x80}, der[header:]...), 0, 0)
}

// attributes are the signed and unsigned ones, each missing, twice, or malformed.
func attributes() []sketch {
	var out []sketch
	for _, a := range []struct {
		name string
		oid  []int
	}{
		{"content-type", pki.OIDContentType}, {"message-digest", pki.OIDMessageDigest}, {"signing-time", pki.OIDSigningTime},
		{"signing-certificate", pki.OIDSigningCertificate}, {"algorithm-protection", pki.OIDProtection},
	} {
		out = append(out,
			sketch{"attribute/" + a.name + "-missing", []int{1}, wants(verify.AttributeMissing), "signed attribute left out",
				sign(func(_ *maker, c *pki.CMS) { c.Replace(a.oid) })},
			sketch{"attribute/" + a.name + "-twice", []int{1}, wants(verify.AttributeDuplicate), "signed attribute twice",
				sign(func(_ *maker, c *pki.CMS) {
					i := slices.IndexFunc(c.Signed, func(b pki.Attribute) bool { return b.OID.Equal(a.oid) })
					c.Signed = append(c.Signed, c.Signed[i])
				})},
			sketch{"attribute/" + a.name + "-malformed", []int{5}, wants(verify.AttributeMalformed), "signed attribute of another type",
				sign(func(_ *maker, c *pki.CMS) { c.Replace(a.oid, []byte{0x0a, 1, 0}) })})
	}
	return append(out,
		sketch{"attribute/two-values", []int{1}, wants(verify.AttributeDuplicate), "two message digests in one attribute", sign(func(m *maker, c *pki.CMS) {
			other := sha256.Sum256([]byte("other"))
			c.Replace(pki.OIDMessageDigest, pki.DER(m, c.Digest[:]), pki.DER(m, other[:]))
		})},
		sketch{"attribute/token-signed", []int{1}, wants(verify.AttributeMalformed), "a timestamp among the signed attributes", sign(func(_ *maker, c *pki.CMS) {
			c.Signed = append(c.Signed, pki.Attribute{OID: pki.OIDToken, Values: [][]byte{{0x30, 0}}})
		})},
		sketch{"attribute/time-unsigned", []int{1}, wants(verify.AttributeMalformed), "a signing time among the unsigned attributes", sign(func(m *maker, c *pki.CMS) {
			c.Unsigned = []pki.Attribute{{OID: pki.OIDSigningTime, Values: [][]byte{pki.DER(m, m.p.Now)}}}
		})},
		sketch{"attribute/protects-another-digest", []int{23}, wants(verify.AlgorithmProtection), "another digest algorithm is protected", sign(func(_ *maker, c *pki.CMS) {
			c.Replace(pki.OIDProtection, pki.Protection(pki.OIDSHA512, c.SignatureAlg))
		})},
		sketch{"attribute/protects-another-signature", []int{23}, wants(verify.AlgorithmProtection), "another signature algorithm is protected", sign(func(_ *maker, c *pki.CMS) {
			c.Replace(pki.OIDProtection, pki.Protection(c.DigestAlg, pki.OIDSHA256WithRSA))
		})},
		sketch{"attribute/time-before", []int{4, 24}, wants(verify.SigningTime), "claims to be older than its certificate", sign(func(m *maker, c *pki.CMS) {
			c.Replace(pki.OIDSigningTime, pki.DER(m, m.p.Leaf.Cert.NotBefore.AddDate(0, 0, -1)))
		})},
		sketch{"attribute/time-after", []int{4, 24}, wants(verify.SigningTime), "claims to be younger than its certificate", sign(func(m *maker, c *pki.CMS) {
			c.Replace(pki.OIDSigningTime, pki.DER(m, m.p.Leaf.Cert.NotAfter.AddDate(0, 0, 1)))
		})},
	)
}

// swaps take one member of a good signature from another good one.
func swaps() []sketch {
	other := []byte("another package")
	two := sha256.Sum256(other)
	return []sketch{
		{"swap/signature", []int{2}, wants(verify.DigestMismatch), "the whole signature of another file", func(m *maker) {
			m.debWith(func([32]byte) []byte { return m.p.Sign(m, two) })
		}},
		{"swap/file", []int{2}, wants(verify.DigestMismatch), "another file beside the signature", func(m *maker) {
			m.artifact("tool.tar", other, func([32]byte) []byte { return m.p.Sign(m, digest()) })
		}},
		{"swap/value", []int{2}, wants(verify.SignatureInvalid), "the signature value of another file", func(m *maker) {
			var value []byte
			m.p.Sign(m, two, func(c *pki.CMS) { c.MangleValue = func(b []byte) []byte { value = bytes.Clone(b); return b } })
			m.deb(func(c *pki.CMS) { c.MangleValue = func([]byte) []byte { return value } })
		}},
		{"swap/key", []int{2, 3}, wants(verify.SignatureInvalid), "signed with another vendor's key", sign(func(m *maker, c *pki.CMS) {
			c.Signer = &pki.Identity{Cert: m.p.Leaf.Cert, Key: pki.Key(m)}
		})},
		{"swap/timestamp", []int{2}, wants(verify.TimestampMismatch), "the timestamp of another signature", token(func(m *maker, _ []byte) []byte {
			return m.p.Stamp(m, m.p.TSA, []byte("two"), m.p.Signed)
		})},
		{"swap/timestamp-of-the-file", []int{2}, wants(verify.TimestampMismatch), "a timestamp of the file, not of its signature", token(func(m *maker, _ []byte) []byte {
			return m.p.Stamp(m, m.p.TSA, content(), m.p.Signed)
		})},
		{"swap/timestamp-is-signature", []int{2, 10}, wants(verify.TimestampMalformed), "a file's signature in place of the timestamp", token(func(m *maker, _ []byte) []byte {
			return m.p.Sign(m, [32]byte{}, func(c *pki.CMS) { c.Token, c.Staple = nil, nil })
		})},
		{"swap/signature-is-timestamp", []int{2, 10}, wants(verify.SignatureMalformed), "a timestamp token in place of the signature", func(m *maker) {
			m.debWith(func([32]byte) []byte { return m.p.Stamp(m, m.p.TSA, content(), m.p.Signed) })
		}},
		{"swap/certificate", []int{2, 3}, wants(verify.SignerUnknown), "another certificate of the vendor in place of the signer's", sign(func(m *maker, c *pki.CMS) {
			c.Certificates[0] = m.p.NewLeaf(m, m.p.High, m.p.Claims(4)).Cert.Raw
		})},
		{"swap/certificate-same-key", []int{3}, wants(verify.SigningCertificate), "same names, serial number and key, a higher claim", sign(func(m *maker, c *pki.CMS) {
			c.Certificates[0] = sameSerial(m)
		})},
		{"swap/certificate-hash", []int{3}, wants(verify.SigningCertificate), "the hash of another certificate is signed", sign(func(m *maker, c *pki.CMS) {
			c.Replace(pki.OIDSigningCertificate, pki.SigningCertificate(m.p.High.Cert.Raw))
		})},
		{"swap/two-of-the-serial", []int{3}, wants(verify.SignerUnknown), "two certificates with the signer's serial number", sign(func(m *maker, c *pki.CMS) {
			c.Certificates = append(c.Certificates, sameSerial(m))
		})},
		{"swap/certificate-left-out", []int{3}, wants(verify.SignerUnknown), "the signer's certificate left out", sign(func(_ *maker, c *pki.CMS) { c.Certificates = c.Certificates[1:] })},
		{"swap/better-in-the-bag", []int{3, 7}, wants(verify.RequirementUnmet), "signed at level 2, a certificate of level 4 of the vendor in the bag", func(m *maker) {
			best := m.p.NewLeaf(m, m.p.High, m.p.Claims(4))
			m.debBy(m.p.NewLeaf(m, m.p.High, m.p.Claims(2)), under2, func(c *pki.CMS) { c.Certificates = append([][]byte{best.Cert.Raw}, c.Certificates...) })
			m.policy = "available"
		}},
		{"swap/issuer", []int{2, 3}, wants(verify.ChainUntrusted), "the issuing CA of the same name of another root", sign(func(m *maker, c *pki.CMS) { c.Certificates[1] = m.q.High.Cert.Raw })},
		{"swap/whole-ca", []int{2}, wants(verify.ChainUntrusted), "signed under another CA with the same names", func(m *maker) {
			m.debBy(m.q.Leaf)
		}},
		{"swap/file-of-another-format", []int{2, 9}, wants(verify.DigestMismatch), "a detached signature over a package, and the package with one inside beside it", func(m *maker) {
			m.artifact("tool.tar", append([]byte("x"), content()...), func([32]byte) []byte { return m.p.Sign(m, digest()) })
		}},
	}
}

// under2 leaves the staple out, which a certificate of level 2 has no use for here.
func under2(c *pki.CMS) { c.Staple = nil }

// sameSerial is another certificate of the leaf's issuer, serial number and key.
func sameSerial(m *maker) []byte {
	return m.p.NewLeafFor(m, m.p.Leaf.Key, m.p.High, m.p.Claims(4), serial(m.p.Leaf.Cert.SerialNumber)).Cert.Raw
}
