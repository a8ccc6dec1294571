package verify_test

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// negative takes a good signed file, breaks one thing, and sees one refusal.
type negative struct {
	name string
	want verify.Code
	// sign makes the signature; nil makes a good one.
	sign func(t *testing.T, p *pki.PKI, digest [32]byte) []byte
	// config changes the verifier; nil leaves it alone.
	config func(t *testing.T, p *pki.PKI, c *verify.Config)
	// file changes the signed package and returns the path to judge.
	file func(t *testing.T, path string) string
	// ctx replaces the context.
	ctx func() context.Context
}

func negatives() []negative {
	return slices.Concat(fileNegatives(), cmsNegatives(), attributeNegatives(), timestampNegatives(), chainNegatives(), pathNegatives(),
		markNegatives(), assessmentNegatives(), asOfNegatives(), ruleNegatives(), revocationNegatives(), evidenceNegatives(), confirmNegatives(), formNegatives())
}

func TestNegatives(t *testing.T) {
	for _, n := range negatives() {
		t.Run(string(n.want)+"/"+n.name, func(t *testing.T) {
			t.Parallel()
			n.run(t)
		})
	}
}

func (n negative) run(t *testing.T) {
	n.runAs(t, func(ctx context.Context, c verify.Config, path string) verify.Verdict {
		return newVerifier(t, c).File(ctx, path)
	})
}

// runAs lets judge say what the verdict is.
func (n negative) runAs(t *testing.T, judge func(ctx context.Context, c verify.Config, path string) verify.Verdict) {
	p := pki.New(t)
	c := config(t, p)
	if n.config != nil {
		n.config(t, p, &c)
	}
	sign := func(d [32]byte) []byte { return p.Sign(t, d) }
	if n.sign != nil {
		sign = func(d [32]byte) []byte { return n.sign(t, p, d) }
	}
	path := pki.Write(t, t.TempDir(), "package.deb", pki.Deb([]byte("payload")), sign)
	if n.file != nil {
		path = n.file(t, path)
	}
	ctx := context.Background()
	if n.ctx != nil {
		ctx = n.ctx()
	}
	got := judge(ctx, c, path)
	if len(got.Reasons) != 1 || got.Reasons[0].Code != n.want {
		t.Fatalf("want %s alone, got %v", n.want, got.Reasons)
	}
	if got.Outcome != n.want.Outcome() || got.Outcome == verify.Valid {
		t.Errorf("outcome %v", got.Outcome)
	}
}

// TestEveryCodeHasANegative keeps the enumeration and its tests together: there is no
// code without a test that breaks exactly one thing and sees exactly that code.
func TestEveryCodeHasANegative(t *testing.T) {
	// Found before there is a Verifier, and what only a bug can cause.
	elsewhere := map[verify.Code][2]string{
		verify.TrustUnusable:  {"command/unusable_test.go", "TestUnusable"},
		verify.PolicyUnusable: {"command/unusable_test.go", "TestUnusable"},
		verify.StatusUnusable: {"command/unusable_test.go", "TestUnusable"},
		verify.InternalError:  {"damage_test.go", "TestPanicIsNotValid"},
		// Where a file lies is judged by package install, and whether it is what apt says.
		verify.FileReplaceable: {"install/path_test.go", "TestCheckPath"},
		verify.PackageMismatch: {"../test/installer/apt_test.go", "TestMismatch"},
	}
	for _, c := range verify.Codes() {
		covered := slices.ContainsFunc(negatives(), func(n negative) bool { return n.want == c }) ||
			slices.ContainsFunc(breakages(), func(b breakage) bool { return b.want == c })
		where, named := elsewhere[c]
		if covered == named {
			t.Errorf("%s: covered %t", c, covered)
		}
		if !named {
			continue
		}
		raw, err := os.ReadFile(where[0])
		if err != nil || !strings.Contains(string(raw), "func "+where[1]+"(") {
			t.Errorf("%s: no %s in %s", c, where[1], where[0])
		}
	}
}

func rewrite(change func([]byte) []byte) func(*testing.T, string) string {
	return func(t *testing.T, path string) string {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, change(b), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
}

func fileNegatives() []negative {
	member := func(b []byte) []byte { // the signature's member, header and all
		return b[slices.Index(b, '_'):]
	}
	return []negative{
		{name: "absent", want: verify.FileUnreadable, file: func(_ *testing.T, path string) string { return path + ".absent" }},
		{name: "directory", want: verify.FileUnreadable, file: func(_ *testing.T, path string) string { return filepath.Dir(path) }},
		{name: "no signature", want: verify.Unsigned, file: rewrite(func(b []byte) []byte { return pki.Deb([]byte("payload")) })},
		{name: "no signature beside the file", want: verify.Unsigned, file: rewrite(func(b []byte) []byte { return []byte("no package") })},
		{name: "one byte appended", want: verify.DataAfterSignature, file: rewrite(func(b []byte) []byte { return append(b, 0) })},
		{name: "member appended", want: verify.DataAfterSignature, file: rewrite(func(b []byte) []byte {
			return append(b, pki.Deb(nil)[8:]...)
		})},
		{name: "signature twice", want: verify.TwoSignatures, file: rewrite(func(b []byte) []byte { return append(b, member(b)...) })},
		{name: "cut off", want: verify.ContainerMalformed, file: rewrite(func(b []byte) []byte { return b[:len(b)-2] })},
		{name: "signature too large", want: verify.SignatureTooLarge, file: func(t *testing.T, path string) string {
			t.Helper()
			path += ".tar"
			for name, size := range map[string]int{path: 1, path + format.Suffix: format.MaxSignatureBytes + 1} {
				if err := os.WriteFile(name, make([]byte, size), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			return path
		}},
		{name: "byte changed in the package", want: verify.DigestMismatch, file: rewrite(func(b []byte) []byte {
			b[len("!<arch>\n")+60] ^= 1
			return b
		})},
		{name: "caller gave up", want: verify.Canceled, ctx: func() context.Context {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			return ctx
		}},
	}
}

// edit makes a good signature with one edit.
func edit(change func(c *pki.CMS)) func(*testing.T, *pki.PKI, [32]byte) []byte {
	return func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
		t.Helper()
		return p.Sign(t, d, change)
	}
}

// mangle makes a good signature and changes its bytes.
func mangle(change func([]byte) []byte) func(*testing.T, *pki.PKI, [32]byte) []byte {
	return func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
		t.Helper()
		return change(p.Sign(t, d))
	}
}

func cmsNegatives() []negative {
	return []negative{
		{name: "not DER", want: verify.SignatureMalformed, sign: mangle(func([]byte) []byte { return []byte("-----BEGIN CMS-----") })},
		{name: "trailing byte", want: verify.SignatureMalformed, sign: mangle(func(b []byte) []byte { return append(b, 0) })},
		{name: "indefinite length", want: verify.SignatureMalformed, sign: mangle(indefinite)},
		{name: "SignedData version", want: verify.SignatureMalformed, sign: edit(func(c *pki.CMS) { c.Version = 3 })},
		{name: "SignerInfo version", want: verify.SignatureMalformed, sign: edit(func(c *pki.CMS) { c.SignerVersion = 3 })},
		{name: "CRLs inside", want: verify.SignatureMalformed, sign: edit(func(c *pki.CMS) { c.RevocationSet = []byte{0x30, 0} })},
		{name: "certificate twice", want: verify.SignatureMalformed, sign: edit(func(c *pki.CMS) {
			c.Certificates = append(c.Certificates, c.Certificates[0])
		})},
		{name: "certificate is none", want: verify.SignatureMalformed, sign: edit(func(c *pki.CMS) {
			c.Certificates = append(c.Certificates, []byte{0x30, 0})
		})},
		{name: "attribute certificate", want: verify.SignatureMalformed, sign: edit(func(c *pki.CMS) {
			c.Certificates = append(c.Certificates, []byte{0xa1, 0})
		})},
		{name: "attributes unsorted", want: verify.SignatureMalformed, sign: edit(func(c *pki.CMS) {
			slices.Reverse(c.Signed)
			c.Unsorted = true
		})},
		{name: "too many certificates", want: verify.SignatureTooLarge, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			return p.Sign(t, d, func(c *pki.CMS) {
				for range 8 {
					c.Certificates = append(c.Certificates, p.NewLeaf(t, p.High, p.Claims(1)).Cert.Raw)
				}
			})
		}},
		{name: "content inside", want: verify.NotDetached, sign: edit(func(c *pki.CMS) { c.Content = []byte("other") })},
		{name: "empty content inside", want: verify.NotDetached, sign: edit(func(c *pki.CMS) { c.Content = []byte{} })},
		{name: "no signer", want: verify.SignerCount, sign: edit(func(c *pki.CMS) { c.SignerInfos = 0 })},
		{name: "two signers", want: verify.SignerCount, sign: edit(func(c *pki.CMS) { c.SignerInfos = 2 })},
		{name: "timestamp's content type", want: verify.ContentType, sign: edit(func(c *pki.CMS) {
			c.ContentType = []int{1, 2, 840, 113549, 1, 9, 16, 1, 4}
		})},
		{name: "SHA-1", want: verify.AlgorithmRefused, sign: edit(func(c *pki.CMS) {
			c.DigestAlg, c.Announced[0] = pki.OIDSHA1, pki.OIDSHA1
			c.Replace(pki.OIDProtection, pki.Protection(c.DigestAlg, c.SignatureAlg))
		})},
		{name: "announced another digest", want: verify.AlgorithmRefused, sign: edit(func(c *pki.CMS) { c.Announced[0] = pki.OIDSHA512 })},
		{name: "signature hashed otherwise", want: verify.AlgorithmRefused, sign: edit(func(c *pki.CMS) {
			c.SignatureAlg = pki.OIDECDSAWithSHA512
			c.Replace(pki.OIDProtection, pki.Protection(c.DigestAlg, c.SignatureAlg))
		})},
		{name: "RSA algorithm for an EC key", want: verify.SignatureInvalid, sign: edit(func(c *pki.CMS) {
			c.SignatureAlg = pki.OIDSHA256WithRSA
			c.Replace(pki.OIDProtection, pki.Protection(c.DigestAlg, c.SignatureAlg))
		})},
		{name: "no signed attributes", want: verify.AttributeMissing, sign: edit(func(c *pki.CMS) { c.NoSigned = true })},
		{name: "another file's digest", want: verify.DigestMismatch, sign: func(t *testing.T, p *pki.PKI, _ [32]byte) []byte {
			return p.Sign(t, sha256.Sum256([]byte("another file")))
		}},
		{name: "value changed", want: verify.SignatureInvalid, sign: edit(func(c *pki.CMS) {
			c.MangleValue = func(b []byte) []byte { b[len(b)-1] ^= 1; return b }
		})},
		{name: "another key", want: verify.SignatureInvalid, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			return p.Sign(t, d, func(c *pki.CMS) {
				c.Signer = &pki.Identity{Cert: p.Leaf.Cert, Key: pki.Key(t)}
			})
		}},
	}
}

// indefinite makes the outer length indefinite, which is BER and not DER.
func indefinite(der []byte) []byte {
	header := 2 + int(der[1]&0x7f)
	return append(append([]byte{0x30, 0x80}, der[header:]...), 0, 0)
}

func attributeNegatives() []negative {
	missing := func(name string, oid []int) negative {
		return negative{name: name, want: verify.AttributeMissing, sign: edit(func(c *pki.CMS) { c.Replace(oid) })}
	}
	twice := func(name string, oid []int) negative {
		return negative{name: name, want: verify.AttributeDuplicate, sign: edit(func(c *pki.CMS) {
			i := slices.IndexFunc(c.Signed, func(a pki.Attribute) bool { return a.OID.Equal(oid) })
			c.Signed = append(c.Signed, c.Signed[i])
		})}
	}
	malformed := func(name string, oid []int, value ...byte) negative {
		return negative{name: name, want: verify.AttributeMalformed, sign: edit(func(c *pki.CMS) { c.Replace(oid, value) })}
	}
	return []negative{
		missing("content type", pki.OIDContentType),
		missing("message digest", pki.OIDMessageDigest),
		missing("signing time", pki.OIDSigningTime),
		missing("signing certificate", pki.OIDSigningCertificate),
		missing("algorithm protection", pki.OIDProtection),
		twice("content type", pki.OIDContentType),
		twice("message digest", pki.OIDMessageDigest),
		twice("signing time", pki.OIDSigningTime),
		twice("signing certificate", pki.OIDSigningCertificate),
		{name: "two values", want: verify.AttributeDuplicate, sign: edit(func(c *pki.CMS) {
			for i, a := range c.Signed {
				if a.OID.Equal(pki.OIDMessageDigest) {
					c.Signed[i].Values = append(a.Values, []byte{4, 1, 0})
				}
			}
		})},
		{name: "no value", want: verify.AttributeDuplicate, sign: edit(func(c *pki.CMS) {
			for i, a := range c.Signed {
				if a.OID.Equal(pki.OIDSigningTime) {
					c.Signed[i].Values = nil
				}
			}
		})},
		malformed("content type", pki.OIDContentType, 4, 1, 0),
		malformed("message digest", pki.OIDMessageDigest, 2, 1, 0),
		malformed("signing time", pki.OIDSigningTime, 2, 1, 0),
		malformed("signing certificate", pki.OIDSigningCertificate, 2, 1, 0),
		malformed("algorithm protection", pki.OIDProtection, 2, 1, 0),
		{name: "signed content type", want: verify.ContentType, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			return p.Sign(t, d, func(c *pki.CMS) { c.Replace(pki.OIDContentType, pki.DER(t, pki.OIDSignedData)) })
		}},
		{name: "timestamp among the signed attributes", want: verify.AttributeMalformed, sign: edit(func(c *pki.CMS) {
			c.Signed = append(c.Signed, pki.Attribute{OID: pki.OIDToken, Values: [][]byte{{0x30, 0}}})
		})},
		{name: "signing time among the unsigned attributes", want: verify.AttributeMalformed, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			return p.Sign(t, d, func(c *pki.CMS) {
				c.Unsigned = []pki.Attribute{{OID: pki.OIDSigningTime, Values: [][]byte{pki.DER(t, p.Now)}}}
			})
		}},
		{name: "protects another digest", want: verify.AlgorithmProtection, sign: edit(func(c *pki.CMS) {
			c.Replace(pki.OIDProtection, pki.Protection(pki.OIDSHA512, c.SignatureAlg))
		})},
		{name: "protects another signature", want: verify.AlgorithmProtection, sign: edit(func(c *pki.CMS) {
			c.Replace(pki.OIDProtection, pki.Protection(c.DigestAlg, pki.OIDSHA256WithRSA))
		})},
		{name: "hash of another certificate", want: verify.SigningCertificate, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			return p.Sign(t, d, func(c *pki.CMS) { c.Replace(pki.OIDSigningCertificate, pki.SigningCertificate(p.High.Cert.Raw)) })
		}},
		{name: "same names and key, another certificate", want: verify.SigningCertificate, sign: swapLeaf},
		{name: "certificate left out", want: verify.SignerUnknown, sign: edit(func(c *pki.CMS) { c.Certificates = c.Certificates[1:] })},
		{name: "two certificates of that serial number", want: verify.SignerUnknown, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			return p.Sign(t, d, func(c *pki.CMS) { c.Certificates = append(c.Certificates, sameSerial(t, p).Raw) })
		}},
		{name: "before the certificate", want: verify.SigningTime, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			return p.Sign(t, d, func(c *pki.CMS) {
				c.Replace(pki.OIDSigningTime, pki.DER(t, p.Leaf.Cert.NotBefore.AddDate(0, 0, -1)))
			})
		}},
		{name: "after the certificate", want: verify.SigningTime, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			return p.Sign(t, d, func(c *pki.CMS) {
				c.Replace(pki.OIDSigningTime, pki.DER(t, p.Leaf.Cert.NotAfter.AddDate(0, 0, 1)))
			})
		}},
	}
}
