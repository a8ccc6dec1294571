// Package repository keeps attestations by the digest of what they are about: where
// is the evidence for this file, and can a plain web server hand it out?
//
// # Layout
//
//	DIR/<vendor>/sha256/<first two hex digits>/<64 hex digits>.jsonl
//
// A file is JSON Lines: one DSSE envelope per line, in the order of arrival, each
// line ended by a line feed. Any static host or CDN can serve DIR/<vendor> as the
// URL that a certificate names (ext.EvidenceURL builds the rest of the path).
// Names beginning with a dot are private to the writer and hidden by FS.
//
// Lines are only ever added. Nobody can take one away or put another in its place, so
// that what speaks against a build stays beside what is said for it later; and a file
// of the same size is the same file.
//
// What lies here is unverified. Put checks the form of an envelope and reads the
// subjects it claims; who may put, and what an envelope proves, is decided by the
// callers, with attest.Open.
//
// # Promises
//
// When Put returns, the envelope is on disk under every digest it returned. A file
// is replaced by rename, so that a reader or a crash sees the old file or the new
// one, never half a line. The digests of one envelope are written one after the
// other: after a crash some may lack it, and putting it again completes them, since
// an envelope that is there already is left alone. Writers in one or more processes
// take turns.
package repository

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/hallmark-pki/hallmark/attest"
)

var (
	// ErrVendor is returned for a vendor that is not 1 to 63 of [a-z0-9-], or
	// begins or ends with a hyphen.
	ErrVendor = errors.New("not a vendor id")
	// ErrDigest is returned for what is not 64 lower-case hex digits.
	ErrDigest = errors.New("not a SHA-256 in lower-case hex")
	// ErrNoDigest is returned by Put for an envelope none of whose subjects has a
	// sha256 digest.
	ErrNoDigest = errors.New("no subject with a sha256 digest, and none that is a commit")
	// ErrFull is returned by Put when a digest has MaxEnvelopes or MaxFile bytes.
	ErrFull = errors.New("too many envelopes for this digest")
	// ErrCorrupt is returned when a file is not JSON Lines within the bounds.
	ErrCorrupt = errors.New("not a file of envelopes")
)

// Options are what a Repository may be told. The zero value is ready.
type Options struct {
	// Quota says what a vendor may have on file; nil means the defaults for everybody.
	Quota func(vendor string) Quota
}

// Repository is a directory of attestations. It is safe for concurrent use.
type Repository struct {
	dir     string
	options Options
	mu      sync.Mutex // one writer at a time in this process; the lock file is for others
	files   files
	seen    memory
}

// Open opens the repository in dir, which is created if absent, and removes what a
// writer that died left half done.
func Open(dir string) (*Repository, error) { return OpenWith(dir, Options{}) }

// OpenWith is Open with options.
func OpenWith(dir string, o Options) (*Repository, error) {
	r, err := open(dir, osFiles{})
	if err != nil {
		return nil, err
	}
	r.options = o
	return r, nil
}

func open(dir string, f files) (*Repository, error) {
	r := &Repository{dir: filepath.Clean(dir), files: f}
	for _, private := range []string{scratch, usageFolder} {
		if err := os.MkdirAll(filepath.Join(dir, private), 0o755); err != nil {
			return nil, fmt.Errorf("open attestation repository: %w", err)
		}
	}
	if err := (osFiles{}).syncDir(filepath.Dir(filepath.Clean(dir))); err != nil {
		return nil, fmt.Errorf("open attestation repository: %w", err)
	}
	unlock, err := r.lock()
	if err != nil {
		return nil, fmt.Errorf("open attestation repository: %w", err)
	}
	defer unlock()
	left, err := os.ReadDir(filepath.Join(dir, scratch))
	if err != nil {
		return nil, fmt.Errorf("open attestation repository: %w", err)
	}
	for _, e := range left {
		if err := os.Remove(filepath.Join(dir, scratch, e.Name())); err != nil {
			return nil, fmt.Errorf("open attestation repository: %w", err)
		}
	}
	return r, nil
}

// index reads what an envelope claims to be about.
func index(envelope []byte) (line []byte, digests []string, err error) {
	u, err := attest.ParseEnvelope(envelope)
	if err != nil {
		return nil, nil, err
	}
	if u.PayloadType != attest.PayloadType {
		return nil, nil, &attest.Error{Reason: attest.WrongPayload, Field: "payloadType", Detail: "not an in-toto statement"}
	}
	if digests, err = attest.FiledPayload(u.Payload); err != nil {
		return nil, nil, err
	}
	if len(digests) == 0 {
		return nil, nil, ErrNoDigest
	}
	var b bytes.Buffer
	if err := json.Compact(&b, envelope); err != nil {
		return nil, nil, fmt.Errorf("compact envelope: %w", err)
	}
	return b.Bytes(), digests, nil
}

// Get returns the envelopes about an artifact, oldest first, as single lines of
// JSON; none is not an error. They are shared with other callers: read them only.
// Errors: ErrVendor, ErrDigest, ErrCorrupt.
func (r *Repository) Get(ctx context.Context, vendor, digest string) ([][]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, err := r.path(vendor, digest)
	if err != nil {
		return nil, err
	}
	lines, err := r.seen.read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return lines, err
}

// Size is the size of an artifact's file in bytes, 0 when there is none. Files only grow.
// Errors: ErrVendor, ErrDigest.
func (r *Repository) Size(vendor, digest string) (int64, error) {
	path, err := r.path(vendor, digest)
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("size of attestations: %w", err)
	}
	return info.Size(), nil
}

// path is the only place where a file name is made; both parts have a fixed
// alphabet, so nothing outside the layout can be named.
func (r *Repository) path(vendor, digest string) (string, error) {
	if err := checkVendor(vendor); err != nil {
		return "", err
	}
	if !isDigest(digest) {
		return "", fmt.Errorf("%w: %.80q", ErrDigest, digest)
	}
	return filepath.Join(r.dir, vendor, "sha256", digest[:2], digest+suffix), nil
}

const suffix = ".jsonl"

func checkVendor(v string) error {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789-"
	if v == "" || len(v) > maxVendor || v[0] == '-' || v[len(v)-1] == '-' {
		return fmt.Errorf("%w: %.80q", ErrVendor, v)
	}
	for _, c := range v {
		if !strings.ContainsRune(alphabet, c) {
			return fmt.Errorf("%w: %.80q", ErrVendor, v)
		}
	}
	return nil
}

// hexDigits is the length of a SHA-256 in hex.
const hexDigits = 2 * sha256.Size

func isDigest(d string) bool { return len(d) == hexDigits && isHex(d) }
