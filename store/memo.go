package store

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"sync"
)

// memoGeneration is how many records a Memo remembers, at least; it holds twice as many
// at most.
const memoGeneration = 512

// memoList is how many records a list may have to be remembered as one.
const memoList = 64

// Memo reads one table and remembers what it has decoded, for records that are read again
// and again. Where the driver knows that the table has not changed (Stamper), nothing is
// read. Elsewhere each read fetches the record's bytes from the snapshot, and only when
// they are the very bytes that were decoded before is the decoding spared. So a Memo never
// answers with anything but what Table would. Its records are shared: read them only. The
// zero value is ready; it is safe for concurrent use, for one table.
type Memo[T any] struct {
	mu         sync.Mutex
	young, old map[string]memory[T]
	lists      map[string]listed[T]
}

type memory[T any] struct {
	raw   []byte
	rec   T
	stamp Stamp // of the table when this was read last; zero: not known
	none  error // that there is no such record; only by the stamp
}

// listed is what By yielded, all of it.
type listed[T any] struct {
	table, index Stamp
	recs         []T
}

// Get is t.Get.
func (m *Memo[T]) Get(r Reader, t Table[T], key string) (T, error) {
	var zero T
	stamp := stampOf(r, t.name)
	known, ok := m.recall(key)
	if ok && known.stamp == stamp && !stamp.IsZero() {
		return known.rec, known.none
	}
	raw, err := r.GetRaw(t.name, key)
	if err != nil {
		missing := errors.Is(err, ErrNotFound)
		err = fmt.Errorf("get %s %q: %w", t.name, key, err)
		if missing && !stamp.IsZero() {
			m.remember(key, memory[T]{stamp: stamp, none: err})
		}
		return zero, err
	}
	if ok && known.none == nil && bytes.Equal(known.raw, raw) {
		if !stamp.IsZero() {
			known.stamp = stamp
			m.remember(key, known)
		}
		return known.rec, nil
	}
	rec, err := t.decode(key, raw)
	if err == nil {
		m.remember(key, memory[T]{raw: bytes.Clone(raw), rec: rec, stamp: stamp})
	}
	return rec, err
}

// By is t.By.
func (m *Memo[T]) By(r Reader, t Table[T], index, value string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		now := listed[T]{table: stampOf(r, t.name), index: stampOf(r, t.indexName(index))}
		told := !now.table.IsZero() && !now.index.IsZero()
		name := index + indexSeparator + value
		if known, ok := m.list(name); ok && told && known.table == now.table && known.index == now.index {
			for _, rec := range known.recs {
				if !yield(rec, nil) {
					return
				}
			}
			return
		}
		get := func(r Reader, key string) (T, error) { return m.Get(r, t, key) }
		stopped := false // the caller has what it wants; a list is remembered whole or not at all
		for rec, err := range t.entries(r, index, value+indexSeparator, "", "", get) {
			told = told && err == nil && len(now.recs) < memoList
			if told {
				now.recs = append(now.recs, rec)
			}
			stopped = stopped || !yield(rec, err)
			if stopped && !told {
				return
			}
		}
		if told {
			m.keepList(name, now)
		}
	}
}

func (m *Memo[T]) list(name string) (listed[T], bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.lists[name]
	return known, ok
}

// keepList forgets all lists when they are many: what is asked for is soon there again.
func (m *Memo[T]) keepList(name string, l listed[T]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lists == nil || len(m.lists) >= memoGeneration {
		m.lists = map[string]listed[T]{}
	}
	m.lists[name] = l
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

func (m *Memo[T]) remember(key string, known memory[T]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(key, known)
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
