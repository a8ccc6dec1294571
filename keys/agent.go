package keys

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// agentConn is a connection to an agent, with the keys that it listed.
type agentConn struct {
	conn   net.Conn
	client agent.ExtendedAgent
	keys   []agentEntry
}

// agentEntry is a key of an agent, or why it is of no use here.
type agentEntry struct {
	comment     string
	fingerprint string // "SHA256:" and unpadded base64
	ssh         ssh.PublicKey
	public      crypto.PublicKey
	unusable    string
}

func dialAgent(ctx context.Context, uri string, o Options) (*agentConn, error) {
	fail := func(detail string, err error) (*agentConn, error) {
		return nil, &Error{Reason: NoAgent, Key: Redact(uri), Detail: detail, Err: err}
	}
	socket := o.AgentSocket
	if socket == "" {
		socket = os.Getenv("SSH_AUTH_SOCK")
	}
	if socket == "" {
		return fail("SSH_AUTH_SOCK is not set: is an ssh-agent running?", nil)
	}
	conn, err := (&net.Dialer{Timeout: agentPatience}).DialContext(ctx, "unix", socket)
	if err != nil {
		return fail("", err)
	}
	if err := conn.SetDeadline(time.Now().Add(agentPatience)); err != nil {
		conn.Close()
		return fail("", err)
	}
	client := agent.NewClient(conn)
	listed, err := client.List()
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err == nil && len(listed) > maxAgentKeys {
		err = fmt.Errorf("it lists %d keys, at most %d are looked at", len(listed), maxAgentKeys)
	}
	if err != nil {
		conn.Close()
		return fail("", err)
	}
	a := &agentConn{conn: conn, client: client}
	for _, k := range listed {
		a.keys = append(a.keys, newAgentEntry(k))
	}
	return a, nil
}

func newAgentEntry(k *agent.Key) agentEntry {
	e := agentEntry{comment: k.Comment}
	pub, err := ssh.ParsePublicKey(k.Blob)
	if err != nil {
		e.unusable = "a key of type " + quote(k.Format) + ", which is not understood"
		return e
	}
	e.ssh, e.fingerprint = pub, ssh.FingerprintSHA256(pub)
	e.public, e.unusable = agentPublic(pub)
	return e
}

// agentPublic returns the public key, or why a signature by it is of no use.
func agentPublic(pub ssh.PublicKey) (crypto.PublicKey, string) {
	switch pub.Type() {
	case ssh.KeyAlgoRSA, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoED25519:
	case ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoSKED25519:
		return nil, "a security key (" + pub.Type() + ") signs a counter and flags around the message, which is no plain signature"
	case ssh.KeyAlgoECDSA521:
		return nil, "P-521 is not accepted: P-256 and P-384 are"
	default:
		if _, ok := pub.(*ssh.Certificate); ok {
			return nil, "a certificate: name the key itself"
		}
		return nil, pub.Type() + " is not accepted: ECDSA, RSA and Ed25519 are"
	}
	crypt, ok := pub.(ssh.CryptoPublicKey)
	if !ok {
		return nil, pub.Type() + " has no public key that signatures can be verified with"
	}
	return crypt.CryptoPublicKey(), ""
}

// find returns the one key of that fingerprint or comment. Certificates do not count
// for comments: ssh-add loads one beside its key, under the same comment.
func (a *agentConn) find(uri, name string) (agentEntry, error) {
	var found []agentEntry
	for _, k := range a.keys {
		_, isCertificate := k.ssh.(*ssh.Certificate)
		if name != "" && (k.fingerprint == name || (k.comment == name && !isCertificate)) {
			found = append(found, k)
		}
	}
	switch {
	case name == "":
		return agentEntry{}, refuse(BadURI, Redact(uri), "ssh-agent:SHA256:… or ssh-agent:COMMENT is wanted; %s", describeAgent(a.keys))
	case len(found) == 0:
		return agentEntry{}, refuse(NoKey, Redact(uri), "the ssh-agent has no such key; %s", describeAgent(a.keys))
	case len(found) > 1:
		return agentEntry{}, refuse(Ambiguous, Redact(uri), "%d keys have this name; name one by its fingerprint: %s", len(found), describeAgent(found))
	case found[0].unusable != "":
		return agentEntry{}, refuse(BadKey, Redact(uri), "%s", found[0].unusable)
	}
	return found[0], nil
}

func describeAgent(keys []agentEntry) string {
	if len(keys) == 0 {
		return "it holds no keys (ssh-add adds one)"
	}
	var shown []string
	for i, k := range keys {
		if i == maxShown {
			shown = append(shown, fmt.Sprintf("and %d more", len(keys)-maxShown))
			break
		}
		shown = append(shown, k.fingerprint+" ("+quote(k.comment)+")")
	}
	return "it holds " + strings.Join(shown, ", ")
}

func openAgent(ctx context.Context, uri, name string, o Options) (Key, error) {
	a, err := dialAgent(ctx, uri, o)
	if err != nil {
		return nil, err
	}
	entry, err := a.find(uri, name)
	if err != nil {
		a.conn.Close()
		return nil, err
	}
	return &agentKey{agentConn: a, entry: entry, name: Redact(uri)}, nil
}

// agentKey is a crypto.MessageSigner.
type agentKey struct {
	*agentConn
	entry  agentEntry
	name   string
	closed atomic.Bool
}

func (k *agentKey) Public() crypto.PublicKey { return k.entry.public }

func (k *agentKey) Close() error {
	if k.closed.Swap(true) {
		return nil
	}
	return k.conn.Close()
}

// Sign refuses: the agent would hash the digest once more. Only Ed25519, which is
// handed the message itself (opts.HashFunc() is 0), goes through.
func (k *agentKey) Sign(random io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != 0 {
		return nil, refuse(NotADigest, k.name, "an ssh-agent signs messages, not digests of them")
	}
	return k.SignMessage(random, message, opts)
}

// SignMessage has the agent hash and sign. opts must be the hash that goes with the
// key: SHA-256 with P-256, SHA-384 with P-384, SHA-256 or SHA-512 with RSA, none
// with Ed25519. The signature is ASN.1 DER for ECDSA and PKCS #1 v1.5 for RSA.
func (k *agentKey) SignMessage(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if k.closed.Load() {
		return nil, refuse(Closed, k.name, "the key was closed")
	}
	format, flags, err := k.algorithm(opts)
	if err != nil {
		return nil, err
	}
	sig, err := k.client.SignWithFlags(k.entry.ssh, message, flags)
	if err != nil {
		return nil, &Error{Reason: SigningFailed, Key: k.name, Err: err}
	}
	if sig.Format != format {
		// An agent that does not know the flags answers with SHA-1.
		return nil, refuse(BadSignature, k.name, "the ssh-agent made a signature of type %s, not %s", quote(sig.Format), format)
	}
	plain, err := plainSignature(k.entry.public, sig.Blob)
	if err != nil {
		return nil, &Error{Reason: BadSignature, Key: k.name, Err: err}
	}
	if err := verifyMessage(k.entry.public, message, plain, opts); err != nil {
		return nil, &Error{Reason: BadSignature, Key: k.name, Err: err}
	}
	return plain, nil
}

// algorithm returns the format that the agent's answer must have, and the flags that
// ask for it.
func (k *agentKey) algorithm(opts crypto.SignerOpts) (string, agent.SignatureFlags, error) {
	_, pss := opts.(*rsa.PSSOptions)
	hash := opts.HashFunc()
	switch pub := k.entry.public.(type) {
	case ed25519.PublicKey:
		if context, ok := opts.(*ed25519.Options); hash == 0 && (!ok || context.Context == "") {
			return ssh.KeyAlgoED25519, 0, nil
		}
	case *ecdsa.PublicKey:
		switch {
		case hash == crypto.SHA256 && pub.Curve == elliptic.P256():
			return ssh.KeyAlgoECDSA256, 0, nil
		case hash == crypto.SHA384 && pub.Curve == elliptic.P384():
			return ssh.KeyAlgoECDSA384, 0, nil
		}
	case *rsa.PublicKey:
		switch {
		case pss:
		case hash == crypto.SHA256:
			return ssh.KeyAlgoRSASHA256, agent.SignatureFlagRsaSha256, nil
		case hash == crypto.SHA512:
			return ssh.KeyAlgoRSASHA512, agent.SignatureFlagRsaSha512, nil
		}
	}
	return "", 0, refuse(Unsupported, k.name, "an ssh-agent has no signature by %s with %v", Kind(k.entry.public), describeHash(opts, pss))
}

func describeHash(opts crypto.SignerOpts, pss bool) string {
	switch {
	case pss:
		return "RSA-PSS"
	case opts.HashFunc() == 0:
		return "no hash"
	}
	return opts.HashFunc().String()
}

// plainSignature takes SSH's packing off (RFC 5656 §3.1.2, RFC 8332 §3, RFC 8709 §6).
func plainSignature(pub crypto.PublicKey, blob []byte) ([]byte, error) {
	switch p := pub.(type) {
	case *ecdsa.PublicKey:
		return ecdsaDER(blob)
	case *rsa.PublicKey:
		// Some agents leave leading zeros out.
		if len(blob) > p.Size() {
			return nil, errors.New("RSA signature is longer than the modulus")
		}
		return append(make([]byte, p.Size()-len(blob)), blob...), nil
	}
	return blob, nil
}
