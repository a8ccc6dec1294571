package repository

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestList(t *testing.T) {
	r := opened(t, t.TempDir())
	var all []string
	for i := range 60 {
		name := fmt.Sprint("artifact ", i)
		if _, err := r.Put(ctx, "acme", envelope(t, "1", name)); err != nil {
			t.Fatal(err)
		}
		all = append(all, hexOf(name))
	}
	slices.Sort(all)
	if _, err := r.Put(ctx, "other", envelope(t, "1", "elsewhere")); err != nil {
		t.Fatal(err)
	}
	// what is not a file of the layout is not listed
	stray := filepath.Join(r.dir, "acme", "sha256", all[0][:2])
	for _, name := range []string{"readme.jsonl", all[0], strings.ToUpper(all[0]) + suffix} {
		if err := os.WriteFile(filepath.Join(stray, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list := func(prefix, after string, limit int) []string {
		t.Helper()
		items, err := r.List(ctx, "acme", prefix, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, i := range items {
			if i.Bytes == 0 || i.ModifiedAt.IsZero() {
				t.Errorf("%+v", i)
			}
			out = append(out, i.SHA256)
		}
		return out
	}
	if got := list("", "", 1000); !slices.Equal(got, all) {
		t.Errorf("%d of %d artifacts, or another order", len(got), len(all))
	}
	var paged []string
	for after := ""; ; {
		page := list("", after, 7)
		if len(page) == 0 {
			break
		}
		paged = append(paged, page...)
		after = page[len(page)-1]
	}
	if !slices.Equal(paged, all) {
		t.Errorf("in pages: %d of %d artifacts", len(paged), len(all))
	}
	for _, n := range []int{1, 2, 3, 8, 64} {
		prefix := all[17][:n]
		var want []string
		for _, d := range all {
			if strings.HasPrefix(d, prefix) {
				want = append(want, d)
			}
		}
		if got := list(prefix, "", 1000); !slices.Equal(got, want) {
			t.Errorf("prefix %s: %v, want %v", prefix, got, want)
		}
	}
	if got := list(all[17], all[17], 10); got != nil {
		t.Errorf("after the only one: %v", got)
	}
	if got := list("", all[len(all)-1], 10); got != nil {
		t.Errorf("after the last: %v", got)
	}
	if items, err := r.List(ctx, "nobody", "", "", 10); err != nil || len(items) != 0 {
		t.Errorf("no such vendor: %v, %v", items, err)
	}
	if items, err := r.List(ctx, "acme", "", "", 0); err != nil || len(items) != 1 {
		t.Errorf("limit 0: %d items, %v", len(items), err)
	}
	for _, bad := range [][2]string{{"A", ""}, {"../", ""}, {strings.Repeat("a", 65), ""}, {"", "abc"}, {"", strings.Repeat("/", 64)}} {
		if _, err := r.List(ctx, "acme", bad[0], bad[1], 10); !errors.Is(err, ErrDigest) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := r.List(ctx, "../acme", "", "", 10); !errors.Is(err, ErrVendor) {
		t.Errorf("vendor: %v", err)
	}
}
