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

// Work is counted in allocations, which do not depend on the machine: a path may make
// so many for any input, and so many more for each byte of it. The first is what a
// zlint run over a certificate and an RSA-8192 key's tests cost, with room.
const (
	mostAllocations = 60_000
	mostPerByte     = 40
)

// TestEverything: no panic, nothing accepted that must not be, bounded work.
func TestEverything(t *testing.T) {
	samples := gather(t)
	got := map[string]map[string]int{}
	for _, p := range paths(t) {
		answers := map[string]int{}
		pending := maps.Clone(p.expected)
		for _, s := range samples {
			answer, accepted, allocations := measured(p, s.raw)
			answers[answer]++
			if bound := uint64(mostAllocations + mostPerByte*len(s.raw)); allocations > bound {
				t.Errorf("%s, %s: %d allocations for %d bytes", p.name, s.name, allocations, len(s.raw))
			}
			_, expected := p.expected[s.name]
			delete(pending, s.name)
			if accepted && !expected && (p.may == nil || !p.may(s.raw)) {
				t.Errorf("%s: %s is accepted: %s", p.name, s.name, answer)
			}
			if expected && !accepted {
				t.Errorf("%s: %s is listed as accepted and is not: %s", p.name, s.name, answer)
			}
		}
		for name := range pending {
			t.Errorf("%s: %s is listed and not there", p.name, name)
		}
		got[p.name] = answers
	}
	compare(t, got)
}

func measured(p path, raw []byte) (answer string, accepted bool, allocations uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	answer, accepted = p.take(raw)
	runtime.ReadMemStats(&after)
	return answer, accepted, after.Mallocs - before.Mallocs
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
