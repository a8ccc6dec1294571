package lint_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ca/lint"
	"github.com/hallmark-pki/hallmark/ext"
)

// TestGood: each profile passes every rule of ours that is about it, and nothing of
// zlint's speaks against it. Told or guessed, the kind is the same.
func TestGood(t *testing.T) {
	h, l := made(t), newLinter(t)
	passed := map[string]bool{}
	for kind, cert := range h.certs {
		ctx := h.context(kind)
		for _, told := range []lint.Kind{kind, ""} {
			ctx.Kind = told
			c, err := lint.Read(cert.Raw, ctx)
			if err != nil {
				t.Fatal(err)
			}
			if c.Kind != kind {
				t.Errorf("%s is guessed to be %s", kind, c.Kind)
			}
			if found := l.Findings(c); len(found) != 0 {
				t.Errorf("%s: %v", kind, found)
			}
			for _, r := range l.All(c) {
				passed[r.Rule] = passed[r.Rule] || r.Status == lint.Pass
			}
		}
	}
	for _, r := range lint.Rules() {
		if !passed[r.ID] {
			t.Errorf("%s passed nowhere", r.ID)
		}
	}
}

// defect breaks one thing of a good certificate.
type defect struct {
	rule   string
	name   string
	kind   lint.Kind // "": leaf
	change func(*x509.Certificate)
	key    crypto.PublicKey
	bytes  func(t *testing.T, der []byte) []byte
	ctx    func(*lint.Context)
	// also names other rules that the same defect breaks by nature.
	also []string
}

func stray(id ...int) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: id, Value: []byte{5, 0}})
	}
}

func remark(m ext.Mark) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		extensions, err := ext.DefaultArc().Extensions(m)
		if err != nil {
			panic(err)
		}
		c.ExtraExtensions = extensions
	}
}

func replace(old, with []byte) func(*testing.T, []byte) []byte {
	return func(t *testing.T, der []byte) []byte {
		t.Helper()
		if len(old) != len(with) || bytes.Count(der, old) == 0 {
			t.Fatalf("% x stands %d times", old, bytes.Count(der, old))
		}
		return bytes.Replace(der, old, with, 1)
	}
}

func rsaKey(bits, e int) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(12345)), E: e}
}

func ecKey(c elliptic.Curve) crypto.PublicKey {
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		panic(err)
	}
	return k.Public()
}

func mustOID(s string) x509.OID {
	oid, err := x509.ParseOID(s)
	if err != nil {
		panic(err)
	}
	return oid
}

func shifted(c ext.Claim, from, until time.Duration) ext.Claim {
	c.Assessment.AssessedAt, c.Assessment.ValidUntil = c.Assessment.AssessedAt.Add(from), c.Assessment.ValidUntil.Add(until)
	return c
}

func defects() []defect {
	late := func(d time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotAfter = c.NotAfter.Add(d) }
	}
	name := func(change func(*pkix.Name)) func(*x509.Certificate) {
		return func(c *x509.Certificate) { change(&c.Subject) }
	}
	printable := func(value string) []byte { return append([]byte{0x13, byte(len(value))}, value...) }
	sans := func(names ...asn1.RawValue) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			value, err := asn1.Marshal(names)
			if err != nil {
				panic(err)
			}
			c.URIs = nil
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: value})
		}
	}
	uri := asn1.RawValue{Class: 2, Tag: 6, Bytes: []byte("https://acme.example")}
	eku := func(u ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = u }
	}
	return []defect{
		{rule: "readable", name: "key off the curve", bytes: offCurve},
		{rule: "der", name: "critical FALSE written out", bytes: falseCritical},
		{rule: "der", name: "BOOLEAN 01", bytes: replace([]byte{0x06, 3, 0x55, 0x1d, 0x0f, 1, 1, 0xff}, []byte{0x06, 3, 0x55, 0x1d, 0x0f, 1, 1, 0x01}), also: []string{"readable"}},
		{rule: "duplicate_extension", name: "key usage twice", bytes: twice, also: []string{"readable"}},
		{rule: "version", name: "unique identifier", bytes: uniqueID},
		{rule: "extensions", name: "stray", change: stray(1, 2, 3)},
		{rule: "extensions", name: "critical SAN", change: func(c *x509.Certificate) {
			sans(uri)(c)
			c.ExtraExtensions[len(c.ExtraExtensions)-1].Critical = true
		}},
		{rule: "extensions", name: "alternative name of a CA", kind: lint.KindTier, change: func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "https", Host: "ca.example"}} }},
		{rule: "extensions", name: "name constraints of a tier", kind: lint.KindTier, change: func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"example"} }},
		{rule: "extensions", name: "timestamping not critical", kind: lint.KindTSA, change: func(c *x509.Certificate) { c.ExtraExtensions[0].Critical = false }},
		{rule: "serial_number", name: "63 bits", change: func(c *x509.Certificate) { c.SerialNumber = big.NewInt(1<<62 + 1) }},
		{rule: "serial_number", name: "21 octets", bytes: longSerial},
		{rule: "signature_algorithm", name: "differ", bytes: algorithms([]byte{3, 2}, []byte{3, 3}), also: []string{"readable"}},
		{rule: "signature_algorithm", name: "SHA-1", bytes: algorithms([]byte{1}, []byte{1})},
		{rule: "signature_algorithm", name: "not the issuer's kind of key", ctx: func(c *lint.Context) {
			other := *c.Issuer
			other.PublicKey = rsaKey(4096, 65537)
			c.Issuer = &other
		}},
		{rule: "issuer_name", name: "other issuer", ctx: func(c *lint.Context) {
			other := *c.Issuer
			other.RawSubject = slices.Concat(other.RawSubject[:len(other.RawSubject)-1], []byte{'X'})
			c.Issuer = &other
		}},
		{rule: "subject_name", name: "no organization", change: name(func(n *pkix.Name) { n.Organization = nil })},
		{rule: "subject_name", name: "no country", change: name(func(n *pkix.Name) { n.Country = nil })},
		{rule: "subject_name", name: "no common name", change: name(func(n *pkix.Name) { n.CommonName = "" })},
		{rule: "subject_name", name: "small country", change: name(func(n *pkix.Name) { n.Country = []string{"nl"} })},
		{rule: "subject_name", name: "two organizations", change: name(func(n *pkix.Name) { n.Organization = []string{"A", "B"} })},
		{rule: "subject_name", name: "65 characters", change: name(func(n *pkix.Name) { n.CommonName = strings.Repeat("é", 65) })},
		{rule: "subject_name", name: "unit", change: name(func(n *pkix.Name) { n.OrganizationalUnit = []string{"Sales"} })},
		{rule: "subject_name", name: "IA5String", bytes: replace(printable("Example code-signing"), append([]byte{0x16}, printable("Example code-signing")[1:]...))},
		{rule: "validity", name: "ends first", change: func(c *x509.Certificate) { c.NotAfter = c.NotBefore }},
		{rule: "validity", name: "outlives its issuer", kind: lint.KindTimestampingCA, change: late(time.Second)},
		{rule: "validity", name: "older than its issuer", kind: lint.KindTier, change: func(c *x509.Certificate) { c.NotBefore = born.Add(-time.Second) }},
		{rule: "key_kind", name: "P-224", key: ecKey(elliptic.P224())},
		{rule: "key_kind", name: "P-521", key: ecKey(elliptic.P521())},
		{rule: "key_kind", name: "RSA 2048", key: rsaKey(2048, 65537)},
		{rule: "key_kind", name: "RSA exponent 3", key: rsaKey(3072, 3)},
		{rule: "key_kind", name: "RSA 16384", key: rsaKey(16384, 65537)},
		{rule: "key_kind", name: "CA of RSA 3072", kind: lint.KindTier, key: rsaKey(3072, 65537)},
		{rule: "subject_key_identifier", name: "other", change: func(c *x509.Certificate) { c.SubjectKeyId = []byte{1, 2, 3} }},
		{rule: "authority_key_identifier", name: "other issuer", ctx: func(c *lint.Context) {
			other := *c.Issuer
			other.SubjectKeyId = []byte{1, 2, 3}
			c.Issuer = &other
		}},
		{rule: "basic_constraints", name: "absent", change: func(c *x509.Certificate) { c.BasicConstraintsValid = false }},
		{rule: "basic_constraints", name: "leaf as CA", change: func(c *x509.Certificate) { c.IsCA, c.MaxPathLen = true, -1 }},
		{rule: "basic_constraints", name: "tier without a path length", kind: lint.KindTier, change: func(c *x509.Certificate) { c.MaxPathLenZero, c.MaxPathLen = false, -1 }},
		{rule: "key_usage", name: "second usage", change: func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageContentCommitment }},
		{rule: "key_usage", name: "absent", change: func(c *x509.Certificate) { c.KeyUsage = 0 }},
		{rule: "key_usage", name: "not critical", bytes: uncritical, also: []string{"extensions"}},
		{rule: "key_usage", name: "tier that signs data", kind: lint.KindTier, change: func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageDigitalSignature }},
		{rule: "extended_key_usage", name: "absent", change: eku()},
		{rule: "extended_key_usage", name: "second", change: eku(x509.ExtKeyUsageCodeSigning, x509.ExtKeyUsageServerAuth)},
		{rule: "extended_key_usage", name: "other", change: eku(x509.ExtKeyUsageEmailProtection)},
		{rule: "extended_key_usage", name: "unknown beside it", change: func(c *x509.Certificate) { c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3}} }},
		{rule: "extended_key_usage", name: "tier for all", kind: lint.KindTier, change: eku()},
		{rule: "extended_key_usage", name: "restricted root", kind: lint.KindRoot, change: eku(x509.ExtKeyUsageCodeSigning)},
		{rule: "extended_key_usage", name: "responder that signs code", kind: lint.KindResponder, change: eku(x509.ExtKeyUsageOCSPSigning, x509.ExtKeyUsageCodeSigning)},
		{rule: "crl_address", name: "absent", change: func(c *x509.Certificate) { c.CRLDistributionPoints = nil }},
		{rule: "crl_address", name: "two", change: func(c *x509.Certificate) {
			c.CRLDistributionPoints = append(c.CRLDistributionPoints, publicURL+"/crl/b.crl")
		}},
		{rule: "crl_address", name: "https", change: func(c *x509.Certificate) { c.CRLDistributionPoints = []string{"https://ca.example.com/crl/a.crl"} }},
		{rule: "crl_address", name: "elsewhere", change: func(c *x509.Certificate) { c.CRLDistributionPoints = []string{"http://crl.example.com/crl/a.crl"} }},
		{rule: "issuer_address", name: "no issuer", change: func(c *x509.Certificate) { c.IssuingCertificateURL = nil }},
		{rule: "issuer_address", name: "no OCSP", change: func(c *x509.Certificate) { c.OCSPServer = nil }},
		{rule: "issuer_address", name: "OCSP elsewhere", change: func(c *x509.Certificate) { c.OCSPServer = []string{publicURL + "/ocsp/x"} }},
		{rule: "leaf_validity", name: "460 days and a second", change: func(c *x509.Certificate) {
			c.NotAfter = c.NotBefore.Add(460 * 24 * time.Hour)
			remark(markOf(shifted(claim(2), 0, 400*24*time.Hour)))(c)
		}},
		{rule: "leaf_uri", name: "absent", change: func(c *x509.Certificate) { c.URIs = nil }},
		{rule: "leaf_uri", name: "two", change: func(c *x509.Certificate) { c.URIs = append(c.URIs, c.URIs[0]) }},
		{rule: "leaf_uri", name: "a DNS name beside it", change: func(c *x509.Certificate) { c.DNSNames = []string{"acme.example"} }},
		{rule: "leaf_uri", name: "a name of no known kind beside it", change: sans(uri, asn1.RawValue{Class: 2, Tag: 8, Bytes: []byte{42, 3}})},
		{rule: "leaf_uri", name: "http", change: func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "http", Host: "acme.example"}} }},
		{rule: "leaf_uri", name: "query", change: func(c *x509.Certificate) {
			c.URIs = []*url.URL{{Scheme: "https", Host: "acme.example", RawQuery: "a=b"}}
		}},
		{rule: "leaf_mark", name: "absent", change: func(c *x509.Certificate) { c.ExtraExtensions = nil }},
		{rule: "leaf_mark", name: "no repository", change: func(c *x509.Certificate) { c.ExtraExtensions = c.ExtraExtensions[:1] }},
		{rule: "leaf_mark", name: "critical", change: func(c *x509.Certificate) { c.ExtraExtensions[0].Critical = true }, also: []string{"extensions"}},
		{rule: "leaf_mark", name: "malformed", change: func(c *x509.Certificate) { c.ExtraExtensions[0].Value = []byte{0x30, 0} }},
		{rule: "leaf_policies", name: "level 1 missing", change: func(c *x509.Certificate) { c.Policies = c.Policies[1:] }},
		{rule: "leaf_policies", name: "claim without policy", change: remark(markOf(claim(3)))},
		{rule: "leaf_policies", name: "policy without claim", change: remark(markOf(claim(1)))},
		{rule: "leaf_policies", name: "of another CA", change: func(c *x509.Certificate) { c.Policies = append(c.Policies, mustOID("2.23.140.1.4.1")) }, also: []string{"leaf_ceiling"}},
		{rule: "leaf_ceiling", name: "level 4 of a tier for 3", change: func(c *x509.Certificate) {
			remark(markOf(claim(4)))(c)
			c.Policies, _ = ext.DefaultArc().Policies([]ext.Claim{claim(4)})
		}},
		{rule: "leaf_assessment", name: "ends with notAfter", change: remark(markOf(shifted(claim(2), 0, noon.AddDate(0, 6, 0).Sub(noon.AddDate(1, 0, 0)))))},
		{rule: "leaf_assessment", name: "begins later", change: remark(markOf(shifted(claim(2), 25*time.Hour, 0)))},
		{rule: "tier_policies", name: "none", kind: lint.KindTier, change: func(c *x509.Certificate) { c.Policies = nil }},
		{rule: "tier_policies", name: "anyPolicy", kind: lint.KindTier, change: func(c *x509.Certificate) { c.Policies = []x509.OID{mustOID("2.5.29.32.0")} }},
		{rule: "tsa_validity", name: "a second too long", kind: lint.KindTSA, change: late(time.Second)},
		{rule: "responder_validity", name: "32 days", kind: lint.KindResponder, change: late(48 * time.Hour)},
		{rule: "responder_nocheck", name: "absent", kind: lint.KindResponder, change: func(c *x509.Certificate) { c.ExtraExtensions = nil }},
	}
}

// TestDefects: each breaks one thing, and exactly the rule about it says so, of ours.
func TestDefects(t *testing.T) {
	h, l := made(t), newLinter(t)
	covered := map[string]bool{}
	all, unseen := 0, 0 // by zlint
	for _, d := range defects() {
		covered[d.rule] = true
		t.Run(d.rule+"/"+d.name, func(t *testing.T) {
			kind := d.kind
			if kind == "" {
				kind = lint.KindLeaf
			}
			der := h.certs[kind].Raw
			if d.change != nil || d.key != nil {
				c := h.templates[kind]
				c.ExtraExtensions = slices.Clone(c.ExtraExtensions)
				if d.key != nil {
					c.SubjectKeyId = keyID(d.key)
				}
				if d.change != nil {
					d.change(&c)
				}
				var err error
				if der, err = h.sign(kind, c, d.key); err != nil {
					t.Fatal(err)
				}
			}
			if d.bytes != nil {
				der = d.bytes(t, slices.Clone(der))
			}
			ctx := h.context(kind)
			if d.ctx != nil {
				d.ctx(&ctx)
			}
			found, err := l.Check(der, ctx)
			if err != nil {
				t.Fatal(err)
			}
			if all++; len(ours(found)) == len(found) {
				unseen++
			}
			if got, want := ours(found), append([]string{d.rule}, d.also...); !slices.Equal(got, sorted(want)) {
				t.Errorf("found %v, want %v: %v", got, want, found)
			}
		})
	}
	for _, r := range lint.Rules() {
		if !covered[r.ID] {
			t.Errorf("no defect breaks %s", r.ID)
		}
	}
	t.Logf("of %d defects, zlint finds nothing in %d", all, unseen)
}

// TestInForce: a rule does not judge what began before it.
func TestInForce(t *testing.T) {
	h, l := made(t), newLinter(t)
	c := h.templates[lint.KindLeaf]
	c.NotBefore = born.Add(-time.Second)
	c.NotAfter = c.NotBefore.AddDate(3, 0, 0)
	der, err := h.sign(lint.KindLeaf, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	read, err := lint.Read(der, h.context(lint.KindLeaf))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range l.All(read) {
		if r.Rule == "leaf_validity" && r.Status != lint.NotInForce {
			t.Errorf("%v", r)
		}
	}
}

// TestRuleFiles: each rule has its file, its citation and its requirement.
func TestRuleFiles(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range lint.Rules() {
		if _, err := os.Stat(r.ID + ".go"); err != nil || seen[r.ID] {
			t.Errorf("%s: %v, seen %v", r.ID, err, seen[r.ID])
		}
		seen[r.ID] = true
		if r.Citation == "" || r.Requires == "" || r.Source == "" {
			t.Errorf("%s lacks citation, requirement or source", r.ID)
		}
	}
}

// ours lists our rules among findings, sorted.
func ours(found []lint.Result) []string {
	var ids []string
	for _, f := range found {
		if slices.ContainsFunc(lint.Rules(), func(r lint.Rule) bool { return r.ID == f.Rule }) {
			ids = append(ids, f.Rule)
		}
	}
	return sorted(ids)
}

func sorted(s []string) []string { slices.Sort(s); return s }

func TestNoCertificate(t *testing.T) {
	leaf := made(t).certs[lint.KindLeaf].Raw
	for name, raw := range map[string][]byte{
		"empty": nil, "text": []byte("hello"), "cut": leaf[:len(leaf)-1], "trailing": append(slices.Clone(leaf), 0),
		"too large": append(slices.Clone(leaf), make([]byte, 64<<10)...),
	} {
		if _, err := newLinter(t).Check(raw, lint.Context{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestStatusText(t *testing.T) {
	if got := fmt.Sprint(lint.NotApplicable, lint.NotInForce, lint.Pass, lint.Warning, lint.Error, lint.Status(9)); got != "not-applicable not-in-force pass warning error unknown" {
		t.Error(got)
	}
}
