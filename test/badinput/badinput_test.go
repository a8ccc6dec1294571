package badinput

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"runtime"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/answers.json")

// Work is counted in allocations, which do not depend on the machine: all paths together
// may make so many for any input, and so many more for each byte of it. The first is
// what zlint and an RSA-8192 key's tests cost, with room.
const (
	mostAllocations = 100_000
	mostPerByte     = 100
)

// TestEverything: no panic, nothing accepted that must not be, bounded work.
func TestEverything(t *testing.T) {
	samples, ways := Gather(t), paths(t)
	got, pending := map[string]map[string]int{}, map[string]map[string]string{}
	for _, p := range ways {
		got[p.name], pending[p.name] = map[string]int{}, maps.Clone(p.expected)
	}
	for _, s := range samples {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for _, p := range ways {
			answer, accepted := p.take(s.Raw)
			got[p.name][answer]++
			_, expected := p.expected[s.Name]
			delete(pending[p.name], s.Name)
			if accepted && !expected && (p.may == nil || !p.may(s.Raw)) {
				t.Errorf("%s: %s is accepted: %s", p.name, s.Name, answer)
			}
			if expected && !accepted {
				t.Errorf("%s: %s is listed as accepted and is not: %s", p.name, s.Name, answer)
			}
		}
		runtime.ReadMemStats(&after)
		if n := after.Mallocs - before.Mallocs; n > uint64(mostAllocations+mostPerByte*len(s.Raw)) {
			t.Errorf("%s: %d allocations for %d bytes", s.Name, n, len(s.Raw))
		}
	}
	for path, left := range pending {
		for name := range left {
			t.Errorf("%s: %s is listed and not there", path, name)
		}
	}
	compare(t, got)
}

func compare(t *testing.T, got map[string]map[string]int) {
	t.Helper()
	const file = "testdata/answers.json"
	if *update {
		text, err := json.MarshalIndent(got, "", "  ")
		if err == nil {
			err = os.WriteFile(file, append(text, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var want map[string]map[string]int
	readJSON(t, file, &want)
	for name := range got {
		if !maps.Equal(got[name], want[name]) {
			t.Errorf("%s answered %v, on record are %v; -update rewrites %s", name, got[name], want[name], file)
		}
	}
	if len(want) != len(got) {
		t.Errorf("%d paths, %d on record", len(got), len(want))
	}
}
