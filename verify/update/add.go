package update

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"

	"github.com/hallmark-pki/hallmark/verify"
)

// Candidate is the root of a repository that is not trusted yet: each version signed by
// the one before, which says nothing about the first.
type Candidate struct {
	Version int64
	// Fingerprint is the SHA-256 of the newest root's file, lower-case hex: what
	// 'hallmark trust fingerprint' prints, for people to compare.
	Fingerprint string
	older       []string
}

// Matches reports whether a person's text is the fingerprint of the newest root or of one
// before it, from which the newest follows. Case, colons and spaces do not count.
func (c Candidate) Matches(text string) bool {
	text = strings.ToLower(strings.NewReplacer(":", "", " ", "", "-", "").Replace(text))
	return text == c.Fingerprint || slices.Contains(c.older, text)
}

// Add begins to trust the CA behind a source. confirm is shown the root's fingerprint
// and returns an error to refuse; then, and whenever anything else fails, nothing is
// written. With replace, the CA that was trusted before is not any more; where it is the
// same CA, neither its root nor its status may be older than what is here.
func (u Updater) Add(ctx context.Context, src Source, replace bool, confirm func(Candidate) error) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, totalTimeout)
	defer cancel()
	state, err := u.readState()
	if err != nil {
		return Result{}, err
	}
	if state["root.json"] != nil && !replace {
		return Result{}, refuse(AlreadyTrusted, "%s has a root, with the fingerprint %s", u.State, fingerprint(state["root.json"]))
	}
	roots, candidate, err := followRoots(ctx, src)
	if err != nil {
		return Result{}, err
	}
	if err := confirm(candidate); err != nil {
		return Result{}, &Error{NotConfirmed, err}
	}
	got, err := follow(ctx, src, map[string][]byte{"root.json": roots[len(roots)-1]}, u.Now())
	if err != nil {
		return Result{}, err
	}
	return u.begin(src, got, replace)
}

// begin writes a new trust. Old bundles go first where another CA's are replaced: their
// numbers mean nothing to this one's. Where the CA is the same they do.
func (u Updater) begin(src Source, got found, replaced bool) (Result, error) {
	status, err := checkPair(got, u.Now())
	if err != nil {
		return Result{}, err
	}
	if err := os.MkdirAll(u.State, 0o755); err != nil {
		return Result{}, &Error{Disk, err}
	}
	unlock, err := u.lock()
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	if replaced {
		if err := u.checkRootSuccession(got.state["root.json"]); err != nil {
			return Result{}, err
		}
		if err := u.checkSuccession(status, got.trust); err != nil {
			return Result{}, err
		}
		for _, path := range []string{u.Status, u.Trust} {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return Result{}, &Error{Disk, err}
			}
		}
	}
	result, err := u.write(got)
	if err != nil {
		return Result{}, err
	}
	// The root last: without it, Add can be done again.
	if err := u.writeSource(src); err != nil {
		return Result{}, err
	}
	names := metadataNames()
	slices.Reverse(names)
	for _, name := range names {
		if err := u.keepState(nil, map[string][]byte{name: got.state[name]}); err != nil {
			return Result{}, err
		}
	}
	return result, nil
}

// checkSuccession refuses a status bundle that is older than the one at hand, if that one
// is by the same CA: signed by a key that the new trust bundle lists. Somebody who adds a
// CA again, from a mirror that was left behind, would go back to before a revocation.
func (u Updater) checkSuccession(status verify.Status, newTrust []byte) error {
	held, err := readIfThere(u.Status, verify.MaxStatusBytes)
	if err != nil {
		return err
	}
	trust, err := verify.ParseTrust(newTrust)
	if err != nil {
		return &Error{Malformed, err}
	}
	old, err := verify.OpenStatus(held, trust, u.Now())
	if err != nil {
		return nil // another CA's, or damaged: it says nothing here
	}
	if err := status.Follows(old); err != nil {
		return explain(err)
	}
	return nil
}

// checkRootSuccession refuses a root that is older than the one at hand, if that one is of
// the same CA: who has stolen a root key that was replaced since could make a repository
// with news of its own, and the fingerprint that was told long ago still matches.
func (u Updater) checkRootSuccession(newRoot []byte) error {
	heldRoot, err := readIfThere(u.file("root.json"), maxMetadataBytes)
	if err != nil {
		return err
	}
	old, err := metadata.Root().FromBytes(heldRoot)
	if err != nil {
		return nil // there is none, or it is damaged: it says nothing here
	}
	root, err := metadata.Root().FromBytes(newRoot)
	if err != nil {
		return &Error{Malformed, err}
	}
	if root.Signed.Version < old.Signed.Version && sameCA(old, root) {
		return refuse(Rollback, "root %d is older than root %d of the same CA, which this machine trusts; if the CA has begun anew with its old keys, move %s away first",
			root.Signed.Version, old.Signed.Version, u.State)
	}
	return nil
}

// sameCA reports whether two roots have a key in common, or one of them was signed by a key
// of the other: what is signed by the root before it is its successor.
func sameCA(a, b *metadata.Metadata[metadata.RootType]) bool {
	ids := map[string]bool{}
	for id := range a.Signed.Keys {
		ids[id] = true
	}
	for _, s := range a.Signatures {
		ids[s.KeyID] = true
	}
	for id := range b.Signed.Keys {
		if ids[id] {
			return true
		}
	}
	return false
}

// followRoots fetches the roots of a repository and follows them from the first.
func followRoots(ctx context.Context, src Source) ([][]byte, Candidate, error) {
	var c Candidate
	var list [][]byte
	var chain *trustedmetadata.TrustedMetadata
	for n := int64(1); n <= maxRoots; n++ {
		body, err := src.Get(ctx, fmt.Sprintf("%d.root.json", n), maxMetadataBytes)
		if errors.Is(err, fs.ErrNotExist) && n > 1 {
			break
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil, Candidate{}, refuse(Absent, "%s has no root: it is no update repository", src)
		}
		if err != nil {
			return nil, Candidate{}, explain(err)
		}
		if chain == nil {
			chain, err = trustedmetadata.New(body)
		} else {
			_, err = chain.UpdateRoot(body)
		}
		if err != nil {
			return nil, Candidate{}, explain(fmt.Errorf("root %d: %w", n, err))
		}
		if len(list) > 0 {
			c.older = append(c.older, c.Fingerprint)
		}
		list, c.Version, c.Fingerprint = append(list, body), n, fingerprint(body)
	}
	return list, c, nil
}

func fingerprint(root []byte) string {
	sum := sha256.Sum256(root)
	return hex.EncodeToString(sum[:])
}

func rootVersion(root []byte) (int64, error) {
	m, err := metadata.Root().FromBytes(root)
	if err != nil {
		return 0, &Error{Disk, fmt.Errorf("root.json: %w", err)}
	}
	return m.Signed.Version, nil
}
