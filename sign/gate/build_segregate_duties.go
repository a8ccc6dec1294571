package gate

import "slices"

// buildSegregateDuties: CNCF, build.segregate-duties: "one link/provenance per step with distinct
// workers". Two steps, or a step and the build, are not by the same key.
func buildSegregateDuties() rule {
	return rule{
		id:      "build.segregate-duties",
		serves:  []string{"cncf-sscp-v1/build.segregate-duties"},
		satisfy: "have each step that the scope declares done and signed for by another worker",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			steps := e.steps()
			if len(steps) == 0 {
				return e.fail("the scope declares no steps")
			}
			links, why := e.stepLinks()
			taken := slices.Clone(e.signers)
			digests := []string{e.digest}
			for _, s := range steps {
				i := slices.IndexFunc(links[s], func(t testimony) bool {
					return !slices.ContainsFunc(t.keys, func(id string) bool { return slices.Contains(taken, id) })
				})
				if i < 0 {
					if len(links[s]) > 0 {
						why = "it is by the worker of another step"
					}
					return e.fail("no link of step " + quote(s) + " by a worker of its own: " + why)
				}
				taken, digests = append(taken, links[s][i].keys...), append(digests, links[s][i].digest)
			}
			return e.pass("each step has a worker of its own", digests...)
		},
	}
}
