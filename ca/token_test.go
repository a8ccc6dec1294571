//go:build cgo && !nopkcs11

package ca

import (
	"context"
	"crypto"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hallmark-pki/hallmark/keys"
	"github.com/hallmark-pki/hallmark/store"
	"golang.org/x/crypto/ocsp"
)

// newToken points SoftHSM2 to an empty folder with one token, "ca", and returns the
// part of a URI behind its path attributes.
func newToken(t *testing.T) (query string) {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/softhsm/libsofthsm2.so")
	if more, _ := filepath.Glob("/usr/lib/*/softhsm/libsofthsm2.so"); err == nil {
		found = append(found, more...)
	}
	if len(found) == 0 {
		t.Fatal("SoftHSM2 is not installed (test/setup test)")
	}
	dir := t.TempDir()
	tokens, conf, pin := filepath.Join(dir, "tokens"), filepath.Join(dir, "softhsm2.conf"), filepath.Join(dir, "pin")
	err = errors.Join(os.Mkdir(tokens, 0o700), os.WriteFile(pin, []byte("1234\n"), 0o600),
		os.WriteFile(conf, []byte("directories.tokendir = "+tokens+"\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFTHSM2_CONF", conf)
	out, err := exec.Command("softhsm2-util", "--init-token", "--free", "--label", "ca", "--so-pin", "87654321", "--pin", "1234").CombinedOutput()
	if err != nil {
		t.Fatalf("softhsm2-util: %v\n%s", err, out)
	}
	return "?module-path=" + found[0] + "&pin-source=" + pin
}

// A CA whose tiers', timestamping and operator keys are on a token does all it has to
// under 64 requests at once.
func TestKeysOnAToken(t *testing.T) {
	ctx := context.Background()
	query := newToken(t)
	cfg := initConfig(filepath.Join(t.TempDir(), "ca"))
	cfg.Keys = map[string]string{KeysOfTiers: "pkcs11:token=ca;object={name}" + query}
	for _, name := range []string{nameRoot, nameTimestamping, nameTSA, nameOperator, nameVSA, nameStatus, nameDistribution} {
		cfg.Keys[name] = "pkcs11:token=ca;object=hallmark-{name}" + query
	}
	if _, err := Init(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	if files, _ := filepath.Glob(filepath.Join(cfg.Dir, "keys", "*")); len(files) != 1 || filepath.Base(files[0]) != "ledger.pem" {
		t.Errorf("files with keys: %v", files)
	}
	h, err := OpenHierarchy(cfg.Dir, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	f := newFixture(t)
	f.ca, err = Open(ctx, Config{Hierarchy: h, Store: f.store, Now: f.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	f.assess("acme", "slsa-v0.1", "slsa", 2, year)
	underLoad(t, f, h)

	again := cfg
	again.Dir += "-again"
	if _, err := Init(ctx, again); !errors.Is(err, ErrKeyExists) {
		t.Errorf("made over keys that are there: %v", err)
	}
}

func underLoad(t *testing.T, f *fixture, h *Hierarchy) {
	t.Helper()
	ctx := context.Background()
	digest := make([]byte, 32)
	var group sync.WaitGroup
	errs := make(chan error, 64)
	for i := range 64 {
		key := newKey(t).Public()
		group.Go(func() {
			var err error
			switch i % 4 {
			case 0:
				_, err = f.ca.StampDigest(ctx, crypto.SHA256, digest)
			case 1:
				_, err = f.ca.IssueClient(ctx, key, store.Person{ID: "alice", Role: "vendor"}, 0)
			default:
				var issued Issued
				issued, err = f.ca.Issue(ctx, Request{Vendor: "acme", PublicKey: key, By: "test", Way: "api"})
				if err == nil && i%4 == 3 {
					err = f.ca.Revoke(ctx, issued.Record.Serial, store.Revocation{At: noon, RevocationDate: noon, Reason: ReasonSuperseded, By: "test"})
				}
				if err == nil {
					var response []byte
					if response, err = f.ca.OCSP(ctx, askOCSP(t, f, issued.Certificate.SerialNumber)); err == nil {
						_, err = ocsp.ParseResponse(response, h.tiers[0].cert)
					}
				}
				if err == nil {
					err = issued.Certificate.CheckSignatureFrom(h.tiers[0].cert)
				}
			}
			errs <- err
		})
	}
	group.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
}

func TestTokenRefusals(t *testing.T) {
	ctx := context.Background()
	query := newToken(t)
	parent := t.TempDir()
	for name, test := range map[string]struct {
		keys map[string]string
		want string
	}{
		"one key for three tiers": {map[string]string{KeysOfTiers: "pkcs11:token=ca;object=x" + query}, "{name}"},
		"no such key":             {map[string]string{"rot": "pkcs11:token=ca;object=x" + query}, "no key"},
		"the log's key":           {map[string]string{nameLedger: "pkcs11:token=ca;object=x" + query}, "no key"},
		"offline":                 {map[string]string{nameTSA: "offline"}, "ceremony"},
		"a file elsewhere":        {map[string]string{nameTSA: "/tmp/tsa.pem"}, "no place"},
		"no object":               {map[string]string{nameTSA: "pkcs11:token=ca" + query}, "object="},
		"no such token":           {map[string]string{nameTSA: "pkcs11:token=none;object=x" + query}, "none"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := initConfig(filepath.Join(parent, "ca"))
			cfg.Keys = test.keys
			if _, err := Init(ctx, cfg); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

// A PIN that nobody wrote down is asked for once, however many keys are on the token.
func TestPINIsAskedOnce(t *testing.T) {
	query := newToken(t)
	module, _, _ := strings.Cut(query, "&")
	cfg := initConfig(filepath.Join(t.TempDir(), "ca"))
	cfg.Keys = map[string]string{KeysOfTiers: "pkcs11:token=ca;object={name}" + module}
	asked := 0
	cfg.PIN = func(token string) ([]byte, error) { asked++; return []byte("1234"), nil }
	if _, err := Init(context.Background(), cfg); err != nil || asked != 1 {
		t.Fatalf("asked %d times, %v", asked, err)
	}
	if _, err := OpenHierarchy(cfg.Dir, passphrase); !keys.Is(err, keys.NoSecret) {
		t.Errorf("opened without a PIN: %v", err)
	}
	h, err := OpenHierarchyWith(context.Background(), cfg.Dir, Secrets{Passphrase: passphrase, PIN: cfg.PIN})
	if err != nil || asked != 2 {
		t.Fatalf("asked %d times, %v", asked, err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if _, err := h.keys["high"].Sign(nil, make([]byte, 32), crypto.SHA256); err == nil {
		t.Error("signs after Close")
	}
}
