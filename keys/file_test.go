package keys_test

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.step.sm/crypto/pemutil"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/keys"
)

// writeEncrypted writes a key as encrypted PKCS #8.
func writeEncrypted(t *testing.T, key crypto.Signer, passphrase string) string {
	t.Helper()
	block, err := pemutil.Serialize(key, pemutil.WithPKCS8(true), pemutil.WithPassword([]byte(passphrase)))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "encrypted.pem")
	writeFile(t, path, string(pem.EncodeToMemory(block)))
	return path
}

// A damaged key file is refused: the library takes for granted that what is encrypted
// consists of whole blocks, and the vector too.
func TestDamagedFile(t *testing.T) {
	path := writeEncrypted(t, newEC(t, elliptic.P256()), "secret")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	type scheme struct {
		Algorithm asn1.ObjectIdentifier
		IV        []byte
	}
	type encrypted struct {
		Algorithm struct {
			ID         asn1.ObjectIdentifier
			Parameters struct {
				Derivation asn1.RawValue
				Scheme     scheme
			}
		}
		Key []byte
	}
	for name, damage := range map[string]func(*encrypted){
		"half a block":  func(e *encrypted) { e.Key = e.Key[:len(e.Key)-1] },
		"half a vector": func(e *encrypted) { e.Algorithm.Parameters.Scheme.IV = e.Algorithm.Parameters.Scheme.IV[:8] },
		"nothing":       func(e *encrypted) { e.Key = nil },
	} {
		var e encrypted
		if rest, err := asn1.Unmarshal(block.Bytes, &e); err != nil || len(rest) > 0 {
			t.Fatal(err)
		}
		damage(&e)
		der, err := asn1.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, path, string(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: der})))
		k, err := keys.OpenFile(path, keys.Options{Passphrase: func(string) ([]byte, error) { return []byte("secret"), nil }})
		if k != nil || !keys.Is(err, keys.BadFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFileSigns(t *testing.T) {
	ec := newEC(t, elliptic.P256())
	plain, encrypted := writePEM(t, ec), writeEncrypted(t, ec, "secret")
	raw, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(plain))
	writeFile(t, "odd name: 100%.pem", string(raw))
	asked := ""
	o := keys.Options{Passphrase: func(file string) ([]byte, error) {
		asked += file
		return []byte("secret"), nil
	}}
	for _, name := range []string{
		plain, "key.pem", "./key.pem", "odd name: 100%.pem",
		"file:key.pem", "file:" + plain, "file://" + plain, "file://localhost" + plain, "FILE:odd%20name:%20100%25.pem",
	} {
		if !keys.IsFile(name) {
			t.Errorf("%s is said to be no file", name)
		}
		signAndOpen(t, openKey(t, name, o), ec.Public())
	}
	if asked != "" {
		t.Errorf("asked for the passphrase of %s, which has none", asked)
	}
	o.Stdin = strings.NewReader(string(raw))
	signAndOpen(t, openKey(t, "-", o), ec.Public())
	k := openKey(t, encrypted, o)
	signAndOpen(t, k, ec.Public())
	if asked != encrypted {
		t.Errorf("asked for the passphrase of %q", asked)
	}
	for range 2 {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}
	_, err = k.Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
	wantReason(t, err, keys.Closed)
	ed := newEd25519(t)
	signAndOpen(t, openKey(t, writePEM(t, ed), o), ed.Public())
}

func TestFileRefused(t *testing.T) {
	ec := newEC(t, elliptic.P256())
	plain, encrypted := writePEM(t, ec), writeEncrypted(t, ec, "secret")
	dir := t.TempDir()
	file := func(name, text string) string {
		writeFile(t, filepath.Join(dir, name), text)
		return filepath.Join(dir, name)
	}
	der, err := x509.MarshalPKIXPublicKey(ec.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := file("public.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	wrong := keys.Options{Passphrase: func(string) ([]byte, error) { return []byte("Secret"), nil }}
	for name, c := range map[string]struct {
		uri  string
		o    keys.Options
		want keys.Reason
		says string
	}{
		"nothing":             {"", wrong, keys.BadURI, "empty"},
		"a long name":         {strings.Repeat("x", 20<<10), wrong, keys.BadURI, "longer"},
		"no file":             {filepath.Join(dir, "none"), wrong, keys.Unreadable, "no such file"},
		"a folder":            {dir, wrong, keys.Unreadable, "directory"},
		"a large file":        {file("large", strings.Repeat("x", 100<<10)), wrong, keys.Unreadable, "larger"},
		"no PEM":              {file("text", "text"), wrong, keys.BadFile, ""},
		"empty file":          {file("empty", ""), wrong, keys.BadFile, ""},
		"a public key":        {public, wrong, keys.BadFile, "not a private key"},
		"wrong passphrase":    {encrypted, wrong, keys.BadFile, ""},
		"nobody to ask":       {encrypted, keys.Options{}, keys.NoSecret, "encrypted"},
		"no standard input":   {"-", wrong, keys.Unreadable, "standard input"},
		"another machine":     {"file://example.com" + plain, wrong, keys.BadURI, "no other machine"},
		"no path":             {"file:", wrong, keys.BadURI, "no path"},
		"no path on the host": {"file://localhost", wrong, keys.BadURI, ""},
		"a query":             {"file:" + plain + "?x=1", wrong, keys.BadURI, "%3F"},
		"a fragment":          {"file:" + plain + "#x", wrong, keys.BadURI, "%23"},
		"half an escape":      {"file:" + plain + "%4", wrong, keys.BadURI, ""},
		"a zero byte":         {"file:" + plain + "%00", wrong, keys.BadURI, ""},
		"capi":                {"capi:key-id=1", wrong, keys.Unsupported, "capi: keys are not compiled in"},
		"YubiKey":             {"YubiKey:slot-id=9c?pin-value=314159", wrong, keys.Unsupported, "yubikey:"},
		"softkms":             {"softkms:" + plain, wrong, keys.Unsupported, ""},
		"a slip of the pen":   {"pkcs12:token=x;pin-value=314159", wrong, keys.Unsupported, "no key scheme pkcs12:"},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := keys.Open(t.Context(), c.uri, c.o)
			if k != nil {
				t.Fatal("a key in spite of it")
			}
			wantReason(t, err, c.want, c.says)
			if strings.Contains(err.Error(), "314159") {
				t.Errorf("the PIN is told: %v", err)
			}
		})
	}
	refusal := errors.New("nobody there")
	_, err = keys.Open(t.Context(), encrypted, keys.Options{Passphrase: func(string) ([]byte, error) { return nil, refusal }})
	if wantReason(t, err, keys.NoSecret); !errors.Is(err, refusal) {
		t.Errorf("the cause is lost: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := keys.Open(gone, plain, keys.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if keys.IsFile("pkcs11:x") || keys.IsFile("ssh-agent:x") || keys.IsFile("kms:x") {
		t.Error("a token, an agent or a service is said to be a file")
	}
}

// RSA-2048 in a file, for whoever writes evidence.
func TestFileRSA2048(t *testing.T) {
	k := openKey(t, writePEM(t, rsa2048()), keys.Options{})
	if _, err := attest.Sign(t.Context(), "text/plain", []byte("x"), counting{k, t}); !attest.Is(err, attest.BadKey) {
		t.Errorf("RSA-2048: %v", err)
	}
}

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{"": "", "quill@example": "quill@example", "a b": "a b", "a\nb": `"a\nb"`, "\x1b[2J": `"\x1b[2J"`, "\xff": `"\xff"`} {
		if got := keys.OneLine(text); got != want {
			t.Errorf("%q became %s, want %s", text, got, want)
		}
	}
}
