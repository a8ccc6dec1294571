package gate

import (
	"slices"

	"github.com/hallmark-pki/hallmark/attest"
)

// Revisions returns the commits that provenance among the evidence claims to have built
// from, at most a few, where one of the assessments asks what happened to the source:
// statements about those are evidence too. Nothing has been verified: use it to look
// statements up.
func (g *Gate) Revisions(evidence [][]byte, assessed []Assessed) []string {
	rolls, _ := g.rolls.of(assessed)
	if !slices.ContainsFunc(rolls, func(r *roll) bool {
		return slices.ContainsFunc(r.asked, func(q asked) bool { return q.source })
	}) {
		return nil
	}
	var out []string
	for _, raw := range evidence {
		d := g.opener.read(raw)
		if d == nil || !attest.IsProvenance(d.Statement.PredicateType) {
			continue
		}
		p, err := attest.ParseProvenance(d.Statement)
		if err != nil {
			continue
		}
		for _, s := range p.Sources {
			if c := commitOf(s); c != "" && !slices.Contains(out, c) && len(out) < maxRevisions {
				out = append(out, c)
			}
		}
	}
	return out
}
