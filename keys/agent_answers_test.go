package keys_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/keys"
)

// fakeAgent lists and signs what the test wants.
type fakeAgent struct {
	agent.ExtendedAgent
	listed []*agent.Key
	sign   func(data []byte, flags agent.SignatureFlags) (*ssh.Signature, error)
}

func (f *fakeAgent) List() ([]*agent.Key, error) { return f.listed, nil }

func (f *fakeAgent) SignWithFlags(_ ssh.PublicKey, data []byte, flags agent.SignatureFlags) (*ssh.Signature, error) {
	return f.sign(data, flags)
}

func (f *fakeAgent) serve(t *testing.T) keys.Options {
	t.Helper()
	return keys.Options{AgentSocket: listen(t, func(conn net.Conn) { agent.ServeAgent(f, conn) })}
}

// listen answers connections to a socket until the test ends.
func listen(t *testing.T, answer func(net.Conn)) (socket string) {
	t.Helper()
	socket = filepath.Join(shortDir(t), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				answer(conn)
			}()
		}
	}()
	return socket
}

// blob makes what an agent lists for a key type with the given string fields.
func blob(keyType string, fields ...string) []byte {
	out := ssh.Marshal(struct{ T string }{keyType})
	for _, f := range fields {
		out = append(out, ssh.Marshal(struct{ F string }{f})...)
	}
	return out
}

// Keys that cannot make a plain signature never get to sign.
func TestAgentKinds(t *testing.T) {
	ed := string(newEd25519(t).Public().(ed25519.PublicKey))
	point, err := newEC(t, elliptic.P256()).Public().(*ecdsa.PublicKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	number := "\x00" + string(append([]byte{0x80}, make([]byte, 127)...))
	for name, c := range map[string]struct {
		blob []byte
		says string
	}{
		"ed25519-sk": {blob(ssh.KeyAlgoSKED25519, ed, "ssh:"), "signs a counter"},
		"ecdsa-sk":   {blob(ssh.KeyAlgoSKECDSA256, "nistp256", string(point), "ssh:"), "signs a counter"},
		"dsa":        {blob("ssh-dss", number, "\x00"+string(append([]byte{0x80}, make([]byte, 19)...)), "\x02", "\x02"), "not "},
		"unknown":    {blob("ssh-novel\x1b[2J", "x"), `"ssh-novel\x1b[2J"`},
		"damaged":    {blob(ssh.KeyAlgoED25519, "short"), "not understood"},
		"empty type": {blob(""), "not understood"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeAgent{sign: func([]byte, agent.SignatureFlags) (*ssh.Signature, error) {
				t.Error("something was signed")
				return nil, errors.New("no")
			}}
			f.listed = []*agent.Key{{Format: "x", Blob: c.blob, Comment: "quill"}}
			o := f.serve(t)
			_, err := keys.Open(t.Context(), "ssh-agent:quill", o)
			wantReason(t, err, keys.BadKey, c.says)
			all, err := keys.List(t.Context(), "ssh-agent:", o)
			if err != nil || len(all) != 1 || all[0].Problem == "" {
				t.Errorf("listed as %+v, %v", all, err)
			}
		})
	}
}

func sshSign(t *testing.T, key crypto.Signer, data []byte, algorithm string) *ssh.Signature {
	t.Helper()
	s, err := ssh.NewSignerFromSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := s.(ssh.AlgorithmSigner).SignWithAlgorithm(rand.Reader, data, algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// An agent that lies, or that is old, makes no signature that somebody else has to
// find wrong.
func TestAgentAnswersBadly(t *testing.T) {
	ec := newEC(t, elliptic.P256())
	for name, c := range map[string]struct {
		key  crypto.Signer
		sign func(data []byte) *ssh.Signature
		want keys.Reason // empty: fine
	}{
		"good":  {ec, func(d []byte) *ssh.Signature { return sshSign(t, ec, d, ssh.KeyAlgoECDSA256) }, ""},
		"SHA-1": {rsa3072(), func(d []byte) *ssh.Signature { return sshSign(t, rsa3072(), d, ssh.KeyAlgoRSA) }, keys.BadSignature},
		"another's signature": {ec, func(d []byte) *ssh.Signature {
			return sshSign(t, newEC(t, elliptic.P256()), d, ssh.KeyAlgoECDSA256)
		}, keys.BadSignature},
		"another message": {ec, func([]byte) *ssh.Signature { return sshSign(t, ec, []byte("x"), ssh.KeyAlgoECDSA256) }, keys.BadSignature},
		"not r and s":     {ec, func([]byte) *ssh.Signature { return &ssh.Signature{Format: ssh.KeyAlgoECDSA256, Blob: []byte("x")} }, keys.BadSignature},
		"RSA, too long": {rsa3072(), func([]byte) *ssh.Signature {
			return &ssh.Signature{Format: ssh.KeyAlgoRSASHA256, Blob: make([]byte, 385)}
		}, keys.BadSignature},
		"another's format": {ec, func(d []byte) *ssh.Signature { return &ssh.Signature{Format: "\x1b[2J"} }, keys.BadSignature},
	} {
		t.Run(name, func(t *testing.T) {
			pub, err := ssh.NewPublicKey(c.key.Public())
			if err != nil {
				t.Fatal(err)
			}
			f := &fakeAgent{listed: []*agent.Key{{Format: pub.Type(), Blob: pub.Marshal(), Comment: "quill"}}}
			f.sign = func(data []byte, _ agent.SignatureFlags) (*ssh.Signature, error) { return c.sign(data), nil }
			k := openKey(t, "ssh-agent:quill", f.serve(t))
			if c.want == "" {
				signAndOpen(t, k, c.key.Public())
				return
			}
			_, err = attest.Sign(t.Context(), "text/plain", []byte("two ounces"), k)
			wantReason(t, err, c.want)
		})
	}
}

// Some agents drop leading zeros, of which an RSA signature has one in 256 times.
func TestAgentDropsZeros(t *testing.T) {
	message := []byte("0")
	for n := 0; sshSign(t, rsa2048(), message, ssh.KeyAlgoRSASHA256).Blob[0] != 0; n++ {
		message = strconv.AppendInt(nil, int64(n), 10)
	}
	pub, err := ssh.NewPublicKey(rsa2048().Public())
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeAgent{listed: []*agent.Key{{Format: pub.Type(), Blob: pub.Marshal(), Comment: "quill"}}}
	f.sign = func(data []byte, _ agent.SignatureFlags) (*ssh.Signature, error) {
		sig := sshSign(t, rsa2048(), data, ssh.KeyAlgoRSASHA256)
		sig.Blob = bytes.TrimLeft(sig.Blob, "\x00")
		return sig, nil
	}
	sig, err := crypto.SignMessage(openKey(t, "ssh-agent:quill", f.serve(t)), rand.Reader, message, crypto.SHA256)
	if err != nil || len(sig) != 256 {
		t.Errorf("%d bytes, %v", len(sig), err)
	}
}

func TestAgentHangsUp(t *testing.T) {
	for name, answer := range map[string]func(net.Conn){
		"at once":       func(net.Conn) {},
		"with nonsense": func(c net.Conn) { c.Write([]byte{0, 0, 0, 1, 99}) },
		"huge answer":   func(c net.Conn) { c.Write([]byte{0xff, 0xff, 0xff, 0xff}) },
		"empty answer":  func(c net.Conn) { c.Write([]byte{0, 0, 0, 0}) },
	} {
		t.Run(name, func(t *testing.T) {
			read := func(c net.Conn) { c.Read(make([]byte, 64)); answer(c) }
			_, err := keys.Open(t.Context(), "ssh-agent:quill", keys.Options{AgentSocket: listen(t, read)})
			wantReason(t, err, keys.NoAgent)
		})
	}
	f := &fakeAgent{}
	for range 300 {
		f.listed = append(f.listed, &agent.Key{Format: "x", Blob: blob("x")})
	}
	_, err := keys.Open(t.Context(), "ssh-agent:quill", f.serve(t))
	wantReason(t, err, keys.NoAgent, "300 keys")
}
