package doctor

import (
	"testing"
	"time"
)

// TestExpiries: each kind warns from its threshold on and not before, and what has ended is
// a problem unless the next start makes it anew.
func TestExpiries(t *testing.T) {
	for _, kind := range []Ending{EndsAuthority, EndsStamps, EndsList, EndsRoot, EndsTargets, EndsDaily} {
		near, _ := kind.near()
		ended := Problem
		if kind == EndsDaily {
			ended = Warning
		}
		for left, want := range map[time.Duration]Severity{near + time.Second: "", near: "", near - time.Second: Warning, time.Second: Warning, 0: ended, -time.Hour: ended} {
			var found []Finding
			e := &examination{Patient: Patient{Now: func() time.Time { return noon }, Expiries: []Expiry{{"certificate x", kind, noon.Add(left), "do y"}}},
				report: func(f Finding) { found = append(found, f) }}
			if err := e.expiries(t.Context()); err != nil {
				t.Fatal(err)
			}
			switch {
			case want == "" && len(found) == 0:
			case len(found) != 1 || found[0].Severity != want || found[0].About != "certificate x" || found[0].Hint != "do y":
				t.Errorf("%s, %s before its end: %+v, want %q", kind, left, found, want)
			}
		}
	}
}
