package repository

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
)

func limited(t *testing.T, dir string, q Quota) *Repository {
	t.Helper()
	r, err := OpenWith(dir, Options{Quota: func(vendor string) Quota {
		if vendor == "acme" {
			return q
		}
		return Quota{}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func usage(t *testing.T, r *Repository, vendor string) Usage {
	t.Helper()
	u, err := r.Usage(vendor)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestQuota(t *testing.T) {
	one, two := envelope(t, "1", "a"), envelope(t, "2", "a", "b")
	for name, c := range map[string]struct {
		quota Quota
		want  QuotaError
	}{
		"envelopes": {Quota{MaxEnvelopes: 2}, QuotaError{"acme", "envelopes", 1, 2, 2}},
		"bytes": {Quota{MaxBytes: int64(len(one) + 2*len(two) + 2)},
			QuotaError{"acme", "bytes", int64(len(one) + 1), int64(2*len(two) + 2), int64(len(one) + 2*len(two) + 2)}},
	} {
		t.Run(name, func(t *testing.T) {
			r := limited(t, t.TempDir(), c.quota)
			if _, err := r.Put(ctx, "acme", one); err != nil {
				t.Fatal(err)
			}
			_, err := r.Put(ctx, "acme", two)
			var refused *QuotaError
			if !errors.As(err, &refused) || *refused != c.want {
				t.Fatalf("%v, want %v", err, &c.want)
			}
			if a, b := get(t, r, "acme", "a"), get(t, r, "acme", "b"); len(a) != 1 || len(b) != 0 {
				t.Errorf("half of a refused envelope is there: %d and %d", len(a), len(b))
			}
			if _, err := r.Put(ctx, "acme", one); err != nil {
				t.Errorf("what is there already: %v", err)
			}
			if _, err := r.Put(ctx, "other", two); err != nil {
				t.Errorf("another vendor: %v", err)
			}
			if _, err := r.Independent().Put(ctx, "acme", two); err != nil {
				t.Errorf("independent of the vendor: %v", err)
			}
			want := Usage{int64(len(one) + 2*len(two) + 3), 3}
			if got := usage(t, r, "acme"); got != want {
				t.Errorf("used %v, want %v", got, want)
			}
		})
	}
}

func TestUsageIsCountedAgain(t *testing.T) {
	dir := t.TempDir()
	r := opened(t, dir)
	for i := range 3 {
		if _, err := r.Put(ctx, "acme", envelope(t, fmt.Sprint(i), "a", fmt.Sprint("b", i))); err != nil {
			t.Fatal(err)
		}
	}
	want := usage(t, r, "acme")
	if want.Envelopes != 6 || want.Bytes == 0 {
		t.Fatalf("used %v", want)
	}
	path := filepath.Join(dir, usageFolder, "acme")
	for name, damage := range map[string]func() error{
		"gone":     func() error { return os.Remove(path) },
		"empty":    func() error { return os.Truncate(path, 0) },
		"short":    func() error { return os.Truncate(path, 20) },
		"long":     func() error { return os.WriteFile(path, []byte(strings.Repeat("9", 500)), 0o600) },
		"zeros":    func() error { return os.WriteFile(path, make([]byte, usageLength), 0o600) },
		"negative": func() error { return os.WriteFile(path, fmt.Appendf(nil, usageForm, -1, 5), 0o600) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if got := usage(t, opened(t, dir), "acme"); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
		if raw, err := os.ReadFile(path); err != nil || len(raw) != usageLength {
			t.Errorf("%s: %q, %v", name, raw, err)
		}
	}
	if got := usage(t, r, "nobody"); got != (Usage{}) {
		t.Errorf("a vendor without files uses %v", got)
	}
	if _, err := r.Usage("../x"); !errors.Is(err, ErrVendor) {
		t.Error(err)
	}
}

// TestVendorLeavesRoom: a vendor that fills a digest can not keep a rebuilder's finding
// away, and what speaks against a build stays whatever comes later.
func TestVendorLeavesRoom(t *testing.T) {
	dir := t.TempDir()
	r := limited(t, dir, Quota{MaxEnvelopes: vendorEnvelopes})
	against := envelope(t, "could not reproduce", "a")
	for i := range vendorEnvelopes {
		if _, err := r.Put(ctx, "acme", envelope(t, fmt.Sprint(i), "a")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Put(ctx, "acme", envelope(t, "more", "a")); !errors.Is(err, ErrFull) {
		t.Errorf("the vendor's room: %v", err)
	}
	if _, err := r.Independent().Put(ctx, "acme", against); err != nil {
		t.Fatal(err)
	}
	for i := range MaxEnvelopes - vendorEnvelopes - 1 {
		if _, err := r.Independent().Put(ctx, "acme", envelope(t, fmt.Sprint("later ", i), "a")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Independent().Put(ctx, "acme", envelope(t, "one too many", "a")); !errors.Is(err, ErrFull) {
		t.Errorf("all room: %v", err)
	}
	if got := get(t, opened(t, dir), "acme", "a"); len(got) != MaxEnvelopes || got[vendorEnvelopes] != string(against) {
		t.Errorf("%d envelopes; what was said against the build is gone", len(got))
	}
}

func TestMerge(t *testing.T) {
	r := opened(t, t.TempDir())
	mine := envelope(t, "mine", "a")
	if _, err := r.Put(ctx, "acme", mine); err != nil {
		t.Fatal(err)
	}
	one, two := envelope(t, "1", "a", "b"), []byte(strings.Replace(string(envelope(t, "2", "a")), ",", ", ", 1))
	for i, want := range []int{2, 0} {
		if n, err := r.Merge(ctx, "acme", hexOf("a"), [][]byte{one, two, one}); err != nil || n != want {
			t.Errorf("merge %d: %d new, want %d, %v", i, n, want, err)
		}
	}
	if got, want := get(t, r, "acme", "a"), []string{string(mine), string(one), string(two)}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q", got)
	}
	if got := get(t, r, "acme", "b"); got != nil {
		t.Errorf("filed under another digest: %q", got)
	}
	for name, bad := range map[string]struct {
		line []byte
		want error
	}{
		"about something else": {envelope(t, "3", "b"), ErrNoDigest},
		"two lines":            {append(append([]byte{}, one...), '\n'), ErrCorrupt},
	} {
		if _, err := r.Merge(ctx, "acme", hexOf("a"), [][]byte{envelope(t, "good", "a"), bad.line}); !errors.Is(err, bad.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Merge(ctx, "acme", hexOf("a"), [][]byte{[]byte("{}")}); !attest.Is(err, attest.Malformed) {
		t.Errorf("no envelope: %v", err)
	}
	if _, err := r.Merge(ctx, "acme", "abc", nil); !errors.Is(err, ErrDigest) {
		t.Errorf("no digest: %v", err)
	}
	if got := get(t, r, "acme", "a"); len(got) != 3 {
		t.Errorf("half of what was refused is there: %d", len(got))
	}
}
