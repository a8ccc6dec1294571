package gate

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/test/corpora"
)

// forge signs provenance with certificates of ten minutes:
//
//	root ── leaf (issuer, subject)      stampRoot ── tsa
type forge struct {
	t                           testing.TB
	root, stampRoot, tsa        *certified
	key                         crypto.Signer
	issuer, subject, second     string
	oldForm, bothForms, stamped bool
	at                          time.Time // of the timestamp
	over                        []byte    // what is stamped, nil: the signature
	usage                       x509.ExtKeyUsage
}

type certified struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func (f *forge) issue(by *certified, key crypto.Signer, c *x509.Certificate, from, until time.Time) *certified {
	f.t.Helper()
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(7), from, until
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	must(f.t, err)
	cert, err := x509.ParseCertificate(der)
	must(f.t, err)
	return &certified{cert, key}
}

const (
	forgeIssuer  = "https://token.forge.example.com"
	forgeSubject = "https://forge.example.com/vendor/app/release.yml@refs/heads/main"
)

func newForge(t testing.TB) *forge {
	f := &forge{t: t, key: newKey(t, elliptic.P256()), issuer: forgeIssuer, subject: forgeSubject, stamped: true, at: testStart.Add(5 * time.Minute), usage: x509.ExtKeyUsageCodeSigning}
	ca := func(name string) *certified {
		return f.issue(nil, newKey(t, elliptic.P256()), &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, testStart.AddDate(-1, 0, 0), testEnd)
	}
	f.root, f.stampRoot = ca("Forge"), ca("Stamps")
	eku, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	must(t, err)
	f.tsa = f.issue(f.stampRoot, newKey(t, elliptic.P256()), &x509.Certificate{Subject: pkix.Name{CommonName: "TSA"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: eku}}}, testStart.AddDate(-1, 0, 0), testEnd)
	return f
}

// leaf is valid for ten minutes from testStart on.
func (f *forge) leaf() *x509.Certificate {
	f.t.Helper()
	c := &x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{f.usage}}
	for _, s := range []string{f.subject, f.second} {
		if strings.Contains(s, "://") {
			u, err := url.Parse(s)
			must(f.t, err)
			c.URIs = append(c.URIs, u)
		} else if s != "" {
			c.EmailAddresses = append(c.EmailAddresses, s)
		}
	}
	if f.issuer != "" {
		v2, err := asn1.MarshalWithParams(f.issuer, "utf8")
		must(f.t, err)
		if !f.oldForm {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oidIssuerV2, Value: v2})
		}
		if f.oldForm || f.bothForms {
			old := f.issuer
			if f.bothForms {
				old = "https://other.example.com"
			}
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oidIssuerV1, Value: []byte(old)})
		}
	}
	return f.issue(f.root, f.key, c, testStart, testStart.Add(10*time.Minute)).cert
}

// sign puts a signature with certificate and timestamp around a statement.
func (f *forge) sign(s attest.Statement) []byte {
	f.t.Helper()
	var e map[string]any
	must(f.t, json.Unmarshal(envelope(f.t, s, f.key), &e))
	signature := e["signatures"].([]any)[0].(map[string]any)
	leaf := f.leaf()
	signature["certificate"] = base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}))
	if f.stamped {
		over := f.over
		if over == nil {
			var err error
			over, err = base64.StdEncoding.DecodeString(signature["sig"].(string))
			must(f.t, err)
		}
		sum := sha256.Sum256(over)
		ts := &timestamp.Timestamp{HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Time: f.at, Policy: asn1.ObjectIdentifier{1, 2, 3}, AddTSACertificate: true}
		response, err := ts.CreateResponseWithOpts(f.tsa.cert, f.tsa.key, crypto.SHA256)
		must(f.t, err)
		signature["timestamps"] = []any{map[string]any{"type": "tsp", "data": base64.StdEncoding.EncodeToString(response)}}
	}
	out, err := json.Marshal(e)
	must(f.t, err)
	return out
}

func certPEM(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// TestIdentities: provenance signed under a short-lived certificate of an audited
// identity, and everything that is not quite that.
func TestIdentities(t *testing.T) {
	w := newWorld(t)
	statement := func(change func(*build)) attest.Statement {
		u, err := attest.ParseEnvelope(w.provenance(t, change))
		must(t, err)
		s, err := attest.ParseStatement(u.Payload)
		must(t, err)
		return s
	}
	good := statement(nil)
	f := newForge(t)
	for name, c := range map[string]struct {
		change func(f *forge, id *audit.Identity)
		detail string // "" when it is granted
		rule   string
	}{
		"as audited":                 {func(*forge, *audit.Identity) {}, "", ""},
		"the issuer in the old form": {func(f *forge, _ *audit.Identity) { f.oldForm = true }, "", ""},
		"an e-mail address": {func(f *forge, id *audit.Identity) {
			f.subject, id.Subject = "ci@forge.example.com", "ci@forge.example.com"
		}, "", ""},
		"another issuer":                  {func(f *forge, _ *audit.Identity) { f.issuer = "https://token.evil.example.com" }, "is not of the scope", ""},
		"no issuer":                       {func(f *forge, _ *audit.Identity) { f.issuer = "" }, "does not say who vouches", ""},
		"two issuers":                     {func(f *forge, _ *audit.Identity) { f.bothForms = true }, "names two issuers", ""},
		"another subject":                 {func(f *forge, _ *audit.Identity) { f.subject = strings.Replace(forgeSubject, "release", "evil", 1) }, "is not of the scope", ""},
		"a subject's beginning":           {func(f *forge, _ *audit.Identity) { f.subject = forgeSubject[:len(forgeSubject)-1] }, "is not of the scope", ""},
		"two subjects":                    {func(f *forge, _ *audit.Identity) { f.second = "https://evil.example.com/" }, "exactly one subject", ""},
		"no subject":                      {func(f *forge, _ *audit.Identity) { f.subject = "" }, "neither a URI nor", ""},
		"another root":                    {func(f *forge, _ *audit.Identity) { f.root = newForge(t).root }, "unknown authority", ""},
		"no timestamp":                    {func(f *forge, _ *audit.Identity) { f.stamped = false }, "no trusted timestamp", ""},
		"no timestamp root in scope":      {func(_ *forge, id *audit.Identity) { id.TimestampRoot = "" }, "names no timestamp root", ""},
		"another timestamp root":          {func(_ *forge, id *audit.Identity) { id.TimestampRoot = certPEM(newForge(t).stampRoot.cert) }, "no trusted timestamp", ""},
		"a timestamp of something else":   {func(f *forge, _ *audit.Identity) { f.over = []byte("else") }, "no trusted timestamp", ""},
		"stamped after the key had ended": {func(f *forge, _ *audit.Identity) { f.at = testStart.Add(20 * time.Minute) }, "expired or is not yet valid", ""},
		"stamped before it was there":     {func(f *forge, _ *audit.Identity) { f.at = testStart.Add(-time.Minute) }, "expired or is not yet valid", ""},
		"for another use":                 {func(f *forge, _ *audit.Identity) { f.usage = x509.ExtKeyUsageServerAuth }, "incompatible key usage", ""},
		"of another builder":              {func(*forge, *audit.Identity) {}, "", "provenance.service-generated"},
	} {
		g := *f
		id := audit.Identity{Issuer: forgeIssuer, Subject: forgeSubject, Root: certPEM(f.root.cert), TimestampRoot: certPEM(f.stampRoot.cert)}
		c.change(&g, &id)
		scope := func(s *audit.Scope) {
			s.Builders[0].Keys, s.Builders[0].Identities = nil, []audit.Identity{id}
		}
		s := good
		if c.rule != "" {
			s = statement(func(b *build) { b.BuilderID, b.BuildType = otherID, otherType })
		}
		d := Decide(w.build(), [][]byte{g.sign(s)}, w.assessed(t, scope))
		if c.detail == "" && c.rule == "" {
			if !d.Granted() {
				t.Errorf("%s: %+v", name, verdict(t, d, "provenance.authenticated"))
			}
			continue
		}
		if d.Granted() {
			t.Errorf("%s: granted", name)
		}
		if c.rule != "" && !slices.Contains(d.Failed(), c.rule) {
			t.Errorf("%s: %v", name, d.Failed())
		}
		if v := verdict(t, d, "provenance.authenticated"); c.detail != "" && (v.Outcome != Fail || !strings.Contains(v.Detail, c.detail)) {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// TestIdentityOfTheVerySignature: a certificate and a timestamp beside one signature say
// nothing about another one by the same key.
func TestIdentityOfTheVerySignature(t *testing.T) {
	w, f := newWorld(t), newForge(t)
	id := audit.Identity{Issuer: forgeIssuer, Subject: forgeSubject, Root: certPEM(f.root.cert), TimestampRoot: certPEM(f.stampRoot.cert)}
	u, err := attest.ParseEnvelope(w.provenance(t, nil))
	must(t, err)
	s, err := attest.ParseStatement(u.Payload)
	must(t, err)
	var e, later map[string]any
	must(t, json.Unmarshal(f.sign(s), &e))
	must(t, json.Unmarshal(envelope(t, s, f.key), &later))
	first := e["signatures"].([]any)[0].(map[string]any)
	first["sig"] = later["signatures"].([]any)[0].(map[string]any)["sig"]
	raw, err := json.Marshal(e)
	must(t, err)
	if d := Decide(w.build(), [][]byte{raw}, w.assessed(t, func(s *audit.Scope) { s.Builders[0].Keys, s.Builders[0].Identities = nil, []audit.Identity{id} })); d.Granted() {
		t.Error("granted with a signature that was never stamped")
	}
}

// TestSigstoreBundle takes a bundle of a public test suite apart: issuer, subject, chain
// and signature are good.
func TestSigstoreBundle(t *testing.T) {
	raw, err := os.ReadFile(corpora.Folder(t, "sigstore-bundles", "intoto-with-custom-trust-root", "bundle.sigstore.json"))
	must(t, err)
	converted, err := attest.FromBundle(raw)
	must(t, err)
	d, err := attest.ReadDocument(converted)
	must(t, err)
	root := trustedRoot(t)
	certificate, _, err := readChain(d.Certified()[0].Chain)
	must(t, err)
	issuer, err := issuerOf(certificate)
	must(t, err)
	subject, err := subjectOf(certificate)
	must(t, err)
	id := identity{Identity: audit.Identity{Issuer: issuer, Subject: subject}, roots: x509.NewCertPool(), timestamps: root.stamps}
	for _, c := range root.cas {
		id.roots.AddCert(c)
	}
	// Stricter: this token leaves the authority's certificate out, and ours do not.
	if _, err := id.signed(d.Certified()[0], time.Now()); err == nil || !strings.Contains(err.Error(), "no certificates inside") {
		t.Errorf("%s by %s: %v", subject, issuer, err)
	}
	if _, err := certificate.Verify(x509.VerifyOptions{Roots: id.roots, CurrentTime: certificate.NotBefore, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}); err != nil {
		t.Error(err)
	}
	if _, err := d.Certified()[0].Verify(certificate.PublicKey); err != nil {
		t.Error(err)
	}
}

type trust struct{ cas, stamps []*x509.Certificate }

func trustedRoot(t *testing.T) (out trust) {
	t.Helper()
	raw, err := os.ReadFile(corpora.Folder(t, "sigstore-bundles", "intoto-with-custom-trust-root", "trusted_root.json"))
	must(t, err)
	type authority struct {
		CertChain struct {
			Certificates []struct{ RawBytes []byte }
		}
	}
	var file struct{ CertificateAuthorities, TimestampAuthorities []authority }
	must(t, json.Unmarshal(raw, &file))
	read := func(all []authority) (certs []*x509.Certificate) {
		for _, a := range all {
			for _, c := range a.CertChain.Certificates {
				cert, err := x509.ParseCertificate(c.RawBytes)
				must(t, err)
				certs = append(certs, cert)
			}
		}
		return certs
	}
	return trust{read(file.CertificateAuthorities), read(file.TimestampAuthorities)}
}
