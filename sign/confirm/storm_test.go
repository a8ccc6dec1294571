package confirm

import (
	"fmt"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// states counts the world's signatures by vendor and state.
func (w *world) states() map[string]int {
	w.t.Helper()
	n := map[string]int{}
	must(w.t, w.store.View(w.t.Context(), func(r store.Reader) error {
		for s, err := range store.Signatures.All(r, "") {
			must(w.t, err)
			n[s.Vendor+" "+s.State]++
		}
		return nil
	}))
	return n
}

func (w *world) wantStates(want map[string]int) {
	w.t.Helper()
	if got := w.states(); fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("%v, want %v", got, want)
	}
}

// One vendor's storm brakes that vendor: the others' false builds are revoked at once.
func TestStormOfOneVendor(t *testing.T) {
	w := newWorld(t)
	w.storm = Storm{Revocations: 2, Within: time.Hour, Wait: 3 * time.Hour}
	w.open()
	for i := range 5 {
		w.contradict(w.signFor("acme", fmt.Sprint("acme", i)))
	}
	w.sweep()
	w.wantStates(map[string]int{"acme revoked": 2, "acme held": 3})
	other := w.signFor("beta", "beta")
	w.contradict(other)
	w.sweep()
	w.want(other, store.SignatureRevoked)
	// What the brake has held comes due later, and is no storm of anybody's.
	w.after(3 * time.Hour)
	for _, vendor := range []string{"acme", "gamma"} {
		for i := range 3 {
			w.contradict(w.signFor(vendor, fmt.Sprint(vendor, "-late", i)))
		}
	}
	w.sweep()
	w.wantStates(map[string]int{"acme revoked": 7, "acme held": 1, "beta revoked": 1, "gamma revoked": 2, "gamma held": 1})
}

// So many of all vendors together brake everybody: then it is the rebuilder, or the CA.
func TestStormOfAll(t *testing.T) {
	for all, revoked := range map[int]int{0: 2 * StormOfAll, 3: 3} {
		w := newWorld(t)
		w.storm = Storm{Revocations: 2, All: all, Within: time.Hour, Wait: time.Hour}
		w.open()
		for i := range 2 * (StormOfAll + 1) {
			w.contradict(w.signFor(fmt.Sprint("vendor-", i/2), fmt.Sprint("p", i)))
		}
		w.sweep()
		if f := w.figures(); f.Revoked != revoked || f.Held != 2*(StormOfAll+1)-revoked {
			t.Errorf("all %d: %+v", all, f)
		}
	}
}
