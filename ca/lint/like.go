package lint

import (
	"bytes"
	"crypto/sha256"
	"maps"
	"slices"

	zx509 "github.com/zmap/zcrypto/x509"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// readZcrypto is zcrypto's ParseCertificate. Where the certificate differs from
// Context.Like in no more than serial number, validity, key, key identifier and list, only
// these are given to zcrypto; the rest are the very bytes that it has read before. Reading
// a certificate costs zcrypto about as much as all of its rules.
func (c *Certificate) readZcrypto() (*zx509.Certificate, error) {
	if c.Like != nil && c.Like.zcrypto != nil {
		if z := c.readLike(c.Like); z != nil {
			return z, nil
		}
	}
	return zx509.ParseCertificate(c.Raw)
}

// own reports whether an extension differs from one certificate of a profile to the next.
func (e *extension) own() bool {
	return e.id.Equal(oidSubjectKeyIdentifier) || e.id.Equal(oidCRLDistributionPoints)
}

// readLike returns nil unless it can tell what ParseCertificate would return.
func (c *Certificate) readLike(like *Certificate) *zx509.Certificate {
	was, f := like.zcrypto, &c.fields
	if !f.like(&like.fields) || bytes.Equal(f.issuer, f.subject) || !reencodes(was) {
		return nil
	}
	part, err := f.part()
	if err != nil {
		return nil
	}
	z, err := zx509.ParseCertificate(part)
	if err != nil || !reencodes(z) {
		return nil
	}
	out := *was
	out.Raw, out.RawTBSCertificate = c.Raw, f.tbs
	out.RawSubjectPublicKeyInfo, out.RawSubject, out.RawIssuer = f.key, f.subject, f.issuer
	out.FingerprintMD5, out.FingerprintSHA1, out.FingerprintSHA256 = zx509.MD5Fingerprint(c.Raw), zx509.SHA1Fingerprint(c.Raw), zx509.SHA256Fingerprint(c.Raw)
	out.TBSCertificateFingerprint = zx509.SHA256Fingerprint(f.tbs)
	out.FingerprintNoCT, out.SPKIFingerprint = out.TBSCertificateFingerprint, z.SPKIFingerprint
	sum := sha256.Sum256(slices.Concat(f.key, f.subject))
	out.SPKISubjectFingerprint = sum[:]
	out.SerialNumber, out.Signature = z.SerialNumber, z.Signature
	out.NotBefore, out.NotAfter, out.ValidityPeriod = z.NotBefore, z.NotAfter, z.ValidityPeriod
	out.PublicKey, out.PublicKeyAlgorithm, out.PublicKeyAlgorithmOID = z.PublicKey, z.PublicKeyAlgorithm, z.PublicKeyAlgorithmOID
	out.SubjectKeyId, out.CRLDistributionPoints = z.SubjectKeyId, z.CRLDistributionPoints
	out.Extensions, out.ExtensionsMap = slices.Clone(was.Extensions), maps.Clone(was.ExtensionsMap)
	for i, n := 0, 0; i < len(f.extensions); i++ {
		if f.extensions[i].own() {
			out.Extensions[i] = z.Extensions[n]
			n++
		}
	}
	maps.Copy(out.ExtensionsMap, z.ExtensionsMap)
	return &out
}

// reencodes reports whether zcrypto, which encodes what it has read once more without
// extensions of Certificate Transparency, has got the same bytes.
func reencodes(z *zx509.Certificate) bool {
	return bytes.Equal(z.FingerprintNoCT, z.TBSCertificateFingerprint)
}

// like reports whether two certificates have the same bytes but for serial number,
// validity, key, signature and the extensions of their own.
func (f *fields) like(g *fields) bool {
	if f.version != g.version || f.uniqueIDs || g.uniqueIDs || !bytes.Equal(f.innerAlgorithm, g.innerAlgorithm) || !bytes.Equal(f.outerAlgorithm, g.outerAlgorithm) ||
		!bytes.Equal(f.issuer, g.issuer) || !bytes.Equal(f.subject, g.subject) {
		return false
	}
	return slices.EqualFunc(f.extensions, g.extensions, func(a, b extension) bool {
		return bytes.Equal(a.raw, b.raw) || a.own() && a.id.Equal(b.id)
	})
}

// part is the certificate without what like compares. It keeps the issuer's name, because
// zcrypto verifies the signature of what seems to have signed itself.
func (f *fields) part() ([]byte, error) {
	b := cryptobyte.NewBuilder(make([]byte, 0, partRoom))
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, element := range [][]byte{f.versionDER, f.serial, f.innerAlgorithm, f.issuer, f.validity, emptySequence, f.key} {
				b.AddBytes(element)
			}
			b.AddASN1(context(3), func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					for i := range f.extensions {
						if e := &f.extensions[i]; e.own() {
							b.AddBytes(e.raw)
						}
					}
				})
			})
		})
		b.AddBytes(f.outerAlgorithm)
		b.AddBytes(f.signature)
	})
	return b.Bytes()
}

// partRoom is about what such a part takes.
const partRoom = 512

var emptySequence = []byte{0x30, 0}
