package bolt

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/hallmark-pki/hallmark/store"
)

// touched knows which transaction wrote to a table last. It is noted before the first
// write of each transaction, and so before anybody can see it: a snapshot whose number is
// smaller than a table's knows that it shows something older, and one whose number is not
// has all that was ever written. A commit that failed leaves a number that is too great,
// which costs a read and no more.
type touched struct {
	mu sync.Mutex // for a table that is written to for the first time
	at atomic.Pointer[map[string]*atomic.Uint64]
}

// of returns a table's number; nil: nothing has been written to it since the store was opened.
func (t *touched) of(table string) *atomic.Uint64 {
	if at := t.at.Load(); at != nil {
		return (*at)[table]
	}
	return nil
}

func (t *touched) last(table string) uint64 {
	if n := t.of(table); n != nil {
		return n.Load()
	}
	return 0
}

// note is for the one transaction that may write.
func (t *touched) note(table string, id int) {
	if n := t.of(table); n != nil {
		n.Store(uint64(id))
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	next := map[string]*atomic.Uint64{table: new(atomic.Uint64)}
	next[table].Store(uint64(id))
	if at := t.at.Load(); at != nil {
		maps.Copy(next, *at)
	}
	t.at.Store(&next)
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
