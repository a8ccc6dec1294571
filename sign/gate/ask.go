package gate

import (
	"slices"

	"github.com/hallmark-pki/hallmark/audit"
)

// asked is a rule that an assessment asks, and by which of its requirements.
type asked struct {
	rule
	requirements []string // "<framework id>/<requirement id>"
	level        int      // the lowest of theirs, 0 where none asks
	// otherwise is what becomes of a rule that does not pass: Fail, or Waived or Advised
	// where every requirement that asks is justified or recommended.
	otherwise Outcome
}

// ask derives from an assessment what one build must show: the basic rules, and those
// that serve a requirement at or below the level that builds can show. unserved are
// requirements that no rule serves.
func ask(a Assessed) (out []asked, unserved []audit.Requirement) {
	framework := a.Assessment.Framework.ID
	wanted := map[string]audit.Requirement{}
	for _, r := range a.Track.Requirements {
		if r.CheckablePerBuild && r.FromLevel <= a.Assessment.Level {
			wanted[framework+"/"+r.ID] = r
		}
	}
	justified := map[string]bool{}
	for _, f := range a.Assessment.Findings {
		justified[f.Requirement] = f.Status == audit.Justified
	}
	served := map[string]bool{}
	for _, r := range rules() {
		q := asked{rule: r, otherwise: Fail}
		var force []Outcome
		for _, name := range r.serves {
			requirement, ok := wanted[name]
			if !ok {
				continue
			}
			served[name] = true
			q.requirements = append(q.requirements, name)
			if q.level == 0 || requirement.FromLevel < q.level {
				q.level = requirement.FromLevel
			}
			force = append(force, forceOf(requirement, justified[requirement.ID]))
		}
		if !r.basic && len(force) > 0 && !slices.Contains(force, Fail) {
			q.otherwise = slices.Max(force) // "waived" rather than "advised"
		}
		if r.basic || len(force) > 0 {
			out = append(out, q)
		}
	}
	for _, r := range a.Track.Requirements {
		name := framework + "/" + r.ID
		if _, is := wanted[name]; is && !served[name] && forceOf(r, justified[r.ID]) == Fail {
			unserved = append(unserved, r)
		}
	}
	return out, unserved
}

// forceOf says what it means for a requirement that it is not shown.
func forceOf(r audit.Requirement, justified bool) Outcome {
	switch {
	case r.Obligation == audit.Recommended:
		return Advised
	case justified && r.Obligation == audit.UnlessJustified:
		return Waived
	}
	return Fail
}
