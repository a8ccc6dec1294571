package repository

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Quota bounds what one vendor has on file. An envelope about several artifacts counts
// for each of them, since it is stored with each. Zero fields mean the defaults.
type Quota struct {
	MaxBytes     int64 `yaml:"max_bytes,omitempty"`
	MaxEnvelopes int64 `yaml:"max_envelopes,omitempty"`
}

func (q Quota) orDefault() Quota {
	if q.MaxBytes <= 0 {
		q.MaxBytes = DefaultQuotaBytes
	}
	if q.MaxEnvelopes <= 0 {
		q.MaxEnvelopes = DefaultQuotaEnvelopes
	}
	return q
}

// Usage is what a vendor has on file.
type Usage struct {
	Bytes     int64 // of the files
	Envelopes int64 // lines of all files
}

// QuotaError is returned by Put for an envelope that would take a vendor past its quota.
// Nothing of it is stored.
type QuotaError struct {
	Vendor string
	Unit   string // "bytes" or "envelopes"
	Used   int64
	More   int64 // what the refused envelope would have added
	Max    int64
}

func (e *QuotaError) Error() string {
	return fmt.Sprintf("quota of vendor %s: %d of %d %s are used, %d more were asked for", e.Vendor, e.Used, e.Max, e.Unit, e.More)
}

// check says whether some more fits.
func (q Quota) check(vendor string, have, more Usage) error {
	if have.Envelopes+more.Envelopes > q.MaxEnvelopes {
		return &QuotaError{vendor, "envelopes", have.Envelopes, more.Envelopes, q.MaxEnvelopes}
	}
	if have.Bytes+more.Bytes > q.MaxBytes {
		return &QuotaError{vendor, "bytes", have.Bytes, more.Bytes, q.MaxBytes}
	}
	return nil
}

// usageFolder has a file for each vendor with what is on file of it. It is written after
// the envelopes and not synced: a quota is a fence and no ledger. A kill in between
// forgets one envelope; a power cut forgets those of the last seconds. A file that is
// missing or damaged is counted anew.
const usageFolder = ".usage"

// usageForm has a fixed length, so that writing it again is one write within one sector.
const (
	usageForm   = "envelopes %020d bytes %020d\n"
	usageLength = len("envelopes  bytes \n") + 2*20
)

func (r *Repository) usagePath(vendor string) string {
	return filepath.Join(r.dir, usageFolder, vendor)
}

// Quota says what a vendor may have on file.
func (r *Repository) Quota(vendor string) Quota {
	if r.options.Quota == nil {
		return Quota{}.orDefault()
	}
	return r.options.Quota(vendor).orDefault()
}

// Usage says what a vendor has on file. Error: ErrVendor.
func (r *Repository) Usage(vendor string) (Usage, error) {
	if err := checkVendor(vendor); err != nil {
		return Usage{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	unlock, err := r.lock()
	if err != nil {
		return Usage{}, fmt.Errorf("usage of %s: %w", vendor, err)
	}
	defer unlock()
	return r.usage(vendor)
}

// usage reads what is noted, or counts. The caller holds the locks.
func (r *Repository) usage(vendor string) (Usage, error) {
	raw, err := os.ReadFile(r.usagePath(vendor))
	if err == nil && len(raw) == usageLength {
		var u Usage
		if n, err := fmt.Sscanf(string(raw), usageForm, &u.Envelopes, &u.Bytes); err == nil && n == 2 && u.Envelopes >= 0 && u.Bytes >= 0 {
			return u, nil
		}
	}
	u, err := r.countUsage(vendor)
	if err != nil {
		return Usage{}, fmt.Errorf("count what is on file of %s: %w", vendor, err)
	}
	return u, r.noteUsage(vendor, u)
}

// noteUsage overwrites in place: of a number there is nothing to tear.
func (r *Repository) noteUsage(vendor string, u Usage) error {
	f, err := os.OpenFile(r.usagePath(vendor), os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("note usage of %s: %w", vendor, err)
	}
	_, err = f.WriteAt(fmt.Appendf(nil, usageForm, u.Envelopes, u.Bytes), 0)
	if err == nil {
		err = f.Truncate(int64(usageLength)) // what was damaged may have been longer
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("note usage of %s: %w", vendor, err)
	}
	return nil
}

// countUsage reads all that is on file of a vendor, which takes a while where that is
// much.
func (r *Repository) countUsage(vendor string) (Usage, error) {
	var u Usage
	err := filepath.WalkDir(filepath.Join(r.dir, vendor), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !e.Type().IsRegular() || !strings.HasSuffix(path, suffix) {
			return nil
		}
		raw, err := os.ReadFile(path)
		u.Bytes += int64(len(raw))
		u.Envelopes += int64(bytes.Count(raw, []byte("\n")))
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // nothing yet
	}
	return u, err
}
