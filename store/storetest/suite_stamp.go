package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/hallmark-pki/hallmark/store"
)

// stamped is the stamp of a table, and what the table holds.
func stamped(t *testing.T, r store.Reader, table string) (store.Stamp, string) {
	t.Helper()
	s, ok := r.(store.Stamper)
	if !ok {
		return store.Stamp{}, ""
	}
	stamp := s.Stamp(table)
	var b strings.Builder
	if err := r.ScanRaw(table, "", "", func(key string, value []byte) bool {
		fmt.Fprintf(&b, "%s=%s ", key, value)
		return true
	}); err != nil {
		t.Error(err)
	}
	if s.Stamp(table) != stamp && !s.Stamp(table).IsZero() {
		t.Errorf("stamp of %s changed from one not zero to another in one snapshot", table)
	}
	return stamp, b.String()
}

// testStamps: what has the same stamp is the same. Drivers without stamps pass.
func testStamps(t *testing.T, d Driver) {
	seen := map[store.Stamp]string{}
	look := func(what string, r store.Reader, wantTold bool) store.Stamp {
		t.Helper()
		stamp, content := stamped(t, r, "t")
		if stamp.IsZero() {
			return stamp
		}
		if !wantTold {
			t.Errorf("%s: a stamp, although the table changes here", what)
		}
		if before, ok := seen[stamp]; ok && before != content {
			t.Errorf("%s: one stamp for %q and %q", what, before, content)
		}
		seen[stamp] = content
		return stamp
	}
	view := func(what string) (stamp store.Stamp) {
		t.Helper()
		mustView(t, d, func(r store.Reader) error { stamp = look(what, r, true); return nil })
		return stamp
	}
	view("empty")
	fill(t, d, "t", "a")
	first := view("one key")
	fill(t, d, "u", "a")
	if again := view("another table was changed"); again != first {
		t.Errorf("a change of another table changed the stamp from %v to %v", first, again)
	}
	if err := d.View(t.Context(), func(old store.Reader) error {
		fill(t, d, "t", "b") // while somebody reads
		look("changed since the snapshot", old, true)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	view("two keys")
	mustUpdate(t, d, func(tx store.Tx) error {
		look("before a write", tx, true)
		err := tx.PutRaw("t", "a", []byte("changed"))
		look("after a write of its own", tx, false)
		return err
	})
	view("changed")
	err := d.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(tx.PutRaw("t", "a", []byte("never")), errRefused)
	})
	wantErr(t, "Update", err, errRefused)
	view("changed and undone")
	mustUpdate(t, d, func(tx store.Tx) error { look("next transaction", tx, true); return tx.DeleteRaw("t", "b") })
	view("deleted")
}

// testStampsInACrowd has readers compare while others write, fail and share commits.
func testStampsInACrowd(t *testing.T, d Driver) {
	const writers, readers, rounds = 8, 8, 40
	var mu sync.Mutex
	seen := map[store.Stamp]string{}
	look := func(r store.Reader) {
		stamp, content := stamped(t, r, "t")
		if stamp.IsZero() {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if before, ok := seen[stamp]; ok && before != content {
			t.Errorf("one stamp for %q and %q", before, content)
		}
		seen[stamp] = content
	}
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for n := range rounds {
				err := d.Update(t.Context(), func(tx store.Tx) error {
					look(tx)
					if i%2 == 0 { // of these, every other writes to another table only
						return tx.PutRaw("u", fmt.Sprint(i), []byte(fmt.Sprint(n)))
					}
					if err := tx.PutRaw("t", fmt.Sprint(i), []byte(fmt.Sprint(n))); err != nil {
						return err
					}
					if n%3 == 0 {
						return errRefused
					}
					return nil
				})
				if err != nil && !errors.Is(err, errRefused) {
					t.Error(err)
				}
			}
		})
	}
	for range readers {
		wg.Go(func() {
			for range rounds {
				if err := d.View(t.Context(), func(r store.Reader) error { look(r); return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
