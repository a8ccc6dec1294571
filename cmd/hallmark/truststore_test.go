package main

import (
	"bytes"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func truststoreFile(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "truststore", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestStorePassword(t *testing.T) {
	for _, tc := range []struct{ name, file, want, err string }{
		{"one line", "secret\n", "secret", ""},
		{"Windows line", "secret\r\n", "secret", ""},
		{"spaces count", " secret ", " secret ", ""},
		{"too short", "12345\n", "", "at least 6"},
		{"empty", "", "", "at least 6"},
		{"two lines", "secret\nsecret\n", "", "printable ASCII"},
		{"umlaut", "geheimniß\n", "", "printable ASCII"},
		{"not UTF-8", "secret\xff", "", "printable ASCII"},
	} {
		path := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(path, []byte(tc.file), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := (&env{}).storePassword(path)
		if got != tc.want || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %q, %v", tc.name, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "12345") {
			t.Errorf("%s: the error shows the password", tc.name)
		}
	}
}

func TestParseAnchorRefuses(t *testing.T) {
	good := truststoreFile(t, "anchor.pem")
	block, _ := pem.Decode(good)
	forged := bytes.Clone(block.Bytes)
	forged[len(forged)-1] ^= 1 // in the signature
	asPEM := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	for _, tc := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"empty", nil, "not one certificate"},
		{"DER", block.Bytes, "not one certificate"},
		{"other kind", asPEM("PUBLIC KEY", block.Bytes), "not one certificate"},
		{"two", append(bytes.Clone(good), good...), "not one certificate"},
		{"cut", asPEM("CERTIFICATE", block.Bytes[:len(block.Bytes)-1]), "tier anchor: x509"},
		{"no CA", truststoreFile(t, "leaf.pem"), "not a CA"},
		{"signature of another", asPEM("CERTIFICATE", forged), "not self-signed"},
	} {
		if anchor, err := parseAnchor(tc.raw); err == nil || anchor != nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// FuzzParseAnchor: what is taken is the same certificate when it is written again.
func FuzzParseAnchor(f *testing.F) {
	seeds, err := filepath.Glob(filepath.Join("testdata", "truststore", "*.pem"))
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range seeds {
		f.Add(truststoreFile(f, filepath.Base(name)))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		anchor, err := parseAnchor(raw)
		if err != nil {
			return
		}
		again, err := parseAnchor(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: anchor.Raw}))
		if err != nil || !again.Equal(anchor) {
			t.Errorf("written again: %v", err)
		}
	})
}
