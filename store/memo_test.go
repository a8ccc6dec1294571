package store_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

// TestMemo reads what Table reads, whatever happened to the record since.
func TestMemo(t *testing.T) {
	d := storetest.NewMemory()
	var memo store.Memo[store.Certificate]
	same := func(what string) {
		t.Helper()
		view(t, d, func(r store.Reader) error {
			got, gotErr := memo.Get(r, store.Certificates, "1")
			want, wantErr := store.Certificates.Get(r, "1")
			if got.Vendor != want.Vendor || (gotErr == nil) != (wantErr == nil) || errors.Is(gotErr, store.ErrNotFound) != errors.Is(wantErr, store.ErrNotFound) {
				t.Errorf("%s: %+v, %v, want %+v, %v", what, got, gotErr, want, wantErr)
			}
			for _, vendor := range []string{"acme", "other"} {
				got, gotErr := serials(memo.By(r, store.Certificates, "vendor", vendor))
				want, wantErr := serials(store.Certificates.By(r, "vendor", vendor))
				if fmt.Sprint(got, gotErr) != fmt.Sprint(want, wantErr) {
					t.Errorf("%s: of %s %v, %v, want %v, %v", what, vendor, got, gotErr, want, wantErr)
				}
			}
			return nil
		})
	}
	put := func(vendor string) {
		update(t, d, func(tx store.Tx) error { return store.Certificates.Put(tx, cert("1", vendor, noon)) })
	}
	same("nothing yet")
	put("acme")
	same("first time")
	same("remembered")
	put("other")
	same("changed")
	update(t, d, func(tx store.Tx) error { return store.Certificates.Delete(tx, "1") })
	same("deleted")
	put("acme")
	same("back")
}

// TestMemoForgets: what is remembered of 10,000 records is no more than of 1,024.
func TestMemoForgets(t *testing.T) {
	d := storetest.NewMemory()
	update(t, d, func(tx store.Tx) error {
		for i := range 10_000 {
			if err := tx.PutRaw("person", fmt.Sprint(i), []byte(fmt.Sprintf(`{"v":1,"d":{"id":"%d"}}`, i))); err != nil {
				return err
			}
		}
		return nil
	})
	var memo store.Memo[store.Person]
	if err := d.View(t.Context(), func(r store.Reader) error {
		for i := range 10_000 {
			if p, err := memo.Get(r, store.People, fmt.Sprint(i)); err != nil || p.ID != fmt.Sprint(i) {
				return fmt.Errorf("%d: %+v, %w", i, p, err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n := memo.Len(); n == 0 || n > 1024 {
		t.Errorf("%d remembered", n)
	}
}

// stamped is a reader of tables that never change, and counts what is searched for.
type stamped struct {
	store.Reader
	scans int
}

func (s *stamped) Stamp(string) store.Stamp { return store.NewStamp("test", 1) }

func (s *stamped) ScanRaw(table, prefix, after string, fn func(string, []byte) bool) error {
	s.scans++
	return s.Reader.ScanRaw(table, prefix, after, fn)
}

// TestMemoStops: a caller who stops at what it looked for has the list remembered, whole.
func TestMemoStops(t *testing.T) {
	d := storetest.NewMemory()
	update(t, d, func(tx store.Tx) error {
		return errors.Join(store.Certificates.Put(tx, cert("1", "acme", noon)), store.Certificates.Put(tx, cert("2", "acme", noon)))
	})
	var memo store.Memo[store.Certificate]
	view(t, d, func(r store.Reader) error {
		s := &stamped{Reader: r}
		for c, err := range memo.By(s, store.Certificates, "vendor", "acme") {
			if err != nil || c.Serial != "1" {
				t.Errorf("%s, %v", c.Serial, err)
			}
			break
		}
		if got, err := serials(memo.By(s, store.Certificates, "vendor", "acme")); err != nil || fmt.Sprint(got) != "[1 2]" || s.scans != 1 {
			t.Errorf("%v, %v after %d scans", got, err, s.scans)
		}
		return nil
	})
}
