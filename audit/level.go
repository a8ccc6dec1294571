package audit

// Result is what findings amount to.
type Result struct {
	Level   int    // 0 when not even level 1 is met
	LevelID string // the framework's own token, "" for level 0
	// Missing holds, for every level above Level, all that stands between the
	// findings and that level: requirements of the levels below it included.
	Missing map[int][]Gap
}

// Gap is a requirement that keeps a level from being reached.
type Gap struct {
	Requirement Requirement
	Reason      GapReason
}

// GapReason says why a requirement does not count as met.
type GapReason string

// The reasons.
const (
	GapUnanswered     GapReason = "unanswered"      // there is no finding
	GapNotMet         GapReason = "not-met"         // the finding says so
	GapNotJustifiable GapReason = "not-justifiable" // justified, but the framework takes no justification here
)

// Compute gives the level that findings reach on this track. Findings for
// requirements of other tracks have no say; when a requirement has more than one
// finding, all of them must satisfy it.
func (t Track) Compute(findings []Finding) Result {
	statuses := make(map[string][]Status, len(findings))
	for _, f := range findings {
		statuses[f.Requirement] = append(statuses[f.Requirement], f.Status)
	}
	gaps := make([][]Gap, len(t.Levels)+1) // by from_level
	for _, r := range t.Requirements {
		if reason, ok := r.gap(statuses[r.ID]); ok {
			gaps[r.FromLevel] = append(gaps[r.FromLevel], Gap{r, reason})
		}
	}
	var missing []Gap
	result := Result{Missing: map[int][]Gap{}}
	for n := 1; n <= len(t.Levels); n++ {
		missing = append(missing, gaps[n]...)
		if len(missing) == 0 {
			result.Level, result.LevelID = n, t.LevelID(n)
			continue
		}
		result.Missing[n] = missing[:len(missing):len(missing)]
	}
	return result
}

// gap reports whether and why a requirement with these findings blocks its level.
func (r Requirement) gap(statuses []Status) (GapReason, bool) {
	if r.Obligation == Recommended {
		return "", false
	}
	if len(statuses) == 0 {
		return GapUnanswered, true
	}
	for _, s := range statuses {
		switch {
		case s == Met, s == Justified && r.Obligation == UnlessJustified:
		case s == Justified:
			return GapNotJustifiable, true
		case s == "":
			return GapUnanswered, true
		default:
			return GapNotMet, true
		}
	}
	return "", false
}

// Certifiable reports whether a certificate may claim this level: it must exist
// and have a requirement of its own. Level 0 says nothing, and a level that asks
// for nothing (CNCF "low") is met by anyone.
func (t Track) Certifiable(level int) bool {
	if level < 1 || level > len(t.Levels) {
		return false
	}
	for _, r := range t.Requirements {
		if r.FromLevel == level && r.Obligation != Recommended {
			return true
		}
	}
	return false
}
