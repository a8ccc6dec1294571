package store

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Table gives typed access to the records of one kind, and keeps their indexes.
type Table[T any] struct {
	name    string
	key     func(T) string
	indexes []index[T]
	tallies []tally[T]
}

// index lists records by the values that one of their fields holds.
type index[T any] struct {
	name   string
	values func(T) []string
}

// Get returns the record under key, or an error that wraps ErrNotFound.
func (t Table[T]) Get(r Reader, key string) (T, error) {
	raw, err := r.GetRaw(t.name, key)
	if err != nil {
		var zero T
		return zero, fmt.Errorf("get %s %q: %w", t.name, key, err)
	}
	return t.decode(key, raw)
}

// Put inserts or replaces a record and brings its indexes in step.
func (t Table[T]) Put(tx Tx, rec T) error {
	key, raw, err := t.encode(rec)
	if err != nil {
		return err
	}
	old, err := t.Get(tx, key)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	var before *T
	if err == nil {
		before = &old
		if err := t.unindex(tx, key, old, rec); err != nil {
			return err
		}
	}
	if err := tx.PutRaw(t.name, key, raw); err != nil {
		return fmt.Errorf("put %s %q: %w", t.name, key, err)
	}
	return errors.Join(t.index(tx, key, rec), t.recount(tx, before, &rec))
}

// Replace puts rec in the place of old, which has the same key. It reports false and
// changes nothing unless old, to the byte, is what is there: whoever has read it a moment
// ago need not have it decoded again. Only what differs in the indexes is written.
func (t Table[T]) Replace(tx Tx, old, rec T) (bool, error) {
	key, before, err := t.encode(old)
	if err != nil {
		return false, err
	}
	own, raw, err := t.encode(rec)
	if err != nil {
		return false, err
	}
	if own != key {
		return false, fmt.Errorf("replace %s %q: %w: it is to become %q", t.name, key, ErrBadKey, own)
	}
	there, err := tx.GetRaw(t.name, key)
	if errors.Is(err, ErrNotFound) || err == nil && !bytes.Equal(there, before) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("replace %s %q: %w", t.name, key, err)
	}
	if err := t.unindex(tx, key, old, rec); err != nil {
		return false, err
	}
	if err := tx.PutRaw(t.name, key, raw); err != nil {
		return false, fmt.Errorf("replace %s %q: %w", t.name, key, err)
	}
	return true, errors.Join(t.indexBeside(tx, key, &old, rec), t.recount(tx, &old, &rec))
}

// Insert stores a new record, or returns an error that wraps ErrExists and changes
// nothing.
func (t Table[T]) Insert(tx Tx, rec T) error {
	key, raw, err := t.encode(rec)
	if err != nil {
		return err
	}
	if err := tx.InsertRaw(t.name, key, raw); err != nil {
		return fmt.Errorf("insert %s %q: %w", t.name, key, err)
	}
	return errors.Join(t.index(tx, key, rec), t.recount(tx, nil, &rec))
}

// Delete removes a record and its index entries; one that is absent is not an error.
func (t Table[T]) Delete(tx Tx, key string) error {
	old, err := t.Get(tx, key)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, ix := range t.indexes {
		for _, v := range ix.values(old) {
			if err := t.dropEntry(tx, ix, v, key); err != nil {
				return err
			}
		}
	}
	if err := tx.DeleteRaw(t.name, key); err != nil {
		return fmt.Errorf("delete %s %q: %w", t.name, key, err)
	}
	return t.recount(tx, &old, nil)
}

// All yields the records whose key is greater than after, in key order. The
// sequence ends after the first error. Collect before you write: a write to a
// table that is being read fails with ErrScanning.
func (t Table[T]) All(r Reader, after string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		stopped := false
		err := r.ScanRaw(t.name, "", after, func(key string, raw []byte) bool {
			rec, err := t.decode(key, raw)
			stopped = !yield(rec, err) || err != nil
			return !stopped
		})
		if err != nil && !stopped {
			yield(zero, fmt.Errorf("scan %s: %w", t.name, err))
		}
	}
}

// By yields the records whose index field holds value, in key order. The sequence
// ends after the first error. Collect before you write, as with All.
func (t Table[T]) By(r Reader, index, value string) iter.Seq2[T, error] {
	return t.entries(r, index, value+indexSeparator, "", "", t.Get)
}

// ByAfter is By from the first key greater than after: the next page of a list. An
// empty after starts at the first.
func (t Table[T]) ByAfter(r Reader, index, value, after string) iter.Seq2[T, error] {
	if after == "" {
		return t.By(r, index, value)
	}
	prefix := value + indexSeparator
	return t.entries(r, index, prefix, prefix+after, "", t.Get)
}

// Between yields the records whose index field lies in [from, to), in the field's
// order; an empty to means no end. It suits fields rendered with TimeKey.
func (t Table[T]) Between(r Reader, index, from, to string) iter.Seq2[T, error] {
	return t.entries(r, index, "", from, to, t.Get)
}

// Along yields the records of an index in the order of its values, of those that begin
// with prefix, from the first entry behind after: a list of many pages. The zero Entry
// starts at the first.
func (t Table[T]) Along(r Reader, index, prefix string, after Entry) iter.Seq2[T, error] {
	from := ""
	if after != (Entry{}) {
		from = after.Value + indexSeparator + after.Key
	}
	return t.entries(r, index, prefix, from, "", t.Get)
}

// Entry is an entry of an index: a value of the indexed field, and the key of a record
// that has it.
type Entry struct{ Value, Key string }

// Entries yields the entries of an index whose value lies in [from, to), in the
// value's order, without reading a record; an empty to means no end.
func (t Table[T]) Entries(r Reader, index, from, to string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		stopped := false
		err := t.scanIndex(r, index, "", from, to, func(value, key string) bool {
			stopped = !yield(Entry{value, key}, nil)
			return !stopped
		})
		if err != nil && !stopped {
			yield(Entry{}, err)
		}
	}
}

// Last returns the greatest key whose record's index field holds value, or an error
// that wraps ErrNotFound.
func (t Table[T]) Last(r Reader, index, value string) (string, error) {
	if t.indexNamed(index) < 0 {
		return "", fmt.Errorf("scan %s: no index %q", t.name, index)
	}
	entry, err := r.LastRaw(t.indexName(index), value+indexSeparator)
	if err != nil {
		return "", fmt.Errorf("last %s by %s: %w", t.name, index, err)
	}
	_, key, _ := strings.Cut(entry, indexSeparator)
	return key, nil
}

// Count counts the records whose index field holds value, without reading them.
func (t Table[T]) Count(r Reader, index, value string) (int, error) {
	n := 0
	err := t.scanIndex(r, index, value+indexSeparator, "", "", func(string, string) bool { n++; return true })
	return n, err
}

// Len counts the records, without decoding them.
func (t Table[T]) Len(r Reader) (int, error) {
	n := 0
	if err := r.ScanRaw(t.name, "", "", func(string, []byte) bool { n++; return true }); err != nil {
		return 0, fmt.Errorf("scan %s: %w", t.name, err)
	}
	return n, nil
}

// entries yields the records that an index names, each read by get.
func (t Table[T]) entries(r Reader, name, prefix, from, to string, get func(Reader, string) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		stopped := false
		err := t.scanIndex(r, name, prefix, from, to, func(value, key string) bool {
			ix := t.indexes[t.indexNamed(name)]
			rec, err := t.follow(r, ix, value, key, get)
			stopped = !yield(rec, err) || err != nil
			return !stopped
		})
		if err != nil && !stopped {
			yield(zero, err)
		}
	}
}

// scanIndex calls fn for each entry of an index, in order, until it returns false.
func (t Table[T]) scanIndex(r Reader, name, prefix, from, to string, fn func(value, key string) bool) error {
	if t.indexNamed(name) < 0 {
		return fmt.Errorf("scan %s: no index %q", t.name, name)
	}
	err := r.ScanRaw(t.indexName(name), prefix, from, func(entry string, _ []byte) bool {
		value, key, _ := strings.Cut(entry, indexSeparator)
		return (to == "" || value < to) && fn(value, key)
	})
	if err != nil {
		return fmt.Errorf("scan %s by %s: %w", t.name, name, err)
	}
	return nil
}

// indexNamed finds an index; -1: there is none of that name.
func (t Table[T]) indexNamed(name string) int {
	return slices.IndexFunc(t.indexes, func(ix index[T]) bool { return ix.name == name })
}

// follow reads the record that an index entry names. An entry that leads nowhere is
// damage; it must not look like ErrNotFound, which callers take for an answer.
func (t Table[T]) follow(r Reader, ix index[T], value, key string, get func(Reader, string) (T, error)) (T, error) {
	var zero T
	rec, err := get(r, key)
	if errors.Is(err, ErrNotFound) {
		return zero, fmt.Errorf("%w: index %s of %s names %q, which has no record", ErrDamaged, ix.name, t.name, key)
	}
	if err != nil {
		return zero, err
	}
	if !slices.Contains(ix.values(rec), value) {
		return zero, fmt.Errorf("%w: index %s of %s lists %q under %q, its record does not", ErrDamaged, ix.name, t.name, key, value)
	}
	return rec, nil
}

func (t Table[T]) indexName(index string) string { return t.name + "_by_" + index }

func (t Table[T]) index(tx Tx, key string, rec T) error { return t.indexBeside(tx, key, nil, rec) }

// indexBeside adds the entries of rec that old, if there is one, does not have.
func (t Table[T]) indexBeside(tx Tx, key string, old *T, rec T) error {
	for _, ix := range t.indexes {
		var has []string
		if old != nil {
			has = ix.values(*old)
		}
		for _, v := range ix.values(rec) {
			if slices.Contains(has, v) {
				continue
			}
			if err := tx.PutRaw(t.indexName(ix.name), v+indexSeparator+key, []byte("{}")); err != nil {
				return fmt.Errorf("index %s %q by %s: %w", t.name, key, ix.name, err)
			}
		}
	}
	return nil
}

// unindex removes the entries of old that rec no longer has.
func (t Table[T]) unindex(tx Tx, key string, old, rec T) error {
	for _, ix := range t.indexes {
		keep := ix.values(rec)
		for _, v := range ix.values(old) {
			if slices.Contains(keep, v) {
				continue
			}
			if err := t.dropEntry(tx, ix, v, key); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t Table[T]) dropEntry(tx Tx, ix index[T], value, key string) error {
	if err := tx.DeleteRaw(t.indexName(ix.name), value+indexSeparator+key); err != nil {
		return fmt.Errorf("unindex %s %q by %s: %w", t.name, key, ix.name, err)
	}
	return nil
}

func (t Table[T]) encode(rec T) (key string, raw []byte, err error) {
	key = t.key(rec)
	if !isPlain(key) {
		return "", nil, fmt.Errorf("store %s: %w %q", t.name, ErrBadKey, key)
	}
	for _, ix := range t.indexes {
		for _, v := range ix.values(rec) {
			if !isPlain(v) {
				return "", nil, fmt.Errorf("store %s %q: %w: %s %q", t.name, key, ErrBadKey, ix.name, v)
			}
		}
	}
	for _, y := range t.tallies {
		if v := y.value(rec); v != "" && !isPlain(v) {
			return "", nil, fmt.Errorf("store %s %q: %w: %s %q", t.name, key, ErrBadKey, y.name, v)
		}
	}
	raw, err = seal(rec)
	if err != nil {
		return "", nil, fmt.Errorf("encode %s %q: %w", t.name, key, err)
	}
	return key, raw, nil
}

func (t Table[T]) decode(key string, raw []byte) (T, error) {
	var zero T
	rec, err := unseal[T](raw)
	if err != nil {
		return zero, fmt.Errorf("decode %s %q: %w", t.name, key, err)
	}
	if own := t.key(rec); own != key {
		return zero, fmt.Errorf("decode %s %q: %w: record says it is %q", t.name, key, ErrDamaged, own)
	}
	return rec, nil
}
