package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/hallmark-pki/hallmark/store"
)

// ErrInjected is wrapped by every error that a Faulty makes up.
var ErrInjected = errors.New("injected fault")

// Kind says what a fault does.
type Kind string

// The kinds of faults.
const (
	// FaultWrite makes a call of PutRaw, InsertRaw or DeleteRaw fail. Nothing is stored,
	// also if the function goes on regardless.
	FaultWrite Kind = "write"
	// FaultCommit makes Update fail after its function, with nothing stored.
	FaultCommit Kind = "commit"
	// FaultLie makes Update fail although everything was stored, with an error that
	// wraps store.ErrUncertain: a connection lost during the commit.
	FaultLie Kind = "lie"
)

// Fault is one that was injected.
type Fault struct {
	Kind  Kind
	Table string // FaultWrite only
	Key   string // FaultWrite only
}

func (f Fault) String() string {
	if f.Kind == FaultWrite {
		return fmt.Sprintf("write of %s %q", f.Table, f.Key)
	}
	return string(f.Kind)
}

// Faulty is a Driver that passes calls on to another, and makes one of them fail.
// Points at which it can are counted from 1: each write, then each end of an Update
// twice, as FaultCommit and as FaultLie. If the other driver runs a function again,
// the points of that function count again from where they began, not on.
// It is safe for concurrent use, but which call is the n-th is then chance.
type Faulty struct {
	driver Driver
	only   Kind // "" counts all kinds
	at     int

	mu     sync.Mutex
	count  int
	sticky bool
	fault  Fault // the zero value before it happened
}

// FailAt returns a driver whose n-th point of any kind fails, once.
func FailAt(d Driver, n int) *Faulty { return &Faulty{driver: d, at: n} }

// FailWrite returns a driver whose n-th write fails, once.
func FailWrite(d Driver, n int) *Faulty { return &Faulty{driver: d, at: n, only: FaultWrite} }

// FailCommit returns a driver whose n-th commit fails, once, with nothing stored.
func FailCommit(d Driver, n int) *Faulty { return &Faulty{driver: d, at: n, only: FaultCommit} }

// LieCommit returns a driver whose n-th commit stores everything and reports an
// error, once.
func LieCommit(d Driver, n int) *Faulty { return &Faulty{driver: d, at: n, only: FaultLie} }

// Dead makes f a driver that fails every call from its fault on, as it is for a
// process that died there. The test goes on with the driver underneath.
func (f *Faulty) Dead() *Faulty {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sticky = true
	return f
}

// Fired reports whether the fault has happened. A loop over n ends when it has not.
func (f *Faulty) Fired() bool { return f.Fault() != Fault{} }

// Fault returns what has happened, or the zero value.
func (f *Faulty) Fault() Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fault
}

// View implements Driver.
func (f *Faulty) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := f.dead(); err != nil {
		return err
	}
	return f.driver.View(ctx, fn)
}

// Update implements Driver.
func (f *Faulty) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := f.dead(); err != nil {
		return err
	}
	mine := 0
	err := f.driver.Update(ctx, func(tx store.Tx) error {
		f.restart(&mine)
		t := &faultyTx{Tx: tx, faulty: f, mine: &mine}
		if err := fn(t); err != nil {
			return err
		}
		if t.doom != nil {
			return t.doom
		}
		return f.point(Fault{Kind: FaultCommit}, &mine)
	})
	if err != nil {
		return err
	}
	if err := f.point(Fault{Kind: FaultLie}, &mine); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUncertain, err)
	}
	return nil
}

// Close implements Driver.
func (f *Faulty) Close() error { return f.driver.Close() }

func (f *Faulty) dead() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sticky && f.fault != (Fault{}) {
		return fmt.Errorf("%w: dead since the %v", ErrInjected, f.fault)
	}
	return nil
}

// restart takes back what an earlier run of the same function counted.
func (f *Faulty) restart(mine *int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count -= *mine
	*mine = 0
}

// point counts one point, and fails if it is the one.
func (f *Faulty) point(fault Fault, mine *int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.only != "" && f.only != fault.Kind {
		return nil
	}
	f.count++
	*mine++
	if f.count != f.at || f.fault != (Fault{}) {
		return nil
	}
	f.fault = fault
	return fmt.Errorf("%w: %v", ErrInjected, fault)
}

type faultyTx struct {
	store.Tx
	faulty *Faulty
	mine   *int
	doom   error
}

func (t *faultyTx) write(table, key string) error {
	err := t.faulty.point(Fault{FaultWrite, table, key}, t.mine)
	if err != nil {
		t.doom = err
	}
	return err
}

func (t *faultyTx) PutRaw(table, key string, value []byte) error {
	if err := t.write(table, key); err != nil {
		return err
	}
	return t.Tx.PutRaw(table, key, value)
}

func (t *faultyTx) InsertRaw(table, key string, value []byte) error {
	if err := t.write(table, key); err != nil {
		return err
	}
	return t.Tx.InsertRaw(table, key, value)
}

func (t *faultyTx) DeleteRaw(table, key string) error {
	if err := t.write(table, key); err != nil {
		return err
	}
	return t.Tx.DeleteRaw(table, key)
}

// maxFaults ends EachFault for work that writes without end.
const maxFaults = 10_000

// EachFault runs work once for every point at which it can fail, each time in a
// subtest with a new store: at first the first point fails, then the second, until a
// run meets no fault. work does what is to be tested through f, and judges what the
// fault left; the driver underneath, d, works on. It fails if there is no fault at all.
//
//	storetest.EachFault(t, open, func(t *testing.T, d storetest.Driver, f *storetest.Faulty) {
//		err := thing.Do(f)
//		if f.Fired() && err == nil { t.Error("reported success") }
//		check(t, d) // all of it is there, or nothing
//	})
func EachFault(t *testing.T, open func(*testing.T) Driver, work func(t *testing.T, d Driver, f *Faulty)) {
	t.Helper()
	for n := 1; n <= maxFaults; n++ {
		var f *Faulty
		ok := t.Run(fmt.Sprintf("fault %d", n), func(t *testing.T) {
			d := open(t)
			f = FailAt(d, n)
			work(t, d, f)
			t.Log("fault:", f.Fault())
		})
		if !ok || f == nil {
			return // one report is enough, or -run left this subtest out
		}
		if f.Fired() {
			continue
		}
		if n == 1 {
			t.Fatal("no point to fail at: nothing was written")
		}
		return
	}
	t.Fatalf("still writing after %d faults", maxFaults)
}
