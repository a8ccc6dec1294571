package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/hallmark-pki/hallmark/store"
)

// add is a change that reads what it writes.
func add(tx store.Tx, key string, n int) error {
	raw, err := tx.GetRaw("t", key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	have, _ := strconv.Atoi(string(raw)) // "" is 0
	return tx.PutRaw("t", key, []byte(strconv.Itoa(have+n)))
}

func testCounter(t *testing.T, d Driver) {
	const callers, rounds = 32, 20
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range rounds {
				if err := d.Update(t.Context(), func(tx store.Tx) error { return add(tx, "n", 1) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	compare(t, d, "t", map[string]string{"n": strconv.Itoa(callers * rounds)})
}

// testMates has good and failing functions share commits; each failing one writes
// first, over what the good ones write.
func testMates(t *testing.T, d Driver) {
	const callers, rounds = 24, 20
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for range rounds {
				err := d.Update(t.Context(), func(tx store.Tx) error {
					if err := add(tx, "n", 1); err != nil {
						return err
					}
					if i%3 == 0 {
						return errors.Join(tx.DeleteRaw("t", "n"), tx.PutRaw("t", fmt.Sprint(i), nil), errRefused)
					}
					return nil
				})
				if i%3 == 0 && !errors.Is(err, errRefused) || i%3 != 0 && err != nil {
					t.Errorf("caller %d: Update = %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	compare(t, d, "t", map[string]string{"n": strconv.Itoa(callers / 3 * 2 * rounds)})
}

func testPanickingMates(t *testing.T, d Driver) {
	const callers, rounds = 24, 20
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for range rounds {
				panicked := updateAndRecover(t, d, i%3 == 0)
				if panicked != (i%3 == 0) {
					t.Errorf("caller %d: panicked = %v", i, panicked)
				}
			}
		})
	}
	wg.Wait()
	compare(t, d, "t", map[string]string{"n": strconv.Itoa(callers / 3 * 2 * rounds)})
}

func updateAndRecover(t *testing.T, d Driver, panics bool) (panicked bool) {
	defer func() {
		if p := recover(); p != nil {
			panicked = p == errRefused
		}
	}()
	if err := d.Update(t.Context(), func(tx store.Tx) error {
		if err := add(tx, "n", 1); err != nil {
			return err
		}
		if panics {
			panic(errRefused)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	return false
}

// testReadersAmongWriters moves an amount between two keys; their sum never changes.
func testReadersAmongWriters(t *testing.T, d Driver) {
	mustUpdate(t, d, func(tx store.Tx) error { return errors.Join(add(tx, "a", 1000), add(tx, "b", 1000)) })
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for i := range 8 {
		writers.Go(func() {
			for range 30 {
				if err := d.Update(t.Context(), func(tx store.Tx) error {
					return errors.Join(add(tx, "a", i), add(tx, "b", -i))
				}); err != nil {
					t.Error(err)
				}
			}
		})
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					checkSum(t, d)
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
}

func checkSum(t *testing.T, d Driver) {
	if err := d.View(t.Context(), func(r store.Reader) error {
		all, err := dump(r, "t")
		a, _ := strconv.Atoi(all["a"])
		b, _ := strconv.Atoi(all["b"])
		if a+b != 2000 {
			t.Errorf("read %v", all)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

// testLastRun checks that a result which the last run left is the one that holds.
func testLastRun(t *testing.T, d Driver) {
	results := make([]string, 40)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() {
			err := d.Update(t.Context(), func(tx store.Tx) error {
				if err := add(tx, "n", 1); err != nil {
					return err
				}
				raw, err := tx.GetRaw("t", "n")
				results[i] = string(raw)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, r := range results {
		if seen[r] {
			t.Errorf("two callers got number %s", r)
		}
		seen[r] = true
	}
	compare(t, d, "t", map[string]string{"n": strconv.Itoa(len(results))})
}

// testContextWaiting cancels callers that wait behind one that is at work.
func testContextWaiting(t *testing.T, d Driver) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	started, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := d.Update(t.Context(), func(tx store.Tx) error {
			once.Do(func() { close(started) })
			<-release
			return add(tx, "first", 1)
		}); err != nil {
			t.Error(err)
		}
	})
	<-started
	for range 8 {
		wg.Go(func() {
			err := d.Update(ctx, func(tx store.Tx) error { return add(tx, "cancelled", 1) })
			wantErr(t, "Update of a caller that waits", err, context.Canceled)
		})
		wg.Go(func() {
			if err := d.Update(t.Context(), func(tx store.Tx) error { return add(tx, "patient", 1) }); err != nil {
				t.Error(err)
			}
		})
	}
	cancel()
	close(release)
	wg.Wait()
	mustView(t, d, func(r store.Reader) error {
		all, err := dump(r, "t")
		if all["first"] != "1" || all["patient"] != "8" || all["cancelled"] != "" {
			t.Errorf("stored: %v", all)
		}
		return err
	})
}

// testCloseWhileWorking closes the store under its callers: each change is either
// refused with ErrClosed or was acknowledged, and nobody is left waiting.
func testCloseWhileWorking(t *testing.T, d Driver) {
	var wg sync.WaitGroup
	begun := make(chan struct{})
	var once sync.Once
	for range 16 {
		wg.Go(func() {
			for {
				err := d.Update(t.Context(), func(tx store.Tx) error { return add(tx, "n", 1) })
				once.Do(func() { close(begun) })
				if errors.Is(err, store.ErrClosed) {
					return
				}
				if err != nil {
					t.Errorf("Update = %v", err)
					return
				}
			}
		})
		wg.Go(func() {
			for {
				err := d.View(t.Context(), func(r store.Reader) error { _, err := dump(r, "t"); return err })
				if errors.Is(err, store.ErrClosed) {
					return
				}
				if err != nil {
					t.Errorf("View = %v", err)
					return
				}
			}
		})
	}
	<-begun
	if err := d.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	wg.Wait()
}
