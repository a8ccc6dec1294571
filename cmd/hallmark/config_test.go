package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/keys/attestation/attestationtest"
)

func TestReadConfig(t *testing.T) {
	good := "version: 1\napi_url: https://ca.example.com\napi_listen: 127.0.0.1:8443\npublic_listen: 127.0.0.1:8080\nlog_origin: ca.example.com/log\n"
	for _, c := range []struct{ name, text, want string }{
		{"good", good, ""},
		{"unknown key", good + "debug: true\n", "debug"},
		{"later version", strings.Replace(good, "version: 1", "version: 2", 1), "version 2"},
		{"http API", strings.Replace(good, "https://", "http://", 1), "api_url"},
		{"API URL with user", strings.Replace(good, "https://", "https://root@", 1), "api_url"},
		{"no listener", strings.Replace(good, "public_listen: 127.0.0.1:8080\n", "", 1), "public_listen is missing"},
		{"no log origin", strings.Replace(good, "log_origin: ca.example.com/log\n", "", 1), "log_origin is missing"},
		{"quotas", good + "attestations: {max_bytes: 1000, vendors: {acme: {max_envelopes: 5}}}\n", ""},
		{"quota below zero", good + "attestations: {vendors: {acme: {max_envelopes: -5}}}\n", "vendors.acme."},
		{"quota misspelt", good + "attestations: {vendors: {acme: {max_envelope: 5}}}\n", "max_envelope"},
		{"not YAML", "\t", "config.yaml"},
		{"too large", good + "# " + strings.Repeat("x", maxConfigBytes), "larger than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := readConfig(path)
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestHardwareKeyRoots: a file that is not there, or no roots, keep the server from
// starting: it would refuse what the administrator meant it to believe.
func TestHardwareKeyRoots(t *testing.T) {
	dir := t.TempDir()
	root := attestationtest.New(t, time.Now()).Roots()
	for name, raw := range map[string][]byte{"root.pem": root, "empty.pem": nil} {
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		roots map[string]string
		want  string
	}{
		{nil, ""},
		{map[string]string{"tpm": "root.pem", "yubikey": filepath.Join(dir, "root.pem")}, ""},
		{map[string]string{"tpm": "none.pem"}, "none.pem"},
		{map[string]string{"tpm": "empty.pem"}, "no certificate"},
		{map[string]string{"packed": "root.pem"}, "not a format"},
	} {
		_, err := config{HardwareKeyRoots: c.roots}.hardwareKeys(dir)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: %v, want %q", c.roots, err, c.want)
		}
	}
}

// TestBlockedKeys: a list that is not there, or is none, keeps the server from starting.
func TestBlockedKeys(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"debian.db": "# 3072\n8df20e6961a16398b85a\n", "none.db": "no list\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		files []string
		want  string
	}{
		{nil, ""},
		{[]string{"debian.db", filepath.Join(dir, "debian.db")}, ""},
		{[]string{"debian.db", "absent.db"}, "absent.db"},
		{[]string{"none.db"}, "line 1"},
	} {
		list, err := config{BlockedKeys: c.files}.blocklist(dir)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) || (list == nil) != (c.files == nil || err != nil) {
			t.Errorf("%v: %v, want %q", c.files, err, c.want)
		}
	}
}
