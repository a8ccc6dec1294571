package bolt

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/hallmark-pki/hallmark/store"
)

// put stores one value and fails the test if it cannot.
func put(t *testing.T, d *DB, key, value string) {
	t.Helper()
	if err := d.Update(t.Context(), func(tx store.Tx) error { return tx.PutRaw("t", key, []byte(value)) }); err != nil {
		t.Fatal(err)
	}
}

// get returns one value, "" if there is none.
func get(t *testing.T, d *DB, key string) (value string) {
	t.Helper()
	if err := d.View(t.Context(), func(r store.Reader) error {
		raw, err := r.GetRaw("t", key)
		value = string(raw)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return value
}

func mustOpen(t *testing.T, path string, o Options) *DB {
	t.Helper()
	d, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() }) // some tests have closed it
	return d
}

func TestOpenCreates(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "hallmark.db")
	d := mustOpen(t, path, Options{})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("mode = %v, want 0600", info.Mode())
	}
	if err := d.View(t.Context(), func(r store.Reader) error {
		raw, err := r.GetRaw("meta", "format")
		if got, want := string(raw), `{"v":1,"d":{"format":1}}`; got != want {
			t.Errorf("format record = %s, want %s", got, want)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if names := list(t, dir); len(names) != 1 {
		t.Errorf("folder holds %v, want the store alone", names)
	}
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestOpenMissing(t *testing.T) {
	dir := t.TempDir()
	for name, o := range map[string]Options{"must exist": {MustExist: true}, "read-only": {ReadOnly: true}} {
		_, err := Open(filepath.Join(dir, "hallmark.db"), o)
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want fs.ErrNotExist", name, err)
		}
	}
	_, err := Open(filepath.Join(dir, "no", "hallmark.db"), Options{})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: %v, want fs.ErrNotExist", err)
	}
	if names := list(t, dir); len(names) != 0 {
		t.Errorf("folder holds %v, want nothing", names)
	}
}

// TestOpenTogether has many open one new path at once: one gets it, and it is whole.
func TestOpenTogether(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "hallmark.db")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			d, err := Open(path, Options{Timeout: 20 * time.Second})
			if err != nil {
				t.Error(err)
				return
			}
			defer d.Close()
			if err := d.Update(t.Context(), func(tx store.Tx) error {
				return tx.InsertRaw("t", string(rune('a'+i)), nil)
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	d := mustOpen(t, path, Options{})
	n := 0
	if err := d.View(t.Context(), func(r store.Reader) error {
		return r.ScanRaw("t", "", "", func(string, []byte) bool { n++; return true })
	}); err != nil || n != 8 {
		t.Errorf("%d records, %v; want 8", n, err)
	}
	if names := list(t, dir); len(names) != 1 {
		t.Errorf("folder holds %v, want the store alone", names)
	}
}

func TestOpenLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hallmark.db")
	d := mustOpen(t, path, Options{})
	for _, o := range []Options{{Timeout: -1}, {Timeout: 60 * time.Millisecond}, {Timeout: -1, ReadOnly: true}} {
		_, err := Open(path, o)
		if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), path) {
			t.Errorf("Open(%+v) = %v, want ErrLocked with the path", o, err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, path, Options{Timeout: -1})
}

func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hallmark.db")
	d := mustOpen(t, path, Options{})
	put(t, d, "k", "v")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	one, two := mustOpen(t, path, Options{ReadOnly: true}), mustOpen(t, path, Options{ReadOnly: true})
	if get(t, one, "k") != "v" || get(t, two, "k") != "v" {
		t.Error("record is missing")
	}
	if err := one.Update(t.Context(), func(store.Tx) error { t.Error("ran"); return nil }); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Update = %v, want ErrReadOnly", err)
	}
	var copied bytes.Buffer
	if err := one.Backup(t.Context(), &copied); err != nil {
		t.Error(err)
	}
	if err := errors.Join(one.Close(), two.Close()); err != nil {
		t.Error(err)
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file has changed, or: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	whole := wholeFile(t)
	for _, c := range []struct {
		name string
		data []byte
		want error
	}{
		{"empty", nil, ErrNotAStore},
		{"text", bytes.Repeat([]byte("not a database\n"), 1000), ErrNotAStore},
		{"short text", []byte("x"), ErrNotAStore},
		{"other bbolt database", otherFile(t, "else", "format", ""), ErrNotAStore},
		{"no format record", otherFile(t, "meta", "other", "x"), ErrNotAStore},
		{"later format", otherFile(t, "meta", "format", `{"v":1,"d":{"format":2}}`), store.ErrVersion},
		{"later envelope", otherFile(t, "meta", "format", `{"v":2,"d":{"shape":[]}}`), store.ErrVersion},
		{"format zero", otherFile(t, "meta", "format", `{"v":1,"d":{}}`), store.ErrDamaged},
		{"format nonsense", otherFile(t, "meta", "format", `{`), store.ErrDamaged},
		{"cut by a byte", whole[:len(whole)-1], store.ErrDamaged},
		{"cut in half", whole[:len(whole)/2], store.ErrDamaged},
		{"cut to the root pages", whole[:2*os.Getpagesize()], store.ErrDamaged},
		{"both root pages zeroed", append(make([]byte, 2*os.Getpagesize()), whole[2*os.Getpagesize():]...), ErrNotAStore},
		{"pages zeroed", append(bytes.Clone(whole[:2*os.Getpagesize()]), make([]byte, len(whole)-2*os.Getpagesize())...), store.ErrDamaged},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "hallmark.db")
			if err := os.WriteFile(path, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, o := range []Options{{}, {ReadOnly: true}} {
				d, err := Open(path, o)
				if err == nil {
					d.Close()
				}
				if !errors.Is(err, c.want) {
					t.Errorf("Open(%+v) = %v, want %v", o, err, c.want)
				}
			}
			after, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(after, c.data) {
				t.Errorf("the file has changed, or: %v", err)
			}
			// Nothing may hold on to a file that was refused.
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			mustOpen(t, path, Options{Timeout: -1})
		})
	}
}

// wholeFile returns the bytes of a good store of some pages.
func wholeFile(t *testing.T) []byte {
	t.Helper()
	d := openTest(t)
	for i := range 20 {
		put(t, d, strings.Repeat("k", i+1), strings.Repeat("v", 1000))
	}
	var b bytes.Buffer
	if err := d.Backup(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// otherFile returns the bytes of a bbolt database with one key.
func otherFile(t *testing.T, bucket, key, value string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "other.db")
	b, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = b.Update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucket([]byte(bucket))
		if err != nil {
			return err
		}
		return bucket.Put([]byte(key), []byte(value))
	})
	if err := errors.Join(err, b.Close()); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestOneRootPageLost is a power cut in the middle of writing a root page.
func TestOneRootPageLost(t *testing.T) {
	whole := wholeFile(t)
	for page := range 2 {
		data := bytes.Clone(whole)
		clear(data[page*os.Getpagesize()+64 : (page+1)*os.Getpagesize()])
		copy(data[page*os.Getpagesize()+16:], "torn in the middle of a write")
		path := filepath.Join(t.TempDir(), "hallmark.db")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		d := mustOpen(t, path, Options{})
		if get(t, d, "k") == "" {
			t.Errorf("page %d torn: record is missing", page)
		}
		put(t, d, "after", "x")
	}
}

func TestBackup(t *testing.T) {
	d := openTest(t)
	put(t, d, "before", "x")
	var copied bytes.Buffer
	// Others go on while a slow reader takes the copy, and it shows one moment.
	slow := writerFunc(func(p []byte) (int, error) {
		put(t, d, "during", strings.Repeat("y", 1<<20))
		return copied.Write(p)
	})
	if err := d.Backup(t.Context(), slow); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(path, copied.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	c := mustOpen(t, path, Options{})
	if get(t, c, "before") != "x" || get(t, c, "during") != "" {
		t.Error("the copy does not show the moment when it began")
	}
	put(t, c, "after", "z")
}

func TestBackupStops(t *testing.T) {
	d := openTest(t)
	put(t, d, "k", strings.Repeat("v", 1<<20))
	full := errors.New("no space")
	err := d.Backup(t.Context(), writerFunc(func([]byte) (int, error) { return 0, full }))
	if err == nil || !strings.Contains(err.Error(), full.Error()) {
		t.Errorf("Backup to a full disk = %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = d.Backup(ctx, writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }))
	if err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("cancelled Backup = %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Backup(t.Context(), io.Discard); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Backup of a closed store = %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
