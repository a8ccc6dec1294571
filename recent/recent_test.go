package recent

import (
	"sync"
	"testing"
)

func TestValues(t *testing.T) {
	v := Values[int, string]{Keep: 4}
	for i := range 4 {
		v.Put(i, "x")
	}
	v.Put(4, "x") // the first four are old now
	if _, ok := v.Get(0); !ok {
		t.Error("forgotten too soon")
	}
	for i := 5; i < 8; i++ {
		v.Put(i, "x")
		v.Get(0)
	}
	if _, ok := v.Get(0); !ok {
		t.Error("what is asked for all the time was forgotten")
	}
	if _, ok := v.Get(1); ok {
		t.Error("what nobody asks for was kept")
	}
	v.Put(0, "y")
	if got, _ := v.Get(0); got != "y" {
		t.Errorf("an old value, %q", got)
	}
	v.Forget(0)
	if _, ok := v.Get(0); ok {
		t.Error("not forgotten")
	}
	for i := range 1000 {
		v.Put(i, "x")
	}
	if n := v.Len(); n > 8 {
		t.Errorf("%d values, want 8 at most", n)
	}
}

func TestGetBytes(t *testing.T) {
	v := Values[string, int]{Keep: 2}
	key := []byte("a")
	v.Put(string(key), 1)
	v.Put("b", 2)
	v.Put("c", 3) // a and b are old now
	if got, ok := GetBytes(&v, key); !ok || got != 1 {
		t.Errorf("%d, %t", got, ok)
	}
	key[0] = 'b' // what is remembered under a is still under a
	if got, ok := GetBytes(&v, key); !ok || got != 2 {
		t.Errorf("%d, %t", got, ok)
	}
	if got, ok := v.Get("a"); !ok || got != 1 {
		t.Errorf("%d, %t", got, ok)
	}
	if _, ok := GetBytes(&v, []byte("d")); ok {
		t.Error("found what nobody put")
	}
}

func TestForgetReachesTheOld(t *testing.T) {
	v := Values[int, int]{Keep: 1}
	v.Put(1, 1)
	v.Put(2, 2)
	v.Forget(1)
	if _, ok := v.Get(1); ok {
		t.Error("not forgotten")
	}
}

func TestZeroValueAtOnce(t *testing.T) {
	var v Values[int, int]
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 2 * DefaultKeep {
				v.Put(j, i)
				v.Get(j - 1)
				v.Forget(j - 2)
			}
		})
	}
	all.Wait()
	if n := v.Len(); n > 2*DefaultKeep {
		t.Errorf("%d values", n)
	}
}
