package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/urfave/cli/v2"
	"golang.org/x/crypto/ssh/agent"
)

// newSoftToken makes a SoftHSM2 token "audits" with a key "assessment", the way
// docs/keys.md says, and returns the module, a file with the PIN and the public key.
func newSoftToken(t *testing.T) (module, pin string, public crypto.PublicKey) {
	t.Helper()
	module, err := softModule()
	if err != nil {
		t.Fatal("SoftHSM2 is not installed (test/setup test)")
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "softhsm2.conf")
	writeTestFile(t, conf, "directories.tokendir = "+dir+"\nlog.level = ERROR\n")
	t.Setenv("SOFTHSM2_CONF", conf)
	pin = filepath.Join(dir, "pin")
	writeTestFile(t, pin, "1234\n")
	tool(t, "softhsm2-util", "--init-token", "--free", "--label", "audits", "--so-pin", "87654321", "--pin", "1234")
	tool(t, "pkcs11-tool", "--module", module, "--token-label", "audits", "--login", "--pin", "1234",
		"--keypairgen", "--key-type", "EC:prime256v1", "--usage-sign", "--label", "assessment", "--id", "01")
	der := filepath.Join(dir, "public.der")
	tool(t, "pkcs11-tool", "--module", module, "--token-label", "audits", "--read-object", "--type", "pubkey", "--label", "assessment", "--output-file", der)
	raw, err := os.ReadFile(der)
	if err != nil {
		t.Fatal(err)
	}
	if public, err = x509.ParsePKIXPublicKey(raw); err != nil {
		t.Fatal(err)
	}
	return module, pin, public
}

func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func writeTestFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// hallmark runs a command and returns what it printed; it fails unless the exit code is
// the one wanted.
func hallmark(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := run(t.Context(), append([]string{"hallmark"}, args...), strings.NewReader(""), &out, &errs); got != code {
		t.Fatalf("exit code %d, want %d\n%s%s", got, code, out.Bytes(), errs.Bytes())
	}
	return out.String(), errs.String()
}

// workedDraft copies the worked assessment, with a key for its builder.
func workedDraft(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(demoAssets, "assessment"))); err != nil {
		t.Fatal(err)
	}
	hallmark(t, exitOK, "attest", "keygen", filepath.Join(dir, "builder"))
	return filepath.Join(dir, "acme.yaml")
}

func wantSignedBy(t *testing.T, path string, public crypto.PublicKey) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := attest.Open(bytes.TrimSpace(raw), public); err != nil {
		t.Fatal(err)
	}
}

func TestSignWithToken(t *testing.T) {
	module, pin, public := newSoftToken(t)
	draft := workedDraft(t)
	out := filepath.Join(t.TempDir(), "acme.assessment.json")
	uri := "pkcs11:token=audits;object=assessment?module-path=" + module
	hallmark(t, exitOK, "audit", "sign", "--key", uri+"&pin-source="+pin, "--out", out, draft)
	wantSignedBy(t, out, public)
	hallmark(t, exitOK, "attest", "provenance", "--key", uri+"&pin-source="+pin, "--builder-id", "https://ci.acme.example/b", "--build-type", "https://ci.acme.example/t",
		"--source", "git+https://git.acme.example/hello", "--commit", strings.Repeat("5d", 20), "--out", out, draft)
	wantSignedBy(t, out, public)

	// A passphrase file is for key files: a PIN tried by mistake counts.
	passphrase := filepath.Join(t.TempDir(), "passphrase")
	writeTestFile(t, passphrase, "1234\n")
	for _, c := range []struct{ uri, says, hint string }{
		{uri, "a PIN is needed and there is no terminal", "pin-source=FILE"},
		{uri + "&pin-value=4321", "wrong-pin", "lock themselves"},
		{strings.Replace(uri, "=assessment", "=Assessment", 1) + "&pin-source=" + pin, "there is object=assessment id=01 (ECDSA P-256)", "hallmark keys list"},
		{strings.Replace(uri, "=audits", "=Audits", 1), "there is audits", "hallmark keys list"},
		{strings.Replace(uri, "libsofthsm2", "none", 1), "no such file", "module-path"},
		{strings.Replace(uri, "object", "objekt", 1), "unknown attribute objekt", "a key is a PEM file"},
		{"yubikey:slot-id=9c", "not compiled in", "a key is a PEM file"},
	} {
		none := filepath.Join(t.TempDir(), "none.json")
		_, stderr := hallmark(t, exitRefused, "audit", "sign", "--passphrase-file", passphrase, "--key", c.uri, "--out", none, draft)
		if !strings.Contains(stderr, c.says) || !strings.Contains(stderr, "hint: ") || !strings.Contains(stderr, c.hint) {
			t.Errorf("%s:\n%swant %q and the hint %q", c.uri, stderr, c.says, c.hint)
		}
		if strings.Contains(stderr, "4321") {
			t.Errorf("the PIN is told: %s", stderr)
		}
		if _, err := os.Stat(none); err == nil {
			t.Error("a file was written all the same")
		}
	}
}

// startAgent runs an ssh-agent, sets SSH_AUTH_SOCK and gives it a key.
func startAgent(t *testing.T, key any, comment string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ag") // short: a socket's name has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "ssh-agent", "-D", "-a", socket)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		cmd.Wait()
	})
	var conn net.Conn
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if conn, err = net.Dial("unix", socket); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { conn.Close() })
	if err := agent.NewClient(conn).Add(agent.AddedKey{PrivateKey: key, Comment: comment}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSH_AUTH_SOCK", socket)
}

func TestSignWithAgent(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	startAgent(t, &private, "quill@audits.example")
	draft := workedDraft(t)
	out := filepath.Join(t.TempDir(), "acme.assessment.json")
	hallmark(t, exitOK, "audit", "sign", "--key", "ssh-agent:quill@audits.example", "--out", out, draft)
	wantSignedBy(t, out, public)

	_, stderr := hallmark(t, exitRefused, "audit", "sign", "--key", "ssh-agent:quill", "--out", out, draft)
	if !strings.Contains(stderr, "(quill@audits.example)") || !strings.Contains(stderr, "hallmark keys list") {
		t.Error(stderr)
	}
	t.Setenv("SSH_AUTH_SOCK", "")
	_, stderr = hallmark(t, exitRefused, "attest", "sign", "--key", "ssh-agent:quill", statementFile(t, out))
	if !strings.Contains(stderr, "SSH_AUTH_SOCK is not set") || !strings.Contains(stderr, "ssh-add") {
		t.Error(stderr)
	}
}

// statementFile takes the statement out of an envelope.
func statementFile(t *testing.T, envelope string) string {
	t.Helper()
	raw, err := os.ReadFile(envelope)
	if err != nil {
		t.Fatal(err)
	}
	u, err := attest.ParseEnvelope(bytes.TrimSpace(raw))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "statement.json")
	writeTestFile(t, path, string(u.Payload))
	return path
}

// What Open accepts and evidence does not: nothing is written.
func TestSignWithRefusedKey(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path, out := filepath.Join(dir, "p521.pem"), filepath.Join(dir, "out")
	writeTestFile(t, path, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	_, stderr := hallmark(t, exitRefused, "audit", "sign", "--key", path, "--out", out, workedDraft(t))
	if !strings.Contains(stderr, "neither P-256 nor P-384") {
		t.Error(stderr)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a file was written all the same")
	}
	_, stderr = hallmark(t, exitRefused, "audit", "sign", "--home", dir, "--out", out, workedDraft(t))
	if !strings.Contains(stderr, "hallmark enroll --auditor") {
		t.Error(stderr)
	}
}

func TestKeysList(t *testing.T) {
	module, pin, _ := newSoftToken(t)
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	startAgent(t, &private, "two\nlines")
	list := func(args ...string) (string, error) {
		var out bytes.Buffer
		e := &env{stdin: strings.NewReader(""), stdout: &out, stderr: &out}
		app := &cli.App{Commands: []*cli.Command{e.keysCommand()}, Writer: &out, ExitErrHandler: func(*cli.Context, error) {}}
		err := app.RunContext(t.Context(), append([]string{"hallmark", "keys", "list"}, args...))
		return out.String(), err
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"pkcs11:?module-path=" + module}, "pkcs11:token=audits;object=assessment;id=%01?module-path=" + module + "  public half seen"},
		{[]string{"pkcs11:?module-path=" + module + "&pin-source=" + pin}, "ECDSA P-256  audits"},
		{[]string{"--json", "ssh-agent:"}, `"kind": "Ed25519"`},
		{[]string{"ssh-agent:"}, `"two\nlines"`},
	} {
		if out, err := list(c.args...); err != nil || !strings.Contains(out, c.says) {
			t.Errorf("%v, %v:\n%swant %q", c.args, err, out, c.says)
		}
	}
	for _, uri := range []string{"assessment.key", "ssh-agent:x", "pkcs11:?module-path=none.so"} {
		if out, err := list(uri); err == nil {
			t.Errorf("%s:\n%s", uri, out)
		}
	}
}
