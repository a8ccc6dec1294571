package bolt

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/hallmark-pki/hallmark/store"
)

// BenchmarkUpdate measures durable changes of one record (1 KB, two index entries)
// by 1 and by 64 callers: through this package, through bbolt's Batch with several
// delays, through bbolt's Update, and the bare cost of what each commit must do,
// two writes of a page with an fdatasync each. doc.go says what it showed.
func BenchmarkUpdate(b *testing.B) {
	value := bytes.Repeat([]byte("x"), 1024)
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("hallmark/%d", writers), func(b *testing.B) {
			d := openTest(b)
			measure(b, writers, func(key string) error {
				return d.Update(b.Context(), func(tx store.Tx) error {
					for _, k := range []string{"a" + key, "b" + key} {
						if err := tx.PutRaw("index", k, []byte("{}")); err != nil {
							return err
						}
					}
					return tx.PutRaw("record", key, value)
				})
			})
		})
		for _, delay := range []time.Duration{0, time.Millisecond, 10 * time.Millisecond} {
			b.Run(fmt.Sprintf("batch-%v/%d", delay, writers), func(b *testing.B) {
				d := openTest(b).bolt
				d.MaxBatchDelay = delay
				measure(b, writers, func(key string) error {
					return d.Batch(func(tx *bbolt.Tx) error { return putThree(tx, key, value) })
				})
			})
		}
		b.Run(fmt.Sprintf("solo/%d", writers), func(b *testing.B) {
			d := openTest(b).bolt
			measure(b, writers, func(key string) error {
				return d.Update(func(tx *bbolt.Tx) error { return putThree(tx, key, value) })
			})
		})
	}
	b.Run("two-fdatasyncs", benchmarkSync)
}

func putThree(tx *bbolt.Tx, key string, value []byte) error {
	for _, w := range []struct {
		bucket, key string
		value       []byte
	}{{"index", "a" + key, []byte("{}")}, {"index", "b" + key, []byte("{}")}, {"record", key, value}} {
		bucket, err := tx.CreateBucketIfNotExists([]byte(w.bucket))
		if err != nil {
			return err
		}
		if err := bucket.Put([]byte(w.key), w.value); err != nil {
			return err
		}
	}
	return nil
}

// measure shares b.N changes among writers.
func measure(b *testing.B, writers int, change func(key string) error) {
	var n atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range writers {
		wg.Go(func() {
			for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
				if err := change(fmt.Sprintf("%016x", uint64(i)*0x9e3779b97f4a7c15)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
}

func benchmarkSync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "f"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	for b.Loop() {
		for i := range int64(2) {
			if _, err := f.WriteAt(page, i*4096); err != nil {
				b.Fatal(err)
			}
			if err := syscall.Fdatasync(int(f.Fd())); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
}

// openTest opens a new store that is closed with the test.
func openTest(tb testing.TB) *DB {
	tb.Helper()
	d, err := Open(filepath.Join(tb.TempDir(), "hallmark.db"), Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { d.Close() })
	return d
}
