package update

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hallmark-pki/hallmark/durable"
	"github.com/hallmark-pki/hallmark/verify"
)

// Updater keeps one machine's trust and status bundles. It is safe for concurrent use,
// also by several processes: one updates, the others are Busy.
type Updater struct {
	State  string // folder of its own
	Trust  string // file for the trust bundle
	Status string // file for the status bundle
	Now    func() time.Time
}

// Result is what an update brought.
type Result struct {
	RootVersion     int64     `json:"root_version"`
	RootFingerprint string    `json:"root_fingerprint"` // SHA-256 of the root's file, hex
	TrustChanged    bool      `json:"trust_changed"`
	StatusChanged   bool      `json:"status_changed"`
	StatusNumber    uint64    `json:"status_number"`
	IssuedAt        time.Time `json:"issued_at"`
	NextUpdate      time.Time `json:"next_update"`
}

// Update brings the two bundles up to date. What the source proved is kept even if a
// later step fails, so that nothing older is taken next time. The error is *Error.
func (u Updater) Update(ctx context.Context, src Source) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, totalTimeout)
	defer cancel()
	state, err := u.readState()
	if err != nil {
		return Result{}, err
	}
	if state["root.json"] == nil {
		return Result{}, refuse(NoTrust, "no CA was added in %s", u.State)
	}
	unlock, err := u.lock()
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	if state, err = u.readState(); err != nil { // as it is under the lock
		return Result{}, err
	}
	got, err := follow(ctx, src, state, u.Now())
	if keepErr := u.keepState(state, got.state); err == nil {
		err = keepErr
	}
	if err != nil {
		return Result{}, err
	}
	return u.write(got)
}

// write checks the two bundles against each other and what is there, and writes them.
func (u Updater) write(got found) (Result, error) {
	status, err := checkPair(got, u.Now())
	if err != nil {
		return Result{}, err
	}
	held, err := readIfThere(u.Status, verify.MaxStatusBytes)
	if err != nil {
		return Result{}, err
	}
	// One that is damaged says nothing; the state folder still knows what came before it.
	if old, err := verify.ParseUnverifiedStatus(held); err == nil {
		if err := status.Follows(old); err != nil {
			return Result{}, explain(err)
		}
	}
	r := Result{StatusNumber: status.Number, IssuedAt: status.IssuedAt, NextUpdate: status.NextUpdate, RootFingerprint: fingerprint(got.state["root.json"])}
	if r.RootVersion, err = rootVersion(got.state["root.json"]); err != nil {
		return Result{}, err
	}
	if r.TrustChanged, err = replace(u.Trust, got.trust, verify.MaxTrustBytes); err != nil {
		return Result{}, err
	}
	if r.StatusChanged, err = replace(u.Status, got.status, verify.MaxStatusBytes); err != nil {
		return Result{}, err
	}
	return r, nil
}

// checkPair opens the status bundle under the trust bundle that it came with.
func checkPair(got found, now time.Time) (verify.Status, error) {
	trust, err := verify.ParseTrust(got.trust)
	if err != nil {
		return verify.Status{}, &Error{Malformed, err}
	}
	status, err := verify.OpenStatus(got.status, trust, now)
	if err != nil {
		return verify.Status{}, &Error{BadStatus, err}
	}
	return status, nil
}

// replace writes a file, unless that is what it holds.
func replace(path string, body []byte, most int64) (changed bool, err error) {
	have, err := readIfThere(path, most)
	if err != nil || bytes.Equal(have, body) {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, &Error{Disk, err}
	}
	if err := durable.WriteFile(path, body, 0o644); err != nil {
		return false, &Error{Disk, err}
	}
	return true, nil
}

// readIfThere returns nil for a file that is not there. One that is too large is read in
// part: it is not ours, and is going to be replaced.
func readIfThere(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &Error{Disk, err}
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, &Error{Disk, fmt.Errorf("read %s: %w", path, err)}
	}
	return body, nil
}

func (u Updater) file(name string) string { return filepath.Join(u.State, name) }

func (u Updater) readState() (map[string][]byte, error) {
	state := map[string][]byte{}
	for _, name := range metadataNames() {
		body, err := readIfThere(u.file(name), maxMetadataBytes)
		if err != nil {
			return nil, err
		}
		if body != nil {
			state[name] = body
		}
	}
	return state, nil
}

// keepState writes what is new, the root first: the others count under it.
func (u Updater) keepState(old, now map[string][]byte) error {
	for _, name := range metadataNames() {
		if now[name] == nil || bytes.Equal(old[name], now[name]) {
			continue
		}
		if err := durable.WriteFile(u.file(name), now[name], 0o644); err != nil {
			return &Error{Disk, err}
		}
	}
	return nil
}

func (u Updater) writeSource(src Source) error {
	known, err := sourceOf(src)
	if err != nil {
		return &Error{Disk, err}
	}
	text, err := json.Marshal(known)
	if err != nil {
		return &Error{Disk, err}
	}
	if err := durable.WriteFile(u.file(sourceName), append(text, '\n'), 0o644); err != nil {
		return &Error{Disk, err}
	}
	return nil
}
