package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/hallmark-pki/hallmark/store"
)

// reader implements store.Reader. A table is a bucket.
type reader struct {
	db     *DB
	tx     *bbolt.Tx // nil when the function has returned
	tables *buckets  // of tx
	scans  []string  // tables being scanned, innermost last
}

func (r *reader) GetRaw(table, key string) ([]byte, error) {
	if r.tx == nil {
		return nil, store.ErrEnded
	}
	b := r.tables.find(table)
	if b == nil || key == "" {
		return nil, store.ErrNotFound
	}
	v := r.tables.get(b, key)
	if v == nil {
		return nil, store.ErrNotFound
	}
	return slices.Clip(v), nil
}

func (r *reader) LastRaw(table, prefix string) (string, error) {
	if r.tx == nil {
		return "", store.ErrEnded
	}
	b := r.tables.find(table)
	if b == nil {
		return "", store.ErrNotFound
	}
	r.tables.seek(b, prefix+"\xff") // not UTF-8, so behind every key; behind the last, Prev finds that
	// Not Last: where this very transaction has emptied every page, it never returns.
	k, _ := b.cursor.Prev()
	if k == nil {
		return r.lastByScan(table, prefix)
	}
	if !strings.HasPrefix(string(k), prefix) {
		return "", store.ErrNotFound
	}
	return string(k), nil
}

// lastByScan reads forwards. bbolt's cursor finds nothing when the step back leads to a
// page that this very transaction has emptied.
func (r *reader) lastByScan(table, prefix string) (last string, err error) {
	found := false
	err = r.ScanRaw(table, prefix, "", func(key string, _ []byte) bool {
		last, found = key, true
		return true
	})
	if err == nil && !found {
		err = store.ErrNotFound
	}
	return last, err
}

func (r *reader) ScanRaw(table, prefix, after string, fn func(string, []byte) bool) error {
	if r.tx == nil {
		return store.ErrEnded
	}
	b := r.tables.find(table)
	if b == nil {
		return nil
	}
	r.scans = append(r.scans, table)
	defer func() { r.scans = r.scans[:len(r.scans)-1] }()
	c := b.bolt.Cursor() // of its own: fn may search the same table
	begin := []byte(prefix)
	k, v := c.Seek([]byte(max(prefix, after)))
	if k != nil && after != "" && string(k) == after {
		k, v = c.Next()
	}
	for ; k != nil && bytes.HasPrefix(k, begin); k, v = c.Next() {
		if !fn(string(k), slices.Clip(v)) {
			return nil
		}
		if r.tx == nil {
			return store.ErrEnded
		}
	}
	return nil
}

// writeTx implements store.Tx inside a transaction that it shares with others.
type writeTx struct {
	reader
	changes []change // what was there before, to undo this function's writes
	doom    error    // the first write that failed: the function has failed
	broken  error    // an undo that failed: the whole group has
}

var errUndo = errors.New("undo of a failed change did not end")

// change is one key's value before a write; nil if there was none.
type change struct {
	table, key string
	old        []byte
}

func (t *writeTx) PutRaw(table, key string, value []byte) error {
	b, err := t.bucket(table, key, value)
	if err != nil {
		return t.fail(err)
	}
	return t.fail(t.put(b, table, key, value, bytes.Clone(t.tables.get(b, key))))
}

func (t *writeTx) InsertRaw(table, key string, value []byte) error {
	b, err := t.bucket(table, key, value)
	if err != nil {
		return t.fail(err)
	}
	if t.tables.get(b, key) != nil {
		return store.ErrExists
	}
	return t.fail(t.put(b, table, key, value, nil))
}

func (t *writeTx) DeleteRaw(table, key string) error {
	if err := t.mayWrite(table); err != nil {
		return t.fail(err)
	}
	b := t.tables.find(table)
	if b == nil || key == "" {
		return nil
	}
	old := t.tables.get(b, key)
	if old == nil {
		return nil
	}
	t.db.touched.note(table, t.tx.ID())
	t.changes = append(t.changes, change{table, key, bytes.Clone(old)})
	return t.fail(b.bolt.Delete([]byte(key)))
}

// bucket returns the bucket to write key to, once nothing speaks against it.
func (t *writeTx) bucket(table, key string, value []byte) (*bucket, error) {
	if err := t.mayWrite(table); err != nil {
		return nil, err
	}
	if err := store.CheckKey(table, key); err != nil {
		return nil, err
	}
	if err := store.CheckValue(table, key, value); err != nil {
		return nil, err
	}
	return t.tables.create(table)
}

// mayWrite refuses a write under a cursor, which bbolt would let skip or repeat keys.
func (t *writeTx) mayWrite(table string) error {
	if t.tx == nil {
		return store.ErrEnded
	}
	if slices.Contains(t.scans, table) {
		return fmt.Errorf("write to %s: %w", table, store.ErrScanning)
	}
	return nil
}

// emptyObject is the value of every entry of an index.
var emptyObject = []byte("{}")

// put writes a copy of value over old: bbolt keeps the slice until the commit, which comes
// after the function has returned.
func (t *writeTx) put(b *bucket, table, key string, value, old []byte) error {
	t.db.touched.note(table, t.tx.ID())
	t.changes = append(t.changes, change{table, key, old})
	kept := emptyObject
	if !bytes.Equal(value, emptyObject) {
		kept = append([]byte{}, value...) // never nil, which bbolt reads as absent
	}
	return b.bolt.Put([]byte(key), kept)
}

func (t *writeTx) fail(err error) error {
	if err != nil && t.doom == nil {
		t.doom = err
	}
	return err
}

// undo takes this function's writes back, last first.
func (t *writeTx) undo() {
	t.broken = errUndo // holds if bbolt panics here
	for _, c := range slices.Backward(t.changes) {
		b := t.tx.Bucket([]byte(c.table))
		var err error
		if c.old == nil {
			err = b.Delete([]byte(c.key))
		} else {
			err = b.Put([]byte(c.key), c.old)
		}
		if err != nil {
			t.broken = fmt.Errorf("undo write to %s: %w", c.table, err)
			return
		}
	}
	t.changes, t.broken = nil, nil
}
