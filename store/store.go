// Package store keeps hallmark's records: what is where, and what is durable when.
//
// It answers one question: what had been acknowledged when the machine died? It
// knows the shape of records (records.go) but none of the rules about them; those
// live in the packages that call it (ca, audit, sign, server), each of which
// declares the part of a driver that it uses.
//
// # Layout
//
// A record lives in a table under a key and is a JSON object in a version envelope:
//
//	{"v":1,"d":{...}}
//
// Keys are UTF-8 without control characters; composite keys join their parts with
// "/". Index tables, named <table>_by_<index>, hold empty objects whose key is the
// indexed value, U+001F, and the key of the record. Tally tables, named
// <table>_n_<tally>, hold how many records have the value that is their key: {"n":3} in
// the envelope. The table "meta" belongs to the
// drivers: its key "format" says which layout a store has (see MarshalFormat).
// A reader of a later release must read every version ever written: testdata/
// keeps a sample store of each, and a test opens them all.
//
// # Promises
//
// Every driver passes the suite in storetest.
//
//   - View(ctx, fn) hands fn one consistent snapshot.
//   - Update(ctx, fn) is atomic and isolated, and durable once it has returned nil.
//   - Any error of Update means that nothing was stored, with one exception: after
//     an error that wraps ErrUncertain the change may or may not be there.
//   - A write that failed, for any reason but ErrExists, dooms its transaction:
//     Update fails even if fn swallows the error.
//   - fn may run more than once before Update returns, and only the last run counts.
//     It must have no effect outside the transaction, and must set anew whatever
//     variable it leaves a result in. What it left counts only after Update returned nil.
//   - ctx is honoured until fn starts, not after: a change that is under way ends.
//   - A call of View or Update inside a function of the same store may deadlock.
package store

import "errors"

var (
	// ErrNotFound is returned by Get for a key that has no record.
	ErrNotFound = errors.New("record not found")
	// ErrExists is returned by Insert for a key that has a record already.
	ErrExists = errors.New("record exists")
	// ErrClosed is returned by any call on a driver after Close.
	ErrClosed = errors.New("store is closed")
	// ErrUncertain is returned by Update when the commit failed so late that the
	// change may be there or not. Whoever repeats it must find out first.
	ErrUncertain = errors.New("outcome of the change is uncertain")
	// ErrBadKey is returned for a write under a key that no driver accepts.
	ErrBadKey = errors.New("bad key")
	// ErrTooLarge is returned for a value above MaxValueBytes.
	ErrTooLarge = errors.New("value is too large")
	// ErrScanning is returned for a write to a table inside a scan of that table.
	ErrScanning = errors.New("table is being scanned")
	// ErrEnded is returned by a Reader or Tx whose function has returned.
	ErrEnded = errors.New("transaction has ended")
	// ErrVersion is returned for a record or a store that a later release wrote.
	ErrVersion = errors.New("written by a later release")
	// ErrDamaged is returned when what is stored contradicts itself.
	ErrDamaged = errors.New("store is damaged")
)

// Reader reads one consistent snapshot. It is valid only inside the function it
// was handed to, and so are the byte slices it returns, which must not be written to.
// It is for one goroutine.
type Reader interface {
	// GetRaw returns the bytes under key, or ErrNotFound, also for a key that could
	// never be written.
	GetRaw(table, key string) ([]byte, error)
	// ScanRaw calls fn for each key that begins with prefix and is greater than
	// after ("" starts at the first), in byte order, until fn returns false.
	ScanRaw(table, prefix, after string, fn func(key string, value []byte) bool) error
	// LastRaw returns the greatest key that begins with prefix, or ErrNotFound.
	LastRaw(table, prefix string) (key string, err error)
}

// Tx reads and writes inside one atomic change; it reads its own writes. Writes
// copy what they are given. They return ErrBadKey (CheckKey), ErrTooLarge,
// ErrScanning or ErrEnded where those apply.
type Tx interface {
	Reader
	// PutRaw inserts or replaces.
	PutRaw(table, key string, value []byte) error
	// InsertRaw inserts, or returns ErrExists and changes nothing.
	InsertRaw(table, key string, value []byte) error
	// DeleteRaw removes the key; a key that is absent is not an error.
	DeleteRaw(table, key string) error
}
