//go:build linux

package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/test/nonet"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// The programs of the scripts: the real one, and "offline", which runs another
// program without letting it, or what it starts, open a socket.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"hallmark-verify": main, "offline": offline})
}

func offline() {
	path, err := exec.LookPath(os.Args[1])
	if err == nil {
		if err = nonet.Deny(); err == nil {
			err = syscall.Exec(path, os.Args[1:], os.Environ())
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(99)
}

// TestScripts runs testdata/*.txt. Every script finds these files, judged best with
// --at 2026-03-01T12:00:00Z:
//
//	good.deb good.tar      signed at SLSA 3        low.deb     at SLSA 2
//	tampered.deb           a byte changed          plain.tar   not signed
//	appended.deb           a byte appended         revoked.deb its certificate is on the CRL
//	image                  an OCI layout, signed   bad-image   a byte of a layer changed
//	hello.deb libfoo.deb   with their names inside, signed at SLSA 3
//	pool stale             folders of packages, as in pool
//	unsummarised.deb       no summary stapled: summary.jsonl
//	trust.json status.json stale.json
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", Cmds: map[string]func(*testscript.TestScript, bool, []string){
		"exitcode": exitCode, "spoof": spoof,
	}, Setup: func(e *testscript.Env) error {
		e.Setenv("GORACE", os.Getenv("GORACE")) // or every command sleeps for a second
		fixtures(t, e.WorkDir)
		return nil
	}})
}

// exitCode runs a program and wants this exit code and no other.
func exitCode(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = fmt.Sprint(exit.ExitCode())
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// spoof makes a file whose name tries to be two verdicts, and sets NAME to it.
func spoof(ts *testscript.TestScript, _ bool, _ []string) {
	name := "evil\ngood.deb: valid\x1b[2K\u202e.deb"
	ts.Check(os.WriteFile(ts.MkAbs(name), nil, 0o600))
	ts.Setenv("NAME", name)
}

func fixtures(t *testing.T, dir string) {
	t.Helper()
	p := pki.New(t)
	good := func(d [32]byte) []byte { return p.Sign(t, d) }
	by := func(signer *pki.Identity) func([32]byte) []byte {
		return func(d [32]byte) []byte { return p.SignAs(t, signer, d) }
	}
	pki.Write(t, dir, "good.deb", pki.Deb([]byte("good")), good)
	for _, name := range []string{"hello", "libfoo"} {
		pki.Write(t, dir, name+".deb", pki.Package(t, name, "1.0", "all", []byte("x")), good)
	}
	pool(t, p, filepath.Join(dir, "pool"), filepath.Join(dir, "stale"))
	pki.Write(t, dir, "good.tar", []byte("good"), good)
	low := p.NewLeaf(t, p.High, p.Claims(2))
	pki.Write(t, dir, "low.deb", pki.Deb([]byte("low")), by(low))
	pki.Write(t, dir, "plain.tar", []byte("plain"), nil)
	pki.Write(t, dir, "unsummarised.deb", pki.Deb([]byte("x")), func(d [32]byte) []byte {
		pki.Write(t, dir, "summary.jsonl", append(p.Summary(t, d, attest.Passed), '\n'), nil)
		return p.Sign(t, d, func(c *pki.CMS) { c.Staple.VSA = nil })
	})
	change(t, pki.Write(t, dir, "tampered.deb", pki.Deb([]byte("good")), good), func(b []byte) []byte { b[68] ^= 1; return b })
	change(t, pki.Write(t, dir, "appended.deb", pki.Deb([]byte("good")), good), func(b []byte) []byte { return append(b, 0) })
	revoked := p.NewLeaf(t, p.High, p.Claims(3))
	pki.Write(t, dir, "revoked.deb", pki.Deb([]byte("revoked")), by(revoked))
	machine(t, p, dir, low, revoked)

	for name, spoilt := range map[string]bool{"image": false, "bad-image": true} {
		l := pki.NewLayout(t, filepath.Join(dir, name))
		d := l.Image(t, "a layer")
		l.Tag(t, d, "v1")
		l.Attach(t, d, p.SignOCI(t, d))
		if spoilt {
			l.Flip(t, l.Blob(t, "application/vnd.oci.image.layer.v1.tar", []byte("a layer")))
		}
	}
	entry := pki.Revocation{At: p.Signed, Reason: 9}.Revoke(t, revoked.Cert)
	status := p.Status(t)
	status.CRLs[0] = p.CRL(t, p.High, 7, entry)
	stale := p.Status(t)
	stale.CRLs[0] = p.CRL(t, p.High, 7, func(l *x509.RevocationList) { l.NextUpdate = p.Signed })
	marshal(t, dir, "trust.json", p.Trust())
	for name, s := range map[string]verify.Status{"status.json": status, "stale.json": stale} {
		if err := os.WriteFile(filepath.Join(dir, name), p.SignStatus(t, s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// pool is a folder as a mirror has it, and stale one with a file that is not judged late
// in the year, when every list has ended.
func pool(t *testing.T, p *pki.PKI, pool, stale string) {
	t.Helper()
	for _, dir := range []string{pool, stale} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	at := func(level int) func([32]byte) []byte {
		return func(d [32]byte) []byte { return p.SignAs(t, p.NewLeaf(t, p.High, p.Claims(level)), d) }
	}
	pki.Write(t, pool, "hello.deb", pki.Package(t, "hello", "1.0", "all", nil), at(3))
	pki.Write(t, pool, "low.deb", pki.Package(t, "low", "2.0", "all", nil), at(2))
	pki.Write(t, pool, "plain.tar", []byte("plain"), nil)
	pki.Write(t, stale, "hello.deb", pki.Package(t, "hello", "1.0", "all", nil), at(3))
}

func marshal(t *testing.T, dir, name string, v interface{ Marshal() ([]byte, error) }) {
	t.Helper()
	raw, err := v.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

func change(t *testing.T, path string, f func([]byte) []byte) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, f(raw), 0o600); err != nil {
		t.Fatal(err)
	}
}
