package ca

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store/storetest"
	"github.com/hallmark-pki/hallmark/templates"
)

// ceremony is a server's directory without a root, and the vault of another machine.
type ceremony struct {
	t          *testing.T
	dir, vault string
	order      []byte
	insteadOf  string
}

func newCeremony(t *testing.T) *ceremony {
	t.Helper()
	cfg := initConfig(filepath.Join(t.TempDir(), "ca"))
	cfg.RootOffline = true
	if _, err := Init(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	c := &ceremony{t: t, dir: cfg.Dir, vault: filepath.Join(t.TempDir(), "vault")}
	c.readOrder()
	return c
}

func (c *ceremony) readOrder() {
	c.t.Helper()
	var err error
	if c.order, err = os.ReadFile(orderPath(c.dir)); err != nil {
		c.t.Fatal(err)
	}
}

// sign is what happens on the offline machine.
func (c *ceremony) sign(now time.Time) ([]byte, error) {
	return SignOrder(context.Background(), VaultConfig{
		Dir: c.vault, Secrets: Secrets{Passphrase: []byte("of the vault"), encrypt: cheapEncrypt}, Now: func() time.Time { return now },
		InsteadOf: c.insteadOf,
		Confirm: func(info OrderInfo) error {
			if info.SHA256 != digestHex(c.order) || info.InsteadOf != c.insteadOf {
				return errors.New("another digest")
			}
			return nil
		},
	}, c.order)
}

func (c *ceremony) mustSign(now time.Time) []byte {
	c.t.Helper()
	answer, err := c.sign(now)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer
}

func (c *ceremony) importAnswer(answer []byte, now time.Time) error {
	_, err := openSite(c.t, c.dir, now).Import(context.Background(), answer, func(AnswerInfo) error { return nil })
	return err
}

func (c *ceremony) mustImport(answer []byte, now time.Time) {
	c.t.Helper()
	if err := c.importAnswer(answer, now); err != nil {
		c.t.Fatal(err)
	}
}

func wantCeremony(t *testing.T, err error, r CeremonyReason) {
	t.Helper()
	var refused *CeremonyError
	if !errors.As(err, &refused) || refused.Reason != r || refused.Detail == "" {
		t.Errorf("error %v, want a refusal %q", err, r)
	}
}

// noRootKey fails if the root's or the timestamping CA's private key was ever here.
func (c *ceremony) noRootKey() {
	c.t.Helper()
	err := filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(filepath.Dir(path)) != "keys" {
			return err
		}
		if name := d.Name(); strings.Contains(name, nameRoot) || strings.Contains(name, nameTimestamping) {
			c.t.Errorf("%s is on the server", path)
		}
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

func TestCeremony(t *testing.T) {
	c := newCeremony(t)
	if _, err := OpenHierarchy(c.dir, passphrase); !errors.Is(err, ErrCeremony) {
		t.Fatalf("opened without a root: %v", err)
	}
	script, err := os.ReadFile(filepath.Join(c.dir, ceremonyDir, scriptFile))
	if err != nil || !strings.Contains(string(script), GroupDigest(digestHex(c.order))) || strings.Contains(string(script), "could not be written") {
		t.Errorf("script without the digest: %v\n%s", err, script)
	}
	wantOpenSSL(t, []string{"CA:TRUE, pathlen:0", "Code Signing", "verify OK"}, "req", "-in", filepath.Join(c.dir, ceremonyDir, "high.csr"), "-noout", "-text", "-verify")
	answer := c.mustSign(born.Add(time.Hour))
	if again := c.mustSign(born.Add(2 * time.Hour)); string(again) != string(answer) {
		t.Error("the same order was signed twice")
	}
	if _, err := CheckAnswer("", c.order, answer, born.Add(time.Hour)); err != nil {
		t.Error(err)
	}
	refusal := errors.New("no")
	if _, err := openSite(t, c.dir, born.Add(time.Hour)).Import(context.Background(), answer, func(AnswerInfo) error { return refusal }); !errors.Is(err, refusal) {
		t.Errorf("imported against the administrator's word: %v", err)
	}
	c.mustImport(answer, born.Add(3*time.Hour))
	c.noRootKey()
	h, err := OpenHierarchy(c.dir, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	if orderPending(c.dir) {
		t.Error("the order is still there")
	}
	f := newFixture(t)
	if f.ca, err = Open(context.Background(), Config{Hierarchy: h, Store: f.store, Now: f.clock.Now}); err != nil {
		t.Fatal(err)
	}
	f.assess("acme", "slsa-v0.1", "slsa", 2, year)
	issued := f.issue("acme")
	wantOpenSSL(t, []string{": OK"}, "verify", "-purpose", "any", "-CAfile", writePEM(t, "CERTIFICATE", h.root.Raw),
		"-untrusted", writePEM(t, "CERTIFICATE", h.tiers[0].cert.Raw), "-attime", "1780315200", writePEM(t, "CERTIFICATE", issued.Certificate.Raw))
	c.listsOfAYear()
}

// listsOfAYear plays the annual ceremony.
func (c *ceremony) listsOfAYear() {
	c.t.Helper()
	later := born.Add(year / 2)
	change, err := openSite(c.t, c.dir, later).RenewOfflineCRLs(context.Background())
	if err != nil || !change.Pending {
		c.t.Fatal(change, err)
	}
	if _, err := openSite(c.t, c.dir, later).RolloverTier(context.Background(), "high"); !errors.Is(err, ErrOrderPending) {
		c.t.Errorf("two orders at once: %v", err)
	}
	c.readOrder()
	answer := c.mustSign(later)
	if _, err := CheckAnswer(c.vault, c.order, answer, later); err != nil {
		c.t.Error(err)
	}
	c.mustImport(answer, later)
	h, err := OpenHierarchy(c.dir, passphrase)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, name := range []string{nameRoot, nameTimestamping} {
		if list, err := x509.ParseRevocationList(h.crls[name]); err != nil || list.Number.Int64() != 2 {
			c.t.Errorf("list of %s: %v, %v", name, list.Number, err)
		}
	}
}

// Rollovers of tier and root go through the ceremony as well.
func TestOfflineRollovers(t *testing.T) {
	ctx := context.Background()
	c := newCeremony(t)
	now := born.Add(time.Hour)
	c.mustImport(c.mustSign(now), now)
	for _, change := range []func(*Site) (Change, error){
		func(s *Site) (Change, error) { return s.RolloverRoot(ctx) },
		func(s *Site) (Change, error) { return s.RolloverTier(ctx, "high") },
	} {
		now = now.Add(24 * time.Hour)
		pending, err := change(openSite(t, c.dir, now))
		if err != nil || !pending.Pending {
			t.Fatal(pending, err)
		}
		c.readOrder()
		if pending.OrderSHA256 != digestHex(c.order) {
			t.Errorf("the order's digest is %s, not %s", digestHex(c.order), pending.OrderSHA256)
		}
		c.mustImport(c.mustSign(now), now)
	}
	c.noRootKey()
	h, err := OpenHierarchy(c.dir, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	last := h.tiers[len(h.tiers)-1]
	if last.name != "high-2" || !last.current || last.cert.CheckSignatureFrom(h.root) != nil || h.root.Subject.CommonName != "Example CA Root 2" {
		t.Errorf("the newest CA is %s under %s", last.cert.Subject, last.cert.Issuer)
	}
	if len(last.cross) != 1 || last.cross[0].CheckSignatureFrom(h.roots[0].cert) != nil {
		t.Errorf("%d certificates lead it to the first root", len(last.cross))
	}
	if _, err := openSite(t, c.dir, now).RolloverTier(ctx, "high"); err != nil {
		t.Fatal(err)
	}
	if err := CancelOrder(c.dir); err != nil || orderPending(c.dir) {
		t.Errorf("canceled: %v", err)
	}
	if after, err := OpenHierarchy(c.dir, passphrase); err != nil || after.manifest.Generations["high"] != 2 {
		t.Errorf("after the order was canceled: %v", err)
	}
}

// editOrder changes an order before it reaches the offline machine.
func editOrder(t *testing.T, raw []byte, edit func(*order)) []byte {
	t.Helper()
	var o order
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatal(err)
	}
	edit(&o)
	raw, err := o.marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (o *order) named(name string) *ordered {
	for i, c := range o.Certificates {
		if c.Name == name {
			return &o.Certificates[i]
		}
	}
	return nil
}

// Whoever signs offline refuses what a server that was taken over might order.
func TestOfflineMachineRefuses(t *testing.T) {
	c := newCeremony(t)
	good := c.order
	evil := newKey(t)
	// forge asks anew, with a key of the attacker's, for the certificate as edited.
	forge := func(name string, edit func(*ordered)) func(*order) {
		return func(o *order) {
			wanted := *o.named(name)
			edit(&wanted)
			asked, err := o.addRequest(wanted, evil)
			if err != nil {
				t.Fatal(err)
			}
			*o.named(name) = asked
		}
	}
	for name, test := range map[string]struct {
		edit func(*order)
		want CeremonyReason
	}{
		"requests swapped": {func(o *order) {
			a, b := o.named("standard"), o.named("high")
			a.Request, b.Request = b.Request, a.Request
		}, CeremonyRequest},
		"widened policies":            {forge("standard", func(c *ordered) { c.Policies = append(c.Policies, "1.3.6.1.4.1.32473.9") }), CeremonyPolicies},
		"another tier's policies":     {func(o *order) { forge("standard", func(c *ordered) { c.Policies = o.named("high").Policies })(o) }, CeremonyPolicies},
		"policies not in the request": {func(o *order) { o.named("standard").Request = o.named("high").Request }, CeremonyRequest},
		"path length": {func(o *order) {
			asCross := *o.named("high")
			asCross.Profile = templates.Cross // maxPathLen 1
			asked, err := o.addRequest(asCross, evil)
			if err != nil {
				t.Fatal(err)
			}
			o.named("high").Request = asked.Request
		}, CeremonyRequest},
		"as a cross-certificate":   {forge("high", func(c *ordered) { c.Profile = templates.Cross }), CeremonyFormat},
		"another title":            {forge("standard", func(c *ordered) { c.Title = "Root" }), CeremonyProfile},
		"damaged request":          {func(o *order) { r := o.named("high").Request; r[len(r)-1] ^= 1 }, CeremonyRequest},
		"no request for a tier":    {func(o *order) { o.named("high").Request = nil }, CeremonyFormat},
		"stale":                    {func(o *order) { o.CreatedAt = o.CreatedAt.Add(-31 * 24 * time.Hour) }, CeremonyStale},
		"from the future":          {func(o *order) { o.CreatedAt = o.CreatedAt.Add(3 * time.Hour) }, CeremonyStale},
		"a version of tomorrow":    {func(o *order) { o.Version = 2 }, CeremonyFormat},
		"a leaf's profile":         {func(o *order) { o.named("high").Profile = templates.CodeSigning }, CeremonyFormat},
		"a tier that signs itself": {func(o *order) { o.named("high").Issuer = "high" }, CeremonyFormat},
		"a name with a slash":      {func(o *order) { o.named("high").Name = "../high" }, CeremonyFormat},
		"ordered twice":            {func(o *order) { o.Certificates = append(o.Certificates, *o.named("high")) }, CeremonyFormat},
		"nothing":                  {func(o *order) { o.Certificates, o.Lists = nil, nil }, CeremonyFormat},
		"an unknown issuer":        {func(o *order) { o.named("high").Issuer = "root-9" }, CeremonyMissing},
		"a list of nobody":         {func(o *order) { o.Lists[0].Issuer = "root-9" }, CeremonyList},
		"a list's number used up":  {func(o *order) { o.Lists[0].After = 1<<64 - 2 }, CeremonyList},
	} {
		t.Run(name, func(t *testing.T) {
			c.vault = filepath.Join(t.TempDir(), "vault")
			c.order = editOrder(t, good, test.edit)
			_, err := c.sign(born.Add(time.Hour))
			wantCeremony(t, err, test.want)
			if kept, _ := filepath.Glob(filepath.Join(c.vault, "c*", "*")); len(kept) != 0 {
				t.Errorf("signed %v", kept)
			}
		})
	}
	c.order, c.vault = good, filepath.Join(t.TempDir(), "vault")
	if _, err := c.sign(born.Add(time.Hour)); err != nil {
		t.Errorf("the good order: %v", err)
	}
	c.order = editOrder(t, good, func(o *order) { o.Certificates = o.Certificates[:5] })
	_, err := c.sign(born.Add(time.Hour))
	wantCeremony(t, err, CeremonyStale) // the same id
}

// forger has the root's key and makes what an honest root would not.
type forger struct {
	t       *testing.T
	root    *x509.Certificate
	rootKey crypto.Signer
}

func (f forger) reissue(der []byte, pub crypto.PublicKey, edit func(*x509.Certificate)) []byte {
	f.t.Helper()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		f.t.Fatal(err)
	}
	if pub == nil {
		pub = cert.PublicKey
	}
	template := *cert
	template.SignatureAlgorithm = 0
	template.ExtraExtensions = nil
	edit(&template)
	out, err := x509.CreateCertificate(rand.Reader, &template, f.root, pub, f.rootKey)
	if err != nil {
		f.t.Fatal(err)
	}
	return out
}

// The server refuses what an offline machine that was taken over might answer.
func TestImportRefuses(t *testing.T) {
	c := newCeremony(t)
	good := c.mustSign(born.Add(time.Hour))
	raw, err := os.ReadFile(filepath.Join(c.vault, "keys", "root.pem"))
	if err != nil {
		t.Fatal(err)
	}
	f := forger{t: t}
	if f.rootKey, err = decryptKey(raw, []byte("of the vault")); err != nil {
		t.Fatal(err)
	}
	if f.root, err = readCertificate(certPath(c.vault, nameRoot)); err != nil {
		t.Fatal(err)
	}
	other := newKey(t)
	high := func(pub crypto.PublicKey, edit func(*x509.Certificate)) func(*orderAnswer) {
		return func(a *orderAnswer) { a.Certificates["high"] = f.reissue(a.Certificates["high"], pub, edit) }
	}
	crl := func(number int64, edit func(list *x509.RevocationList, by *x509.Certificate)) func(*orderAnswer) {
		return func(a *orderAnswer) {
			template, by := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: a.SignedAt, NextUpdate: a.SignedAt.Add(offlineCRLValidity)}, *f.root
			edit(template, &by)
			der, err := x509.CreateRevocationList(rand.Reader, template, &by, f.rootKey)
			if err != nil {
				t.Fatal(err)
			}
			a.Lists[nameRoot] = der
		}
	}
	list := func(number int64, entries ...x509.RevocationListEntry) func(*orderAnswer) {
		return crl(number, func(list *x509.RevocationList, _ *x509.Certificate) { list.RevokedCertificateEntries = entries })
	}
	idp, err := idpExtension("http://ca.example.com/crl/part.crl")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		edit func(*orderAnswer)
		want CeremonyReason
	}{
		"certificates swapped": {func(a *orderAnswer) {
			a.Certificates["high"], a.Certificates["standard"] = a.Certificates["standard"], a.Certificates["high"]
		}, CeremonyKey},
		"another key":         {high(other.Public(), func(*x509.Certificate) {}), CeremonyKey},
		"widened policies":    {high(nil, func(c *x509.Certificate) { c.Policies = append(c.Policies, oid(t, "1.3.6.1.4.1.32473.9")) }), CeremonyPolicies},
		"path length":         {high(nil, func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 1, false }), CeremonyProfile},
		"no path length":      {high(nil, func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = -1, false }), CeremonyProfile},
		"key usage":           {high(nil, func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageDigitalSignature }), CeremonyProfile},
		"extended key usage":  {high(nil, func(c *x509.Certificate) { c.ExtKeyUsage = nil }), CeremonyProfile},
		"another name":        {high(nil, func(c *x509.Certificate) { c.Subject.CommonName, c.RawSubject = "Example CA Elevated", nil }), CeremonyProfile},
		"another list":        {high(nil, func(c *x509.Certificate) { c.CRLDistributionPoints = []string{"http://crl.example.com/x.crl"} }), CeremonyProfile},
		"ends later":          {high(nil, func(c *x509.Certificate) { c.NotAfter = c.NotAfter.Add(time.Hour) }), CeremonyDates},
		"begins earlier":      {high(nil, func(c *x509.Certificate) { c.NotBefore = c.NotBefore.Add(-24 * time.Hour) }), CeremonyDates},
		"a small serial":      {high(nil, func(c *x509.Certificate) { c.SerialNumber = big.NewInt(7) }), CeremonyProfile},
		"signed by another":   {func(a *orderAnswer) { forger{t, f.root, f.rootKey}.by(other, a) }, CeremonySignature},
		"a signature changed": {func(a *orderAnswer) { d := a.Certificates["high"]; d[len(d)-1] ^= 1 }, CeremonySignature},
		"one missing":         {func(a *orderAnswer) { delete(a.Certificates, "high") }, CeremonyMissing},
		"one more":            {func(a *orderAnswer) { a.Certificates["extra"] = a.Certificates["high"] }, CeremonyMissing},
		"one unreadable":      {func(a *orderAnswer) { a.Certificates["high"] = []byte{1} }, CeremonyMissing},
		"one renamed": {func(a *orderAnswer) {
			a.Certificates["higher"] = a.Certificates["high"]
			delete(a.Certificates, "high")
		}, CeremonyMissing},
		"to another order":                 {func(a *orderAnswer) { a.Order = strings.Repeat("0", 32) }, CeremonyStale},
		"to an order changed":              {func(a *orderAnswer) { a.OrderSHA256 = strings.Repeat("0", 64) }, CeremonyStale},
		"signed too late":                  {func(a *orderAnswer) { a.SignedAt = a.SignedAt.Add(31 * 24 * time.Hour) }, CeremonyStale},
		"signed too early":                 {func(a *orderAnswer) { a.SignedAt = a.SignedAt.Add(-3 * time.Hour) }, CeremonyStale},
		"list of tomorrow":                 {list(1 + maxListGap), CeremonyList},
		"list of yesterday":                {list(0), CeremonyList},
		"a list that revokes":              {list(1, x509.RevocationListEntry{SerialNumber: big.NewInt(9), RevocationTime: born}), CeremonyList},
		"a list of some certificates only": {crl(1, func(list *x509.RevocationList, _ *x509.Certificate) { list.ExtraExtensions = []pkix.Extension{idp} }), CeremonyList},
		"a list in another's name": {crl(1, func(_ *x509.RevocationList, by *x509.Certificate) {
			by.RawSubject = nil
			by.Subject.CommonName = "Example CA Root 2"
		}), CeremonyList},
		"a list of another key's id": {crl(1, func(_ *x509.RevocationList, by *x509.Certificate) { by.SubjectKeyId = []byte{1} }), CeremonyList},
		"a serial number twice": {func(a *orderAnswer) {
			taken, err := x509.ParseCertificate(a.Certificates["standard"])
			if err != nil {
				t.Fatal(err)
			}
			high(nil, func(c *x509.Certificate) { c.SerialNumber = taken.SerialNumber })(a)
		}, CeremonyProfile},
		"no list": {func(a *orderAnswer) { delete(a.Lists, nameRoot) }, CeremonyMissing},
		"version": {func(a *orderAnswer) { a.Version = 2 }, CeremonyFormat},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := parseAnswer(good)
			if err != nil {
				t.Fatal(err)
			}
			test.edit(&a)
			raw, err := a.marshal()
			if err != nil {
				t.Fatal(err)
			}
			wantCeremony(t, c.importAnswer(raw, born.Add(2*time.Hour)), test.want)
			if _, err := os.Lstat(certPath(c.dir, nameRoot)); !errors.Is(err, fs.ErrNotExist) || !orderPending(c.dir) {
				t.Errorf("something was imported: %v", err)
			}
		})
	}
	wantCeremony(t, c.importAnswer(good, born.Add(40*24*time.Hour)), CeremonyStale)
	wantCeremony(t, c.importAnswer(append(good, '{'), born.Add(time.Hour)), CeremonyFormat)
	wantCeremony(t, c.importAnswer(make([]byte, maxOrderBytes+1), born.Add(time.Hour)), CeremonyFormat)
	c.mustImport(good, born.Add(2*time.Hour))
}

// by lets a stranger with the root's name sign.
func (f forger) by(stranger crypto.Signer, a *orderAnswer) {
	parent := *f.root
	parent.PublicKey = stranger.Public()
	f.root, f.rootKey = &parent, stranger
	a.Certificates["high"] = f.reissue(a.Certificates["high"], nil, func(*x509.Certificate) {})
}

func oid(t *testing.T, text string) x509.OID {
	t.Helper()
	o, err := x509.ParseOID(text)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// A key file that was swapped between order and import is found, too.
func TestImportNeedsTheKeysOrdered(t *testing.T) {
	c := newCeremony(t)
	answer := c.mustSign(born.Add(time.Hour))
	raw, err := encryptKey(newKey(t), passphrase, rand.Reader)
	if err == nil {
		err = os.WriteFile(filepath.Join(c.dir, "keys", "high.pem"), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := c.importAnswer(answer, born.Add(time.Hour)); err == nil || !strings.Contains(err.Error(), "high") {
		t.Errorf("imported: %v", err)
	}
	if err := CancelOrder(c.dir); err == nil {
		t.Error("the first order was canceled: nothing would be left")
	}
	if _, err := Open(context.Background(), Config{Dir: c.dir, Passphrase: passphrase, Store: storetest.NewMemory()}); !errors.Is(err, ErrCeremony) {
		t.Errorf("opened: %v", err)
	}
}

func FuzzParseOrder(f *testing.F) {
	b, err := newBuilder(initConfig(filepath.Join(f.TempDir(), "ca")))
	if err != nil {
		f.Fatal(err)
	}
	if err := b.build(context.Background()); err != nil {
		f.Fatal(err)
	}
	raw, err := b.order.marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		o, err := parseOrder(raw)
		if err != nil {
			return
		}
		again, err := o.marshal() // parse, print and parse is the identity
		if err != nil {
			t.Fatal(err)
		}
		if second, err := parseOrder(again); err != nil || digestHex(must(second.marshal())) != digestHex(again) {
			t.Errorf("not stable: %v", err)
		}
		o.script("")
		for _, c := range o.Certificates {
			if len(c.Request) > 0 {
				_, _ = o.openRequest(c)
			}
		}
	})
}

func must(raw []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return raw
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte(`{"version":1,"order":"0","order_sha256":"","signed_at":"2026-01-02T03:04:05Z","certificates":{"high":"MIIB"},"lists":{}}`))
	f.Add([]byte(`{"version":2}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := parseAnswer(raw)
		if err != nil {
			return
		}
		if _, err := parseAnswer(must(a.marshal())); err != nil {
			t.Errorf("not stable: %v", err)
		}
	})
}
