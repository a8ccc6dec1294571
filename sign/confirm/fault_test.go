package confirm

import (
	"context"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

// The store fails at every point, once, or dies there for good: nothing is done by halves,
// and whoever comes after finishes it, once.
func TestSettledUnderFaults(t *testing.T) {
	for name, dead := range map[string]bool{"once": false, "dead": true} {
		t.Run(name, func(t *testing.T) {
			var bad, late, good store.Signature
			var judged map[string]Judgement
			open := func(t *testing.T) storetest.Driver {
				w := newWorld(t)
				bad, late, good = w.sign("bad"), w.sign("late"), w.sign("good")
				w.contradict(bad)
				w.grant(good)
				judged = w.judgements
				return w.store
			}
			storetest.EachFault(t, open, func(t *testing.T, d storetest.Driver, f *storetest.Faulty) {
				w := newWorldOn(t, d)
				w.judgements, w.store = judged, f
				if dead {
					f.Dead()
				}
				w.open()
				w.after(time.Hour)
				err := w.r.Sweep(context.Background())
				if (err == nil) == f.Fired() {
					t.Errorf("fault %v, error %v", f.Fault(), err)
				}
				w.store = d
				for _, s := range []store.Signature{bad, late, good} {
					w.want(s, w.signature(s).State) // a revoked certificate and its record go together
				}
				if dead {
					w.open() // a new process
				} else {
					w.r.c.Store = d
				}
				w.sweep()
				w.want(bad, store.SignatureRevoked)
				w.want(late, store.SignatureRevoked)
				w.want(good, store.SignatureConfirmed)
				w.wantOnce(dead, bad, late)
			})
		})
	}
}

// wantOnce holds what came of it all against having happened once.
func (w *world) wantOnce(published bool, revoked ...store.Signature) {
	w.t.Helper()
	if all := w.incidents(); len(all) != len(revoked) {
		w.t.Errorf("%d incidents", len(all))
	}
	if got := w.notices(); len(got) != len(revoked)+1 {
		w.t.Errorf("told %v", got)
	}
	for _, name := range []string{"failed bad", "failed late", "passed good"} {
		if w.filed["acme: "+name] == 0 {
			w.t.Errorf("%s is not filed: %v", name, w.filed)
		}
	}
	if published {
		return // by the start of the server
	}
	for _, s := range revoked {
		found := false
		for _, serial := range w.published {
			found = found || serial == s.Serial
		}
		if !found {
			w.t.Errorf("the revocation of %s was not published", s.Product)
		}
	}
}

// The lists and the repository fail: what is on record is brought out later.
func TestFinishedLater(t *testing.T) {
	w := newWorld(t)
	s, good := w.sign("bad"), w.sign("good")
	w.contradict(s)
	w.grant(good)
	w.publishErr, w.putErr = errOff, errOff
	w.r.Poke("acme", digest)
	if err := w.r.settlePoked(t.Context()); err == nil {
		t.Error("no error")
	}
	w.want(s, store.SignatureRevoked)
	w.want(good, store.SignatureConfirmed)
	w.publishErr, w.putErr = nil, nil
	w.tick()
	if len(w.filed) != 2 || len(w.published) == 0 {
		t.Errorf("filed %v, published %v", w.filed, w.published)
	}
	w.published = nil
	w.tick()
	w.tick()
	if w.filed["acme: failed bad"] != 1 || w.filed["acme: passed good"] != 1 || len(w.published) != 0 {
		t.Errorf("filed %v, published %v", w.filed, w.published)
	}
}
