package storetest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/store"
)

func memory(*testing.T) Driver { return NewMemory() }

func TestMemory(t *testing.T) { Run(t, memory) }

func TestFaultyPassesThrough(t *testing.T) {
	Run(t, func(*testing.T) Driver { return FailAt(NewMemory(), -1) })
}

// TestMemoryRunsTwice: a function that adds to what it captured shows itself.
func TestMemoryRunsTwice(t *testing.T) {
	runs := 0
	mustUpdate(t, NewMemory(), func(store.Tx) error { runs++; return nil })
	if runs != 2 {
		t.Errorf("ran %d times, want 2", runs)
	}
}

// TestMemoryTakesBytesBack: what a Reader returned is worth nothing afterwards.
func TestMemoryTakesBytesBack(t *testing.T) {
	d := NewMemory()
	fill(t, d, "t", "a", "b")
	var kept []byte
	mustView(t, d, func(r store.Reader) (err error) { kept, err = r.GetRaw("t", "a"); return err })
	if string(kept) == "a" {
		t.Error("bytes of GetRaw live on")
	}
	mustView(t, d, func(r store.Reader) error {
		return r.ScanRaw("t", "", "", func(_ string, value []byte) bool { kept = value; return true })
	})
	if string(kept) == "b" {
		t.Error("bytes of ScanRaw live on")
	}
	compare(t, d, "t", map[string]string{"a": "a", "b": "b"})
}

// twoChanges makes two changes with three writes in all.
func twoChanges(t *testing.T, d Driver) (first, second error) {
	t.Helper()
	first = d.Update(t.Context(), func(tx store.Tx) error {
		if err := tx.PutRaw("t", "a", nil); err != nil {
			return err
		}
		return tx.InsertRaw("t", "b", nil)
	})
	second = d.Update(t.Context(), func(tx store.Tx) error { return tx.DeleteRaw("t", "a") })
	return first, second
}

func TestFaults(t *testing.T) {
	none, both, last := map[string]string{}, map[string]string{"a": "", "b": ""}, map[string]string{"b": ""}
	for _, c := range []struct {
		name          string
		wrap          func(Driver) *Faulty
		want          Fault
		first, second error // nil or what it wraps
		stored        map[string]string
	}{
		{"point 1", func(d Driver) *Faulty { return FailAt(d, 1) }, Fault{FaultWrite, "t", "a"}, ErrInjected, nil, none},
		{"point 2", func(d Driver) *Faulty { return FailAt(d, 2) }, Fault{FaultWrite, "t", "b"}, ErrInjected, nil, none},
		{"point 3", func(d Driver) *Faulty { return FailAt(d, 3) }, Fault{Kind: FaultCommit}, ErrInjected, nil, none},
		{"point 4", func(d Driver) *Faulty { return FailAt(d, 4) }, Fault{Kind: FaultLie}, store.ErrUncertain, nil, last},
		{"point 5", func(d Driver) *Faulty { return FailAt(d, 5) }, Fault{FaultWrite, "t", "a"}, nil, ErrInjected, both},
		{"point 6", func(d Driver) *Faulty { return FailAt(d, 6) }, Fault{Kind: FaultCommit}, nil, ErrInjected, both},
		{"point 7", func(d Driver) *Faulty { return FailAt(d, 7) }, Fault{Kind: FaultLie}, nil, store.ErrUncertain, last},
		{"point 8", func(d Driver) *Faulty { return FailAt(d, 8) }, Fault{}, nil, nil, last},
		{"write 3", func(d Driver) *Faulty { return FailWrite(d, 3) }, Fault{FaultWrite, "t", "a"}, nil, ErrInjected, both},
		{"commit 2", func(d Driver) *Faulty { return FailCommit(d, 2) }, Fault{Kind: FaultCommit}, nil, ErrInjected, both},
		{"lie 1", func(d Driver) *Faulty { return LieCommit(d, 1) }, Fault{Kind: FaultLie}, store.ErrUncertain, nil, last},
		{"dead at point 1", func(d Driver) *Faulty { return FailAt(d, 1).Dead() }, Fault{FaultWrite, "t", "a"}, ErrInjected, ErrInjected, none},
		{"dead after lie 1", func(d Driver) *Faulty { return LieCommit(d, 1).Dead() }, Fault{Kind: FaultLie}, store.ErrUncertain, ErrInjected, both},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := NewMemory()
			f := c.wrap(d)
			first, second := twoChanges(t, f)
			for i, e := range [][2]error{{first, c.first}, {second, c.second}} {
				if !errors.Is(e[0], e[1]) || e[0] != nil && !errors.Is(e[0], ErrInjected) {
					t.Errorf("change %d = %v, want %v", i+1, e[0], e[1])
				}
			}
			if diff := cmp.Diff(c.want, f.Fault()); diff != "" || f.Fired() != (c.want != Fault{}) {
				t.Errorf("fired %v (-want +got):\n%s", f.Fired(), diff)
			}
			compare(t, d, "t", c.stored)
		})
	}
}

// TestFaultSwallowed: a function that goes on after a failed write stores nothing.
func TestFaultSwallowed(t *testing.T) {
	d := NewMemory()
	err := FailWrite(d, 1).Update(t.Context(), func(tx store.Tx) error {
		tx.PutRaw("t", "a", nil) // its error is the point of this test
		return tx.PutRaw("t", "b", nil)
	})
	wantErr(t, "Update", err, ErrInjected)
	compare(t, d, "t", map[string]string{})
}

func TestEachFault(t *testing.T) {
	var met []Fault
	EachFault(t, memory, func(t *testing.T, d Driver, f *Faulty) {
		twoChanges(t, f)
		met = append(met, f.Fault())
	})
	want := []Fault{
		{FaultWrite, "t", "a"}, {FaultWrite, "t", "b"}, {Kind: FaultCommit}, {Kind: FaultLie},
		{FaultWrite, "t", "a"}, {Kind: FaultCommit}, {Kind: FaultLie}, {},
	}
	if diff := cmp.Diff(want, met); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
