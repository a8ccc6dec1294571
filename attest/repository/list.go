package repository

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Item is an artifact about which something is on file.
type Item struct {
	SHA256 string
	// Bytes is the size of its file. Files only grow, so that one of the same size is
	// the same.
	Bytes      int64
	ModifiedAt time.Time
}

// List returns the artifacts of a vendor whose digest begins with prefix (0 to 64
// lower-case hex digits) and comes after the digest after, if that is not empty; in the
// order of digests, and not more than limit (1 to MaxList). Each call reads the folder of
// one or a few first two digits, however many others there are. Errors: ErrVendor,
// ErrDigest.
func (r *Repository) List(ctx context.Context, vendor, prefix, after string, limit int) ([]Item, error) {
	if err := checkVendor(vendor); err != nil {
		return nil, err
	}
	if !isHex(prefix) || len(prefix) > hexDigits {
		return nil, fmt.Errorf("%w: prefix %.80q", ErrDigest, prefix)
	}
	if after != "" && !isDigest(after) {
		return nil, fmt.Errorf("%w: %.80q", ErrDigest, after)
	}
	limit = min(max(limit, 1), MaxList)
	items := []Item{}
	for _, folder := range folders(prefix, after) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		more, err := r.listFolder(vendor, folder, prefix, after, limit-len(items))
		if err != nil {
			return nil, fmt.Errorf("list attestations of %s: %w", vendor, err)
		}
		if items = append(items, more...); len(items) == limit {
			break
		}
	}
	return items, nil
}

// folders are the first two digits under which what is asked for can stand, in order.
func folders(prefix, after string) []string {
	if len(prefix) >= 2 {
		return []string{prefix[:2]}
	}
	var out []string
	for i := range 256 {
		name := fmt.Sprintf("%02x", i)
		if strings.HasPrefix(name, prefix) && (after == "" || name >= after[:2]) {
			out = append(out, name)
		}
	}
	return out
}

func (r *Repository) listFolder(vendor, folder, prefix, after string, limit int) ([]Item, error) {
	dir := filepath.Join(r.dir, vendor, "sha256", folder)
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		digest, ok := strings.CutSuffix(name, suffix)
		return !ok || !isDigest(digest) || !strings.HasPrefix(digest, prefix) || digest <= after
	})
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(a, b) })
	var items []Item
	for _, name := range names[:min(limit, len(names))] {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		items = append(items, Item{SHA256: strings.TrimSuffix(name, suffix), Bytes: info.Size(), ModifiedAt: info.ModTime()})
	}
	return items, nil
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
