package sshsig

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// What a signature or key is refused for.
var (
	ErrKey       = errors.New("not a key that is taken")
	ErrForm      = errors.New("not what 'ssh-keygen -Y sign' writes")
	ErrNamespace = errors.New("signed for another purpose")
	ErrAlgorithm = errors.New("a signature algorithm that is not taken")
	ErrUntouched = errors.New("the security key was not touched")
	ErrSignature = errors.New("the signature does not verify")
)

// userPresent is the flag of a security key's signature that says it was touched
// (PROTOCOL.u2f of OpenSSH).
const userPresent = 0x01

// kinds are the algorithms taken, and what each key signs with: no SHA-1, no DSA.
func kinds() map[string][]string {
	return map[string][]string{
		ssh.KeyAlgoED25519: {ssh.KeyAlgoED25519}, ssh.KeyAlgoECDSA256: {ssh.KeyAlgoECDSA256}, ssh.KeyAlgoECDSA384: {ssh.KeyAlgoECDSA384},
		ssh.KeyAlgoRSA:       {ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512},
		ssh.KeyAlgoSKED25519: {ssh.KeyAlgoSKED25519}, ssh.KeyAlgoSKECDSA256: {ssh.KeyAlgoSKECDSA256},
	}
}

// Key is a public key of a kind and size that is taken.
type Key struct {
	wire string // SSH's wire format
	pub  crypto.PublicKey
}

// ParseKey reads a line of a .pub file, as it stands there. Errors: ErrKey.
func ParseKey(line []byte) (Key, error) {
	if len(line) > MaxKeyBytes {
		return Key{}, fmt.Errorf("%w: %d bytes, at most %d", ErrKey, len(line), MaxKeyBytes)
	}
	key, _, options, rest, err := ssh.ParseAuthorizedKey(line)
	if err != nil || len(options) > 0 || len(bytes.TrimSpace(rest)) > 0 {
		return Key{}, fmt.Errorf("%w: one line of an OpenSSH .pub file is wanted", ErrKey)
	}
	return newKey(key)
}

func newKey(key ssh.PublicKey) (Key, error) {
	if kinds()[key.Type()] == nil {
		return Key{}, fmt.Errorf("%w: keys of type %.40q are not", ErrKey, key.Type())
	}
	if bits := rsaBits(key); bits > 0 && bits < minRSABits {
		return Key{}, fmt.Errorf("%w: an RSA key of %d bits, at least %d are wanted", ErrKey, bits, minRSABits)
	}
	k := Key{wire: string(key.Marshal())}
	// A key in a security key has no other form that somebody could sign with.
	if c, ok := key.(ssh.CryptoPublicKey); ok && !strings.HasPrefix(key.Type(), "sk-") {
		k.pub = c.CryptoPublicKey()
	}
	return k, nil
}

// Wire is the key in SSH's wire format; two keys are the same when it is.
func (k Key) Wire() []byte { return []byte(k.wire) }

// Public is the same key outside SSH, nil where it is in a security key.
func (k Key) Public() crypto.PublicKey { return k.pub }

// Fingerprint is what "ssh-keygen -l" prints for the key: "SHA256:" and base64.
func (k Key) Fingerprint() string {
	sum := sha256.Sum256([]byte(k.wire))
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// Signature is one that was read and not verified.
type Signature struct {
	key             ssh.PublicKey
	namespace, hash string
	signature       ssh.Signature
}

// magic begins the blob and what is signed.
const magic = "SSHSIG"

// Parse reads an armoured signature, and insists on its one spelling. Errors: ErrForm.
func Parse(armored []byte) (*Signature, error) {
	armored = bytes.TrimSpace(armored)
	if len(armored) > MaxSignatureBytes || !bytes.HasPrefix(armored, []byte("-----BEGIN SSH SIGNATURE-----\n")) {
		return nil, ErrForm
	}
	block, rest := pem.Decode(armored)
	if block == nil || block.Type != "SSH SIGNATURE" || len(block.Headers) > 0 || len(rest) > 0 || !bytes.HasPrefix(block.Bytes, []byte(magic)) {
		return nil, ErrForm
	}
	var blob struct {
		Version                   uint32
		Key                       []byte
		Namespace, Reserved, Hash string
		Signature                 []byte
	}
	if err := ssh.Unmarshal(block.Bytes[len(magic):], &blob); err != nil || blob.Version != 1 || blob.Reserved != "" {
		return nil, ErrForm
	}
	s := &Signature{namespace: blob.Namespace, hash: blob.Hash}
	if s.hash != "sha256" && s.hash != "sha512" {
		return nil, ErrForm
	}
	var err error
	if s.key, err = ssh.ParsePublicKey(blob.Key); err != nil {
		return nil, ErrForm
	}
	if err := ssh.Unmarshal(blob.Signature, &s.signature); err != nil {
		return nil, ErrForm
	}
	return s, nil
}

// Key is the key that the signature names. Errors: ErrKey, where it is none that is taken.
func (s *Signature) Key() (Key, error) { return newKey(s.key) }

// Verify reports whether the key that the signature names signed a text for a purpose.
// Whose key that is, and whether it is to be believed, is for the caller to say. Errors:
// ErrKey, ErrNamespace, ErrAlgorithm, ErrUntouched, ErrSignature.
func (s *Signature) Verify(namespace string, text []byte) error {
	if _, err := s.Key(); err != nil {
		return err
	}
	if s.namespace != namespace {
		return fmt.Errorf("%w: %.40q, not %q", ErrNamespace, s.namespace, namespace)
	}
	var taken bool
	for _, format := range kinds()[s.key.Type()] {
		taken = taken || format == s.signature.Format
	}
	if !taken {
		return fmt.Errorf("%w: %.40q with a key of type %q", ErrAlgorithm, s.signature.Format, s.key.Type())
	}
	if strings.HasPrefix(s.key.Type(), "sk-") && (len(s.signature.Rest) == 0 || s.signature.Rest[0]&userPresent == 0) {
		return ErrUntouched
	}
	if err := s.key.Verify(s.signed(text), &s.signature); err != nil {
		return fmt.Errorf("%w: %v", ErrSignature, err)
	}
	return nil
}

// signed is what the signature is over.
func (s *Signature) signed(text []byte) []byte {
	sum := sha512.Sum512(text)
	digest := sum[:]
	if s.hash == "sha256" {
		short := sha256.Sum256(text)
		digest = short[:]
	}
	return append([]byte(magic), ssh.Marshal(struct {
		Namespace, Reserved, Hash string
		Digest                    []byte
	}{s.namespace, "", s.hash, digest})...)
}

// rsaBits is the size of an RSA modulus, 0 for other keys.
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
