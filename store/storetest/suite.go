package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/store"
)

// Run checks that a driver does what package store promises. open returns a new,
// empty store; Run closes it.
func Run(t *testing.T, open func(t *testing.T) Driver) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Driver)
	}{
		{"empty store", testEmpty},
		{"write and read", testWriteRead},
		{"insert refuses what exists", testInsert},
		{"delete", testDelete},
		{"own writes are seen", testOwnWrites},
		{"tables are apart", testTablesApart},
		{"scan", testScan},
		{"scan of many after delete", testScanAfterDelete},
		{"last of many after all are deleted", testLastOfNone},
		{"scan of two tables at once", testNestedScan},
		{"write to a table being scanned", testWriteInScan},
		{"odd keys", testOddKeys},
		{"stamps", testStamps},
		{"stamps in a crowd", testStampsInACrowd},
		{"bad keys", testBadKeys},
		{"values", testValues},
		{"values are copied", testCopied},
		{"value too large", testTooLarge},
		{"error rolls back", testRollback},
		{"error undoes everything", testUndo},
		{"swallowed write error", testSwallowed},
		{"panic rolls back", testPanic},
		{"goexit rolls back", testGoexit},
		{"snapshot", testSnapshot},
		{"view error is returned", testViewError},
		{"use after the end", testUseAfterEnd},
		{"context ended", testContext},
		{"context ends while waiting", testContextWaiting},
		{"counter", testCounter},
		{"mates of a failing function", testMates},
		{"mates of a panicking function", testPanickingMates},
		{"readers among writers", testReadersAmongWriters},
		{"last run counts", testLastRun},
		{"closed", testClosed},
		{"close while working", testCloseWhileWorking},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			t.Cleanup(func() { d.Close() }) // some cases have closed it
			c.test(t, d)
		})
	}
}

// RunDurable checks that a driver keeps what it acknowledged. open opens the store in
// dir, which begins empty and is the same for every call within one test.
func RunDurable(t *testing.T, open func(t *testing.T, dir string) Driver) {
	t.Run("reopen", func(t *testing.T) {
		t.Parallel()
		dir, want := t.TempDir(), map[string]string{}
		for round := range 5 {
			d := open(t, dir)
			compare(t, d, "t", want)
			for i := range 20 {
				key := fmt.Sprintf("%d-%02d", round, i)
				want[key] = key
				mustUpdate(t, d, func(tx store.Tx) error { return tx.PutRaw("t", key, []byte(key)) })
			}
			gone := fmt.Sprintf("%d-%02d", round, round)
			delete(want, gone)
			mustUpdate(t, d, func(tx store.Tx) error { return tx.DeleteRaw("t", gone) })
			if err := d.Update(t.Context(), func(tx store.Tx) error {
				return errors.Join(tx.PutRaw("t", "refused", nil), errRefused)
			}); !errors.Is(err, errRefused) {
				t.Fatalf("Update = %v, want the function's error", err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

var errRefused = errors.New("refused by the test")

func mustUpdate(t *testing.T, d Driver, fn func(store.Tx) error) {
	t.Helper()
	if err := d.Update(context.WithoutCancel(t.Context()), fn); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

func mustView(t *testing.T, d Driver, fn func(store.Reader) error) {
	t.Helper()
	if err := d.View(context.WithoutCancel(t.Context()), fn); err != nil {
		t.Fatalf("View: %v", err)
	}
}

// fill stores each key with itself as its value.
func fill(t *testing.T, d Driver, table string, keys ...string) {
	t.Helper()
	mustUpdate(t, d, func(tx store.Tx) error {
		for _, k := range keys {
			if err := tx.PutRaw(table, k, []byte(k)); err != nil {
				return err
			}
		}
		return nil
	})
}

// dump returns what a table holds, by key.
func dump(r store.Reader, table string) (map[string]string, error) {
	all := map[string]string{}
	err := r.ScanRaw(table, "", "", func(key string, value []byte) bool {
		all[key] = string(value)
		return true
	})
	return all, err
}

// keys returns what a scan yields.
func keys(r store.Reader, table, prefix, after string) ([]string, error) {
	got := []string{}
	err := r.ScanRaw(table, prefix, after, func(key string, _ []byte) bool {
		got = append(got, key)
		return true
	})
	return got, err
}

// compare fails unless the table holds exactly want.
func compare(t *testing.T, d Driver, table string, want map[string]string) {
	t.Helper()
	mustView(t, d, func(r store.Reader) error {
		got, err := dump(r, table)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("table %s (-want +got):\n%s", table, diff)
		}
		return err
	})
}

// wantErr fails unless err wraps target.
func wantErr(t *testing.T, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%s = %v, want %v", what, err, target)
	}
}
