package gate

import (
	"fmt"
	"slices"

	"github.com/hallmark-pki/hallmark/attest"
)

// sourceTwoPersonReviewed: SLSA v0.1, source.two-person-reviewed: "review attestation over the
// built commit/tree with >=2 distinct mapped persons"
// (https://slsa.dev/spec/v0.1/requirements#two-person-reviewed). Counted are persons and not keys:
// attestors of the scope who approved for themselves, and accounts that a review system of the
// scope names. An uploader is not counted, since no form says reliably who that was; two
// approvals are what CNCF's source.four-eyes asks anyway. A source summary does not do here: it
// may stand with exceptions for robots.
func sourceTwoPersonReviewed() rule {
	const enough = 2
	return rule{
		id:      "source.two-person-reviewed",
		source:  true,
		serves:  []string{"slsa-v0.1/source.two-person-reviewed", "cncf-sscp-v1/source.four-eyes"},
		satisfy: "publish approvals (gittuf reference authorization or pull request approval) of the built commit by two persons whom the scope names, or their review system",
		judge: func(e *exhibit) finding {
			return e.forEachRevision("approved by two persons", func(r revision) ([]string, string) {
				persons, digests, why := e.approvals(r)
				if len(persons) < enough {
					return nil, fmt.Sprintf("%d of %d persons approved: %s", len(persons), enough, why)
				}
				return digests, ""
			})
		},
	}
}

// approvals returns who approved a revision, each person once, and the statements that
// say so. Approvals signed by persons themselves and the accounts of each review system
// are counted apart, and the most is taken: one person may have a key and an account.
func (e *exhibit) approvals(r revision) (persons, digests []string, why string) {
	found, why := e.aboutRevision(r, attest.IsReview)
	type group struct{ persons, digests []string }
	groups := map[string]group{}
	add := func(name, person, digest string) {
		g := groups[name]
		if !slices.Contains(g.persons, person) {
			g.persons = append(g.persons, person)
		}
		if !slices.Contains(g.digests, digest) {
			g.digests = append(g.digests, digest)
		}
		groups[name] = g
		if len(g.persons) > len(persons) {
			persons, digests = g.persons, g.digests
		}
	}
	for _, t := range found {
		review := t.content.(attest.Review)
		if !e.onRef(r, review.TargetRef) {
			why = "the approval is for " + quote(review.TargetRef)
			continue
		}
		for _, i := range t.attestors {
			a := e.scope.Attestors[i]
			if review.Approvers == nil {
				add("", a.ID, t.digest)
			}
			for _, account := range review.Approvers {
				add(a.ID, account, t.digest)
			}
		}
	}
	return persons, digests, why
}
