package main

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/test/vectors/vector"
	"github.com/hallmark-pki/hallmark/verify"
)

// nested is a SEQUENCE in a SEQUENCE, and so on.
func nested(depth int) []byte {
	b := []byte{5, 0}
	for range depth {
		var w cryptobyte.Builder
		w.AddASN1(cbasn1.SEQUENCE, func(w *cryptobyte.Builder) { w.AddBytes(b) })
		b = w.BytesOrPanic()
	}
	return b
}

// unsigned adds an unsigned attribute with this value.
func unsigned(value []byte) func(*maker) {
	return sign(func(_ *maker, c *pki.CMS) {
		c.Unsigned = append(c.Unsigned, pki.Attribute{OID: asn1.ObjectIdentifier{1, 2, 3, 4}, Values: [][]byte{value}})
	})
}

// element is a value of any tag.
func element(tag byte, body []byte) []byte {
	n := len(body)
	switch {
	case n < 0x80:
		return append([]byte{tag, byte(n)}, body...)
	case n < 0x10000:
		return append([]byte{tag, 0x82, byte(n >> 8), byte(n)}, body...)
	}
	return append([]byte{tag, 0x83, byte(n >> 16), byte(n >> 8), byte(n)}, body...)
}

// blowUps are structures that take a reader long, or all of its stack.
func blowUps() []sketch {
	bad, large := wants(verify.SignatureMalformed), wants(verify.SignatureTooLarge)
	return []sketch{
		{"asn1/deep", []int{16}, bad, "a thousand SEQUENCEs in each other", unsigned(nested(1000))},
		{"asn1/deep-33", []int{16}, bad, "a few more than the bound", unsigned(nested(33))},
		{"asn1/boolean", []int{16}, bad, "a BOOLEAN of 1", unsigned([]byte{1, 1, 1})},
		{"asn1/integer", []int{16}, bad, "an INTEGER with a needless byte", unsigned([]byte{2, 2, 0, 1})},
		{"asn1/null", []int{16}, bad, "a NULL with content", unsigned([]byte{5, 1, 0})},
		{"asn1/high-tag", []int{16}, bad, "a tag number of several bytes", unsigned([]byte{0x3f, 0x81, 1, 0})},
		{"asn1/end-of-contents", []int{16}, bad, "a primitive SEQUENCE", unsigned([]byte{0x10, 0})},
		{"asn1/oid-long-arc", []int{16}, bad, "an attribute type with an arc of 2,000 bits", sign(func(_ *maker, c *pki.CMS) {
			c.Unsigned = append(c.Unsigned, pki.Attribute{OID: asn1.ObjectIdentifier{1, 2, 3, 4}, Values: [][]byte{{5, 0}}})
			value := c.Token
			c.Token = func(v []byte) []byte { return value(v) }
			c.MangleValue = nil
			c.Unsigned[0].Values[0] = []byte{5, 0}
			c.Certificates = append(c.Certificates, element(0x30, element(6, bytes.Repeat([]byte{0xff}, 2000))))
		})},
		{"asn1/certificate-oid", []int{16, 17}, bad, "a certificate policy with an endless arc", sign(func(m *maker, c *pki.CMS) {
			value := element(0x30, element(0x30, element(6, bytes.Repeat([]byte{0x81}, 10000))))
			other := m.q.NewLeaf(m, m.q.High, m.q.Claims(3), func(t *x509.Certificate) {
				t.Policies = nil
				t.ExtraExtensions = append(t.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: value})
			}).Cert.Raw
			c.Certificates = append(c.Certificates, bytes.Replace(other, []byte("\x06\x03\x2a\x03\x04"), []byte("\x06\x03\x55\x1d\x20"), 1))
		})},
		{"asn1/certificate-large", []int{16}, large, "a name of 40,000 bytes", leaf(func(c *x509.Certificate) {
			c.Subject.OrganizationalUnit = []string{strings.Repeat("x", 40000)}
		})},
		{"asn1/many-names", []int{16}, nil, "a name with 500 parts, which is slow nowhere", leaf(func(c *x509.Certificate) {
			for range 500 {
				c.Subject.ExtraNames = append(c.Subject.ExtraNames, pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 11}, Value: "x"})
			}
		})},
		{"asn1/serial", []int{16, 17}, bad, "a serial number of 3,000 bytes in SignerInfo, cut off", sign(func(_ *maker, c *pki.CMS) {
			c.Certificates = append(c.Certificates, element(0x30, element(2, bytes.Repeat([]byte{0x7f}, 3000))))
		})},
		{"asn1/many-policies", []int{16}, nil, "500 certificate policies of others, which count for nothing", leaf(func(c *x509.Certificate) {
			for i := range 500 {
				oid, err := x509.OIDFromInts([]uint64{1, 2, 3, uint64(i)})
				if err != nil {
					panic(err) // small numbers
				}
				c.Policies = append(c.Policies, oid)
			}
		})},
		{"many/attributes", []int{14}, large, "30 unsigned attributes", sign(func(_ *maker, c *pki.CMS) {
			for i := range 30 {
				c.Unsigned = append(c.Unsigned, pki.Attribute{OID: asn1.ObjectIdentifier{1, 2, 3, i}, Values: [][]byte{{5, 0}}})
			}
		})},
		{"many/values", []int{14}, large, "30 values of one attribute", sign(func(_ *maker, c *pki.CMS) {
			c.Unsigned = append(c.Unsigned, pki.Attribute{OID: asn1.ObjectIdentifier{1, 2, 3, 4}, Values: slicesRepeat([]byte{5, 0}, 30)})
		})},
		{"many/digest-algorithms", []int{14}, large, "30 digest algorithms announced", sign(func(_ *maker, c *pki.CMS) {
			for i := range 30 {
				c.Announced = append(c.Announced, asn1.ObjectIdentifier{1, 2, 3, i})
			}
		})},
		{"many/certificates", []int{14}, large, "9 certificates", sign(func(m *maker, c *pki.CMS) {
			for range 7 {
				c.Certificates = append(c.Certificates, m.p.NewLeaf(m, m.p.High, m.p.Claims(1)).Cert.Raw)
			}
		})},
		{"many/value", []int{14}, large, "a signature value of 2,000 bytes", sign(func(_ *maker, c *pki.CMS) {
			c.MangleValue = func([]byte) []byte { return make([]byte, 2000) }
			c.Token = nil
		})},
		{"many/token", []int{14}, wants(verify.TimestampMalformed), "a timestamp of 100,000 bytes", token(func(*maker, []byte) []byte {
			return element(0x30, element(4, make([]byte, 100000)))
		})},
	}
}

func slicesRepeat(b []byte, n int) [][]byte {
	var out [][]byte
	for range n {
		out = append(out, b)
	}
	return out
}

// endless are files that are made when they are needed.
func endless() []sketch {
	// beside makes a file with a signature of these parts beside it.
	beside := func(parts func(m *maker) []vector.Part) func(*maker) {
		return func(m *maker) {
			m.artifact("tool.tar", []byte("anything"), nil)
			m.recipe = &vector.Recipe{File: "tool.tar" + format.Suffix, Parts: parts(m)}
		}
	}
	instead := func(name string, parts func(m *maker) []vector.Part) func(*maker) {
		return func(m *maker) {
			m.layout()
			m.recipe = &vector.Recipe{File: name, Parts: parts(m)}
		}
	}
	large, broken := wants(verify.SignatureTooLarge), wants(verify.ContainerMalformed)
	return []sketch{
		{"endless/signature", []int{14}, large, "a signature of 16 MB", beside(func(*maker) []vector.Part { return []vector.Part{{Bytes: make([]byte, 1024), Times: 16 << 10}} })},
		{"endless/signatures", []int{14}, large, "a million SignerInfos", beside(func(*maker) []vector.Part {
			return []vector.Part{{Bytes: []byte{0x30, 0x83, 0x1e, 0x84, 0x80}, Times: 1}, {Bytes: []byte{0x30, 0}, Times: 1000000}}
		})},
		{"endless/certificates", []int{14}, wants(verify.SignatureMalformed), "a hundred thousand certificates, all the same", beside(func(m *maker) []vector.Part { return manyCertificates(m, 100000) })},
		{"endless/one-certificate", []int{14, 16}, wants(verify.SignatureMalformed), "one certificate of 800,000 bytes of nothing", beside(func(*maker) []vector.Part {
			return []vector.Part{{Bytes: []byte{0x30, 0x83, 0x0c, 0x35, 0x00}, Times: 1}, {Bytes: []byte{5, 0}, Times: 400000}}
		})},
		{"endless/index", []int{14}, broken, "an image index with a hundred thousand manifests", instead("image/index.json", func(*maker) []vector.Part {
			one := `{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:` + strings.Repeat("0", 64) + `","size":1},`
			return []vector.Part{
				{Bytes: []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[`), Times: 1},
				{Bytes: []byte(one), Times: 100000}, {Bytes: []byte(one[:len(one)-1] + "]}"), Times: 1},
			}
		})},
		{"endless/index-nested", []int{14, 16}, broken, "an image index nested a million deep", instead("image/index.json", func(*maker) []vector.Part {
			return []vector.Part{{Bytes: []byte("["), Times: 1000000}, {Bytes: []byte("]"), Times: 1000000}}
		})},
		{"endless/deb-members", []int{14}, broken, "a package of a hundred thousand members", func(m *maker) {
			m.file = "package.deb"
			m.recipe = &vector.Recipe{File: m.file, Parts: []vector.Part{{Bytes: content(), Times: 1}, {Bytes: debMember("_x", ""), Times: 100000}}}
		}},
		{"endless/image-signatures", []int{14, 6}, wants(verify.DigestMismatch), "an image with a hundred signatures of another image", func(m *maker) {
			l := pki.NewLayout(m, filepath.Join(m.dir, "image"))
			d := l.Image(m, "a layer")
			l.Tag(m, d, "v1")
			bad := m.p.SignOCI(m, l.Image(m, "other"))
			one := referrer(m, l, d, bad)
			for range 100 {
				l.Entries = append(l.Entries, map[string]any{"mediaType": one.MediaType, "digest": one.Digest, "size": one.Size})
			}
			l.Save(m)
			m.file = "image:v1"
		}},
	}
}

// manyCertificates is a SignedData whose bag has n tiny certificates.
func manyCertificates(m *maker, n int) []vector.Part {
	m.Helper()
	unit := []byte{0x30, 0}
	head := func(rest int) []byte { return append([]byte{0x30}, length(rest)...) }
	algorithms := element(0x31, element(0x30, pki.DER(m, pki.OIDSHA256)))
	encap := element(0x30, pki.DER(m, pki.OIDData))
	bag := append([]byte{0xa0}, length(n*len(unit))...)
	tail := []byte{0x31, 0}
	body := len([]byte{2, 1, 1}) + len(algorithms) + len(encap) + len(bag) + n*len(unit) + len(tail)
	inner := head(body)
	wrapped := append([]byte{0xa0}, length(len(inner)+body)...)
	oid := pki.DER(m, pki.OIDSignedData)
	outer := head(len(oid) + len(wrapped) + len(inner) + body)
	return []vector.Part{
		{Bytes: bytes.Join([][]byte{outer, oid, wrapped, inner, {2, 1, 1}, algorithms, encap, bag}, nil), Times: 1},
		{Bytes: unit, Times: n}, {Bytes: tail, Times: 1},
	}
}

// length is the DER of a length above 65,535.
func length(n int) []byte { return []byte{0x83, byte(n >> 16), byte(n >> 8), byte(n)} }
