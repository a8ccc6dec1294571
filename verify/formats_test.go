package verify_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/test/corpora"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// unsignedFiles is one small file of each format that signs something else than its bytes.
func unsignedFiles(t testing.TB) map[format.Kind]string {
	t.Helper()
	windows, java := corpora.Folder(t, "authenticode"), corpora.Folder(t, "jar")
	return map[format.Kind]string{
		format.PE: filepath.Join(windows, "signserver", "HelloPE.exe"), format.CAB: filepath.Join(windows, "relic", "dummy.cab"),
		format.MSI: filepath.Join(windows, "signserver", "sample.msi"), format.JAR: filepath.Join(java, "signserver", "HelloJar.jar"),
	}
}

func TestGoodFormats(t *testing.T) {
	p := pki.New(t)
	v := newVerifier(t, config(t, p))
	for kind, src := range unsignedFiles(t) {
		path := pki.Copy(t, t.TempDir(), src)
		if got := v.File(context.Background(), path); got.Outcome != verify.NotValid || !got.Has(verify.Unsigned) {
			t.Errorf("%s, unsigned: %v", kind, got.Reasons)
		}
		p.SignFile(t, path)
		got := v.File(context.Background(), path)
		if got.Outcome != verify.Valid || got.Vendor != pki.Vendor || !got.SignedAt.Equal(p.Signed) {
			t.Errorf("%s: %v", kind, got.Reasons)
		}
		if !strings.Contains(got.Signed, "Sha256:") {
			t.Errorf("%s: signed digest %q", kind, got.Signed)
		}
		// Beside the file, a signature over all its bytes goes before the one inside.
		if _, err := format.Attach(pki.Write(t, t.TempDir(), "x", nil, nil), []byte("x"), format.Options{}); err != nil {
			t.Fatal(err)
		}
		raw := readAll(t, path)
		if err := os.WriteFile(path+format.Suffix, p.Sign(t, sha256.Sum256(raw)), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := v.File(context.Background(), path); got.Outcome != verify.Valid || got.Signed != "" {
			t.Errorf("%s, detached: %v", kind, got.Reasons)
		}
	}
}

func readAll(t testing.TB, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// breakage takes a good file of a format and breaks one thing.
type breakage struct {
	name  string
	kinds []format.Kind
	want  verify.Code
	sign  func(t *testing.T, p *pki.PKI, c *pki.CMS)
	file  func(t *testing.T, raw []byte) []byte
}

var (
	windowsKinds = []format.Kind{format.PE, format.CAB, format.MSI}
	allKinds     = []format.Kind{format.PE, format.CAB, format.MSI, format.JAR}
	zipKinds     = []format.Kind{format.JAR}
)

func breakages() []breakage {
	return slices.Concat(signatureBreakages(), peBreakages(), cabBreakages(), msiBreakages(), jarBreakages())
}

func TestFormatsBroken(t *testing.T) {
	sources := unsignedFiles(t)
	p := pki.New(t)
	v := newVerifier(t, config(t, p))
	for _, b := range breakages() {
		for _, kind := range b.kinds {
			t.Run(string(kind)+"/"+b.name, func(t *testing.T) {
				path := pki.Copy(t, t.TempDir(), sources[kind])
				if b.sign != nil {
					p.SignFile(t, path, func(c *pki.CMS) { b.sign(t, p, c) })
				} else {
					p.SignFile(t, path)
				}
				if b.file != nil {
					if err := os.WriteFile(path, b.file(t, readAll(t, path)), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				got := v.File(context.Background(), path)
				if len(got.Reasons) != 1 || got.Reasons[0].Code != b.want || got.Outcome != verify.NotValid {
					t.Errorf("want %s alone, got %v", b.want, got.Reasons)
				}
			})
		}
	}
}

// another is an Authenticode content for another digest.
func another(t *testing.T, kind format.Kind) format.ToBeSigned {
	t.Helper()
	f, err := format.Find(format.Files(), kind)
	if err != nil {
		t.Fatal(err)
	}
	tbs, err := f.ToBeSigned([32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	return tbs
}

func put(t *testing.T, c *pki.CMS, tbs format.ToBeSigned) {
	t.Helper()
	c.Content, c.ContentType = tbs.Content, tbs.ContentType
	c.Replace(pki.OIDContentType, pki.DER(t, tbs.ContentType))
	c.Replace(pki.OIDMessageDigest, pki.DER(t, tbs.Digest[:]))
}

func signatureBreakages() []breakage {
	return []breakage{
		{"timestamp stripped", allKinds, verify.TimestampMissing, func(_ *testing.T, _ *pki.PKI, c *pki.CMS) { c.Token = nil }, nil},
		{"timestamp where CMS has it", windowsKinds, verify.TimestampMissing, func(_ *testing.T, _ *pki.PKI, c *pki.CMS) { c.TokenType = pki.OIDToken }, nil},
		{"timestamp where Authenticode has it", zipKinds, verify.TimestampMissing, func(_ *testing.T, _ *pki.PKI, c *pki.CMS) { c.TokenType = ext.SPCTimeStampToken() }, nil},
		{"nested signature", allKinds, verify.TwoSignatures, func(_ *testing.T, _ *pki.PKI, c *pki.CMS) {
			c.Unsigned = append(c.Unsigned, pki.Attribute{OID: ext.SPCNestedSignature(), Values: [][]byte{{0x30, 0}}})
		}, nil},
		{"content of id-data", windowsKinds, verify.ContentType, func(t *testing.T, _ *pki.PKI, c *pki.CMS) {
			c.ContentType, c.BareContent = pki.OIDData, false
		}, nil},
		{"content type that is not signed", windowsKinds, verify.ContentType, func(t *testing.T, _ *pki.PKI, c *pki.CMS) {
			c.Replace(pki.OIDContentType, pki.DER(t, pki.OIDData))
		}, nil},
		{"content in an OCTET STRING", windowsKinds, verify.SignatureMalformed, func(_ *testing.T, _ *pki.PKI, c *pki.CMS) { c.BareContent = false }, nil},
		{"no content", windowsKinds, verify.SignatureMalformed, func(_ *testing.T, _ *pki.PKI, c *pki.CMS) { c.Content = nil }, nil},
		{"content of its own", zipKinds, verify.NotDetached, func(_ *testing.T, _ *pki.PKI, c *pki.CMS) { c.Content, c.BareContent = []byte("x"), false }, nil},
		{"imprint of another program", []format.Kind{format.PE}, verify.DigestMismatch, func(t *testing.T, _ *pki.PKI, c *pki.CMS) { put(t, c, another(t, format.PE)) }, nil},
		{"imprint of another cabinet", []format.Kind{format.CAB}, verify.DigestMismatch, func(t *testing.T, _ *pki.PKI, c *pki.CMS) { put(t, c, another(t, format.CAB)) }, nil},
		{"imprint of another package", []format.Kind{format.MSI}, verify.DigestMismatch, func(t *testing.T, _ *pki.PKI, c *pki.CMS) { put(t, c, another(t, format.MSI)) }, nil},
		{"content of a cabinet", []format.Kind{format.PE, format.MSI}, verify.SignatureMalformed, func(t *testing.T, _ *pki.PKI, c *pki.CMS) { put(t, c, another(t, format.CAB)) }, nil},
		{"signed digest of other content", windowsKinds, verify.DigestMismatch, func(t *testing.T, _ *pki.PKI, c *pki.CMS) {
			c.Replace(pki.OIDMessageDigest, pki.DER(t, make([]byte, 32)))
		}, nil},
		{"signature value", allKinds, verify.SignatureInvalid, func(_ *testing.T, _ *pki.PKI, c *pki.CMS) {
			c.MangleValue = func(b []byte) []byte { b[len(b)-1] ^= 1; return b }
			c.Token = nil
		}, nil},
		{"summary about another file", allKinds, verify.SummaryInvalid, func(t *testing.T, p *pki.PKI, c *pki.CMS) {
			c.Staple.VSA = p.Summary(t, [32]byte{1}, attest.Passed)
		}, nil},
		{"summary that does not name what is signed", allKinds, verify.SummaryInvalid, func(t *testing.T, p *pki.PKI, c *pki.CMS) {
			c.Staple.VSA = p.Summary(t, c.Digest, attest.Passed)
		}, nil},
		{"byte appended", []format.Kind{format.PE, format.CAB, format.JAR}, verify.DataAfterSignature, nil, func(_ *testing.T, raw []byte) []byte { return append(raw, 0) }},
		{"sector appended", []format.Kind{format.MSI}, verify.DataAfterSignature, nil, func(_ *testing.T, raw []byte) []byte { return append(raw, make([]byte, 512)...) }},
		{"cut off", []format.Kind{format.PE, format.CAB}, verify.ContainerMalformed, nil, func(_ *testing.T, raw []byte) []byte { return raw[:len(raw)-1] }},
	}
}

func le32(b []byte, at int) int { return int(binary.LittleEndian.Uint32(b[at:])) }

func put32(b []byte, at, v int) { binary.LittleEndian.PutUint32(b[at:], uint32(v)) }

// peDirectory is the offset of the certificate table's directory of a 32-bit program.
func peDirectory(raw []byte) int { return le32(raw, 0x3c) + 24 + 128 }

func peBreakages() []breakage {
	pe := []format.Kind{format.PE}
	return []breakage{
		{"code changed", pe, verify.DigestMismatch, nil, func(_ *testing.T, raw []byte) []byte { raw[0x400] ^= 1; return raw }},
		{"header changed", pe, verify.DigestMismatch, nil, func(_ *testing.T, raw []byte) []byte { raw[2] ^= 1; return raw }},
		{"second certificate", pe, verify.TwoSignatures, nil, func(_ *testing.T, raw []byte) []byte {
			at, n := le32(raw, peDirectory(raw)), le32(raw, peDirectory(raw)+4)
			put32(raw, peDirectory(raw)+4, 2*n)
			return append(raw, raw[at:at+n]...)
		}},
		{"section in the certificate table", pe, verify.ContainerMalformed, nil, func(_ *testing.T, raw []byte) []byte {
			sections := le32(raw, 0x3c) + 24 + int(binary.LittleEndian.Uint16(raw[le32(raw, 0x3c)+20:]))
			put32(raw, sections+20, le32(raw, peDirectory(raw)))
			return raw
		}},
		{"something hidden behind the signature in its field", pe, verify.DataAfterSignature, nil, func(_ *testing.T, raw []byte) []byte {
			at, n := le32(raw, peDirectory(raw)), le32(raw, peDirectory(raw)+4)
			put32(raw, peDirectory(raw)+4, n+8)
			put32(raw, at, n+8)
			return append(raw, "hidden.."...)
		}},
		{"certificate of another kind", pe, verify.ContainerMalformed, nil, func(_ *testing.T, raw []byte) []byte {
			raw[le32(raw, peDirectory(raw))+6] = 1
			return raw
		}},
	}
}

func cabBreakages() []breakage {
	cab := []format.Kind{format.CAB}
	return []breakage{
		{"content changed", cab, verify.DigestMismatch, nil, func(_ *testing.T, raw []byte) []byte { raw[le32(raw, 8)-1] ^= 1; return raw }},
		{"number of the set changed", cab, verify.DigestMismatch, nil, func(_ *testing.T, raw []byte) []byte { raw[32] ^= 1; return raw }},
		{"reserved field set", cab, verify.ContainerMalformed, nil, func(_ *testing.T, raw []byte) []byte { raw[4] = 1; return raw }},
		{"number of the cabinet set", cab, verify.ContainerMalformed, nil, func(_ *testing.T, raw []byte) []byte { raw[34] = 1; return raw }},
		{"reserved area points elsewhere", cab, verify.ContainerMalformed, nil, func(_ *testing.T, raw []byte) []byte { raw[44] ^= 8; return raw }},
		{"reserved area has something else", cab, verify.ContainerMalformed, nil, func(_ *testing.T, raw []byte) []byte { raw[52] = 1; return raw }},
	}
}

// utf16 is a name as a compound file's directory has it.
func utf16(s string) []byte {
	var out []byte
	for _, c := range s {
		out = append(out, byte(c), 0)
	}
	return out
}

func msiBreakages() []breakage {
	msi := []format.Kind{format.MSI}
	const summary = "\x05SummaryInformation"
	entry := func(t *testing.T, raw []byte, name string) []byte {
		t.Helper()
		i := bytes.Index(raw, append(utf16(name), 0, 0))
		if i < 0 {
			t.Fatalf("no stream %q", name)
		}
		return raw[i:]
	}
	return []breakage{
		{"stream's time changed", msi, verify.UnsignedContent, nil, func(t *testing.T, raw []byte) []byte { entry(t, raw, summary)[108] ^= 1; return raw }},
		{"stream renamed", msi, verify.UnsignedContent, nil, func(t *testing.T, raw []byte) []byte { entry(t, raw, summary)[2] = 's'; return raw }},
		{"names' digest renamed", msi, verify.UnsignedContent, nil, func(t *testing.T, raw []byte) []byte {
			entry(t, raw, "\x05MsiDigitalSignatureEx")[2] = 'X'
			return raw
		}},
		{"content changed", msi, verify.DigestMismatch, nil, func(t *testing.T, raw []byte) []byte {
			// The property set's first bytes, whichever sector they are in.
			i := bytes.Index(raw, []byte("\xe0\x85\x9f\xf2\xf9\x4f\x68\x10\xab\x91\x08\x00\x2b\x27\xb3\xd9"))
			if i < 0 {
				t.Fatal("no summary information")
			}
			raw[i] ^= 1
			return raw
		}},
		{"two streams share a sector", msi, verify.ContainerMalformed, nil, func(t *testing.T, raw []byte) []byte {
			copy(entry(t, raw, "\x05MsiDigitalSignatureEx")[116:120], entry(t, raw, summary)[116:120])
			return raw
		}},
	}
}

// rezip writes an archive anew, with its entries changed.
func rezip(t *testing.T, raw []byte, change func(name string, content []byte) (string, []byte), more ...string) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	add := func(name string, content []byte) {
		if name == "" {
			return
		}
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range in.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		var content bytes.Buffer
		if _, err := content.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
		add(change(f.Name, content.Bytes()))
	}
	for _, name := range more {
		add(name, []byte("more"))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func same(name string, content []byte) (string, []byte) { return name, content }

func jarBreakages() []breakage {
	jar := zipKinds
	zipped := func(change func(string, []byte) (string, []byte), more ...string) func(*testing.T, []byte) []byte {
		return func(t *testing.T, raw []byte) []byte { t.Helper(); return rezip(t, raw, change, more...) }
	}
	only := func(suffix string, change func([]byte) []byte) func(*testing.T, []byte) []byte {
		return zipped(func(name string, content []byte) (string, []byte) {
			if strings.HasSuffix(name, suffix) {
				content = change(content)
			}
			return name, content
		})
	}
	appended := func(b []byte) []byte { return append(b, "Name: other\r\n\r\n"...) }
	without := func(suffix string) func(*testing.T, []byte) []byte {
		return zipped(func(name string, content []byte) (string, []byte) {
			if strings.HasSuffix(name, suffix) {
				name = ""
			}
			return name, content
		})
	}
	return []breakage{
		{"entry changed", jar, verify.DigestMismatch, nil, only(".class", func(b []byte) []byte { b[0] ^= 1; return b })},
		{"entry removed", jar, verify.DigestMismatch, nil, without(".class")},
		{"entry added", jar, verify.UnsignedContent, nil, zipped(same, "evil.txt")},
		{"entry added to META-INF", jar, verify.UnsignedContent, nil, zipped(same, "META-INF/services/evil")},
		{"manifest changed", jar, verify.DigestMismatch, nil, only("MANIFEST.MF", appended)},
		{"manifest's main section changed", jar, verify.DigestMismatch, nil, only("MANIFEST.MF", func(b []byte) []byte {
			return bytes.Replace(b, []byte("Manifest-Version: 1.0\r\n"), []byte("Manifest-Version: 1.0\r\nClass-Path: evil.jar\r\n"), 1)
		})},
		{"signature file of another archive", jar, verify.DigestMismatch, nil, only(".SF", func(b []byte) []byte {
			return bytes.Replace(b, []byte("SHA-256-Digest-Manifest: "), []byte("SHA-256-Digest-Manifest: A"), 1)
		})},
		{"signature file removed", jar, verify.ContainerMalformed, nil, without("HALLMARK.SF")},
		{"signature block removed", jar, verify.ContainerMalformed, nil, without("HALLMARK.EC")},
		{"second signature", jar, verify.TwoSignatures, nil, zipped(same, "META-INF/OTHER.SF", "META-INF/OTHER.RSA")},
		{"second block", jar, verify.TwoSignatures, nil, zipped(same, "META-INF/HALLMARK.RSA")},
		{"entry twice", jar, verify.ContainerMalformed, nil, zipped(same, "META-INF/MANIFEST.MF")},
		{"something between the entries", jar, verify.ContainerMalformed, nil, func(t *testing.T, raw []byte) []byte {
			end := len(raw) - 22
			at := le32(raw, end+16)
			put32(raw, end+16, at+4)
			return slices.Concat(raw[:at], []byte("evil"), raw[at:])
		}},
		{"names that differ in front and behind", jar, verify.ContainerMalformed, nil, func(_ *testing.T, raw []byte) []byte {
			i := bytes.Index(raw, []byte(".class"))
			raw[i-1] ^= 1
			return raw
		}},
	}
}
