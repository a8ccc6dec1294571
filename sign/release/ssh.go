package release

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// SSH is a second factor that OpenSSH holds: a key in a file, in an agent, or in a
// security key (ed25519-sk, ecdsa-sk), which must have been touched. A proof is what
// "ssh-keygen -Y sign -n hallmark" writes (PROTOCOL.sshsig of OpenSSH).
type SSH struct{}

// SSHNamespace keeps signatures that were made for something else from counting here.
const SSHNamespace = "hallmark"

// Kind implements SecondFactor.
func (SSH) Kind() string { return "ssh" }

// userPresent is the flag of a security key's signature that says it was touched
// (PROTOCOL.u2f of OpenSSH).
const userPresent = 0x01

// minRSABits is what NIST SP 800-57 asks for until 2030.
const minRSABits = 2048

// sshKinds are the algorithms taken, and what each key signs with: no SHA-1, no DSA.
func sshKinds() map[string][]string {
	return map[string][]string{
		ssh.KeyAlgoED25519: {ssh.KeyAlgoED25519}, ssh.KeyAlgoECDSA256: {ssh.KeyAlgoECDSA256}, ssh.KeyAlgoECDSA384: {ssh.KeyAlgoECDSA384},
		ssh.KeyAlgoRSA:       {ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512},
		ssh.KeyAlgoSKED25519: {ssh.KeyAlgoSKED25519}, ssh.KeyAlgoSKECDSA256: {ssh.KeyAlgoSKECDSA256},
	}
}

// Parse reads a line of a .pub file.
func (SSH) Parse(public []byte) ([]byte, error) {
	key, _, options, rest, err := ssh.ParseAuthorizedKey(public)
	if err != nil || len(options) > 0 || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("one line of an OpenSSH .pub file is wanted")
	}
	if sshKinds()[key.Type()] == nil {
		return nil, fmt.Errorf("keys of type %s are not taken", key.Type())
	}
	if bits := rsaBits(key); bits > 0 && bits < minRSABits {
		return nil, fmt.Errorf("an RSA key of %d bits, at least %d are wanted", bits, minRSABits)
	}
	return key.Marshal(), nil
}

// Verify implements SecondFactor.
func (SSH) Verify(public, text, proof []byte) error {
	sig, err := parseSSHSignature(proof)
	if err != nil {
		return err
	}
	if !bytes.Equal(sig.key.Marshal(), public) {
		return errors.New("signed with another key")
	}
	if sig.namespace != SSHNamespace {
		return fmt.Errorf("signed for %q, not for %q", sig.namespace, SSHNamespace)
	}
	var taken bool
	for _, format := range sshKinds()[sig.key.Type()] {
		taken = taken || format == sig.signature.Format
	}
	if !taken {
		return fmt.Errorf("a signature of type %q with a key of type %q is not taken", sig.signature.Format, sig.key.Type())
	}
	if strings.HasPrefix(sig.key.Type(), "sk-") && (len(sig.signature.Rest) == 0 || sig.signature.Rest[0]&userPresent == 0) {
		return errors.New("the security key was not touched")
	}
	return sig.key.Verify(sig.signed(text), &sig.signature)
}

// sshSignature is the blob of PROTOCOL.sshsig.
type sshSignature struct {
	key             ssh.PublicKey
	namespace, hash string
	signature       ssh.Signature
}

const sshMagic = "SSHSIG"

// parseSSHSignature reads an armoured signature, and insists on its one spelling.
func parseSSHSignature(proof []byte) (sshSignature, error) {
	bad := errors.New("not what 'ssh-keygen -Y sign' writes")
	if len(proof) > maxProofBytes {
		return sshSignature{}, bad
	}
	block, rest := pem.Decode(proof)
	if block == nil || block.Type != "SSH SIGNATURE" || len(block.Headers) > 0 || len(bytes.TrimSpace(rest)) > 0 || !bytes.HasPrefix(block.Bytes, []byte(sshMagic)) {
		return sshSignature{}, bad
	}
	var blob struct {
		Version                   uint32
		Key                       []byte
		Namespace, Reserved, Hash string
		Signature                 []byte
	}
	if err := ssh.Unmarshal(block.Bytes[len(sshMagic):], &blob); err != nil || blob.Version != 1 || blob.Reserved != "" {
		return sshSignature{}, bad
	}
	s := sshSignature{namespace: blob.Namespace, hash: blob.Hash}
	if s.hash != "sha256" && s.hash != "sha512" {
		return sshSignature{}, bad
	}
	var err error
	if s.key, err = ssh.ParsePublicKey(blob.Key); err != nil {
		return sshSignature{}, bad
	}
	if err := ssh.Unmarshal(blob.Signature, &s.signature); err != nil {
		return sshSignature{}, bad
	}
	return s, nil
}

// signed is what the signature is over.
func (s sshSignature) signed(text []byte) []byte {
	sum := sha512.Sum512(text)
	digest := sum[:]
	if s.hash == "sha256" {
		short := sha256.Sum256(text)
		digest = short[:]
	}
	return append([]byte(sshMagic), ssh.Marshal(struct {
		Namespace, Reserved, Hash string
		Digest                    []byte
	}{s.namespace, "", s.hash, digest})...)
}

func rsaBits(key ssh.PublicKey) int {
	if key.Type() != ssh.KeyAlgoRSA {
		return 0
	}
	var wire struct {
		Type string
		E, N []byte
	}
	if err := ssh.Unmarshal(key.Marshal(), &wire); err != nil {
		return 1
	}
	return len(bytes.TrimLeft(wire.N, "\x00")) * 8
}

func factorID(public []byte) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:])
}
