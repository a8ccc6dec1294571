package ca

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/store/storetest"
	"github.com/hallmark-pki/hallmark/templates"
)

func TestInitWritesAHierarchy(t *testing.T) {
	h := onDisk(t)
	if h.root.Subject.CommonName != "Example CA Root" || h.tiers[0].cert.Subject.CommonName != "Example CA Standard" {
		t.Errorf("names %s, %s", h.root.Subject, h.tiers[0].cert.Subject)
	}
	for _, tier := range h.tiers {
		c := tier.cert
		if !c.IsCA || !c.MaxPathLenZero || !isCodeSigning(c) || len(c.Policies) == 0 || len(c.Subject.Country) != 1 {
			t.Errorf("tier %s: %+v", tier.name, c)
		}
		if err := tier.twin.CheckSignatureFrom(tier.twin); err != nil {
			t.Errorf("twin of %s is not self-signed: %v", tier.name, err)
		}
	}
	if n := len(h.tiers[2].cert.Policies); n <= len(h.tiers[0].cert.Policies) {
		t.Errorf("high has %d policies, not more than standard", n)
	}
	if got := h.tsa.UnhandledCriticalExtensions; len(got) != 0 || len(h.tsa.ExtKeyUsage) != 1 || h.tsa.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping {
		t.Errorf("TSA: %v, %v", got, h.tsa.ExtKeyUsage)
	}
	for _, c := range []*x509.Certificate{h.root, h.timestamping, h.operator, h.tsa} {
		if len(c.Subject.Organization) != 1 || len(c.Subject.Country) != 1 || c.Subject.CommonName == "" {
			t.Errorf("subject %s", c.Subject)
		}
	}
	err := filepath.WalkDir(sharedDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		raw, _ := os.ReadFile(path)
		if strings.Contains(path, "keys/") && (info.Mode().Perm() != 0o600 || !bytes.HasPrefix(raw, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----"))) {
			t.Errorf("%s: mode %v", path, info.Mode())
		}
		if strings.HasPrefix(d.Name(), ".") {
			t.Errorf("%s was left behind", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestInitRefusesAnExistingDirectory(t *testing.T) {
	dir := t.TempDir()
	if _, err := Init(context.Background(), initConfig(dir)); !errors.Is(err, ErrExists) {
		t.Fatalf("error %v, want %v", err, ErrExists)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left %v", entries)
	}
}

func TestInitLeavesNothingOnFailure(t *testing.T) {
	parent := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // noticed while keys are being written
	if _, err := Init(ctx, initConfig(filepath.Join(parent, "ca"))); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want %v", err, context.Canceled)
	}
	if entries, _ := os.ReadDir(parent); len(entries) != 0 {
		t.Errorf("left %v", entries)
	}
}

func TestInitRefusesBadConfig(t *testing.T) {
	for name, change := range map[string]func(*InitConfig){
		"no passphrase":      func(c *InitConfig) { c.Passphrase = nil },
		"no name":            func(c *InitConfig) { c.Name = " " },
		"no country":         func(c *InitConfig) { c.Country = "" },
		"country in letters": func(c *InitConfig) { c.Country = "nl" },
		"https":              func(c *InitConfig) { c.PublicURL = "https://ca.example.com" },
		"slash at the end":   func(c *InitConfig) { c.PublicURL = "http://ca.example.com/" },
		"user in the URL":    func(c *InitConfig) { c.PublicURL = "http://me@ca.example.com" },
		"no URL":             func(c *InitConfig) { c.PublicURL = "" },
		"no parent":          func(c *InitConfig) { c.Dir = filepath.Join(c.Dir, "a", "b") },
		"tier named root": func(c *InitConfig) {
			c.Tiers = []templates.TierSpec{{Name: "root", Title: "Root", Unlisted: "all"}}
		},
		"empty tier": func(c *InitConfig) {
			c.Tiers = []templates.TierSpec{{Name: "none", Title: "None", Unlisted: "none"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			cfg := initConfig(filepath.Join(parent, "ca"))
			change(&cfg)
			if _, err := Init(context.Background(), cfg); err == nil {
				t.Error("accepted")
			}
			if entries, _ := os.ReadDir(parent); len(entries) != 0 {
				t.Errorf("left %v", entries)
			}
		})
	}
}

func TestOpenWithTheWrongPassphrase(t *testing.T) {
	onDisk(t)
	if _, err := OpenHierarchy(sharedDir, []byte("wrong")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("error %v, want %v", err, ErrPassphrase)
	}
	if _, err := OpenHierarchy(sharedDir, nil); !errors.Is(err, ErrNoPassphrase) {
		t.Errorf("error %v, want %v", err, ErrNoPassphrase)
	}
}

// copyHierarchy makes a copy that a test may damage.
func copyHierarchy(t *testing.T) string {
	t.Helper()
	onDisk(t)
	dir := filepath.Join(t.TempDir(), "ca")
	if err := os.CopyFS(dir, os.DirFS(sharedDir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The root's key may be kept elsewhere.
func TestOpenWithoutOfflineKeys(t *testing.T) {
	dir := copyHierarchy(t)
	for _, name := range []string{nameRoot, nameTimestamping} {
		if err := os.Remove(filepath.Join(dir, "keys", name+".pem")); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Open(context.Background(), Config{Dir: dir, Passphrase: passphrase, Store: storetest.NewMemory()})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Summary().RootFingerprint; got != Fingerprint(onDisk(t).root) || len(c.Tiers()) != 3 {
		t.Errorf("root %s, tiers %v", got, c.Tiers())
	}
}

func TestOpenRefusesDamage(t *testing.T) {
	swap := func(a, b string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			for from, to := range map[string]string{a: b} {
				raw, err := os.ReadFile(filepath.Join(dir, from))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, to), raw, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	write := func(name, text string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, damage := range map[string]func(t *testing.T, dir string){
		"another tier's key":           swap("keys/standard.pem", "keys/high.pem"),
		"another tier's twin":          swap("certs/standard-twin.pem", "certs/high-twin.pem"),
		"tier not under the root":      swap("certs/high-twin.pem", "certs/high.pem"),
		"ledger key of the wrong sort": swap("keys/vsa.pem", "keys/ledger.pem"),
		"unknown manifest key":         write(manifestFile, `{"version":1,"extra":true}`),
		"manifest of the future":       write(manifestFile, `{"version":2}`),
		"no tiers":                     write(manifestFile, `{"version":1,"arc":"1.2.840.113556.1.8000.2554.1","tiers":[]}`),
		"tier outside":                 write(manifestFile, `{"version":1,"arc":"`+ext.DefaultArc().String()+`","tiers":["../x"]}`),
		"empty certificate":            write("certs/root.pem", ""),
		"empty key":                    write("keys/tsa.pem", ""),
		"two certificates":             write("certs/root.pem", strings.Repeat(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: onDisk(t).root.Raw})), 2)),
		"no CRL":                       func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "crls", "root.crl")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyHierarchy(t)
			damage(t, dir)
			if _, err := OpenHierarchy(dir, passphrase); err == nil {
				t.Error("opened")
			}
		})
	}
}

func TestOpenRefusesBadConfig(t *testing.T) {
	other, err := ext.ParseArc("1.3.6.1.4.1.32473.1")
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]Config{
		"no store":           {Hierarchy: onDisk(t), Passphrase: passphrase},
		"no passphrase":      {Dir: sharedDir, Store: storetest.NewMemory()},
		"another passphrase": {Hierarchy: onDisk(t), Passphrase: []byte("x"), Store: storetest.NewMemory()},
		"another arc":        {Hierarchy: onDisk(t), Passphrase: passphrase, Store: storetest.NewMemory(), Arc: other},
		"https":              {Hierarchy: onDisk(t), Passphrase: passphrase, Store: storetest.NewMemory(), PublicURL: "https://x.example"},
		"no directory":       {Dir: filepath.Join(t.TempDir(), "none"), Passphrase: passphrase, Store: storetest.NewMemory()},
	} {
		if _, err := Open(context.Background(), cfg); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

func TestRenewOfflineCRLs(t *testing.T) {
	dir := copyHierarchy(t)
	site := openSite(t, dir, noon)
	if change, err := site.RenewOfflineCRLs(context.Background()); err != nil || change.Pending {
		t.Fatal(change, err)
	}
	h := onDisk(t)
	for name, issuer := range map[string]*x509.Certificate{nameRoot: h.root, nameTimestamping: h.timestamping} {
		der, err := os.ReadFile(filepath.Join(dir, "crls", name+".crl"))
		if err != nil {
			t.Fatal(err)
		}
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			t.Fatal(err)
		}
		if err := list.CheckSignatureFrom(issuer); err != nil || list.Number.Int64() != 2 || !list.ThisUpdate.Equal(noon) {
			t.Errorf("%s: number %v from %s, %v", name, list.Number, list.ThisUpdate, err)
		}
	}
}

func TestDecryptKeyRefuses(t *testing.T) {
	good, err := encryptKey(newKey(t), passphrase, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := encryptKey(newKey(t), nil, rand.Reader); !errors.Is(err, ErrNoPassphrase) {
		t.Errorf("encrypted without a passphrase: %v", err)
	}
	block, _ := pem.Decode(good)
	var cut struct {
		Algorithm asn1.RawValue
		Key       []byte
	}
	if _, err := asn1.Unmarshal(block.Bytes, &cut); err != nil {
		t.Fatal(err)
	}
	cut.Key = cut.Key[:len(cut.Key)-1]
	half, err := asn1.Marshal(cut)
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{
		"half a block": pem.EncodeToMemory(&pem.Block{Type: encryptedKeyType, Bytes: half}),
		"empty":        nil, "text": []byte("x"), "two keys": append(bytes.Clone(good), good...),
		"clear": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}}),
		"short": pem.EncodeToMemory(&pem.Block{Type: encryptedKeyType, Bytes: []byte{0x30, 0}}),
	} {
		if _, err := decryptKey(raw, passphrase); err == nil {
			t.Errorf("%s: decrypted", name)
		}
	}
}

// TestKeyFilesAreExpensive: a passphrase is guessed at the price of 600,000 rounds each
// (pemutil's; OWASP's advice for PBKDF2-HMAC-SHA256), also where the tests pay less.
func TestKeyFilesAreExpensive(t *testing.T) {
	text, err := encrypter(nil).key(newKey(t), passphrase)
	if err != nil {
		t.Fatal(err)
	}
	wantOpenSSL(t, []string{"PBKDF2", "hmacWithSHA256", "INTEGER           :0927C0"}, "asn1parse", "-in", writeTemp(t, text))
}
