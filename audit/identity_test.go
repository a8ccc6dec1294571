package audit

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

// authority makes the certificate of a CA that builders' identities hang on.
func authority(t testing.TB, key crypto.Signer, change func(c *x509.Certificate)) string {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Builder CA"}, NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(9, 0, 0),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if change != nil {
		change(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func identity(t testing.TB) Identity {
	return Identity{
		Issuer:  "https://token.ci.acme.example",
		Subject: "https://git.acme.example/tool/release.yml@refs/heads/main",
		Root:    authority(t, newKey(t), nil),
	}
}

func TestIdentities(t *testing.T) {
	for name, change := range map[string]func(b *Builder){
		"beside keys":     func(b *Builder) {},
		"instead of keys": func(b *Builder) { b.Keys = nil },
		"an address": func(b *Builder) {
			b.Identities[0].Subject = "release@acme.example"
		},
		"a workload": func(b *Builder) { b.Identities[0].Subject = "spiffe://acme.example/ci/release" },
		"a root being replaced": func(b *Builder) {
			next := b.Identities[0]
			next.Root = authority(t, newKey(t), nil)
			b.Identities = append(b.Identities, next)
		},
		"two of one root": func(b *Builder) {
			next := b.Identities[0]
			next.Subject += "-2"
			b.Identities = append(b.Identities, next)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := assessment(t, 3)
			b := &a.Scope.Builders[0]
			b.Identities = []Identity{identity(t)}
			change(b)
			if p := a.Validate(catalogue(t), noon); len(p) > 0 {
				t.Error(p)
			}
			again, err := ParseAssessment(marshal(t, a))
			if err != nil || len(again.Scope.Builders[0].Identities) != len(b.Identities) {
				t.Errorf("%+v, %v", again.Scope.Builders, err)
			}
		})
	}
}

// Each case takes a good identity and breaks exactly one thing.
func TestIdentitiesRefused(t *testing.T) {
	shared := newKey(t)
	small, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	odd, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const first = "scope.builders[0].identities[0]"
	for name, c := range map[string]struct {
		code   Code
		field  string
		change func(a *Assessment, i *Identity)
	}{
		"no issuer":         {CodeMissing, first + ".issuer", func(_ *Assessment, i *Identity) { i.Issuer = "" }},
		"issuer http":       {CodeValue, first + ".issuer", func(_ *Assessment, i *Identity) { i.Issuer = "http://token.ci.acme.example" }},
		"issuer wildcard":   {CodeScope, first + ".issuer", func(_ *Assessment, i *Identity) { i.Issuer = "https://*.acme.example" }},
		"no subject":        {CodeMissing, first + ".subject", func(_ *Assessment, i *Identity) { i.Subject = "" }},
		"subject wildcard":  {CodeScope, first + ".subject", func(_ *Assessment, i *Identity) { i.Subject = "https://git.acme.example/tool/*" }},
		"subject a pattern": {CodeIdentity, first + ".subject", func(_ *Assessment, i *Identity) { i.Subject = "^https://git[.]acme[.]example/.+$" }},
		"subject a name":    {CodeIdentity, first + ".subject", func(_ *Assessment, i *Identity) { i.Subject = "release" }},
		"subject no host":   {CodeIdentity, first + ".subject", func(_ *Assessment, i *Identity) { i.Subject = "https:///release" }},
		"subject password":  {CodeIdentity, first + ".subject", func(_ *Assessment, i *Identity) { i.Subject = "https://me:pw@git.acme.example/" }},
		"subject two lines": {CodeIdentity, first + ".subject", func(_ *Assessment, i *Identity) { i.Subject += "\nx" }},
		"subject too long":  {CodeIdentity, first + ".subject", func(_ *Assessment, i *Identity) { i.Subject += strings.Repeat("x", maxURL) }},
		"address with name": {CodeIdentity, first + ".subject", func(_ *Assessment, i *Identity) { i.Subject = "<release@acme.example>" }},
		"no root":           {CodeMissing, first + ".root", func(_ *Assessment, i *Identity) { i.Root = "" }},
		"root not PEM":      {CodeIdentity, first + ".root", func(_ *Assessment, i *Identity) { i.Root = "root" }},
		"root a key":        {CodeIdentity, first + ".root", func(_ *Assessment, i *Identity) { i.Root = builderPEM }},
		"root and more":     {CodeIdentity, first + ".root", func(_ *Assessment, i *Identity) { i.Root += i.Root }},
		"root behind text":  {CodeIdentity, first + ".root", func(_ *Assessment, i *Identity) { i.Root = "root\n" + i.Root }},
		"root huge":         {CodeIdentity, first + ".root", func(_ *Assessment, i *Identity) { i.Root += strings.Repeat("\n", maxRootBytes) }},
		"root damaged":      {CodeIdentity, first + ".root", func(_ *Assessment, i *Identity) { i.Root = strings.Replace(i.Root, "MII", "MIJ", 1) }},
		"root no CA": {CodeIdentity, first + ".root", func(_ *Assessment, i *Identity) {
			i.Root = authority(t, shared, func(c *x509.Certificate) { c.IsCA = false })
		}},
		"root may not sign": {CodeIdentity, first + ".root", func(_ *Assessment, i *Identity) {
			i.Root = authority(t, shared, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })
		}},
		"root RSA-2048": {CodeIdentity, first + ".root", func(_ *Assessment, i *Identity) { i.Root = authority(t, small, nil) }},
		"root P-224":    {CodeIdentity, first + ".root", func(_ *Assessment, i *Identity) { i.Root = authority(t, odd, nil) }},
		"root run out": {CodeIdentity, first + ".root", func(_ *Assessment, i *Identity) {
			i.Root = authority(t, shared, func(c *x509.Certificate) { c.NotAfter = noon.Add(-2 * time.Hour) })
		}},
		"root not begun": {CodeIdentity, first + ".root", func(_ *Assessment, i *Identity) {
			i.Root = authority(t, shared, func(c *x509.Certificate) { c.NotBefore = noon })
		}},
		"root key signs too": {CodeKey, first + ".root", func(a *Assessment, i *Identity) {
			i.Root = authority(t, shared, nil)
			a.Scope.Builders[0].Keys = []string{keyPEM(t, shared.Public())}
		}},
		"root key rebuilds": {CodeKey, "scope.rebuilders[0].keys[0]", func(a *Assessment, i *Identity) {
			i.Root = authority(t, shared, nil)
			r := rebuilder(t, "1", "Rebuilders eV")
			r.Keys = []string{keyPEM(t, shared.Public())}
			a.Scope.Rebuilders = []Rebuilder{r}
		}},
		"twice": {CodeIdentity, "scope.builders[0].identities[1]", func(a *Assessment, i *Identity) {
			a.Scope.Builders[0].Identities = append(a.Scope.Builders[0].Identities, *i)
		}},
		"on two builders": {CodeIdentity, "scope.builders[1].identities[0].subject", func(a *Assessment, i *Identity) {
			b := a.Scope.Builders[0]
			b.ID = "https://ci.acme.example/mac"
			a.Scope.Builders = append(a.Scope.Builders, b)
		}},
		"too many": {CodeScope, "scope.builders[0].identities", func(a *Assessment, i *Identity) {
			for n := range maxScopeList {
				next := *i
				next.Subject += strings.Repeat("x", n+1)
				a.Scope.Builders[0].Identities = append(a.Scope.Builders[0].Identities, next)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			a := assessment(t, 3)
			a.Scope.Builders[0].Identities = []Identity{identity(t)}
			c.change(&a, &a.Scope.Builders[0].Identities[0])
			p := a.Validate(catalogue(t), noon)
			if len(p) != 1 || p[0].Code != c.code || p[0].Field != c.field {
				t.Errorf("problems %v, want %s at %s alone", p, c.code, c.field)
			}
		})
	}
}

// Law: a root that is taken is a CA, and its bytes in a fresh PEM block name the same key.
func FuzzParseRoot(f *testing.F) {
	f.Add(authority(f, newKey(f), nil))
	f.Add(authority(f, newKey(f), func(c *x509.Certificate) { c.IsCA = false }))
	f.Add(builderPEM)
	f.Fuzz(func(t *testing.T, text string) {
		cert, id, err := parseRoot(text)
		if err != nil {
			return
		}
		again, sameID, err := parseRoot(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})))
		if err != nil || sameID != id || !again.Equal(cert) || !cert.IsCA {
			t.Fatalf("%v: %s, %s", err, id, sameID)
		}
	})
}
