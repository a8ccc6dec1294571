//go:build linux

package verify_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/test/nonet"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// module is where everything of ours begins.
const module = "github.com/hallmark-pki/hallmark/"

// TestImports: what judges a file links nothing of the CA, and nothing that speaks
// HTTP or TLS. The command neither: it starts hallmark-fetch.
func TestImports(t *testing.T) {
	// durable comes with format, which also attaches signatures, and plainjson with ledger/receipt, which also writes
	// entries; both are the standard library alone.
	judge := []string{"verify", "ext", "recent", "attest", "ledger/receipt", "format", "format/oci", "durable", "plainjson"}
	scan := []string{"verify/installed", "verify/scan"}
	for pkg, c := range map[string]struct{ ours, banned []string }{
		"verify":              {judge, []string{"net/http", "crypto/tls"}},
		"cmd/hallmark-verify": {slices.Concat([]string{"cmd/hallmark-verify", "verify/command", "verify/startup", "verify/child", "verify/install", "verify/policy", "verify/proof", "templates/policies"}, judge, scan), []string{"net/http", "crypto/tls"}},
		"verify/command":      {slices.Concat([]string{"verify/command", "verify/child", "verify/install", "verify/policy", "verify/proof", "templates/policies"}, judge, scan), []string{"net/http", "crypto/tls"}},
	} {
		deps := dependencies(t, pkg)
		for _, d := range deps {
			if ours, ok := strings.CutPrefix(d, module); ok && !slices.Contains(c.ours, ours) {
				t.Errorf("%s links our package %s", pkg, ours)
			}
			if slices.Contains(c.banned, d) {
				t.Errorf("%s links %s", pkg, d)
			}
		}
	}
	for _, pkg := range []string{"verify/command", "verify/child", "cmd/hallmark-verify"} {
		for _, d := range imports(t, pkg) {
			if strings.HasPrefix(d, "net") || d == "crypto/tls" {
				t.Errorf("%s imports %s: only cmd/hallmark-fetch may", pkg, d)
			}
		}
	}
}

func dependencies(t *testing.T, pkg string) []string { return list(t, "-deps", module+pkg) }

func imports(t *testing.T, pkg string) []string {
	return list(t, "-f", "{{join .Imports \"\\n\"}}", module+pkg)
}

func list(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatal(args, err)
	}
	lines := strings.Fields(string(out))
	if len(lines) < 3 {
		t.Fatal(args, lines)
	}
	return lines
}

// TestNoSockets judges files in a process that the kernel kills the moment it asks
// for a socket: under every policy but one that fetches.
func TestNoSockets(t *testing.T) {
	if os.Getenv("HALLMARK_TEST_NO_SOCKETS") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestNoSockets$", "-test.v")
		cmd.Env = append(os.Environ(), "HALLMARK_TEST_NO_SOCKETS=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "judged 12 files") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	p := pki.New(t)
	dir := t.TempDir()
	good := pki.Write(t, dir, "good.deb", pki.Deb([]byte("x")), func(d [32]byte) []byte { return p.Sign(t, d) })
	bad := pki.Write(t, dir, "bad", []byte("x"), func(d [32]byte) []byte { return pki.New(t).Sign(t, d) })
	bare := pki.Write(t, dir, "bare", []byte("x"), func(d [32]byte) []byte {
		return p.Sign(t, d, func(c *pki.CMS) { c.Staple, c.Token = nil, nil })
	})
	if err := nonet.Deny(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, a := range []verify.Attestations{verify.NoAttestations, verify.Stapled} {
		for _, r := range []verify.Demand{verify.Required, verify.IfAvailable, verify.Off} {
			c := config(t, p)
			c.Policy.Attestations, c.Policy.Revocation = a, r
			if a == verify.Stapled && r != verify.Required {
				continue
			}
			v := newVerifier(t, c)
			for path, want := range map[string]verify.Outcome{good: verify.Valid, bad: verify.NotValid, bare: verify.NotValid} {
				if got := v.File(context.Background(), path); got.Outcome != want {
					t.Errorf("%s: %v", path, got.Reasons)
				}
				n++
			}
		}
	}
	fmt.Println("judged", n, "files")
}
