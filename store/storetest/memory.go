package storetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hallmark-pki/hallmark/store"
)

// Memory is a driver that keeps nothing. It is stricter than others, to find faults
// in its users:
//
//   - Update runs each function twice, and discards what the first run wrote. A
//     function that has effects outside the transaction, or adds to a captured
//     variable that it does not reset, has them twice. If the first run fails there
//     is no second.
//   - Bytes that a Reader returned are overwritten when its function has returned.
//
// It copies a table on the first write to it in each transaction: fine for the
// thousands of records of a test, not for millions.
type Memory struct {
	writing sync.Mutex // held for a whole Update

	mu     sync.Mutex
	root   tables // what is committed; never changed, only replaced
	closed bool
}

// tables are sorted by key and shared between snapshots.
type tables map[string][]entry

type entry struct {
	key   string
	value []byte
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{} }

// View implements Driver.
func (m *Memory) View(ctx context.Context, fn func(store.Reader) error) error {
	root, err := m.snapshot(ctx)
	if err != nil {
		return err
	}
	r := &memoryTx{root: root}
	defer r.end()
	return fn(memoryReader{r, r}) // hides the writing methods
}

// memoryReader reads a snapshot.
type memoryReader struct {
	store.Reader
	tx *memoryTx
}

// Stamp implements store.Stamper: a table that is changed is copied.
func (r memoryReader) Stamp(table string) store.Stamp {
	all := r.tx.root[table]
	if len(all) == 0 || r.tx.ended {
		return store.Stamp{}
	}
	return store.NewStamp(&all[0], uint64(len(all)))
}

// Update implements Driver.
func (m *Memory) Update(ctx context.Context, fn func(store.Tx) error) error {
	m.writing.Lock()
	defer m.writing.Unlock()
	root, err := m.snapshot(ctx)
	if err != nil {
		return err
	}
	if _, err := attempt(root, fn); err != nil {
		return err
	}
	root, err = attempt(root, fn)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.root = root
	m.mu.Unlock()
	return nil
}

// Close implements Driver.
func (m *Memory) Close() error {
	m.writing.Lock()
	defer m.writing.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return store.ErrClosed
	}
	m.closed, m.root = true, nil
	return nil
}

func (m *Memory) snapshot(ctx context.Context) (tables, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, store.ErrClosed
	}
	return m.root, nil
}

// attempt runs fn on root and returns the tables as fn leaves them.
func attempt(root tables, fn func(store.Tx) error) (tables, error) {
	tx := &memoryTx{root: maps.Clone(root), own: map[string]bool{}}
	if tx.root == nil {
		tx.root = tables{}
	}
	defer tx.end()
	if err := fn(tx); err != nil {
		return nil, err
	}
	return tx.root, tx.doom
}

// memoryTx implements store.Tx.
type memoryTx struct {
	root  tables
	own   map[string]bool // tables that are copied already
	lent  [][]byte        // bytes that fn was given
	scans []string        // tables being scanned, innermost last
	doom  error           // the first write that failed
	ended bool
}

func (t *memoryTx) end() {
	t.ended = true
	for _, b := range t.lent {
		for i := range b {
			b[i] = 0xdb
		}
	}
}

func (t *memoryTx) lend(value []byte) []byte {
	b := append([]byte{}, value...)
	t.lent = append(t.lent, b)
	return b
}

func (t *memoryTx) find(table, key string) (int, bool) {
	return slices.BinarySearchFunc(t.root[table], key, func(e entry, key string) int { return strings.Compare(e.key, key) })
}

func (t *memoryTx) GetRaw(table, key string) ([]byte, error) {
	if t.ended {
		return nil, store.ErrEnded
	}
	i, ok := t.find(table, key)
	if !ok {
		return nil, store.ErrNotFound
	}
	return t.lend(t.root[table][i].value), nil
}

func (t *memoryTx) ScanRaw(table, prefix, after string, fn func(string, []byte) bool) error {
	if t.ended {
		return store.ErrEnded
	}
	t.scans = append(t.scans, table)
	defer func() { t.scans = t.scans[:len(t.scans)-1] }()
	i, ok := t.find(table, max(prefix, after))
	if ok && after != "" && t.root[table][i].key == after {
		i++
	}
	for _, e := range t.root[table][i:] {
		if !strings.HasPrefix(e.key, prefix) || !fn(e.key, t.lend(e.value)) {
			return nil
		}
	}
	return nil
}

func (t *memoryTx) LastRaw(table, prefix string) (string, error) {
	if t.ended {
		return "", store.ErrEnded
	}
	i, _ := t.find(table, prefix+"\xff") // not UTF-8, so behind every key
	if i == 0 || !strings.HasPrefix(t.root[table][i-1].key, prefix) {
		return "", store.ErrNotFound
	}
	return t.root[table][i-1].key, nil
}

func (t *memoryTx) PutRaw(table, key string, value []byte) error {
	return t.fail(t.put(table, key, value, true))
}

func (t *memoryTx) InsertRaw(table, key string, value []byte) error {
	return t.fail(t.put(table, key, value, false))
}

func (t *memoryTx) put(table, key string, value []byte, replace bool) error {
	if err := t.mayWrite(table); err != nil {
		return err
	}
	if err := store.CheckKey(table, key); err != nil {
		return err
	}
	if err := store.CheckValue(table, key, value); err != nil {
		return err
	}
	i, ok := t.find(table, key)
	if ok && !replace {
		return store.ErrExists
	}
	t.copyTable(table)
	e := entry{key, append([]byte{}, value...)}
	if ok {
		t.root[table][i] = e
	} else {
		t.root[table] = slices.Insert(t.root[table], i, e)
	}
	return nil
}

func (t *memoryTx) DeleteRaw(table, key string) error {
	if err := t.mayWrite(table); err != nil {
		return t.fail(err)
	}
	i, ok := t.find(table, key)
	if ok {
		t.copyTable(table)
		t.root[table] = slices.Delete(t.root[table], i, i+1)
	}
	return nil
}

func (t *memoryTx) copyTable(table string) {
	if !t.own[table] {
		t.root[table] = slices.Clone(t.root[table])
		t.own[table] = true
	}
}

func (t *memoryTx) mayWrite(table string) error {
	if t.ended {
		return store.ErrEnded
	}
	if slices.Contains(t.scans, table) {
		return fmt.Errorf("write to %s: %w", table, store.ErrScanning)
	}
	return nil
}

func (t *memoryTx) fail(err error) error {
	if err != nil && err != store.ErrExists && t.doom == nil {
		t.doom = err
	}
	return err
}
