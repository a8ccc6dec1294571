//go:build linux

package main

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/installed"
)

// machine makes the folder "machine", the root of a machine with dpkg:
//
//	tool 2.0     SLSA 3; 1.0 before it       lib 1.0    SLSA 2
//	revoked 1.0  its certificate is revoked  loose 1.0  without a signature
//	ahead 2.0    recorded is 1.0             plain 1.0  without a record
//	gone 1.0     recorded, not installed
//
// and the folder "archive" with a package hello 1.0, as apt keeps it.
func machine(t *testing.T, p *pki.PKI, dir string, low, revoked *pki.Identity) {
	t.Helper()
	root := filepath.Join(dir, "machine")
	status := ""
	for _, p := range [][2]string{{"tool", "2.0"}, {"lib", "1.0"}, {"revoked", "1.0"}, {"loose", "1.0"}, {"ahead", "2.0"}, {"plain", "1.0"}} {
		status += "Package: " + p[0] + "\nStatus: install ok installed\nArchitecture: amd64\nVersion: " + p[1] + "\nDescription: x\n y\n\n"
	}
	if err := os.MkdirAll(filepath.Join(root, "var/lib/dpkg"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), []byte(status), 0o644); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(dir, "archive")
	if err := os.Mkdir(archive, 0o755); err != nil {
		t.Fatal(err)
	}
	pki.Write(t, archive, "hello_1.0_amd64.deb", pki.Package(t, "hello", "1.0", "amd64", []byte("x")), func(d [32]byte) []byte { return p.Sign(t, d) })
	for _, r := range []struct {
		name, version string
		signer        *pki.Identity
	}{
		{"tool", "1.0", p.Leaf}, {"tool", "2.0", p.Leaf}, {"lib", "1.0", low}, {"revoked", "1.0", revoked},
		{"loose", "1.0", nil}, {"ahead", "1.0", p.Leaf}, {"gone", "1.0", p.Leaf},
	} {
		record := installed.Record{
			Package: installed.Package{Manager: installed.Dpkg, Name: r.name, Version: r.version, Architecture: "amd64"},
			Digest:  sha256.Sum256([]byte(r.name + r.version)), Verdict: verify.Valid, At: p.Now,
		}
		if r.signer != nil {
			record.Signature = p.SignAs(t, r.signer, record.Digest)
		}
		if err := installed.Write(filepath.Join(root, installed.DefaultDir), record); err != nil {
			t.Fatal(err)
		}
	}
}
