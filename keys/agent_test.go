package keys_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/keys"
)

// shortDir is a folder whose path leaves room in the 108 bytes of a socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ag")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// startAgent runs OpenSSH's ssh-agent and returns its socket and a client of it.
func startAgent(t *testing.T) (socket string, client agent.ExtendedAgent) {
	t.Helper()
	socket = filepath.Join(shortDir(t), "s")
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "ssh-agent", "-D", "-a", socket)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			return socket, agent.NewClient(conn)
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func add(t *testing.T, a agent.Agent, key any, comment string) {
	t.Helper()
	if err := a.Add(agent.AddedKey{PrivateKey: key, Comment: comment}); err != nil {
		t.Fatal(err)
	}
}

func fingerprint(t *testing.T, key crypto.Signer) string {
	t.Helper()
	pub, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return ssh.FingerprintSHA256(pub)
}

func newEd25519(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestAgentSigns(t *testing.T) {
	socket, client := startAgent(t)
	ed := newEd25519(t)
	for _, c := range []struct {
		name    string
		key     crypto.Signer
		private any
	}{
		{"p256", newEC(t, elliptic.P256()), nil}, {"p384", newEC(t, elliptic.P384()), nil}, {"rsa", rsa3072(), nil}, {"ed25519", ed, &ed},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.private == nil {
				c.private = c.key
			}
			add(t, client, c.private, c.name+"@example")
			for _, name := range []string{c.name + "@example", fingerprint(t, c.key)} {
				k := openKey(t, "ssh-agent:"+name, keys.Options{AgentSocket: socket})
				signAndOpen(t, k, c.key.Public())
				if err := k.Close(); err != nil {
					t.Error(err)
				}
				_, err := attest.Sign(t.Context(), "text/plain", []byte("x"), k)
				wantReason(t, err, keys.Closed)
				if err := k.Close(); err != nil {
					t.Errorf("closed twice: %v", err)
				}
			}
		})
	}
	// The socket of the environment, and a key that countersigns.
	t.Setenv("SSH_AUTH_SOCK", socket)
	raw, err := attest.Sign(t.Context(), "text/plain", []byte("two ounces"), newEC(t, elliptic.P256()))
	if err != nil {
		t.Fatal(err)
	}
	k := openKey(t, "ssh-agent:rsa@example", keys.Options{})
	both, err := attest.AddSignature(t.Context(), raw, k)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := attest.OpenPayload(both, "text/plain", rsa3072().Public()); err != nil {
		t.Error(err)
	}
}

// RSA takes SHA-256 or SHA-512, and whatever else is asked for is refused rather than
// done differently.
func TestAgentHashes(t *testing.T) {
	socket, client := startAgent(t)
	ed := newEd25519(t)
	add(t, client, rsa3072(), "rsa")
	add(t, client, newEC(t, elliptic.P256()), "p256")
	add(t, client, &ed, "ed25519")
	message := []byte("two ounces")
	sha1, sha256, sha384, sha512 := crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512
	for _, c := range []struct {
		key  string
		opts crypto.SignerOpts
		want keys.Reason // empty: it signs
	}{
		{"rsa", sha256, ""}, {"rsa", sha512, ""}, {"rsa", sha384, keys.Unsupported}, {"rsa", sha1, keys.Unsupported},
		{"rsa", crypto.Hash(0), keys.Unsupported}, {"rsa", &rsa.PSSOptions{Hash: sha256}, keys.Unsupported},
		{"p256", sha256, ""}, {"p256", sha384, keys.Unsupported}, {"p256", crypto.Hash(0), keys.Unsupported},
		{"ed25519", crypto.Hash(0), ""}, {"ed25519", &ed25519.Options{}, ""}, {"ed25519", sha512, keys.Unsupported},
		{"ed25519", &ed25519.Options{Context: "x"}, keys.Unsupported},
	} {
		k := openKey(t, "ssh-agent:"+c.key, keys.Options{AgentSocket: socket})
		sig, err := crypto.SignMessage(k, rand.Reader, message, c.opts)
		if c.want != "" {
			wantReason(t, err, c.want)
		} else if err != nil || len(sig) == 0 {
			t.Errorf("%s with %v: %v", c.key, c.opts, err)
		}
		digest := make([]byte, 32)
		if c.key != "ed25519" && c.opts.HashFunc() != 0 {
			_, err = k.Sign(rand.Reader, digest, c.opts)
			wantReason(t, err, keys.NotADigest)
		}
	}
	k := openKey(t, "ssh-agent:ed25519", keys.Options{AgentSocket: socket})
	if sig, err := k.Sign(rand.Reader, message, crypto.Hash(0)); err != nil || !ed25519.Verify(ed.Public().(ed25519.PublicKey), message, sig) {
		t.Errorf("Ed25519 over the message itself: %v", err)
	}
}

func TestAgentInParallel(t *testing.T) {
	socket, client := startAgent(t)
	public := newEC(t, elliptic.P256())
	add(t, client, public, "quill")
	k := openKey(t, "ssh-agent:quill", keys.Options{AgentSocket: socket})
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			raw, err := attest.Sign(t.Context(), "text/plain", []byte("two ounces"), k)
			if err == nil {
				_, err = attest.OpenPayload(raw, "text/plain", public.Public())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// ssh-add loads a certificate beside its key, under the same comment.
func TestAgentHoldsCertificate(t *testing.T) {
	socket, client := startAgent(t)
	key := newEC(t, elliptic.P256())
	add(t, client, key, "quill")
	authority, err := ssh.NewSignerFromSigner(newEd25519(t))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	cert := &ssh.Certificate{Key: pub, CertType: ssh.UserCert, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	if err := client.Add(agent.AddedKey{PrivateKey: key, Certificate: cert, Comment: "quill"}); err != nil {
		t.Fatal(err)
	}
	signAndOpen(t, openKey(t, "ssh-agent:quill", keys.Options{AgentSocket: socket}), key.Public())
	_, err = keys.Open(t.Context(), "ssh-agent:"+ssh.FingerprintSHA256(cert), keys.Options{AgentSocket: socket})
	wantReason(t, err, keys.BadKey, "certificate")
}

func TestAgentRefused(t *testing.T) {
	socket, client := startAgent(t)
	good := newEC(t, elliptic.P256())
	add(t, client, good, "good")
	add(t, client, newEC(t, elliptic.P256()), "twin")
	add(t, client, newEC(t, elliptic.P384()), "twin")
	add(t, client, newEC(t, elliptic.P521()), "large")
	add(t, client, rsa2048(), "small")
	o := keys.Options{AgentSocket: socket}
	for name, c := range map[string]struct {
		uri  string
		o    keys.Options
		want keys.Reason
		says string
	}{
		"no name":          {"ssh-agent:", o, keys.BadURI, fingerprint(t, good) + " (good)"},
		"no key":           {"ssh-agent:nobody", o, keys.NoKey, fingerprint(t, good) + " (good)"},
		"other case":       {"ssh-agent:Good", o, keys.NoKey, ""},
		"two keys":         {"ssh-agent:twin", o, keys.Ambiguous, "2 keys"},
		"P-521":            {"ssh-agent:large", o, keys.BadKey, "P-521"},
		"no such socket":   {"ssh-agent:good", keys.Options{AgentSocket: filepath.Join(t.TempDir(), "none")}, keys.NoAgent, "no such file"},
		"no socket at all": {"ssh-agent:good", keys.Options{AgentSocket: writePEM(t, good)}, keys.NoAgent, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := keys.Open(t.Context(), c.uri, c.o)
			wantReason(t, err, c.want, c.says)
		})
	}
	k := openKey(t, "ssh-agent:small", o)
	if _, err := attest.Sign(t.Context(), "text/plain", []byte("x"), counting{k, t}); !attest.Is(err, attest.BadKey) {
		t.Errorf("RSA-2048: %v", err)
	}
	k = openKey(t, "ssh-agent:good", o)
	if err := client.RemoveAll(); err != nil {
		t.Fatal(err)
	}
	_, err := attest.Sign(t.Context(), "text/plain", []byte("x"), k)
	wantReason(t, err, keys.SigningFailed)
	_, err = keys.Open(t.Context(), "ssh-agent:good", o)
	wantReason(t, err, keys.NoKey, "holds no keys")
	t.Setenv("SSH_AUTH_SOCK", "")
	_, err = keys.Open(t.Context(), "ssh-agent:good", keys.Options{})
	wantReason(t, err, keys.NoAgent, "SSH_AUTH_SOCK")
}

func TestListAgent(t *testing.T) {
	socket, client := startAgent(t)
	if all, err := keys.List(t.Context(), "ssh-agent:", keys.Options{AgentSocket: socket}); err != nil || all == nil || len(all) != 0 {
		t.Errorf("an empty agent: %v, %v", all, err)
	}
	good, large := newEC(t, elliptic.P256()), newEC(t, elliptic.P521())
	add(t, client, good, "good")
	add(t, client, large, "large")
	all, err := keys.List(t.Context(), "ssh-agent:", keys.Options{AgentSocket: socket})
	if err != nil {
		t.Fatal(err)
	}
	want := []keys.Listed{
		{URI: "ssh-agent:" + fingerprint(t, good), Kind: "ECDSA P-256", Comment: "good"},
		{URI: "ssh-agent:" + fingerprint(t, large), Kind: "ecdsa-sha2-nistp521", Comment: "large", Problem: "P-521 is not accepted: P-256 and P-384 are"},
	}
	if d := cmp.Diff(want, all); d != "" {
		t.Error(d)
	}
	_, err = keys.List(t.Context(), "ssh-agent:good", keys.Options{AgentSocket: socket})
	wantReason(t, err, keys.BadURI)
}
