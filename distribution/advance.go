package distribution

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Names of what is distributed, and of the role that lists the second.
const (
	TrustFile  = "trust.json"
	StatusFile = "status.json"
	statusRole = "status"

	// Timestamp is the one file that changes under its name. It is written last.
	Timestamp = "timestamp.json"
	// TargetsFolder holds what is distributed.
	TargetsFolder = "targets"
)

// File is one file of the repository, by its path in it.
type File struct {
	Name string
	Body []byte
}

// Reader returns a published file; nil without an error when there is none.
type Reader func(name string) ([]byte, error)

// Keys sign the repository.
type Keys struct {
	Online crypto.Signer // snapshot, timestamp and the role of status.json
	// Root opens the key of root and targets. It is called when that key is needed.
	Root func(context.Context) (crypto.Signer, error)
	// Former opens the key that was Root before, where there is one: it is needed once, to
	// sign the root that hands over. nil: Root is the first.
	Former func(context.Context) (crypto.Signer, error)
}

// Content is what should be distributed.
type Content struct{ Trust, Status []byte }

// Step is what Advance found to be done.
type Step struct {
	Files []File // to be written in this order; none: everything is as it should be
	// Keep names the files that the repository now consists of, besides roots. Others can
	// go once nobody reads them any more.
	Keep []string
	// Waiting says what could not be done because operators hold the key; "" for nothing.
	Waiting string
}

// Advance brings a repository up to date. The files are to be written in one
// transaction, or in their order: timestamp.json, which makes the others count, is last.
func Advance(ctx context.Context, have Reader, keys Keys, content Content, now time.Time) (Step, error) {
	a := &advance{have: have, keys: keys, content: content, now: now.UTC().Truncate(time.Second)}
	if err := a.do(ctx); err != nil {
		return Step{}, fmt.Errorf("update repository: %w", err)
	}
	return a.step, nil
}

type advance struct {
	have    Reader
	keys    Keys
	content Content
	now     time.Time
	step    Step

	online   *metadata.Key
	onlineID string
	rootKey  crypto.Signer // nil: not needed yet

	root      *metadata.Metadata[metadata.RootType]
	timestamp *metadata.Metadata[metadata.TimestampType] // published; nil: none that counts
	snapshot  *metadata.Metadata[metadata.SnapshotType]
}

func (a *advance) do(ctx context.Context) error {
	var err error
	if a.online, a.onlineID, err = tufKey(a.keys.Online.Public()); err != nil {
		return err
	}
	if err := a.setRoot(ctx); err != nil {
		return err
	}
	if err := a.readPublished(); err != nil {
		return err
	}
	lists := map[string]*metadata.MetaFiles{}
	changed := a.snapshot == nil || a.isDue(a.snapshot.Signed.Expires, snapshotLife)
	for _, list := range []struct {
		role string
		set  func(context.Context, *metadata.MetaFiles) (*metadata.MetaFiles, bool, error)
	}{{metadata.TARGETS, a.setTargets}, {statusRole, a.setStatus}} {
		name := list.role + ".json"
		var last *metadata.MetaFiles
		if a.snapshot != nil {
			last = a.snapshot.Signed.Meta[name]
		}
		made, isNew, err := list.set(ctx, last)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		lists[name] = made
		changed = changed || isNew
	}
	return a.setSnapshot(lists, changed)
}

// isDue reports whether half of a life is over.
func (a *advance) isDue(expires time.Time, life time.Duration) bool {
	return expires.Sub(a.now) < life/2
}

// next is a version above the last one and no less than the time.
func (a *advance) next(last int64) int64 { return max(last+1, a.now.Unix()) }

func (a *advance) put(name string, body []byte) {
	a.step.Files = append(a.step.Files, File{name, body})
}

func (a *advance) openRootKey(ctx context.Context) (string, error) {
	if a.rootKey == nil {
		key, err := a.keys.Root(ctx)
		if err != nil {
			return "", err
		}
		a.rootKey = key
	}
	_, id, err := tufKey(a.rootKey.Public())
	return id, err
}

// setRoot finds the newest root, and makes the first one, or one with the same powers
// when half of its time is over or the online key is another.
func (a *advance) setRoot(ctx context.Context) error {
	raw, version, err := NewestRoot(a.have)
	if err != nil {
		return err
	}
	if version == 0 {
		return a.makeFirstRoot(ctx)
	}
	if a.root, err = metadata.Root().FromBytes(raw); err != nil {
		return fmt.Errorf("published root %d: %w", version, err)
	}
	if done, err := a.handOver(ctx, version); done || err != nil {
		return err
	}
	roles := a.root.Signed.Roles
	current := canSign(roles[metadata.SNAPSHOT], a.onlineID) && canSign(roles[metadata.TIMESTAMP], a.onlineID)
	if current && !a.isDue(a.root.Signed.Expires, rootLife) {
		return nil
	}
	id, err := a.openRootKey(ctx)
	if err != nil {
		return err
	}
	if !canSign(roles[metadata.ROOT], id) {
		if !current {
			return fmt.Errorf("the root does not list this server's key: %w", ErrHeldElsewhere)
		}
		a.step.Waiting = "root: half of its time is over"
		return nil
	}
	next := *a.root
	next.ClearSignatures()
	next.Signed.Version, next.Signed.Expires = int64(version)+1, a.now.Add(rootLife)
	if err := setOnline(&next.Signed, a.online, a.onlineID); err != nil {
		return err
	}
	return a.putRoot(&next)
}

func (a *advance) makeFirstRoot(ctx context.Context) error {
	if _, err := a.openRootKey(ctx); err != nil {
		return err
	}
	key, _, err := tufKey(a.rootKey.Public())
	if err != nil {
		return err
	}
	root := metadata.Root(a.now.Add(rootLife))
	for _, role := range []string{metadata.ROOT, metadata.TARGETS} {
		if err := root.Signed.AddKey(key, role); err != nil {
			return err
		}
	}
	if err := setOnline(&root.Signed, a.online, a.onlineID); err != nil {
		return err
	}
	return a.putRoot(root)
}

// setOnline makes one key the only one of snapshot and timestamp.
func setOnline(root *metadata.RootType, key *metadata.Key, id string) error {
	for _, role := range []string{metadata.SNAPSHOT, metadata.TIMESTAMP} {
		for _, old := range append([]string(nil), root.Roles[role].KeyIDs...) {
			if old == id {
				continue
			}
			if err := root.RevokeKey(old, role); err != nil {
				return err
			}
		}
		if err := root.AddKey(key, role); err != nil {
			return err
		}
	}
	return nil
}

func (a *advance) putRoot(root *metadata.Metadata[metadata.RootType], also ...crypto.Signer) error {
	raw, err := sign(root, append([]crypto.Signer{a.rootKey}, also...)...)
	if err != nil {
		return fmt.Errorf("sign root: %w", err)
	}
	a.root = root
	a.put(rootName(int(root.Signed.Version)), raw)
	return nil
}

func rootName(version int) string { return strconv.Itoa(version) + ".root.json" }

// NewestRoot returns the newest root and its version, 0 when there is none.
func NewestRoot(have Reader) (raw []byte, version int, err error) {
	for n := 1; n <= maxRoots; n++ {
		next, err := have(rootName(n))
		if err != nil {
			return nil, 0, err
		}
		if next == nil {
			break
		}
		raw, version = next, n
	}
	return raw, version, nil
}

// Fingerprint is what people compare: the SHA-256 of a root's file, lower-case hex.
func Fingerprint(root []byte) string {
	sum := sha256.Sum256(root)
	return hex.EncodeToString(sum[:])
}

// readPublished reads timestamp and snapshot. Those that the root does not vouch for any
// more are as good as none; their versions still are not given out again, because of next.
func (a *advance) readPublished() error {
	raw, err := a.have(Timestamp)
	if err != nil || raw == nil {
		return err
	}
	t, err := metadata.Timestamp().FromBytes(raw)
	if err != nil {
		return fmt.Errorf("published timestamp: %w", err)
	}
	if a.root.VerifyDelegate(metadata.TIMESTAMP, t) != nil {
		return nil
	}
	meta := t.Signed.Meta[metadata.SNAPSHOT+".json"]
	if meta == nil {
		return errors.New("published timestamp names no snapshot")
	}
	version := meta.Version
	if raw, err = a.have(fmt.Sprintf("%d.snapshot.json", version)); err != nil {
		return err
	}
	if raw == nil {
		return fmt.Errorf("published snapshot %d is not there", version)
	}
	s, err := metadata.Snapshot().FromBytes(raw)
	if err != nil {
		return fmt.Errorf("published snapshot %d: %w", version, err)
	}
	a.timestamp, a.snapshot = t, s
	return nil
}

// setTargets lists trust.json and hands status.json over to the online key.
func (a *advance) setTargets(ctx context.Context, last *metadata.MetaFiles) (*metadata.MetaFiles, bool, error) {
	target, err := metadata.TargetFile().FromBytes(TrustFile, a.content.Trust)
	if err != nil {
		return nil, false, err
	}
	published, version, err := a.lastTargets(metadata.TARGETS, last)
	if err != nil {
		return nil, false, err
	}
	vouched := published != nil && a.root.VerifyDelegate(metadata.TARGETS, published) == nil
	if vouched && !a.isDue(published.Signed.Expires, targetsLife) && holds(published, TrustFile, target) && a.isHandedOver(published) {
		return a.keepTargets(metadata.TARGETS, last, TrustFile, target)
	}
	next, err := a.nextTargets(target, a.next(version))
	if err != nil {
		return nil, false, err
	}
	id, err := a.openRootKey(ctx)
	if err != nil {
		return nil, false, err
	}
	if !canSign(a.root.Signed.Roles[metadata.TARGETS], id) {
		if !vouched || !a.isHandedOver(published) {
			return nil, false, fmt.Errorf("the published ones do not do: %w", ErrHeldElsewhere)
		}
		a.step.Waiting = "targets: the trust bundle has changed, or half of their time is over"
		return a.keepTargets(metadata.TARGETS, last, TrustFile, published.Signed.Targets[TrustFile])
	}
	meta, err := a.putTargets(metadata.TARGETS, next, a.rootKey, TrustFile, target, a.content.Trust)
	return meta, true, err
}

// nextTargets is not signed yet.
func (a *advance) nextTargets(trust *metadata.TargetFiles, version int64) (*metadata.Metadata[metadata.TargetsType], error) {
	m := metadata.Targets(a.now.Add(targetsLife))
	m.Signed.Version = version
	m.Signed.Targets[TrustFile] = trust
	m.Signed.Delegations = &metadata.Delegations{
		Keys:  map[string]*metadata.Key{a.onlineID: a.online},
		Roles: []metadata.DelegatedRole{{Name: statusRole, KeyIDs: []string{a.onlineID}, Threshold: 1, Terminating: true, Paths: []string{StatusFile}}},
	}
	return m, nil
}

func (a *advance) isHandedOver(m *metadata.Metadata[metadata.TargetsType]) bool {
	d := m.Signed.Delegations
	return d != nil && len(d.Roles) == 1 && d.Roles[0].Name == statusRole && len(d.Roles[0].KeyIDs) == 1 && d.Roles[0].KeyIDs[0] == a.onlineID
}

// setStatus lists status.json.
func (a *advance) setStatus(_ context.Context, last *metadata.MetaFiles) (*metadata.MetaFiles, bool, error) {
	target, err := metadata.TargetFile().FromBytes(StatusFile, a.content.Status)
	if err != nil {
		return nil, false, err
	}
	published, version, err := a.lastTargets(statusRole, last)
	if err != nil {
		return nil, false, err
	}
	if published != nil && len(published.Signatures) == 1 && published.Signatures[0].KeyID == a.onlineID &&
		!a.isDue(published.Signed.Expires, snapshotLife) && holds(published, StatusFile, target) {
		return a.keepTargets(statusRole, last, StatusFile, target)
	}
	m := metadata.Targets(a.now.Add(snapshotLife))
	m.Signed.Version = a.next(version)
	m.Signed.Targets[StatusFile] = target
	meta, err := a.putTargets(statusRole, m, a.keys.Online, StatusFile, target, a.content.Status)
	return meta, true, err
}

// lastTargets reads the published metadata of a role, and its version; nil and 0 for none.
func (a *advance) lastTargets(role string, last *metadata.MetaFiles) (*metadata.Metadata[metadata.TargetsType], int64, error) {
	if last == nil {
		return nil, 0, nil
	}
	raw, err := a.have(listName(role, last.Version))
	if err != nil {
		return nil, 0, err
	}
	if raw == nil {
		return nil, 0, errors.New("the published one is not there")
	}
	m, err := metadata.Targets().FromBytes(raw)
	return m, last.Version, err
}

func holds(m *metadata.Metadata[metadata.TargetsType], name string, target *metadata.TargetFiles) bool {
	have, ok := m.Signed.Targets[name]
	return ok && have.Equal(*target)
}

func listName(role string, version int64) string { return fmt.Sprintf("%d.%s.json", version, role) }

func targetName(name string, target *metadata.TargetFiles) string {
	return fmt.Sprintf("%s/%s.%s", TargetsFolder, hex.EncodeToString(target.Hashes["sha256"]), name)
}

func (a *advance) keepTargets(role string, last *metadata.MetaFiles, name string, target *metadata.TargetFiles) (*metadata.MetaFiles, bool, error) {
	a.step.Keep = append(a.step.Keep, listName(role, last.Version), targetName(name, target))
	return last, false, nil
}

// putTargets writes a role's metadata and what it lists, that first.
func (a *advance) putTargets(role string, m *metadata.Metadata[metadata.TargetsType], key crypto.Signer, name string, target *metadata.TargetFiles, body []byte) (*metadata.MetaFiles, error) {
	raw, err := sign(m, key)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	a.put(targetName(name, target), body)
	a.put(listName(role, m.Signed.Version), raw)
	a.step.Keep = append(a.step.Keep, listName(role, m.Signed.Version), targetName(name, target))
	return metaOf(m.Signed.Version, raw), nil
}

// metaOf pins a file by length and hash, so that no signature is looked at before the
// bytes are known to be the right ones.
func metaOf(version int64, raw []byte) *metadata.MetaFiles {
	sum := sha256.Sum256(raw)
	return &metadata.MetaFiles{Version: version, Length: int64(len(raw)), Hashes: metadata.Hashes{"sha256": sum[:]}}
}

// setSnapshot writes snapshot and timestamp as far as something has changed.
func (a *advance) setSnapshot(lists map[string]*metadata.MetaFiles, changed bool) error {
	var meta *metadata.MetaFiles
	if !changed {
		meta = a.timestamp.Signed.Meta[metadata.SNAPSHOT+".json"]
		age := timestampLife - a.timestamp.Signed.Expires.Sub(a.now)
		a.step.Keep = append(a.step.Keep, listName(metadata.SNAPSHOT, meta.Version), Timestamp)
		if age < timestampRenewal && age >= 0 {
			return nil
		}
	} else {
		s := metadata.Snapshot(a.now.Add(snapshotLife))
		s.Signed.Version = a.next(a.lastSnapshot())
		s.Signed.Meta = lists
		raw, err := sign(s, a.keys.Online)
		if err != nil {
			return fmt.Errorf("sign snapshot: %w", err)
		}
		meta = metaOf(s.Signed.Version, raw)
		a.put(listName(metadata.SNAPSHOT, meta.Version), raw)
		a.step.Keep = append(a.step.Keep, listName(metadata.SNAPSHOT, meta.Version), Timestamp)
	}
	t := metadata.Timestamp(a.now.Add(timestampLife))
	t.Signed.Version = a.next(a.lastTimestamp())
	t.Signed.Meta = map[string]*metadata.MetaFiles{metadata.SNAPSHOT + ".json": meta}
	raw, err := sign(t, a.keys.Online)
	if err != nil {
		return fmt.Errorf("sign timestamp: %w", err)
	}
	a.put(Timestamp, raw)
	return nil
}

func (a *advance) lastSnapshot() int64 {
	if a.snapshot == nil {
		return 0
	}
	return a.snapshot.Signed.Version
}

func (a *advance) lastTimestamp() int64 {
	if a.timestamp == nil {
		return 0
	}
	return a.timestamp.Signed.Version
}
