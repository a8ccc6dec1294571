package distribution

import (
	"context"
	"crypto"
	"fmt"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// handOver makes the root that follows the newest one where the server has a new key for
// root and targets: the new key takes over what the one before could do, and both sign
// (The Update Framework §6.1). It says whether it did; where operators hold the root there
// is nothing that the server could hand over.
func (a *advance) handOver(ctx context.Context, version int) (bool, error) {
	if a.keys.Former == nil {
		return false, nil
	}
	id, err := a.openRootKey(ctx)
	if err != nil {
		return false, err
	}
	roles := a.root.Signed.Roles
	if canSign(roles[metadata.ROOT], id) && canSign(roles[metadata.TARGETS], id) {
		return false, nil
	}
	former, err := a.keys.Former(ctx)
	if err != nil || former == nil {
		return false, err
	}
	_, formerID, err := tufKey(former.Public())
	if err != nil {
		return false, err
	}
	if !canSign(roles[metadata.ROOT], formerID) {
		if canSign(roles[metadata.TARGETS], formerID) {
			a.step.Waiting = "root: the server has a new key for what is distributed; 'hallmark trust root next --targets' lists it"
		}
		return false, nil
	}
	next := *a.root
	next.ClearSignatures()
	next.Signed.Version, next.Signed.Expires = int64(version)+1, a.now.Add(rootLife)
	key, _, err := tufKey(a.rootKey.Public())
	if err != nil {
		return false, err
	}
	for _, role := range []string{metadata.ROOT, metadata.TARGETS} {
		if !canSign(roles[role], formerID) {
			continue
		}
		if err := next.Signed.RevokeKey(formerID, role); err != nil {
			return false, fmt.Errorf("hand over %s: %w", role, err)
		}
		if err := next.Signed.AddKey(key, role); err != nil {
			return false, fmt.Errorf("hand over %s: %w", role, err)
		}
	}
	if err := setOnline(&next.Signed, a.online, a.onlineID); err != nil {
		return false, err
	}
	return true, a.putRoot(&next, former)
}

// listOnline lists the keys that may sign what changes daily.
func listOnline(root *metadata.RootType, keys []crypto.PublicKey) error {
	for _, role := range []string{metadata.SNAPSHOT, metadata.TIMESTAMP} {
		if err := setRole(root, role, keys, 1); err != nil {
			return err
		}
	}
	return nil
}
