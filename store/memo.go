package store

import (
	"bytes"
	"fmt"
	"iter"
	"sync"
)

// memoGeneration is how many records a Memo remembers, at least; it holds twice as many
// at most.
const memoGeneration = 512

// Memo reads one table and remembers what it has decoded, for large records that are
// read again and again. Each read still fetches the record's bytes from the snapshot;
// only when they are the very bytes that were decoded before is the decoding spared, so
// a Memo never answers with anything but what Table would. Its records are shared: read
// them only. The zero value is ready; it is safe for concurrent use, for one table.
type Memo[T any] struct {
	mu         sync.Mutex
	young, old map[string]memory[T]
}

type memory[T any] struct {
	raw []byte
	rec T
}

// Get is t.Get.
func (m *Memo[T]) Get(r Reader, t Table[T], key string) (T, error) {
	raw, err := r.GetRaw(t.name, key)
	if err != nil {
		var zero T
		return zero, fmt.Errorf("get %s %q: %w", t.name, key, err)
	}
	if known, ok := m.recall(key); ok && bytes.Equal(known.raw, raw) {
		return known.rec, nil
	}
	rec, err := t.decode(key, raw)
	if err == nil {
		m.mu.Lock()
		m.keep(key, memory[T]{bytes.Clone(raw), rec})
		m.mu.Unlock()
	}
	return rec, err
}

// By is t.By.
func (m *Memo[T]) By(r Reader, t Table[T], index, value string) iter.Seq2[T, error] {
	get := func(r Reader, key string) (T, error) { return m.Get(r, t, key) }
	return t.entries(r, index, value+indexSeparator, "", "", get)
}

func (m *Memo[T]) recall(key string) (memory[T], bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known, ok := m.young[key]; ok {
		return known, true
	}
	known, ok := m.old[key]
	if ok {
		m.keep(key, known)
	}
	return known, ok
}

// keep puts something among the young; when they are many, they become the old, and
// what was old is forgotten.
func (m *Memo[T]) keep(key string, known memory[T]) {
	if m.young == nil || len(m.young) >= memoGeneration {
		m.old, m.young = m.young, map[string]memory[T]{}
	}
	m.young[key] = known
}

// Len is how many records are remembered.
func (m *Memo[T]) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.young) + len(m.old)
}
