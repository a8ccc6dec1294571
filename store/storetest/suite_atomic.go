package storetest

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/store"
)

func testRollback(t *testing.T, d Driver) {
	fill(t, d, "t", "a")
	err := d.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(tx.PutRaw("t", "b", nil), tx.PutRaw("new table", "c", nil), errRefused)
	})
	wantErr(t, "Update", err, errRefused)
	compare(t, d, "t", map[string]string{"a": "a"})
	compare(t, d, "new table", map[string]string{})
}

// testUndo touches each key in several ways before it fails.
func testUndo(t *testing.T, d Driver) {
	fill(t, d, "t", "delete", "delete and insert", "replace", "replace twice", "replace and delete", "stay")
	mustUpdate(t, d, func(tx store.Tx) error { return tx.PutRaw("t", "empty", nil) })
	mustView(t, d, func(r store.Reader) error {
		want, err := dump(r, "t")
		if err != nil {
			return err
		}
		err = d.Update(t.Context(), scramble)
		wantErr(t, "Update", err, errRefused)
		compare(t, d, "t", want)
		return nil
	})
	mustUpdate(t, d, func(tx store.Tx) error { return tx.PutRaw("t", "works", nil) })
}

func scramble(tx store.Tx) error {
	x := []byte("x")
	return errors.Join(
		tx.DeleteRaw("t", "delete"),
		tx.DeleteRaw("t", "delete and insert"), tx.InsertRaw("t", "delete and insert", x),
		tx.PutRaw("t", "replace", x),
		tx.PutRaw("t", "replace twice", x), tx.PutRaw("t", "replace twice", nil),
		tx.PutRaw("t", "replace and delete", x), tx.DeleteRaw("t", "replace and delete"),
		tx.PutRaw("t", "empty", x), tx.DeleteRaw("t", "empty"),
		tx.PutRaw("t", "insert", x),
		tx.PutRaw("t", "insert and delete", x), tx.DeleteRaw("t", "insert and delete"),
		errRefused,
	)
}

func testSwallowed(t *testing.T, d Driver) {
	err := d.Update(t.Context(), func(tx store.Tx) error {
		if err := tx.PutRaw("t", "a", nil); err != nil {
			return err
		}
		tx.PutRaw("t", "", nil) // its error is the point of this test
		return nil
	})
	wantErr(t, "Update", err, store.ErrBadKey)
	compare(t, d, "t", map[string]string{})
}

func testPanic(t *testing.T, d Driver) {
	func() {
		defer func() {
			if p := recover(); p != errRefused {
				t.Errorf("recovered %v, want the function's own panic", p)
			}
		}()
		d.Update(t.Context(), func(tx store.Tx) error {
			if err := tx.PutRaw("t", "a", nil); err != nil {
				return err
			}
			panic(errRefused)
		})
		t.Error("Update returned")
	}()
	func() {
		defer func() {
			if p := recover(); p != errRefused {
				t.Errorf("recovered %v, want the function's own panic", p)
			}
		}()
		d.View(t.Context(), func(store.Reader) error { panic(errRefused) })
		t.Error("View returned")
	}()
	compare(t, d, "t", map[string]string{})
	fill(t, d, "t", "b")
	compare(t, d, "t", map[string]string{"b": "b"})
}

// testGoexit is what t.FailNow does inside a function.
func testGoexit(t *testing.T, d Driver) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Update(t.Context(), func(tx store.Tx) error {
			if err := tx.PutRaw("t", "a", nil); err != nil {
				return err
			}
			runtime.Goexit()
			return nil
		})
	}()
	<-done
	compare(t, d, "t", map[string]string{})
	fill(t, d, "t", "b")
	compare(t, d, "t", map[string]string{"b": "b"})
}

func testSnapshot(t *testing.T, d Driver) {
	fill(t, d, "t", "a", "b")
	want := map[string]string{"a": "a", "b": "b"}
	mustView(t, d, func(r store.Reader) error {
		// Enough for a file to grow and its map to move, if it has one.
		mustUpdate(t, d, func(tx store.Tx) error {
			return errors.Join(tx.PutRaw("t", "c", make([]byte, 1<<20)), tx.PutRaw("t", "a", []byte("new")), tx.DeleteRaw("t", "b"))
		})
		for range 2 {
			got, err := dump(r, "t")
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("the snapshot moved: %v (-want +got):\n%s", err, diff)
			}
		}
		return nil
	})
	compare(t, d, "t", map[string]string{"a": "new", "c": string(make([]byte, 1<<20))})
}

func testViewError(t *testing.T, d Driver) {
	wantErr(t, "View", d.View(t.Context(), func(store.Reader) error { return errRefused }), errRefused)
}

func testUseAfterEnd(t *testing.T, d Driver) {
	fill(t, d, "t", "a")
	var r store.Reader
	var tx store.Tx
	mustView(t, d, func(in store.Reader) error { r = in; return nil })
	mustUpdate(t, d, func(in store.Tx) error { tx = in; return nil })
	for _, kept := range []store.Reader{r, tx} {
		_, err := kept.GetRaw("t", "a")
		wantErr(t, "GetRaw", err, store.ErrEnded)
		err = kept.ScanRaw("t", "", "", func(string, []byte) bool { t.Error("scan goes on"); return false })
		wantErr(t, "ScanRaw", err, store.ErrEnded)
		_, err = kept.LastRaw("t", "")
		wantErr(t, "LastRaw", err, store.ErrEnded)
	}
	wantErr(t, "PutRaw", tx.PutRaw("t", "b", nil), store.ErrEnded)
	wantErr(t, "InsertRaw", tx.InsertRaw("t", "b", nil), store.ErrEnded)
	wantErr(t, "DeleteRaw", tx.DeleteRaw("t", "a"), store.ErrEnded)
	compare(t, d, "t", map[string]string{"a": "a"})
}

func testContext(t *testing.T, d Driver) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, "View", d.View(ctx, func(store.Reader) error { t.Error("ran"); return nil }), context.Canceled)
	wantErr(t, "Update", d.Update(ctx, func(store.Tx) error { t.Error("ran"); return nil }), context.Canceled)

	// One that ends inside the function is too late.
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	if err := d.Update(ctx, func(tx store.Tx) error { cancel(); return tx.PutRaw("t", "a", nil) }); err == nil {
		compare(t, d, "t", map[string]string{"a": ""})
	} else {
		// A driver may run the function again, and honour the context before that.
		wantErr(t, "Update", err, context.Canceled)
		compare(t, d, "t", map[string]string{})
	}
}

func testClosed(t *testing.T, d Driver) {
	fill(t, d, "t", "a")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "View", d.View(t.Context(), func(store.Reader) error { t.Error("ran"); return nil }), store.ErrClosed)
	wantErr(t, "Update", d.Update(t.Context(), func(store.Tx) error { t.Error("ran"); return nil }), store.ErrClosed)
	wantErr(t, "Close", d.Close(), store.ErrClosed)
}
