package sshsig

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// keyFile has ssh-keygen make a key.
func keyFile(t testing.TB, kind string, more ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "id")
	run(t, nil, append([]string{"-q", "-t", kind, "-N", "", "-C", "test", "-f", file}, more...)...)
	return file
}

func run(t testing.TB, stdin []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("ssh-keygen", args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ssh-keygen %q: %v\n%s", args, err, stderr.Bytes())
	}
	return out
}

func publicKey(t testing.TB, file string) ([]byte, Key) {
	t.Helper()
	line := run(t, nil, "-y", "-f", file)
	k, err := ParseKey(line)
	if err != nil {
		t.Fatal(err)
	}
	return line, k
}

// TestOpenSSH: what ssh-keygen signs with each kind of key verifies, for one purpose and
// one text, and names its key as ssh-keygen does.
func TestOpenSSH(t *testing.T) {
	for _, kind := range [][]string{{"ed25519"}, {"ecdsa", "-b", "256"}, {"ecdsa", "-b", "384"}, {"rsa", "-b", "2048"}} {
		t.Run(strings.Join(kind, " "), func(t *testing.T) {
			file := keyFile(t, kind[0], kind[1:]...)
			_, key := publicKey(t, file)
			if printed := string(run(t, nil, "-l", "-f", file+".pub")); !strings.Contains(printed, " "+key.Fingerprint()+" ") {
				t.Errorf("%s is not in %s", key.Fingerprint(), printed)
			}
			if key.Public() == nil {
				t.Error("no key outside SSH")
			}
			for _, hash := range []string{"sha256", "sha512"} {
				s, err := Parse(run(t, []byte("text"), "-q", "-Y", "sign", "-n", "git", "-O", "hashalg="+hash, "-f", file))
				if err != nil {
					t.Fatal(err)
				}
				if named, err := s.Key(); err != nil || !bytes.Equal(named.Wire(), key.Wire()) {
					t.Errorf("names %s, %v", named.Fingerprint(), err)
				}
				if err := s.Verify("git", []byte("text")); err != nil {
					t.Error(err)
				}
				if err := s.Verify("hallmark", []byte("text")); !errors.Is(err, ErrNamespace) {
					t.Errorf("for something else: %v", err)
				}
				if err := s.Verify("git", []byte("Text")); !errors.Is(err, ErrSignature) {
					t.Errorf("another text: %v", err)
				}
			}
		})
	}
}

// TestKeysRefused: kinds and sizes that are not taken, and what is no line of a .pub file.
func TestKeysRefused(t *testing.T) {
	good, _ := publicKey(t, keyFile(t, "ed25519"))
	for name, line := range map[string][]byte{
		"RSA of 1024 bits": run(t, nil, "-y", "-f", keyFile(t, "rsa", "-b", "1024")),
		"P-521":            run(t, nil, "-y", "-f", keyFile(t, "ecdsa", "-b", "521")),
		"DSA":              run(t, nil, "-y", "-f", keyFile(t, "dsa")),
		"options":          append([]byte(`command="x" `), good...),
		"two keys":         slices.Concat(good, good),
		"cut off":          good[:40],
		"nothing":          nil,
		"too long":         append(bytes.TrimSpace(good), bytes.Repeat([]byte("x"), MaxKeyBytes)...),
	} {
		if _, err := ParseKey(line); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWeakSignatures: a signature by a key that is too small does not count, whoever
// compares its key with what.
func TestWeakSignatures(t *testing.T) {
	for name, kind := range map[string][]string{"RSA of 1024 bits": {"rsa", "-b", "1024"}, "P-521": {"ecdsa", "-b", "521"}, "DSA": {"dsa"}} {
		s, err := Parse(run(t, []byte("text"), "-q", "-Y", "sign", "-n", "git", "-f", keyFile(t, kind[0], kind[1:]...)))
		if err != nil {
			continue // not even read
		}
		if err := s.Verify("git", []byte("text")); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// SHA-1 with a key that is good otherwise.
	s, err := Parse(run(t, []byte("text"), "-q", "-Y", "sign", "-n", "git", "-f", keyFile(t, "rsa", "-b", "2048")))
	if err != nil {
		t.Fatal(err)
	}
	s.signature.Format = ssh.KeyAlgoRSA
	if err := s.Verify("git", []byte("text")); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("SHA-1: %v", err)
	}
}

// skSignature is what a security key answers, as OpenSSH's PROTOCOL.u2f has it: over the
// application's digest, flags, a counter and the digest of what is to be signed.
func skSignature(t testing.TB, flags byte, text []byte) []byte {
	t.Helper()
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const application = "ssh:"
	wire := ssh.Marshal(struct {
		Type        string
		Key         []byte
		Application string
	}{ssh.KeyAlgoSKED25519, pub, application})
	signed := (&Signature{namespace: "git", hash: "sha512"}).signed(text)
	app, digest := sha256.Sum256([]byte(application)), sha256.Sum256(signed)
	rest := []byte{flags, 0, 0, 0, 7}
	blob := ed25519.Sign(private, slices.Concat(app[:], rest, digest[:]))
	signature := ssh.Marshal(struct {
		Format string
		Blob   []byte
		Rest   []byte `ssh:"rest"`
	}{ssh.KeyAlgoSKED25519, blob, rest})
	body := append([]byte(magic), ssh.Marshal(struct {
		Version                   uint32
		Key                       []byte
		Namespace, Reserved, Hash string
		Signature                 []byte
	}{1, wire, "git", "", "sha512", signature})...)
	return pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: body})
}

// TestSecurityKey: one counts when it was touched, and has no key outside SSH.
func TestSecurityKey(t *testing.T) {
	s, err := Parse(skSignature(t, userPresent, []byte("text")))
	if err != nil {
		t.Fatal(err)
	}
	if key, err := s.Key(); err != nil || key.Public() != nil {
		t.Errorf("%v, %v", key.Public(), err)
	}
	if err := s.Verify("git", []byte("text")); err != nil {
		t.Error(err)
	}
	if err := s.Verify("git", []byte("other")); !errors.Is(err, ErrSignature) {
		t.Errorf("another text: %v", err)
	}
	if s, err = Parse(skSignature(t, 0, []byte("text"))); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify("git", []byte("text")); !errors.Is(err, ErrUntouched) {
		t.Errorf("not touched: %v", err)
	}
}

// FuzzParse: what is taken verifies for one purpose and one text only.
func FuzzParse(f *testing.F) {
	proof := skSignature(f, userPresent, []byte("text"))
	f.Add(proof)
	f.Add(append([]byte("text before\n"), proof...))
	f.Add(bytes.Replace(proof, []byte("SIGNATURE"), []byte("signature"), 1))
	f.Add([]byte("-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := Parse(raw)
		if err != nil {
			return
		}
		if s.key == nil || s.hash == "" || !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("-----BEGIN SSH SIGNATURE-----")) {
			t.Fatalf("parsed to %+v", s)
		}
		if s.Verify("git", []byte("text")) == nil && (s.Verify("git", []byte("text ")) == nil || s.Verify("hallmark", []byte("text")) == nil) {
			t.Fatal("one signature over two texts or for two purposes")
		}
	})
}

// FuzzParseKey: a key that is taken is the same when it is written again.
func FuzzParseKey(f *testing.F) {
	line, _ := publicKey(f, keyFile(f, "ed25519"))
	f.Add(line)
	f.Add([]byte("ssh-rsa AAAA"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		k, err := ParseKey(raw)
		if err != nil {
			return
		}
		pub, err := ssh.ParsePublicKey(k.Wire())
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseKey(ssh.MarshalAuthorizedKey(pub))
		if err != nil || !bytes.Equal(again.Wire(), k.Wire()) {
			t.Fatalf("%v: %s became %s", err, k.Fingerprint(), again.Fingerprint())
		}
	})
}
