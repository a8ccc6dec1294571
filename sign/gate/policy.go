package gate

// Policy is what the operator of the CA decides about the gate.
type Policy struct {
	// Quorum is how many operators must have reproduced a build: by
	// "<framework id>/<track>", then by level. A level that is not listed has the number
	// of the next lower one that is. Zero, and what is not listed at all: 2 at the
	// highest level of a track, 1 below it.
	Quorum map[string]map[int]int
}

// quorum returns how many operators a level of a track needs, at least 1.
func (p Policy) quorum(framework, track string, level, highest int) int {
	levels := p.Quorum[framework+"/"+track]
	for l := level; l > 0; l-- {
		if n := levels[l]; n > 0 {
			return n
		}
	}
	if level == highest {
		return 2
	}
	return 1
}
