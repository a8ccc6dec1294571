package distribution

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// tufKey is a public key as metadata has it. The library calls every ECDSA key P-256.
func tufKey(pub crypto.PublicKey) (*metadata.Key, string, error) {
	if k, ok := pub.(*ecdsa.PublicKey); !ok || k == nil || k.Curve != elliptic.P256() {
		return nil, "", fmt.Errorf("key of the update repository: %T, want ECDSA P-256", pub)
	}
	key, err := metadata.KeyFromPublicKey(pub)
	if err != nil {
		return nil, "", err
	}
	id, err := key.ID()
	return key, id, err
}

// sign signs metadata with each key and returns its bytes.
func sign[T metadata.Roles](m *metadata.Metadata[T], keys ...crypto.Signer) ([]byte, error) {
	payload, err := cjson.EncodeCanonical(m.Signed)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		_, id, err := tufKey(key.Public())
		if err != nil {
			return nil, err
		}
		sig, err := crypto.SignMessage(key, rand.Reader, payload, crypto.SHA256) // the key may be on a token
		if err != nil {
			return nil, err
		}
		m.Signatures = append(m.Signatures, metadata.Signature{KeyID: id, Signature: sig})
	}
	return m.ToBytes(false)
}

// Sign adds a signature to root or targets metadata: what an operator does on a
// machine that is offline. The role must list the key in the metadata itself, or, for a
// root that takes power from it, in the old root, if that is given. A signature that is
// there is not made twice.
func Sign(ctx context.Context, raw, oldRoot []byte, key crypto.Signer) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(raw) > maxMetadataBytes {
		return nil, fmt.Errorf("metadata of %d bytes, at most %d", len(raw), maxMetadataBytes)
	}
	_, id, err := tufKey(key.Public())
	if err != nil {
		return nil, err
	}
	root, err := metadata.Root().FromBytes(raw)
	if err != nil {
		return nil, fmt.Errorf("read root metadata: %w", err)
	}
	listed := slices.Contains(root.Signed.Roles[metadata.ROOT].KeyIDs, id)
	if !listed && oldRoot != nil {
		old, err := metadata.Root().FromBytes(oldRoot)
		if err != nil {
			return nil, fmt.Errorf("read old root metadata: %w", err)
		}
		listed = slices.Contains(old.Signed.Roles[metadata.ROOT].KeyIDs, id)
	}
	if !listed {
		return nil, fmt.Errorf("key %s: %w", id, ErrNotListed)
	}
	if slices.ContainsFunc(root.Signatures, func(s metadata.Signature) bool { return s.KeyID == id }) {
		return raw, nil
	}
	return sign(root, key)
}

var (
	// ErrNotListed is returned for a key that the metadata gives no power.
	ErrNotListed = errors.New("neither the new root nor the old one lists it")
	// ErrHeldElsewhere is returned where a key is needed that operators hold.
	ErrHeldElsewhere = errors.New("operators hold the key: 'hallmark trust root' says how to sign with it")
)

// canSign reports whether one key alone is enough for a role.
func canSign(role *metadata.Role, id string) bool {
	return role != nil && role.Threshold == 1 && slices.Contains(role.KeyIDs, id)
}
