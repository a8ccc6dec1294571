package ledger

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"
)

// NewSigner makes a checkpoint signer from an Ed25519 key, and the verifier key
// (a note vkey, "<origin>+<hash>+<base64>") to publish. origin is a URL without
// scheme, such as "log.example.com/hallmark", without spaces or plus signs.
func NewSigner(origin string, priv ed25519.PrivateKey) (note.Signer, string, error) {
	if len(priv) != ed25519.PrivateKeySize {
		return nil, "", errors.New("log signer: not an Ed25519 private key")
	}
	vkey, err := note.NewEd25519VerifierKey(origin, priv.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, "", fmt.Errorf("log signer: %w", err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, "", fmt.Errorf("log signer: origin %.80q: %w", origin, err)
	}
	// The library's own encoding of a private key: algorithm 1, then the seed.
	encoded := base64.StdEncoding.EncodeToString(append([]byte{1}, priv.Seed()...))
	s, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", origin, v.KeyHash(), encoded))
	if err != nil {
		return nil, "", fmt.Errorf("log signer: %w", err)
	}
	return s, vkey, nil
}
