package bolt

import (
	"sync"

	"github.com/hallmark-pki/hallmark/store"
)

// touched knows which transaction wrote to a table last. It is noted before the first
// write of each transaction, and so before anybody can see it: a snapshot whose number is
// smaller than a table's knows that it shows something older, and one whose number is not
// has all that was ever written. A commit that failed leaves a number that is too great,
// which costs a read and no more.
type touched struct {
	mu sync.RWMutex
	at map[string]uint64
}

func (t *touched) last(table string) uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.at[table]
}

func (t *touched) note(table string, id int) {
	if t.last(table) == uint64(id) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.at == nil {
		t.at = map[string]uint64{}
	}
	t.at[table] = uint64(id)
}

// Stamp implements store.Stamper.
func (r *reader) Stamp(table string) store.Stamp {
	if r.tx == nil {
		return store.Stamp{}
	}
	last, shown := r.db.touched.last(table), uint64(r.tx.ID())
	if r.tx.Writable() {
		shown-- // its own number is that of what it writes
	}
	if last > shown {
		return store.Stamp{}
	}
	return store.NewStamp(r.db, last)
}
