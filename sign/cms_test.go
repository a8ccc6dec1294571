package sign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/sassoftware/relic/v7/lib/pkcs7"
	smallstep "github.com/smallstep/pkcs7"
)

var testContent = []byte("what the builder built\n")

func digestOf(h crypto.Hash, b []byte) []byte {
	w := h.New()
	w.Write(b)
	return w.Sum(nil)
}

func buildTestCMS(t testing.TB, p *pki, leaf *authority, h crypto.Hash) *CMS {
	t.Helper()
	c, err := BuildCMS(context.Background(), CMSInput{Hash: h, Digest: digestOf(h, testContent), Signer: leaf.key,
		Chain: []*x509.Certificate{leaf.cert, p.issuing.cert}, SigningTime: time.Now()})
	must(t, err)
	hash, imprint := c.Imprint()
	token, err := p.StampDigest(context.Background(), hash, imprint)
	must(t, err)
	must(t, c.AddTimestamp(token))
	return c
}

func marshal(t testing.TB, c *CMS) []byte {
	t.Helper()
	der, err := c.Marshal()
	must(t, err)
	return der
}

func testLeaves(t testing.TB, p *pki) map[string]*authority {
	return map[string]*authority{
		"P-256":    p.leaf(t, newKey(t, elliptic.P256())),
		"P-384":    p.leaf(t, newKey(t, elliptic.P384())),
		"RSA-3072": p.leaf(t, rsaKey(t)),
	}
}

func TestCMSWithOpenSSL(t *testing.T) {
	p := newPKI(t)
	for name, leaf := range testLeaves(t, p) {
		for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
			t.Run(name+"/"+h.String(), func(t *testing.T) {
				dir := t.TempDir()
				root := writePEM(t, filepath.Join(dir, "root.pem"), p.root.cert)
				good := writeFile(t, filepath.Join(dir, "file"), testContent)
				bad := writeFile(t, filepath.Join(dir, "other"), append([]byte("x"), testContent...))
				sig := writeFile(t, filepath.Join(dir, "file.p7s"), marshal(t, buildTestCMS(t, p, leaf, h)))
				verify := func(content string) (string, error) {
					return openssl(t, "cms", "-verify", "-binary", "-inform", "DER", "-in", sig, "-content", content, "-CAfile", root, "-purpose", "any", "-out", filepath.Join(dir, "out"))
				}
				if out, err := verify(good); err != nil {
					t.Errorf("openssl refuses: %v\n%s", err, out)
				}
				if out, err := verify(bad); err == nil {
					t.Errorf("openssl accepts other content:\n%s", out)
				}
			})
		}
	}
}

// readCMS is how relic reads the signer of a signature; what it read, it writes as it was.
func readCMS(t *testing.T, c *CMS) pkcs7.SignerInfo {
	t.Helper()
	der := marshal(t, c)
	psd, err := pkcs7.Unmarshal(der)
	must(t, err)
	info := psd.Content.SignerInfos[0]
	psd.Content.SignerInfos[0].RawContent = nil
	again, err := psd.Marshal()
	must(t, err)
	if !bytes.Equal(again, der) {
		t.Errorf("relic writes\n%x, not\n%x", again, der)
	}
	return info
}

// TestTimestampWithOpenSSL takes the token out again and has openssl judge it.
func TestTimestampWithOpenSSL(t *testing.T) {
	p := newPKI(t)
	c := buildTestCMS(t, p, p.leaf(t, newKey(t, elliptic.P256())), crypto.SHA256)
	var token asn1.RawValue
	list := readCMS(t, c).UnauthenticatedAttributes
	must(t, list.GetOne(ext.TimeStampToken(), &token))
	dir := t.TempDir()
	out, err := openssl(t, "ts", "-verify", "-token_in", "-in", writeFile(t, filepath.Join(dir, "token"), token.FullBytes),
		"-data", writeFile(t, filepath.Join(dir, "value"), c.SignatureValue()), "-CAfile", writePEM(t, filepath.Join(dir, "root.pem"), p.root.cert))
	if err != nil {
		t.Fatalf("openssl ts: %v\n%s", err, out)
	}
}

func TestCMSPrintedByOpenSSL(t *testing.T) {
	p := newPKI(t)
	sig := writeFile(t, filepath.Join(t.TempDir(), "sig"), marshal(t, buildTestCMS(t, p, p.leaf(t, newKey(t, elliptic.P256())), crypto.SHA256)))
	out, err := openssl(t, "cms", "-cmsout", "-print", "-noout", "-inform", "DER", "-in", sig)
	must(t, err)
	for _, want := range []string{"id-smime-aa-signingCertificateV2", "contentType (1.2.840.113549.1.9.3)", "signingTime (1.2.840.113549.1.9.5)",
		"messageDigest (1.2.840.113549.1.9.4)", "1.2.840.113549.1.9.52", "id-smime-aa-timeStampToken", "ecdsa-with-SHA256", "eContent: <ABSENT>"} {
		if !strings.Contains(out, want) {
			t.Errorf("openssl prints no %q:\n%s", want, out)
		}
	}
}

// TestCMSWithLibraries has two other implementations read it; smallstep's encodes
// the signed attributes anew, so it takes DER order only.
func TestCMSWithLibraries(t *testing.T) {
	p := newPKI(t)
	pool := x509.NewCertPool()
	pool.AddCert(p.root.cert)
	for name, leaf := range testLeaves(t, p) {
		t.Run(name, func(t *testing.T) {
			der := marshal(t, buildTestCMS(t, p, leaf, crypto.SHA256))
			msg, err := smallstep.Parse(der)
			must(t, err)
			msg.Content = testContent
			must(t, msg.VerifyWithChainAtTime(pool, time.Now()))
			psd, err := pkcs7.Unmarshal(der)
			must(t, err)
			_, err = psd.Content.Verify(testContent, false)
			must(t, err)
		})
	}
}

func TestCMSIsDER(t *testing.T) {
	p := newPKI(t)
	for name, leaf := range testLeaves(t, p) {
		der := marshal(t, buildTestCMS(t, p, leaf, crypto.SHA256))
		if n := checkSets(t, "", der); n != len(implicitSets) {
			t.Errorf("%s: found %d of %d implicit SETs", name, n, len(implicitSets))
		}
		psd, err := pkcs7.Unmarshal(der)
		must(t, err)
		var oids []string
		for _, a := range psd.Content.SignerInfos[0].AuthenticatedAttributes {
			oids = append(oids, a.Type.String())
		}
		want := []string{ext.ContentType().String(), ext.SigningTime().String(), ext.CMSAlgorithmProtection().String(), ext.MessageDigest().String(), ext.SigningCertificateV2().String()}
		if name == "P-256" {
			if diff := cmp.Diff(want, oids); diff != "" {
				t.Errorf("signed attributes (-want +got):\n%s", diff)
			}
		}
	}
}

// Paths of the implicitly tagged SETs of a ContentInfo: certificates, signed and
// unsigned attributes.
var implicitSets = []string{"/c0/u16/c0", "/c0/u16/u17/u16/c0", "/c0/u16/u17/u16/c1"}

// checkSets walks a DER value and fails where the elements of a SET are not in
// ascending order. It returns how many of implicitSets it met.
func checkSets(t *testing.T, path string, der []byte) (met int) {
	t.Helper()
	var v asn1.RawValue
	rest, err := asn1.Unmarshal(der, &v)
	if err != nil || len(rest) > 0 {
		t.Fatalf("%s: not one DER value: %v", path, err)
	}
	if !v.IsCompound {
		return 0
	}
	implicit := slices.Contains(implicitSets, path)
	if implicit {
		met++
	}
	set := implicit || v.Class == asn1.ClassUniversal && v.Tag == asn1.TagSet
	var last []byte
	for in := v.Bytes; len(in) > 0; {
		var e asn1.RawValue
		in, err = asn1.Unmarshal(in, &e)
		must(t, err)
		if set && bytes.Compare(last, e.FullBytes) > 0 {
			t.Errorf("%s: SET is not in DER order", path)
		}
		last = e.FullBytes
		met += checkSets(t, fmt.Sprintf("%s/%c%d", path, "uacp"[e.Class], e.Tag), e.FullBytes)
	}
	return met
}

func TestSigningTimeEncoding(t *testing.T) {
	p := newPKI(t)
	leaf := p.leaf(t, newKey(t, elliptic.P256()))
	for year, tag := range map[int]int{2049: asn1.TagUTCTime, 2050: asn1.TagGeneralizedTime} {
		at := time.Date(year, 6, 1, 12, 0, 0, 999, time.FixedZone("", 3600))
		c, err := BuildCMS(context.Background(), CMSInput{Digest: digestOf(crypto.SHA256, nil), Signer: leaf.key, Chain: []*x509.Certificate{leaf.cert}, SigningTime: at})
		must(t, err)
		var raw asn1.RawValue
		info := readCMS(t, c)
		must(t, info.AuthenticatedAttributes.GetOne(ext.SigningTime(), &raw))
		if raw.Tag != tag || !bytes.HasSuffix(raw.Bytes, []byte("0601110000Z")) {
			t.Errorf("%d: tag %d, %q", year, raw.Tag, raw.Bytes)
		}
	}
}

// brokenSigner returns the signature of something else.
type brokenSigner struct{ crypto.Signer }

func (s brokenSigner) Sign(r io.Reader, d []byte, o crypto.SignerOpts) ([]byte, error) {
	other := sha256.Sum256(d)
	return s.Signer.Sign(r, other[:], o)
}

// failingSigner returns an error.
type failingSigner struct{ crypto.Signer }

func (failingSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errBroken
}

func TestBuildCMSRefuses(t *testing.T) {
	p := newPKI(t)
	leaf, other := p.leaf(t, newKey(t, elliptic.P256())), p.leaf(t, newKey(t, elliptic.P256()))
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	good := CMSInput{Digest: digestOf(crypto.SHA256, testContent), Signer: leaf.key, Chain: []*x509.Certificate{leaf.cert, p.issuing.cert}, SigningTime: time.Now()}
	for name, c := range map[string]struct {
		change func(*CMSInput)
		want   string
	}{
		"no signer":          {func(in *CMSInput) { in.Signer = nil }, "no signer"},
		"no chain":           {func(in *CMSInput) { in.Chain = nil }, "no certificate"},
		"short digest":       {func(in *CMSInput) { in.Digest = in.Digest[:31] }, "digest of 31 bytes"},
		"SHA-1":              {func(in *CMSInput) { in.Hash, in.Digest = crypto.SHA1, make([]byte, 20) }, "digest algorithm"},
		"another's key":      {func(in *CMSInput) { in.Signer = other.key }, "not the signer's"},
		"Ed25519":            {func(in *CMSInput) { in.Signer = ed }, "key type"},
		"chain out of order": {func(in *CMSInput) { in.Chain = []*x509.Certificate{leaf.cert, p.root.cert} }, "certificate 1 of the chain"},
		"failing key device": {func(in *CMSInput) { in.Signer = failingSigner{leaf.key} }, "broken on purpose"},
		"faulty key device":  {func(in *CMSInput) { in.Signer = brokenSigner{leaf.key} }, "does not verify"},
	} {
		in := good
		c.change(&in)
		if _, err := BuildCMS(context.Background(), in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := BuildCMS(ctx, good); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestKeyInMemory: what is not verified is a standard library's ECDSA key, and nothing else
// that signs with ECDSA; nor is another's key taken for the certificate's.
func TestKeyInMemory(t *testing.T) {
	p := newPKI(t)
	leaf := p.leaf(t, newKey(t, elliptic.P256()))
	in := CMSInput{Digest: digestOf(crypto.SHA256, testContent), Signer: leaf.key, Chain: []*x509.Certificate{leaf.cert, p.issuing.cert}, SigningTime: time.Now()}
	c, err := BuildCMS(t.Context(), in)
	must(t, err)
	info := readCMS(t, c)
	der, err := info.AuthenticatedAttributes.Bytes()
	must(t, err)
	if !ecdsa.VerifyASN1(leaf.cert.PublicKey.(*ecdsa.PublicKey), digestOf(crypto.SHA256, der), c.SignatureValue()) {
		t.Error("the signature does not verify")
	}
	in.Signer = brokenSigner{leaf.key}
	if _, err := BuildCMS(t.Context(), in); err == nil {
		t.Error("what a device returned was not verified")
	}
}

func TestAddUnsignedRefuses(t *testing.T) {
	p := newPKI(t)
	c := buildTestCMS(t, p, p.leaf(t, newKey(t, elliptic.P256())), crypto.SHA256)
	for name, der := range map[string][]byte{"no DER": []byte("x"), "trailing": {5, 0, 5, 0}, "empty": nil} {
		if err := c.AddUnsigned(asn1.ObjectIdentifier{1, 2, 3}, der); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := c.AddTimestamp([]byte{5, 0}); err == nil {
		t.Error("second timestamp accepted")
	}
}
