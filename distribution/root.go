package distribution

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"
)

// Powers says who signs what in a new root.
type Powers struct {
	Root      []crypto.PublicKey // sign roots
	Threshold int                // how many of them have to
	// Targets sign the list of what is distributed, one of them each time. None: those
	// who do now.
	Targets []crypto.PublicKey
	// Online sign what changes daily, one of them each time: the server's status key, and
	// before that is rolled over the next one too. None: those who do now.
	Online []crypto.PublicKey
}

// NextRoot makes the root that follows the newest one and gives root and targets to other
// keys. It is not signed: Sign does that, by keys of the old root and of the new one.
func NextRoot(have Reader, powers Powers, now time.Time) ([]byte, error) {
	raw, version, err := NewestRoot(have)
	if err != nil {
		return nil, err
	}
	if version == 0 {
		return nil, errors.New("next root: there is none yet")
	}
	if len(powers.Root) == 0 || len(powers.Root) > maxRootKeys || len(powers.Targets) > maxRootKeys || len(powers.Online) > maxRootKeys || powers.Threshold < 1 || powers.Threshold > len(powers.Root) {
		return nil, fmt.Errorf("next root: %d keys with a threshold of %d, at most %d keys", len(powers.Root), powers.Threshold, maxRootKeys)
	}
	root, err := metadata.Root().FromBytes(raw)
	if err != nil {
		return nil, fmt.Errorf("root %d: %w", version, err)
	}
	root.ClearSignatures()
	root.Signed.Version, root.Signed.Expires = int64(version)+1, now.UTC().Truncate(time.Second).Add(rootLife)
	if err := setRole(&root.Signed, metadata.ROOT, powers.Root, powers.Threshold); err != nil {
		return nil, fmt.Errorf("next root: %w", err)
	}
	if len(powers.Targets) > 0 {
		if err := setRole(&root.Signed, metadata.TARGETS, powers.Targets, 1); err != nil {
			return nil, fmt.Errorf("next root: %w", err)
		}
	}
	if len(powers.Online) > 0 {
		if err := listOnline(&root.Signed, powers.Online); err != nil {
			return nil, fmt.Errorf("next root: %w", err)
		}
	}
	return root.ToBytes(true)
}

// setRole gives a role to these keys and no others. The same key twice is refused: it
// would count for two people.
func setRole(root *metadata.RootType, role string, keys []crypto.PublicKey, threshold int) error {
	root.Roles[role].Threshold = threshold
	for _, old := range append([]string(nil), root.Roles[role].KeyIDs...) {
		if err := root.RevokeKey(old, role); err != nil {
			return err
		}
	}
	for _, pub := range keys {
		key, id, err := tufKey(pub)
		if err != nil {
			return err
		}
		if canSign(&metadata.Role{KeyIDs: root.Roles[role].KeyIDs, Threshold: 1}, id) {
			return fmt.Errorf("key %s of %s twice", id, role)
		}
		if err := root.AddKey(key, role); err != nil {
			return err
		}
	}
	return nil
}

// ImportRoot checks a root that follows the newest one, adds this server's signature
// where its key is one of the old root's or the new one's, and returns the file to be
// published. Whether enough have signed, the library decides as a client would.
func ImportRoot(ctx context.Context, have Reader, keys Keys, raw []byte) (File, error) {
	old, version, err := NewestRoot(have)
	if err != nil {
		return File{}, err
	}
	if version == 0 {
		return File{}, errors.New("import root: there is none yet that it could follow")
	}
	if keys.Root != nil {
		key, err := keys.Root(ctx)
		if err != nil {
			return File{}, err
		}
		signed, err := Sign(ctx, raw, old, key)
		if err != nil && !errors.Is(err, ErrNotListed) {
			return File{}, fmt.Errorf("import root: %w", err)
		}
		if err == nil {
			raw = signed
		}
	}
	chain, err := trustedmetadata.New(old)
	if err != nil {
		return File{}, fmt.Errorf("root %d: %w", version, err)
	}
	if _, err := chain.UpdateRoot(raw); err != nil {
		return File{}, fmt.Errorf("import root: %w", err)
	}
	return File{rootName(version + 1), raw}, nil
}
