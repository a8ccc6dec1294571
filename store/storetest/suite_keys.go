package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/store"
)

func testEmpty(t *testing.T, d Driver) {
	mustView(t, d, func(r store.Reader) error {
		_, err := r.GetRaw("t", "k")
		wantErr(t, "GetRaw of a missing table", err, store.ErrNotFound)
		got, err := keys(r, "t", "", "")
		if len(got) != 0 {
			t.Errorf("scan of a missing table yields %q", got)
		}
		return err
	})
	mustUpdate(t, d, func(tx store.Tx) error { return tx.DeleteRaw("t", "k") })
	mustUpdate(t, d, func(store.Tx) error { return nil })
}

func testWriteRead(t *testing.T, d Driver) {
	fill(t, d, "t", "a", "b")
	mustUpdate(t, d, func(tx store.Tx) error { return tx.PutRaw("t", "a", []byte("replaced")) })
	compare(t, d, "t", map[string]string{"a": "replaced", "b": "b"})
	mustView(t, d, func(r store.Reader) error {
		_, err := r.GetRaw("t", "ab")
		wantErr(t, "GetRaw of a missing key", err, store.ErrNotFound)
		got, err := r.GetRaw("t", "a")
		if string(got) != "replaced" {
			t.Errorf("GetRaw = %q", got)
		}
		return err
	})
}

func testInsert(t *testing.T, d Driver) {
	mustUpdate(t, d, func(tx store.Tx) error { return tx.InsertRaw("t", "k", []byte("first")) })
	err := d.Update(t.Context(), func(tx store.Tx) error { return tx.InsertRaw("t", "k", []byte("second")) })
	wantErr(t, "second InsertRaw", err, store.ErrExists)
	// A caller may take ErrExists for an answer and go on.
	mustUpdate(t, d, func(tx store.Tx) error {
		wantErr(t, "third InsertRaw", tx.InsertRaw("t", "k", []byte("third")), store.ErrExists)
		return tx.PutRaw("t", "other", []byte("x"))
	})
	compare(t, d, "t", map[string]string{"k": "first", "other": "x"})
}

func testDelete(t *testing.T, d Driver) {
	fill(t, d, "t", "a", "b", "c")
	mustUpdate(t, d, func(tx store.Tx) error {
		if err := tx.DeleteRaw("t", "b"); err != nil {
			return err
		}
		_, err := tx.GetRaw("t", "b")
		wantErr(t, "GetRaw after DeleteRaw", err, store.ErrNotFound)
		got, err := keys(tx, "t", "", "")
		if diff := cmp.Diff([]string{"a", "c"}, got); diff != "" {
			t.Errorf("scan after DeleteRaw (-want +got):\n%s", diff)
		}
		return errors.Join(err, tx.DeleteRaw("t", "b"), tx.InsertRaw("t", "b", []byte("again")))
	})
	compare(t, d, "t", map[string]string{"a": "a", "b": "again", "c": "c"})
}

func testOwnWrites(t *testing.T, d Driver) {
	fill(t, d, "t", "a", "c")
	mustUpdate(t, d, func(tx store.Tx) error {
		if err := errors.Join(tx.PutRaw("t", "b", []byte("1")), tx.PutRaw("t", "b", []byte("2"))); err != nil {
			return err
		}
		got, err := tx.GetRaw("t", "b")
		if string(got) != "2" {
			t.Errorf("GetRaw of an own write = %q", got)
		}
		all, err2 := dump(tx, "t")
		if diff := cmp.Diff(map[string]string{"a": "a", "b": "2", "c": "c"}, all); diff != "" {
			t.Errorf("scan with an own write (-want +got):\n%s", diff)
		}
		return errors.Join(err, err2)
	})
}

func testTablesApart(t *testing.T, d Driver) {
	fill(t, d, "t", "k")
	fill(t, d, "t_by_x", "l")
	fill(t, d, "tt", "m")
	compare(t, d, "t", map[string]string{"k": "k"})
	compare(t, d, "t_by_x", map[string]string{"l": "l"})
	compare(t, d, "tt", map[string]string{"m": "m"})
}

func testScan(t *testing.T, d Driver) {
	fill(t, d, "t", "b/2", "a", "b", "b/1", "c", "b/10", "B", "é", "b0", "日本")
	for _, c := range []struct {
		name, prefix, after string
		want                []string
	}{
		{"all, in byte order", "", "", []string{"B", "a", "b", "b/1", "b/10", "b/2", "b0", "c", "é", "日本"}},
		{"prefix", "b/", "", []string{"b/1", "b/10", "b/2"}},
		{"prefix is a key", "b", "", []string{"b", "b/1", "b/10", "b/2", "b0"}},
		{"after a key", "", "b/2", []string{"b0", "c", "é", "日本"}},
		{"after what is no key", "", "b/11", []string{"b/2", "b0", "c", "é", "日本"}},
		{"after the last", "", "日本", []string{}},
		{"prefix and after", "b/", "b/1", []string{"b/10", "b/2"}},
		{"after lies before the prefix", "b/", "a", []string{"b/1", "b/10", "b/2"}},
		{"after lies behind the prefix", "b/", "c", []string{}},
		{"after equals the prefix, which is a key", "b", "b", []string{"b/1", "b/10", "b/2", "b0"}},
		{"prefix of nothing", "x", "", []string{}},
		{"prefix that is no UTF-8", "\xc3", "", []string{"é"}},
		{"after with a NUL", "", "b\x00", []string{"b/1", "b/10", "b/2", "b0", "c", "é", "日本"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			read := func(r store.Reader) error {
				got, err := keys(r, "t", c.prefix, c.after)
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				wantLast(t, r, c.prefix)
				return err
			}
			mustView(t, d, read)
			mustUpdate(t, d, func(tx store.Tx) error { return read(tx) })
		})
	}
	t.Run("stops when told", func(t *testing.T) {
		mustView(t, d, func(r store.Reader) error {
			n := 0
			err := r.ScanRaw("t", "", "", func(string, []byte) bool { n++; return n < 3 })
			if n != 3 {
				t.Errorf("called %d times, want 3", n)
			}
			return err
		})
	})
}

// wantLast holds LastRaw against a scan of table t.
func wantLast(t *testing.T, r store.Reader, prefix string) {
	t.Helper()
	all, err := keys(r, "t", prefix, "")
	if err != nil {
		t.Error(err)
	}
	got, err := r.LastRaw("t", prefix)
	switch {
	case len(all) == 0:
		wantErr(t, "LastRaw of "+prefix, err, store.ErrNotFound)
	case err != nil || got != all[len(all)-1]:
		t.Errorf("LastRaw of %q = %q, %v, want %q", prefix, got, err, all[len(all)-1])
	}
}

// testLastOfNone empties a table of many pages and looks for its last key in the same
// transaction, as who puts an entry into a queue does that another has just emptied.
func testLastOfNone(t *testing.T, d Driver) {
	var all []string
	for i := range 5000 {
		all = append(all, fmt.Sprintf("%05d", i))
	}
	fill(t, d, "t", all...)
	mustUpdate(t, d, func(tx store.Tx) error {
		for _, k := range all {
			if err := tx.DeleteRaw("t", k); err != nil {
				return err
			}
		}
		wantLast(t, tx, "")
		wantLast(t, tx, "0")
		if err := tx.PutRaw("t", "02500", []byte("{}")); err != nil {
			return err
		}
		wantLast(t, tx, "")
		wantLast(t, tx, "025")
		wantLast(t, tx, "03")
		return nil
	})
}

func testScanAfterDelete(t *testing.T, d Driver) {
	var all, kept []string
	for i := range 5000 {
		key := fmt.Sprintf("%05d", i)
		all = append(all, key)
		if i < 100 || i >= 4900 || i%1000 == 7 {
			kept = append(kept, key)
		}
	}
	fill(t, d, "t", all...)
	mustUpdate(t, d, func(tx store.Tx) error {
		for _, k := range all {
			if _, keep := slices.BinarySearch(kept, k); !keep {
				if err := tx.DeleteRaw("t", k); err != nil {
					return err
				}
			}
		}
		got, err := keys(tx, "t", "", "")
		if diff := cmp.Diff(kept, got); diff != "" {
			t.Errorf("in the transaction (-want +got):\n%s", diff)
		}
		for i := range 51 {
			wantLast(t, tx, fmt.Sprintf("%05d", 100*i)[:3])
		}
		wantLast(t, tx, "")
		return err
	})
	mustView(t, d, func(r store.Reader) error {
		got, err := keys(r, "t", "", "")
		if diff := cmp.Diff(kept, got); diff != "" {
			t.Errorf("afterwards (-want +got):\n%s", diff)
		}
		for i := range 51 {
			wantLast(t, r, fmt.Sprintf("%05d", 100*i)[:3])
		}
		wantLast(t, r, "")
		return err
	})
}

func testNestedScan(t *testing.T, d Driver) {
	fill(t, d, "t", "1", "2")
	fill(t, d, "u", "x", "y")
	mustView(t, d, func(r store.Reader) error {
		var got []string
		err := r.ScanRaw("t", "", "", func(outer string, _ []byte) bool {
			return r.ScanRaw("u", "", "", func(inner string, _ []byte) bool {
				got = append(got, outer+inner)
				return true
			}) == nil
		})
		if diff := cmp.Diff([]string{"1x", "1y", "2x", "2y"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		return err
	})
}

func testWriteInScan(t *testing.T, d Driver) {
	fill(t, d, "t", "a", "b")
	err := d.Update(t.Context(), func(tx store.Tx) error {
		var werr error
		err := tx.ScanRaw("t", "", "", func(key string, _ []byte) bool {
			werr = tx.DeleteRaw("t", key)
			return true
		})
		return errors.Join(err, werr)
	})
	wantErr(t, "DeleteRaw inside a scan", err, store.ErrScanning)
	mustUpdate(t, d, func(tx store.Tx) error {
		var werr error
		err := tx.ScanRaw("t", "", "", func(key string, value []byte) bool {
			werr = tx.PutRaw("u", key, value) // another table is fine
			return werr == nil
		})
		return errors.Join(err, werr, tx.DeleteRaw("t", "a")) // and so is this one afterwards
	})
	compare(t, d, "t", map[string]string{"b": "b"})
	compare(t, d, "u", map[string]string{"a": "a", "b": "b"})
}

func testOddKeys(t *testing.T, d Driver) {
	odd := []string{
		" ", "/", "//", "a/b/c", "..", ".", "'; drop table t", `\`, "%", "_", "*", "\u00a0", "\u2028", "é", "e\u0301",
		"\U0001f512", "https://example.com/?a=b&c=%2f#d", "value\x1fkey", strings.Repeat("k", store.MaxKeyBytes), "null", "NaN", "{}",
	}
	want := map[string]string{}
	for _, k := range odd {
		want[k] = k
	}
	fill(t, d, "t", odd...)
	compare(t, d, "t", want)
	mustView(t, d, func(r store.Reader) error {
		for _, k := range odd {
			if got, err := r.GetRaw("t", k); err != nil || string(got) != k {
				t.Errorf("GetRaw(%q) = %q, %v", k, got, err)
			}
		}
		return nil
	})
}

func testBadKeys(t *testing.T, d Driver) {
	for _, k := range []string{"", "\x00", "a\x00", "a\x00b", "\n", "tab\t", "\x7f", "\xff", "a\xc3", "\xed\xa0\x80", strings.Repeat("k", store.MaxKeyBytes+1)} {
		t.Run(fmt.Sprintf("%.20q", k), func(t *testing.T) {
			put := func(tx store.Tx) error { return tx.PutRaw("t", k, []byte("x")) }
			insert := func(tx store.Tx) error { return tx.InsertRaw("t", k, []byte("x")) }
			wantErr(t, "PutRaw", d.Update(t.Context(), put), store.ErrBadKey)
			wantErr(t, "InsertRaw", d.Update(t.Context(), insert), store.ErrBadKey)
			mustUpdate(t, d, func(tx store.Tx) error {
				_, err := tx.GetRaw("t", k)
				wantErr(t, "GetRaw", err, store.ErrNotFound)
				return tx.DeleteRaw("t", k)
			})
		})
	}
	wantErr(t, "PutRaw without a table", d.Update(t.Context(), func(tx store.Tx) error { return tx.PutRaw("", "k", nil) }), store.ErrBadKey)
	compare(t, d, "t", map[string]string{})
}

func testValues(t *testing.T, d Driver) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 5<<20/16)
	values := map[string][]byte{
		"nil": nil, "empty": {}, "nul": {0}, "binary": {0, 1, 0xff, 0xfe, '\n'},
		"page": bytes.Repeat([]byte{7}, 4096), "more than a page": bytes.Repeat([]byte{8}, 70_000), "big": big,
	}
	want := map[string]string{}
	mustUpdate(t, d, func(tx store.Tx) error {
		for k, v := range values {
			want[k] = string(v)
			if err := tx.PutRaw("t", k, v); err != nil {
				return err
			}
			if got, err := tx.GetRaw("t", k); err != nil || !bytes.Equal(got, v) {
				t.Errorf("GetRaw(%q) in the transaction: %d bytes, %v", k, len(got), err)
			}
		}
		return nil
	})
	compare(t, d, "t", want)
	mustUpdate(t, d, func(tx store.Tx) error {
		wantErr(t, "InsertRaw over an empty value", tx.InsertRaw("t", "nil", []byte("x")), store.ErrExists)
		return tx.PutRaw("t", "big", nil)
	})
	want["big"] = ""
	compare(t, d, "t", want)
}

func testCopied(t *testing.T, d Driver) {
	value := []byte("value")
	mustUpdate(t, d, func(tx store.Tx) error {
		copy(value, "value")
		if err := tx.PutRaw("t", "k", value); err != nil {
			return err
		}
		if err := tx.InsertRaw("t", "l", value); err != nil {
			return err
		}
		copy(value, "wrong") // before the commit
		return nil
	})
	copy(value, "later")
	compare(t, d, "t", map[string]string{"k": "value", "l": "value"})
	mustUpdate(t, d, func(tx store.Tx) error {
		before, err := tx.GetRaw("t", "k")
		if err != nil {
			return err
		}
		saved := string(before)
		return tx.PutRaw("t", "l", []byte(saved+"2"))
	})
	compare(t, d, "t", map[string]string{"k": "value", "l": "value2"})
}

func testTooLarge(t *testing.T, d Driver) {
	err := d.Update(t.Context(), func(tx store.Tx) error {
		return tx.PutRaw("t", "k", make([]byte, store.MaxValueBytes+1))
	})
	wantErr(t, "PutRaw", err, store.ErrTooLarge)
	compare(t, d, "t", map[string]string{})
}
