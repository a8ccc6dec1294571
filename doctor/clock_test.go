package doctor

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
	"github.com/hallmark-pki/hallmark/timesource"
)

type fakeClock timesource.Verdict

func (c fakeClock) Check(context.Context) timesource.Verdict { return timesource.Verdict(c) }

func TestClock(t *testing.T) {
	for name, c := range map[string]struct {
		clock Clock
		want  Severity // "" for nothing
	}{
		"no sources": {nil, ""},
		"right":      {fakeClock{State: timesource.Right, Quorum: true}, ""},
		"silent":     {fakeClock{State: timesource.Unknown}, Note},
		"wrong":      {fakeClock{State: timesource.Wrong, Quorum: true, Sources: make([]timesource.Asked, 3)}, Problem},
	} {
		t.Run(name, func(t *testing.T) {
			var found []Finding
			e := &examination{Patient: Patient{Clock: c.clock, Store: storetest.NewMemory()}, report: func(f Finding) { found = append(found, f) }}
			if err := e.clock(t.Context()); err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				if len(found) != 0 {
					t.Errorf("%+v", found)
				}
				return
			}
			if len(found) != 1 || found[0].Severity != c.want || found[0].About != "clock" || found[0].Hint == "" || !strings.Contains(found[0].Detail, "time sources agree") {
				t.Errorf("%+v", found)
			}
		})
	}
}

// TestClockMark: a mark far ahead of the clock is why nothing is stamped.
func TestClockMark(t *testing.T) {
	for ahead, want := range map[time.Duration]int{-time.Hour: 0, 2 * time.Second: 0, markAhead: 0, markAhead + time.Second: 1, 24 * time.Hour: 1} {
		d := storetest.NewMemory()
		err := d.Update(t.Context(), func(tx store.Tx) error { return store.ClockMarks.Put(tx, store.ClockMark{Until: noon.Add(ahead)}) })
		if err != nil {
			t.Fatal(err)
		}
		var found []Finding
		e := &examination{Patient: Patient{Store: d, Now: func() time.Time { return noon }}, report: func(f Finding) { found = append(found, f) }}
		if err := e.clock(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(found) != want || want == 1 && (found[0].Severity != Problem || found[0].About != "clock") {
			t.Errorf("%s ahead: %+v", ahead, found)
		}
	}
}
