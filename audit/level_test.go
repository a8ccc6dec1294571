package audit

import (
	"slices"
	"testing"
)

func allMet(track Track) []Finding {
	var findings []Finding
	for _, r := range track.Requirements {
		findings = append(findings, Finding{Requirement: r.ID, Status: Met})
	}
	return findings
}

// with returns findings with one answer changed; status "-" removes it.
func with(findings []Finding, requirement string, status Status) []Finding {
	out := slices.Clone(findings)
	i := slices.IndexFunc(out, func(f Finding) bool { return f.Requirement == requirement })
	if status == "-" {
		return slices.Delete(out, i, i+1)
	}
	out[i].Status = status
	return out
}

func eachTrack(t *testing.T, do func(t *testing.T, track Track)) {
	t.Helper()
	for _, f := range catalogue(t).All() {
		for _, track := range f.Tracks {
			t.Run(f.ID+"/"+track.ID, func(t *testing.T) { do(t, track) })
		}
	}
}

// Every requirement of every shipped track, taken away alone, by each way a finding
// can fall short: the level drops to just below its from_level and to nothing else.
func TestEachRequirementCounts(t *testing.T) {
	eachTrack(t, func(t *testing.T, track Track) {
		top := len(track.Levels)
		full := allMet(track)
		if r := track.Compute(full); r.Level != top || r.LevelID != track.Levels[top-1].ID || len(r.Missing) != 0 {
			t.Fatalf("everything met: %+v, want level %d", r, top)
		}
		for _, r := range track.Requirements {
			for status, reason := range map[Status]GapReason{"-": GapUnanswered, "": GapUnanswered, NotMet: GapNotMet, Justified: GapNotJustifiable, "other": GapNotMet} {
				blocks := r.Obligation != Recommended && !(status == Justified && r.Obligation == UnlessJustified)
				want := top
				if blocks {
					want = r.FromLevel - 1
				}
				got := track.Compute(with(full, r.ID, status))
				if got.Level != want || got.LevelID != track.LevelID(want) {
					t.Errorf("%s %q: level %d %q, want %d", r.ID, status, got.Level, got.LevelID, want)
				}
				if len(got.Missing) != top-want {
					t.Errorf("%s %q: gaps for %d levels, want %d", r.ID, status, len(got.Missing), top-want)
				}
				for n := want + 1; n <= top; n++ {
					if g := got.Missing[n]; len(g) != 1 || g[0].Requirement.ID != r.ID || g[0].Reason != reason {
						t.Errorf("%s %q: level %d lacks %+v", r.ID, status, n, g)
					}
				}
			}
		}
	})
}

// Meeting exactly the requirements up to a level reaches that level; what is missing
// for a level is the sum of what it and the levels between demand.
func TestEachLevelIsReached(t *testing.T) {
	eachTrack(t, func(t *testing.T, track Track) {
		for level := 0; level <= len(track.Levels); level++ {
			var findings []Finding
			missing := map[int]int{}
			for _, r := range track.Requirements {
				if r.FromLevel <= level {
					findings = append(findings, Finding{Requirement: r.ID, Status: Met})
					continue
				}
				for n := r.FromLevel; n <= len(track.Levels) && r.Obligation != Recommended; n++ {
					missing[n]++
				}
			}
			want := level
			for want < len(track.Levels) && missing[want+1] == 0 {
				want++ // a level that demands nothing, such as CNCF's low
			}
			got := track.Compute(findings)
			if got.Level != want {
				t.Errorf("requirements up to %d give level %d, want %d", level, got.Level, want)
			}
			for n, count := range missing {
				if len(got.Missing[n]) != count {
					t.Errorf("at level %d, %d gaps for level %d, want %d", got.Level, len(got.Missing[n]), n, count)
				}
			}
		}
	})
}

func TestComputeTakesTheWorstOfTwoFindings(t *testing.T) {
	f, _ := catalogue(t).Lookup("slsa-v0.1")
	track, _ := f.Track("slsa")
	findings := append(allMet(track), Finding{Requirement: "build.scripted-build", Status: NotMet})
	if got := track.Compute(findings); got.Level != 0 || got.LevelID != "" {
		t.Errorf("level %d", got.Level)
	}
	slices.Reverse(findings)
	if got := track.Compute(findings); got.Level != 0 {
		t.Errorf("in other order: level %d", got.Level)
	}
	if got := track.Compute(append(allMet(track), Finding{Requirement: "elsewhere", Status: NotMet})); got.Level != 4 {
		t.Errorf("a finding of another track counts: level %d", got.Level)
	}
}

func TestCertifiableLevels(t *testing.T) {
	want := map[string][]bool{
		"slsa": {false, true, true, true, true, false}, "build": {false, true, true, true, false},
		"source": {false, true, true, true, true, false}, "assurance": {false, false, true, true, false},
		"consumption": {false, true, true, true, true, false},
	}
	eachTrack(t, func(t *testing.T, track Track) {
		for level, ok := range want[track.ID] {
			if track.Certifiable(level) != ok {
				t.Errorf("level %d certifiable: %v", level, !ok)
			}
		}
		if len(want[track.ID]) == 0 {
			t.Error("no expectation")
		}
	})
}
